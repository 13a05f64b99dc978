//! The environment of the launch: the plan's changes, applied before anything else runs.

use crate::errno::Errno;
use crate::plan::{EnvOp, List};
use crate::sys::{self, Result, Strings, Vector};
use core::ffi::CStr;

/// `env` after `ops`, with `PWD` set to `pwd` at the end.
///
/// As `setenv(3)` does it: a variable that exists changes in place, a new one goes to the end. The result is
/// `env` itself where nothing changes, which is the usual case and costs nothing.
pub fn apply(
    env: Strings<'static>,
    ops: List<'static, EnvOp<'static>>,
    pwd: &'static CStr,
) -> Result<Strings<'static>> {
    if ops.is_empty() && env.variable(b"PWD") == Some(pwd) {
        return Ok(env);
    }
    let mut vector = Vector::new(env.len().checked_add(ops.len()).ok_or(Errno::NOMEM)?.saturating_add(1))?;
    vector.extend(env.iter())?;
    let mut room = Room::new(ops, pwd)?;
    for op in ops.iter() {
        match op {
            EnvOp::Clear => vector.remove(|_| true),
            EnvOp::Unset { name } => vector.remove(|entry| names(entry, name.bytes())),
            EnvOp::Set { name, value } => room.set(&mut vector, name.bytes(), value.bytes())?,
        }
    }
    room.set(&mut vector, b"PWD", pwd.to_bytes())?;
    Ok(vector.finish())
}

/// `env` without `name`.
pub fn without(env: Strings<'static>, name: &[u8]) -> Result<Strings<'static>> {
    if env.variable(name).is_none() {
        return Ok(env);
    }
    let mut vector = Vector::new(env.len())?;
    vector.extend(env.iter())?;
    vector.remove(|entry| names(entry, name));
    Ok(vector.finish())
}

/// `env` with `PWD` set to `pwd`.
pub fn with_pwd(env: Strings<'static>, pwd: &'static CStr) -> Result<Strings<'static>> {
    apply(env, List::EMPTY, pwd)
}

/// The caller's working directory as it calls it: `PWD` where that is true, what the kernel says otherwise
/// (as `get_current_dir_name(3)`); `None` when it has no name.
///
/// An error is one of asking: a directory that was deleted or is out of reach has no name, and that is an answer.
pub fn current_directory(env: Strings<'static>) -> Result<Option<&'static CStr>> {
    let claimed = env.variable(b"PWD").filter(|path| path.to_bytes().starts_with(b"/"));
    if let Some(path) = claimed
        && let (Ok(there), Ok(here)) = (sys::stat(sys::CWD, path), sys::stat(sys::CWD, c"."))
        && (there.dev, there.ino) == (here.dev, here.ino)
    {
        return Ok(Some(path));
    }
    match sys::getcwd(sys::Mapping::new(4096)?.leak()) {
        Ok(path) => Ok(Some(path).filter(|path| path.to_bytes().starts_with(b"/"))),
        Err(Errno::NOENT | Errno::ACCES | Errno::RANGE | Errno::NAMETOOLONG) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// Whether `entry` is `name=…`.
fn names(entry: &CStr, name: &[u8]) -> bool {
    entry.to_bytes().strip_prefix(name).is_some_and(|rest| rest.first() == Some(&b'='))
}

/// Memory for all the new variables: one region, since each costs a system call and a page.
struct Room(&'static mut [u8]);

impl Room {
    /// Room for what `ops` set, and for `PWD`.
    fn new(ops: List<'static, EnvOp<'static>>, pwd: &'static CStr) -> Result<Room> {
        let entry = |name: &[u8], value: &[u8]| name.len() + value.len() + 2;
        let needed: usize = ops.iter().fold(entry(b"PWD", pwd.to_bytes()), |sum, op| match op {
            EnvOp::Set { name, value } => sum + entry(name.bytes(), value.bytes()),
            EnvOp::Clear | EnvOp::Unset { .. } => sum,
        });
        Ok(Room(sys::Mapping::new(needed)?.leak()))
    }

    /// Makes `name=value` an entry of `vector`.
    fn set(&mut self, vector: &mut Vector<'static>, name: &[u8], value: &[u8]) -> Result<()> {
        let mut used = 0;
        for part in [name, b"=", value, b"\0"] {
            let end = used + part.len();
            sys::copy(self.0.get_mut(used..end).ok_or(Errno::NOMEM)?, part);
            used = end;
        }
        let (entry, rest) = core::mem::take(&mut self.0).split_at_mut_checked(used).ok_or(Errno::NOMEM)?;
        self.0 = rest;
        let entry = CStr::from_bytes_with_nul(entry).map_err(|_| Errno::INVAL)?;
        match vector.position_of_variable(name) {
            Some(index) => vector.replace(index, entry),
            None => vector.push(entry)?,
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ListWriter;
    use crate::text::Text;

    fn run(before: &[&'static CStr], ops: &[EnvOp<'static>], pwd: &'static CStr) -> Vec<String> {
        let mut vector = Vector::new(before.len()).unwrap();
        for entry in before {
            vector.push(entry).unwrap();
        }
        let list = Box::leak(Box::new(ListWriter::new(64).unwrap()));
        for op in ops {
            list.push(op).unwrap();
        }
        let after = apply(vector.finish(), list.list(), pwd).unwrap();
        after.iter().map(|entry| entry.to_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn what_exists_changes_in_place_and_what_is_new_goes_last() {
        let (name, value) = (Text(c"B"), Text(c"9"));
        let after = run(&[c"A=1", c"B=2", c"C=3"], &[EnvOp::Set { name, value }], c"/x");
        assert_eq!(after, ["A=1", "B=9", "C=3", "PWD=/x"]);
    }

    #[test]
    fn clear_takes_all_and_unset_takes_every_copy() {
        let ops = [EnvOp::Clear, EnvOp::Set { name: Text(c"Z"), value: Text(c"") }];
        assert_eq!(run(&[c"A=1", c"PWD=/"], &ops, c"/x"), ["Z=", "PWD=/x"]);
        let after = run(&[c"A=1", c"AA=2", c"A=3"], &[EnvOp::Unset { name: Text(c"A") }], c"/");
        assert_eq!(after, ["AA=2", "PWD=/"]);
    }

    #[test]
    fn an_environment_that_stays_as_it_is_is_not_copied() {
        let mut vector = Vector::new(1).unwrap();
        vector.push(c"PWD=/x").unwrap();
        let before = vector.finish();
        let after = apply(before, List::EMPTY, c"/x").unwrap();
        assert_eq!(before.get(0).unwrap().as_ptr(), after.get(0).unwrap().as_ptr());
        assert_eq!(after.len(), 1);
    }
}
