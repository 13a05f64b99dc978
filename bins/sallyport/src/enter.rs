//! `sallyport enter`: one more command in a sandbox that runs already, as confined as what is in there.
//!
//! Whoever started the sandbox owns its user namespace, and so may join all of its namespaces. What a process has beside
//! those (capabilities, `no_new_privs`, ids, groups, limits, umask, environment, cgroup) is taken from the process that is
//! named; what cannot be taken, seccomp filters, has to be given or given up.
//!
//! What runs in there may be hostile to who comes in. So this program runs from a sealed copy of itself, which nobody can
//! write to through /proc/PID/exe, and cannot be traced or looked at until the command has replaced it.

mod handle;
mod process;
mod sealed;
mod wait;

use crate::failure::{Failure, Res};
use common::errno::Errno;
use common::sys::{self, Caps, Fd, Forked, OwnedFd, clone_flags as flags};
use process::Inside;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

/// What `enter` takes.
#[derive(clap::Args)]
#[command(after_long_help = "NOT TAKEN\n\
    The security module's label and Landlock rulesets of PROCESS, which COMMAND goes without. COMMAND has a session \
    keyring of its own, empty. A launch that is not done is waited for, two seconds at most.\n\n\
    EXIT STATUS\n\
    That of COMMAND; 128 + n when signal n ended it; 125 when it was not run, 126 when it could not be, 127 when there \
    is none.")]
pub struct Args {
    /// A filter for COMMAND, as --seccomp of bwrap takes it; several are loaded in order.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    seccomp: Vec<PathBuf>,
    /// Enter although the sandbox's own filters cannot be had: COMMAND runs without.
    #[arg(long)]
    no_filter: bool,
    /// Enter although the caller's supplementary groups cannot be given up: COMMAND has them.
    #[arg(long)]
    keep_groups: bool,
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
    /// A session of its own, without the caller's terminal; the default where neither standard input, output nor error is
    /// a terminal.
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
    sealed::run_from_copy().map_err(|why| failed("cannot run from a sealed copy", why))?;
    // ORDER: before anything is joined. The user namespace that counts for this is the host's, so that no capability in
    // the sandbox's is enough (ptrace(2), "Ptrace access mode checking"), until the exec.
    sys::hide().map_err(step("prctl(PR_SET_DUMPABLE)"))?;
    let inside =
        Inside::find(args.process).map_err(|why| failed(format_args!("process {}", args.process), why))?;
    let filters = filters(&args, &inside)?;
    let environment = environment(&args, &inside)?;
    let groups = nix::unistd::getgroups().map_err(|errno| failed("getgroups", errno))?;
    let groups = groups.into_iter().map(nix::unistd::Gid::as_raw).collect();
    let (waits, go) = sys::pipe().map_err(step("pipe"))?;
    let new_session = args.new_session || !wait::has_terminal();
    let is_leader = !new_session && wait::is_foreground();
    if !new_session && inside.brings_terminal() {
        crate::failure::warn(format_args!(
            "what runs there can read what is typed on this terminal, from which the sandbox is kept, and type into it \
             itself where the kernel lets it (TIOCSTI); --new-session keeps COMMAND from it, too"
        ));
    }
    // ORDER: all that is read of the host, before any of it is left.
    inside.join_cgroup().map_err(|why| failed("cannot join the sandbox's cgroup", why))?;
    inside.join_namespaces().map_err(step("cannot join the sandbox's namespaces"))?;
    // Another user namespace's capabilities undo it where fs.suid_dumpable is 1, and this process goes on to wait.
    sys::hide().map_err(step("prctl(PR_SET_DUMPABLE)"))?;
    // Only a new process is in the PID namespace that was joined.
    match sys::fork_into(0).map_err(step("cannot fork"))? {
        Forked::Child => {
            drop(go);
            Err(in_child(&args, new_session, &inside, &filters, &environment, &groups, &waits))
        }
        Forked::Parent(child) => {
            drop(waits);
            wait::until_end(child, go, is_leader).map(ExitCode::from)
        }
    }
}

