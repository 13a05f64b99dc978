//! bwrap's command line: the union of all tables, read from left to right.

use super::{
    CommandDraft, CommandOption, Context, FsBuildDraft, FsBuildOption, FsBuildSystem, GeneralOption, Host,
    InitReaperDraft, InitReaperOption, NsEnterDraft, NsEnterExtra, NsEnterOption, Operands, PrivDropDraft,
    PrivDropOption, SeccompLoadDraft, SeccompLoadOption, Words, number, out_of_memory,
};
use crate::fault;
use crate::plan::{Buffer, FdNumber, Stage};
use crate::report::{At, Outcome, Voice};
use crate::sys::{Result, Strings, clone_flags as flags};
use core::ffi::CStr;

/// The sections of the tables in the order of `--help`.
pub const SECTIONS: [&str; 24] = [
    GeneralOption::LINE,
    CommandOption::NAME,
    GeneralOption::MESSAGES,
    NsEnterOption::NAMESPACES,
    NsEnterOption::USERNS,
    PrivDropOption::USERNS,
    NsEnterOption::IDS,
    CommandOption::ENVIRONMENT,
    InitReaperOption::HOLD,
    FsBuildOption::BINDS,
    CommandOption::LABEL,
    FsBuildOption::FILES,
    SeccompLoadOption::FILTERS,
    PrivDropOption::WAIT,
    NsEnterExtra::BOTH,
    NsEnterOption::REPORT,
    PrivDropOption::SESSION,
    NsEnterOption::LIFETIME,
    InitReaperOption::REAPER,
    InitReaperOption::SIGNALS,
    PrivDropOption::PRIVILEGES,
    PrivDropOption::CAPS,
    FsBuildOption::MODES,
    FsBuildSystem::KERNEL,
];

/// One option of any table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AnyOption {
    FsBuild(FsBuildOption),
    NsEnter(NsEnterOption),
    Command(CommandOption),
    PrivDrop(PrivDropOption),
    InitReaper(InitReaperOption),
    SeccompLoad(SeccompLoadOption),
    General(GeneralOption),
    NsEnterExtra(NsEnterExtra),
    FsBuildSystem(FsBuildSystem),
}

impl AnyOption {
    pub(super) fn find(word: &[u8]) -> Option<AnyOption> {
        // The mount tree first: a long command line is mostly that.
        FsBuildOption::find(word)
            .map(AnyOption::FsBuild)
            .or_else(|| CommandOption::find(word).map(AnyOption::Command))
            .or_else(|| NsEnterOption::find(word).map(AnyOption::NsEnter))
            .or_else(|| PrivDropOption::find(word).map(AnyOption::PrivDrop))
            .or_else(|| InitReaperOption::find(word).map(AnyOption::InitReaper))
            .or_else(|| SeccompLoadOption::find(word).map(AnyOption::SeccompLoad))
            .or_else(|| GeneralOption::find(word).map(AnyOption::General))
            .or_else(|| {
                NsEnterExtra::find(word).filter(|extra| extra.is_bwraps()).map(AnyOption::NsEnterExtra)
            })
            .or_else(|| FsBuildSystem::find(word).map(AnyOption::FsBuildSystem))
    }

    /// The stage whose option it is; `None` for one of the command or of the line itself.
    pub(super) fn owner(self) -> Option<Stage> {
        match self {
            AnyOption::FsBuild(_) | AnyOption::FsBuildSystem(_) => Some(Stage::FsBuild),
            AnyOption::NsEnter(_) | AnyOption::NsEnterExtra(_) => Some(Stage::NsEnter),
            AnyOption::PrivDrop(_) => Some(Stage::PrivDrop),
            AnyOption::InitReaper(_) => Some(Stage::InitReaper),
            AnyOption::SeccompLoad(_) => Some(Stage::SeccompLoad),
            AnyOption::Command(_) | AnyOption::General(_) => None,
        }
    }

