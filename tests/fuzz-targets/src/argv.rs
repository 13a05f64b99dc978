//! Command lines, bwrap's and those of chains, and the words and filters that descriptors of them give.

use crate::message::assert_message;
use crate::{plan, room};
use common::errno::Errno;
use common::opts::bwrap::{Answer, CommandLine, SECTIONS};
use common::opts::chain::{self, ChainLine, Neighbourhood};
use common::opts::{
    CommandOption, FsBuildOption, GeneralOption, Host, InitReaperOption, NsEnterOption, PrivDropOption,
    SeccompLoadOption, help,
};
use common::plan::{Buffer, FdNumber, Plan, Stage, check};
use common::report::{Fault, Voice};
use common::sys::{Fd, Result, Strings};
use std::cell::{Cell, RefCell};
use std::ffi::CStr;

/// Ends the words, and each descriptor's data behind them.
pub const SEPARATOR: u8 = 0x1e;

/// The open descriptors: the standard three, and those from here on, each with its own data.
const FIRST: i32 = 10;

/// A world that consists of what the input says.
struct World<'d> {
    /// What can be read from each descriptor, [`FIRST`] being the first.
    data: Vec<&'d [u8]>,
    closed: RefCell<Vec<i32>>,
    warnings: Cell<usize>,
    ids: (u32, u32),
    selinux: bool,
    length: usize,
}

impl Host for World<'_> {
    fn warn(&self, voice: Voice, fault: Fault) {
        self.warnings.set(self.warnings.get() + 1);
        assert_message(voice, fault, self.length);
    }

    fn read(&self, fd: Fd) -> Result<Buffer> {
        let mut out = Buffer::new(1)?;
        if self.is_open(fd)? {
            let data = usize::try_from(fd.0 - FIRST).ok().and_then(|index| self.data.get(index));
            out.extend(data.copied().unwrap_or_default())?;
            Ok(out)
        } else {
            Err(Errno::BADF)
        }
    }

    /// Every file there is has what the first descriptor gives.
    fn file(&self, _: &CStr) -> Result<Buffer> {
        let mut out = Buffer::new(1)?;
        out.extend(self.data.first().ok_or(Errno::NOENT)?)?;
        Ok(out)
    }

    fn close(&self, fd: Fd) -> Result<()> {
        assert!(self.is_open(fd)?, "closes {}, which is not open", fd.0);
        self.closed.borrow_mut().push(fd.0);
        Ok(())
    }

    fn is_open(&self, fd: Fd) -> Result<bool> {
        let there = (0..3).contains(&fd.0) || (FIRST..FIRST + self.data.len() as i32).contains(&fd.0);
        Ok(there && !self.closed.borrow().contains(&fd.0))
    }

    fn has_selinux(&self) -> bool {
        self.selinux
    }

    fn ids(&self) -> (u32, u32) {
        self.ids
    }
}

/// The first byte says in what world; then come the words, and the data of descriptors 10, 11 and so on.
pub fn line(bytes: &[u8]) {
    in_world(bytes, c"bwrap", run);
}

/// The same for the command line of a stage: bits of the first byte say which one.
pub fn chain(bytes: &[u8]) {
    let Some(first) = bytes.first() else { return };
    let stage = Stage::ALL[usize::from(first >> 2) % (Stage::ALL.len() - 1)];
    in_world(bytes, c"stage", |world, args| run_chain(world, args, stage));
}

/// Runs `run` twice in the world and on the words of an input, and asserts that it is the same twice.
fn in_world(
    bytes: &[u8],
    program: &'static CStr,
    run: impl Fn(&World<'_>, Strings<'static>) -> Option<Vec<u8>>,
) {
    let Some((world, rest)) = bytes.split_first() else { return };
    let words = rest.split(|byte| *byte == SEPARATOR).next().unwrap_or_default();
    let new_world = || World {
        data: rest.split(|byte| *byte == SEPARATOR).skip(1).collect(),
        closed: RefCell::default(),
        warnings: Cell::new(0),
        ids: if world & 1 == 1 { (0, 0) } else { (1000, 1000) },
        selinux: world & 2 == 2,
        length: rest.len(),
    };
    room::lend_words(program, words, |args| {
        args.iter().for_each(assert_table);
        let first = run(&new_world(), args);
        let again = run(&new_world(), args);
        assert_eq!(first, again, "one command line, two plans");
    });
}

