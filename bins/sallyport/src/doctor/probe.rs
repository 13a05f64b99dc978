//! What is tried: namespaces, and mounts inside them, each in a child that is this program again.

use super::Check;
use super::host::{status, sysctl};
use nix::errno::Errno;
use nix::mount::{MsFlags, mount};
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{getgid, getuid};
use std::fs;
use std::process::{Command, ExitCode, Stdio};

/// Exit status of a probe: done; else this and the errno.
const DONE: u8 = 0;

/// `CLONE_NEWTIME`, which nix has no name for.
const NEWTIME: CloneFlags = CloneFlags::from_bits_retain(0x80);

/// Namespaces by their names in `/proc/PID/ns`.
const NAMESPACES: [(&str, CloneFlags, &str); 7] = [
    ("mnt", CloneFlags::CLONE_NEWNS, "every launch"),
    ("pid", CloneFlags::CLONE_NEWPID, "--unshare-pid, --unshare-all"),
    ("net", CloneFlags::CLONE_NEWNET, "--unshare-net, --unshare-all"),
    ("ipc", CloneFlags::CLONE_NEWIPC, "--unshare-ipc, --unshare-all"),
    ("uts", CloneFlags::CLONE_NEWUTS, "--unshare-uts, --hostname"),
    ("cgroup", CloneFlags::CLONE_NEWCGROUP, "--unshare-cgroup"),
    ("time", NEWTIME, "--unshare-time, --monotonic, --boottime"),
];

/// Mounts that an ordinary user can make in namespaces of his own.
const MOUNTS: [(&str, &str, &str, &str); 5] = [
    (
        "tmpfs",
        "tmpfs",
        "every launch that does not begin with a bind of / on /",
        "the LSM's log says what it refused",
    ),
    (
        "proc",
        "proc",
        "--proc (with --unshare-pid)",
        "the host's /proc must not be covered by other mounts: start outside the container, or give it an uncovered \
         /proc (podman: --security-opt unmask=ALL; docker: --security-opt systempaths=unconfined)",
    ),
    ("mqueue", "mqueue", "--mqueue", "a kernel with CONFIG_POSIX_MQUEUE"),
    (
        "sysfs",
        "sysfs",
        "--sys mounts a fresh one; it becomes a read-only bind of the host's",
        "the host's /sys must not be covered by other mounts",
    ),
    (
        "overlay",
        "overlay",
        "--overlay, --tmp-overlay, --ro-overlay",
        "Linux 5.11 or later with the overlay module loaded: modprobe overlay",
    ),
];

/// Runs a probe, in the child.
pub fn run(what: &str, more: &[String]) -> ExitCode {
    let done = match what {
        "namespace" => more.first().map_or(Err(Errno::EINVAL), |name| namespace(name)),
        "mount" => more.first().map_or(Err(Errno::EINVAL), |kind| mount_inside(kind)),
        "mount-here" => more.first().map_or(Err(Errno::EINVAL), |kind| mount_here(kind)),
        "wait" => super::ids::wait_inside(),
        _ => Err(Errno::EINVAL),
    };
    ExitCode::from(done.map_or_else(|errno| u8::try_from(errno as i32).unwrap_or(u8::MAX), |()| DONE))
}

/// This program again, as a probe.
pub fn command(words: &[&str]) -> Command {
    let mut command = Command::new("/proc/self/exe");
    // Inherited rather than null: a chroot may have no /dev/null. Probes read and write nothing.
    command.args(["doctor", "--probe"]).args(words).stdin(Stdio::inherit());
    command
}

/// What a probe came to.
fn ask(words: &[&str]) -> Result<(), String> {
    match command(words).status() {
        Err(error) => Err(format!("cannot be tried: {error}")),
        Ok(status) => match status.code() {
            Some(0) => Ok(()),
            Some(errno) => Err(Errno::from_raw(errno).desc().to_owned()),
            None => Err(format!("the kernel ended the attempt ({status})")),
        },
    }
}

