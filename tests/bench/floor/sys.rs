//! The system calls of the floor and the no-op, by number, and their entry point. x86_64 only, like the stages.

// Each of the two programs uses only some of it.
#![allow(dead_code, unused_macros)]

use core::arch::asm;

#[cfg(not(target_arch = "x86_64"))]
compile_error!("add this architecture's system call instruction, numbers and entry point to floor/sys.rs");

pub const READ: usize = 0;
pub const WRITE: usize = 1;
pub const OPEN: usize = 2;
pub const CLOSE: usize = 3;
pub const MMAP: usize = 9;
pub const IOCTL: usize = 16;
pub const SOCKET: usize = 41;
pub const CLONE: usize = 56;
pub const EXECVE: usize = 59;
pub const EXIT: usize = 60;
pub const WAIT4: usize = 61;
pub const CHDIR: usize = 80;
pub const FCHDIR: usize = 81;
pub const MKDIR: usize = 83;
pub const SYMLINK: usize = 88;
pub const SETSID: usize = 112;
pub const CAPSET: usize = 126;
pub const PIVOT_ROOT: usize = 155;
pub const PRCTL: usize = 157;
pub const MOUNT: usize = 165;
pub const UMOUNT2: usize = 166;
pub const UNSHARE: usize = 272;
pub const SECCOMP: usize = 317;
pub const OPEN_TREE: usize = 428;
pub const MOVE_MOUNT: usize = 429;
pub const CLOSE_RANGE: usize = 436;
pub const MOUNT_SETATTR: usize = 442;

/// A system call; the kernel's return value, negative for an errno.
///
/// # Safety
/// Every argument that call `number` takes for an address must be valid for what the call does with it.
pub unsafe fn call(number: usize, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: the kernel preserves all registers but rax, rcx and r11, which are declared; what it does to
    // memory is the caller's promise.
    unsafe {
        asm!("syscall", inlateout("rax") number => result, in("rdi") args[0], in("rsi") args[1],
             in("rdx") args[2], in("r10") args[3], in("r8") args[4], in("r9") args[5],
             lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

/// Ends the process.
pub fn exit(status: i32) -> ! {
    loop {
        // SAFETY: exit(2) takes no address.
        unsafe { call(EXIT, [status as usize, 0, 0, 0, 0, 0]) };
    }
}

/// Reads into a buffer; negative for an errno.
pub fn read(fd: i32, buffer: &mut [u8]) -> isize {
    let args = [fd as usize, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0];
    // SAFETY: read(2) writes at most the buffer's length at its start; the buffer is borrowed for the call.
    unsafe { call(READ, args) }
}

/// The arguments and environment the kernel put on the initial stack.
#[derive(Clone, Copy)]
pub struct Start {
    count: usize,
    argv: *const *const u8,
}

impl Start {
    /// Reads the initial stack.
    ///
    /// # Safety
    /// `stack` is the stack pointer at the process's entry.
    pub unsafe fn from_stack(stack: *const usize) -> Self {
        // SAFETY: the kernel puts argc at the stack pointer and argv right after it.
        let (count, argv) = unsafe { (*stack, stack.add(1).cast()) };
        Self { count, argv }
    }

    /// How many arguments there are, the program's name included.
    pub fn count(self) -> usize {
        self.count
    }

    /// The arguments from number `skip` on, NULL-ended, as execve takes them; none past the last.
    pub fn argv(self, skip: usize) -> *const *const u8 {
        // SAFETY: argv has `count` entries and a NULL; min keeps the pointer in there.
        unsafe { self.argv.add(skip.min(self.count)) }
    }

    /// The first letter of argument `number`; 0 when there is none.
    pub fn letter(self, number: usize) -> u8 {
        if number >= self.count {
            return 0;
        }
        // SAFETY: the argument exists and is a NUL-ended string, so its first byte can be read.
        unsafe { **self.argv.add(number) }
    }

    /// The environment, which the kernel puts after the arguments' NULL.
    pub fn envp(self) -> *const *const u8 {
        // SAFETY: the entry after argv's NULL is the environment's first, or its NULL.
        unsafe { self.argv.add(self.count + 1) }
    }
}

/// Starts a process that only execs, and returns its id: the caller sleeps until the exec is done.
///
/// # Safety
/// `path` is a NUL-ended string, `argv` and `envp` are NULL-ended vectors of such.
pub unsafe fn vfork_exec(path: *const u8, argv: *const *const u8, envp: *const *const u8) -> isize {
    const VFORK_VM_SIGCHLD: usize = 0x4000 | 0x100 | 17;
    let pid: isize;
    // SAFETY: the child shares our memory and stack, so between clone and exec it touches registers only;
    // the three addresses are the caller's promise.
    unsafe {
        asm!("syscall", "test rax, rax", "jnz 2f",
             "mov rdi, r12", "mov rsi, r13", "mov rdx, r14", "mov eax, 59", "syscall",
             "mov edi, 126", "mov eax, 60", "syscall", "ud2", "2:",
             inlateout("rax") CLONE => pid, in("rdi") VFORK_VM_SIGCHLD, in("rsi") 0, in("rdx") 0,
             in("r10") 0, in("r8") 0, in("r12") path, in("r13") argv, in("r14") envp,
             lateout("rcx") _, lateout("r11") _);
    }
    pid
}

/// Makes `main(Start) -> !` the program's entry point.
macro_rules! entry {
    ($main:path) => {
        /// The kernel jumps here with the arguments on the stack.
        ///
        /// # Safety
        /// For the kernel alone, at the process's entry.
        #[unsafe(naked)]
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn _start() -> ! {
            core::arch::naked_asm!("mov rdi, rsp", "and rsp, -16", "call {}", "ud2", sym enter)
        }

        extern "C" fn enter(stack: *const usize) -> ! {
            // SAFETY: only `_start` calls this, with the stack pointer of the entry.
            let start = unsafe { sys::Start::from_stack(stack) };
            $main(start)
        }
    };
}
pub(crate) use entry;

/// What the compiler calls to fill memory; there is no libc to have it.
///
/// # Safety
/// As memset(3).
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memset(to: *mut u8, byte: i32, count: usize) -> *mut u8 {
    core::arch::naked_asm!("mov r8, rdi", "mov eax, esi", "mov rcx, rdx", "rep stosb", "mov rax, r8", "ret")
}

/// What the compiler calls to copy memory.
///
/// # Safety
/// As memcpy(3).
#[unsafe(naked)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, count: usize) -> *mut u8 {
    core::arch::naked_asm!("mov rax, rdi", "mov rcx, rdx", "rep movsb", "ret")
}
