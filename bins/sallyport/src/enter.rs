//! `sallyport enter`: one more command in a sandbox that runs already, as confined as what is in there.
//!
//! Whoever started the sandbox owns its user namespace, and so may join all of its namespaces. What a process has beside
//! those (capabilities, `no_new_privs`, ids, environment, cgroup) is taken from the process that is named; what cannot be
//! taken, seccomp filters, has to be given or given up.

mod process;

use crate::failure::{Failure, Res};
use common::errno::Errno;
use common::sys::{self, Caps, Fd, Forked, clone_flags as flags};
use process::Inside;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What `enter` takes.
#[derive(clap::Args)]
#[command(after_long_help = "EXIT STATUS\n\
    That of COMMAND; 128 + n when signal n ended it; 125 when it was not run, 126 when it could not be, 127 when there \
    is none.")]
pub struct Args {
    /// A filter for COMMAND, as --seccomp of bwrap takes it; several are loaded in order.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    seccomp: Vec<PathBuf>,
    /// Enter although the sandbox's own filters cannot be had: COMMAND runs without.
    #[arg(long)]
    no_filter: bool,
    /// Be this user there; by default the one that PROCESS is.
    #[arg(long, value_name = "ID")]
    uid: Option<u32>,
    /// Be this group there; by default the one that PROCESS is.
    #[arg(long, value_name = "ID")]
    gid: Option<u32>,
    /// Start in this directory of the sandbox; by default the one of PROCESS.
    #[arg(long, value_name = "DIR")]
    chdir: Option<PathBuf>,
    /// Set a variable of COMMAND's environment, which is otherwise that of PROCESS.
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<String>,
    /// A session of its own, without the caller's terminal.
    #[arg(long)]
    new_session: bool,
    /// A process in the sandbox, or the bwrap that started it, by its id as seen from here.
    #[arg(value_name = "PROCESS")]
    process: i32,
    /// What to run there; by default /bin/sh.
    #[arg(value_name = "COMMAND", trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<OsString>,
}

/// Exit status of a command that was not run.
const NOT_RUN: u8 = 125;

/// A step that failed before the command was run.
fn failed(what: impl std::fmt::Display, why: impl std::fmt::Display) -> Failure {
    Failure::new(format_args!("{what}: {why}")).status(NOT_RUN)
}

/// The same for a system call.
fn step(what: &'static str) -> impl Fn(Errno) -> Failure {
    move |errno| failed(what, std::io::Error::from_raw_os_error(i32::from(errno.0)))
}

/// Runs the command and gives its status.
pub fn run(args: Args) -> Res<ExitCode> {
    let inside =
        Inside::find(args.process).map_err(|why| failed(format_args!("process {}", args.process), why))?;
    let filters = filters(&args, &inside)?;
    let environment = environment(&args, &inside)?;
    // ORDER: all that is read of the host, before any of it is left.
    inside.join_cgroup().map_err(|why| failed("cannot join the sandbox's cgroup", why))?;
    inside.join_namespaces().map_err(step("cannot join the sandbox's namespaces"))?;
    // Only a new process is in the PID namespace that was joined.
    match sys::fork_into(0).map_err(step("cannot fork"))? {
        Forked::Child => Err(in_child(&args, &inside, &filters, &environment)),
        Forked::Parent(child) => {
            let ended = sys::retry(|| sys::wait(child));
            let (_, status) = ended.map_err(step("cannot wait for the command"))?;
            Ok(ExitCode::from(status.shell()))
        }
    }
}

/// The filters that the command gets. A sandbox that has some of its own is entered without them only on demand.
fn filters(args: &Args, inside: &Inside) -> Res<Vec<Vec<u8>>> {
    if inside.has_filters && args.seccomp.is_empty() && !args.no_filter {
        return Err(failed(
            format_args!("process {}", inside.pid),
            "it runs under seccomp filters, which nobody can read: give them again (--seccomp FILE), or go without \
             (--no-filter)",
        ));
    }
    let read = |path: &PathBuf| std::fs::read(path).map_err(|why| failed(path.display(), why));
    args.seccomp.iter().map(read).collect()
}

type Variables = Vec<(OsString, OsString)>;

