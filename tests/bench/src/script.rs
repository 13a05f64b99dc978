//! Renders a scenario as a script for the floor: parents, kinds of destinations and ids worked out beforehand.

use crate::files::Files;
use crate::scenario::{Op, Rendered, Scenario};
use std::collections::BTreeSet;
use std::path::Path;

/// Mount attributes as mount_setattr(2) numbers them.
const RO: u32 = 1;
const NOSUID: u32 = 2;
const NODEV: u32 = 4;

/// Writes the floor's script.
pub struct Floor {
    words: Vec<String>,
    /// The namespace's own mounts serve as the new root: the first operation binds "/" on "/".
    in_place: bool,
    /// The working directory was left, to name devices that are about to be covered.
    moved: bool,
    devpts: bool,
    made: BTreeSet<String>,
    chdir: Option<String>,
}

impl Floor {
    /// The words of a scenario's script; data it refers to goes to `out`.
    pub fn write(scenario: &Scenario, files: &Files, out: &mut Rendered) -> Vec<String> {
        let mut floor = Self::start(scenario, files);
        for op in &scenario.ops {
            floor.op(op, out);
        }
        floor.finish(scenario, files, out);
        floor.words
    }

    fn start(scenario: &Scenario, files: &Files) -> Self {
        let in_place = matches!(scenario.ops.first(), Some(Op::RoBind(from, to)) if from == "/" && to == "/");
        let bit = |letter| match letter {
            'i' => 0x0800_0000_u32,
            'p' => 0x2000_0000,
            'n' => 0x4000_0000,
            'u' => 0x0400_0000,
            _ => 0x0200_0000,
        };
        let flags = scenario.unshare.chars().map(bit).fold(0x1002_0000, |all, one| all | one);
        let devpts = scenario.ops.iter().any(|op| matches!(op, Op::Dev(_)));
        let mut floor = Self {
            words: vec![format!("{flags:x}")],
            in_place,
            moved: false,
            devpts,
            made: BTreeSet::new(),
            chdir: None,
        };
        // devpts wants user 0 of the namespace that mounts it; a second namespace maps back.
        let inner = |id: u32| if devpts { 0 } else { id };
        floor.add(&[&format!("{} {} 1", inner(files.uid), files.uid)]);
        floor.add(&[&format!("{} {} 1", inner(files.gid), files.gid)]);
        if scenario.session {
            floor.add(&["S"]);
        }
        if !in_place {
            floor.add(&["T"]);
        }
        floor
    }

    fn add(&mut self, words: &[&str]) {
        self.words.extend(words.iter().map(|word| (*word).to_owned()));
    }

    /// A destination as the floor names it: on a new root it stands there, and the old one still is "/".
    fn dest(&self, path: &str) -> String {
        if self.in_place { path.to_owned() } else { path.trim_start_matches('/').to_owned() }
    }

    fn parents(&mut self, path: &str) {
        let parent = Path::new(path).parent().and_then(Path::to_str).unwrap_or("/").to_owned();
        self.folder(&parent);
    }

    fn folder(&mut self, path: &str) {
        if !self.in_place && path != "/" && self.made.insert(path.to_owned()) {
            self.parents(path);
            self.add(&["m", &self.dest(path)]);
        }
    }

    fn bind(&mut self, set: u32, from: &str, to: &str) {
        if self.in_place && to == "/" {
            return self.add(&["a", &format!("{set:x}")]);
        }
        if Path::new(from).is_dir() {
            self.folder(to);
        } else {
            self.parents(to);
            self.add(&["f", &self.dest(to)]);
        }
        self.add(&["b", &format!("{set:x}"), "0", from, &self.dest(to)]);
    }

    fn op(&mut self, op: &Op, out: &mut Rendered) {
        match op {
            Op::RoBind(from, to) => self.bind(RO | NOSUID | NODEV, from, to),
            Op::Bind(from, to) => self.bind(NOSUID | NODEV, from, to),
            Op::Proc(at) => {
                self.folder(at);
                self.add(&["p", &self.dest(at)]);
            }
            Op::Dev(at) => self.dev(at),
            Op::Dir(at) => self.folder(at),
            Op::Symlink(to, at) => {
                self.parents(at);
                self.add(&["s", to, &self.dest(at)]);
            }
            Op::File(text, at) | Op::BindData(text, at) => {
                self.parents(at);
                let fd = out.fd(text.as_bytes().into());
                let dest = self.dest(at);
                self.add(&["w", &format!("{fd:x}"), &dest]);
                if matches!(op, Op::BindData(..)) {
                    self.add(&["b", &format!("{:x}", NOSUID | NODEV), "0", &dest, &dest]);
                }
            }
            Op::Setenv(key, value) => self.add(&["e", &format!("{key}={value}")]),
            Op::Chdir(to) => self.chdir = Some(to.clone()),
        }
    }

    fn dev(&mut self, at: &str) {
        self.folder(at);
        let dest = self.dest(at);
        if self.in_place {
            // What the new tmpfs covers stays within reach of the working directory.
            self.moved = true;
            self.add(&["c", "/dev"]);
        }
        self.add(&["t", &dest, "mode=0755"]);
        for node in ["null", "zero", "full", "random", "urandom", "tty"] {
            let from = if self.in_place { node.to_owned() } else { format!("/dev/{node}") };
            let clear = if self.in_place { RO | NODEV } else { 0 };
            let to = format!("{dest}/{node}");
            self.add(&["f", &to, "b", &format!("{NOSUID:x}"), &format!("{clear:x}"), &from, &to]);
        }
        for (number, name) in ["stdin", "stdout", "stderr"].iter().enumerate() {
            self.add(&["s", &format!("/proc/self/fd/{number}"), &format!("{dest}/{name}")]);
        }
        for (to, name) in [("/proc/self/fd", "fd"), ("/proc/kcore", "core"), ("pts/ptmx", "ptmx")] {
            self.add(&["s", to, &format!("{dest}/{name}")]);
        }
        let pts = format!("{dest}/pts");
        self.add(&["m", &format!("{dest}/shm"), "m", &pts, "P", &pts]);
    }

    fn finish(&mut self, scenario: &Scenario, files: &Files, out: &mut Rendered) {
        if !self.in_place {
            self.add(&["V"]);
        }
        let start = self.chdir.take().or_else(|| (self.moved || !self.in_place).then(|| "/".into()));
        if let Some(folder) = start {
            self.add(&["c", &folder]);
        }
        if self.devpts {
            self.add(&["2", &format!("{} 0 1", files.uid), &format!("{} 0 1", files.gid)]);
        }
        self.add(&["B", &format!("{:x}", files.last_cap), "K", "N"]);
        if scenario.seccomp {
            let fd = out.fd(crate::filter::bytes());
            self.add(&["x", &format!("{fd:x}")]);
        }
        if scenario.unshare.contains('p') {
            self.add(&["I"]);
        }
    }
}
