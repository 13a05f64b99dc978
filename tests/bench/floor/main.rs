//! The floor: one program that makes only the system calls a confinement cannot do without, for comparison.
//!
//! `bench-floor SCRIPT_FD SCRIPT_LEN COMMAND [ARG…]`. The script is NUL-ended words that the benchmark wrote:
//! namespace flags (hex), uid map, gid map, then steps of one letter with their operands (see [`step`]).
//! Nothing is checked, parents exist, destinations are what they should be: that is why it is a floor and
//! no launcher. Without a pid namespace it is one process; with one, a parent waits and pid 1 reaps.

#![no_std]
#![no_main]

mod script;
mod sys;

use core::panic::PanicInfo;
use script::Script;
use sys::{Start, call};

const NEWNET: usize = 0x4000_0000;
const NEWPID: usize = 0x2000_0000;
const NEWUSER: usize = 0x1000_0000;
const SIGCHLD: usize = 17;
const CLOEXEC_WRONLY: usize = 0o200_0001;
const CREATE_WRONLY: usize = 0o200_0101;
const NOSUID_NODEV: usize = 0x2 | 0x4;
const NOEXEC: usize = 0x8;
const BIND_REC: usize = 0x1000 | 0x4000;
const AT_FDCWD: usize = -100_isize as usize;
const AT_RECURSIVE: usize = 0x8000;
const MNT_DETACH: usize = 2;

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    sys::exit(125)
}

sys::entry!(main);

fn main(start: Start) -> ! {
    let mut script = Script::open(start);
    let flags = script.hex();
    if flags & NEWPID != 0 {
        // Like fork(2), with namespaces: the child gets a copy of this stack.
        let child = ask('C', sys::CLONE, [flags | SIGCHLD, 0, 0, 0, 0, 0]);
        if child != 0 {
            wait_and_exit(child);
        }
    } else {
        ask('C', sys::UNSHARE, [flags, 0, 0, 0, 0, 0]);
    }
    write_file(c"/proc/self/setgroups".as_ptr().cast(), b"deny");
    maps(&mut script);
    if flags & NEWNET != 0 {
        loopback_up();
    }
    let mut env = Environment::new(start);
    let mut reaper = false;
    while let Some(letter) = script.letter() {
        match letter {
            b'e' => env.add(script.word()),
            b'I' => reaper = true,
            _ => step(letter, &mut script),
        }
    }
    let argv = start.argv(3);
    // SAFETY: argv holds at least the command, checked when the script was opened.
    let path = unsafe { *argv };
    if reaper {
        // SAFETY: the three come from the initial stack and from `Environment`, which ends with a NULL.
        let child = unsafe { sys::vfork_exec(path, argv, env.vector()) };
        wait_and_exit(child as usize);
    }
    ask('X', sys::EXECVE, [path as usize, argv as usize, env.vector() as usize, 0, 0, 0]);
    sys::exit(126)
}

