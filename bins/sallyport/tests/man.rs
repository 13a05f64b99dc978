//! `sallyport man` against `--help`: both list the same options.

#![allow(clippy::unwrap_used)] // Tests: what fails to unwrap fails the test.

mod common;

use common::{said, sallyport};
use stage::{Bench, EXECUTABLES, Who};
use std::collections::BTreeSet;
use support::End;

#[test]
fn every_option_is_in_its_manual_page_and_in_help() {
    let bench = Bench::set_up();
    // Those that nobody starts by hand have no page.
    let unnamed = ["compose", "cgroup-keeper", "pty-relay"];
    for program in EXECUTABLES.into_iter().filter(|name| !unnamed.contains(name)) {
        let (end, page, _) = said(&sallyport(&bench, Who::User, &["man", program]).run().unwrap());
        assert_eq!(end, End::Exit(0));
        let terms = page.split("\n.TP\n\\fB\\-\\-").skip(1);
        let in_page: BTreeSet<String> = terms
            .filter_map(|rest| rest.split_once(r"\fR"))
            .map(|(name, _)| name.replace('\\', ""))
            .collect();
        let (end, help, _) = said(&bench.job(bench.bin(program), Who::User).arg("--help").run().unwrap());
        assert_eq!(end, End::Exit(0), "{program}");
        let names = help.lines().filter_map(|line| line.trim_start().strip_prefix("--"));
        let in_help: BTreeSet<String> =
            names.filter_map(|rest| rest.split_whitespace().next()).map(str::to_owned).collect();
        assert!(in_help.len() > 5, "{program}");
        assert_eq!(in_page, in_help, "{program}");
    }
}
