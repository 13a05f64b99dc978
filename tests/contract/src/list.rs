//! The list: `tests/contract/contract.toml`, its one owner, and the tables of pipeline.md that are made of it.

use crate::role::EXECUTABLES;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where the list is, from the top of the repository.
pub const FILE: &str = "tests/contract/contract.toml";

/// What each process of a launch may do, and why.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contract {
    /// Names for several processes, written `@name`.
    #[serde(default)]
    groups: BTreeMap<String, Vec<String>>,
    /// The processes, in the order of their tables, and what each is.
    processes: Vec<Process>,
    /// System calls.
    #[serde(default, rename = "call")]
    calls: Vec<Entry>,
    /// Files.
    #[serde(default, rename = "file")]
    files: Vec<Entry>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Process {
    name: String,
    what: String,
}

/// One entry of the list.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// The call or the file.
    pub name: String,
    /// For a file: what is done to it.
    #[serde(default)]
    pub done: String,
    /// By which processes.
    by: Vec<String>,
    /// What for.
    #[serde(rename = "for")]
    pub reason: String,
    /// Under which options or conditions only; empty: in every launch.
    #[serde(default)]
    pub with: String,
}

impl Contract {
    /// Reads the list and refuses one that contradicts itself.
    pub fn parse(text: &str) -> Result<Contract, String> {
        let contract: Contract = toml::from_str(text).map_err(|error| format!("{FILE}: {error}"))?;
        let known: BTreeSet<&str> = contract.processes.iter().map(|process| process.name.as_str()).collect();
        for name in &known {
            let executable = name.split(' ').next().unwrap_or_default();
            if !EXECUTABLES.contains(&executable) {
                return Err(format!("{FILE}: process `{name}` runs no executable of a launch"));
            }
        }
        for entries in [&contract.calls, &contract.files] {
            let mut pairs = BTreeSet::new();
            for entry in entries {
                if entry.reason.trim().is_empty() {
                    return Err(format!("{FILE}: `{}` has no reason", entry.name));
                }
                for process in contract.processes_of(entry)? {
                    if !known.contains(process) {
                        return Err(format!("{FILE}: `{}`: no process is called `{process}`", entry.name));
                    }
                    if entry.done == "read" && is_inside(process) && !is_kernels(&entry.name) {
                        return Err(format!(
                            "{FILE}: {process} reads {}, which the sandbox may have written",
                            entry.name
                        ));
                    }
                    if !pairs.insert((process, &entry.name, &entry.done)) {
                        return Err(format!("{FILE}: `{}` is there twice for {process}", entry.name));
                    }
                }
            }
        }
        Ok(contract)
    }

    /// The processes that `entry` is about, groups resolved.
    fn processes_of<'a>(&'a self, entry: &'a Entry) -> Result<Vec<&'a str>, String> {
        let mut all = Vec::new();
        for name in &entry.by {
            match name.strip_prefix('@') {
                None => all.push(name.as_str()),
                Some(group) => {
                    let members = self.groups.get(group);
                    let members = members.ok_or_else(|| format!("{FILE}: no group is called `{group}`"))?;
                    all.extend(members.iter().map(String::as_str));
                }
            }
        }
        Ok(all)
    }

    /// Process and call of every entry.
    pub fn calls(&self) -> BTreeSet<(String, String)> {
        self.pairs(&self.calls).into_iter().map(|(process, entry)| (process, entry.name.clone())).collect()
    }

    /// Process, file and what is done to it, of every entry.
    pub fn files(&self) -> BTreeSet<(String, String, String)> {
        let pairs = self.pairs(&self.files).into_iter();
        pairs.map(|(process, entry)| (process, entry.name.clone(), entry.done.clone())).collect()
    }

    fn pairs<'a>(&'a self, entries: &'a [Entry]) -> Vec<(String, &'a Entry)> {
        let each = entries.iter().flat_map(|entry| {
            let processes = self.processes_of(entry).unwrap_or_default();
            processes.into_iter().map(move |process| (process.to_owned(), entry))
        });
        each.collect()
    }

    /// The tables of pipeline.md: what each process may do.
    pub fn tables(&self) -> String {
        let mut out = String::new();
        let (calls, files) = (self.pairs(&self.calls), self.pairs(&self.files));
        for Process { name, what } in &self.processes {
            let _ = writeln!(
                out,
                "### System calls of `{name}`\n\n{what}\n\n| call | with | for |\n| --- | --- | --- |"
            );
            for (_, entry) in calls.iter().filter(|(process, _)| process == name) {
                let _ = writeln!(out, "| `{}` | {} | {} |", entry.name, entry.with, entry.reason);
            }
            out.push('\n');
            let mut own = files.iter().filter(|(process, _)| process == name).peekable();
            if own.peek().is_some() {
                out.push_str("| file | is | with | for |\n| --- | --- | --- | --- |\n");
                for (_, entry) in own {
                    let file = if entry.name.starts_with('/') {
                        format!("`{}`", entry.name)
                    } else {
                        entry.name.clone()
                    };
                    let _ = writeln!(out, "| {file} | {} | {} | {} |", entry.done, entry.with, entry.reason);
                }
                out.push('\n');
            }
        }
        out
    }
}

/// Whether nobody can have written what is read there: pipes of ours, and procfs where the stage has made sure of it.
fn is_kernels(name: &str) -> bool {
    ["a pipe or socket", "/proc/thread-self/children"].contains(&name)
}

/// Whether a process looks files up in the sandbox's own tree, where somebody in the sandbox may have put them.
fn is_inside(process: &str) -> bool {
    ["priv-drop", "init-reaper", "seccomp-load"].iter().any(|stage| process.starts_with(stage))
}

#[cfg(test)]
mod tests {
    use super::Contract;

    const LIST: &str = "processes = [{ name = \"ns-enter\", what = \"w\" }, { name = \"fs-build\", what = \"v\" }]\n\
                        groups = { all = [\"ns-enter\", \"fs-build\"] }\n";

    fn parsed(entry: &str) -> Result<Contract, String> {
        Contract::parse(&format!("{LIST}[[call]]\nname = \"clone\"\n{entry}"))
    }

    #[test]
    fn groups_stand_for_their_processes() {
        let list = parsed("by = [\"@all\"]\nfor = \"r\"").unwrap();
        assert_eq!(list.calls().len(), 2);
        assert!(list.tables().contains("### System calls of `fs-build`\n\nv\n\n| call | with | for |"));
        assert!(list.tables().contains("| `clone` |  | r |"));
    }

    #[test]
    fn a_file_read_in_the_sandbox_is_refused() {
        let list = "processes = [{ name = \"priv-drop\", what = \"w\" }]\n";
        let entry = |name| {
            format!("{list}[[file]]\nname = \"{name}\"\ndone = \"read\"\nby = [\"priv-drop\"]\nfor = \"r\"")
        };
        let error = Contract::parse(&entry("/etc/passwd")).unwrap_err();
        assert!(error.contains("priv-drop reads /etc/passwd, which the sandbox may have written"), "{error}");
        assert!(Contract::parse(&entry("a pipe or socket")).is_ok());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (entry, why) in [
            ("by = [\"x\"]\nfor = \"r\"", "no process is called `x`"),
            ("by = [\"@x\"]\nfor = \"r\"", "no group is called `x`"),
            ("by = [\"ns-enter\"]\nfor = \" \"", "has no reason"),
            ("by = [\"ns-enter\", \"@all\"]\nfor = \"r\"", "twice for ns-enter"),
        ] {
            let error = parsed(entry).unwrap_err();
            assert!(error.contains(why), "{error}");
        }
    }
}
