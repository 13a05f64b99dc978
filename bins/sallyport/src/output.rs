//! Where what was made here (a plan, a filter) goes: a file, in one step, or standard output if that is no terminal.

use crate::failure::{Failure, Res};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Where to.
#[derive(clap::Args)]
pub struct Output {
    /// Write to FILE, not to standard output.
    #[arg(short, long = "output", value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
}

impl Output {
    /// Refuses a terminal for `what`. To be asked before there is anything to write.
    pub fn check(&self, what: &str) -> Res<()> {
        if self.output.is_none() && io::stdout().is_terminal() {
            return Err(Failure::new(format_args!(
                "{what} is not written to a terminal: give -o FILE, or redirect the output"
            )));
        }
        Ok(())
    }

    /// Writes it.
    pub fn write(&self, plan: &[u8]) -> Res<()> {
        match &self.output {
            Some(file) => {
                store(file, plan).map_err(|e| Failure::new(format_args!("{}: {e}", file.display())))
            }
            None => print(plan),
        }
    }
}

/// Writes to standard output. If that was closed when this program was started, nothing comes of it and nobody hears of
/// it: before `main` std puts /dev/null, open for reading and writing, in the place of a standard descriptor that is
/// not there, and callers who want no output give the same (Python's `subprocess.DEVNULL`), so that the two cannot be
/// told apart.
pub fn print(bytes: &[u8]) -> Res<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes).and_then(|()| out.flush()).map_err(|error| Failure::of_output(&error))
}

/// Puts the plan in the place of `file` in one step, so that nobody ever launches half of one.
fn store(file: &Path, plan: &[u8]) -> io::Result<()> {
    if fs::metadata(file).is_ok_and(|meta| !meta.is_file()) {
        // A pipe or a device has nothing to be put in the place of.
        return File::options().write(true).open(file)?.write_all(plan);
    }
    // Behind a symbolic link it is the file that is replaced.
    let target = fs::canonicalize(file).unwrap_or_else(|_| file.to_path_buf());
    let mut name = target.file_name().map(OsString::from).unwrap_or_default();
    name.push(format!(".{}.tmp", std::process::id()));
    let draft = target.with_file_name(name);
    let written = File::create_new(&draft)
        .and_then(|mut to| to.write_all(plan))
        .and_then(|()| fs::rename(&draft, &target));
    written.inspect_err(|_| drop(fs::remove_file(&draft)))
}
