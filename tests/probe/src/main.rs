//! The view from inside: prints ids, capabilities, mounts, descriptors and the rest as text that two runs can compare.
//!
//! `no_main`, because Rust's own start-up would change what is to be observed: it ignores SIGPIPE, handles
//! SIGSEGV and opens /dev/null on closed standard descriptors.
#![no_main]

mod hold;
mod launch;
mod ls;
mod mounts;
mod pid1;
mod reach;
mod report;
mod sys;

use std::ffi::{CStr, OsString, c_char, c_int};
use std::os::unix::ffi::OsStringExt;

const USAGE: &str = "usage: probe [-o FD] SUBCOMMAND
  report [ns=NAME:INODE,...]  all of the below that concerns this process
  ids caps flags ns cwd env args signals fds limits session root hostname
  mounts                      mountinfo with ids, device numbers and peer groups renumbered
  ls PATH...                  a recursive listing: type, mode, owner, size, device, link target
  access PATH...              which of r, w, x access(2) grants, and what a mount on PATH says
  write PATH...               whether PATH can be opened for writing
  tree                        every process in /proc with its parents, ids and filters
  pid1 [fds|env|signals]         what pid 1 holds
  reach PID|parent            what of that process can be got at
  lock PATH...                who holds a write-excluding lock on PATH
  hold ID user,pid,net,...    unshare these, say \"ready\", stay until stdin ends
  exec-env NAME=VALUE... -- PATH ARGS...
  dead-fuse DIR COMMAND...    run COMMAND where DIR is a FUSE mount without a server
  exit N | kill N | try-userns | seccomp-probe";

/// Entry point called by the C start-up code.
///
/// # Safety
/// `argv` must hold `argc` NUL-ended strings, as the start-up code provides.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    // SAFETY: the C start-up passes argc NUL-ended strings that live as long as the process.
    let args: Vec<OsString> = (0..argc as usize)
        .map(|i| unsafe { OsString::from_vec(CStr::from_ptr(*argv.add(i)).to_bytes().to_vec()) })
        .collect();
    let mut words: Vec<String> = args.iter().map(|a| a.to_string_lossy().into_owned()).collect();
    let mut out_fd = 1;
    if words.get(1).map(String::as_str) == Some("-o") {
        out_fd = words.get(2).and_then(|n| n.parse().ok()).unwrap_or(1);
        words.drain(1..3.min(words.len()));
    }
    let rest: Vec<&str> = words.iter().skip(2).map(String::as_str).collect();
    let command = words.get(1).map(String::as_str).unwrap_or("report");
    let text = match command {
        "mounts" => mounts::mounts("/proc/self/mountinfo"),
        "ls" => ls::list(&rest),
        "access" => ls::access(&rest),
        "write" => ls::write(&rest),
        "tree" => pid1::tree(),
        "pid1" => pid1::pid1(&rest),
        "reach" => reach::reach(&rest),
        "lock" => ls::lock(&rest),
        "hold" => return hold::hold(&rest),
        "exec-env" => return launch::exec_env(&rest),
        "dead-fuse" => return launch::dead_fuse(&rest),
        "exit" => return rest.first().and_then(|n| n.parse().ok()).unwrap_or(0),
        "kill" => return report::kill_self(rest.first().and_then(|n| n.parse().ok()).unwrap_or(9)),
        "try-userns" => report::try_userns(),
        "seccomp-probe" => report::seccomp_probe(),
        name => match report::section(name, &words, &rest) {
            Some(text) => text,
            None => {
                sys::write_all(2, format!("{USAGE}\n").as_bytes());
                return 2;
            }
        },
    };
    if sys::write_all(out_fd, text.as_bytes()) { 0 } else { 1 }
}
