//! A tree that somebody hostile has filled, and the directory of the host that it is to lead to.

use crate::hostile::{Host, tree};
use stage::{Bench, Who};
use std::fs;
use std::os::unix::fs::{chown, symlink};
use std::path::PathBuf;

/// A directory of the host that no sandbox here may change, and a tree that somebody hostile has filled with links to
/// it.
pub struct Trap {
    /// The host's directory.
    pub victim: PathBuf,
    /// The tree with links to it.
    pub tree: PathBuf,
    before: String,
    host: Host,
}

impl Trap {
    /// Makes both, owned by `who`.
    pub fn set(bench: &Bench, who: Who) -> Trap {
        let victim = bench.dir(&format!("victim-{}", who.uid()), who);
        fs::write(victim.join("file"), "untouched\n").unwrap();
        fs::create_dir(victim.join("dir")).unwrap();
        let top = bench.dir(&format!("tree-{}", who.uid()), who);
        fs::create_dir(top.join("real")).unwrap();
        fs::write(top.join("real/file"), "in the tree\n").unwrap();
        for (name, target) in [
            ("abs", victim.clone()),
            ("old", PathBuf::from("/oldroot").join(victim.strip_prefix("/").unwrap())),
            ("new", PathBuf::from("/newroot").join(victim.strip_prefix("/").unwrap())),
            ("proc", PathBuf::from("/proc/self/root").join(victim.strip_prefix("/").unwrap())),
            ("cwd", PathBuf::from("/proc/self/cwd")),
            ("fd", PathBuf::from("/proc/self/fd/3")),
            ("up", PathBuf::from("../../../../../../..").join(victim.strip_prefix("/").unwrap())),
            ("file", victim.join("file")),
            ("loop", PathBuf::from("loop")),
        ] {
            symlink(target, top.join(name)).unwrap();
        }
        for path in [victim.join("file"), victim.join("dir"), top.join("real"), top.join("real/file")] {
            if support::is_root() {
                chown(path, Some(who.uid()), Some(who.uid())).unwrap();
            }
        }
        Trap { before: tree(&victim), victim, tree: top, host: Host::look() }
    }

    /// Nothing has been made, written, changed or mounted in the victim, whatever became of the launch.
    #[track_caller]
    pub fn assert_untouched(&self, what: &str) {
        assert_eq!(self.before, tree(&self.victim), "{what}: the host's directory has changed");
        assert_eq!(self.host, Host::look(), "{what}");
    }
}

/// Every operation that makes, writes, mounts on or changes something at a destination; "@" is that.
pub const OPERATIONS: [(&str, &[&str]); 15] = [
    ("dir", &["--dir", "@"]),
    ("perms_dir", &["--perms", "0777", "--dir", "@"]),
    ("file", &["--file", "30", "@"]),
    ("bind_data", &["--bind-data", "30", "@"]),
    ("ro_bind_data", &["--ro-bind-data", "30", "@"]),
    ("symlink", &["--symlink", "/evil", "@"]),
    ("bind", &["--bind", "TREE/real", "@"]),
    ("ro_bind", &["--ro-bind", "TREE/real", "@"]),
    ("bind_of_a_file", &["--ro-bind", "TREE/real/file", "@"]),
    ("tmpfs", &["--tmpfs", "@"]),
    ("dev", &["--dev", "@"]),
    ("proc", &["--proc", "@"]),
    ("overlay", &["--overlay-src", "TREE/real", "--tmp-overlay", "@"]),
    ("remount", &["--remount-ro", "@"]),
    ("chmod", &["--chmod", "0777", "@"]),
];

/// The words of an operation at `dest`, with `tree` as what it takes from the host.
pub fn words(operation: &[&str], dest: &str, tree: &str) -> Vec<String> {
    let word = |word: &&str| if *word == "@" { dest.to_owned() } else { word.replace("TREE", tree) };
    operation.iter().map(word).collect()
}
