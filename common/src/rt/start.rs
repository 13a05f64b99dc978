//! `_start`: relocates the image, finds arguments, environment and auxiliary vector on the stack, calls `main`.

use crate::sys::{Strings, exit};
use core::ffi::c_char;

/// What the kernel hands to a new program
/// ([`getauxval(3)`](https://man7.org/linux/man-pages/man3/getauxval.3.html), `execve(2)`).
#[derive(Clone, Copy, Debug)]
pub struct Start {
    /// The argument vector.
    pub args: Strings<'static>,
    /// The environment.
    pub env: Strings<'static>,
    /// `AT_SECURE`: this exec raised privileges (a set-user-ID bit or file capabilities on the executable).
    pub secure: bool,
}

core::arch::global_asm!(
    ".globl _start",
    ".hidden _DYNAMIC",
    ".type _start, @function",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "lea rsi, [rip + _DYNAMIC]",
    "lea rdx, [rip + __ehdr_start]",
    "and rsp, -16",
    "call {relocate_and_run}",
    "ud2",
    ".hidden __ehdr_start",
    relocate_and_run = sym relocate_and_run,
);

unsafe extern "Rust" {
    /// Defined by [`crate::entry`].
    fn sallyport_main(start: Start) -> !;
}

const DT_NULL: usize = 0;
const DT_RELA: usize = 7;
const DT_RELASZ: usize = 8;
const R_X86_64_RELATIVE: usize = 8;

/// Applies the image's relative relocations, then runs the stage. A static position-independent executable has
/// no others, and nobody else does it: there is no loader.
///
/// Until the loop has ended no address that the linker stored may be read: locals and constants only.
extern "C" fn relocate_and_run(stack: *const usize, mut dynamic: *const [usize; 2], base: usize) -> ! {
    let (mut rela, mut size) = (0, 0);
    loop {
        // SAFETY: `dynamic` walks the image's own dynamic section, which the linker ends with DT_NULL.
        let [tag, value] = unsafe { dynamic.read() };
        match tag {
            DT_NULL => break,
            DT_RELA => rela = base.wrapping_add(value),
            DT_RELASZ => size = value,
            _ => {}
        }
        dynamic = dynamic.wrapping_add(1);
    }
    let mut entry = rela as *const [usize; 3];
    let end = rela.wrapping_add(size);
    while (entry as usize) < end {
        // SAFETY: `entry` walks the table that DT_RELA and DT_RELASZ delimit, part of the loaded image.
        let [offset, info, addend] = unsafe { entry.read() };
        if info != R_X86_64_RELATIVE {
            exit(127);
        }
        let slot = base.wrapping_add(offset) as *mut usize;
        // SAFETY: a relative relocation names a word of the image's writable data, which nothing has read yet.
        unsafe { slot.write(base.wrapping_add(addend)) };
        entry = entry.wrapping_add(1);
    }
    let start = begin(stack);
    // SAFETY: the one definition is that of `entry!` in the executable, with this signature.
    unsafe { sallyport_main(start) }
}

/// Reads the initial stack (System V ABI for AMD64, "Initial Stack and Register State").
///
/// `stack` is the initial stack pointer; [`relocate_and_run`] calls this, once.
fn begin(stack: *const usize) -> Start {
    const AT_NULL: usize = 0;
    const AT_SECURE: usize = 23;
    // SAFETY: the kernel puts the argument count at the initial stack pointer.
    let argc = unsafe { stack.read() };
    let argv = stack.wrapping_add(1).cast::<*const c_char>();
    // SAFETY: the count is followed by that many pointers to strings and a null one; the kernel put them there
    // for the life of the process and no code of ours writes to them.
    let args = unsafe { Strings::from_raw(argv, argc) };
    let envp = argv.wrapping_add(argc).wrapping_add(1);
    let mut envc = 0;
    // SAFETY: the environment follows, pointers to strings ended by a null one, where the loop stops.
    while !unsafe { envp.wrapping_add(envc).read() }.is_null() {
        envc += 1;
    }
    // SAFETY: just counted; as for the arguments.
    let env = unsafe { Strings::from_raw(envp, envc) };
    let mut auxv = envp.wrapping_add(envc).wrapping_add(1).cast::<[usize; 2]>();
    let mut secure = false;
    loop {
        // SAFETY: the auxiliary vector follows the environment, pairs of words ended by AT_NULL.
        let [tag, value] = unsafe { auxv.read() };
        match tag {
            AT_NULL => break,
            AT_SECURE => secure = value != 0,
            _ => {}
        }
        auxv = auxv.wrapping_add(1);
    }
    Start { args, env, secure }
}
