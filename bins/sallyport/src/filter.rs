//! What a plan's filters answer, for those who read the plan.

use crate::document::Document;
use common::plan::SeccompLoad;
use sallyport::seccomp::arch::Arch;
use sallyport::seccomp::bpf::{Call, Malformed, Program, answer_of_all};

/// The instructions of a program in words, a line each.
pub fn lines(program: &[u8]) -> Vec<String> {
    match Program::from_bytes(program) {
        Ok(program) => program.disassemble().iter().map(ToString::to_string).collect(),
        Err(malformed) => vec![format!("the kernel will refuse it: {malformed}")],
    }
}

/// The filters of a plan; `None` if the kernel would take one of them for no program.
fn programs(frame: Option<&SeccompLoad<'static>>) -> Option<Vec<Program>> {
    let programs = frame.map(|frame| frame.programs).into_iter().flat_map(|programs| programs.iter());
    let decoded: Result<Vec<Program>, Malformed> =
        programs.map(|program| Program::from_bytes(program.bytes())).collect();
    decoded.ok()
}

/// Calls that the filters should refuse, by the words for the way they are made, of which some may be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All of them are refused.
    All,
    /// These ways are open.
    Open(Vec<String>),
    /// There is no filter.
    NoFilter,
}

/// Asks the filters of `document` about each of these calls.
fn ask(document: &Document, calls: impl Iterator<Item = (String, Call)>) -> Refusal {
    // A program that the kernel refuses ends the launch: nothing is allowed.
    let Some(programs) = programs(document.seccomp_load.as_ref()) else { return Refusal::All };
    if programs.is_empty() {
        return Refusal::NoFilter;
    }
    let is_open = |call: &Call| matches!(answer_of_all(&programs, call), Ok(Some((_, answer))) if answer.action.is_allowed());
    let open: Vec<String> = calls.filter(|(_, call)| is_open(call)).map(|(way, _)| way).collect();
    if open.is_empty() { Refusal::All } else { Refusal::Open(open) }
}

/// `name` with these arguments, as each kind of program can make the call.
fn each_arch(name: &'static str, args: [u64; 6]) -> impl Iterator<Item = (Arch, Call)> {
    Arch::ALL.into_iter().filter_map(move |arch| Some((arch, Call::new(arch, arch.number(name)?, args))))
}

/// ioctl(2) requests that put characters into a terminal's input.
const TERMINAL_INPUT: [(&str, u64); 2] = [("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541c)];

/// Whether the filters keep the command from typing into a terminal. The kernel looks at the lower half of the request
/// only, so a filter that compares all of it lets through what has a bit set above (CVE-2019-10063).
pub fn terminal_input(document: &Document) -> Refusal {
    let calls = TERMINAL_INPUT.into_iter().flat_map(|(name, request)| {
        [(request, ""), (request | 1 << 32, " with a bit above the lower 32 set")].into_iter().flat_map(
            move |(value, how)| {
                each_arch("ioctl", [0, value, 0, 0, 0, 0])
                    .filter(move |(arch, _)| how.is_empty() || *arch != Arch::I386)
                    .map(move |(arch, call)| (format!("{name}{how}, called as {}", arch.name()), call))
            },
        )
    });
    ask(document, calls)
}

/// Whether the filters keep the command from making user namespaces. clone3(2) has its flags in memory, where a filter
/// cannot look.
pub fn user_namespaces(document: &Document) -> Refusal {
    const NEWUSER: u64 = 0x1000_0000;
    let calls = ["unshare", "clone", "clone3"].into_iter().flat_map(|name| {
        let first = if name == "clone3" { 1 << 40 } else { NEWUSER };
        each_arch(name, [first, 88, 0, 0, 0, 0])
            .map(move |(arch, call)| (format!("{name}, called as {}", arch.name()), call))
    });
    ask(document, calls)
}
