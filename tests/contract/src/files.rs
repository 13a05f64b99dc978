//! Which files a process of ours touches, under names that are the same in every launch.

use crate::call::Call;
use crate::role::{EXECUTABLES, Role};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::rc::Rc;

/// What is known about the files of a process.
#[derive(Clone, Default)]
pub struct Files {
    /// The sealed plan that it was started on.
    plan: Rc<[u8]>,
    /// What it has opened since its exec, by descriptor.
    open: HashMap<i32, Rc<str>>,
}

/// Something that a call does to a file.
#[derive(Clone, Debug)]
pub struct Touch {
    /// The file.
    pub name: Rc<str>,
    /// What is done to it.
    pub done: &'static str,
    /// Whether the call gives a descriptor of it.
    opens: bool,
    /// The descriptor that goes.
    closes: Option<i32>,
}

impl Touch {
    /// Whether a call that ended with `result` has done it: a lookup has, even if nothing was there.
    pub fn counts(&self, result: i64) -> bool {
        !self.done.is_empty() && (result >= 0 || self.done != "read")
    }
}

const AT_FDCWD: i32 = -100;

impl Files {
    /// Of process `pid`, which was started with these words.
    pub fn of(pid: i32, words: &[u8]) -> Files {
        let number = words
            .split(|&byte| byte == 0)
            .find_map(|word| word.strip_prefix(b"--plan="))
            .and_then(|number| str::from_utf8(number).ok());
        let plan = number.map(|number| format!("/proc/{pid}/fd/{number}"));
        let is_memfd = |path: &String| {
            fs::read_link(path).is_ok_and(|to| to.as_os_str().as_encoded_bytes().starts_with(b"/memfd:"))
        };
        let plan = plan.filter(is_memfd).and_then(|path| fs::read(path).ok()).unwrap_or_default();
        Files { plan: plan.into(), open: HashMap::new() }
    }

    /// What `call`, at its entry, is about to do to a file.
    pub fn touched(&self, pid: i32, role: Role, call: &Call) -> Option<Touch> {
        let [first, second, third, ..] = call.args;
        let at = |done, opens| {
            let path = string(pid, second)?;
            let name = self.name(role, first as i32, &path, done)?;
            Some(Touch { name, done, opens, closes: None })
        };
        let by_path = |done, others: &str| {
            let path = string(pid, first)?;
            let is_known =
                role.0 == "cgroup-keeper" || matches!(&*path, b"/" | b"/sys/fs/selinux") || is_stage(&path);
            let name = if is_known { self.name(role, AT_FDCWD, &path, done)? } else { others.into() };
            Some(Touch { name, done, opens: false, closes: None })
        };
        match call.plain_name() {
            "openat" => at(how(third), true),
            "openat2" if role.0 == "cgroup-keeper" => Some(Touch {
                name: "the caller's cgroup".into(),
                done: how(word(pid, third)?),
                opens: true,
                closes: None,
            }),
            // All with RESOLVE_IN_ROOT.
            "openat2" => {
                let done = how(word(pid, third)?);
                Some(Touch { name: "in the new root".into(), done, opens: true, closes: None })
            }
            "readlinkat" => at("link read", false),
            "newfstatat" | "statx" | "faccessat2" => at("looked at", false),
            "open_tree" | "open_tree_attr" => at("mount copied", true),
            "mkdirat" | "fchmodat" | "unlinkat" => at("made or changed", false),
            "chdir" => by_path("entered", "the command's directory"),
            "statfs" => by_path("looked at", "another file system"),
            "execve" if matches!(role.0, "bwrap" | "compose" | "ns-enter" | "ns-enter helper") => {
                by_path("run", "the command")
            }
            // Without a plan, which compose makes.
            "execve" if string(pid, first).is_some_and(|path| path.ends_with(b"/compose")) => {
                by_path("run", "the command")
            }
            "execve" if role.0 == "ns-enter map helper" => {
                Some(Touch { name: "newuidmap or newgidmap".into(), done: "run", opens: false, closes: None })
            }
            "execve" => Some(Touch { name: "the command".into(), done: "run", opens: false, closes: None }),
            "read" | "pread64" | "recvfrom" | "recvmsg" => {
                let name = self.open_on(pid, first as i32)?;
                Some(Touch { name, done: "read", opens: false, closes: None })
            }
            "fcntl" if matches!(second as i32, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => {
                let name = self.open.get(&(first as i32))?.clone();
                Some(Touch { name, done: "", opens: true, closes: None })
            }
            "close" => {
                let fd = first as i32;
                Some(Touch { name: "".into(), done: "", opens: false, closes: Some(fd) })
            }
            _ => None,
        }
    }

    /// The call has ended with `result`.
    pub fn done(&mut self, touch: Touch, result: i64) {
        if let Some(fd) = touch.closes {
            self.open.remove(&fd);
        } else if touch.opens && result >= 0 {
            self.open.insert(result as i32, touch.name);
        }
    }

    /// What descriptor `fd` is open on; `None` if it is not, or the process is gone.
    fn open_on(&self, pid: i32, fd: i32) -> Option<Rc<str>> {
        if let Some(name) = self.open.get(&fd) {
            return Some(name.clone());
        }
        let link = fs::read_link(format!("/proc/{pid}/fd/{fd}")).ok()?;
        let link = link.to_string_lossy();
        let name = if link.starts_with("/memfd:plan") {
            "the plan"
        } else if link.starts_with("pipe:") || link.starts_with("socket:") {
            "a pipe or socket"
        } else {
            "a descriptor of the caller"
        };
        Some(name.into())
    }

    /// The name in the list for `path`, looked up from `dir`; `None` for the descriptor itself.
    fn name(&self, role: Role, dir: i32, path: &[u8], done: &str) -> Option<Rc<str>> {
        if path.is_empty() {
            return None;
        }
        let text = String::from_utf8_lossy(path);
        if dir != AT_FDCWD && !path.starts_with(b"/") {
            return Some(match self.open.get(&dir) {
                Some(dir) if dir.starts_with("/proc") => {
                    format!("{}/{text}", dir.trim_end_matches("/.")).into()
                }
                // The descriptor of /proc that ns-enter has handed on.
                None if role.0 == "priv-drop" => format!("/proc/{text}").into(),
                _ => "below a descriptor".into(),
            });
        }
        if !is_fixed(role, &text, done) {
            if is_stage(path) && role.0 != "fs-build" {
                return Some("the executable of a stage".into());
            }
            if role.0 == "ns-enter" && done == "looked at" {
                // Also where the plan names it.
                return Some("the caller's directory".into());
            }
            if self.in_plan(path) {
                return Some("named by the plan".into());
            }
            if is_stage(path) {
                return Some("the executable of a stage".into());
            }
            match role.0 {
                "compose" if done == "looked at" => {
                    return Some("the caller's directory, or named by a word of the chain".into());
                }
                "compose" if !matches!(path, b"/etc/passwd" | b"/etc/group") => {
                    return Some("named by an option".into());
                }
                "fs-build" if done == "mount copied" => return Some("named by a descriptor".into()),
                _ => {}
            }
        }
        if role.0 == "cgroup-keeper" && text.starts_with("/sys/fs/cgroup") {
            return Some("the cgroup2 hierarchy".into());
        }
        Some(numbers_hidden(&text).into())
    }

    /// Whether the plan has this string.
    fn in_plan(&self, path: &[u8]) -> bool {
        // Large plans are all paths, and there is a lookup for each of them.
        const LARGE: usize = 1 << 16;
        self.plan.len() > LARGE
            || self.plan.windows(path.len() + 1).any(|window| window.split_last() == Some((&0, path)))
    }
}

/// Whether `path` is one that the process names itself, even where a plan has the same.
fn is_fixed(role: Role, path: &str, done: &str) -> bool {
    let tops: &[&str] = match role.0 {
        // Namespaces to join are the plan's.
        "ns-enter" if done == "opened" && path.contains("/ns/") => &[],
        "fs-build" => &["/proc/self/fd/", "/proc/self/exe", "/proc/thread-self/"],
        _ => &["/proc/", "/sys/"],
    };
    let device = |name| path.strip_prefix("/dev/") == Some(name);
    matches!(path, "/" | "/.." | "." | "/proc" | "/tmp" | "/dev")
        || tops.iter().any(|top| path.starts_with(top))
        || (done == "mount copied"
            && ["null", "zero", "full", "random", "urandom", "tty"].iter().any(|n| device(n)))
}

/// Whether this path ends in the name of a stage.
fn is_stage(path: &[u8]) -> bool {
    let name = path.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    name.len() < path.len() && EXECUTABLES.iter().any(|stage| stage.as_bytes() == name)
}

/// `/proc/12/ns/mnt` as `/proc/N/ns/mnt`.
fn numbers_hidden(path: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    path.split('/').map(|part| if is_number(part) { "N" } else { part }).collect::<Vec<_>>().join("/")
}

/// What open flags do.
fn how(flags: u64) -> &'static str {
    let flags = flags as i32;
    if flags & libc::O_PATH != 0 {
        "looked up"
    } else if flags & libc::O_CREAT != 0 {
        "made or changed"
    } else if flags & libc::O_ACCMODE == libc::O_RDONLY {
        "opened"
    } else {
        "written"
    }
}