/// The filters that the command gets. A sandbox that has some of its own is entered without them only on demand.
fn filters(args: &Args, inside: &Inside) -> Res<Vec<Vec<u8>>> {
    if inside.has_filters && args.seccomp.is_empty() && !args.no_filter {
        return Err(failed(
            format_args!("process {}", inside.process.pid),
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
fn in_child(
    args: &Args,
    new_session: bool,
    inside: &Inside,
    filters: &[Vec<u8>],
    environment: &Variables,
    groups: &BTreeSet<u32>,
    waits: &OwnedFd,
) -> Failure {
    if let Err(failure) = wait::for_go(waits).and_then(|()| confine(args, new_session, inside, groups, waits))
    {
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

/// Becomes as the process inside is; `parent` ends with the one that waits for the command.
fn confine(
    args: &Args,
    new_session: bool,
    inside: &Inside,
    groups: &BTreeSet<u32>,
    parent: &OwnedFd,
) -> Res<()> {
    inside.enter_root().map_err(step("cannot enter the sandbox's root"))?;
    match &args.chdir {
        Some(dir) => std::env::set_current_dir(dir).map_err(|why| failed(dir.display(), why))?,
        None => inside.enter_directory().map_err(step("cannot enter the sandbox's directory"))?,
    }
    if new_session {
        sys::setsid().map_err(step("setsid"))?;
    }
    // Descriptors of whoever called, which may lead out of the sandbox.
    sys::cloexec_range(3, u32::MAX).map_err(step("close_range"))?;
    let (uid, gid) = (args.uid.unwrap_or(inside.uid), args.gid.unwrap_or(inside.gid));
    inside.take_limits().map_err(step("cannot take the sandbox's resource limits"))?;
    sys::umask(inside.umask).map_err(step("umask"))?;
    inside.drop_bounding().map_err(step("cannot drop from the bounding set"))?;
    if !args.keep_groups {
        inside.take_groups(groups).map_err(|why| {
            let hint = "the caller has supplementary groups that the sandbox has not, and cannot give them up (enter \
                        without them, or --keep-groups)";
            failed(hint, why)
        })?;
    }
    sys::setresgid(gid).map_err(step("cannot switch to that group"))?;
    sys::setresuid(uid).map_err(step("cannot switch to that user"))?;
    // Where fs.suid_dumpable is 1 the change has undone it.
    sys::hide().map_err(step("prctl(PR_SET_DUMPABLE)"))?;
    leave_keyring()?;
    let own = sys::capget().map_err(step("capget"))?.permitted;
    if uid == 0 && !inside.no_new_privs && inside.exec_gives_back(own) {
        keep_from_root()?;
    }
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
    // Whoever entered is gone: so is what was run for him. ORDER: last, since a change of ids clears it; one who was gone
    // before shows at the pipe.
    sys::set_pdeathsig(sys::SIGKILL).map_err(step("prctl(PR_SET_PDEATHSIG)"))?;
    if sys::is_hung_up(parent.fd()).map_err(step("poll"))? {
        return Err(failed("the process that waits", "it has ended"));
    }
    Ok(())
}

/// Leaves the caller's keys, to which the sandbox may have none: there is no way to join its own session keyring.
fn leave_keyring() -> Res<()> {
    let what = "cannot leave the session keyring";
    match sys::new_session_keyring() {
        // A kernel without keys.
        Err(Errno::NOSYS) => Ok(()),
        Err(errno) => Err(step(what)(errno)),
        // Read back: the caller's keys would still be the command's.
        Ok(new) if sys::session_keyring() == Ok(new) => Ok(()),
        Ok(_) => Err(failed(what, "it is still the caller's")),
    }
}

/// Keeps an exec as root from giving capabilities: securebits, which cannot be asked for from outside, may do so there.
fn keep_from_root() -> Res<()> {
    let what = "cannot set the securebits";
    let bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | sys::securebits().map_err(step(what))?;
    sys::set_securebits(bits).map_err(step(what))?;
    match sys::securebits() {
        Ok(now) if now == bits => Ok(()),
        _ => Err(failed(what, "they are as before")),
    }
}

/// `SECBIT_NOROOT` (capabilities(7)): user 0 is none that an exec gives capabilities to.
const SECBIT_NOROOT: u32 = 1 << 0;
/// It can not be cleared.
const SECBIT_NOROOT_LOCKED: u32 = 1 << 1;

/// The kinds of namespace, in the order in which they are joined: the user namespace gives the right to the others.
const NAMESPACES: [(&str, u32); 8] = [
    ("user", flags::NEWUSER),
    ("mnt", flags::NEWNS),
    ("pid", flags::NEWPID),
    ("net", flags::NEWNET),
    ("ipc", flags::NEWIPC),
    ("uts", flags::NEWUTS),
    ("cgroup", flags::NEWCGROUP),
    ("time", flags::NEWTIME),
];

/// A descriptor as `common` takes it.
fn fd(file: &impl std::os::fd::AsRawFd) -> Fd {
    Fd(file.as_raw_fd())
}
