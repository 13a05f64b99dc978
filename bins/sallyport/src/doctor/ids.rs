//! Subordinate ids and cgroups: what others have to delegate to a user.

use super::{Check, probe};
use nix::errno::Errno;
use nix::sched::{CloneFlags, unshare};
use nix::unistd::{AccessFlags, Uid, User, access, getgid, getuid};
use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// All of them.
pub fn checks() -> Vec<Check> {
    vec![subordinate_ids(), cgroup()]
}

const BREAKS: &str = "--uid-map auto, --gid-map auto: several ids in a sandbox";

fn subordinate_ids() -> Check {
    let uid = getuid();
    if caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SETUID).unwrap_or(false) {
        return Check::ok("subordinate ids", "none needed: with CAP_SETUID any map can be written");
    }
    let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let name = user.clone().unwrap_or_else(|| uid.to_string());
    let ranges = ["/etc/subuid", "/etc/subgid"].map(|file| range(file, uid, user.as_deref()));
    let [Some(uids), Some(gids)] = ranges else {
        return Check::limited(
            "subordinate ids",
            format!("no line for {name} in /etc/subuid and /etc/subgid"),
            BREAKS,
            format!("usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {name}"),
        );
    };
    let missing: Vec<&str> =
        ["newuidmap", "newgidmap"].into_iter().filter(|program| in_path(program).is_none()).collect();
    if !missing.is_empty() {
        let found = format!("{} not found", missing.join(", "));
        return Check::limited(
            "subordinate ids",
            found,
            BREAKS,
            "install uidmap (Debian) or shadow-utils (Fedora)",
        );
    }
    let found = format!("uids {}+{}, gids {}+{}", uids.0, uids.1, gids.0, gids.1);
    match try_mapping(uids, gids) {
        Ok(()) => Check::ok("subordinate ids", format!("{found}, mapped for a try")),
        Err(why) => Check::limited(
            "subordinate ids",
            format!("{found}, but {why}"),
            BREAKS,
            "newuidmap and newgidmap have to be set-user-ID root or have cap_setuid, cap_setgid as file capabilities, \
             on a file system that is not nosuid, and the caller must not have no_new_privs",
        ),
    }
}

/// The first range of `uid` in a file such as /etc/subuid: where it starts, how many.
fn range(file: &str, uid: Uid, name: Option<&str>) -> Option<(u32, u32)> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| {
        let mut parts = line.split(':');
        let owner = parts.next()?;
        let owned = Some(owner) == name || owner == uid.to_string();
        let (start, count) = (parts.next()?.trim().parse().ok()?, parts.next()?.trim().parse().ok()?);
        (owned && count > 0).then_some((start, count))
    })
}

/// The program's file, found as a shell would.
pub fn in_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| {
        fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Really maps them, for a child that then ends.
fn try_mapping(uids: (u32, u32), gids: (u32, u32)) -> Result<(), String> {
    let mut command = probe::command(&["wait"]);
    let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = child.map_err(|error| error.to_string())?;
    let mut ready = [0];
    let made = child.stdout.take().is_some_and(|mut out| out.read_exact(&mut ready).is_ok());
    let pid = child.id().to_string();
    let map = |program: &str, own: u32, (start, count): (u32, u32)| {
        let words =
            ["0", &own.to_string(), "1", "1", &start.to_string(), &count.to_string()].map(str::to_owned);
        let output = Command::new(program).arg(&pid).args(words).stdin(Stdio::inherit()).output();
        match output {
            Ok(output) if output.status.success() => Ok(()),
            Ok(output) => {
                let words = String::from_utf8_lossy(&output.stderr);
                Err(format!("{program} refuses: {}", words.lines().next().unwrap_or("no word why")))
            }
            Err(error) => Err(format!("{program}: {error}")),
        }
    };
    let result = if made {
        map("newuidmap", getuid().as_raw(), uids).and_then(|()| map("newgidmap", getgid().as_raw(), gids))
    } else {
        Err("no user namespace can be made".to_owned())
    };
    // Its standard input ends, and with it the child.
    drop(child.stdin.take());
    let _ = child.wait();
    result
}

/// The child of that: in a user namespace, until standard input ends.
pub fn wait_inside() -> nix::Result<()> {
    unshare(CloneFlags::CLONE_NEWUSER)?;
    let failed = |error: io::Error| Errno::from_raw(error.raw_os_error().unwrap_or(Errno::EIO as i32));
    let mut out = io::stdout();
    out.write_all(b"!").and_then(|()| out.flush()).map_err(failed)?;
    io::stdin().read_to_end(&mut Vec::new()).map(drop).map_err(failed)
}

fn cgroup() -> Check {
    const BREAKS: &str = "--cgroup, --limit";
    let fix =
        "systemd-run --user --scope -p Delegate=yes COMMAND starts COMMAND in a cgroup of the user's own";
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let Some(own) = own.lines().find_map(|line| line.strip_prefix("0::")) else {
        return Check::limited(
            "cgroup",
            "no cgroup v2 hierarchy",
            BREAKS,
            "boot with systemd.unified_cgroup_hierarchy=1",
        );
    };
    let Some(mounted) = cgroup2() else {
        return Check::limited(
            "cgroup",
            "cgroup2 is mounted nowhere",
            BREAKS,
            "mount -t cgroup2 cgroup2 /sys/fs/cgroup",
        );
    };
    let dir = mounted.join(own.trim_start_matches('/'));
    let writable = ["", "cgroup.procs", "cgroup.subtree_control"]
        .iter()
        .all(|file| access(&dir.join(file), AccessFlags::W_OK).is_ok());
    let controllers = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
    let controllers = controllers.trim();
    if !writable {
        let found = format!("{} is not the caller's to write", dir.display());
        return Check::limited("cgroup", found, BREAKS, fix);
    }
    let missing: Vec<&str> = ["memory", "pids", "cpu"]
        .into_iter()
        .filter(|name| !controllers.split(' ').any(|controller| controller == *name))
        .collect();
    let found = format!("{} is the caller's, controllers: {controllers}", dir.display());
    if missing.is_empty() {
        return Check::ok("cgroup", found);
    }
    let breaks = format!("--limit of {}", missing.join(", "));
    Check::limited("cgroup", found, breaks, "the cgroup above has to list them in cgroup.subtree_control")
}

/// Where cgroup2 is mounted.
fn cgroup2() -> Option<PathBuf> {
    let text = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = text
        .lines()
        .find(|line| line.split(" - ").nth(1).is_some_and(|rest| rest.starts_with("cgroup2 ")))?;
    Some(Path::new(line.split(' ').nth(4)?).to_path_buf())
}
