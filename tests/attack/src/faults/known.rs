//! What cannot reasonably be noticed: the list of what comes of a fault and is neither "nothing was run" nor "the
//! command ran as confined as ever", with the reason why each is let be.
//!
//! Most are calls that say they have worked and have not ("no-effect"). The kernel does no such thing; who emulates it
//! or stands between it and a launch (a seccomp filter that answers 0, a supervisor) may. So what matters most is read
//! back by the stages: capabilities, `no_new_privs`, the session, the flags of mounts, the root, user namespaces. For
//! the rest it would cost a call for each call.

use super::calls::{fault_name, operation};
use super::judge::Verdict;
use super::trace::{Call, Fault};

/// A row of the list.
#[derive(Clone, Copy, Debug)]
pub struct Known {
    /// The executable that makes the call; empty for any.
    pub image: &'static str,
    /// The call, or how its name begins.
    pub call: &'static str,
    /// How it goes wrong; "E" for any errno.
    pub fault: &'static str,
    /// What comes of it.
    pub verdict: &'static str,
    /// Only in scenarios whose names begin so.
    pub scenario: &'static str,
    /// Why that is let be.
    pub why: &'static str,
}

const ROW: Known =
    Known { image: "", call: "", fault: "no-effect", verdict: "weaker", scenario: "", why: "" };

