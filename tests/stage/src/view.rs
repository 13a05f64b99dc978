//! What a run showed, to be asked by name.

use std::collections::BTreeMap;
use support::{End, Seen};

/// The lines that a successor or a probe printed.
#[derive(Clone, Debug)]
pub struct View {
    text: String,
}

impl View {
    /// Of a text.
    pub fn new(text: &[u8]) -> View {
        View { text: String::from_utf8_lossy(text).into_owned() }
    }

    /// Whatever follows `key` and a blank on the one line that starts so.
    #[track_caller]
    pub fn value(&self, key: &str) -> &str {
        match self.values(key)[..] {
            [value] => value,
            ref values => panic!("{} lines `{key} …` in\n{}", values.len(), self.text),
        }
    }

    /// The same of every line that starts so, in order.
    pub fn values(&self, key: &str) -> Vec<&str> {
        self.text.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix(' ')).collect()
    }

    /// The five capability sets by name: effective, permitted, inheritable, bounding, ambient.
    #[track_caller]
    pub fn caps(&self, set: &str) -> u64 {
        let hex = self.value(&format!("cap {set}"));
        u64::from_str_radix(hex, 16).unwrap_or_else(|_| panic!("cap {set} {hex}"))
    }

    /// All five, in that order.
    #[track_caller]
    pub fn five_sets(&self) -> [u64; 5] {
        ["effective", "permitted", "inheritable", "bounding", "ambient"].map(|set| self.caps(set))
    }

    /// Open descriptors: number, and kind, access, flags and name.
    pub fn fds(&self) -> BTreeMap<i32, &str> {
        self.values("fd").into_iter().filter_map(|line| line.split_once(' ')).fold(
            BTreeMap::new(),
            |mut fds, (number, what)| {
                fds.insert(number.parse().unwrap_or(-1), what);
                fds
            },
        )
    }

    /// The argument that starts with `prefix`, without it.
    pub fn argument(&self, prefix: &str) -> Option<&str> {
        self.values("argv").into_iter().find_map(|word| word.strip_prefix(prefix))
    }

    /// The numbers of a list of descriptors in the argument that starts with `prefix`.
    #[track_caller]
    pub fn numbers(&self, prefix: &str) -> Vec<i32> {
        let list = self.argument(prefix).unwrap_or_else(|| panic!("no argument {prefix}… in\n{}", self.text));
        let numbers = list.split(',').filter(|number| !number.is_empty());
        numbers.map(|number| number.parse().unwrap_or_else(|_| panic!("{prefix}{list}"))).collect()
    }

    /// The flags of the mount at `point`, in the list of mounts.
    #[track_caller]
    pub fn mount_flags(&self, point: &str) -> Vec<&str> {
        let marker = format!(" on {point} ");
        let rest = self.values("mount").into_iter().find_map(|line| line.split_once(&marker));
        let (_, rest) = rest.unwrap_or_else(|| panic!("no mount on {point} in\n{}", self.text));
        rest.split(' ').next().unwrap_or_default().split(',').collect()
    }

    /// All of it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

/// A run in words, for a failed assertion.
pub fn explain(seen: &Seen) -> String {
    format!(
        "{:?}\nstdout:\n{}\nstderr:\n{}\nleft over: {:?}",
        seen.status,
        String::from_utf8_lossy(&seen.stdout),
        String::from_utf8_lossy(&seen.stderr),
        seen.leftovers
    )
}

/// The view of a run that ended as it should: with this status, without a message, leaving no process.
#[track_caller]
pub fn ended(seen: &Seen, status: i32) -> View {
    assert_eq!(seen.status, End::Exit(status), "{}", explain(seen));
    assert!(seen.stderr.is_empty() && seen.leftovers.is_empty(), "{}", explain(seen));
    View::new(&seen.stdout)
}

/// The message of a run that was refused: status 1, one line on standard error, nothing run, nothing left.
#[track_caller]
pub fn refused(seen: &Seen) -> String {
    assert_eq!(seen.status, End::Exit(1), "{}", explain(seen));
    assert!(seen.stdout.is_empty() && seen.leftovers.is_empty(), "{}", explain(seen));
    let message = String::from_utf8_lossy(&seen.stderr).into_owned();
    assert!(message.ends_with('\n') && message.lines().count() == 1, "{}", explain(seen));
    message.trim_end().to_owned()
}
