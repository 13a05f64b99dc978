//! Whole command lines in a made-up world.

mod chain;
mod frames;
mod lines;
mod tools;

use super::bwrap::{Answer, CommandLine};
use super::{
    CommandOption, FsBuildOption, GeneralOption, Host, InitReaperOption, NsEnterExtra, NsEnterOption,
    PrivDropOption, SeccompLoadOption, help,
};
use crate::caps::{CapSet, cap};
use crate::errno::Errno;
use crate::plan::{
    Access, Buffer, Command, EnvOp, FLAG_BWRAP, FLAG_LEVEL_PREFIX, FdNumber, FsBuild, InitReaper, MountOp,
    NsEnter, Plan, PrivDrop, SeccompLoad, SecondUserNs, Stage, UserNs,
};
use crate::report::{Fault, Voice};
use crate::sys::{Fd, Result, Strings, Vector, clone_flags as flags};
use crate::text::{Path, Text};
use std::cell::RefCell;
use std::collections::HashMap;
use std::ffi::{CStr, CString};

/// A world made up for a test.
#[derive(Default)]
struct World {
    open: RefCell<HashMap<i32, &'static [u8]>>,
    warnings: RefCell<Vec<(bool, Fault)>>,
    selinux: bool,
    ids: (u32, u32),
}

impl World {
    fn user() -> World {
        World { ids: (1000, 1000), ..World::default() }
    }

    fn with(self, fd: i32, data: &'static [u8]) -> World {
        self.open.borrow_mut().insert(fd, data);
        self
    }
}

impl Host for World {
    fn warn(&self, voice: Voice, fault: Fault) {
        self.warnings.borrow_mut().push((voice.level_prefix, fault));
    }
    fn read(&self, fd: Fd) -> Result<Buffer> {
        let mut data = Buffer::new(1)?;
        data.extend(self.open.borrow().get(&fd.0).ok_or(Errno::BADF)?)?;
        Ok(data)
    }
    fn file(&self, path: &CStr) -> Result<Buffer> {
        let mut data = Buffer::new(1)?;
        data.extend(match path.to_bytes() {
            b"/etc/passwd" => b"root:x:0:0::/:/bin/sh\nmail:x:8:9::/:/bin/sh\nbroken\n",
            b"/etc/group" => {
                b"root:x:0:\nmail:x:9:\nusers:x:100:root,mail\nother:x:101:mailer,root\nlast:x:102:mail"
            }
            _ => return Err(Errno::NOENT),
        })?;
        Ok(data)
    }
    fn close(&self, fd: Fd) -> Result<()> {
        self.open.borrow_mut().remove(&fd.0).map(drop).ok_or(Errno::BADF)
    }
    fn is_open(&self, fd: Fd) -> Result<bool> {
        Ok(self.open.borrow().contains_key(&fd.0))
    }
    fn has_selinux(&self) -> bool {
        self.selinux
    }
    fn ids(&self) -> (u32, u32) {
        self.ids
    }
}

fn vector(line: &str) -> Strings<'static> {
    let words = line.split(' ').map(|word| if word == "''" { "" } else { word });
    let words: Vec<_> = std::iter::once("bwrap").chain(words.filter(|_| !line.is_empty())).collect();
    let mut vector = Vector::new(words.len()).unwrap();
    for word in words {
        vector.push(Box::leak(CString::new(word).unwrap().into_boxed_c_str())).unwrap();
    }
    vector.finish()
}

fn run(world: &World, line: &str) -> crate::report::Outcome<Answer> {
    CommandLine::new(world).unwrap().run(vector(line))
}

fn plan(world: &World, line: &str) -> Plan<'static> {
    match run(world, line) {
        Ok(Answer::Launch(bytes)) => Plan::parse(bytes).unwrap(),
        other => panic!("{line}: {other:?}"),
    }
}

fn ns_enter(line: &str) -> NsEnter<'static> {
    plan(&World::user(), line).decode(Stage::NsEnter, NsEnter::decode).unwrap()
}

fn priv_drop(line: &str) -> PrivDrop<'_> {
    plan(&World::user(), line).decode(Stage::PrivDrop, PrivDrop::decode).unwrap()
}

fn ops(world: &World, line: &str) -> Vec<MountOp<'static>> {
    plan(world, line).decode(Stage::FsBuild, FsBuild::decode).unwrap().ops.iter().collect()
}

fn path(text: &'static CStr) -> Path<'static> {
    Path(text)
}

/// Lines and why each is refused; a refusal is compared as the words of its message.
fn refused(world: &World, table: &[(&str, &str)]) {
    for (line, message) in table {
        let fault = run(world, line).expect_err(line);
        assert_eq!(fault.to_string(), *message, "{line}");
    }
}
