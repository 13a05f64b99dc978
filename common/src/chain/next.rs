//! The executables of the later stages, and the exec of the next one.

use super::{Argument, Chain, args};
use crate::errno::Errno;
use crate::fault;
use crate::plan::Stage;
use crate::report::{At, Outcome};
use crate::sys::{self, Fd, Strings, Vector, o};
use core::convert::Infallible;
use core::ffi::CStr;

const MOST: usize = 5;

/// Open executables (`O_PATH`), in the order they will run. They are not close-on-exec: each stage passes the
/// rest on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Next {
    fds: [i32; MOST],
    len: usize,
}

impl Next {
    /// Parses `FD,FD,…`.
    pub(super) fn parse(list: &[u8]) -> Option<Next> {
        let mut next = Next { fds: [-1; MOST], len: 0 };
        if !list.is_empty() {
            for number in list.split(|&byte| byte == b',') {
                next.push(Fd(args::decimal(number)?))?;
            }
        }
        Some(next)
    }

    fn push(&mut self, fd: Fd) -> Option<()> {
        *self.fds.get_mut(self.len)? = fd.0;
        self.len += 1;
        Some(())
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The descriptors, in order.
    pub fn iter(&self) -> impl Iterator<Item = Fd> {
        self.fds.into_iter().take(self.len).map(Fd)
    }

    /// Puts `fd` in the place of the one at `index`.
    pub fn replace(&mut self, index: usize, fd: Fd) {
        if let Some(slot) = self.fds.get_mut(..self.len).and_then(|taken| taken.get_mut(index)) {
            *slot = fd.0;
        }
    }

    /// The first, and the others.
    pub(super) fn split(self) -> Option<(Fd, Next)> {
        let [first, a, b, c, d] = self.fds;
        let len = self.len.checked_sub(1)?;
        Some((Fd(first), Next { fds: [a, b, c, d, -1], len }))
    }

    /// Opens the executables of `stages`, which are where this one is.
    // Not inlined: the room for a path would be on the stack of every stage, which touches it page by page.
    #[inline(never)]
    pub(super) fn open(stages: impl Iterator<Item = Stage>, own: &mut Neighbours) -> Outcome<Next> {
        let mut next = Next { fds: [-1; MOST], len: 0 };
        for stage in stages {
            let path = own.path(stage.name()).ok_or_else(|| fault!("Path of stages too long"))?;
            let fd =
                sys::openat(sys::CWD, path, o::PATH, 0).at(|| fault!("Can't open stage ", stage.name()))?;
            next.push(fd.leak()).ok_or_else(|| fault!("Too many stages"))?;
        }
        Ok(next)
    }
}

/// The directory that this executable is in, for finding the others.
#[derive(Debug)]
pub struct Neighbours {
    buf: [u8; 4096],
    dir: usize,
}

impl Neighbours {
    /// Asks `/proc/self/exe`, which the kernel answers, not the caller.
    pub fn find() -> Outcome<Neighbours> {
        let mut buf = [0; 4096];
        let own = sys::readlinkat(sys::CWD, c"/proc/self/exe", &mut buf)
            .at(|| fault!("Can't read /proc/self/exe"))?;
        let dir =
            own.iter().rposition(|&byte| byte == b'/').ok_or_else(|| fault!("Can't find the stages"))?;
        Ok(Neighbours { buf, dir: dir + 1 })
    }

