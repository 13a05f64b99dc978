//! The system call instruction and the numbers of the calls that sallyport makes (x86_64).

use crate::errno::Errno;
use core::arch::asm;

/// System call numbers, from `arch/x86/entry/syscalls/syscall_64.tbl` of Linux 6.18.
#[allow(missing_docs)]
pub mod nr {
    pub const READ: usize = 0;
    pub const WRITE: usize = 1;
    pub const CLOSE: usize = 3;
    pub const POLL: usize = 7;
    pub const LSEEK: usize = 8;
    pub const MMAP: usize = 9;
    pub const MPROTECT: usize = 10;
    pub const MUNMAP: usize = 11;
    pub const RT_SIGACTION: usize = 13;
    pub const RT_SIGPROCMASK: usize = 14;
    pub const IOCTL: usize = 16;
    pub const PREAD64: usize = 17;
    pub const MREMAP: usize = 25;
    pub const DUP2: usize = 33;
    pub const GETPID: usize = 39;
    pub const SOCKET: usize = 41;
    pub const SENDTO: usize = 44;
    pub const RECVFROM: usize = 45;
    pub const SENDMSG: usize = 46;
    pub const RECVMSG: usize = 47;
    pub const BIND: usize = 49;
    pub const SOCKETPAIR: usize = 53;
    pub const SETSOCKOPT: usize = 54;
    pub const GETSOCKOPT: usize = 55;
    pub const CLONE: usize = 56;
    pub const EXECVE: usize = 59;
    pub const WAIT4: usize = 61;
    pub const KILL: usize = 62;
    pub const FCNTL: usize = 72;
    pub const FTRUNCATE: usize = 77;
    pub const GETCWD: usize = 79;
    pub const CHDIR: usize = 80;
    pub const FCHDIR: usize = 81;
    pub const FCHMOD: usize = 91;
    pub const UMASK: usize = 95;
    pub const GETUID: usize = 102;
    pub const GETGID: usize = 104;
    pub const GETEUID: usize = 107;
    pub const GETEGID: usize = 108;
    pub const SETPGID: usize = 109;
    pub const GETPPID: usize = 110;
    pub const GETPGRP: usize = 111;
    pub const SETSID: usize = 112;
    pub const GETGROUPS: usize = 115;
    pub const SETGROUPS: usize = 116;
    pub const SETRESUID: usize = 117;
    pub const GETRESUID: usize = 118;
    pub const SETRESGID: usize = 119;
    pub const GETRESGID: usize = 120;
    pub const GETSID: usize = 124;
    pub const CAPGET: usize = 125;
    pub const CAPSET: usize = 126;
    pub const RT_SIGPENDING: usize = 127;
    pub const RT_SIGTIMEDWAIT: usize = 128;
    pub const STATFS: usize = 137;
    pub const FSTATFS: usize = 138;
    pub const PIVOT_ROOT: usize = 155;
    pub const PRCTL: usize = 157;
    pub const CHROOT: usize = 161;
    pub const MOUNT: usize = 165;
    pub const UMOUNT2: usize = 166;
    pub const SETHOSTNAME: usize = 170;
    pub const GETDENTS64: usize = 217;
    pub const CLOCK_GETTIME: usize = 228;
    pub const EXIT_GROUP: usize = 231;
    pub const KEYCTL: usize = 250;
    pub const OPENAT: usize = 257;
    pub const MKDIRAT: usize = 258;
    pub const MKNODAT: usize = 259;
    pub const NEWFSTATAT: usize = 262;
    pub const UNLINKAT: usize = 263;
    pub const SYMLINKAT: usize = 266;
    pub const READLINKAT: usize = 267;
    pub const FCHMODAT: usize = 268;
    pub const UNSHARE: usize = 272;
    pub const SIGNALFD4: usize = 289;
    pub const PIPE2: usize = 293;
    pub const PRLIMIT64: usize = 302;
    pub const SETNS: usize = 308;
    pub const SECCOMP: usize = 317;
    pub const MEMFD_CREATE: usize = 319;
    pub const EXECVEAT: usize = 322;
    pub const STATX: usize = 332;
    pub const PIDFD_SEND_SIGNAL: usize = 424;
    pub const OPEN_TREE: usize = 428;
    pub const MOVE_MOUNT: usize = 429;
    pub const FSOPEN: usize = 430;
    pub const FSCONFIG: usize = 431;
    pub const FSMOUNT: usize = 432;
    pub const PIDFD_OPEN: usize = 434;
    pub const CLONE3: usize = 435;
    pub const CLOSE_RANGE: usize = 436;
    pub const OPENAT2: usize = 437;
    pub const FACCESSAT2: usize = 439;
    pub const MOUNT_SETATTR: usize = 442;
    pub const LANDLOCK_CREATE_RULESET: usize = 444;
    pub const FCHMODAT2: usize = 452;
    pub const OPEN_TREE_ATTR: usize = 467;
}

