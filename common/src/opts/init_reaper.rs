//! Options of init-reaper: what the process beside the command holds.

use super::{Context, Operands, number, options, out_of_memory, path};
use crate::plan::ListWriter;
use crate::report::Outcome;
use crate::sys::Result;

options! {
    /// Options of init-reaper's frame, and the one that leaves it out.
    pub enum InitReaperOption {
        /// What is held while the sandbox runs.
        HOLD {
            LockFile = "--lock-file" "DEST" "Hold a read lock on DEST for as long as the sandbox runs",
            SyncFd = "--sync-fd" "FD" "Hold FD open for as long as the sandbox runs",
        }
        /// Whether there is a pid 1.
        REAPER {
            AsPid1 = "--as-pid-1" "" "Run the command itself as process 1, without a reaper",
        }
    }
}

options! {
    /// Options of init-reaper as a command of its own.
    pub enum InitReaperExtra {
        /// What bubblewrap has no option for.
        CHAIN {
        }
    }
}

/// init-reaper's frame while it is put together.
#[derive(Debug)]
pub struct InitReaperDraft {
    /// Files to lock, of type [`crate::text::Path`].
    pub locks: ListWriter,
    /// Descriptors to hold, of type [`crate::plan::FdNumber`].
    pub sync_fds: ListWriter,
    /// `--as-pid-1`.
    pub as_pid_1: bool,
}

impl InitReaperDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<InitReaperDraft> {
        Ok(InitReaperDraft { locks: ListWriter::new(256)?, sync_fds: ListWriter::new(64)?, as_pid_1: false })
    }

    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: InitReaperExtra,
        _operands: Operands,
        _context: &mut Context<'_>,
    ) -> Outcome<()> {
        match option {}
    }

    /// Puts `option` into the draft.
    pub fn apply(
        &mut self,
        option: InitReaperOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, ..] = operands;
        match option {
            InitReaperOption::LockFile => out_of_memory(self.locks.push(&path(option.name(), first)?))?,
            InitReaperOption::SyncFd => {
                let fd = context.name(number::fd(first)?)?;
                out_of_memory(self.sync_fds.push(&fd))?;
            }
            InitReaperOption::AsPid1 => self.as_pid_1 = true,
        }
        Ok(())
    }
}