/// All of them.
pub const KNOWN: &[Known] = &[
    Known {
        call: "close",
        why: "Whether a number is still open could only be told by asking for each. What stays open in the command is \
              the sealed plan or what its caller gave.",
        ..ROW
    },
    Known {
        call: "fcntl(setfd)",
        why: "The same of close-on-exec; what stays open is a path descriptor of a stage's executable.",
        ..ROW
    },
    Known {
        image: "init-reaper",
        call: "close",
        verdict: "hung",
        why: "The end of a pipe that somebody still holds does not come. Nothing runs.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "write",
        verdict: "hung",
        why: "The go, or a report that somebody waits for, that was never written. Nothing runs.",
        ..ROW
    },
    Known {
        image: "init-reaper",
        call: "close",
        fault: "E",
        why: "The command's filters, which pid 1 wears by then, may deny close: then a byte is the go, and pid 1 keeps \
              the writing end of a pipe that nobody reads.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "umask",
        why: "umask has no failure; what is made for the sandbox has its mode set in any case.",
        ..ROW
    },
    Known {
        call: "chdir",
        why: "The command starts in another directory of the sandbox. That the one before is none of the host's follows \
              from the check of the root.",
        ..ROW
    },
    Known {
        image: "priv-drop",
        call: "prctl(bounding-drop",
        why: "Forty more calls to read back. A capability left in the bounding set can be had by no exec under \
              no_new_privs, which is read back.",
        ..ROW
    },
    Known {
        call: "prctl(ambient raise)",
        why: "The command, or a later stage, has less than it should.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "move_mount",
        why: "A mount that is not there shows what is below it. Asking again is a lookup for each mount, on the path of \
              every bind; that the root is the one that was built is checked.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "fsconfig",
        why: "An option of a new file system: its source's name, the mode of its root, which is the sandbox's own.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "fchmodat2",
        why: "A mode inside the sandbox. The caller's own files are behind the flags of their mounts.",
        ..ROW
    },
    Known {
        call: "write",
        why: "An id map or data of a file that are missing: the command is nobody, or sees an empty file. The limit of \
              --disable-userns is proved by trying.",
        ..ROW
    },
    Known {
        call: "write",
        verdict: "misreported",
        why: "A report that is missing. Who reads it knows.",
        ..ROW
    },
    Known { image: "ns-enter", call: "sethostname", why: "A name.", ..ROW },
    Known {
        call: "rt_sigprocmask",
        scenario: "chain",
        why: "The command starts with signals blocked that a chain's init hands on to it. It is no less confined.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "rt_sigprocmask",
        why: "The command starts with the signals blocked by which a terminal stops a job. It is no less confined.",
        ..ROW
    },
    Known {
        image: "init-reaper",
        call: "setpgid",
        scenario: "chain",
        why: "The command is in the process group of its init, which ends with it.",
        ..ROW
    },
    Known {
        image: "fs-build",
        fault: "EPERM",
        scenario: "sys",
        why: "EPERM is the kernel's answer to who may not have a sysfs of his own: the host's is shown, read-only, which \
              is read back.",
        ..ROW
    },
    Known {
        image: "fs-build",
        fault: "E",
        scenario: "console",
        why: "No /dev/console, as for a caller without a terminal; the command has its own all the same.",
        ..ROW
    },
    Known {
        image: "pty-relay",
        fault: "E",
        scenario: "console",
        why: "A relay that ends early hangs up the sandbox's terminal: there is no /dev/console, and what is written to \
              it is lost. That was said.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "fcntl(setfd)",
        fault: "E",
        scenario: "console",
        why: "The same of a relay that could not be started.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "dup2",
        scenario: "console",
        why: "One of the command's standard descriptors is still its caller's, which it would have without --console.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "close",
        verdict: "hung",
        scenario: "console",
        why: "The relay waits for the end of a terminal that somebody still holds; the command has ended.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "close",
        fault: "E",
        verdict: "hung",
        scenario: "console",
        why: "The same of a descriptor that the kernel does not close. Linux closes it whatever it says.",
    },
    Known {
        image: "ns-enter",
        call: "fcntl(setfd)",
        verdict: "unsaid",
        scenario: "console",
        why: "The relay has no socket and nothing to say it on. Nothing runs.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "clone",
        fault: "EPERM",
        verdict: "unsaid",
        scenario: "chain",
        why: "Said in two lines, the second a hint at what may be the matter with the host.",
    },
    Known {
        call: "recvfrom",
        fault: "E",
        verdict: "unsaid",
        scenario: "cgroup",
        why: "Monitor and keeper both say why they stop: two messages.",
        ..ROW
    },
    Known {
        image: "cgroup-keeper",
        fault: "kill-before",
        verdict: "left",
        scenario: "cgroup",
        why: "Who kills the keeper alone has a cgroup left, with nobody in it: the sandbox is ended by its monitor.",
        ..ROW
    },
    Known {
        image: "cgroup-keeper",
        fault: "kill-after",
        verdict: "left",
        scenario: "cgroup",
        why: "The same.",
        ..ROW
    },
    Known {
        call: "prctl(seccomp)",
        why: "After the last filter no call may be made but the exec: it need not allow one that asks.",
        ..ROW
    },
    Known {
        image: "ns-enter",
        call: "prctl(subreaper)",
        verdict: "misreported",
        why: "The sandbox's process is waited for in vain: exit status 1 instead of the command's.",
        ..ROW
    },
    Known {
        image: "priv-drop",
        call: "setns",
        why: "--userns2 is not entered; the command has no more capabilities in --userns, which is the caller's own.",
        ..ROW
    },
    Known {
        call: "prctl(pdeathsig",
        why: "Asked for several times on the way, by each process; one of them is enough with a PID namespace.",
        ..ROW
    },
    Known {
        image: "bwrap",
        call: "fcntl(getfd)",
        fault: "EBADF",
        why: "EBADF is the answer for a descriptor that is not open, which the caller may name.",
        ..ROW
    },
    Known {
        image: "fs-build",
        call: "mount_setattr",
        fault: "E",
        scenario: "best-effort",
        why: "--not-a-security-boundary asks for it: a warning.",
        ..ROW
    },
    Known { image: "fs-build", call: "mount_setattr", scenario: "best-effort", why: "The same.", ..ROW },
    Known {
        image: "ns-enter",
        call: "clone",
        fault: "E",
        verdict: "unsaid",
        scenario: "chain",
        why: "Said in two lines, as a stage of a chain does: the second says why, and what to do.",
    },
    Known {
        image: "ns-enter",
        call: "read",
        fault: "E",
        verdict: "unsaid",
        scenario: "maps-auto",
        why: "Said by both sides: the child says what failed, the monitor that nobody is there to map.",
    },
    Known {
        image: "ns-enter",
        call: "close",
        fault: "E",
        verdict: "unsaid",
        scenario: "maps-auto",
        why: "The same.",
    },
    Known {
        fault: "kill-before",
        scenario: "console",
        why: "A relay that is killed, or whose monitor is, hangs up the sandbox's terminal: its file is gone from /dev/pts.",
        ..ROW
    },
    Known { fault: "kill-after", scenario: "console", why: "The same.", ..ROW },
    Known {
        image: "ns-enter",
        call: "execve",
        fault: "E",
        scenario: "console",
        why: "The same of a relay that was never started. That was said.",
        ..ROW
    },
    Known {
        image: "cgroup-keeper",
        fault: "kill-before",
        verdict: "hung",
        why: "What the command leaves behind is killed by the keeper; who kills that alone, as the same user, lets it run.",
        ..ROW
    },
    Known { image: "cgroup-keeper", fault: "kill-after", verdict: "hung", why: "The same.", ..ROW },
    Known {
        image: "init-reaper",
        call: "close_range",
        fault: "kill-before",
        why: "Pid 1 is being killed, and the kernel kills all that are in its namespace: in the moment between, the \
              command may see that nothing is to be seen of it any more. Itself it is as confined as ever.",
        ..ROW
    },
    Known { image: "init-reaper", call: "close_range", fault: "kill-after", why: "The same.", ..ROW },
    Known {
        image: "fs-build",
        call: "mount",
        verdict: "left",
        why: "All mounts are made slaves, for root alone: in a new user namespace they are. Asking for the propagation \
              of the root takes Linux 6.8.",
        ..ROW
    },
];

impl Known {
    /// The row for what came of `fault` in `call`, if that is known.
    pub fn find(scenario: &str, call: &Call, fault: Fault, verdict: &Verdict) -> Option<&'static Known> {
        let (operation, fault) = (operation(call), fault_name(fault));
        KNOWN.iter().find(|row| {
            let same_fault = if row.fault == "E" { fault.starts_with('E') } else { row.fault == fault };
            same_fault
                && (row.image.is_empty() || row.image == call.image)
                && operation.starts_with(row.call)
                && row.verdict == verdict.word()
                && scenario.starts_with(row.scenario)
        })
    }

    /// The row in a line.
    pub fn shown(&self) -> String {
        let image = if self.image.is_empty() { "any" } else { self.image };
        format!("{image}: {} {}: {}: {}", self.call, self.fault, self.verdict, self.why)
    }
}
