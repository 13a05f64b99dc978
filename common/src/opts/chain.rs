//! The command line of a stage that is a command of its own, in the tradition of `env` and `nice`:
//! `STAGE [OPTIONS] [--] NEXT [ARGS…]`. Where NEXT is a stage again, its options follow, and both work on one plan.
//!
//! Each stage takes its own options, the command's and the general ones. Frames of a plan stand in a fixed order; a stage
//! that comes too early for that is the command of the plan before it, and begins a chain of its own when that is run.

use super::bwrap::{AnyOption, CommandLine, operands};
use super::compile::Shape;
use super::{
    CommandOption, Context, FsBuildOption, FsBuildSystem, GeneralOption, Host, InitReaperExtra,
    InitReaperOption, NsEnterExtra, NsEnterOption, Operands, PrivDropDraft, PrivDropExtra, PrivDropOption,
    SeccompLoadExtra, SeccompLoadOption, Words,
};
use crate::caps::CapSet;
use crate::fault;
use crate::plan::{Buffer, FLAG_ENV_STATUS, FLAG_LEVEL_PREFIX, Field, SecondUserNs, Stage};
use crate::report::{ENV_FAILURE, Outcome, Voice};
use crate::sys::{Strings, clone_flags as flags};
use crate::text::Text;
use core::ffi::CStr;

/// Where the executables of the stages are.
pub trait Neighbourhood {
    /// The stage whose executable `path`, which has a slash, leads to.
    fn stage_at(&self, path: &CStr) -> Option<Stage>;
    /// The path of the executable of `stage`.
    fn path_of(&self, stage: Stage) -> Option<&'static CStr>;
}

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `--help` of this stage.
    Help(Stage),
    /// `--version` of this stage.
    Version(Stage),
    /// Nothing follows this stage: how to use it, as an error.
    Usage(Stage),
    /// A launch of this plan.
    Launch(&'static [u8]),
}

/// One option of a stage that is a command of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChainOption {
    Any(AnyOption),
    NsEnter(NsEnterExtra),
    PrivDrop(PrivDropExtra),
    InitReaper(InitReaperExtra),
    SeccompLoad(SeccompLoadExtra),
}

/// The sections of `stage`'s tables, in the order of its `--help`.
pub fn sections(stage: Stage) -> &'static [&'static str] {
    match stage {
        Stage::NsEnter => &[
            NsEnterOption::NAMESPACES,
            NsEnterOption::USERNS,
            NsEnterOption::IDS,
            NsEnterExtra::BOTH,
            NsEnterExtra::CHAIN,
            NsEnterOption::REPORT,
            NsEnterOption::LIFETIME,
        ],
        Stage::FsBuild => {
            &[FsBuildOption::BINDS, FsBuildOption::FILES, FsBuildSystem::KERNEL, FsBuildOption::MODES]
        }
        Stage::PrivDrop => &[
            PrivDropExtra::CHAIN,
            PrivDropOption::CAPS,
            PrivDropOption::PRIVILEGES,
            PrivDropOption::USERNS,
            PrivDropOption::SESSION,
            PrivDropOption::WAIT,
        ],
        Stage::InitReaper => &[InitReaperOption::SIGNALS, InitReaperExtra::CHAIN, InitReaperOption::HOLD],
        Stage::SeccompLoad => &[SeccompLoadOption::FILTERS, SeccompLoadExtra::CHAIN],
        Stage::Command => &[],
    }
}

/// The sections that every stage has.
pub const COMMON_SECTIONS: [&str; 5] = [
    CommandOption::NAME,
    CommandOption::ENVIRONMENT,
    CommandOption::LABEL,
    GeneralOption::LINE,
    GeneralOption::MESSAGES,
];

/// What `stage` is for, in a line of its `--help`.
pub const fn summary(stage: Stage) -> &'static str {
    match stage {
        Stage::NsEnter => "Run NEXT in new namespaces, or in some that exist.",
        Stage::FsBuild => "Run NEXT in a file system tree that is built for it.",
        Stage::PrivDrop => "Run NEXT with fewer privileges.",
        Stage::InitReaper => {
            "Run NEXT with a process beside it that reaps, as process 1 where there is none."
        }
        Stage::SeccompLoad => "Run NEXT under seccomp filters.",
        Stage::Command => "",
    }
}

