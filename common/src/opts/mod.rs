//! The command line: a table of options for each stage, of which bwrap's is the union, and what they compile to.
//!
//! An option is written down once, in the table of the stage that it concerns: its name, the names of its
//! operands and its help line. Lookup, arity, `--help` and the documentation come from there. Beside its table
//! each stage's file has a draft of its frame and `apply`, which puts one option into it.
//!
//! What a stage takes only as a command of its own ([`chain`]) stands in a second table of the same file, `…Extra`, so
//! that bwrap's options stay bubblewrap's.

mod accounts;
pub mod bwrap;
pub mod chain;
mod command;
mod compile;
mod fs_build;
mod general;
pub mod help;
mod init_reaper;
mod limit;
mod live;
mod ns_enter;
mod number;
mod priv_drop;
mod rules;
mod seccomp_load;
mod words;

pub use command::{CommandDraft, CommandOption};
pub use fs_build::{FsBuildDraft, FsBuildOption, FsBuildSystem};
pub use general::GeneralOption;
pub use init_reaper::{InitReaperDraft, InitReaperExtra, InitReaperOption};
pub use live::Live;
pub use ns_enter::{NsEnterDraft, NsEnterExtra, NsEnterOption};
pub use priv_drop::{PrivDropDraft, PrivDropExtra, PrivDropOption};
pub use seccomp_load::{SeccompLoadDraft, SeccompLoadExtra, SeccompLoadOption};
pub use words::Words;

use crate::fault;
use crate::plan::{Buffer, FdNumber};
use crate::report::{At, Fault, Outcome, Voice};
use crate::sys::{Fd, Result};
use crate::text::{Path, Text};
use core::ffi::CStr;

/// What the parser asks of the world around it. It has no other effects, so that it can be tested.
pub trait Host {
    /// Says a warning.
    fn warn(&self, voice: Voice, fault: Fault);
    /// All that can be read from `fd`.
    fn read(&self, fd: Fd) -> Result<Buffer>;
    /// All that is in the file `path`.
    fn file(&self, path: &CStr) -> Result<Buffer>;
    /// Closes `fd`.
    fn close(&self, fd: Fd) -> Result<()>;
    /// Whether `fd` is open.
    fn is_open(&self, fd: Fd) -> Result<bool>;
    /// Whether this kernel has SELinux switched on.
    fn has_selinux(&self) -> bool;
    /// The caller's user and group id.
    fn ids(&self) -> (u32, u32);
}

/// What `apply` needs beside the words: the world, how to address the user at this point of the line, and the
/// descriptors named so far.
pub struct Context<'c> {
    /// The world.
    pub host: &'c dyn Host,
    /// How messages are signed.
    pub voice: Voice,
    /// Descriptors that the plan names, as native integers.
    pub named: &'c mut Buffer,
}

impl Context<'_> {
    /// Warns when option `name`, of which one counts, has been there before.
    fn only_last(&self, name: &'static str, present: bool) {
        if present {
            self.host.warn(self.voice, fault!("Only the last ", name, " option will take effect"));
        }
    }

    /// An SELinux label, where there are any.
    fn label(&self, word: &'static CStr) -> Outcome<Text<'static>> {
        if self.host.has_selinux() {
            Ok(Text(word))
        } else {
            Err(fault!("labeling not supported on this system"))
        }
    }

    /// The descriptor `number` for the plan; [`FdNumber::CLOSED`] when it is not open: that fails, or is forgiven,
    /// at the point where its stage uses it, and cannot meet a descriptor of ours by chance.
    fn name(&mut self, number: FdNumber) -> Outcome<FdNumber> {
        if !self.host.is_open(number.fd()).at(|| fault!("fcntl"))? {
            return Ok(FdNumber::CLOSED);
        }
        out_of_memory(self.named.extend(&number.fd().0.to_ne_bytes()))?;
        Ok(number)
    }

    /// All that can be read from `fd`, which is closed then, as the reference does.
    // DIFFERS: it stays open where an option before this one has named it: one descriptor may serve several.
    fn read_up(&mut self, fd: FdNumber) -> Result<Buffer> {
        let fd = fd.fd();
        let data = self.host.read(fd)?;
        if !self.named.bytes().chunks_exact(4).any(|named| named == fd.0.to_ne_bytes()) {
            self.host.close(fd)?;
        }
        Ok(data)
    }
}

/// The operands of an option; those it does not have are empty.
pub type Operands = [&'static CStr; 3];

/// A path for option `name`: not empty.
fn path(name: &'static str, word: &'static CStr) -> Outcome<Path<'static>> {
    if word.is_empty() {
        return Err(fault!(name, " does not take an empty path argument"));
    }
    Ok(Path(word))
}

/// The fault of memory that is not there.
fn out_of_memory<T>(result: Result<T>) -> Outcome<T> {
    result.map_err(|_| fault!("Out of memory"))
}

/// How many words there are in `text`, between single blanks.
const fn count_words(text: &str) -> usize {
    let mut rest = text.as_bytes();
    let mut words = if rest.is_empty() { 0 } else { 1 };
    while let [byte, tail @ ..] = rest {
        if *byte == b' ' {
            words += 1;
        }
        rest = tail;
    }
    words
}

/// Defines the options of one stage: sections of lines `Variant = "--name" "OPERANDS" "help"`. A tab in the help
/// starts another line.
///
/// Each section becomes a text constant with a line an option (name, operands and help, separated by tabs): one
/// string, because an array of many would be as many relocations for every start to make.
macro_rules! options {
    ($(#[$meta:meta])* pub enum $enum:ident {
        $($(#[$smeta:meta])* $section:ident { $($variant:ident = $name:literal $operands:literal $help:literal,)* })*
    }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $enum {
            $($(#[doc = concat!("`", $name, " ", $operands, "`")] $variant,)*)*
        }

        impl $enum {
            $(
                $(#[$smeta])*
                pub const $section: &'static str = concat!($($name, "\t", $operands, "\t", $help, "\n"),*);
            )*

            /// The option called `word`.
            #[allow(unused_variables)] // There may be no option yet.
            pub fn find(word: &[u8]) -> Option<Self> {
                $($(
                    if word == $name.as_bytes() {
                        return Some(Self::$variant);
                    }
                )*)*
                None
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)*)* }
            }

            /// How many operands it has.
            pub const fn arity(self) -> usize {
                match self { $($(Self::$variant => const { $crate::opts::count_words($operands) },)*)* }
            }
        }
    };
}

pub(crate) use options;

#[cfg(test)]
mod tests;
