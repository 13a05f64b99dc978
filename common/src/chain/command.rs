//! The exec of the command: directory, label, filters, and the program looked up as `execvp(3)` does.

use super::directory;
use crate::caps::CapSet;
use crate::errno::Errno;
use crate::fault;
use crate::plan::{BadPlan, Command, Plan, Stage};
use crate::report::{At, ENV_CANNOT_RUN, ENV_NOT_FOUND, Outcome};
use crate::seccomp;
use crate::sys::{self, Caps, Fd, Strings, Vector, o};
use core::convert::Infallible;
use core::ffi::CStr;

/// Ends the pipeline in the process that becomes the command. Returns only to say why not.
///
/// All descriptors of ours are closed when this is called but `ready`, on which the monitor learns whether the
/// command was run at all: a byte when everything is set up, and one more when the filters or the exec failed.
pub fn exec_command(
    stage: Stage,
    plan: &Plan<'static>,
    mut env: Strings<'static>,
    ready: Option<Fd>,
) -> Outcome<Infallible> {
    // init-reaper, when it has work, has entered the directory already: its lock files may be relative to it.
    if !plan.has(Stage::InitReaper) {
        env = directory::enter(plan, env)?;
    }
    let command = plan.decode(Stage::Command, Command::decode).map_err(BadPlan::fault)?;
    let mut args = command.args.iter();
    let Some(program) = args.next() else {
        return Err(BadPlan { stage: Stage::Command.name(), field: "args", why: "no program" }.fault());
    };
    let capacity = command.args.len();
    let mut few = [0usize; 64];
    let mut argv = if capacity < few.len() {
        Vector::over(&mut few)
    } else {
        Vector::new(capacity).at(|| fault!("execvp ", program))?
    };
    argv.push(command.argv0.unwrap_or(program).0).at(|| fault!("execvp ", program))?;
    argv.extend(args.map(|arg| arg.0)).at(|| fault!("execvp ", program))?;
    if let Some(label) = command.exec_label {
        set_exec_label(label.bytes()).at(|| fault!("label_exec ", label))?;
    }
    if command.drop_ambient {
        // What is not inheritable does not stay ambient (capset(2), cap_capset in security/commoncap.c).
        let caps = sys::capget().at(|| fault!("capget failed"))?;
        let caps = Caps { inheritable: CapSet::EMPTY, ..caps };
        sys::capset(caps).at(|| fault!("capset failed"))?;
        // Read back: the stages' capabilities would be the command's.
        if sys::capget() != Ok(caps) {
            return Err(fault!("capset failed"));
        }
    }
    if let Some(fd) = ready {
        sys::set_cloexec(fd, true).at(|| fault!("fcntl"))?;
        tell(fd).at(|| fault!("Write to info_fd"))?;
    }
    // ORDER: last, so that a filter need not allow anything but the exec. seccomp-load's frame is absent when
    // that stage is not this one, or when there are no filters.
    if stage == Stage::SeccompLoad {
        seccomp::apply(plan).inspect_err(|_| {
            let _ = ready.map(tell);
        })?;
    }
    let errno = execvp(program.0, argv.finish(), env);
    if let Some(fd) = ready {
        // If this is lost, the monitor reports an exit code of 1, which it is.
        let _ = tell(fd);
    }
    let fault = fault!("execvp ", program).errno(errno);
    Err(match errno {
        _ if !plan.has_env_status() => fault,
        Errno::NOENT => fault.status(ENV_NOT_FOUND),
        _ => fault.status(ENV_CANNOT_RUN),
    })
}

