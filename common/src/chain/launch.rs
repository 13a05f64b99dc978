//! The start of a launch: the environment is made, then the first stage that has work is run on the plan.

use super::{exec_command, next, stored};
use crate::env;
use crate::fault;
use crate::plan::{BadPlan, Command, Plan, Stage};
use crate::report::{At, Outcome};
use crate::sys::{self, Fd, Strings};
use core::convert::Infallible;

/// Launches `plan`, which the sealed memfd `fd` holds. Returns only to say why not.
///
/// The environment changes are made here, by the first exec: no process of the sandbox, pid 1 among them, ever
/// holds what `--clearenv` or `--unsetenv` took away (bubblewrap's issue 725).
pub fn launch(fd: Fd, plan: &Plan<'static>, env: Strings<'static>) -> Outcome<Infallible> {
    let command = plan.decode(Stage::Command, Command::decode).map_err(BadPlan::fault)?;
    // PWD carries the caller's directory to the last stage, which is the one to enter it; empty when it has no name.
    let pwd = env::current_directory(env).at(|| fault!("getcwd"))?.unwrap_or(c"");
    let env = env::apply(env, command.env, pwd).at(|| fault!("setenv failed"))?;
    match plan.stages_after(None).next() {
        Some(first) => next::exec_first(first, fd, env),
        None => {
            sys::close(fd).at(|| fault!("close"))?;
            exec_command(Stage::Command, plan, env, None)
        }
    }
}

/// Launches the plan that `from` is open on, as its first stage does with `--stored`: copied, sealed and checked
/// whole. Returns only to say why not.
pub fn launch_stored(from: Fd, env: Strings<'static>) -> Outcome<Infallible> {
    let stored = stored::load(from, env)?;
    let plan = Plan::map(stored.plan)?;
    match plan.stages_after(None).next() {
        Some(first) => next::exec_first(first, stored.plan, stored.env),
        None => {
            sys::close(stored.plan).at(|| fault!("close"))?;
            exec_command(Stage::Command, &plan, stored.env, None)
        }
    }
}
