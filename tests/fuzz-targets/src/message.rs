//! Messages: what goes out on standard error, whatever names and numbers are in it.

use crate::room;
use common::report::{Fault, Part, Voice};
use std::io::Read;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::sync::{Mutex, OnceLock};

/// The longest message that a pipe takes whole (`PIPE_BUF`, pipe(7)): up to that it goes out in one write, so that the
/// messages of two launches into one pipe do not mix.
const PIPE_BUF: usize = 4096;

/// The words between the names, as the longest fault has them, and an errno's text.
const OWN_WORDS: usize = 512;

/// Standard error while a message is written: each write is a datagram of its own.
struct Catch {
    inside: UnixDatagram,
    outside: UnixDatagram,
    stderr: i32,
}

/// What `fault` said as a warning of `voice` was, a write each.
fn said(voice: Voice, fault: Fault) -> Vec<Vec<u8>> {
    static CATCH: OnceLock<Mutex<Catch>> = OnceLock::new();
    let catch = CATCH.get_or_init(|| {
        let (inside, outside) = UnixDatagram::pair().expect("a pair of sockets");
        outside.set_nonblocking(true).expect("a socket of ours");
        // SAFETY: makes a copy of a standard descriptor, for good.
        let stderr = unsafe { libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 200) };
        assert!(stderr > 2, "{}", std::io::Error::last_os_error());
        Mutex::new(Catch { inside, outside, stderr })
    });
    let catch = catch.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    // SAFETY: both are open; 2 is given back below, and nothing in between panics.
    unsafe { libc::dup2(catch.inside.as_raw_fd(), 2) };
    voice.warn(fault);
    // SAFETY: as above.
    unsafe { libc::dup2(catch.stderr, 2) };
    let mut writes = Vec::new();
    let mut buf = [0; 1 << 17];
    while let Ok(len) = catch.outside.recv(&mut buf) {
        writes.push(buf[..len].to_vec());
    }
    writes
}

/// Asserts what holds of every message: one line, signed, without anything that a terminal would act on, in one
/// write if a pipe would keep that whole, and not much longer than the names in it.
pub fn assert_message(voice: Voice, fault: Fault, names: usize) {
    let writes = said(voice, fault);
    let text = writes.concat();
    let shown = String::from_utf8_lossy(&text);
    let prefix = format!("{}{}: ", if voice.level_prefix { "<4>" } else { "" }, voice.name);
    assert!(text.starts_with(prefix.as_bytes()), "not signed: {shown:?}");
    let Some((b'\n', line)) = text.split_last() else { panic!("no newline at the end: {shown:?}") };
    assert!(!line.iter().any(|byte| *byte < 0x20 || *byte == 0x7f), "control characters: {shown:?}");
    // U+0080 to U+009F, of which a terminal knows one as the start of an escape sequence.
    assert!(
        !line.windows(2).any(|two| two[0] == 0xc2 && (0x80..0xa0).contains(&two[1])),
        "control: {shown:?}"
    );
    assert!(text.len() <= prefix.len() + OWN_WORDS + 4 * names, "{} bytes for {names}", text.len());
    if text.len() <= PIPE_BUF {
        assert_eq!(writes.len(), 1, "in pieces: {shown:?}");
    } else {
        assert!(writes.iter().rev().skip(1).all(|write| write.len() == PIPE_BUF), "in small pieces");
    }
}

/// A message from bytes: the first says how it is signed, the rest what is in it.
pub fn write(bytes: &[u8]) {
    let Some((signature, rest)) = bytes.split_first() else { return };
    const NAMES: [&str; 4] = ["bwrap", "ns-enter", "fs-build", "seccomp-load"];
    let name = NAMES[usize::from(signature >> 1) % NAMES.len()];
    let voice = Voice { level_prefix: signature & 1 == 1, ..Voice::of(name) };
    room::lend(rest, |rest| {
        let mut parts = [Part::Str(""); 6];
        let mut names = 0;
        for (slot, piece) in parts.iter_mut().zip(rest.split(|byte| *byte == 0xff)) {
            *slot = match piece {
                [0, number @ ..] => Part::Int(number_of(number) as i64),
                [1, number @ ..] => Part::Octal(number_of(number) as u32),
                [2, ..] => Part::Str("Can't bind mount "),
                name => {
                    names += name.len();
                    Part::Bytes(name)
                }
            };
        }
        let mut fault = Fault::new(parts);
        if signature & 0x40 != 0 {
            fault = fault.errno(common::errno::Errno(u16::from(*signature)));
        }
        if signature & 0x80 != 0 {
            fault = fault.mount_errno(common::errno::Errno::NOSPC);
        }
        assert_message(voice, fault, names);
    });
}

fn number_of(mut bytes: &[u8]) -> u64 {
    let mut number = [0; 8];
    let _ = bytes.read(&mut number);
    u64::from_le_bytes(number)
}