/// One step of the script. Letters: `a` attributes of all mounts; `T` tmpfs as the new root, entered; `R` copy
/// of the root as the new root, entered; `V` pivot; `b` bind; `t` tmpfs; `p` proc; `q` mqueue; `P` devpts; `m`
/// directory; `f` empty file; `w` file with data; `s` symlink; `r` read-only; `c` chdir; `S` session; `2`
/// second user namespace; `B` bounding set; `K` no capabilities; `N` no_new_privs; `x` filter.
fn step(letter: u8, script: &mut Script) {
    let name = letter as char;
    match letter {
        b'a' => set_attributes(name, c"/".as_ptr().cast(), script.hex(), AT_RECURSIVE),
        b'T' => {
            mount(name, c"tmpfs", c"/".as_ptr().cast(), NOSUID_NODEV, c"mode=0755".as_ptr().cast());
            // ".." of the root follows what is mounted on it, "/" itself does not.
            one(name, sys::CHDIR, c"/..".as_ptr().cast());
        }
        b'R' => {
            let tree = ask(name, sys::OPEN_TREE, [AT_FDCWD, addr(c"/"), 0x8_8001, 0, 0, 0]);
            attributes(name, tree, c"".as_ptr().cast(), (script.hex(), 0), AT_RECURSIVE | 0x1000);
            ask(name, sys::MOVE_MOUNT, [tree, addr(c""), AT_FDCWD, addr(c"/"), 4, 0]);
            ask(name, sys::FCHDIR, [tree, 0, 0, 0, 0, 0]);
        }
        b'V' => {
            ask(name, sys::PIVOT_ROOT, [addr(c"."), addr(c"."), 0, 0, 0, 0]);
            // The new root's mount sat on the old root; pivoting took it off, and the old one lies on it now.
            ask(name, sys::UMOUNT2, [addr(c"."), MNT_DETACH, 0, 0, 0, 0]);
        }
        b'b' => {
            let (set, clear) = (script.hex(), script.hex());
            let (source, target) = (script.word(), script.word());
            let null = core::ptr::null::<u8>() as usize;
            ask(name, sys::MOUNT, [source as usize, target as usize, null, BIND_REC, null, 0]);
            attributes(name, AT_FDCWD, target, (set, clear), AT_RECURSIVE);
        }
        b't' => {
            let (target, options) = (script.word(), script.word());
            mount(name, c"tmpfs", target, NOSUID_NODEV, options);
        }
        b'p' => mount(name, c"proc", script.word(), NOSUID_NODEV | NOEXEC, core::ptr::null()),
        b'q' => mount(name, c"mqueue", script.word(), NOSUID_NODEV | NOEXEC, core::ptr::null()),
        b'P' => {
            let options = c"newinstance,ptmxmode=0666,mode=620".as_ptr().cast();
            mount(name, c"devpts", script.word(), 0x2 | NOEXEC, options);
        }
        b'm' => {
            ask(name, sys::MKDIR, [script.word() as usize, 0o755, 0, 0, 0, 0]);
        }
        b'f' => {
            let fd = ask(name, sys::OPEN, [script.word() as usize, CREATE_WRONLY, 0o444, 0, 0, 0]);
            ask(name, sys::CLOSE, [fd, 0, 0, 0, 0, 0]);
        }
        b'w' => data_file(name, script),
        b's' => {
            ask(name, sys::SYMLINK, [script.word() as usize, script.word() as usize, 0, 0, 0, 0]);
        }
        b'r' => set_attributes(name, script.word(), 1, 0),
        b'c' => one(name, sys::CHDIR, script.word()),
        b'S' => {
            ask(name, sys::SETSID, [0; 6]);
        }
        b'2' => {
            ask(name, sys::UNSHARE, [NEWUSER, 0, 0, 0, 0, 0]);
            maps(script);
        }
        b'B' => {
            for capability in 0..=script.hex() {
                ask(name, sys::PRCTL, [24, capability, 0, 0, 0, 0]);
            }
        }
        b'K' => {
            let (header, none) = ([0x2008_0522_u32, 0], [0u32; 6]);
            ask(name, sys::CAPSET, [header.as_ptr() as usize, none.as_ptr() as usize, 0, 0, 0, 0]);
        }
        b'N' => {
            ask(name, sys::PRCTL, [38, 1, 0, 0, 0, 0]);
        }
        b'x' => filter(name, script.hex() as i32),
        _ => fail(name, 22),
    }
}

/// Writes both id maps; the script has them ready.
fn maps(script: &mut Script) {
    write_file(c"/proc/self/uid_map".as_ptr().cast(), script.bytes());
    write_file(c"/proc/self/gid_map".as_ptr().cast(), script.bytes());
}

fn write_file(path: *const u8, bytes: &[u8]) {
    let fd = ask('W', sys::OPEN, [path as usize, CLOEXEC_WRONLY, 0, 0, 0, 0]);
    ask('W', sys::WRITE, [fd, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]);
    // An open writer would keep the mount of /proc from becoming read-only.
    ask('W', sys::CLOSE, [fd, 0, 0, 0, 0, 0]);
}

/// The kernel gives `lo` its address when it comes up.
fn loopback_up() {
    let mut request = [0u8; 40];
    request[..2].copy_from_slice(b"lo");
    request[16] = 0x41; // IFF_UP | IFF_RUNNING
    let socket = ask('L', sys::SOCKET, [2, 0o200_0002, 0, 0, 0, 0]);
    ask('L', sys::IOCTL, [socket, 0x8914, request.as_ptr() as usize, 0, 0, 0]);
}

