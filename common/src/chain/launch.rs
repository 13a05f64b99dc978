//! The start of a launch: the first stage that has work is run on the plan.

use super::{environment, exec_command, next, stored};
use crate::fault;
use crate::plan::{Plan, Stage};
use crate::report::{At, Outcome};
use crate::sys::{self, Fd, Strings};
use core::convert::Infallible;

/// Launches `plan`, which the sealed memfd `fd` holds and ns-enter begins. Returns only to say why not.
pub fn launch_sandbox(fd: Fd, plan: &Plan<'static>, env: Strings<'static>) -> Outcome<Infallible> {
    match plan.stages_after(None).next() {
        Some(first @ Stage::NsEnter) => next::exec_first(first, fd, env),
        _ => Err(fault!("Invalid plan: it does not begin with ", Stage::NsEnter.name())),
    }
}

/// Launches `plan`, which the sealed memfd `fd` holds, whatever it begins with. Returns only to say why not.
///
/// ns-enter makes the environment itself; where another stage is the first, it is made here.
pub fn launch(fd: Fd, plan: &Plan<'static>, env: Strings<'static>) -> Outcome<Infallible> {
    match plan.stages_after(None).next() {
        Some(first @ Stage::NsEnter) => next::exec_first(first, fd, env),
        Some(first) => next::exec_first(first, fd, environment(plan, env)?),
        None => {
            let env = environment(plan, env)?;
            sys::close(fd).at(|| fault!("close"))?;
            exec_command(Stage::Command, plan, env, None)
        }
    }
}

/// Launches the plan that `from` is open on, as its first stage does with `--stored`: copied, sealed and checked
/// whole. Returns only to say why not.
pub fn launch_stored(from: Fd, env: Strings<'static>) -> Outcome<Infallible> {
    let fd = stored::load(from)?;
    launch(fd, &Plan::map(fd)?, env)
}
