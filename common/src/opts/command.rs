//! Options of the command: how it is called, in which environment and directory.

use super::{Context, Operands, options, out_of_memory, path};
use crate::fault;
use crate::plan::{EnvOp, ListWriter};
use crate::report::Outcome;
use crate::sys::Result;
use crate::text::{Path, Text};
use core::ffi::CStr;

options! {
    /// Options of the command's frame.
    pub enum CommandOption {
        /// How it is called.
        NAME {
            Argv0 = "--argv0" "VALUE" "Call the command with VALUE as its argv[0]",
        }
        /// Directory and environment.
        ENVIRONMENT {
            Chdir = "--chdir" "DIR" "Start the command in directory DIR",
            Clearenv = "--clearenv" "" "Start from an empty environment",
            Setenv = "--setenv" "VAR VALUE" "Give environment variable VAR the value VALUE",
            Unsetenv = "--unsetenv" "VAR" "Take VAR out of the environment",
        }
        /// SELinux.
        LABEL {
            ExecLabel = "--exec-label" "LABEL" "Run the command under SELinux label LABEL",
        }
    }
}

/// The command's frame while it is put together, but for the command.
#[derive(Debug)]
pub struct CommandDraft {
    /// `--argv0`.
    pub argv0: Option<Text<'static>>,
    /// Changes of the environment, of type [`EnvOp`].
    pub env: ListWriter,
    /// `--chdir`.
    pub directory: Option<Path<'static>>,
    /// `--exec-label`.
    pub exec_label: Option<Text<'static>>,
}

impl CommandDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<CommandDraft> {
        Ok(CommandDraft { argv0: None, env: ListWriter::new(1 << 12)?, directory: None, exec_label: None })
    }

    /// Puts `option` into the draft.
    pub fn apply(
        &mut self,
        option: CommandOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let [first, second, _] = operands;
        let change = match option {
            CommandOption::Clearenv => EnvOp::Clear,
            CommandOption::Setenv => {
                let name = variable(first).ok_or_else(|| fault!("setenv failed"))?;
                EnvOp::Set { name, value: Text(second) }
            }
            CommandOption::Unsetenv => {
                EnvOp::Unset { name: variable(first).ok_or_else(|| fault!("unsetenv failed"))? }
            }
            CommandOption::Argv0 | CommandOption::Chdir | CommandOption::ExecLabel => {
                return self.apply_once(option, first, context);
            }
        };
        out_of_memory(self.env.push(&change))
    }

    /// The options of which one counts.
    fn apply_once(
        &mut self,
        option: CommandOption,
        word: &'static CStr,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        let name = option.name();
        match option {
            CommandOption::Argv0 => {
                if self.argv0.is_some() {
                    return Err(fault!("--argv0 used multiple times"));
                }
                self.argv0 = Some(Text(word));
            }
            CommandOption::Chdir => {
                context.only_last(name, self.directory.is_some());
                self.directory = Some(path(name, word)?);
            }
            _ => {
                context.only_last(name, self.exec_label.is_some());
                self.exec_label = Some(context.label(word)?);
            }
        }
        Ok(())
    }
}

/// The name of a variable, as `setenv(3)` takes it.
fn variable(word: &'static CStr) -> Option<Text<'static>> {
    if word.is_empty() || word.to_bytes().contains(&b'=') { None } else { Some(Text(word)) }
}
