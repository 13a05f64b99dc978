//! Where a traced run and the list part, each said with what to do about it.

use crate::list::{Contract, FILE};
use crate::seen::{Met, Seen};
use std::fmt::Write as _;

/// One difference, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault(pub String);

/// Everything that was done and is not in the list; if the run was `whole`, everything in the list that was never done.
pub fn compare(list: &Contract, seen: &Seen, whole: bool) -> Vec<Fault> {
    let mut faults = Vec::new();
    let (calls, files) = (list.calls(), list.files());
    for ((process, call), met) in &seen.calls {
        if !calls.contains(&(process.clone(), call.clone())) {
            let what = format!("{process} makes system call {call}");
            faults.push(unlisted(&what, met, &format!("[[call]]\nname = \"{call}\"\nby = [\"{process}\"]")));
        }
    }
    for ((process, file, done), met) in &seen.files {
        if !files.contains(&(process.clone(), file.clone(), done.clone())) {
            let what = format!("{process}: {file}: {done}");
            let entry = format!("[[file]]\nname = \"{file}\"\ndone = \"{done}\"\nby = [\"{process}\"]");
            faults.push(unlisted(&what, met, &entry));
        }
    }
    if !whole {
        return faults;
    }
    for (process, call) in calls.iter().filter(|pair| !seen.calls.contains_key(*pair)) {
        faults.push(Fault(format!(
            "{process} may make system call {call} by {FILE}, but no test saw it do so: take {process} out of that entry, \
             or add a test"
        )));
    }
    for (process, file, done) in files.iter().filter(|key| !seen.files.contains_key(*key)) {
        faults.push(Fault(format!(
            "{process}: {file}: {done}: is in {FILE}, but no test saw it: take {process} out of that entry, or add a test"
        )));
    }
    faults
}

fn unlisted(what: &str, met: &Met, entry: &str) -> Fault {
    let mut text =
        format!("{what}, which is not in its list ({} times, first in: {}).\n", met.times, met.first);
    let _ = writeln!(text, "  Should it not, mend the stage. Should it, say so in {FILE}, then run");
    let _ = writeln!(text, "  `cargo xtask contract --bless`, which brings pipeline.md up to date:\n");
    for line in entry.lines() {
        let _ = writeln!(text, "    {line}");
    }
    text.push_str("    with = \"the options that lead to it; leave this out if every launch does it\"\n");
    text.push_str("    for = \"why\"");
    Fault(text)
}

#[cfg(test)]
mod tests {
    use super::compare;
    use crate::list::Contract;
    use crate::role::Role;
    use crate::seen::Seen;

    const LIST: &str = "processes = [{ name = \"fs-build\", what = \"w\" }]\n\
                        [[call]]\nname = \"fsopen\"\nby = [\"fs-build\"]\nfor = \"r\"\n\
                        [[file]]\nname = \"/\"\ndone = \"looked up\"\nby = [\"fs-build\"]\nfor = \"r\"\n";

    #[test]
    fn a_call_outside_the_list_and_one_that_is_never_made_are_faults() {
        let list = Contract::parse(LIST).unwrap();
        let mut seen = Seen::default();
        seen.call(Role("fs-build"), "fsopen".to_owned(), "bwrap x");
        seen.file(Role("fs-build"), "/", "looked up", "bwrap x");
        assert_eq!(compare(&list, &seen, true), []);
        seen.call(Role("fs-build"), "ptrace".to_owned(), "bwrap y");
        let faults = compare(&list, &seen, true);
        assert_eq!(faults.len(), 1);
        assert!(faults[0].0.contains("name = \"ptrace\"\n    by = [\"fs-build\"]"), "{}", faults[0].0);
        assert!(faults[0].0.contains("first in: bwrap y"));
        assert_eq!(compare(&list, &Seen::default(), true).len(), 2);
        assert_eq!(compare(&list, &Seen::default(), false), []);
    }
}