    pub(super) fn name_and_arity(self) -> (&'static str, usize) {
        match self {
            AnyOption::FsBuild(option) => (option.name(), option.arity()),
            AnyOption::NsEnter(option) => (option.name(), option.arity()),
            AnyOption::Command(option) => (option.name(), option.arity()),
            AnyOption::PrivDrop(option) => (option.name(), option.arity()),
            AnyOption::InitReaper(option) => (option.name(), option.arity()),
            AnyOption::SeccompLoad(option) => (option.name(), option.arity()),
            AnyOption::General(option) => (option.name(), option.arity()),
            AnyOption::NsEnterExtra(option) => (option.name(), option.arity()),
            AnyOption::FsBuildSystem(option) => (option.name(), option.arity()),
        }
    }
}

/// What a command line asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// `--help`.
    Help,
    /// `--version`.
    Version,
    /// `--debug-opt=print-assumed-kernel`.
    AssumedKernel,
    /// There is no command: how to use this, as an error.
    Usage,
    /// A launch of this plan.
    Launch(&'static [u8]),
}

/// A command line while it is read.
pub struct CommandLine<'h> {
    pub(super) host: &'h dyn Host,
    pub(super) level_prefix: bool,
    pub(super) named: Buffer,
    pub(super) ns_enter: NsEnterDraft,
    pub(super) fs_build: FsBuildDraft,
    pub(super) priv_drop: PrivDropDraft,
    pub(super) init_reaper: InitReaperDraft,
    pub(super) seccomp_load: SeccompLoadDraft,
    pub(super) command: CommandDraft,
}

