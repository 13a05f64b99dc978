//! Asks the kernel: loads filters in a child, makes a system call there, and sees what comes of it.
//!
//! Each call is made by a process of its own in namespaces of its own, with arguments that are wrong wherever a call
//! looks at them, so that one that is made does nothing.

mod call;
mod random;

pub use call::{i386_works, make};
pub use random::Random;

use sallyport::seccomp::action::{Action, Kind};
use sallyport::seccomp::arch::Arch;
use sallyport::seccomp::bpf::Program;
use std::io;
use std::ptr;
use std::sync::atomic::{AtomicI64, Ordering};

/// A call to make: its kind, its number with x32's bit, its arguments.
pub type Made = (Arch, u32, [u64; 6]);

/// What came of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It returned that.
    Returned(i64),
    /// The process died of this signal.
    Signal(i32),
    /// The kernel did not take a filter, for that reason.
    NotLoaded(i32),
    /// It was not made, being one that ends or stops a process.
    NotMade,
}

/// Bad as a pointer, as a descriptor, as a length, as a process, as flags.
pub const BAD: u64 = 0xffff_ffff_ffff_ff00;

/// Nothing has been written yet.
const EMPTY: i64 = i64::MAX;
/// A filter was not loaded: this and the error.
const NOT_LOADED: i64 = i64::MAX - 10_000;

/// Makes each call in a process of its own, under its filters, loaded in their order.
pub fn outcomes_of(jobs: &[(&[Program], Made)]) -> io::Result<Vec<Outcome>> {
    let codes: Vec<Vec<Vec<u8>>> =
        jobs.iter().map(|(filters, _)| filters.iter().map(Program::to_bytes).collect()).collect();
    let prog = |code: &Vec<u8>| libc::sock_fprog {
        len: (code.len() / 8) as u16,
        filter: code.as_ptr().cast_mut().cast(),
    };
    let programs: Vec<Vec<libc::sock_fprog>> =
        codes.iter().map(|codes| codes.iter().map(prog).collect()).collect();
    let shared = Shared::new(2 * jobs.len().max(1))?;
    let leader = fork(|| {
        if unshare_all().is_err() {
            return 77;
        }
        // Pid 1 of the new namespace: what it leaves behind dies with it.
        let worker = fork(|| {
            for (at, ((_, call), programs)) in jobs.iter().zip(&programs).enumerate() {
                one(programs, call, &shared, at);
            }
            0
        });
        worker.map_or(78, |pid| wait(pid).map_or(79, |status| libc::WEXITSTATUS(status)))
    })?;
    let status = wait(leader)?;
    if !libc::WIFEXITED(status) || libc::WEXITSTATUS(status) != 0 {
        return Err(io::Error::other(format!("no namespaces to make the calls in (status {status:#x})")));
    }
    Ok((0..jobs.len()).map(|at| shared.outcome(at)).collect())
}

/// Makes each call in a process of its own, under `filters`. A call of which `skip` says so is not made.
pub fn outcomes(
    filters: &[Program],
    calls: &[Made],
    skip: &dyn Fn(&Made) -> bool,
) -> io::Result<Vec<Outcome>> {
    let jobs: Vec<_> = calls.iter().filter(|call| !skip(call)).map(|call| (filters, *call)).collect();
    let mut made = outcomes_of(&jobs)?.into_iter();
    let outcome = |call| if skip(call) { Outcome::NotMade } else { made.next().unwrap_or(Outcome::NotMade) };
    Ok(calls.iter().map(outcome).collect())
}

/// Whether the kernel takes each filter; its error if not.
pub fn load(programs: &[Program]) -> io::Result<Vec<Result<(), i32>>> {
    let jobs: Vec<_> = programs
        .iter()
        .map(|program| (std::slice::from_ref(program), (Arch::X86_64, u32::MAX, [0; 6])))
        .collect();
    let result = |outcome| match outcome {
        Outcome::NotLoaded(errno) => Err(errno),
        _ => Ok(()),
    };
    Ok(outcomes_of(&jobs)?.into_iter().map(result).collect())
}

/// What a filter's answer looks like from inside, for a call that came to `without` without a filter.
pub fn expected(answer: Action, without: Outcome) -> Outcome {
    match answer.kind() {
        Kind::Allow | Kind::Log => without,
        Kind::Errno => Outcome::Returned(-i64::from(answer.data().min(4095))),
        // Nobody listens and nobody traces.
        Kind::Notify | Kind::Trace => Outcome::Returned(-i64::from(libc::ENOSYS)),
        Kind::KillProcess | Kind::KillThread | Kind::Trap => Outcome::Signal(libc::SIGSYS),
    }
}

/// Whether two outcomes are the same but for what a call returns that succeeds.
pub fn alike(one: Outcome, other: Outcome) -> bool {
    // An address of a 32-bit call may look negative, as brk's does; only these are errors.
    let succeeds = |value: i64| !(-4095..0).contains(&value);
    match (one, other) {
        (Outcome::Returned(a), Outcome::Returned(b)) => a == b || (succeeds(a) && succeeds(b)),
        _ => one == other,
    }
}