/// A user namespace with the caller as its root, who stays so over an exec.
fn user_namespace() -> nix::Result<()> {
    let (uid, gid) = (getuid(), getgid());
    unshare(CloneFlags::CLONE_NEWUSER)?;
    for (file, text) in [
        ("setgroups", "deny".to_owned()),
        ("uid_map", format!("0 {uid} 1")),
        ("gid_map", format!("0 {gid} 1")),
    ] {
        let written = fs::write(format!("/proc/self/{file}"), text);
        written.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)))?;
    }
    Ok(())
}

fn namespace(name: &str) -> nix::Result<()> {
    user_namespace()?;
    match NAMESPACES.iter().find(|(known, ..)| *known == name) {
        Some((_, flag, _)) => unshare(*flag),
        None => Ok(()),
    }
}

/// The namespace whose owner may make this mount, beside the mount namespace. No other is made for it: what keeps the
/// host from having that one would be taken for what keeps it from this mount.
fn namespace_of(kind: &str) -> Option<&'static str> {
    match kind {
        "proc" => Some("pid"),
        "mqueue" => Some("ipc"),
        "sysfs" => Some("net"),
        _ => None,
    }
}

/// Makes namespaces, and goes on in a child: the first one of a PID namespace.
fn mount_inside(kind: &str) -> nix::Result<()> {
    user_namespace()?;
    let mut flags = CloneFlags::CLONE_NEWNS;
    if let Some(name) = namespace_of(kind) {
        flags |= NAMESPACES.iter().filter(|(known, ..)| *known == name).map(|(_, flag, _)| *flag).collect();
    }
    unshare(flags)?;
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none)?;
    match command(&["mount-here", kind]).status() {
        Ok(status) => match status.code() {
            Some(0) => Ok(()),
            Some(errno) => Err(Errno::from_raw(errno)),
            None => Err(Errno::EINTR),
        },
        Err(error) => Err(Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32))),
    }
}

/// Mounts over `/proc`, which is there and whose content nobody misses in this namespace.
fn mount_here(kind: &str) -> nix::Result<()> {
    let none: Option<&str> = None;
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    if kind != "overlay" {
        return mount(Some(kind), "/proc", Some(kind), flags, none);
    }
    mount(Some("tmpfs"), "/proc", Some("tmpfs"), flags, none)?;
    for dir in ["lower", "upper", "work", "merged"] {
        let made = fs::create_dir(format!("/proc/{dir}"));
        made.map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32)))?;
    }
    let options = "lowerdir=/proc/lower,upperdir=/proc/upper,workdir=/proc/work,userxattr";
    mount(Some("overlay"), "/proc/merged", Some("overlay"), flags, Some(options))
}

/// All of them.
pub fn checks() -> Vec<Check> {
    let user = match ask(&["namespace", "user"]) {
        Ok(()) => Check::ok("user namespaces", "can be made"),
        Err(found) => {
            let (why, fix) = reason(&found);
            let found = if why.is_empty() { found } else { format!("{found}: {why}") };
            return vec![if nix::unistd::geteuid().is_root() {
                // Not --unshare-all, which is --unshare-user-try: root goes on without where the host says that it has
                // none, and what comes of it elsewhere the launch tells, which tries it.
                Check::limited("user namespaces", found, "--unshare-user, --uid-map", fix)
            } else {
                Check::fails("user namespaces", found, fix)
            }];
        }
    };
    let mut checks = vec![user];
    let namespaces = NAMESPACES.iter().map(|(name, _, breaks)| match ask(&["namespace", name]) {
        Ok(()) => Ok(*name),
        Err(found) => Err(restricted(namespace_check(name), found, breaks)),
    });
    let (made, not): (Vec<_>, Vec<_>) = namespaces.partition(Result::is_ok);
    let made: Vec<&str> = made.into_iter().filter_map(Result::ok).collect();
    checks.push(Check::ok("namespaces", format!("can be made: {}", made.join(", "))));
    checks.extend(not.into_iter().filter_map(Result::err));
    for (name, kind, breaks, fix) in MOUNTS {
        let needed = namespace_of(kind).filter(|needed| !made.contains(needed));
        checks.push(match ask(&["mount", kind]) {
            Ok(()) => Check::ok(mount_check(name), "can be mounted"),
            Err(found) if needed.is_some() => Check::limited(
                mount_check(name),
                format!("{found}: it takes a {}", namespace_check(needed.unwrap_or_default())),
                breaks,
                "that of the namespace, above",
            ),
            Err(found) => Check::limited(mount_check(name), found, breaks, fix),
        });
    }
    checks
}