    /// The path of `name` in that directory.
    pub fn path(&mut self, name: &str) -> Option<&CStr> {
        let end = self.dir.checked_add(name.len())?;
        sys::copy(self.buf.get_mut(self.dir..end)?, name.as_bytes());
        *self.buf.get_mut(end)? = 0;
        CStr::from_bytes_until_nul(&self.buf).ok()
    }
}

/// Execs the next stage, whose executable is `fd`, handing on what was passed.
pub(super) fn exec(chain: &Chain, fd: Fd, rest: Next) -> Outcome<Infallible> {
    let name = chain.plan.stages_after(Some(chain.stage)).next().map_or("stage", Stage::name);
    let argv0 = Argument::new(name);
    let mut plan = Argument::new("--plan=");
    plan.decimal(chain.passed.plan.0.unsigned_abs());
    let mut next = Argument::new("--next=");
    for (index, fd) in rest.iter().enumerate() {
        if index > 0 {
            next.text(b",");
        }
        next.decimal(fd.0.unsigned_abs());
    }
    let number = |prefix, fd: Option<Fd>| {
        fd.map(|fd| {
            let mut argument = Argument::new(prefix);
            argument.decimal(fd.0.unsigned_abs());
            argument
        })
    };
    let status = number("--status=", chain.passed.status);
    let ready = number("--ready=", chain.passed.ready);
    let proc = number("--proc=", chain.passed.proc);
    let netns = number("--netns=", chain.passed.netns);
    let hex = |prefix, bits| {
        let mut argument = Argument::new(prefix);
        argument.hex(bits);
        argument
    };
    let unblock = chain.passed.unblock.map(|signals| hex("--unblock=", signals.0));
    let ids = chain.passed.ids.map(|(uid, gid)| {
        let mut argument = Argument::new("--ids=");
        argument.decimal(uid);
        argument.text(b":");
        argument.decimal(gid);
        argument
    });
    let caps = chain.passed.caps.map(|caps| hex("--caps=", caps.0));
    let own_userns = chain.passed.own_userns.map(|own| {
        let mut argument = Argument::new("--own-userns=");
        argument.text(own.name().as_bytes());
        argument
    });
    let own_mounts = chain.passed.own_mounts.then(|| Argument::new("--own-mounts=new"));
    let own_pids = chain.passed.own_pids.then(|| Argument::new("--own-pids=new"));
    let mut words = [0usize; 14];
    let mut argv = Vector::over(&mut words);
    let optional =
        [&status, &ready, &proc, &netns, &unblock, &ids, &caps, &own_userns, &own_mounts, &own_pids]
            .into_iter()
            .filter_map(Option::as_ref);
    let all = [&argv0, &plan, &next].into_iter().chain(optional);
    argv.extend(all.map(Argument::as_c_str)).at(|| fault!("exec ", name))?;
    // The executable's own descriptor goes at its exec; it has served.
    sys::set_cloexec(fd, true).at(|| fault!("Can't exec stage ", name))?;
    Err(exec_fault(name, sys::fexecve(fd, argv.finish(), chain.env)))
}

fn exec_fault(name: &'static str, errno: Errno) -> crate::report::Fault {
    fault!("Can't exec stage ", name).errno(errno)
}

/// Execs `stage`, a neighbour of this executable or in `../libexec/sallyport` beside it, as the first one of a launch.
pub(super) fn exec_first(stage: Stage, plan: Fd, env: Strings<'static>) -> Outcome<Infallible> {
    let name = stage.name();
    let argv0 = Argument::new(name);
    let mut argument = Argument::new("--plan=");
    argument.decimal(plan.0.unsigned_abs());
    let mut words = [0usize; 3];
    let mut argv = Vector::over(&mut words);
    argv.extend([argv0.as_c_str(), argument.as_c_str()].into_iter()).at(|| fault!("exec ", name))?;
    sys::set_cloexec(plan, false).at(|| fault!("Can't pass on the plan"))?;
    let argv = argv.finish();
    let mut own = Neighbours::find()?;
    let mut errno = Errno::NAMETOOLONG;
    if let Some(path) = own.path(name) {
        errno = sys::execve(path, argv, env);
    }
    if errno == Errno::NOENT {
        let mut installed = Argument::new("../libexec/sallyport/");
        installed.text(name.as_bytes());
        let installed = installed.as_c_str().to_str().unwrap_or_default();
        if let Some(path) = own.path(installed) {
            errno = sys::execve(path, argv, env);
        }
    }
    Err(exec_fault(name, errno))
}
