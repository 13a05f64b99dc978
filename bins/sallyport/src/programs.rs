//! The programs that have option tables: `bwrap` and the stages, for their completions and manual pages.

use common::opts::{bwrap, chain, help};
use common::plan::Stage;

/// A program: its name, and the sections of its options.
pub struct Program {
    /// `bwrap`, or the stage's.
    pub name: &'static str,
    /// The stage, unless it is the front.
    pub stage: Option<Stage>,
    /// Its options.
    pub options: Vec<help::Line>,
}

/// What an operand is, for a shell that completes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operand {
    /// Any file.
    File,
    /// A directory.
    Directory,
    /// An open descriptor.
    Descriptor,
    /// A capability by name.
    Capability,
    /// A variable of the environment.
    Variable,
    /// What no shell can know.
    Other,
}

impl Operand {
    /// By its name in the tables.
    fn of(name: &str) -> Operand {
        match name {
            "SRC" | "DEST" | "PATH" | "FILE" => Operand::File,
            "RWSRC" | "WORKDIR" | "DIR" => Operand::Directory,
            "FD" => Operand::Descriptor,
            "CAP" => Operand::Capability,
            "VAR" => Operand::Variable,
            _ => Operand::Other,
        }
    }

    /// A word for it in the completion scripts.
    pub fn word(self) -> &'static str {
        match self {
            Operand::File => "file",
            Operand::Directory => "dir",
            Operand::Descriptor => "fd",
            Operand::Capability => "cap",
            Operand::Variable => "var",
            Operand::Other => "other",
        }
    }
}

/// The operands of an option, with their names.
pub fn operands(line: &help::Line) -> Vec<(&'static str, Operand)> {
    line.operands.split_whitespace().map(|name| (name, Operand::of(name))).collect()
}

/// The help of an option on one line.
pub fn help(line: &help::Line) -> String {
    line.help.replace('\t', " ")
}

/// The stages, which are programs too.
pub const STAGES: [Stage; 5] =
    [Stage::NsEnter, Stage::FsBuild, Stage::PrivDrop, Stage::InitReaper, Stage::SeccompLoad];

/// All of them.
pub fn all() -> Vec<Program> {
    let lines =
        |sections: &[&'static str]| sections.iter().flat_map(|section| help::lines(section)).collect();
    let front = Program { name: "bwrap", stage: None, options: lines(&bwrap::SECTIONS) };
    let stage = |stage: Stage| {
        let sections = [chain::sections(stage), &chain::COMMON_SECTIONS].concat();
        Program { name: stage.name(), stage: Some(stage), options: lines(&sections) }
    };
    std::iter::once(front).chain(STAGES.into_iter().map(stage)).collect()
}
