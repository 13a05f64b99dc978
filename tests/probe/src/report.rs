//! What a process can learn about itself.
use crate::sys::{self, address, call, cstring, errno_text, nr, prctl, shown};
use std::collections::BTreeMap;
use std::fs;

const SECTIONS: [&str; 14] = [
    "args", "ids", "caps", "flags", "ns", "hostname", "cwd", "env", "signals", "fds", "limits", "session",
    "root", "mounts",
];

/// The text of one named section, or of all for `report`.
pub fn section(name: &str, words: &[String], rest: &[&str]) -> Option<String> {
    Some(match name {
        "report" => SECTIONS.iter().filter_map(|part| section(part, words, rest)).collect(),
        "args" => args(words),
        "ids" => ids(),
        "caps" => caps(),
        "flags" => flags(),
        "ns" => namespaces(rest),
        "hostname" => hostname(),
        "cwd" => cwd(),
        "env" => env(),
        "signals" => signals(),
        "fds" => fds(),
        "limits" => limits(),
        "session" => session(),
        "root" => root(),
        "mounts" => crate::mounts::mounts("/proc/self/mountinfo"),
        _ => return None,
    })
}

fn read_line(path: &str) -> String {
    fs::read_to_string(path).map_or_else(|error| error.to_string(), |text| text.trim_end().to_owned())
}

fn args(words: &[String]) -> String {
    format!("argv0 {}\ncomm {}\n", words.first().map_or("", String::as_str), read_line("/proc/self/comm"))
}

fn ids() -> String {
    let (mut uid, mut gid, mut groups) = ([0_u32; 3], [0_u32; 3], [0_u32; 1024]);
    let at = |array: &mut [u32; 3], i: usize| address(&mut array[i]);
    let _ = call(nr::GETRESUID, at(&mut uid, 0), at(&mut uid, 1), at(&mut uid, 2), 0, 0);
    let _ = call(nr::GETRESGID, at(&mut gid, 0), at(&mut gid, 1), at(&mut gid, 2), 0, 0);
    let count = call(nr::GETGROUPS, groups.len() as u64, address(&mut groups), 0, 0, 0).unwrap_or(0);
    let groups = &groups[..count as usize];
    let map = |name: &str| {
        read_line(&format!("/proc/self/{name}")).split_whitespace().collect::<Vec<_>>().join(" ")
    };
    format!(
        "uid real,effective,saved {uid:?}\ngid real,effective,saved {gid:?}\ngroups {groups:?}\nuid_map {}\ngid_map {}\nsetgroups {}\n",
        map("uid_map"),
        map("gid_map"),
        map("setgroups")
    )
}

fn caps() -> String {
    let mut header = [0x2008_0522_u32, 0];
    let mut data = [0_u32; 6];
    let _ = call(nr::CAPGET, address(&mut header), address(&mut data), 0, 0, 0);
    let set = |i: usize| u64::from(data[i]) | u64::from(data[i + 3]) << 32;
    let (mut bounding, mut ambient) = (0_u64, 0_u64);
    for cap in 0..64 {
        if prctl(23, cap, 0) == Ok(1) {
            bounding |= 1 << cap;
        }
        if prctl(47, 1, cap) == Ok(1) {
            ambient |= 1 << cap;
        }
    }
    format!(
        "cap effective {:016x}\ncap permitted {:016x}\ncap inheritable {:016x}\ncap bounding {bounding:016x}\ncap ambient {ambient:016x}\n",
        set(0),
        set(1),
        set(2)
    )
}

fn flags() -> String {
    let mut death = 0_i32;
    let mut reaper = 0_i32;
    let _ = prctl(2, address(&mut death), 0);
    let _ = prctl(37, address(&mut reaper), 0);
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let filters = status.lines().find_map(|l| l.strip_prefix("Seccomp_filters:")).map_or("?", str::trim);
    let mask = call(nr::UMASK, 0o777, 0, 0, 0, 0).unwrap_or(0);
    let _ = call(nr::UMASK, mask as u64, 0, 0, 0, 0);
    format!(
        "no_new_privs {}\nseccomp {} filters {filters}\ndumpable {}\nsecurebits {}\nkeepcaps {}\npdeathsig {death}\nsubreaper {reaper}\npersonality {}\ntimerslack {}\nthp_disable {}\numask {mask:04o}\nnice {}\noom_score_adj {}\n",
        shown(prctl(39, 0, 0)),
        shown(prctl(21, 0, 0)),
        shown(prctl(3, 0, 0)),
        shown(prctl(27, 0, 0)),
        shown(prctl(7, 0, 0)),
        shown(call(nr::PERSONALITY, 0xffff_ffff, 0, 0, 0, 0)),
        shown(prctl(30, 0, 0)),
        shown(prctl(42, 0, 0)),
        shown(call(nr::GETPRIORITY, 0, 0, 0, 0, 0)),
        read_line("/proc/self/oom_score_adj"),
    )
}

