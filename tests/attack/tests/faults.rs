//! A system call of a launch that fails, or does nothing: the quick part of `cargo xtask faults`.

use std::process::Command;

/// A few scenarios, as root and as a user; the report says which call of which stage let what happen.
#[test]
fn a_launch_in_which_any_call_fails_runs_nothing_or_runs_as_confined_as_ever() {
    let output = Command::new(env!("CARGO_BIN_EXE_faults")).arg("--quick").output().expect("a process");
    let text = String::from_utf8_lossy(&output.stdout);
    let lines =
        text.lines().filter(|line| line.contains(" launches in ") || line.contains("the command still ran"));
    lines.for_each(|line| println!("{line}"));
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
}
