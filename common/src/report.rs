//! The one way to fail: operation, object and errno text in one line on standard error, exit 1.

use crate::errno::Errno;
use crate::sys;
use crate::text::{Path, Text};
use core::ffi::CStr;

/// A piece of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Our own words.
    Str(&'static str),
    /// The user's bytes, as they are but for control characters.
    Bytes(&'static [u8]),
    /// A decimal number.
    Int(i64),
    /// An octal number with a leading 0, as `printf("%#o")` writes it.
    Octal(u32),
    /// That there is no memory left to say anything else.
    OutOfMemory,
}

impl From<&'static str> for Part {
    fn from(s: &'static str) -> Part {
        Part::Str(s)
    }
}

impl From<&'static CStr> for Part {
    fn from(s: &'static CStr) -> Part {
        Part::Bytes(s.to_bytes())
    }
}

impl From<&'static [u8]> for Part {
    fn from(s: &'static [u8]) -> Part {
        Part::Bytes(s)
    }
}

impl From<Path<'static>> for Part {
    fn from(s: Path<'static>) -> Part {
        Part::Bytes(s.bytes())
    }
}

impl From<Text<'static>> for Part {
    fn from(s: Text<'static>) -> Part {
        Part::Bytes(s.bytes())
    }
}

impl From<i32> for Part {
    fn from(n: i32) -> Part {
        Part::Int(i64::from(n))
    }
}

impl From<u32> for Part {
    fn from(n: u32) -> Part {
        Part::Int(i64::from(n))
    }
}

impl From<u8> for Part {
    fn from(n: u8) -> Part {
        Part::Int(i64::from(n))
    }
}

const PARTS: usize = 6;

/// Why a stage stops, or what it warns about.
///
/// A pointer, so that the `Result` of every step is one: a fault ends the process, and what it costs then (a page
/// that is never given back) does not matter, while the code that moves results about is on every path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(&'static Detail);

/// What a fault says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Detail {
    parts: [Part; PARTS],
    errno: Option<Errno>,
    of_mount: bool,
    status: Option<u8>,
}

/// What is said when there is no memory left to say anything else.
static OUT_OF_MEMORY: Detail = Detail {
    parts: [Part::OutOfMemory, Part::Str(""), Part::Str(""), Part::Str(""), Part::Str(""), Part::Str("")],
    errno: None,
    of_mount: false,
    status: None,
};

/// A step of a stage: done, or the fault that stops the launch.
pub type Outcome<T> = core::result::Result<T, Fault>;

impl Fault {
    /// A fault that reads as `parts`, one after another; at most six.
    pub fn new<const N: usize>(parts: [Part; N]) -> Fault {
        const { assert!(N <= PARTS) };
        Fault::of(&parts)
    }

    #[cold]
    #[inline(never)]
    fn of(parts: &[Part]) -> Fault {
        let mut all = [Part::Str(""); PARTS];
        for (to, from) in all.iter_mut().zip(parts) {
            *to = *from;
        }
        Fault::keep(Detail { parts: all, errno: None, of_mount: false, status: None })
    }

    #[cold]
    #[inline(never)]
    fn keep(detail: Detail) -> Fault {
        Fault(sys::leak(detail).unwrap_or(&OUT_OF_MEMORY))
    }

    /// With `: ` and the text of `errno` behind it.
    pub fn errno(self, errno: Errno) -> Fault {
        Fault::keep(Detail { errno: Some(errno), ..*self.0 })
    }

    /// The same, but `ENOSPC` reads as what it means for a mount (`mount(2)`): not a full disk, but
    /// `/proc/sys/fs/mount-max`.
    pub fn mount_errno(self, errno: Errno) -> Fault {
        Fault::keep(Detail { errno: Some(errno), of_mount: true, ..*self.0 })
    }

    /// With an exit status of its own, whoever says it.
    pub fn status(self, status: u8) -> Fault {
        Fault::keep(Detail { status: Some(status), ..*self.0 })
    }

    /// The errno that it carries.
    pub fn cause(&self) -> Option<Errno> {
        self.0.errno
    }
}

/// Builds a [`Fault`] from words, paths and numbers: `fault!("Can't chdir to ", path)`.
#[macro_export]
macro_rules! fault {
    ($($part:expr),+ $(,)?) => {
        $crate::report::Fault::new([$($crate::report::Part::from($part)),+])
    };
}

/// Gives a failed system call its operation and object. There is no conversion from [`Errno`] to [`Fault`], so
/// that a `?` which forgets them does not compile.
pub trait At<T> {
    /// `fault` with this errno behind it.
    fn at(self, fault: impl FnOnce() -> Fault) -> Outcome<T>;
    /// The same for a mount, where `ENOSPC` has a text of its own.
    fn at_mount(self, fault: impl FnOnce() -> Fault) -> Outcome<T>;
}