fn namespaces(rest: &[&str]) -> String {
    let known: BTreeMap<&str, &str> = rest
        .iter()
        .filter_map(|word| word.strip_prefix("ns="))
        .flat_map(|list| list.split(','))
        .filter_map(|pair| pair.split_once(':'))
        .collect();
    let mut out = String::new();
    for name in ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"] {
        let relation = match fs::read_link(format!("/proc/self/ns/{name}")) {
            Err(error) => error.to_string(),
            Ok(target) => {
                let text = target.display().to_string();
                let inode = text.split(['[', ']']).nth(1).unwrap_or("").to_owned();
                match known.get(name) {
                    Some(outside) if *outside == inode => "same".to_owned(),
                    Some(_) => "different".to_owned(),
                    None => "unknown outside".to_owned(),
                }
            }
        };
        out.push_str(&format!("ns {name} {relation}\n"));
    }
    out
}

/// Whose keys this process may use: what keyctl(KEYCTL_DESCRIBE) says of its session keyring.
pub fn keyring() -> String {
    const SESSION_KEYRING: i64 = -3;
    let mut text = [0_u8; 256];
    let said = call(nr::KEYCTL, 6, SESSION_KEYRING as u64, address(&mut text), text.len() as u64, 0);
    let shown = match said {
        Ok(length) => String::from_utf8_lossy(&text[..(length as usize).saturating_sub(1)]).into_owned(),
        Err(errno) => errno_text(errno),
    };
    format!("session keyring {shown}\n")
}

fn hostname() -> String {
    format!("hostname {}\n", read_line("/proc/sys/kernel/hostname"))
}

fn cwd() -> String {
    let link = fs::read_link("/proc/self/cwd").map_or_else(|e| e.to_string(), |p| p.display().to_string());
    match std::env::current_dir() {
        Ok(path) => format!("cwd {} link {link}\n", path.display()),
        Err(error) => format!("cwd {error} link {link}\n"),
    }
}

/// The environment in its own order: the order is observable too.
fn env() -> String {
    unsafe extern "C" {
        static environ: *const *const std::ffi::c_char;
    }
    let mut out = String::new();
    // SAFETY: environ is a NULL-ended array of NUL-ended strings that this single-threaded program does not change.
    unsafe {
        let mut at = environ;
        while !at.is_null() && !(*at).is_null() {
            out.push_str(&format!("env {}\n", std::ffi::CStr::from_ptr(*at).to_string_lossy()));
            at = at.add(1);
        }
    }
    out
}

fn signals() -> String {
    let mut mask = 0_u64;
    let _ = call(nr::RT_SIGPROCMASK, 0, 0, address(&mut mask), 8, 0);
    let (mut ignored, mut caught) = (0_u64, 0_u64);
    for signal in 1..=64_u64 {
        let mut action = [0_u64; 4];
        if call(nr::RT_SIGACTION, signal, 0, address(&mut action), 8, 0).is_ok() {
            match action[0] {
                0 => {}
                1 => ignored |= 1 << (signal - 1),
                _ => caught |= 1 << (signal - 1),
            }
        }
    }
    format!("signals blocked {mask:016x} ignored {ignored:016x} caught {caught:016x}\n")
}

/// Open descriptors by number: found without /proc, described with it.
fn fds() -> String {
    let mut out = String::new();
    for fd in 0..1024_u64 {
        let Ok(cloexec) = call(nr::FCNTL, fd, 1, 0, 0, 0) else { continue };
        let flags = call(nr::FCNTL, fd, 3, 0, 0, 0).unwrap_or(0);
        let mut stat = [0_u64; 18];
        let _ = call(nr::FSTAT, fd, address(&mut stat), 0, 0, 0);
        let kind = match stat[3] & 0o170_000 {
            0o010_000 => "fifo",
            0o020_000 => "chr",
            0o040_000 => "dir",
            0o060_000 => "blk",
            0o100_000 => "file",
            0o120_000 => "link",
            0o140_000 => "sock",
            _ => "anon",
        };
        let name = match fs::read_link(format!("/proc/self/fd/{fd}")) {
            Ok(target) => {
                let text = target.display().to_string();
                match text.split_once(":[") {
                    Some((head, tail)) if tail.trim_end_matches(']').chars().all(|c| c.is_ascii_digit()) => {
                        head.to_owned()
                    }
                    _ => text,
                }
            }
            Err(_) => "?".to_owned(),
        };
        let access = match flags & 3 {
            _ if flags & 0o10_000_000 != 0 => "path",
            0 => "r",
            1 => "w",
            _ => "rw",
        };
        let cloexec = if cloexec & 1 == 1 { " cloexec" } else { "" };
        let nonblock = if flags & 0o4000 != 0 { " nonblock" } else { "" };
        out.push_str(&format!("fd {fd} {kind} {access}{cloexec}{nonblock} {name}\n"));
    }
    out
}

