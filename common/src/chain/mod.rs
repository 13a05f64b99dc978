//! The protocol between stages: what a stage finds in its argument vector, and how it hands over.
//!
//! A stage is started as `STAGE --plan=FD [--next=FD,…] [--status=FD] [--ready=FD] [--proc=FD]
//! [--netns=FD] [--unblock=HEX] [--ids=UID:GID] [--caps=HEX] [--own-userns=new|joined]
//! [--own-mounts=new] [--own-pids=new]`:
//! the descriptors (and the facts) that were born on the way, so that ps(1) and strace(1) show all there is. The
//! plan says everything else.

mod args;
mod command;
mod directory;
mod launch;
pub mod netns;
mod next;
pub mod stored;

pub use args::{Argument, OwnUserNs, Passed, unsigned};
pub use command::{exec_command, execvp};
pub use launch::{launch, launch_sandbox, launch_stored};
pub use next::{Neighbours, Next};

use crate::env;
#[cfg(feature = "start")]
use crate::errno::Errno;
use crate::fault;
use crate::plan::{BadPlan, Command, FdNumber, Plan, Reader, Stage};
#[cfg(feature = "start")]
use crate::report::ENV_FAILURE;
use crate::report::{At, Fault, Outcome, Voice};
#[cfg(feature = "start")]
use crate::sys::Vector;
use crate::sys::{self, Strings};

/// A stage that has been entered: its plan and what was passed along.
#[derive(Clone, Copy, Debug)]
pub struct Chain {
    /// Which stage this is.
    pub stage: Stage,
    /// The plan.
    pub plan: Plan<'static>,
    /// What the arguments said.
    pub passed: Passed,
    /// The environment, to be handed on.
    pub env: Strings<'static>,
    /// The environment as it came: for the first stage the caller's.
    pub entered_env: Strings<'static>,
}

impl Chain {
    /// Reads the arguments of `stage`, checks them and maps the plan.
    ///
    /// `secure` is `AT_SECURE`. With a set-user-ID bit or file capabilities on the executable a caller's plan would
    /// run with privileges that are not the caller's: refused. A security module that changes domains at this
    /// exec sets it too, and is welcome.
    pub fn enter(
        stage: Stage,
        args: Strings<'static>,
        env: Strings<'static>,
        secure: bool,
    ) -> Outcome<Chain> {
        refuse_raised(secure)?;
        Chain::on(stage, args::parse(args)?, env)
    }

    /// Maps the plan that was `passed` and checks that it is the one meant.
    fn on(stage: Stage, passed: Passed, env: Strings<'static>) -> Outcome<Chain> {
        let plan = Plan::map(passed.plan)?;
        let expected = plan.stages_after(Some(stage)).count();
        if passed.next.is_some_and(|next| next.len() != expected) {
            return Err(fault!("--next does not fit the plan"));
        }
        Ok(Chain { stage, plan, passed, env, entered_env: env })
    }

    /// How this stage signs its messages.
    pub fn voice(&self) -> Voice {
        self.plan.voice(self.stage)
    }

    /// Decodes this stage's own frame.
    pub fn frame<T>(&self, decode: impl FnOnce(&mut Reader<'static>) -> Result<T, BadPlan>) -> Outcome<T> {
        self.plan.decode(self.stage, decode).map_err(BadPlan::fault)
    }

    /// Refuses a descriptor that the plan names and that has become one which was opened on the way here, since its number was
    /// free.
    pub fn refuse_ours(&self, number: FdNumber) -> Outcome<()> {
        if self.passed.has(number.fd()) { Err(missing(number)) } else { Ok(()) }
    }

    /// Makes sure that a descriptor which the plan names is open, and the user's. [`FdNumber::CLOSED`] is meant to be missing.
    pub fn needs(&self, number: FdNumber) -> Outcome<()> {
        self.refuse_ours(number)?;
        let is_there = number == FdNumber::CLOSED || sys::is_open(number.fd()) == Ok(true);
        if is_there { Ok(()) } else { Err(missing(number)) }
    }

    /// Makes sure that the executables of the later stages are open: the first stage opens them, those after it
    /// were handed them.
    pub fn open_next(&mut self) -> Outcome<()> {
        match self.passed.next {
            None => self.open_next_beside(&mut Neighbours::find()?),
            Some(_) => Ok(()),
        }
    }

    /// [`Chain::open_next`] for a first stage that has asked where it is before it went where `/proc/self/exe` no
    /// longer tells: in a new mount namespace the path of the executable's mount is not that below a chroot.
    pub fn open_next_beside(&mut self, own: &mut Neighbours) -> Outcome<()> {
        if self.passed.next.is_none() {
            self.passed.next = Some(Next::open(self.plan.stages_after(Some(self.stage)), own)?);
        }
        Ok(())
    }

    /// Hands over: execs the next stage, or the command when this is the last. Returns only to say why not.
    pub fn exec(mut self) -> Outcome<core::convert::Infallible> {
        self.open_next()?;
        match self.passed.next.and_then(Next::split) {
            Some((fd, rest)) => next::exec(&self, fd, rest),
            None => {
                sys::close(self.passed.plan).at(|| fault!("close"))?;
                exec_command(self.stage, &self.plan, self.env, self.passed.ready)
            }
        }
    }

    /// Enters the working directory of the command now, for the stage that has to be there before the last one
    /// is; sets `PWD` to match.
    pub fn enter_directory(&mut self) -> Outcome<()> {
        self.env = directory::enter(&self.plan, self.env)?;
        Ok(())
    }
}

fn missing(number: FdNumber) -> Fault {
    fault!("The plan needs descriptor ", number.fd().0, ", which is not open")
}

/// The environment of `plan`'s command, made of the caller's.
///
/// It is made by the first stage, or by who runs that: no process of the sandbox, pid 1 among them, ever holds what
/// `--clearenv` or `--unsetenv` took away (bubblewrap's issue 725).
pub fn environment(plan: &Plan<'static>, env: Strings<'static>) -> Outcome<Strings<'static>> {
    let command = plan.decode(Stage::Command, Command::decode).map_err(BadPlan::fault)?;
    // PWD carries the caller's directory to the last stage, which is the one to enter it; empty when it has no name.
    let pwd = env::current_directory(env).at(|| fault!("getcwd"))?.unwrap_or(c"");
    env::apply(env, command.env, pwd).at(|| fault!("setenv failed"))
}

