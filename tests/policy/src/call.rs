//! System calls of all three kinds, as a 64-bit process makes them.

use crate::Made;
use sallyport::seccomp::arch::Arch;
use std::arch::asm;

/// Makes the call; what the kernel returns.
pub fn make((arch, nr, args): &Made) -> i64 {
    match arch {
        Arch::X86_64 | Arch::X32 => native(*nr, args),
        Arch::I386 => i386(*nr, args),
    }
}

fn native(nr: u32, [a, b, c, d, e, f]: &[u64; 6]) -> i64 {
    let result;
    // SAFETY: the arguments are no addresses of this process, so the kernel reads and writes nothing of it; calls that
    // change the process itself are made in one that does nothing else.
    unsafe {
        asm!("syscall", inlateout("rax") u64::from(nr) => result, in("rdi") *a, in("rsi") *b, in("rdx") *c, in("r10") *d,
            in("r8") *e, in("r9") *f, lateout("rcx") _, lateout("r11") _);
    }
    result
}

fn i386(nr: u32, [a, b, c, d, e, f]: &[u64; 6]) -> i64 {
    let result: u32;
    // SAFETY: as above; the two registers that the compiler keeps for itself are put back.
    unsafe {
        asm!("push rbx", "push rbp", "mov ebx, r8d", "mov ebp, r9d", "int 0x80", "pop rbp", "pop rbx",
            inlateout("eax") nr => result, in("ecx") *b as u32, in("edx") *c as u32, in("esi") *d as u32,
            in("edi") *e as u32, inout("r8") *a => _, inout("r9") *f => _, lateout("r10") _, lateout("r11") _);
    }
    i64::from(result.cast_signed())
}

/// Whether this kernel takes calls of 32-bit programs.
pub fn i386_works() -> bool {
    let getpid = (Arch::I386, 20, [0; 6]);
    let made = crate::outcomes(&[], &[getpid], &|_| false);
    matches!(made.as_deref(), Ok([crate::Outcome::Returned(pid)]) if *pid > 0)
}
