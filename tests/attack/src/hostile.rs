//! What may come of an attack: a refusal that changed nothing, or exactly the sandbox of a launch without one.

use stage::{Bench, Who, explain, with_env};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::{fs, io};
use support::{End, Enter, Fd, Job, Seen};

/// Where the probe's report comes out: standard output may be what is attacked.
pub const REPORT_FD: i32 = 50;

/// Every namespace and every stage but seccomp-load.
pub const FULL: [&str; 9] =
    ["--unshare-all", "--hostname", "box", "--ro-bind", "/", "/", "--proc", "/proc", "--die-with-parent"];

/// A tree of its own: nothing of the host but the probe.
pub const OWN_TREE: [&str; 8] =
    ["--unshare-all", "--proc", "/proc", "--dev", "/dev", "--dir", "/d", "--die-with-parent"];

/// bwrap with these arguments.
pub fn bwrap<A: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, args: &[A]) -> Job {
    let mut job = bench.job(bench.bin("bwrap"), who);
    job.args(args);
    job
}

/// bwrap with these arguments, and the probe inside that writes its report to [`REPORT_FD`].
pub fn reporting<A: AsRef<std::ffi::OsStr>>(bench: &Bench, who: Who, args: &[A]) -> Job {
    let mut job = bwrap(bench, who, args);
    // Where the host's tree shows, the probe is in it already.
    let probe = bench.path("probe");
    let inside =
        if args.iter().any(|arg| arg.as_ref() == "/") { probe.as_path() } else { Path::new("/probe") };
    if inside != probe {
        job.arg("--ro-bind").arg(&probe).arg(inside);
    }
    job.arg("--").arg(inside).args(["-o", &REPORT_FD.to_string(), "report"]);
    job.fds.insert(REPORT_FD, Fd::Out);
    with_env(job, "PWD", "/")
}

/// What of the host an attack could have changed, as far as it can be looked at from outside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    mounts: String,
    hostname: String,
    userns_limit: String,
    top: Vec<String>,
    null: String,
}

impl Host {
    /// As it is now.
    pub fn look() -> Host {
        use std::os::unix::fs::MetadataExt;
        let text = |path| fs::read_to_string(path).unwrap_or_default();
        let mut top: Vec<String> = fs::read_dir("/")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| {
                let mode = entry.metadata().map_or(0, |meta| meta.mode());
                format!("{:o} {}", mode, entry.file_name().to_string_lossy())
            })
            .collect();
        top.sort();
        let null = fs::metadata("/dev/null").map(|meta| format!("{:o} {}", meta.mode(), meta.rdev()));
        Host {
            mounts: text("/proc/self/mountinfo"),
            hostname: text("/proc/sys/kernel/hostname"),
            userns_limit: text("/proc/sys/user/max_user_namespaces"),
            top,
            null: null.unwrap_or_default(),
        }
    }
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Came {
    /// Nothing was run; this was said.
    Refused(String),
    /// Nothing was run, and nothing could be said: a process was ended, or had no way to speak.
    Died(End),
    /// The command ran, in the sandbox of a launch without an attack.
    Ran,
}

/// A judge: knows the host and what the report of an undisturbed launch looks like.
pub struct Judge<'b> {
    bench: &'b Bench,
    host: Host,
    clean: BTreeMap<(u32, Vec<String>), Vec<String>>,
}