impl<T> At<T> for sys::Result<T> {
    fn at(self, fault: impl FnOnce() -> Fault) -> Outcome<T> {
        self.map_err(|errno| fault().errno(errno))
    }

    fn at_mount(self, fault: impl FnOnce() -> Fault) -> Outcome<T> {
        self.map_err(|errno| fault().mount_errno(errno))
    }
}

/// Who speaks: what a message starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Voice {
    /// The name before the first colon: `bwrap` or the stage's.
    pub name: &'static str,
    /// Whether a syslog level (`<3>`) goes before it (`--level-prefix`).
    pub level_prefix: bool,
    /// The exit status of a fault: [`FAILURE`], or [`ENV_FAILURE`] for a stage that is a command of its own.
    pub failure: u8,
}

/// The exit status of a launch that failed, as bubblewrap has it.
pub const FAILURE: u8 = 1;
/// The same in the tradition of `env(1)`: no command ends with it, so that a script can tell.
pub const ENV_FAILURE: u8 = 125;
/// As `env(1)`: the command is there and cannot be run.
pub const ENV_CANNOT_RUN: u8 = 126;
/// As `env(1)`: the command is not there.
pub const ENV_NOT_FOUND: u8 = 127;

/// syslog(3) levels that messages have.
const LOG_ERR: &str = "<3>";
const LOG_WARNING: &str = "<4>";

impl Voice {
    /// The speaker `name` of a launch that ends as bubblewrap's do.
    pub const fn of(name: &'static str) -> Voice {
        Voice { name, level_prefix: false, failure: FAILURE }
    }

    /// Says `fault` and ends the process with its status.
    pub fn die(self, fault: Fault) -> ! {
        self.say(LOG_ERR, &fault);
        sys::exit(fault.0.status.unwrap_or(self.failure))
    }

    /// Says `fault` and leaves it to the caller to end the process.
    pub fn complain(self, fault: &Fault) {
        self.say(LOG_ERR, fault);
    }

    /// Says `fault` as a warning.
    pub fn warn(self, fault: Fault) {
        self.say(LOG_WARNING, &fault);
    }

    fn say(self, level: &str, fault: &Fault) {
        let mut line = Line::new();
        self.write(level, fault, &mut line);
        line.flush();
    }

    fn write(self, level: &str, fault: &Fault, line: &mut Line) {
        if self.level_prefix {
            line.push(level.as_bytes());
        }
        line.push(self.name.as_bytes());
        line.push(b": ");
        for part in fault.0.parts {
            line.part(part);
        }
        if let Some(errno) = fault.0.errno {
            line.push(b": ");
            line.errno(errno, fault.0.of_mount);
        }
        line.push(b"\n");
    }
}

/// What a pipe takes whole, so that the messages of two launches do not mix in it (`PIPE_BUF`, pipe(7)).
const PIPE_BUF: usize = 4096;

/// A message being put together; it goes out in one write unless it is longer than a pipe would keep in one piece.
struct Line {
    buf: [u8; PIPE_BUF],
    len: usize,
}

impl Line {
    fn new() -> Line {
        Line { buf: [0; PIPE_BUF], len: 0 }
    }

