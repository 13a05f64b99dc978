//! Options of init-reaper: what the process beside the command holds.

use super::{Context, Operands, number, options, out_of_memory, path};
use crate::fault;
use crate::plan::{Control, Left, List, ListWriter, Signal, SignalSet};
use crate::report::Outcome;
use crate::signals;
use crate::sys::Result;
use core::ffi::CStr;

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
            NoReaper = "--no-reaper" "" "As --as-pid-1",
        }
        /// Signals.
        SIGNALS {
            ForwardSignals = "--forward-signals" "" "Pass signals on to the command",
            StopSignal = "--stop-signal" "SIG" "Pass TERM, INT and HUP on as SIG",
        }
    }
}

options! {
    /// Options of init-reaper as a command of its own.
    pub enum InitReaperExtra {
        /// What bubblewrap has no option for.
        CHAIN {
            ForwardOnly = "--forward-only" "LIST" "Pass on the signals of LIST, such as TERM,HUP; all; none (default: all)",
            Group = "--group" "" "Pass signals on to the command's whole process group",
            NoForeground = "--no-foreground" "" "Leave the command in this process's group; the terminal stays there",
            Subreaper = "--subreaper" "" "Adopt orphans although not process 1 (the default; undoes --no-subreaper)",
            NoSubreaper = "--no-subreaper" "" "Leave orphans to process 1",
            KillLeft = "--kill-left" "" "When the command ends, kill what is left: SIGTERM, 10 s later SIGKILL",
            KillAfter = "--kill-after" "SECONDS" "The same with another time in between, such as 0 or 2.5",
            WaitLeft = "--wait-left" "" "When the command ends, wait for what is left (default: end at once)",
            RemapExit = "--remap-exit" "STATUS" "End with 0 when the command ends with STATUS (may be repeated)",
            ParentDeathSignal = "--parent-death-signal" "SIG" "Get SIG, and pass it on, when the parent ends",
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
    /// The signals to pass on, where that is said.
    pub forward: Option<SignalSet>,
    /// `--stop-signal`.
    pub stop_signal: Option<Signal>,
    /// `--group`.
    pub group: bool,
    /// `--no-foreground`.
    pub no_foreground: bool,
    /// `--no-subreaper`.
    pub no_subreaper: bool,
    /// What becomes of the others at the command's end, where that is said.
    pub left: Option<Left>,
    /// `--remap-exit`: statuses, of type `u32`.
    pub remap_exit: Option<ListWriter>,
    /// `--parent-death-signal`.
    pub parent_death_signal: Option<Signal>,
}

impl InitReaperDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<InitReaperDraft> {
        Ok(InitReaperDraft {
            locks: ListWriter::new(256)?,
            sync_fds: ListWriter::new(64)?,
            as_pid_1: false,
            forward: None,
            stop_signal: None,
            group: false,
            no_foreground: false,
            no_subreaper: false,
            left: None,
            remap_exit: None,
            parent_death_signal: None,
        })
    }

    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: InitReaperExtra,
        operands: Operands,
        _: &mut Context<'_>,
    ) -> Outcome<()> {
        use InitReaperExtra as Opt;
        let [first, ..] = operands;
        match option {
            Opt::ForwardOnly => {
                let list = signals::parse_list(first.to_bytes());
                self.forward = Some(list.ok_or_else(|| fault!("Invalid list of signals: ", first))?);
            }
            Opt::Group => self.group = true,
            Opt::NoForeground => self.no_foreground = true,
            Opt::Subreaper => self.no_subreaper = false,
            Opt::NoSubreaper => self.no_subreaper = true,
            Opt::KillLeft => self.left = Some(Left::Kill { grace: 10_000 }),
            Opt::KillAfter => {
                let grace = number::milliseconds(first.to_bytes());
                let grace = grace.ok_or_else(|| fault!("Invalid number of seconds: ", first))?;
                self.left = Some(Left::Kill { grace });
            }
            Opt::WaitLeft => self.left = Some(Left::Wait),
            Opt::RemapExit => {
                let status = number::unsigned(first.to_bytes()).filter(|status| *status <= 255);
                let status = status.ok_or_else(|| fault!("Invalid exit status: ", first))?;
                let mut list = match self.remap_exit.take() {
                    Some(list) => list,
                    None => out_of_memory(ListWriter::new(64))?,
                };
                out_of_memory(list.push(&(status as u32)))?;
                self.remap_exit = Some(list);
            }
            Opt::ParentDeathSignal => self.parent_death_signal = Some(signal(first)?),
        }
        Ok(())
    }

    /// What the frame says beyond bubblewrap's own; in a chain it always says something.
    pub fn control(&self, is_chain: bool) -> Option<Control<'_>> {
        if !is_chain && self.forward.is_none() && self.stop_signal.is_none() {
            return None;
        }
        Some(Control {
            subreaper: is_chain && !self.no_subreaper,
            forward: self.forwarded(is_chain),
            stop_signal: self.stop_signal,
            group: self.group,
            foreground: is_chain && !self.no_foreground,
            left: self.left.unwrap_or(if is_chain { Left::Leave } else { Left::Wait }),
            remap_exit: self.remap_exit.as_ref().map_or(List::EMPTY, ListWriter::list),
            parent_death_signal: self.parent_death_signal,
        })
    }

    /// The signals that are passed on.
    pub fn forwarded(&self, is_chain: bool) -> SignalSet {
        let by_default = is_chain || self.stop_signal.is_some();
        self.forward.unwrap_or(if by_default { SignalSet::FORWARDABLE } else { SignalSet::EMPTY })
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
            InitReaperOption::AsPid1 | InitReaperOption::NoReaper => self.as_pid_1 = true,
            InitReaperOption::ForwardSignals => self.forward = Some(SignalSet::FORWARDABLE),
            InitReaperOption::StopSignal => {
                self.stop_signal = Some(signal(first)?);
            }
        }
        Ok(())
    }
}

/// The signal that `word` is.
pub(super) fn signal(word: &'static CStr) -> Outcome<Signal> {
    signals::parse(word.to_bytes()).ok_or_else(|| fault!("Invalid signal: ", word))
}