impl ChainOption {
    /// The option `word` of `stage`.
    fn find(stage: Stage, word: &[u8]) -> Outcome<Option<ChainOption>> {
        if word == b"-h" {
            return Ok(Some(ChainOption::Any(AnyOption::General(GeneralOption::Help))));
        }
        let extra = match stage {
            Stage::NsEnter => NsEnterExtra::find(word).map(ChainOption::NsEnter),
            Stage::PrivDrop => PrivDropExtra::find(word).map(ChainOption::PrivDrop),
            Stage::InitReaper => InitReaperExtra::find(word).map(ChainOption::InitReaper),
            Stage::SeccompLoad => SeccompLoadExtra::find(word).map(ChainOption::SeccompLoad),
            Stage::FsBuild | Stage::Command => None,
        };
        let Some(option) = AnyOption::find(word).filter(|_| extra.is_none()) else { return Ok(extra) };
        if let AnyOption::InitReaper(InitReaperOption::AsPid1 | InitReaperOption::NoReaper) = option {
            return Err(fault!(
                option.name_and_arity().0,
                " is what a chain without init-reaper does: leave it out"
            ));
        }
        match option.owner() {
            Some(owner) if owner != stage => {
                let (name, _) = option.name_and_arity();
                Err(fault!(name, " is an option of ", owner.name(), ", not of ", stage.name()))
            }
            _ => Ok(Some(ChainOption::Any(option))),
        }
    }

    fn name_and_arity(self) -> (&'static str, usize) {
        match self {
            ChainOption::Any(option) => option.name_and_arity(),
            ChainOption::NsEnter(option) => (option.name(), option.arity()),
            ChainOption::PrivDrop(option) => (option.name(), option.arity()),
            ChainOption::InitReaper(option) => (option.name(), option.arity()),
            ChainOption::SeccompLoad(option) => (option.name(), option.arity()),
        }
    }
}

/// A chain's command line while it is read.
pub struct ChainLine<'h> {
    line: CommandLine<'h>,
    near: &'h dyn Neighbourhood,
    stage: Stage,
    shape: Shape,
}

