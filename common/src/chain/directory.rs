//! The working directory of the command: asked for, or the caller's, or `HOME`, or the root.

use crate::env;
use crate::errno::Errno;
use crate::fault;
use crate::plan::{BadPlan, Command, Plan, Stage};
use crate::report::{At, Outcome};
use crate::sys::{self, Strings};
use core::ffi::CStr;

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
            first_of(places.into_iter().flatten())?
        }
    };
    if pwd == Some(entered) {
        return Ok(env);
    }
    env::with_pwd(env, entered).at(|| fault!("setenv failed"))
}

/// Enters the first of `places` that there is in the sandbox, else the root.
fn first_of(places: impl Iterator<Item = &'static CStr>) -> Outcome<&'static CStr> {
    for place in places {
        match sys::chdir(place) {
            Ok(()) => return Ok(place),
            // Not there, not for this user, or out of reach: what the next one is for.
            Err(Errno::NOENT | Errno::NOTDIR | Errno::ACCES | Errno::LOOP | Errno::NAMETOOLONG) => {}
            Err(Errno::STALE | Errno::NOTCONN) => {}
            Err(errno) => return Err(fault!("Can't chdir to ", place).errno(errno)),
        }
    }
    match sys::chdir(c"/") {
        // A root that may not be searched: this is it all the same, and the exec will tell.
        Ok(()) | Err(Errno::ACCES) => Ok(c"/"),
        Err(errno) => Err(fault!("chdir /").errno(errno)),
    }
}
