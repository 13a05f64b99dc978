//! Seccomp filters for the tests, put together entry by entry.

use common::plan::Program;
use std::sync::Arc;
use support::Job;

/// `struct sock_filter`: code, jump if true, jump if false, operand.
fn entry(code: u16, jt: u8, jf: u8, k: u32) -> [u8; 8] {
    let ([c0, c1], [k0, k1, k2, k3]) = (code.to_le_bytes(), k.to_le_bytes());
    [c0, c1, jt, jf, k0, k1, k2, k3]
}

const LOAD_WORD: u16 = 0x20;
const JUMP_IF_EQUAL: u16 = 0x15;
const RETURN: u16 = 0x06;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

/// `SECCOMP_RET_KILL_PROCESS`.
pub const KILL: u32 = 0x8000_0000;

/// A program that answers call `nr` with `answer` and allows all others.
pub fn answer(nr: i64, answer: u32) -> Vec<u8> {
    [
        entry(LOAD_WORD, 0, 0, 0),
        entry(JUMP_IF_EQUAL, 0, 1, nr as u32),
        entry(RETURN, 0, 0, answer),
        entry(RETURN, 0, 0, ALLOW),
    ]
    .concat()
}

/// A program that has call `nr` fail with `errno` and allows all others.
pub fn deny(nr: i64, errno: i32) -> Vec<u8> {
    answer(nr, ERRNO | errno as u32)
}

/// A program that has every call fail with `errno`.
pub fn deny_all(errno: i32) -> Vec<u8> {
    entry(RETURN, 0, 0, ERRNO | errno as u32).to_vec()
}

/// The job under a filter of its caller's; under `no_new_privs` as well, if it takes that.
pub fn under(mut job: Job, filter: Vec<u8>) -> Job {
    job.enter = Some(Arc::new(move || {
        let program =
            libc::sock_fprog { len: (filter.len() / 8) as u16, filter: filter.as_ptr().cast_mut().cast() };
        // SAFETY: the kernel copies `len` entries of eight bytes each, which the closure owns.
        let load = || unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) };
        // SAFETY: plain numbers.
        let allow = || unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        let loaded = load() == 0 || allow() == 0 && load() == 0;
        if loaded { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    }));
    job
}

/// As a filter of a plan.
pub fn program(bytes: Vec<u8>) -> Program<'static> {
    Program::new(Box::leak(bytes.into_boxed_slice())).expect("whole entries")
}

/// A program that has ioctl(2) fail with `errno` for these requests, as the kernel reads them: the lower 32 bits.
pub fn deny_ioctls(requests: &[u32], errno: i32) -> Vec<u8> {
    deny_where(libc::SYS_ioctl, 1, requests, errno)
}

/// A program that has prctl(2) fail with `errno` for this option; with 0 it says that it has worked, and does nothing.
pub fn deny_prctl(option: i32, errno: i32) -> Vec<u8> {
    deny_where(libc::SYS_prctl, 0, &[option as u32], errno)
}

/// A program that has close(2) of descriptor `fd` fail with `errno`.
pub fn deny_close(fd: i32, errno: i32) -> Vec<u8> {
    deny_where(libc::SYS_close, 0, &[fd as u32], errno)
}

/// A program that has call `nr` fail with `errno` where argument `index` is one of `values`.
fn deny_where(nr: i64, index: u32, values: &[u32], errno: i32) -> Vec<u8> {
    // The low word of the argument (struct seccomp_data).
    let argument = 16 + 8 * index;
    let mut program = vec![
        entry(LOAD_WORD, 0, 0, 0),
        entry(JUMP_IF_EQUAL, 1, 0, nr as u32),
        entry(RETURN, 0, 0, ALLOW),
        entry(LOAD_WORD, 0, 0, argument),
    ];
    for value in values {
        program.push(entry(JUMP_IF_EQUAL, 0, 1, *value));
        program.push(entry(RETURN, 0, 0, ERRNO | errno as u32));
    }
    program.push(entry(RETURN, 0, 0, ALLOW));
    program.concat()
}
