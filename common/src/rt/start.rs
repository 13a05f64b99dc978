//! `_start`: relocates the image, finds arguments, environment and auxiliary vector on the stack, calls `main`.

use crate::sys::{self, Strings, exit};
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
const DT_RELRSZ: usize = 35;
const DT_RELR: usize = 36;

/// Applies the image's relative relocations, then runs the stage. A static position-independent executable linked
/// with `pack-relative-relocs` has no others, and nobody else does it: there is no loader.
///
/// Until the loop has ended no address that the linker stored may be read: locals and constants only.
extern "C" fn relocate_and_run(stack: *const usize, mut dynamic: *const [usize; 2], base: usize) -> ! {
    let (mut relr, mut size) = (0, 0);
    loop {
        // SAFETY: `dynamic` walks the image's own dynamic section, which the linker ends with DT_NULL.
        let [tag, value] = unsafe { dynamic.read() };
        match tag {
            DT_NULL => break,
            DT_RELR => relr = base.wrapping_add(value),
            DT_RELRSZ => size = value,
            // A relocation of another kind: this file was not linked as bins/build.rs says.
            DT_RELA => exit(127),
            _ => {}
        }
        dynamic = dynamic.wrapping_add(1);
    }
    let mut entry = relr as *const usize;
    let mut next = base as *mut usize;
    while (entry as usize) < relr.wrapping_add(size) {
        // SAFETY: `entry` walks the table that DT_RELR and DT_RELRSZ delimit, part of the loaded image.
        let word = unsafe { entry.read() };
        if word & 1 == 0 {
            // An address: that word, and the bitmaps that follow are about those after it.
            next = base.wrapping_add(word) as *mut usize;
            relocate(next, base);
            next = next.wrapping_add(1);
        } else {
            // A bitmap of the next 63 words.
            let mut bits = word >> 1;
            let mut slot = next;
            while bits != 0 {
                if bits & 1 == 1 {
                    relocate(slot, base);
                }
                bits >>= 1;
                slot = slot.wrapping_add(1);
            }
            next = next.wrapping_add(63);
        }
        entry = entry.wrapping_add(1);
    }
    if protect(base).is_err() {
        let _ =
            sys::write_all(sys::STDERR, b"sallyport: Can't make relocated data read-only, nothing was run\n");
        exit(1);
    }
    let start = begin(stack);
    // SAFETY: the one definition is that of `entry!` in the executable, with this signature.
    unsafe { sallyport_main(start) }
}

/// An entry of the program header table (`Elf64_Phdr`).
#[repr(C)]
#[derive(Clone, Copy)]
struct Segment {
    kind: u32,
    _flags: u32,
    _offset: usize,
    address: usize,
    _physical: usize,
    _in_file: usize,
    size: usize,
    _align: usize,
}

/// Makes read-only what the linker says nobody writes to after relocation (`PT_GNU_RELRO`). A loader does it for other
/// programs; here it is all the writable data that an image has, so what hostile plans are read with cannot be turned.
fn protect(base: usize) -> sys::Result<()> {
    const PHOFF: usize = 32;
    const PHNUM: usize = 56;
    const PT_GNU_RELRO: u32 = 0x6474_e552;
    const PAGE: usize = 4096;
    // SAFETY: `base` is the image's ELF header, 64 bytes that are mapped with the program text.
    let table = unsafe { (base.wrapping_add(PHOFF) as *const usize).read() };
    // SAFETY: the same header.
    let count = unsafe { (base.wrapping_add(PHNUM) as *const u16).read() };
    for index in 0..usize::from(count) {
        let entry = (base.wrapping_add(table) as *const Segment).wrapping_add(index);
        // SAFETY: the header says that there are so many entries; they are mapped along with it, since the first
        // segment begins with both (bins/build.rs, `noseparate-code`).
        let segment = unsafe { entry.read() };
        if segment.kind == PT_GNU_RELRO {
            let first = base.wrapping_add(segment.address) & !(PAGE - 1);
            let end = base.wrapping_add(segment.address).wrapping_add(segment.size);
            let args = [first, end.wrapping_sub(first), sys::PROT_READ, 0, 0, 0];
            // SAFETY: mprotect reads and writes no memory. It takes write permission from pages that the linker keeps
            // for data which is relocated and then constant; nothing in them is a Rust `static mut` or has interior
            // mutability (`cargo xtask harden`: no other writable section).
            unsafe { sys::raw::syscall6(sys::raw::nr::MPROTECT, args) }?;
        }
    }
    Ok(())
}

/// Adds the load address to a word that holds an offset (ELF gABI, "Relative relocation table").
#[inline(always)]
fn relocate(slot: *mut usize, base: usize) {
    // SAFETY: a relative relocation names a word of the image's writable data, which nothing has read yet.
    let offset = unsafe { slot.read() };
    // SAFETY: the same word.
    unsafe { slot.write(base.wrapping_add(offset)) };
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
