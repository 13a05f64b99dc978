//! Launching a plan that was stored: copied, sealed and checked whole, then like one that was just compiled.

use super::args;
use crate::env;
use crate::fault;
use crate::plan::{BadPlan, Buffer, FdNumber, MAX_PLAN, Plan, check, seal};
use crate::report::{At, Outcome};
use crate::sys::{self, Fd, Strings};

/// The descriptor of `STAGE --stored=FD`, the way to start the first stage on a stored plan.
pub fn argument(arguments: Strings<'static>) -> Option<Fd> {
    if arguments.len() != 2 {
        return None;
    }
    let value = arguments.get(1)?.to_bytes().strip_prefix(b"--stored=")?;
    args::decimal(value).map(Fd)
}

/// The variable that tells whom `sallyport hold` runs which descriptor the plan is at.
pub const HELD: &str = "SALLYPORT_PLAN_FD";

/// The environment of who launches `plan`, without [`HELD`] where that names it: the command does not get the descriptor.
pub fn without_held(env: Strings<'static>, plan: Fd) -> Outcome<Strings<'static>> {
    let name = HELD.as_bytes();
    let held = env.variable(name).and_then(|number| args::decimal(number.to_bytes()));
    if held == Some(plan.0) { env::without(env, name).at(|| fault!("unsetenv failed")) } else { Ok(env) }
}

/// Reads the plan that `from` is open on (a file, a pipe, a memfd), and refuses it unless all of it is as a stage
/// will want it.
///
/// It is copied, whatever it is: what is checked here can then not be changed by whoever else has it open.
pub fn load(from: Fd) -> Outcome<Fd> {
    let mut bytes = Buffer::new(4096).at(|| fault!("Can't read plan"))?;
    bytes.extend_from(from, MAX_PLAN + 1).at(|| fault!("Can't read plan"))?;
    let bytes = bytes.leak().at(|| fault!("Can't read plan"))?;
    let plan = Plan::parse(bytes).map_err(BadPlan::fault)?;
    let mut missing = None;
    check(&plan, |number: FdNumber| {
        // What the plan names has to be there before anything of ours is: a number that is free now would be given
        // to one of our own. `CLOSED` is meant to be missing.
        if number != FdNumber::CLOSED && (number.fd() == from || sys::is_open(number.fd()) != Ok(true)) {
            missing = missing.or(Some(number.fd().0));
        }
    })
    .map_err(BadPlan::fault)?;
    if let Some(fd) = missing {
        return Err(fault!("The plan needs descriptor ", fd, ", which is not open"));
    }
    sys::close(from).at(|| fault!("Can't read plan"))?;
    let sealed = seal(bytes).at(|| fault!("Can't seal the plan"))?;
    sys::set_cloexec(sealed.fd(), false).at(|| fault!("Can't pass on the plan"))?;
    Ok(sealed.leak())
}