fn mount(name: char, kind: &core::ffi::CStr, target: *const u8, flags: usize, options: *const u8) {
    ask(name, sys::MOUNT, [addr(kind), target as usize, addr(kind), flags, options as usize, 0]);
}

fn set_attributes(name: char, path: *const u8, set: usize, flags: usize) {
    attributes(name, AT_FDCWD, path, (set, 0), flags);
}

fn attributes(name: char, fd: usize, path: *const u8, (set, clear): (usize, usize), flags: usize) {
    let attr = [set as u64, clear as u64, 0, 0];
    ask(name, sys::MOUNT_SETATTR, [fd, path as usize, flags, attr.as_ptr() as usize, 32, 0]);
}

fn data_file(name: char, script: &mut Script) {
    let (from, target) = (script.hex(), script.word());
    let mut buffer = [0u8; 4096];
    let length = sys::read(from as i32, &mut buffer);
    ask(name, sys::CLOSE, [from, 0, 0, 0, 0, 0]);
    let to = ask(name, sys::OPEN, [target as usize, CREATE_WRONLY, 0o644, 0, 0, 0]);
    ask(name, sys::WRITE, [to, buffer.as_ptr() as usize, length.max(0) as usize, 0, 0, 0]);
    ask(name, sys::CLOSE, [to, 0, 0, 0, 0, 0]);
}

fn filter(name: char, fd: i32) {
    let mut program = [0u64; 4096];
    let address = program.as_mut_ptr() as usize;
    let bytes = ask(name, sys::READ, [fd as usize, address, size_of_val(&program), 0, 0, 0]);
    ask(name, sys::CLOSE, [fd as usize, 0, 0, 0, 0, 0]);
    let header = [bytes / 8, address];
    ask(name, sys::SECCOMP, [1, 0, header.as_ptr() as usize, 0, 0, 0]);
}

/// The caller's environment and what the script adds to it.
struct Environment {
    vector: [*const u8; 256],
    count: usize,
}

impl Environment {
    fn new(start: Start) -> Self {
        let mut env = Self { vector: [core::ptr::null(); 256], count: 0 };
        let mut at = start.envp();
        // SAFETY: the environment is a NULL-ended vector; the loop stops at its NULL.
        while let entry = unsafe { *at }
            && !entry.is_null()
        {
            env.add(entry);
            // SAFETY: the entry was not the NULL, so another follows.
            at = unsafe { at.add(1) };
        }
        env
    }

    fn add(&mut self, entry: *const u8) {
        if self.count + 1 >= self.vector.len() {
            fail('e', 7);
        }
        self.vector[self.count] = entry;
        self.count += 1;
    }

    fn vector(&self) -> *const *const u8 {
        self.vector.as_ptr()
    }
}

/// Waits until the child is gone, reaping others on the way, and ends as it did.
fn wait_and_exit(child: usize) -> ! {
    loop {
        let mut status = 0_i32;
        let address = &raw mut status as usize;
        if ask('Z', sys::WAIT4, [usize::MAX, address, 0, 0, 0, 0]) == child {
            sys::exit(if status & 0x7f == 0 { status >> 8 & 0xff } else { 128 + (status & 0x7f) });
        }
    }
}

fn addr(text: &core::ffi::CStr) -> usize {
    text.as_ptr() as usize
}

fn one(name: char, number: usize, path: *const u8) {
    ask(name, number, [path as usize, 0, 0, 0, 0, 0]);
}

/// A system call that must succeed: the floor has no other way to go on.
fn ask(name: char, number: usize, args: [usize; 6]) -> usize {
    // SAFETY: addresses come from NUL-ended constants, the mapped script (whose last byte is NUL, checked) or
    // locals that outlive the call; lengths go with their buffers.
    let result = unsafe { call(number, args) };
    if result < 0 {
        fail(name, -result);
    }
    result as usize
}

fn fail(name: char, errno: isize) -> ! {
    let digit = |by: isize| b'0' + (errno / by % 10) as u8;
    let text = [name as u8, b' ', digit(100), digit(10), digit(1), b'\n'];
    // SAFETY: the buffer is a local, and its length goes with it.
    unsafe { call(sys::WRITE, [2, text.as_ptr() as usize, text.len(), 0, 0, 0]) };
    sys::exit(1)
}
