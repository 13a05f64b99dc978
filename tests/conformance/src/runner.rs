//! One run of one case on one program: everything observed, as named texts.
use crate::case::{Case, Given, Step, Who, split};
use crate::normal::{self, Names};
use crate::setup;
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;
use support::{End, Fd, Job, Live, NsHolder};

/// Places that all runs share.
pub struct Bench {
    /// The scratch directory.
    pub scratch: support::Scratch,
    /// The probe, readable for all.
    pub probe: PathBuf,
    /// The reference.
    pub peer: PathBuf,
    /// This process's namespaces as `name:inode,…`.
    pub namespaces: String,
}

/// What was seen: field by field, in the order of the report.
pub type Seen = Vec<(String, String)>;

const FIRST_FD: RawFd = 20;
const NOT_OPEN: RawFd = 199;

impl Bench {
    /// Runs the case and gives what was seen.
    pub fn run(&self, case: &Case, who: Who, program: &Path) -> io::Result<Seen> {
        let dir = self.scratch.path().join("work");
        setup::remove(&dir)?;
        setup::make(&dir, &case.make, who)?;
        let before = setup::host();
        let seen = self.run_in(&dir, case, who, program);
        let files = setup::listing(&dir);
        setup::remove(&dir)?;
        let mut seen = seen?;
        let names = self.names(&dir, program);
        seen.push(("files".into(), names.hide(files.as_bytes())));
        seen.push(("host".into(), support::unified(&before, &setup::host())));
        Ok(seen)
    }

    fn names(&self, dir: &Path, program: &Path) -> Names {
        let mut names = vec![
            (dir.display().to_string(), "{dir}"),
            (self.probe.display().to_string(), "{probe}"),
            (self.scratch.path().display().to_string(), "{scratch}"),
            (program.display().to_string(), "{bwrap}"),
        ];
        names.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
        Names(names)
    }

    fn run_in(&self, dir: &Path, case: &Case, who: Who, program: &Path) -> io::Result<Seen> {
        let user = (who == Who::User && support::is_root()).then_some(support::USER);
        let mut numbers: BTreeMap<&str, RawFd> = BTreeMap::new();
        let mut fds = BTreeMap::new();
        let mut holders: Vec<(&[&str], u32, NsHolder)> = Vec::new();
        let mut open: Vec<OwnedFd> = Vec::new();
        for (i, (name, given)) in case.fds.iter().enumerate() {
            let number = match given {
                Given::NotOpen => NOT_OPEN,
                _ if *name == "stdin" => 0,
                _ => FIRST_FD + i as RawFd,
            };
            numbers.insert(name, number);
            let fd = match given {
                Given::NotOpen => continue,
                Given::Data(bytes) => Fd::Data(bytes.clone()),
                Given::File(bytes) => Fd::File(bytes.clone()),
                Given::Out => Fd::Out,
                Given::In => Fd::In,
                Given::Path(path, flags) => Fd::Path(dir.join(path), *flags),
                Given::Ns(groups, inside, which) => {
                    if !holders.iter().any(|(known, id, _)| known == groups && id == inside) {
                        holders.push((groups, *inside, NsHolder::new(&self.probe, groups, user, *inside)?));
                    }
                    let holder = holders.iter().find(|(known, id, _)| known == groups && id == inside);
                    let fd = holder.map(|(.., holder)| holder.open(which)).transpose()?;
                    let raw = fd.as_ref().map_or(-1, AsRawFd::as_raw_fd);
                    open.extend(fd);
                    Fd::Raw(raw)
                }
            };
            fds.insert(number, fd);
        }
        let mut job = Job { fds, user, ..Job::default() };
        job.argv = self.expand(case, dir, program, &numbers).into_iter().map(Into::into).collect();
        job.env = environment(case, dir);
        let own = dir.display().to_string();
        job.cwd = Some(case.cwd.map_or_else(|| dir.to_owned(), |path| path.replace("{dir}", &own).into()));
        job.umask = case.umask;
        job.stdin = case.stdin.clone();
        job.close = case.close.clone();
        job.ignore = case.ignore.clone();
        job.block = case.block.clone();
        job.timeout = Some(Duration::from_secs(20));
        let mut live = job.start()?;
        let notes = play(&mut live, &case.steps, &numbers, dir);
        let seen = live.finish()?;
        drop(holders);
        let names = self.names(dir, program);
        let mut fields = vec![
            ("exit".to_owned(), end(seen.status)),
            ("stdout".to_owned(), normal::documents(&names.hide(&seen.stdout))),
            ("stderr".to_owned(), normal::documents(&names.hide(&seen.stderr))),
        ];
        for (name, number) in &numbers {
            if let Some(bytes) = seen.outs.get(number) {
                fields.push(((*name).to_owned(), normal::documents(&names.hide(bytes))));
            }
        }
        fields.push(("notes".to_owned(), names.hide(notes.as_bytes())));
        fields.push(("left-over processes".to_owned(), seen.leftovers.iter().map(|_| "one\n").collect()));
        Ok(fields)
    }