impl<'h> ChainLine<'h> {
    /// An empty one that begins with `first`.
    pub fn new(host: &'h dyn Host, near: &'h dyn Neighbourhood, first: Stage) -> Outcome<ChainLine<'h>> {
        let attributes = |draft: &PrivDropDraft, out: &mut Buffer| draft.attributes().encode(out);
        let stages = [false; Stage::ALL.len()];
        let mut shape = Shape { stages, flags: FLAG_ENV_STATUS, attributes, program: None };
        shape.add(first);
        Ok(ChainLine { line: CommandLine::new(host)?, near, stage: first, shape })
    }

    /// How messages are signed at this point of the line: by the stage whose options are read.
    pub fn voice(&self) -> Voice {
        Voice { name: self.stage.name(), level_prefix: self.line.level_prefix, failure: ENV_FAILURE }
    }

    /// Reads the argument vector `args` of the first stage, checks it and compiles it.
    pub fn run(&mut self, args: Strings<'static>) -> Outcome<Answer> {
        let mut words = Words::of_vector(args);
        loop {
            if let Some(answer) = self.read(&mut words, true)? {
                return Ok(answer);
            }
            let Some(word) = words.peek() else { return Ok(Answer::Usage(self.stage)) };
            match self.stage_of(word) {
                Some(next) if next > self.stage => {
                    words.next();
                    self.stage = next;
                    self.shape.add(next);
                }
                Some(next) => {
                    self.nest(next, word)?;
                    break;
                }
                None => break,
            }
        }
        self.finish(words).map(Answer::Launch)
    }

    /// Reads options up to the first word that is none, or behind `--`. Only the `outermost` words may have `--args`.
    fn read(&mut self, words: &mut Words, outermost: bool) -> Outcome<Option<Answer>> {
        while let Some(word) = words.peek() {
            if word.to_bytes().first() != Some(&b'-') {
                break;
            }
            words.next();
            if word.to_bytes() == b"--" {
                break;
            }
            if let Some(answer) = self.read_option(word, words, outermost)? {
                return Ok(Some(answer));
            }
        }
        self.line.fs_build.check_layers()?;
        Ok(None)
    }

    fn read_option(
        &mut self,
        word: &'static CStr,
        words: &mut Words,
        outermost: bool,
    ) -> Outcome<Option<Answer>> {
        let (name, value) = split(word);
        let Some(option) = ChainOption::find(self.stage, name)? else {
            return Err(fault!("Unknown option ", word));
        };
        let (name, arity) = option.name_and_arity();
        let operands = match value {
            Some(value) if arity == 1 => [value, c"", c""],
            Some(_) => return Err(fault!(name, " is not written with =")),
            None => operands(name, arity, words)?,
        };
        match option {
            ChainOption::Any(AnyOption::General(GeneralOption::Help)) => {
                return Ok(Some(Answer::Help(self.stage)));
            }
            ChainOption::Any(AnyOption::General(GeneralOption::Version)) => {
                return Ok(Some(Answer::Version(self.stage)));
            }
            ChainOption::Any(AnyOption::General(GeneralOption::Args)) if !outermost => {
                return Err(fault!("--args not supported in arguments file"));
            }
            ChainOption::Any(AnyOption::General(GeneralOption::Args)) => {
                let mut words = self.line.args_words(operands, self.voice())?;
                return self.read(&mut words, false);
            }
            ChainOption::Any(option) => {
                self.line.apply(option, operands, self.voice())?;
                if option == AnyOption::NsEnter(NsEnterOption::UnshareAll) {
                    self.line.ns_enter.namespaces |= flags::NEWNS;
                }
                self.line.check_modifiers(option)?;
            }
            extra => self.apply_extra(extra, operands)?,
        }
        Ok(None)
    }

    fn apply_extra(&mut self, option: ChainOption, operands: Operands) -> Outcome<()> {
        let voice = self.voice();
        let CommandLine { host, named, ns_enter, priv_drop, init_reaper, seccomp_load, .. } = &mut self.line;
        let context = &mut Context { host: *host, voice, named };
        match option {
            ChainOption::Any(_) => Ok(()),
            ChainOption::NsEnter(option) => ns_enter.apply_extra(option, operands, context),
            ChainOption::PrivDrop(option) => priv_drop.apply_extra(option, operands, context),
            ChainOption::InitReaper(option) => init_reaper.apply_extra(option, operands, context),
            ChainOption::SeccompLoad(option) => seccomp_load.apply_extra(option, operands, context),
        }
    }

    /// The stage that `word` names: by its name alone, or by a path that leads to the executable beside this one. Whatever
    /// else has that name in another place is a command.
    fn stage_of(&self, word: &'static CStr) -> Option<Stage> {
        let name = word.to_bytes();
        if name.contains(&b'/') {
            return self.near.stage_at(word);
        }
        Stage::ALL.into_iter().find(|stage| *stage != Stage::Command && stage.name().as_bytes() == name)
    }

    /// Makes `next`, which this plan has no place for any more, the command: it will be a chain of its own. What could
    /// not work then is refused now.
    fn nest(&mut self, next: Stage, word: &'static CStr) -> Outcome<()> {
        if next == Stage::FsBuild {
            self.check_nested_fs_build()?;
        }
        if self.shape.has(Stage::FsBuild) {
            // Where it is in the new tree, the new tree and PATH say.
            return Ok(());
        }
        self.shape.program = self.near.path_of(next).map(Text);
        if self.line.command.argv0.is_none() {
            self.line.command.argv0 = Some(Text(word));
        }
        Ok(())
    }

    fn check_nested_fs_build(&self) -> Outcome<()> {
        if self.stage == Stage::FsBuild {
            return Err(fault!(
                "fs-build twice in a row: the second would see only what the first has built. Give all operations to one"
            ));
        }
        if self.shape.has(Stage::PrivDrop) {
            return Err(fault!(
                "fs-build cannot work after priv-drop, which gives up the capabilities that mounts need: put it before"
            ));
        }
        if self.shape.has(Stage::NsEnter) && !self.keeps_capabilities() {
            let stage = self.stage.name();
            return Err(fault!(
                "fs-build after ",
                stage,
                " has no capabilities left: put it before, or give ns-enter --map-root-user or --keep-caps"
            ));
        }
        Ok(())
    }

    /// Whether a command after ns-enter, without priv-drop, has capabilities over the namespaces: as root in a user
    /// namespace, or because they are kept.
    fn keeps_capabilities(&self) -> bool {
        let ns = &self.line.ns_enter;
        let (uid, _) = self.line.host.ids();
        ns.keep_caps || ns.userns_fd.is_some() || ns.uid.unwrap_or(uid) == 0
    }

    /// Checks what has been read as a whole, and compiles it.
    fn finish(&mut self, words: Words) -> Outcome<&'static [u8]> {
        let voice = self.voice();
        let line = &mut self.line;
        line.check_user_ns()?;
        if line.ns_enter.keep_caps && line.ns_enter.drop_caps {
            return Err(fault!("--keep-caps and --drop-caps exclude each other"));
        }
        if line.ns_enter.keep_caps && self.shape.has(Stage::PrivDrop) {
            return Err(fault!(
                "--keep-caps is not compatible with priv-drop: say there what the command keeps (--cap-add)"
            ));
        }
        if line.ns_enter.drop_caps && !self.shape.has(Stage::PrivDrop) {
            self.shape.add(Stage::PrivDrop);
            line.priv_drop.cap_drop = CapSet::ALL;
        }
        line.check_requirements()?;
        if line.ns_enter.joined & flags::NEWNS != 0 && self.shape.has(Stage::FsBuild) {
            return Err(fault!(
                "--join-ns mnt leaves no mount namespace for fs-build to work in: leave one of them out"
            ));
        }
        if line.ns_enter.joined & line.ns_enter.namespaces & !flags::NEWPID != 0 {
            return Err(fault!("A namespace is joined or new, not both (--join-ns, --unshare-...)"));
        }
        if line.fs_build.has_dev && !self.shape.has(Stage::PrivDrop) {
            check_devpts(line)?;
        }
        let mut context = Context { host: line.host, voice, named: &mut line.named };
        line.seccomp_load.finish(&mut context)?;
        line.seccomp_load.check()?;
        line.priv_drop.finish(&mut context)?;
        if line.level_prefix {
            self.shape.flags |= FLAG_LEVEL_PREFIX;
        }
        line.compile(words, &self.shape)
    }
}

/// Refuses `--dev` for somebody who would not be root while the tree is built: his own ids come back with a second user
/// namespace, which priv-drop makes.
fn check_devpts(line: &CommandLine<'_>) -> Outcome<()> {
    let ns = &line.ns_enter;
    let (uid, _) = line.host.ids();
    if line.second_user_ns(ns.user_ns()) == SecondUserNs::No || ns.uid.unwrap_or(uid) == 0 {
        return Ok(());
    }
    Err(fault!(
        "--dev takes root in the new user namespace: add priv-drop to the chain, which gives the ids back, or give \
         ns-enter --map-root-user"
    ))
}

/// An option and its operand where both are one word, `--name=operand`.
fn split(word: &'static CStr) -> (&'static [u8], Option<&'static CStr>) {
    let bytes = word.to_bytes_with_nul();
    let long = bytes.starts_with(b"--");
    let at = bytes.iter().position(|byte| *byte == b'=').filter(|_| long);
    let parts = at.and_then(|at| bytes.split_at_checked(at));
    match parts {
        Some((name, rest)) => (name, rest.get(1..).and_then(|value| CStr::from_bytes_with_nul(value).ok())),
        None => (word.to_bytes(), None),
    }
}