/// Refuses privileges that the caller does not have and this executable would lend; `secure` is `AT_SECURE`.
pub fn refuse_raised(secure: bool) -> Outcome<()> {
    if secure && has_more_than_its_caller() {
        return Err(fault!("setuid use of bubblewrap is not supported"));
    }
    Ok(())
}

/// Whether this exec gave privileges that the process before it did not have: another effective user or group, or
/// capabilities that are not ambient, which is how the stages hand them on to each other.
fn has_more_than_its_caller() -> bool {
    let uid = sys::getuid();
    if uid != sys::geteuid() || lends_its_group() {
        return true;
    }
    let Ok(caps) = sys::capget() else { return true };
    uid != 0 && caps.permitted.iter().any(|cap| sys::ambient_has(cap) != Ok(true))
}

/// Whether this executable has a set-group-ID bit. The groups themselves do not tell: those of a caller may differ.
pub fn lends_its_group() -> bool {
    const SET_GROUP_ID: u32 = 0o2000;
    sys::stat(sys::CWD, c"/proc/self/exe").is_ok_and(|own| own.mode & SET_GROUP_ID != 0)
}

/// Runs a stage: `run` sets up and hands over, so it comes back with a fault only.
#[cfg(feature = "start")]
pub fn run(
    stage: Stage,
    start: crate::rt::Start,
    run: impl FnOnce(Chain) -> Outcome<core::convert::Infallible>,
) -> ! {
    if !args::has_plan(start.args) {
        let voice = Voice { failure: ENV_FAILURE, ..Voice::of(stage.name()) };
        let Err(fault) = compose(stage, &start);
        voice.die(fault)
    }
    run_on(stage, run, || Chain::enter(stage, start.args, start.env, start.secure))
}

/// Hands the command line of a stage that is used as a command of its own to `compose`, which makes a plan of it: stages
/// themselves only execute plans. Returns only to say why not.
#[cfg(feature = "start")]
#[cold]
fn compose(stage: Stage, start: &crate::rt::Start) -> Outcome<core::convert::Infallible> {
    const COMPOSE: &str = "compose";
    refuse_raised(start.secure)?;
    let mut own = Neighbours::find()?;
    let name = Argument::new(stage.name());
    let mut exec = || {
        let mut argv = Vector::new(start.args.len().max(1))?;
        argv.push(name.as_c_str())?;
        for index in 1..start.args.len() {
            argv.push(start.args.get(index).unwrap_or_default())?;
        }
        let path = own.path(COMPOSE).ok_or(Errno::NAMETOOLONG)?;
        Err(sys::execve(path, argv.finish(), start.env))
    };
    exec().at(|| fault!("Can't exec ", COMPOSE, ", which reads the options of a stage"))
}

#[cfg(feature = "start")]
fn run_on(
    stage: Stage,
    run: impl FnOnce(Chain) -> Outcome<core::convert::Infallible>,
    enter: impl FnOnce() -> Outcome<Chain>,
) -> ! {
    let mut voice = Voice::of(stage.name());
    let outcome = enter().and_then(|chain| {
        voice = chain.voice();
        run(chain)
    });
    match outcome {
        Err(fault) => voice.die(fault),
        Ok(never) => match never {},
    }
}
