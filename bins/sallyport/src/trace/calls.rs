//! System calls in words: which ones change something, and what their arguments mean.

use crate::words::escaped;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use sallyport::seccomp::arch::Arch;
use sallyport::seccomp::names;
use std::io::IoSliceMut;

/// How an argument is shown.
#[derive(Clone, Copy)]
enum Arg {
    /// A number or a descriptor.
    Int,
    /// Bits or an address, with names where there are some.
    Bits,
    /// A text, which is read from the process.
    Text,
}

use Arg::{Bits, Int, Text};

/// The calls by which a launch changes something, and their arguments.
const OPERATIONS: [(&str, &[Arg]); 44] = [
    ("capset", &[Bits, Bits]),
    ("chdir", &[Text]),
    ("clone", &[Bits]),
    ("clone3", &[Bits, Int]),
    ("close_range", &[Int, Int, Bits]),
    ("execve", &[Text]),
    ("execveat", &[Int, Text]),
    ("exit_group", &[Int]),
    ("fchdir", &[Int]),
    ("fchmod", &[Int, Bits]),
    ("fchmodat", &[Int, Text, Bits]),
    ("fchmodat2", &[Int, Text, Bits, Bits]),
    ("fork", &[]),
    ("fsconfig", &[Int, Int, Text, Text, Int]),
    ("fsmount", &[Int, Bits, Bits]),
    ("fsopen", &[Text, Bits]),
    ("ftruncate", &[Int, Int]),
    ("keyctl", &[Int, Text]),
    ("kill", &[Int, Int]),
    ("memfd_create", &[Text, Bits]),
    ("mkdirat", &[Int, Text, Bits]),
    ("mknodat", &[Int, Text, Bits, Bits]),
    ("mount", &[Text, Text, Text, Bits]),
    ("mount_setattr", &[Int, Text, Bits]),
    ("move_mount", &[Int, Text, Int, Text, Bits]),
    ("open_tree", &[Int, Text, Bits]),
    ("open_tree_attr", &[Int, Text, Bits]),
    ("pivot_root", &[Text, Text]),
    ("prctl", &[Bits, Bits]),
    ("prlimit64", &[Int, Int]),
    ("seccomp", &[Int, Bits]),
    ("setgroups", &[Int]),
    ("sethostname", &[Text]),
    ("setns", &[Int, Bits]),
    ("setresgid", &[Int, Int, Int]),
    ("setresuid", &[Int, Int, Int]),
    ("setsid", &[]),
    ("symlinkat", &[Text, Int, Text]),
    ("umask", &[Bits]),
    ("umount2", &[Text, Bits]),
    ("unlinkat", &[Int, Text, Bits]),
    ("unshare", &[Bits]),
    ("vfork", &[]),
    ("wait4", &[Int]),
];

/// Others whose texts are worth reading when they fail.
const OTHERS: [(&str, &[Arg]); 10] = [
    ("faccessat2", &[Int, Text, Bits]),
    ("ioctl", &[Int, Bits]),
    ("newfstatat", &[Int, Text]),
    ("openat", &[Int, Text, Bits]),
    ("openat2", &[Int, Text]),
    ("readlinkat", &[Int, Text]),
    ("socket", &[Bits, Int, Int]),
    ("stat", &[Text]),
    ("statfs", &[Text]),
    ("statx", &[Int, Text, Bits]),
];

/// A call, before it is made.
pub struct Entered {
    /// Its name and arguments.
    pub text: String,
    /// Whether it changes something.
    pub is_operation: bool,
}

/// What a process asks for. Texts are read now: afterwards they may be gone.
pub fn entered(pid: Pid, nr: u64, args: [u64; 6]) -> Entered {
    let name = u32::try_from(nr).ok().and_then(|nr| Arch::X86_64.call_name(nr));
    let Some(name) = name else { return Entered { text: format!("syscall {nr:#x}"), is_operation: true } };
    let known = OPERATIONS.iter().find(|(known, _)| *known == name);
    let kinds = known.or_else(|| OTHERS.iter().find(|(known, _)| *known == name)).map(|(_, kinds)| *kinds);
    let shown: Vec<String> = match kinds {
        Some(kinds) => {
            kinds.iter().zip(args).zip(0..).map(|((kind, arg), n)| show(pid, name, *kind, arg, n)).collect()
        }
        None => args.iter().take(3).map(|arg| show(pid, name, Int, *arg, 0)).collect(),
    };
    let more = if kinds.is_some() { "" } else { ", …" };
    Entered { text: format!("{name}({}{more})", shown.join(", ")), is_operation: known.is_some() }
}

fn show(pid: Pid, call: &str, kind: Arg, value: u64, n: u32) -> String {
    match kind {
        // Descriptors and most numbers are ints: the upper half means nothing. AT_FDCWD and -1 are best known so.
        Int => match value as u32 as i32 {
            -100 => "AT_FDCWD".to_owned(),
            small => small.to_string(),
        },
        Bits => names::meaning(call, n, value).unwrap_or_else(|| format!("{value:#x}")),
        Text if value == 0 => "NULL".to_owned(),
        Text => text(pid, value).map_or_else(|| format!("{value:#x}"), |text| format!("\"{text}\"")),
    }
}

/// The most that is read of a text: a path.
const MOST: usize = 4096;
const PAGE: u64 = 4096;

/// The text at `address` of the process, as far as it can be read.
fn text(pid: Pid, address: u64) -> Option<String> {
    let mut bytes = Vec::new();
    let mut at = address;
    while bytes.len() < MOST {
        // Up to the end of the page: the next one may not be there.
        let len = usize::try_from(PAGE - at % PAGE).ok()?;
        let mut chunk = vec![0; len];
        let remote = RemoteIoVec { base: usize::try_from(at).ok()?, len };
        let read = process_vm_readv(pid, &mut [IoSliceMut::new(&mut chunk)], &[remote]).ok()?;
        let chunk = chunk.get(..read)?;
        if let Some(end) = chunk.iter().position(|byte| *byte == 0) {
            bytes.extend_from_slice(chunk.get(..end)?);
            return Some(escaped(&bytes));
        }
        bytes.extend_from_slice(chunk);
        at = at.checked_add(u64::try_from(read).ok()?)?;
    }
    Some(escaped(bytes.get(..MOST)?) + "…")
}
