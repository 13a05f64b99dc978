//! What files and one or two system calls tell: the kernel, its settings, who asks.

use super::Check;
use common::sys;
use nix::unistd;
use std::fs;
use std::io::ErrorKind;

/// A setting's number; `None` if the kernel has no such setting.
pub fn sysctl(name: &str) -> Option<i64> {
    fs::read_to_string(format!("/proc/sys/{name}")).ok()?.trim().parse().ok()
}

/// A field of `/proc/self/status`.
pub fn status(field: &str) -> Option<String> {
    let text = fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

/// All of them.
pub fn checks() -> Vec<Check> {
    let all = [
        kernel(),
        proc_mounted(),
        caller(),
        no_new_privs(),
        seccomp(),
        landlock(),
        tiocsti(),
        ptrace(),
        mounts(),
        inside(),
    ];
    all.into_iter().flatten().collect()
}

fn kernel() -> Option<Check> {
    let uname = nix::sys::utsname::uname().ok()?;
    let release = uname.release().to_string_lossy().into_owned();
    let found = format!("Linux {release} on {}", uname.machine().to_string_lossy());
    if uname.machine() != "x86_64" {
        return Some(Check::fails("kernel", found, "sallyport runs on x86_64 only"));
    }
    Some(match sallyport::seccomp::oci::kernel_version(&release) {
        Some(version) if version < (5, 12) => {
            Check::fails("kernel", found, "Linux 5.12 or later is needed (mount_setattr)")
        }
        Some(version) if version < (6, 15) => Check::ok(
            "kernel",
            found
                + "; from 6.15 on a read-only view of the whole host needs no second mount tree, which is faster",
        ),
        Some(_) => Check::ok("kernel", found),
        None => Check::limited("kernel", found, "", "the version is not one that this program can read"),
    })
}

fn proc_mounted() -> Option<Check> {
    Some(match fs::read_link("/proc/self/exe") {
        Ok(_) => Check::ok("/proc", "mounted"),
        Err(error) => {
            Check::fails("/proc", error.to_string(), "mount proc on /proc: mount -t proc proc /proc")
        }
    })
}

fn caller() -> Option<Check> {
    let (real, effective) = (unistd::getuid(), unistd::geteuid());
    let caps = status("CapEff").unwrap_or_default();
    let found = format!("uid {real}, effective capabilities {caps}");
    Some(if real == effective {
        Check::ok("caller", found)
    } else {
        Check::fails(
            "caller",
            format!("{found}, effective uid {effective}"),
            "do not install this set-user-ID",
        )
    })
}

fn no_new_privs() -> Option<Check> {
    Some(if status("NoNewPrivs")? == "0" {
        Check::ok("no_new_privs", "not set yet")
    } else {
        Check::limited(
            "no_new_privs",
            "set already, by whoever started this",
            "--uid-map auto: newuidmap has no privileges then; set-user-ID programs are without effect in any case",
            "start from a shell that is not itself sandboxed",
        )
    })
}

fn seccomp() -> Option<Check> {
    let actions = fs::read_to_string("/proc/sys/kernel/seccomp/actions_avail");
    let actions = match actions {
        Ok(actions) => actions,
        // The kernel's settings are there, and this is not among them.
        Err(error)
            if error.kind() == ErrorKind::NotFound && fs::exists("/proc/sys/kernel").unwrap_or(false) =>
        {
            return Some(Check::limited(
                "seccomp",
                "the kernel has no seccomp filters",
                "--seccomp, --add-seccomp-fd",
                "a kernel with CONFIG_SECCOMP_FILTER",
            ));
        }
        Err(error) => format!("not known (/proc/sys/kernel/seccomp/actions_avail: {error})"),
    };
    let worn = status("Seccomp_filters").filter(|count| count != "0");
    let found = format!("actions: {}", actions.trim());
    Some(match worn {
        None => Check::ok("seccomp", found),
        Some(count) => Check::limited(
            "seccomp",
            format!("{found}; {count} filter(s) are worn already"),
            "whatever those filters refuse, in each sandbox too",
            "start from a process without a filter, or allow the calls of pipeline.md's tables",
        ),
    })
}

fn landlock() -> Option<Check> {
    // Nothing of sallyport's uses it; who combines the two wants to know.
    Some(match sys::landlock_abi() {
        Ok(abi) => Check::ok("landlock", format!("ABI {abi}")),
        Err(_) => Check::ok("landlock", "not there, and not needed"),
    })
}

fn tiocsti() -> Option<Check> {
    Some(if sysctl("dev/tty/legacy_tiocsti") == Some(0) {
        Check::ok("tiocsti", "dev.tty.legacy_tiocsti=0: nobody types into a terminal for others")
    } else {
        Check::limited(
            "tiocsti",
            "a command that shares the caller's terminal can type into it",
            "nothing; it is a way out of sandboxes that share the terminal",
            "sysctl dev.tty.legacy_tiocsti=0, or --new-session, or the filter no-tiocsti in each sandbox",
        )
    })
}

fn ptrace() -> Option<Check> {
    let found = |scope| format!("kernel.yama.ptrace_scope={scope}");
    Some(match sysctl("kernel/yama/ptrace_scope") {
        None => Check::ok("ptrace", "not restricted by Yama"),
        Some(scope @ (0 | 1)) => Check::ok("ptrace", found(scope)),
        Some(scope) => Check::limited(
            "ptrace",
            found(scope),
            "sallyport trace, debuggers in a sandbox",
            "sysctl kernel.yama.ptrace_scope=1",
        ),
    })
}

fn mounts() -> Option<Check> {
    let most = sysctl("fs/mount-max")?;
    let now = fs::read_to_string("/proc/self/mountinfo").ok()?.lines().count() as i64;
    let found = format!("{now} here, fs.mount-max={most}");
    // A recursive bind of the host copies all of them, next to those of the namespace itself.
    Some(if now.saturating_mul(2).saturating_add(1000) <= most {
        Check::ok("mounts", found)
    } else {
        Check::limited(
            "mounts",
            found,
            "recursive binds of / and long lists of binds (ENOSPC)",
            "raise fs.mount-max",
        )
    })
}

/// Whether this is a container or sandbox already, which explains much of what else is found.
fn inside() -> Option<Check> {
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let initial = map.split_whitespace().eq(["0", "0", "4294967295"]);
    let mut signs = Vec::new();
    if !initial {
        signs.push("a user namespace".to_owned());
    }
    for file in ["/.dockerenv", "/run/.containerenv"] {
        if fs::exists(file).unwrap_or(false) {
            signs.push(file.to_owned());
        }
    }
    signs.extend(std::env::var("container").ok().map(|name| format!("container={name}")));
    if status("NSpid").is_some_and(|pids| pids.split_whitespace().count() > 1) {
        signs.push("a PID namespace".to_owned());
    }
    Some(if signs.is_empty() {
        Check::ok("inside", "not in a container, as far as one can tell")
    } else {
        Check::ok("inside", format!("in a container or sandbox: {}", signs.join(", ")))
    })
}
