//! Stands where the next stage would: says what it was handed (arguments, plan, descriptors) and what it can observe.
//!
//! The environment variable `SUCCESSOR` says what to do, steps separated by `;`. It is the probe with another entry:
//! a stage execs its successor with a stage's arguments, not with the probe's.
#![no_main]

#[path = "../../probe/src/ls.rs"]
#[allow(dead_code)]
mod ls;
#[path = "../../probe/src/mounts.rs"]
mod mounts;
#[path = "../../probe/src/pid1.rs"]
mod pid1;
#[path = "../../probe/src/report.rs"]
#[allow(dead_code)]
mod report;
#[path = "../../probe/src/sys.rs"]
#[allow(dead_code)]
mod sys;

use std::ffi::{CStr, c_char, c_int};
use std::fs;
use std::io::Read;
use std::net::{TcpListener, TcpStream};

/// Entry point called by the C start-up code; the probe's main file says why there is no Rust one.
#[unsafe(no_mangle)]
extern "C" fn main(argc: c_int, argv: *const *const c_char) -> c_int {
    let words: Vec<String> = (0..argc as usize)
        .map(|i| {
            // SAFETY: the C start-up passes argc NUL-ended strings that live as long as the process.
            unsafe { CStr::from_ptr(*argv.add(i)) }.to_string_lossy().into_owned()
        })
        .collect();
    let script = std::env::var("SUCCESSOR").unwrap_or_else(|_| "argv;plan;report".to_owned());
    for step in script.split(';') {
        let step: Vec<&str> = step.split_whitespace().collect();
        let Some((name, rest)) = step.split_first() else { continue };
        let number = || rest.first().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
        let text = match *name {
            "argv" => words.iter().map(|word| format!("argv {word}\n")).collect(),
            "plan" => plan(&words),
            "net" => net(),
            "ls" => ls::list(rest),
            "access" => ls::access(rest),
            "write" => ls::write(rest),
            "lock" => ls::lock(rest),
            "keyring" => keyring(),
            "tree" => pid1::tree(),
            "reach" => pid1::reach(),
            "pid1" => pid1::pid1(rest),
            "try-userns" => report::try_userns(),
            "seccomp-probe" => report::seccomp_probe(),
            "status" => tell(&words, "--status=", &[number() as u8]),
            "ready" => tell(&words, "--ready=", &b"\0\0\0"[..3.min(number() as usize)]),
            "wait" => wait(),
            "catch" => catch(number()),
            "continue" => go_on(number()),
            // pause(2), which nothing else here calls: who traces this process knows that it is done.
            "forever" => loop {
                let _ = sys::call(34, 0, 0, 0, 0, 0);
            },
            "sleep" => {
                std::thread::sleep(std::time::Duration::from_millis(number()));
                String::new()
            }
            "exit" => return number() as c_int,
            "kill" => return report::kill_self(number()),
            // Sections of the report; `ns` and `report` take the namespaces outside as `ns=NAME:INODE,…`.
            name => {
                report::section(name, &words, rest).unwrap_or_else(|| format!("successor: no step {name}\n"))
            }
        };
        if !sys::write_all(1, text.as_bytes()) {
            return 1;
        }
    }
    0
}

/// The descriptor that an argument names.
fn passed(words: &[String], prefix: &str) -> Option<u64> {
    words.iter().find_map(|word| word.strip_prefix(prefix)?.parse().ok())
}

/// The plan's bytes and its seals, through the descriptor that was passed.
fn plan(words: &[String]) -> String {
    const F_GET_SEALS: u64 = 1034;
    let Some(fd) = passed(words, "--plan=") else { return "plan not passed\n".to_owned() };
    let seals = sys::call(sys::nr::FCNTL, fd, F_GET_SEALS, 0, 0, 0);
    let bytes = fs::read(format!("/proc/self/fd/{fd}")).unwrap_or_default();
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("plan seals {}\nplan bytes {hex}\n", sys::shown(seals))
}

/// Network interfaces, and whether something can be sent over 127.0.0.1.
fn net() -> String {
    let mut out = String::new();
    for line in fs::read_to_string("/proc/self/net/dev").unwrap_or_default().lines().skip(2) {
        out.push_str(&format!("interface {}\n", line.split(':').next().unwrap_or("").trim()));
    }
    let sent = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).and_then(|address| {
        // Nobody listens any more: refused by the loopback interface itself is the proof that it is up.
        TcpStream::connect(address)
    });
    out.push_str(&match sent {
        Ok(_) => "loopback up\n".to_owned(),
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => "loopback up\n".to_owned(),
        Err(error) => format!("loopback {error}\n"),
    });
    out
}

/// Writes to one of the pipes on which the monitor listens.
fn tell(words: &[String], prefix: &str, bytes: &[u8]) -> String {
    let Some(fd) = passed(words, prefix) else { return format!("no {prefix}\n") };
    format!("told {}\n", sys::write_all(fd as i32, bytes))
}

/// The number of the session keyring, `keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0)`.
fn keyring() -> String {
    format!("keyring {}\n", sys::shown(sys::call(250, 0, -3_i64 as u64, 0, 0, 0)))
}

/// Blocks all signals, says "ready", and names so many as they come.
fn catch(count: u64) -> String {
    block(u64::MAX);
    sys::write_all(1, b"ready\n");
    for _ in 0..count {
        sys::write_all(1, format!("got {}\n", sys::shown(signal_of(u64::MAX))).as_bytes());
    }
    String::new()
}

/// Says "ready", and each time that it goes on after a stop, so many times.
fn go_on(count: u64) -> String {
    const SIGCONT: u64 = 1 << 17;
    block(SIGCONT);
    sys::write_all(1, b"ready\n");
    for time in 1..=count {
        // A stop and what comes before a tracer end the wait, too: EINTR.
        while signal_of(SIGCONT).is_err() {}
        sys::write_all(1, format!("goes on {time}\n").as_bytes());
    }
    String::new()
}

fn block(mut signals: u64) {
    let _ = sys::call(sys::nr::RT_SIGPROCMASK, 0, sys::address(&mut signals), 0, 8, 0);
}

/// Waits for one of the blocked `signals`: rt_sigtimedwait(2).
fn signal_of(mut signals: u64) -> Result<std::ffi::c_long, i32> {
    sys::call(128, sys::address(&mut signals), 0, 0, 8, 0)
}

/// Says "ready", then waits for the end of standard input.
fn wait() -> String {
    sys::write_all(1, b"ready\n");
    while std::io::stdin().read(&mut [0; 64]).unwrap_or(0) > 0 {}
    String::new()
}