/// One byte for the monitor. One that has gone is told nothing; its end ends the sandbox or does not (SIGPIPE is
/// the command's to handle, and EPIPE here when it is ignored).
fn tell(ready: Fd) -> sys::Result<()> {
    match sys::retry(|| sys::write(ready, b"\0")) {
        Ok(_) | Err(Errno::PIPE) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Sets the label of the next exec (`/proc/thread-self/attr/exec`, as `setexeccon(3)` does).
///
/// Only in procfs, from `/proc` on: in a tree that somebody hostile has filled, /proc may be his, and a label that went
/// into a file of his, or through a link of his into another file of procfs, is one that the command runs without (the
/// hole of CVE-2025-52881).
fn set_exec_label(label: &[u8]) -> sys::Result<()> {
    let proc = sys::openat(sys::CWD, c"/proc", o::PATH | o::DIRECTORY | o::CLOEXEC, 0)?;
    if sys::fstatfs_type(proc.fd())? != sys::PROC_SUPER_MAGIC {
        return Err(Errno::INVAL);
    }
    let attr = sys::openat(proc.fd(), c"thread-self/attr/exec", o::WRONLY | o::CLOEXEC, 0)?;
    // Something may be mounted on it, or on what is above it.
    if sys::fstatfs_type(attr.fd())? != sys::PROC_SUPER_MAGIC {
        return Err(Errno::INVAL);
    }
    sys::write_all(attr.fd(), label)
}

/// Where programs are looked for when the environment has no `PATH` (`confstr(3)`, `_CS_PATH`).
const DEFAULT_PATH: &CStr = c"/bin:/usr/bin";

/// Execs `file`, through `PATH` when it has no slash; returns the errno of `execvp(3)`.
pub fn execvp(file: &CStr, args: Strings<'_>, env: Strings<'_>) -> Errno {
    let name = file.to_bytes();
    if name.is_empty() {
        return Errno::NOENT;
    }
    if name.contains(&b'/') {
        return exec_or_script(file, args, env);
    }
    search(env.variable(b"PATH").unwrap_or(DEFAULT_PATH), name, args, env)
}

/// Execs `name` from the first of the directories in `path` that has it.
// Not inlined: its buffer would be on the stack of every stage, which touches it page by page.
#[inline(never)]
fn search(path: &CStr, name: &[u8], args: Strings<'_>, env: Strings<'_>) -> Errno {
    let mut denied = false;
    let mut last = Errno::NOENT;
    let mut buf = [0u8; 4096 + 256];
    for dir in path.to_bytes().split(|&byte| byte == b':') {
        let Some(candidate) = join(&mut buf, dir, name) else {
            last = Errno::NAMETOOLONG;
            continue;
        };
        last = exec_or_script(candidate, args, env);
        match last {
            Errno::ACCES => denied = true,
            // Not there, or a directory of PATH that is not there, stale or not reachable: look on.
            Errno::NOENT | Errno::NOTDIR | Errno::STALE | Errno::NODEV | Errno::TIMEDOUT => {}
            _ => return last,
        }
    }
    if denied { Errno::ACCES } else { last }
}

/// `dir/name` in `buf`; just `name` for an empty `dir`, which stands for the working directory.
fn join<'b>(buf: &'b mut [u8], dir: &[u8], name: &[u8]) -> Option<&'b CStr> {
    let mut len = 0;
    let slash: &[u8] = if dir.is_empty() { b"" } else { b"/" };
    for part in [dir, slash, name, b"\0"] {
        let end = len + part.len();
        sys::copy(buf.get_mut(len..end)?, part);
        len = end;
    }
    CStr::from_bytes_with_nul(buf.get(..len)?).ok()
}

/// Execs `path`; a file that is executable but in no format the kernel knows is given to the shell.
fn exec_or_script(path: &CStr, args: Strings<'_>, env: Strings<'_>) -> Errno {
    let errno = sys::execve(path, args, env);
    if errno != Errno::NOEXEC {
        return errno;
    }
    let Ok(mut argv) = Vector::new(args.len().saturating_add(1)) else {
        return Errno::NOMEM;
    };
    let rest = args.iter().skip(1);
    if argv.extend([c"/bin/sh", path].into_iter().chain(rest)).is_err() {
        return Errno::TOOBIG;
    }
    sys::execve(c"/bin/sh", argv.finish(), env)
}
