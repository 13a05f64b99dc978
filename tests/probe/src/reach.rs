//! Tries to get at another process: its memory, its descriptors, its view of the files.

use crate::sys;
use std::fs;

const PTRACE: i64 = 101;
const PROCESS_VM_WRITEV: i64 = 311;
const PIDFD_OPEN: i64 = 434;
const PIDFD_GETFD: i64 = 438;

/// One line a way: whether it worked, or why not. `who` is `parent` or a process id.
pub fn reach(who: &[&str]) -> String {
    let parent = sys::call(sys::nr::GETPPID, 0, 0, 0, 0, 0).unwrap_or(0) as u64;
    let pid = who.first().and_then(|pid| pid.parse().ok()).unwrap_or(parent);
    let ways: [(&str, Result<(), i32>); 8] = [
        ("ptrace", seize(pid)),
        ("mem", open(pid, "mem", true)),
        ("process_vm_writev", write_memory(pid)),
        ("pidfd_getfd", take_descriptor(pid)),
        ("fd", follow(pid)),
        ("root", open(pid, "root/", false)),
        ("environ", open(pid, "environ", false)),
        ("exe", open(pid, "exe", true)),
    ];
    let line = |(way, result): (&str, Result<(), i32>)| match result {
        Ok(()) => format!("{way} done\n"),
        Err(errno) => format!("{way} refused: {}\n", sys::errno_text(errno)),
    };
    ways.map(line).concat()
}

fn seize(pid: u64) -> Result<(), i32> {
    const PTRACE_SEIZE: u64 = 0x4206;
    sys::call(PTRACE, PTRACE_SEIZE, pid, 0, 0, 0).map(drop)
}

fn open(pid: u64, name: &str, write: bool) -> Result<(), i32> {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(write);
    options.open(format!("/proc/{pid}/{name}")).map(drop).map_err(|error| error.raw_os_error().unwrap_or(0))
}

/// What its standard error is open on. The numbers of its descriptors whoever has its user id may list.
fn follow(pid: u64) -> Result<(), i32> {
    fs::read_link(format!("/proc/{pid}/fd/2")).map(drop).map_err(|error| error.raw_os_error().unwrap_or(0))
}

/// A byte to an address that nothing is mapped at: the permission is asked for before the address is looked at.
fn write_memory(pid: u64) -> Result<(), i32> {
    const EFAULT: i32 = 14;
    let byte = 0u8;
    let local = [(&raw const byte) as u64, 1];
    let remote = [8u64, 1];
    let (local, remote) = (local.as_ptr() as u64, remote.as_ptr() as u64);
    match sys::call(PROCESS_VM_WRITEV, pid, local, 1, remote, 1) {
        Err(EFAULT) => Ok(()),
        other => other.map(drop),
    }
}

fn take_descriptor(pid: u64) -> Result<(), i32> {
    let pidfd = sys::call(PIDFD_OPEN, pid, 0, 0, 0, 0)?;
    sys::call(PIDFD_GETFD, pidfd as u64, 2, 0, 0, 0).map(drop)
}
