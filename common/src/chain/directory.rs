//! The working directory of the command: asked for, or the caller's, or `HOME`, or the root.

use crate::env;
use crate::errno::Errno;
use crate::fault;
use crate::plan::{BadPlan, Command, Plan, Stage};
use crate::report::{At, Outcome};
use crate::sys::{self, Strings};

/// Enters the directory that `plan` asks for; without one the caller's, which the launch has left in `PWD`. The
/// environment comes back with `PWD` saying where this ended.
pub fn enter(plan: &Plan<'static>, env: Strings<'static>) -> Outcome<Strings<'static>> {
    let command = plan.decode(Stage::Command, Command::decode).map_err(BadPlan::fault)?;
    let pwd = env.variable(b"PWD");
    let entered = match command.directory {
        Some(path) => {
            sys::chdir(path.0).at(|| fault!("Can't chdir to ", path))?;
            path.0
        }
        None => {
            let places = [pwd.filter(|path| path.to_bytes().starts_with(b"/")), env.variable(b"HOME")];
            match places.into_iter().flatten().find(|path| sys::chdir(path).is_ok()) {
                Some(path) => path,
                None => {
                    match sys::chdir(c"/") {
                        // A root that may not be searched: this is it all the same, and the exec will tell.
                        Ok(()) | Err(Errno::ACCES) => c"/",
                        Err(errno) => return Err(fault!("chdir /").errno(errno)),
                    }
                }
            }
        }
    };
    if pwd == Some(entered) {
        return Ok(env);
    }
    env::with_pwd(env, entered).at(|| fault!("setenv failed"))
}