/// That of the process, and what the caller adds. The caller's own stays outside but for `TERM`.
fn environment(args: &Args, inside: &Inside) -> Res<Variables> {
    let mut all = inside.environment().map_err(|why| failed("cannot read the sandbox's environment", why))?;
    let mut set = |name: OsString, value: OsString| {
        all.retain(|(other, _)| *other != name);
        all.push((name, value));
    };
    if let Some(term) = std::env::var_os("TERM") {
        set("TERM".into(), term);
    }
    for variable in &args.env {
        let Some((name, value)) = variable.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(failed(format_args!("--env {variable}"), "not NAME=VALUE"));
        };
        set(name.into(), value.into());
    }
    Ok(all)
}

/// In the child: gives up what the process inside does not have, and execs. Comes back only to say why not.
fn in_child(args: &Args, inside: &Inside, filters: &[Vec<u8>], environment: &Variables) -> Failure {
    if let Err(failure) = confine(args, inside) {
        return failure;
    }
    let shell = vec![OsString::from("/bin/sh")];
    let words = if args.command.is_empty() { &shell } else { &args.command };
    let Some((program, rest)) = words.split_first() else { return failed("COMMAND", "is empty") };
    let mut command = Command::new(program);
    command.args(rest).env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
    // ORDER: last, so that a filter need not allow anything but the exec.
    for filter in filters {
        if let Err(errno) = sys::seccomp_set_mode_filter(filter) {
            return step("cannot load the filter")(errno);
        }
    }
    let why = command.exec();
    let status = if why.kind() == std::io::ErrorKind::NotFound { 127 } else { 126 };
    failed(program.display(), why).status(status)
}

/// Becomes as the process inside is.
fn confine(args: &Args, inside: &Inside) -> Res<()> {
    // Whoever entered is gone: so is what was run for him.
    sys::set_pdeathsig(sys::SIGKILL).map_err(step("prctl(PR_SET_PDEATHSIG)"))?;
    inside.enter_root().map_err(step("cannot enter the sandbox's root"))?;
    match &args.chdir {
        Some(dir) => std::env::set_current_dir(dir).map_err(|why| failed(dir.display(), why))?,
        None => inside.enter_directory().map_err(step("cannot enter the sandbox's directory"))?,
    }
    if args.new_session {
        sys::setsid().map_err(step("setsid"))?;
    }
    // Descriptors of whoever called, which may lead out of the sandbox.
    sys::cloexec_range(3, u32::MAX).map_err(step("close_range"))?;
    let (uid, gid) = (args.uid.unwrap_or(inside.uid), args.gid.unwrap_or(inside.gid));
    inside.drop_bounding().map_err(step("cannot drop from the bounding set"))?;
    sys::setresgid(gid).map_err(step("cannot switch to that group"))?;
    sys::setresuid(uid).map_err(step("cannot switch to that user"))?;
    let own = sys::capget().map_err(step("capget"))?.permitted;
    let caps = Caps {
        effective: inside.caps.effective.intersection(own),
        permitted: inside.caps.permitted.intersection(own),
        inheritable: inside.caps.inheritable.intersection(own),
    };
    sys::capset(caps).map_err(step("capset"))?;
    sys::ambient_clear().map_err(step("cannot empty the ambient set"))?;
    for cap in inside.ambient.intersection(own).iter() {
        sys::ambient_raise(cap).map_err(step("cannot raise an ambient capability"))?;
    }
    if inside.no_new_privs {
        sys::set_no_new_privs().map_err(step("prctl(PR_SET_NO_NEW_PRIVS)"))?;
    }
    // Read back what would leave the sandbox open if it had done nothing.
    let now = sys::capget().map_err(step("capget"))?;
    let quiet = !inside.no_new_privs || sys::no_new_privs() == Ok(true);
    if now != caps || !quiet || (sys::getuid(), sys::getgid()) != (uid, gid) {
        return Err(failed("the sandbox's privileges", "could not be given up"));
    }
    Ok(())
}

/// The kinds of namespace, in the order in which they are joined: the user namespace gives the right to the others.
const NAMESPACES: [(&str, u32); 7] = [
    ("user", flags::NEWUSER),
    ("mnt", flags::NEWNS),
    ("pid", flags::NEWPID),
    ("net", flags::NEWNET),
    ("ipc", flags::NEWIPC),
    ("uts", flags::NEWUTS),
    ("cgroup", flags::NEWCGROUP),
];

/// A descriptor as `common` takes it.
fn fd(file: &impl std::os::fd::AsRawFd) -> Fd {
    Fd(file.as_raw_fd())
}