impl<'h> CommandLine<'h> {
    /// An empty one.
    pub fn new(host: &'h dyn Host) -> Outcome<CommandLine<'h>> {
        Ok(CommandLine {
            host,
            level_prefix: false,
            named: out_of_memory(Buffer::new(64))?,
            ns_enter: NsEnterDraft::default(),
            fs_build: out_of_memory(FsBuildDraft::new())?,
            priv_drop: PrivDropDraft::default(),
            init_reaper: out_of_memory(InitReaperDraft::new())?,
            seccomp_load: out_of_memory(SeccompLoadDraft::new())?,
            command: out_of_memory(CommandDraft::new())?,
        })
    }

    /// How messages are signed at this point of the line.
    pub fn voice(&self) -> Voice {
        Voice { level_prefix: self.level_prefix, ..Voice::of("bwrap") }
    }

    /// Reads the argument vector `args`, checks it and compiles it.
    pub fn run(&mut self, args: Strings<'static>) -> Outcome<Answer> {
        let mut words = Words::of_vector(args);
        if let Some(answer) = self.read(&mut words, true)? {
            return Ok(answer);
        }
        self.check_user_ns()?;
        if words.peek().is_none() {
            return Ok(Answer::Usage);
        }
        self.check_requirements()?;
        if self.ns_enter.joined & flags::NEWNS != 0 {
            return Err(fault!(
                "--join-ns mnt is for ns-enter alone: the sandbox has a mount namespace of its own"
            ));
        }
        let mut context = Context { host: self.host, voice: self.voice(), named: &mut self.named };
        self.seccomp_load.finish(&mut context)?;
        let shape = self.shape();
        self.compile(words, &shape).map(Answer::Launch)
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
        self.fs_build.check_layers()?;
        Ok(None)
    }

    fn read_option(
        &mut self,
        word: &'static CStr,
        words: &mut Words,
        outermost: bool,
    ) -> Outcome<Option<Answer>> {
        let Some(option) = AnyOption::find(word.to_bytes()) else {
            return debug_option(word);
        };
        if option == AnyOption::General(GeneralOption::Args) && !outermost {
            return Err(fault!("--args not supported in arguments file"));
        }
        let (name, arity) = option.name_and_arity();
        let operands = operands(name, arity, words)?;
        let voice = self.voice();
        match option {
            AnyOption::General(GeneralOption::Help) => return Ok(Some(Answer::Help)),
            AnyOption::General(GeneralOption::Version) => return Ok(Some(Answer::Version)),
            AnyOption::General(GeneralOption::Args) => {
                let mut words = self.args_words(operands, voice)?;
                if let Some(answer) = self.read(&mut words, false)? {
                    return Ok(Some(answer));
                }
            }
            option => self.apply(option, operands, voice)?,
        }
        self.check_modifiers(option)?;
        Ok(None)
    }

    /// Puts `option` into the draft that it belongs to; `voice` says the warnings.
    pub(super) fn apply(&mut self, option: AnyOption, operands: Operands, voice: Voice) -> Outcome<()> {
        let context = &mut Context { host: self.host, voice, named: &mut self.named };
        match option {
            AnyOption::FsBuild(option) => self.fs_build.apply(option, operands, context),
            AnyOption::NsEnter(option) => self.ns_enter.apply(option, operands, context),
            AnyOption::Command(option) => self.command.apply(option, operands, context),
            AnyOption::PrivDrop(option) => self.priv_drop.apply(option, operands, context),
            AnyOption::InitReaper(option) => self.init_reaper.apply(option, operands, context),
            AnyOption::SeccompLoad(option) => self.seccomp_load.apply(option, operands, context),
            AnyOption::NsEnterExtra(option) => self.ns_enter.apply_extra(option, operands, context),
            AnyOption::FsBuildSystem(option) => self.fs_build.apply_system(option, operands),
            AnyOption::General(option) => {
                self.level_prefix |= option == GeneralOption::LevelPrefix;
                Ok(())
            }
        }
    }

    /// Refuses a modifier that `option`, just read, has left unused.
    pub(super) fn check_modifiers(&self, option: AnyOption) -> Outcome<()> {
        let read = if let AnyOption::FsBuild(option) = option { Some(option) } else { None };
        self.fs_build.check_modifiers(read)
    }

    /// The words that the descriptor of `--args` holds.
    pub(super) fn args_words(&mut self, operands: Operands, voice: Voice) -> Outcome<Words> {
        let [fd, ..] = operands;
        let context = &mut Context { host: self.host, voice, named: &mut self.named };
        data_words(number::fd(fd)?, context).at(|| fault!("Can't read --args data"))
    }
}

/// The words that `fd` holds, each ended by a NUL; the last one may do without.
fn data_words(fd: FdNumber, context: &mut Context<'_>) -> Result<Words> {
    let mut data = context.read_up(fd)?;
    if !data.is_empty() && !data.bytes().ends_with(b"\0") {
        data.extend(b"\0")?;
    }
    data.leak().map(Words::of_data)
}

/// The operands of option `name`, taken from `words`.
pub(super) fn operands(name: &'static str, arity: usize, words: &mut Words) -> Outcome<Operands> {
    words.take_some(arity).map_or_else(|| missing_operands(name, arity), Ok)
}

/// The words for operands that are missing, which are not the same everywhere.
#[cold]
fn missing_operands(name: &'static str, arity: usize) -> Outcome<Operands> {
    Err(match (name, arity) {
        // Nothing can follow, so the complaint is that nothing does.
        ("--overlay-src", _) => return Ok([c"", c"", c""]),
        ("--argv0" | "--chdir" | "--remount-ro", _) => fault!(name, " takes one argument"),
        ("--ro-bind-fd", _) => fault!("--bind-fd takes two arguments"),
        (_, 1) => fault!(name, " takes an argument"),
        (_, 2) => fault!(name, " takes two arguments"),
        _ => fault!(name, " takes three arguments"),
    })
}

/// What is left: `--debug-opt=…`, which is for tests of the reference and in no manual, or no option at all.
#[cold]
fn debug_option(word: &'static CStr) -> Outcome<Option<Answer>> {
    let Some(value) = word.to_bytes().strip_prefix(b"--debug-opt=") else {
        return Err(fault!("Unknown option ", word));
    };
    // Each of the two makes the reference take a way around one system call; there are no such ways here.
    let ignored: [&[u8]; 2] = [b"force-openat-fallback", b"force-mount-setattr-fallback"];
    if value == b"print-assumed-kernel" {
        Ok(Some(Answer::AssumedKernel))
    } else if ignored.contains(&value) {
        Ok(None)
    } else {
        Err(fault!("Unknown --debug-opt value: ", value))
    }
}