/// Executables where they are not.
struct Nowhere;

impl Neighbourhood for Nowhere {
    fn stage_at(&self, path: &CStr) -> Option<Stage> {
        let name = path.to_bytes().strip_prefix(b"/stages/")?;
        Stage::ALL.into_iter().find(|stage| *stage != Stage::Command && stage.name().as_bytes() == name)
    }

    fn path_of(&self, stage: Stage) -> Option<&'static CStr> {
        (stage != Stage::Command).then_some(c"/stages/one")
    }
}

/// What came of a chain: the plan, if it is a launch.
fn run_chain(world: &World<'_>, args: Strings<'static>, first: Stage) -> Option<Vec<u8>> {
    let mut line = ChainLine::new(world, &Nowhere, first).expect("memory");
    match line.run(args) {
        Ok(chain::Answer::Launch(bytes)) => {
            assert_launch(bytes, world);
            let plan = Plan::parse(bytes).expect("compose's own plan");
            assert!(plan.has(first), "{first:?} has no frame in its own chain");
            Some(bytes.to_vec())
        }
        Ok(chain::Answer::Help(stage) | chain::Answer::Version(stage) | chain::Answer::Usage(stage)) => {
            assert!(stage >= first && !chain::summary(stage).is_empty());
            None
        }
        Err(fault) => {
            assert_message(line.voice(), fault, world.length);
            None
        }
    }
}

/// What came of a line: the plan, if it is a launch.
fn run(world: &World<'_>, args: Strings<'static>) -> Option<Vec<u8>> {
    let mut line = CommandLine::new(world).expect("memory");
    match line.run(args) {
        Ok(Answer::Launch(bytes)) => {
            assert_launch(bytes, world);
            Some(bytes.to_vec())
        }
        Ok(Answer::Help | Answer::Usage) => {
            let program = args.get(0).unwrap_or_default();
            assert!(help::usage(program.to_bytes(), help::COMMAND, &SECTIONS).is_ok());
            None
        }
        Ok(Answer::Version | Answer::AssumedKernel) => None,
        Err(fault) => {
            assert_message(line.voice(), fault, world.length);
            None
        }
    }
}

/// What bwrap compiles is a plan that every stage takes, and that names only descriptors which are there.
fn assert_launch(bytes: &[u8], world: &World<'_>) {
    plan::whole(bytes);
    let plan = Plan::parse(bytes).expect("bwrap's own plan");
    let named = |fd: FdNumber| {
        // Closed again is one that an option after it has used up; its stage says so.
        let was_open = (0..FIRST + world.data.len() as i32).contains(&fd.fd().0);
        assert!(fd == FdNumber::CLOSED || was_open, "{fd:?} is not open");
    };
    check(&plan, named).expect("bwrap's own plan");
}

/// A word is at most one option, and that one has the word as its name.
fn assert_table(word: &CStr) {
    let word = word.to_bytes();
    let names = [
        FsBuildOption::find(word).map(FsBuildOption::name),
        CommandOption::find(word).map(CommandOption::name),
        NsEnterOption::find(word).map(NsEnterOption::name),
        PrivDropOption::find(word).map(PrivDropOption::name),
        InitReaperOption::find(word).map(InitReaperOption::name),
        SeccompLoadOption::find(word).map(SeccompLoadOption::name),
        GeneralOption::find(word).map(GeneralOption::name),
    ];
    let found: Vec<&str> = names.into_iter().flatten().collect();
    assert!(found.len() <= 1 && found.iter().all(|name| name.as_bytes() == word), "{found:?} for {word:?}");
}