    fn expand(
        &self,
        case: &Case,
        dir: &Path,
        program: &Path,
        numbers: &BTreeMap<&str, RawFd>,
    ) -> Vec<String> {
        let replace = |word: &str| {
            let mut word = word
                .replace("{dir}", &dir.display().to_string())
                .replace("{probe}", &self.probe.display().to_string())
                .replace("{bwrap}", &program.display().to_string())
                .replace("{peer}", &self.peer.display().to_string())
                .replace("{ns}", &format!("ns={}", self.namespaces));
            for (name, number) in numbers {
                word = word.replace(&format!("{{{name}}}"), &number.to_string());
            }
            word
        };
        let mut out: Vec<String> = case.wrap.iter().map(|word| replace(word)).collect();
        out.push(program.display().to_string());
        for word in split(&case.args) {
            match word.as_str() {
                "{list}" => out.extend(case.list.iter().map(|word| replace(word))),
                "@base" => out.extend(split(&replace(BASE))),
                "@all" => out.extend(split("--unshare-all --proc /proc --dev /dev")),
                _ => out.push(replace(&word)),
            }
        }
        out
    }
}

const BASE: &str = "--ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib --symlink usr/lib64 /lib64 \
                    --ro-bind {probe} /probe";

fn environment(case: &Case, dir: &Path) -> Vec<(std::ffi::OsString, std::ffi::OsString)> {
    let own = dir.display().to_string();
    let mut env: BTreeMap<&str, String> = BTreeMap::new();
    env.insert("PATH", "/usr/bin:/bin:/usr/sbin:/sbin".into());
    env.insert("LANG", "C".into());
    env.insert("HOME", own.clone());
    for (name, value) in &case.env {
        if value.is_empty() && matches!(*name, "HOME" | "PATH") {
            env.remove(name);
        } else {
            env.insert(name, value.replace("{dir}", &own));
        }
    }
    env.into_iter().map(|(name, value)| (name.into(), value.into())).collect()
}

fn end(status: End) -> String {
    match status {
        End::Exit(code) => format!("exit {code}\n"),
        End::Signal(signal) => format!("signal {signal}\n"),
        End::TimedOut => "timed out\n".to_owned(),
    }
}