fn limits() -> String {
    let mut out = String::new();
    for resource in 0..16_u64 {
        let mut limit = [0_u64; 2];
        if call(nr::PRLIMIT64, 0, resource, 0, address(&mut limit), 0).is_ok() {
            let text = |n: u64| if n == u64::MAX { "unlimited".to_owned() } else { n.to_string() };
            out.push_str(&format!("rlimit {resource} {} {}\n", text(limit[0]), text(limit[1])));
        }
    }
    out
}

/// Pids as numbers inside a pid namespace, where they are small; as relations outside.
fn session() -> String {
    let get = |number| call(number, 0, 0, 0, 0, 0).unwrap_or(-1);
    let (pid, ppid, pgid, sid) = (get(nr::GETPID), get(nr::GETPPID), get(nr::GETPGRP), get(nr::GETSID));
    let name = |n: i64| match n {
        0 => "0".to_owned(),
        n if n == pid => "self".to_owned(),
        n if n == ppid => "parent".to_owned(),
        n if n <= 50 => n.to_string(),
        _ => "other".to_owned(),
    };
    let number = |n: i64| if n <= 50 { n.to_string() } else { "outside a pid namespace".to_owned() };
    let path = cstring("/dev/tty");
    let tty = match call(2, path.as_ptr() as u64, 0o400 | 2, 0, 0, 0) {
        Err(number) => errno_text(number),
        Ok(fd) => {
            let mut group = 0_i32;
            let own = call(nr::IOCTL, fd as u64, 0x540f, address(&mut group), 0, 0);
            let _ = call(nr::CLOSE, fd as u64, 0, 0, 0, 0);
            format!("yes, foreground group {}", own.map_or_else(errno_text, |_| name(i64::from(group))))
        }
    };
    format!(
        "pid {}\nppid {}\npgid {}\nsid {}\ncontrolling tty {tty}\n",
        number(pid),
        number(ppid),
        name(pgid),
        name(sid)
    )
}

/// Whether "/.." leads to the same mount as "/": it must, or the host's tree shows behind the root.
fn root() -> String {
    let id = |path: &str| {
        let name = cstring(path);
        let mut buffer = [0_u64; 32];
        // AT_FDCWD, no flags, STATX_BASIC_STATS | STATX_MNT_ID; the id is at byte 144.
        match call(nr::STATX, -100_i64 as u64, name.as_ptr() as u64, 0, 0x17ff, address(&mut buffer)) {
            Ok(_) => Ok((buffer[18], buffer[4])),
            Err(number) => Err(number),
        }
    };
    match (id("/"), id("/..")) {
        (Ok(a), Ok(b)) => {
            format!("root and /..: {}\n", if a == b { "same mount and inode" } else { "DIFFERENT" })
        }
        (a, b) => format!("root and /..: {a:?} {b:?}\n"),
    }
}

/// Ends this process by a signal with its default action.
pub fn kill_self(signal: u64) -> i32 {
    let mut default = [0_u64; 4];
    let _ = call(nr::RT_SIGACTION, signal, address(&mut default), 0, 8, 0);
    let pid = call(nr::GETPID, 0, 0, 0, 0, 0).unwrap_or(0);
    let _ = call(nr::KILL, pid as u64, signal, 0, 0, 0);
    99
}

/// Whether a further user namespace can be made (in a child, so that nothing here changes).
pub fn try_userns() -> String {
    match call(nr::FORK, 0, 0, 0, 0, 0) {
        Ok(0) => {
            let result = call(nr::UNSHARE, 0x1000_0000, 0, 0, 0, 0);
            let text = format!("try-userns {}\n", result.map_or_else(errno_text, |_| "ok".to_owned()));
            sys::write_all(1, text.as_bytes());
            let _ = call(nr::EXIT_GROUP, 0, 0, 0, 0, 0);
            String::new()
        }
        Ok(pid) => {
            let _ = call(61, pid as u64, 0, 0, 0, 0);
            String::new()
        }
        Err(number) => format!("fork: {}\n", errno_text(number)),
    }
}

/// The answers to a few system calls that the tests' filters forbid (with different errnos, so order shows).
pub fn seccomp_probe() -> String {
    let mut out = String::new();
    for (name, number) in [("getpriority", 140), ("getpgrp", 111), ("sched_yield", 24), ("getcpu", 309)] {
        out.push_str(&format!(
            "call {name} {}\n",
            call(number, 0, 0, 0, 0, 0).map_or_else(errno_text, |_| "ok".to_owned())
        ));
    }
    out
}
