//! What becomes of `sallyport` when its output cannot be written.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{compiled, compiled_as, said, sallyport};
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

#[test]
fn where_nobody_reads_the_output_it_ends_in_silence_as_if_by_sigpipe() {
    let bench = Bench::set_up();
    let plan = compiled(&bench, Who::User, &["--ro-bind", "/", "/", "--bind", "/tmp", "/tmp", "true"]);
    let other = compiled_as(&bench, Who::User, "other", &["--ro-bind", "/", "/", "false"]);
    let (plan, other) = (plan.to_str().unwrap(), other.to_str().unwrap());
    // Standard output is a pipe whose other end is closed before sallyport is started.
    let line = "mkfifo \"$0\" && exec 3<>\"$0\" 4>\"$0\" 3<&- && exec \"$@\" >&4 4>&-";
    let fifo = bench.dir("fifo", Who::User).join("pipe");
    for words in [
        &["compile", "--ro-bind", "/", "/", "true"][..],
        &["show", plan],
        &["check", plan],
        &["check", "--explain", "all"],
        &["diff", plan, other],
        &["seccomp", "list"],
        &["man", "bwrap"],
    ] {
        let _ = std::fs::remove_file(&fifo);
        let mut job = sallyport(&bench, Who::User, words);
        let shell = ["/bin/sh", "-c", line, fifo.to_str().unwrap()];
        job.argv.splice(0..0, shell.map(Into::into));
        let (status, _, err) = said(&job.run().unwrap());
        assert_eq!((status, err.as_str()), (End::Exit(141), ""), "{words:?}");
    }
    // Other faults are said, with the status of what could not be looked at.
    let full = |words| said(&by_shell(&bench, "exec \"$@\" >/dev/full", words));
    for (status, words) in [(1, &["show", plan][..]), (2, &["check", plan]), (2, &["diff", plan, other])] {
        let (seen, _, err) = full(words);
        assert_eq!(seen, End::Exit(status), "{words:?}");
        assert!(err.starts_with("sallyport: standard output: No space left on device"), "{err}");
    }
}
