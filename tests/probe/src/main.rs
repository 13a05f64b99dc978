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

const USAGE: &str = "usage: probe [-o FD] [-x STATUS] [-w] SUBCOMMAND
  (-x: exit with STATUS when all was said; -w: wait for a signal before that)
  report [ns=NAME:INODE,...]  all of the below that concerns this process
  ids caps flags ns cwd env args signals fds limits session root hostname
  mounts                      mountinfo with ids, device numbers and peer groups renumbered
  ls PATH...                  a recursive listing: type, mode, owner, size, device, link target
  access PATH...              which of r, w, x access(2) grants, and what a mount on PATH says
  write PATH...               whether PATH can be opened for writing
  tree                        every process in /proc with its parents, ids and filters
  pid1 [fds|env|signals]         what pid 1 holds
  get-at PID|parent           what of that process can be got at
  lock PATH...                who holds a write-excluding lock on PATH
  hold ID user,pid,net,...    unshare these, say \"ready\", stay until stdin ends
  exec-env NAME=VALUE... -- PATH ARGS...
  dead-fuse DIR COMMAND...    run COMMAND where DIR is a FUSE mount without a server
  everything [ns=...] [NAME [PATH...]]  report, tree, pid1, reach, and one more of these
  reach                       what of the launcher's processes /proc lets this one look into
  exit N | kill N | try-userns | seccomp-probe | keyring";

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
    let (mut out_fd, mut status, mut waits) = (1, 0, false);
    loop {
        let number = words.get(2).and_then(|n| n.parse().ok());
        let used = match words.get(1).map(String::as_str) {
            Some("-o") => {
                out_fd = number.unwrap_or(1);
                2
            }
            Some("-x") => {
                status = number.unwrap_or(0);
                2
            }
            Some("-w") => {
                waits = true;
                1
            }
            _ => break,
        };
        words.drain(1..(1 + used).min(words.len()));
    }
    let rest: Vec<&str> = words.iter().skip(2).map(String::as_str).collect();
    let command = words.get(1).map(String::as_str).unwrap_or("report");
    let text = match command {
        "mounts" => mounts::mounts("/proc/self/mountinfo"),
        "ls" => ls::list(&rest),
        "access" => ls::access(&rest),
        "write" => ls::write(&rest),
        "tree" => pid1::tree(),
        "reach" => pid1::reach(),
        "everything" => everything(&words, &rest),
        "pid1" => pid1::pid1(&rest),
        "get-at" => reach::reach(&rest),
        "lock" => ls::lock(&rest),
        "hold" => return hold::hold(&rest),
        "exec-env" => return launch::exec_env(&rest),
        "dead-fuse" => return launch::dead_fuse(&rest),
        "exit" => return rest.first().and_then(|n| n.parse().ok()).unwrap_or(0),
        "kill" => return report::kill_self(rest.first().and_then(|n| n.parse().ok()).unwrap_or(9)),
        "try-userns" => report::try_userns(),
        "seccomp-probe" => report::seccomp_probe(),
        "keyring" => report::keyring(),
        name => match report::section(name, &words, &rest) {
            Some(text) => text,
            None => {
                sys::write_all(2, format!("{USAGE}\n").as_bytes());
                return 2;
            }
        },
    };
    if !sys::write_all(out_fd, text.as_bytes()) {
        return 1;
    }
    if waits {
        let _ = sys::call(sys::nr::PAUSE, 0, 0, 0, 0, 0);
    }
    status
}

/// All that concerns this process and those beside it, and what `rest` asks for besides.
fn everything(words: &[String], rest: &[&str]) -> String {
    let mut text = report::section("report", words, rest).unwrap_or_default();
    text.push_str(&pid1::tree());
    for what in ["fds", "env", "signals"] {
        text.push_str(&pid1::pid1(&[what]));
    }
    text.push_str(&pid1::reach());
    let more: Vec<&str> = rest.iter().copied().filter(|word| !word.starts_with("ns=")).collect();
    match more.split_first() {
        Some((&"ls", paths)) => text.push_str(&ls::list(paths)),
        Some((&"seccomp-probe", _)) => text.push_str(&report::seccomp_probe()),
        Some((&"try-userns", _)) => text.push_str(&report::try_userns()),
        Some((&"keyring", _)) => text.push_str(&report::keyring()),
        _ => {}
    }
    text
}
