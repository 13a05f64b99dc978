//! Options of seccomp-load: the filters, read into the plan.

use super::{Context, Operands, number, options, out_of_memory};
use crate::fault;
use crate::plan::{FdNumber, ListWriter, Program};
use crate::report::{At, Outcome};
use crate::sys::Result;
use crate::text::MAX_TEXT;

options! {
    /// Options of seccomp-load's frame.
    pub enum SeccompLoadOption {
        /// Filters.
        FILTERS {
            Seccomp = "--seccomp" "FD" "Load the seccomp filter that FD holds (once only)",
            AddSeccompFd = "--add-seccomp-fd" "FD" "Load the seccomp filter that FD holds (as often as needed)",
        }
    }
}

options! {
    /// Options of seccomp-load as a command of its own.
    pub enum SeccompLoadExtra {
        /// What bubblewrap has no option for.
        CHAIN {
        }
    }
}

/// seccomp-load's frame while it is put together.
#[derive(Debug)]
pub struct SeccompLoadDraft {
    /// `--seccomp`: read only when the line is known to be good, since a later one would take its place.
    pub single: Option<FdNumber>,
    /// The filters, of type [`Program`].
    pub programs: ListWriter,
}

impl SeccompLoadDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<SeccompLoadDraft> {
        Ok(SeccompLoadDraft { single: None, programs: ListWriter::new(1 << 14)? })
    }

    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: SeccompLoadExtra,
        _operands: Operands,
        _context: &mut Context<'_>,
    ) -> Outcome<()> {
        match option {}
    }

    /// Puts `option` into the draft.
    pub fn apply(
        &mut self,
        option: SeccompLoadOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, ..] = operands;
        match option {
            SeccompLoadOption::Seccomp => {
                if !self.programs.is_empty() {
                    return Err(fault!("--seccomp cannot be combined with --add-seccomp-fd"));
                }
                context.only_last(option.name(), self.single.is_some());
                self.single = Some(number::fd(first)?);
                Ok(())
            }
            SeccompLoadOption::AddSeccompFd => {
                if self.single.is_some() {
                    return Err(fault!("--add-seccomp-fd cannot be combined with --seccomp"));
                }
                self.read(number::fd(first)?, context)
            }
        }
    }

    /// Reads what is still to be read.
    pub fn finish(&mut self, context: &mut Context<'_>) -> Outcome<()> {
        match self.single {
            Some(fd) => self.read(fd, context),
            None => Ok(()),
        }
    }

    fn read(&mut self, fd: FdNumber, context: &mut Context<'_>) -> Outcome<()> {
        let data = context.read_up(fd).at(|| fault!("Can't read seccomp data"))?;
        let bytes = data.bytes();
        // The kernel takes 4096 entries, 32 KiB; what is longer it refuses whatever the rest says.
        let program = if bytes.len().is_multiple_of(8) {
            Program::new(bytes.get(..MAX_TEXT).unwrap_or(bytes))
        } else {
            None
        };
        let program = program.ok_or_else(|| fault!("Invalid seccomp data, must be multiple of 8"))?;
        out_of_memory(self.programs.push(&program))
    }
}