/// Plays the steps and gives the notes taken.
fn play(live: &mut Live, steps: &[Step], numbers: &BTreeMap<&str, RawFd>, dir: &Path) -> String {
    let number = |name: &str| match name {
        "stdout" => 1,
        "stderr" => 2,
        "tty" => -1,
        name => numbers.get(name).copied().unwrap_or(NOT_OPEN),
    };
    let mut notes = String::new();
    for step in steps {
        match step {
            Step::Wait(name, text) => {
                if !live.wait_for(number(name), text) {
                    notes.push_str(&format!("{name} ended without {text:?}\n"));
                }
            }
            Step::Write(name, text) => live.write(number(name), text.as_bytes()),
            Step::Close(name) => live.close(number(name)),
            Step::Kill(signal) => live.kill(*signal),
            Step::KillChild(name, signal) => match child(live, number(name)) {
                // SAFETY: a process of this case, which its launcher has not waited for yet.
                Some(pid) => drop(unsafe { libc::kill(pid, *signal) }),
                None => notes.push_str("no child-pid\n"),
            },
            Step::Map(name, inside) => match child(live, number(name)) {
                Some(pid) => notes.push_str(&map(pid, *inside)),
                None => notes.push_str("no child-pid\n"),
            },
            Step::Note(name) => {
                let text = normal::documents(&String::from_utf8_lossy(live.output(number(name))));
                notes.push_str(&format!("{name} so far: {text:?}\n"));
            }
            Step::Lock(path) => notes.push_str(&format!("{path}: {}\n", lock(&dir.join(path)))),
            Step::Launcher => notes.push_str(&launcher(live.pid())),
            Step::Settle => notes.push_str(&format!("still running: {}\n", live.settle())),
        }
    }
    notes
}

fn child(live: &Live, fd: RawFd) -> Option<i32> {
    normal::child_pid(&String::from_utf8_lossy(live.output(fd)))
}

/// Who holds a record lock on the file that would refuse us a write lock.
fn lock(path: &Path) -> String {
    let file = match fs::OpenOptions::new().read(true).write(true).open(path) {
        Ok(file) => file,
        Err(error) => return error.to_string(),
    };
    // SAFETY: flock is plain data; fcntl fills it in.
    unsafe {
        let mut record: libc::flock = std::mem::zeroed();
        record.l_type = libc::F_WRLCK as libc::c_short;
        match libc::fcntl(file.as_raw_fd(), libc::F_GETLK, &mut record) {
            0 if record.l_type == libc::F_UNLCK as libc::c_short => "not locked".to_owned(),
            0 if record.l_type == libc::F_RDLCK as libc::c_short => "read lock".to_owned(),
            0 => "write lock".to_owned(),
            _ => io::Error::last_os_error().to_string(),
        }
    }
}

/// What newuidmap and newgidmap would do.
fn map(pid: i32, inside: u32) -> String {
    let owner = fs::metadata(format!("/proc/{pid}")).map(|meta| std::os::unix::fs::MetadataExt::uid(&meta));
    let line = format!("{inside} {} 1\n", owner.unwrap_or(0));
    let result = fs::write(format!("/proc/{pid}/setgroups"), "deny")
        .and_then(|()| fs::write(format!("/proc/{pid}/uid_map"), &line))
        .and_then(|()| fs::write(format!("/proc/{pid}/gid_map"), &line));
    result.map_or_else(|error| format!("map: {error}\n"), |()| "mapped\n".to_owned())
}

/// The launcher from outside: its privileges, and which of the caller's descriptors it still holds.
fn launcher(pid: i32) -> String {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let wanted =
        ["Uid:", "Gid:", "CapInh:", "CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "NoNewPrivs:", "Seccomp:"];
    let mut out: String = status
        .lines()
        .filter(|line| wanted.iter().any(|name| line.starts_with(name)))
        .map(|line| format!("launcher {}\n", line.split_whitespace().collect::<Vec<_>>().join(" ")))
        .collect();
    let mut fds: Vec<(u32, String)> = fs::read_dir(format!("/proc/{pid}/fd"))
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let target = fs::read_link(entry.path()).ok()?.display().to_string();
            Some((entry.file_name().to_str()?.parse().ok()?, target))
        })
        .filter(|(_, target)| !target.starts_with("anon_inode"))
        .collect();
    fds.sort();
    for (number, target) in fds {
        out.push_str(&format!("launcher fd {number} {}\n", target.split(":[").next().unwrap_or("")));
    }
    out
}