/// Whether a call, being made, ends, stops or doubles its process, or takes its time.
pub fn is_unfit(call: &Made) -> bool {
    const UNFIT: [&str; 15] = [
        "exit",
        "exit_group",
        "fork",
        "vfork",
        "clone",
        "clone3",
        "pause",
        "rt_sigreturn",
        "sigreturn",
        "rt_sigsuspend",
        "sigsuspend",
        "vhangup",
        "sync",
        "restart_syscall",
        "rt_sigtimedwait",
    ];
    let (arch, nr, _) = call;
    arch.call_name(*nr).is_some_and(|name| UNFIT.contains(&name))
}

/// One call, in a process that then ends by an instruction that is none: no filter forbids that.
fn one(programs: &[libc::sock_fprog], call: &Made, shared: &Shared, at: usize) {
    let (result, ended) = (2 * at, 2 * at + 1);
    let child = fork(|| {
        // SAFETY: an alarm has no arguments that could be wrong; it ends a call that never comes back.
        unsafe { libc::alarm(20) };
        // SAFETY: prctl reads nothing for this option.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        for program in programs {
            // SAFETY: seccomp reads the sock_fprog and the len entries that it points to; both belong to the caller of
            // outcomes() and are there until it returns.
            let loaded =
                unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, 0, program) };
            if loaded != 0 {
                shared.set(
                    result,
                    NOT_LOADED + i64::from(io::Error::last_os_error().raw_os_error().unwrap_or(0)),
                );
                stop();
            }
        }
        shared.set(result, make(call));
        stop()
    });
    let Ok(pid) = child else { return };
    if let Ok(status) = wait(pid) {
        shared.set(ended, i64::from(libc::WTERMSIG(status)));
    }
}

fn stop() -> ! {
    // SAFETY: the instruction ends this process by SIGILL, which is what is wanted.
    unsafe { std::arch::asm!("ud2", options(noreturn, nomem, nostack)) }
}

/// Numbers that processes share.
struct Shared {
    slots: ptr::NonNull<AtomicI64>,
    len: usize,
}

impl Shared {
    fn new(len: usize) -> io::Result<Shared> {
        let (read_write, kind) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: a new mapping at a place of the kernel's choice touches no memory of ours.
        let place = unsafe { libc::mmap(ptr::null_mut(), len * 8, read_write, kind, -1, 0) };
        if place == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let slots = ptr::NonNull::new(place.cast()).ok_or_else(|| io::Error::other("mapped at 0"))?;
        let shared = Shared { slots, len };
        (0..len).for_each(|at| shared.set(at, EMPTY));
        Ok(shared)
    }

    fn slot(&self, at: usize) -> &AtomicI64 {
        assert!(at < self.len);
        // SAFETY: the mapping has len slots, and at is one of them.
        let slot = unsafe { self.slots.add(at) };
        // SAFETY: mmap gave it zeroed and aligned, an atomic may be shared, and it stays until self is dropped.
        unsafe { slot.as_ref() }
    }

    fn set(&self, at: usize, value: i64) {
        self.slot(at).store(value, Ordering::SeqCst);
    }

    fn get(&self, at: usize) -> i64 {
        self.slot(at).load(Ordering::SeqCst)
    }

    fn outcome(&self, at: usize) -> Outcome {
        match (self.get(2 * at), self.get(2 * at + 1)) {
            (EMPTY, EMPTY) => Outcome::NotMade,
            (EMPTY, signal) => Outcome::Signal(signal as i32),
            (result, _) if result >= NOT_LOADED => Outcome::NotLoaded((result - NOT_LOADED) as i32),
            (result, _) => Outcome::Returned(result),
        }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by new() with this length, and no reference into it outlives self.
        unsafe { libc::munmap(self.slots.as_ptr().cast(), self.len * 8) };
    }
}

fn unshare_all() -> io::Result<()> {
    let flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    // SAFETY: unshare takes no pointers; the process is a child of fork() with one thread.
    match unsafe { libc::unshare(flags) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Runs `then` in a child, which ends with its result and without a core file.
fn fork(then: impl FnOnce() -> i32) -> io::Result<libc::pid_t> {
    // SAFETY: the child makes system calls and writes to shared memory; it allocates nothing and takes no locks, which
    // another thread may hold at this moment.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
            // SAFETY: setrlimit reads the structure, which lives through the call.
            unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
            let status = then();
            // SAFETY: ends the child without running what the parent registered for its own exit.
            unsafe { libc::_exit(status) }
        }
        pid => Ok(pid),
    }
}

fn wait(pid: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: waitpid writes the status, which lives through the call.
        match unsafe { libc::waitpid(pid, &raw mut status, 0) } {
            -1 if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
            -1 => return Err(io::Error::last_os_error()),
            _ => return Ok(status),
        }
    }
}
