//! What becomes of `sallyport` when its output cannot be written.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled, said, sallyport};
use stage::{Bench, Who};
use support::{End, Seen};

/// `sallyport` with these words, started by a line of shell that runs it as `"$@"`.
fn by_shell(bench: &Bench, line: &str, words: &[&str]) -> Seen {
    let mut job = sallyport(bench, Who::User, words);
    job.argv.splice(0..0, ["/bin/sh", "-c", line, "sh"].map(Into::into));
    job.run().unwrap()
}

#[test]
fn a_standard_error_that_takes_nothing_does_not_change_the_status() {
    let bench = Bench::set_up();
    for (status, words) in [
        (1, &["show", "nope"][..]),
        (1, &["run", "nope"]),
        (1, &["seccomp", "test", "nope", "mount"]),
        (1, &["seccomp", "test"]),
        (2, &["check", "nope"]),
        (2, &["diff", "nope", "nope"]),
        (2, &["no-such-subcommand"]),
        (2, &["seccomp", "test", "no-mount", "mount"]),
        (0, &["seccomp", "test", "no-mount", "uretprobe"]),
    ] {
        for line in ["exec \"$@\" 2>/dev/full", "exec \"$@\" 2>&-"] {
            assert_eq!(by_shell(&bench, line, words).status, End::Exit(status), "{words:?} {line}");
        }
    }
}