impl<'b> Judge<'b> {
    /// One for the host as it is now.
    pub fn new(bench: &'b Bench) -> Judge<'b> {
        Judge { bench, host: Host::look(), clean: BTreeMap::new() }
    }

    /// The lines of the report inside an undisturbed launch of `args`.
    #[track_caller]
    pub fn clean(&mut self, who: Who, args: &[&str]) -> Vec<String> {
        let key = (who.uid(), args.iter().map(|arg| (*arg).to_owned()).collect());
        if let Some(lines) = self.clean.get(&key) {
            return lines.clone();
        }
        let seen = reporting(self.bench, who, args).run().expect("a process");
        assert_eq!(seen.status, End::Exit(0), "an undisturbed launch: {}", explain(&seen));
        let lines = lines(&seen);
        assert!(lines.len() > 40, "{}", explain(&seen));
        self.clean.insert(key, lines.clone());
        lines
    }

    /// Judges a launch of `args`; lines of the report that begin with one of `may_differ` say how the caller was, and are
    /// not looked at, nor are those with one of those words in them.
    #[track_caller]
    pub fn judge(&mut self, who: Who, args: &[&str], run: io::Result<Seen>, may_differ: &[&str]) -> Came {
        let came = match run {
            // The exec of bwrap itself failed.
            Err(error) => Came::Refused(format!("bwrap: exec: {error}")),
            Ok(seen) => self.judge_seen(who, args, &seen, may_differ),
        };
        assert_eq!(self.host, Host::look(), "the host has changed: {who:?} {args:?}");
        came
    }

    #[track_caller]
    fn judge_seen(&mut self, who: Who, args: &[&str], seen: &Seen, may_differ: &[&str]) -> Came {
        assert!(seen.leftovers.is_empty(), "left over: {}", explain(seen));
        let report = lines(seen);
        let message = String::from_utf8_lossy(&seen.stderr).into_owned();
        if report.is_empty() {
            assert_ne!(seen.status, End::Exit(0), "{who:?} {args:?}: {}", explain(seen));
            assert_ne!(seen.status, End::TimedOut, "{who:?} {args:?}: {}", explain(seen));
            if message.is_empty() || seen.status != End::Exit(1) {
                return Came::Died(seen.status);
            }
            assert!(message.lines().all(|line| line.starts_with("bwrap: ")), "{}", explain(seen));
            return Came::Refused(message);
        }
        let looked_at = |lines: Vec<String>| -> Vec<String> {
            let differs = |line: &String| {
                may_differ
                    .iter()
                    .any(|word| line.starts_with(word) || (word.starts_with('(') && line.contains(word)))
            };
            lines.into_iter().filter(|line| !differs(line)).collect()
        };
        let (clean, report) = (looked_at(self.clean(who, args)), looked_at(report));
        // With a word in brackets the probe itself may fail at a question: what it does answer has to be the same.
        let partly = may_differ.iter().any(|word| word.starts_with('('));
        let same = if partly { report.iter().all(|line| clean.contains(line)) } else { report == clean };
        let difference = support::unified(&clean.join("\n"), &report.join("\n"));
        assert!(same, "{who:?} {args:?}: another sandbox:\n{difference}\n{}", explain(seen));
        Came::Ran
    }
}

fn lines(seen: &Seen) -> Vec<String> {
    let report = seen.outs.get(&REPORT_FD).map_or(&[][..], Vec::as_slice);
    // A root that was built on a directory of another tmpfs, as on older kernels, shows that one's name and no more.
    let lines = String::from_utf8_lossy(report).replace(" D1 /newroot on / ", " D1 / on / ");
    lines.lines().map(str::to_owned).collect()
}

/// Sets both limits of a resource.
pub fn limit(resource: libc::__rlimit_resource_t, value: u64) -> Enter {
    Arc::new(move || {
        let limit = libc::rlimit { rlim_cur: value, rlim_max: value };
        // SAFETY: setrlimit reads one struct, which is live.
        check(unsafe { libc::setrlimit(resource, &limit) })
    })
}

/// Loads a seccomp program, `no_new_privs` first.
pub fn filter(program: Vec<u8>) -> Enter {
    Arc::new(move || {
        let length = (program.len() / 8) as u16;
        let program = libc::sock_fprog { len: length, filter: program.as_ptr().cast_mut().cast() };
        // SAFETY: plain numbers.
        check(unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) })?;
        // SAFETY: the kernel copies `len` entries of eight bytes each, which the closure owns.
        check(unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) })
    })
}

/// The outcome of a call that returns -1 on failure.
pub fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Type, mode, owner, size and content (or target) of everything below `top`, in the order of names.
pub fn tree(top: &Path) -> String {
    use std::os::unix::fs::MetadataExt;
    let Ok(meta) = fs::symlink_metadata(top) else { return format!("{} gone\n", top.display()) };
    let mut out = format!("{:o} {}:{} {}", meta.mode(), meta.uid(), meta.gid(), top.display());
    if meta.is_symlink() {
        return out + &format!(" -> {}\n", fs::read_link(top).unwrap_or_default().display());
    }
    if meta.is_file() {
        let content = fs::read(top).unwrap_or_default();
        return out
            + &format!(" {} {:?}\n", meta.len(), String::from_utf8_lossy(&content[..content.len().min(64)]));
    }
    out.push('\n');
    if meta.is_dir() {
        let mut names: Vec<_> =
            fs::read_dir(top).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        names.sort();
        names.iter().for_each(|name| out.push_str(&tree(name)));
    }
    out
}