/// Makes system call `nr` with six arguments; a result from -4095 to -1 is the errno.
///
/// # Safety
///
/// Each argument that the call takes as a pointer must be valid for what the call reads or writes there, until
/// it returns. Calls that end, copy or replace the process have duties of their own; their wrappers name them.
#[inline(always)]
pub unsafe fn syscall6(nr: usize, args: [usize; 6]) -> Result<usize, Errno> {
    let [a, b, c, d, e, f] = args;
    let ret: isize;
    // SAFETY: the x86_64 convention (syscall(2), table "Arch/ABI") passes six arguments in these registers and
    // clobbers only rax, rcx and r11, all declared here; memory is not declared `nomem`, so the compiler
    // assumes that the kernel may read and write what the pointers reach. Their validity is the caller's duty.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr as isize => ret,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack),
        );
    }
    if (-4095..0).contains(&ret) { Err(Errno(ret.unsigned_abs() as u16)) } else { Ok(ret as usize) }
}

/// Ends this process by an instruction that only the kernel may use: `SIGSEGV`, which it cannot ignore.
pub fn trap() -> ! {
    // SAFETY: `hlt` does nothing to this process's memory or registers; outside the kernel the processor refuses it, the
    // kernel ends the process (or its handler returns to the same instruction), so that nothing after it is reached.
    unsafe { asm!("2:", "hlt", "jmp 2b", options(noreturn, nomem, nostack)) }
}

/// `clone(flags, NULL)`, on the child's side of which `child(data)` is called, on the stack below the caller's frames.
///
/// # Safety
///
/// `flags` has CLONE_VM and CLONE_VFORK: the caller's memory is the child's until that execs or ends, and this process
/// is stopped meanwhile, so that `child` runs as if it had been called from here, but in another process, which it must
/// not leave otherwise: it never returns. `data` is valid for it, and everything that this process goes on with has to be
/// as the child leaves it.
pub unsafe fn clone_vfork(
    flags: usize,
    child: unsafe extern "C" fn(usize) -> !,
    data: usize,
) -> Result<usize, Errno> {
    let ret: isize;
    // SAFETY: as in `syscall6`. In the child no more of this function runs than the call of `child`, whose frames lie
    // below the stack pointer, where the block is free to write (no `nostack`); the caller's own registers and frames
    // are as they were when the parent goes on.
    unsafe {
        asm!(
            "syscall",
            "test rax, rax",
            "jnz 2f",
            "xor ebp, ebp",
            "and rsp, -16",
            "mov rdi, r12",
            "call r13",
            "ud2",
            "2:",
            inlateout("rax") nr::CLONE as isize => ret,
            in("rdi") flags, in("rsi") 0, in("rdx") 0, in("r10") 0, in("r8") 0,
            in("r12") data, in("r13") child,
            lateout("rcx") _, lateout("r11") _,
        );
    }
    if (-4095..0).contains(&ret) { Err(Errno(ret.unsigned_abs() as u16)) } else { Ok(ret as usize) }
}

/// [`syscall6`] for a call all of whose arguments are plain numbers and that leaves this process's memory,
/// control flow and address space alone.
///
/// Only for such calls: the wrappers in this module are the only callers.
#[inline(always)]
pub(super) fn plain(nr: usize, args: [usize; 6]) -> Result<usize, Errno> {
    // SAFETY: no argument is a pointer (the callers in `sys` pass numbers only), so nothing has to be valid.
    unsafe { syscall6(nr, args) }
}
