//! The argument vector of a stage: parsed strictly, formatted for the next.

use super::Next;
use crate::caps::CapSet;
use crate::fault;
use crate::plan::SignalSet;
use crate::report::Outcome;
use crate::sys::{self, Fd, Strings};
use core::ffi::CStr;

/// What the arguments of a stage say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// The plan.
    pub plan: Fd,
    /// The executables of the later stages; `None` for the first stage, which opens them.
    pub next: Option<Next>,
    /// Where init-reaper reports how the command ended.
    pub status: Option<Fd>,
    /// Where the last stage says that the command is about to run; close-on-exec then.
    pub ready: Option<Fd>,
    /// `/proc` of the host, for priv-drop to write id maps through; closed there.
    pub proc: Option<Fd>,
    /// Where the network namespace comes from that is made meanwhile; closed by who joins it.
    pub netns: Option<Fd>,
    /// Signals that ns-enter has blocked, for fs-build to let through again.
    pub unblock: Option<SignalSet>,
    /// The ids that a second user namespace maps, when there has to be one.
    pub ids: Option<(u32, u32)>,
    /// The capabilities of a caller who is root, which the command keeps unless told otherwise.
    pub caps: Option<CapSet>,
    /// The user namespace that the sandbox has of its own.
    pub own_userns: Option<OwnUserNs>,
    /// Whether the mount namespace was made for this launch.
    pub own_mounts: bool,
    /// Whether this is another PID namespace than the launcher's.
    pub own_pids: bool,
    /// The other end of a socket to ns-enter; for its helpers beside the sandbox alone.
    pub socket: Option<Fd>,
    /// The master of the sandbox's terminal; for pty-relay alone.
    pub terminal: Option<Fd>,
}

/// Where a user namespace of the sandbox's own is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OwnUserNs {
    /// Made for this launch, by the clone that made the mount namespace too.
    New,
    /// Mapped by somebody else (`--userns`, `--userns-block-fd`).
    Joined,
    /// New, and more than one user and one group are mapped in it.
    Several,
}

impl OwnUserNs {
    fn parse(name: &[u8]) -> Option<OwnUserNs> {
        let all = [OwnUserNs::New, OwnUserNs::Joined, OwnUserNs::Several];
        all.into_iter().find(|own| own.name().as_bytes() == name)
    }

    /// Its name in the argument.
    pub(super) fn name(self) -> &'static str {
        match self {
            OwnUserNs::New => "new",
            OwnUserNs::Joined => "joined",
            OwnUserNs::Several => "several",
        }
    }
}

impl Passed {
    /// Whether `fd` was opened on the way here, and is none that the user has.
    pub fn has(&self, fd: Fd) -> bool {
        [Some(self.plan), self.status, self.ready, self.proc, self.netns].contains(&Some(fd))
            || self.next.is_some_and(|next| next.iter().any(|next| next == fd))
    }

    /// What the first stage is passed: the plan, and nothing born on the way.
    pub fn first(plan: Fd) -> Passed {
        Passed {
            plan,
            next: None,
            status: None,
            ready: None,
            proc: None,
            netns: None,
            unblock: None,
            ids: None,
            caps: None,
            own_userns: None,
            own_mounts: false,
            own_pids: false,
            socket: None,
            terminal: None,
        }
    }
}

#[cfg(feature = "start")]
/// Whether these are the arguments of a stage that another program of ours has started: the plan comes first.
/// Anything else is the command line of somebody who uses the stage as a command of its own.
pub(super) fn has_plan(args: Strings<'static>) -> bool {
    args.get(1).is_some_and(|first| first.to_bytes().starts_with(b"--plan="))
}

/// Reads the arguments of a stage.
pub fn parse(args: Strings<'static>) -> Outcome<Passed> {
    let mut plan = None;
    let mut passed = Passed::first(Fd(-1));
    for arg in args.iter().skip(1) {
        let bad = || fault!("Invalid stage argument ", arg);
        let (name, value) = split(arg.to_bytes()).ok_or_else(bad)?;
        let known = match name {
            b"--plan" => decimal(value).map(|fd| plan = Some(Fd(fd))).is_some(),
            b"--next" => Next::parse(value).map(|next| passed.next = Some(next)).is_some(),
            b"--status" => decimal(value).map(|fd| passed.status = Some(Fd(fd))).is_some(),
            b"--ready" => decimal(value).map(|fd| passed.ready = Some(Fd(fd))).is_some(),
            b"--proc" => decimal(value).map(|fd| passed.proc = Some(Fd(fd))).is_some(),
            b"--netns" => decimal(value).map(|fd| passed.netns = Some(Fd(fd))).is_some(),
            b"--unblock" => hex(value).map(|set| passed.unblock = Some(SignalSet(set))).is_some(),
            b"--ids" => ids(value).map(|ids| passed.ids = Some(ids)).is_some(),
            b"--caps" => hex(value).map(|set| passed.caps = Some(CapSet(set))).is_some(),
            b"--own-mounts" => (value == b"new").then(|| passed.own_mounts = true).is_some(),
            b"--own-pids" => (value == b"new").then(|| passed.own_pids = true).is_some(),
            b"--socket" => decimal(value).map(|fd| passed.socket = Some(Fd(fd))).is_some(),
            b"--terminal" => decimal(value).map(|fd| passed.terminal = Some(Fd(fd))).is_some(),
            b"--own-userns" => OwnUserNs::parse(value).map(|own| passed.own_userns = Some(own)).is_some(),
            _ => false,
        };
        if !known {
            return Err(bad());
        }
    }
    passed.plan = plan.ok_or_else(|| fault!("--plan=FD is missing"))?;
    Ok(passed)
}

