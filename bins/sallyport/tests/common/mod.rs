//! `sallyport` as the tests of its subcommands run it.

#![allow(clippy::unwrap_used, dead_code)] // Tests; and not every test needs all of it.

use stage::{Bench, Who, ended};
use std::path::{Path, PathBuf};
use support::{End, Job, Seen};

/// `sallyport` beside the stages, as `who`, with these words.
pub fn sallyport<W: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, words: &[W]) -> Job {
    let program = bench.install(Path::new(env!("CARGO_BIN_EXE_sallyport")), "bin/sallyport", 0o755);
    let mut job = bench.job(program, who);
    job.args(words);
    job
}

/// The file that `compile` makes of these words for bwrap.
pub fn compiled<W: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, words: &[W]) -> PathBuf {
    compiled_as(bench, who, "plan", words)
}

/// The same in a file of this name.
pub fn compiled_as<W: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, name: &str, words: &[W]) -> PathBuf {
    let file = bench.dir("plans", who).join(name);
    let mut job = sallyport(bench, who, &["compile", "-o"]);
    job.arg(&file).args(words);
    ended(&job.run().unwrap(), 0);
    file
}

/// Exit status, standard output and standard error.
pub fn said(seen: &Seen) -> (End, String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (seen.status, text(&seen.stdout), text(&seen.stderr))
}
