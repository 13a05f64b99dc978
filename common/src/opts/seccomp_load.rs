//! Options of seccomp-load: the filters, read into the plan.

use super::{Context, Operands, number, options, out_of_memory, path};
use crate::bpf;
use crate::fault;
use crate::plan::{Buffer, FdNumber, ListWriter, Program};
use crate::report::{At, Outcome};
use crate::sys::{self, Mapping, Result};
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
            Filter = "--filter" "FILE" "Load the seccomp filter in FILE (as often as needed)",
            Log = "--log" "" "Have the kernel log what the filters refuse",
            KillProcess = "--kill-process" "" "Where a filter kills the calling thread, kill the whole process",
            SpecAllow = "--spec-allow" "" "Leave the mitigation of speculative store bypass as it is",
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
    /// `--log`.
    pub log: bool,
    /// `--kill-process`.
    pub kill_process: bool,
    /// `--spec-allow`.
    pub spec_allow: bool,
}

impl SeccompLoadDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<SeccompLoadDraft> {
        Ok(SeccompLoadDraft {
            single: None,
            programs: ListWriter::new(1 << 14)?,
            log: false,
            kill_process: false,
            spec_allow: false,
        })
    }

    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: SeccompLoadExtra,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, ..] = operands;
        match option {
            SeccompLoadExtra::Filter => {
                if self.single.is_some() {
                    return Err(fault!("--filter cannot be combined with --seccomp"));
                }
                let path = path(option.name(), first)?;
                let data = context.host.file(path.0).at(|| fault!("Can't read seccomp filter ", path))?;
                return self.push(data);
            }
            SeccompLoadExtra::Log => self.log = true,
            SeccompLoadExtra::KillProcess => self.kill_process = true,
            SeccompLoadExtra::SpecAllow => self.spec_allow = true,
        }
        Ok(())
    }

    /// Looks at all filters as the kernel will, and rewrites them where that is asked for.
    ///
    /// bwrap leaves it to the kernel, which does not say what is wrong.
    pub fn check(&mut self) -> Outcome<()> {
        let mut checked = out_of_memory(ListWriter::new(1 << 14))?;
        for (number, program) in self.programs.list::<Program>().iter().enumerate() {
            let wrong = |wrong: bpf::Wrong| {
                let number = number as u32 + 1;
                match wrong.at {
                    Some(at) => fault!("Seccomp filter ", number, ": instruction ", at, ": ", wrong.why),
                    None => fault!("Seccomp filter ", number, ": ", wrong.why),
                }
            };
            bpf::check(program.bytes()).map_err(wrong)?;
            let mut copy = out_of_memory(Mapping::new(program.bytes().len()))?;
            sys::copy(copy.bytes_mut(), program.bytes());
            if self.kill_process {
                bpf::kill_process(copy.bytes_mut()).map_err(wrong)?;
                bpf::check(copy.bytes()).map_err(wrong)?;
            }
            let program = Program::new(copy.bytes()).ok_or_else(|| fault!("Out of memory"))?;
            out_of_memory(checked.push(&program))?;
        }
        self.programs = checked;
        Ok(())
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
        self.push(data)
    }

    fn push(&mut self, data: Buffer) -> Outcome<()> {
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