fn split(arg: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = arg.iter().position(|&byte| byte == b'=')?;
    let (name, value) = arg.split_at_checked(at)?;
    Some((name, value.get(1..)?))
}

/// A descriptor number: digits only.
pub(super) fn decimal(digits: &[u8]) -> Option<i32> {
    unsigned(digits).and_then(|n| i32::try_from(n).ok())
}

/// A number of 32 bits: digits only.
pub fn unsigned(digits: &[u8]) -> Option<u32> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u32, |n, &digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        n.checked_mul(10)?.checked_add(u32::from(digit))
    })
}

fn ids(value: &[u8]) -> Option<(u32, u32)> {
    let at = value.iter().position(|&byte| byte == b':')?;
    let (uid, gid) = value.split_at_checked(at)?;
    Some((unsigned(uid)?, unsigned(gid.get(1..)?)?))
}

fn hex(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &digit| {
        let digit = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' => digit - b'a' + 10,
            _ => return None,
        };
        Some(n << 4 | u64::from(digit))
    })
}

/// One argument being formatted, in a buffer that is large enough for every stage argument.
#[derive(Debug)]
pub struct Argument {
    buf: [u8; 96],
    len: usize,
}

impl Argument {
    /// An argument that starts with `prefix`.
    pub fn new(prefix: &str) -> Argument {
        let mut argument = Argument { buf: [0; 96], len: 0 };
        argument.text(prefix.as_bytes());
        argument
    }

    /// Appends `bytes`; what does not fit is left out, which the next stage's parser notices.
    pub fn text(&mut self, bytes: &[u8]) {
        // One byte stays 0 and ends the string.
        let end = self.len + bytes.len();
        if end < self.buf.len()
            && let Some(room) = self.buf.get_mut(self.len..end)
        {
            sys::copy(room, bytes);
            self.len = end;
        }
    }

    /// Appends `n` in decimal.
    pub fn decimal(&mut self, n: u32) {
        self.number(u64::from(n), 10);
    }

    /// Appends `n` in decimal.
    pub fn long_decimal(&mut self, n: u64) {
        self.number(n, 10);
    }

    /// Appends `n` in hexadecimal.
    pub fn hex(&mut self, n: u64) {
        self.number(n, 16);
    }

    fn number(&mut self, mut n: u64, base: u64) {
        let mut digits = [0u8; 20];
        let mut at = digits.len();
        for slot in digits.iter_mut().rev() {
            let digit = (n % base) as u8;
            *slot = if digit < 10 { b'0' + digit } else { b'a' + (digit - 10) };
            n /= base;
            at -= 1;
            if n == 0 {
                break;
            }
        }
        self.text(digits.get(at..).unwrap_or_default());
    }

    /// The argument.
    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.buf).unwrap_or(c"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Vector;

    fn parsed(args: &[&'static CStr]) -> Result<Passed, crate::report::Fault> {
        let mut vector = Vector::new(args.len() + 1).unwrap();
        vector.push(c"stage").unwrap();
        vector.extend(args.iter().copied()).unwrap();
        parse(vector.finish())
    }

    #[test]
    fn everything_that_is_passed_is_read() {
        let passed = parsed(&[
            c"--plan=3",
            c"--next=4,5",
            c"--status=6",
            c"--ids=1000:100",
            c"--caps=1ff",
            c"--unblock=80000",
        ]);
        let passed = passed.unwrap();
        assert_eq!((passed.plan, passed.status, passed.proc), (Fd(3), Some(Fd(6)), None));
        assert_eq!((passed.ids, passed.caps), (Some((1000, 100)), Some(CapSet(0x1ff))));
        assert_eq!(passed.unblock, Some(SignalSet::of(&[20])));
        assert_eq!(passed.next.unwrap().len(), 2);
        assert_eq!(parsed(&[c"--plan=0", c"--next="]).unwrap().next.unwrap().len(), 0);
    }

    #[test]
    fn everything_else_is_refused() {
        for wrong in [
            c"--plan",
            c"--plan=",
            c"--plan=-1",
            c"--plan=+1",
            c"--plan=1 ",
            c"--plan=2147483648",
            c"plan=3",
            c"--next=1,",
            c"--next=,1",
            c"--next=1,2,3,4,5,6",
            c"--ids=1",
            c"--ids=1:",
            c"--ids=:1",
            c"--ids=4294967296:1",
            c"--caps=",
            c"--caps=0x1",
            c"--caps=00000000000000001",
            c"--unblock=",
            c"--unblock=TSTP",
            c"--own-mounts=",
            c"--own-mounts=old",
            c"--own-pids=1",
            c"--help",
            c"",
        ] {
            assert!(parsed(&[c"--plan=3", wrong]).is_err(), "{wrong:?}");
        }
        assert!(parsed(&[]).is_err());
    }

    #[test]
    fn arguments_are_formatted_as_they_are_read() {
        let mut argument = Argument::new("--ids=");
        argument.decimal(u32::MAX);
        argument.text(b":");
        argument.decimal(0);
        assert_eq!(argument.as_c_str(), c"--ids=4294967295:0");
        let mut argument = Argument::new("--caps=");
        argument.hex(u64::MAX);
        assert_eq!(argument.as_c_str(), c"--caps=ffffffffffffffff");
    }
}
