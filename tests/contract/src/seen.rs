//! What was seen in a traced run, and the file that it travels in: a line each, fields parted by tabs.

use crate::role::Role;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::{fs, io};

/// What was done, by whom; how often, and in which launch first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// System calls.
    pub calls: BTreeMap<(String, String), Met>,
    /// Files: the process, the name, and what was done to it.
    pub files: BTreeMap<(String, String, String), Met>,
}

/// How often, and where first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Met {
    /// How often.
    pub times: u64,
    /// The command line of a launch in which it was.
    pub first: String,
}

impl Seen {
    /// Counts a call.
    pub fn call(&mut self, role: Role, name: String, launch: &str) {
        count(&mut self.calls, (role.0.to_owned(), name), 1, launch);
    }

    /// Counts something done to a file.
    pub fn file(&mut self, role: Role, name: &str, done: &str, launch: &str) {
        count(&mut self.files, (role.0.to_owned(), name.to_owned(), done.to_owned()), 1, launch);
    }

    /// Adds another run's.
    pub fn add(&mut self, other: Seen) {
        for (key, met) in other.calls {
            count(&mut self.calls, key, met.times, &met.first);
        }
        for (key, met) in other.files {
            count(&mut self.files, key, met.times, &met.first);
        }
    }

    /// As lines of a file.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut out = String::new();
        for ((role, call), met) in &self.calls {
            let _ = writeln!(out, "call\t{role}\t{call}\t\t{}\t{}", met.times, one_line(&met.first));
        }
        for ((role, file, done), met) in &self.files {
            let file = one_line(file);
            let _ = writeln!(out, "file\t{role}\t{file}\t{done}\t{}\t{}", met.times, one_line(&met.first));
        }
        fs::write(path, out)
    }

    /// What [`Seen::write`] has written.
    pub fn read(path: &Path) -> io::Result<Seen> {
        let mut seen = Seen::default();
        for line in fs::read_to_string(path)?.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [kind, role, name, done, times, first] = fields[..] else {
                return Err(io::Error::other(format!("{}: not a line of a trace: {line}", path.display())));
            };
            let times = times.parse().map_err(io::Error::other)?;
            let (role, name) = (role.to_owned(), name.to_owned());
            match kind {
                "call" => count(&mut seen.calls, (role, name), times, first),
                _ => count(&mut seen.files, (role, name, done.to_owned()), times, first),
            }
        }
        Ok(seen)
    }
}

fn count<K: Ord>(map: &mut BTreeMap<K, Met>, key: K, times: u64, launch: &str) {
    map.entry(key).or_insert_with(|| Met { times: 0, first: launch.to_owned() }).times += times;
}

fn one_line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), "?")
}

#[cfg(test)]
mod tests {
    use super::Seen;
    use crate::role::Role;

    #[test]
    fn what_was_written_is_read_and_adds_up() {
        let mut seen = Seen::default();
        seen.call(Role("ns-enter"), "clone".to_owned(), "bwrap\tx\n");
        seen.file(Role("ns-enter"), "/proc", "looked up", "bwrap");
        let dir = std::env::temp_dir().join(format!("sallyport-seen-{}", std::process::id()));
        seen.write(&dir).unwrap();
        let mut read = Seen::read(&dir).unwrap();
        std::fs::remove_file(&dir).unwrap();
        assert_eq!(read.calls[&("ns-enter".to_owned(), "clone".to_owned())].first, "bwrap?x?");
        read.add(seen);
        assert_eq!(read.calls[&("ns-enter".to_owned(), "clone".to_owned())].times, 2);
        assert_eq!(read.files.len(), 1);
    }
}
