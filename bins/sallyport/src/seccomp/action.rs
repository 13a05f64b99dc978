//! What a filter can answer, and in which order the kernel prefers the answers.

use nix::libc;
use std::fmt;

/// `SECCOMP_RET_…` with its data, as a program returns it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Action(pub u32);

/// The kind of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The process dies of SIGSYS. What the kernel does not know is this too.
    KillProcess,
    /// The thread dies of SIGSYS.
    KillThread,
    /// SIGSYS, which may be handled.
    Trap,
    /// The call fails, or with 0 pretends to have succeeded.
    Errno,
    /// A supervisor is asked.
    Notify,
    /// A tracer is asked.
    Trace,
    /// The call is made and logged.
    Log,
    /// The call is made.
    Allow,
}

impl Action {
    /// The process dies.
    pub const KILL_PROCESS: Action = Action(0x8000_0000);
    /// The thread dies.
    pub const KILL_THREAD: Action = Action(0);
    /// SIGSYS.
    pub const TRAP: Action = Action(0x0003_0000);
    /// The call is made and logged.
    pub const LOG: Action = Action(0x7ffc_0000);
    /// The call is made.
    pub const ALLOW: Action = Action(0x7fff_0000);

    /// The call fails with this number, of which the kernel takes 4095 at most.
    pub const fn errno(number: u16) -> Action {
        Action(0x0005_0000 | number as u32)
    }

    /// A tracer is asked, and told this number.
    pub const fn trace(number: u16) -> Action {
        Action(0x7ff0_0000 | number as u32)
    }

    /// What kind of answer it is.
    pub const fn kind(self) -> Kind {
        match self.0 & 0xffff_0000 {
            0 => Kind::KillThread,
            0x0003_0000 => Kind::Trap,
            0x0005_0000 => Kind::Errno,
            0x7fc0_0000 => Kind::Notify,
            0x7ff0_0000 => Kind::Trace,
            0x7ffc_0000 => Kind::Log,
            0x7fff_0000 => Kind::Allow,
            _ => Kind::KillProcess,
        }
    }

    /// The lower half: an errno, a tracer's message.
    pub const fn data(self) -> u16 {
        self.0 as u16
    }

    /// The kernel's order: of several filters' answers the smallest counts, whatever its data.
    pub const fn rank(self) -> i32 {
        (self.0 & 0xffff_0000).cast_signed()
    }

    /// Whether the call is made.
    pub const fn is_allowed(self) -> bool {
        matches!(self.kind(), Kind::Allow | Kind::Log)
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind() {
            Kind::KillThread => write!(f, "kill thread"),
            Kind::Trap => write!(f, "trap SIGSYS"),
            Kind::Errno if self.data() == 0 => write!(f, "skip (returns 0)"),
            Kind::Errno => write!(f, "errno {}", errno_name(self.data())),
            Kind::Notify => write!(f, "notify"),
            Kind::Trace => write!(f, "trace {}", self.data()),
            Kind::Log => write!(f, "log and allow"),
            Kind::Allow => write!(f, "allow"),
            Kind::KillProcess if self.0 & 0xffff_0000 == Action::KILL_PROCESS.0 => write!(f, "kill process"),
            Kind::KillProcess => write!(f, "kill process (unknown action {:#010x})", self.0),
        }
    }
}

/// The name of an errno, or its number where it has none.
pub fn errno_name(number: u16) -> String {
    nix_name(number).unwrap_or_else(|| number.to_string())
}

fn nix_name(number: u16) -> Option<String> {
    let errno = nix::errno::Errno::from_raw(i32::from(number));
    (errno != nix::errno::Errno::UnknownErrno).then(|| format!("{errno:?}"))
}

/// Errors with two names: the one that [`errno_name`] does not give.
const ALIASES: [(&str, i32); 3] =
    [("EWOULDBLOCK", libc::EWOULDBLOCK), ("EDEADLOCK", libc::EDEADLOCK), ("ENOTSUP", libc::ENOTSUP)];

/// The errno called `name`.
pub fn errno_number(name: &str) -> Option<u16> {
    if let Some((_, number)) = ALIASES.iter().find(|(alias, _)| *alias == name) {
        return u16::try_from(*number).ok();
    }
    (1..=4095).find(|&number| nix_name(number).is_some_and(|known| known == name))
}
