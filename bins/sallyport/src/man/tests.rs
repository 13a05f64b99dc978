//! Manual pages: complete, and roff that its own checkers have nothing to say about.

use super::*;
use std::io::Write;
use std::process::{Command as Process, Stdio};

const PAGES: [&str; 7] =
    ["sallyport", "bwrap", "ns-enter", "fs-build", "priv-drop", "init-reaper", "seccomp-load"];

#[test]
fn every_option_is_in_its_page() {
    for program in programs::all() {
        let text = page(program.name);
        for line in &program.options {
            let term = line.name.replace('-', r"\-");
            assert!(text.contains(&format!("\n.TP\n\\fB{term}\\fR")), "{}: {}", program.name, line.name);
        }
    }
}

#[test]
fn every_subcommand_and_every_warning_is_in_the_page_of_sallyport() {
    let text = page("sallyport");
    let mut cli = Cli::command();
    cli.build();
    let mut all = Vec::new();
    leaves(&cli, "sallyport", &mut all);
    assert!(all.len() >= 8);
    for (name, command) in all {
        assert!(text.contains(&format!(".SH {}\n", name.to_uppercase())), "{name}");
        let shown = command.get_arguments().filter(|arg| !arg.is_hide_set());
        for long in shown.filter_map(clap::Arg::get_long).filter(|long| *long != "help") {
            assert!(text.contains(&format!(r"\fB\-\-{}\fR", long.replace('-', r"\-"))), "{name} --{long}");
        }
    }
    for kind in ALL {
        assert!(text.contains(&kind.id.replace('-', r"\-")), "{}", kind.id);
    }
}

#[test]
fn a_stage_s_page_says_what_the_contract_says() {
    let text = page("priv-drop");
    for part in [".SH SECURITY", ".SH OPERATION", ".SH GIVES UP", r"no_new_privs", ".IP 1. 4"] {
        assert!(text.contains(part), "{part} is not in\n{text}");
    }
}

#[test]
fn exit_statuses_are_in_every_page() {
    for name in PAGES {
        assert!(page(name).contains(".SH EXIT STATUS\n"), "{name}");
    }
    for stage in programs::STAGES {
        let text = page(stage.name());
        for status in ["125", "126", "127"] {
            assert!(text.contains(status), "{status}: {}", stage.name());
        }
    }
    assert!(page("priv-drop").contains(".SH EXAMPLES\n"));
    assert!(page("sallyport").contains(r"\fBseccomp test\fR: 0 if"));
}

/// `program` on each page; what it says must be nothing.
fn check(program: &str, args: &[&str]) {
    if Process::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_err()
    {
        return println!("SKIP: {program} is not installed");
    }
    for name in PAGES {
        let mut child = Process::new(program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let text = page(name);
        let feed = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
        let output = child.wait_with_output().unwrap();
        feed.join().unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned()
            + if program == "mandoc" { std::str::from_utf8(&output.stdout).unwrap() } else { "" };
        assert!(said.is_empty() && output.status.success(), "{name}: {said}");
    }
}

#[test]
fn mandoc_has_nothing_to_say_about_the_pages() {
    check("mandoc", &["-T", "lint", "-W", "warning"]);
}

#[test]
fn groff_has_nothing_to_say_about_the_pages() {
    check("groff", &["-man", "-ww", "-T", "utf8"]);
}
