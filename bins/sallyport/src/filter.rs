//! What a plan's filters answer, for those who read the plan.

use crate::document::Document;
use common::plan::SeccompLoad;
use sallyport::seccomp::arch::Arch;
use sallyport::seccomp::bpf::{Bits, Pattern, Program};

/// What of a program the kernel takes, or what it refuses.
fn loadable(program: &[u8]) -> Result<Program, String> {
    let program = Program::from_bytes(program).map_err(|malformed| malformed.to_string())?;
    program.check().map_err(|refusal| refusal.to_string())?;
    Ok(program)
}

/// The instructions of a program in words, a line each, and whether the kernel will refuse it.
pub fn lines(program: &[u8]) -> Vec<String> {
    let refusal = loadable(program).err().map(|why| format!("the kernel will refuse it: {why}"));
    let listing =
        Program::from_bytes(program).ok().map(|program| program.disassemble()).into_iter().flatten();
    refusal.into_iter().chain(listing.map(|line| line.to_string())).collect()
}

/// Instruction `index` of the plan's filter number `filter` in words, both counted from 0.
pub fn line(document: &Document, filter: usize, index: usize) -> Option<String> {
    let program = Program::from_bytes(bytes(document).nth(filter)?).ok()?;
    Some(program.disassemble().get(index)?.to_string().trim_start().to_owned())
}

/// The filters of a plan that the kernel refuses: their numbers, counted from 1, and why.
pub fn refused(document: &Document) -> Vec<(usize, String)> {
    let why = |(index, program)| loadable(program).err().map(|why| (index + 1, why));
    bytes(document).enumerate().filter_map(why).collect()
}

fn bytes(document: &Document) -> impl Iterator<Item = &'static [u8]> {
    let frame: Option<SeccompLoad<'static>> = document.seccomp_load;
    frame.into_iter().flat_map(|frame| frame.programs.iter()).map(|program| program.bytes())
}

/// Calls that the filters should refuse, by the words for the way they are made, of which some may be allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// All of them are refused, whatever their other arguments.
    All,
    /// These ways are open, as far as one can tell.
    Open(Vec<String>),
    /// There is no filter.
    NoFilter,
    /// The kernel refuses a filter: there is no launch, and nothing to say of it.
    Unloadable,
}

/// Asks the filters of `document` about each of these calls. What one of them refuses whatever the rest of the call is
/// refused; where each has a path to leave, or more of them than can be gone, none is taken to refuse.
fn ask(document: &Document, calls: impl Iterator<Item = (String, Pattern)>) -> Refusal {
    let programs: Result<Vec<Program>, String> = bytes(document).map(loadable).collect();
    let Ok(programs) = programs else { return Refusal::Unloadable };
    if programs.is_empty() {
        return Refusal::NoFilter;
    }
    let is_open = |call: &Pattern| programs.iter().all(|program| program.can_allow(call) != Some(false));
    let open: Vec<String> = calls.filter(|(_, call)| is_open(call)).map(|(way, _)| way).collect();
    if open.is_empty() { Refusal::All } else { Refusal::Open(open) }
}

/// `name` with any arguments, as each kind of program can make the call.
fn each_arch(name: &'static str) -> impl Iterator<Item = (Arch, Pattern)> {
    Arch::ALL.into_iter().filter_map(move |arch| Some((arch, Pattern::new(arch, arch.number(name)?))))
}

/// ioctl(2) requests that put characters into a terminal's input.
const TERMINAL_INPUT: [(&str, u32); 2] = [("TIOCSTI", 0x5412), ("TIOCLINUX", 0x541c)];

/// Whether the filters keep the command from typing into a terminal. The kernel looks at the lower half of the request
/// only, so a filter that compares all of it lets through what has a bit set above (CVE-2019-10063); and at all other
/// arguments late or never, so that one that refuses by those lets through what differs there.
pub fn terminal_input(document: &Document) -> Refusal {
    let calls = TERMINAL_INPUT.into_iter().flat_map(|(name, request)| {
        let halves = [(Bits::exactly(0), ""), (Bits::set(1), " with a bit above the lower 32 set")];
        halves.into_iter().flat_map(move |(upper, how)| {
            each_arch("ioctl").filter(move |(arch, _)| how.is_empty() || *arch != Arch::I386).map(
                move |(arch, call)| {
                    let way = format!("{name}{how}, called as {}", arch.name());
                    (way, call.with(1, Bits::exactly(request), upper))
                },
            )
        })
    });
    ask(document, calls)
}

/// Whether the filters keep the command from making user namespaces, with whatever else beside. clone3(2) has its flags
/// in memory, where a filter cannot look; of the upper half of them unshare(2) takes none, and clone(2) ignores it.
pub fn user_namespaces(document: &Document) -> Refusal {
    const NEWUSER: Bits = Bits::set(0x1000_0000);
    let flags = [
        ("unshare", NEWUSER, Bits::exactly(0)),
        ("clone", NEWUSER, Bits::FREE),
        ("clone3", Bits::FREE, Bits::FREE),
    ];
    let calls = flags.into_iter().flat_map(|(name, lower, upper)| {
        each_arch(name).map(move |(arch, call)| {
            (format!("{name}, called as {}", arch.name()), call.with(0, lower, upper))
        })
    });
    ask(document, calls)
}