    fn push(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.len == self.buf.len() {
                self.flush();
            }
            if let Some(slot) = self.buf.get_mut(self.len) {
                *slot = byte;
                self.len += 1;
            }
        }
    }

    fn part(&mut self, part: Part) {
        match part {
            Part::Str(s) => self.push(s.as_bytes()),
            Part::OutOfMemory => self.push(b"Out of memory"),
            Part::Bytes(bytes) => self.escaped(bytes),
            Part::Int(n) => {
                if n < 0 {
                    self.push(b"-");
                }
                self.number(n.unsigned_abs(), 10);
            }
            Part::Octal(n) => {
                if n != 0 {
                    self.push(b"0");
                }
                self.number(u64::from(n), 8);
            }
        }
    }

    /// A path may hold terminal escapes that its owner chose, or line ends that make two messages of one; a message
    /// about it must not act them out. That goes for the controls from U+0080 on as well, which a terminal takes for
    /// escapes: bytes of that range are left alone only inside a longer character of UTF-8.
    fn escaped(&mut self, bytes: &[u8]) {
        let mut inside = 0u8;
        for &byte in bytes {
            let continues = byte & 0xc0 == 0x80;
            let high_control = (0x80..0xa0).contains(&byte) && inside == 0;
            if byte < 0x20 || byte == 0x7f || high_control {
                let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + (n - 10) };
                self.push(&[b'\\', b'x', digit(byte >> 4), digit(byte & 15)]);
            } else {
                self.push(&[byte]);
            }
            inside = match byte {
                0xc3..=0xdf => 1,
                0xe0..=0xef => 2,
                0xf0..=0xf4 => 3,
                _ if continues => inside.saturating_sub(1),
                _ => 0,
            };
        }
    }

    fn number(&mut self, mut n: u64, base: u64) {
        let mut digits = [0u8; 22];
        let mut at = digits.len();
        for slot in digits.iter_mut().rev() {
            *slot = b'0' + (n % base) as u8;
            n /= base;
            at -= 1;
            if n == 0 {
                break;
            }
        }
        self.push(digits.get(at..).unwrap_or_default());
    }

    fn errno(&mut self, errno: Errno, of_mount: bool) {
        if of_mount && errno == Errno::NOSPC {
            self.push(
                b"Limit exceeded (ENOSPC). (Hint: Check that /proc/sys/fs/mount-max is sufficient, \
                  typically 100000)",
            );
        } else if let Some(text) = errno.text() {
            self.push(text.as_bytes());
        } else {
            self.push(b"Unknown error ");
            self.number(u64::from(errno.0), 10);
        }
    }

    fn flush(&mut self) {
        let text = self.buf.get(..self.len).unwrap_or_default();
        // A message that cannot be written (standard error closed or full) is lost; the exit status still tells.
        let _ = sys::write_all(sys::STDERR, text);
        self.len = 0;
    }
}

#[cfg(test)]
impl core::fmt::Display for Fault {
    /// The message without name and newline, for tests.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let mut line = Line::new();
        Voice::of("").write("", self, &mut line);
        let text = String::from_utf8_lossy(&line.buf[..line.len]).into_owned();
        f.write_str(text.trim_start_matches(": ").trim_end_matches('\n'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(voice: Voice, level: &str, fault: Fault) -> String {
        let mut line = Line::new();
        voice.write(level, &fault, &mut line);
        String::from_utf8(line.buf[..line.len].to_vec()).unwrap()
    }

    const BWRAP: Voice = Voice::of("bwrap");

    #[test]
    fn a_fault_names_operation_object_and_errno() {
        let fault = fault!("Can't find source path ", c"/x").errno(Errno::NOENT);
        assert_eq!(
            text(BWRAP, LOG_ERR, fault),
            "bwrap: Can't find source path /x: No such file or directory\n"
        );
    }

    #[test]
    fn numbers_and_levels_are_written_as_printf_does() {
        let voice = Voice { level_prefix: true, ..Voice::of("fs-build") };
        let fault = Fault::new([Part::Octal(0o755), Part::Str(" "), Part::Octal(0), Part::from(-12i32)]);
        assert_eq!(text(voice, LOG_WARNING, fault), "<4>fs-build: 0755 0-12\n");
    }

    #[test]
    fn a_mount_that_finds_no_space_says_which() {
        let fault = fault!("Can't mount proc on ", c"/proc").mount_errno(Errno::NOSPC);
        assert!(text(BWRAP, LOG_ERR, fault).contains("mount-max"));
        let fault = fault!("x").errno(Errno(4000));
        assert_eq!(text(BWRAP, LOG_ERR, fault), "bwrap: x: Unknown error 4000\n");
    }

    #[test]
    fn control_characters_of_a_path_are_not_acted_out() {
        let fault = fault!("Can't open ", c"/a\x1b[2J\x7f\r");
        assert_eq!(text(BWRAP, LOG_ERR, fault), "bwrap: Can't open /a\\x1b[2J\\x7f\\x0d\n");
        // A line of its own would read as a message of its own, with a level of its choice.
        let fault = fault!("Can't open ", c"/a\n<3>bwrap: b\t");
        assert_eq!(text(BWRAP, LOG_ERR, fault), "bwrap: Can't open /a\\x0a<3>bwrap: b\\x09\n");
    }

    #[test]
    fn letters_beyond_ascii_stay_and_controls_beyond_ascii_do_not() {
        let fault = fault!("Can't open ", c"/\u{e9}\u{20ac}\u{1f600}\u{155}");
        assert_eq!(text(BWRAP, LOG_ERR, fault), "bwrap: Can't open /\u{e9}\u{20ac}\u{1f600}\u{155}\n");
        let fault = fault!("Can't open ", &b"/\xc2\x9b31m\x9b31m \xe9"[..]);
        let mut line = Line::new();
        BWRAP.write(LOG_ERR, &fault, &mut line);
        let expected = b"bwrap: Can't open /\xc2\\x9b31m\\x9b31m \xe9\n";
        assert_eq!(line.buf[..line.len].escape_ascii().to_string(), expected.escape_ascii().to_string());
    }
}
