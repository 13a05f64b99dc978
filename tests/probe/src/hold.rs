//! Makes namespaces and keeps them alive while a test takes descriptors of them.
use crate::sys::{call, errno_text, nr, write_all};
use std::io::Read;

/// Unshares each group of names in turn (`user,pid` together, `user` then `user` for a nested one), says "ready" and
/// waits for the end of standard input. Each user namespace maps the id of the level above to `args[0]`. A new pid
/// namespace gets a first process, which also waits.
pub fn hold(args: &[&str]) -> i32 {
    let Some((inside, groups)) = args.split_first() else { return 2 };
    let mut has_pid = false;
    let mut uid = call(102, 0, 0, 0, 0, 0).unwrap_or(0);
    let mut stdin = std::io::stdin();
    for group in groups {
        let mut flags = 0_u64;
        for name in group.split(',') {
            flags |= match name {
                "user" => 0x1000_0000,
                "pid" => 0x2000_0000,
                "net" => 0x4000_0000,
                "ipc" => 0x0800_0000,
                "uts" => 0x0400_0000,
                "mnt" => 0x0002_0000,
                "cgroup" => 0x0200_0000,
                "time" => 0x80,
                _ => 0,
            };
            has_pid |= name == "pid";
        }
        if let Err(number) = call(nr::UNSHARE, flags, 0, 0, 0, 0) {
            write_all(1, format!("unshare {group}: {}\n", errno_text(number)).as_bytes());
            return 1;
        }
        if flags & 0x1000_0000 != 0 {
            // A process may map its own id, which is all that is needed, and is in the right namespace for it.
            let written = std::fs::write("/proc/self/setgroups", "deny")
                .and_then(|()| std::fs::write("/proc/self/uid_map", format!("{inside} {uid} 1\n")))
                .and_then(|()| std::fs::write("/proc/self/gid_map", format!("{inside} {uid} 1\n")));
            if let Err(error) = written {
                write_all(1, format!("map of {group}: {error}\n").as_bytes());
                return 1;
            }
            uid = inside.parse().unwrap_or(0);
        }
    }
    if has_pid {
        match call(nr::FORK, 0, 0, 0, 0, 0) {
            Ok(0) => {
                while stdin.read(&mut [0; 1]).unwrap_or(0) > 0 {}
                let _ = call(nr::EXIT_GROUP, 0, 0, 0, 0, 0);
            }
            Ok(_) => {}
            Err(number) => {
                write_all(1, format!("fork: {}\n", errno_text(number)).as_bytes());
                return 1;
            }
        }
    }
    write_all(1, b"ready\n");
    while stdin.read(&mut [0; 1]).unwrap_or(0) > 0 {}
    0
}