/// The string at `address` of process `pid`.
fn string(pid: i32, address: u64) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut at = address;
    while bytes.len() < 1 << 16 {
        // Not across a page, after which there may be nothing.
        let room = 256.min(4096 - (at as usize & 4095));
        let part = memory(pid, at, room).ok()?;
        if let Some(end) = part.iter().position(|&byte| byte == 0) {
            bytes.extend_from_slice(part.get(..end)?);
            return Some(bytes);
        }
        at += part.len() as u64;
        bytes.extend(part);
    }
    None
}

fn word(pid: i32, address: u64) -> Option<u64> {
    memory(pid, address, 8).ok()?.try_into().ok().map(u64::from_ne_bytes)
}

fn memory(pid: i32, address: u64, len: usize) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0u8; len];
    let local = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: len };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: len };
    // SAFETY: writes at most `len` bytes into `bytes`, which is that long; the other address is the kernel's to check.
    let read = unsafe { libc::process_vm_readv(pid, &raw const local, 1, &raw const remote, 1, 0) };
    if read as usize == len { Ok(bytes) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(dir: i32, path: &str) -> Option<String> {
        let files =
            Files { plan: (*b"..\x05/src\0/dest\0").into(), open: HashMap::from([(7, "/proc".into())]) };
        files.name(Role("fs-build"), dir, path.as_bytes(), "looked up").map(|name| name.to_string())
    }

    #[test]
    fn files_have_names_that_no_launch_changes() {
        let name = |dir, path| named(dir, path).unwrap();
        assert_eq!(name(AT_FDCWD, "/src"), "named by the plan");
        assert_eq!(name(AT_FDCWD, "/sr"), "/sr");
        assert_eq!(name(AT_FDCWD, "/proc/self/fd/12"), "/proc/self/fd/N");
        assert_eq!(name(AT_FDCWD, "/x/y/priv-drop"), "the executable of a stage");
        assert_eq!(name(7, "self/uid_map"), "/proc/self/uid_map");
        assert_eq!(name(8, "x"), "below a descriptor");
        assert_eq!(named(8, ""), None);
    }
}