fn namespace_check(name: &str) -> &'static str {
    match name {
        "mnt" => "mount namespace",
        "pid" => "PID namespace",
        "net" => "network namespace",
        "ipc" => "IPC namespace",
        "uts" => "UTS namespace",
        "time" => "time namespace",
        _ => "cgroup namespace",
    }
}

fn mount_check(name: &str) -> &'static str {
    match name {
        "tmpfs" => "tmpfs",
        "proc" => "proc mount",
        "mqueue" => "mqueue",
        "sysfs" => "sysfs",
        _ => "overlay",
    }
}

/// A namespace that cannot be made though a user namespace can.
fn restricted(name: &'static str, found: String, breaks: &str) -> Check {
    let limit = match name {
        "mount namespace" => "mnt",
        "PID namespace" => "pid",
        "network namespace" => "net",
        "IPC namespace" => "ipc",
        "UTS namespace" => "uts",
        "time namespace" => "time",
        _ => "cgroup",
    };
    let setting = format!("user/max_{limit}_namespaces");
    let fix = match sysctl(&setting) {
        None => "a kernel with this kind of namespace".to_owned(),
        Some(0) => format!("sysctl user.max_{limit}_namespaces=10000"),
        Some(_) if sysctl("kernel/apparmor_restrict_unprivileged_userns") == Some(1) => apparmor_fix(),
        Some(most) => {
            format!("user.max_{limit}_namespaces is {most}: too many in use, or an LSM's or filter's doing")
        }
    };
    if name == "mount namespace" {
        return Check::fails(name, found, fix);
    }
    Check::limited(name, found, breaks, fix)
}

fn apparmor_fix() -> String {
    "an AppArmor profile for bwrap with `userns,`, or sysctl kernel.apparmor_restrict_unprivileged_userns=0"
        .into()
}

/// Why no user namespace can be made, as far as settings show it; and what to do.
fn reason(found: &str) -> (String, String) {
    let is = |name, value| sysctl(name) == Some(value);
    if is("user/max_user_namespaces", 0) {
        return (
            "user.max_user_namespaces=0".into(),
            "sysctl user.max_user_namespaces=10000 (inside a container or sandbox: in the one around it)"
                .into(),
        );
    }
    if is("kernel/unprivileged_userns_clone", 0) {
        return (
            "kernel.unprivileged_userns_clone=0".into(),
            "sysctl kernel.unprivileged_userns_clone=1".into(),
        );
    }
    if is("kernel/apparmor_restrict_unprivileged_userns", 1) {
        return ("kernel.apparmor_restrict_unprivileged_userns=1".into(), apparmor_fix());
    }
    if fs::read_to_string("/sys/fs/selinux/booleans/user_namespaces").is_ok_and(|text| text.starts_with('0'))
        || fs::read_to_string("/sys/fs/selinux/enforce").is_ok_and(|text| text.trim() == "1")
    {
        return (
            "SELinux enforces".into(),
            "ausearch -m AVC says what was refused: a policy has to allow it".into(),
        );
    }
    if status("Seccomp").is_some_and(|mode| mode != "0") {
        return (
            "a seccomp filter is worn, which may be it".into(),
            "start from a process without a filter (docker: --security-opt seccomp=unconfined)".into(),
        );
    }
    if found == Errno::EPERM.desc() {
        return (
            "nothing that can be seen forbids it; a chroot does, and LSMs may".into(),
            "start outside the chroot: the kernel refuses them where / is not the root of the mount namespace; else \
             look into the LSM's log"
                .into(),
        );
    }
    (String::new(), "a kernel with CONFIG_USER_NS; fewer levels of nesting (32 are the most)".into())
}
