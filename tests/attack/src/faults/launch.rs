//! Starts a launch of a scenario, ready to be traced, and keeps what it writes.

use super::scenario::{Given, Scenario};
use super::trace::{self, Started, check, seize};
use boot::Cgroup;
use stage::filters::deny;
use stage::{EXECUTABLES, Who};
use std::ffi::CString;
use std::fs::{self, File};
use std::io::{self, Read, Seek, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use support::{NsHolder, Scratch};

/// The exit status of the command: what a launch that has worked ends with, and no other.
pub const STATUS: i32 = 42;

/// The number of the first descriptor that a scenario gives.
const FIRST_FD: RawFd = 20;

/// Whose launches these are.
#[derive(Clone, Debug)]
pub enum Subject {
    /// Ours, from this directory.
    Ours(PathBuf),
    /// The reference bubblewrap.
    Peer(PathBuf),
}

/// Namespaces that other processes hold for a scenario. Made before the process that launches, whose children are
/// those of its launches and nobody else.
pub struct Held(Vec<(RawFd, OwnedFd)>, #[allow(dead_code)] Vec<NsHolder>);

impl Held {
    /// All that `scenario` needs.
    pub fn of(scenario: &Scenario, who: Who) -> io::Result<Held> {
        let mut held = Held(Vec::new(), Vec::new());
        let mut groups_of: Vec<&[&str]> = Vec::new();
        let scratch = Scratch::new()?;
        let probe = scratch.install_probe()?;
        let user = (who == Who::User && support::is_root()).then(|| who.uid());
        for (given, number) in scenario.fds.iter().zip(FIRST_FD..) {
            let Given::Ns(groups, name) = given else { continue };
            let at = groups_of.iter().position(|known| known == groups);
            let at = match at {
                Some(at) => at,
                None => {
                    groups_of.push(groups);
                    held.1.push(NsHolder::new(&probe, groups, user, 0)?);
                    held.1.len() - 1
                }
            };
            held.0.push((number, high(held.1[at].open(name)?)?));
        }
        Ok(held)
    }
}

/// A place to launch from, for one process at a time.
pub struct Pad<'s> {
    scenario: &'s Scenario,
    who: Who,
    held: &'s Held,
    scratch: Scratch,
    first: PathBuf,
    cgroup: Option<Cgroup>,
    plan: Vec<u8>,
    program: CString,
    argv: Vec<CString>,
    env: Vec<CString>,
}

/// A cgroup that is the caller's, with a controller for those below it.
fn delegated() -> io::Result<Option<Cgroup>> {
    let Some(hierarchy) = boot::hierarchy() else { return Ok(None) };
    let cgroup = Cgroup::delegated(&hierarchy)?;
    if cgroup.delegate("hugetlb") {
        return Ok(Some(cgroup));
    }
    stage::skip("this host has no controller hugetlb in its cgroup2 hierarchy");
    Ok(None)
}

/// Whether this host has what `scenario` needs.
pub fn is_possible(scenario: &Scenario) -> io::Result<bool> {
    Ok(!scenario.needs_cgroup() || delegated()?.is_some())
}

/// What a launch wrote.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Standard output: what the command has seen.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// The descriptors that it was to write.
    pub outs: Vec<String>,
}

impl<'s> Pad<'s> {
    /// A directory with everything the scenario needs; `waits`: the command stays when it has looked.
    pub fn new(
        subject: &Subject,
        scenario: &'s Scenario,
        who: Who,
        held: &'s Held,
        waits: bool,
    ) -> io::Result<Pad<'s>> {
        let scratch = Scratch::new()?;
        let dir = scratch.path().to_owned();
        scratch.install_probe()?;
        for (name, own) in
            [("rw", true), ("upper", true), ("work", true), ("cwd", false), ("lower", false), ("bin", false)]
        {
            fs::create_dir(dir.join(name))?;
            if own && support::is_root() {
                std::os::unix::fs::chown(dir.join(name), Some(who.uid()), Some(who.uid()))?;
            }
        }
        fs::write(dir.join("lower/lock"), "")?;
        fs::write(dir.join("file"), "file")?;
        let first = match subject {
            Subject::Peer(path) => path.clone(),
            Subject::Ours(from) => {
                for name in EXECUTABLES {
                    install(&from.join(name), &dir.join("bin").join(name))?;
                }
                dir.join("bin").join(scenario.chain().unwrap_or("bwrap"))
            }
        };
        let place = |text: &str| text.replace('@', &dir.to_string_lossy());
        let mut words: Vec<String> = scenario.args.split_whitespace().map(place).collect();
        match scenario.chain() {
            Some(_) => drop(words.remove(0)),
            None => words.push("--".to_owned()),
        }
        words.push(place(scenario.probe));
        if scenario.has_console() {
            words.extend(["-o".to_owned(), FIRST_FD.to_string()]);
        }
        words.extend(["-x".to_owned(), STATUS.to_string()]);
        if waits {
            words.push("-w".to_owned());
        }
        words.extend(["everything".to_owned(), format!("ns={}", own_namespaces())]);
        words.extend(scenario.shows.split_whitespace().map(str::to_owned));
        let mut pad = Pad {
            scenario,
            who,
            held,
            program: text(&first)?,
            argv: Vec::new(),
            env: ["PATH=/usr/bin:/bin", "HOME=/", "LC_ALL=C", "SECRET=x"]
                .map(|word| CString::new(word).unwrap_or_default())
                .into(),
            scratch,
            first,
            cgroup: if scenario.needs_cgroup() { delegated()? } else { None },
            plan: Vec::new(),
        };
        if scenario.fds.iter().any(|given| matches!(given, Given::Plan)) {
            pad.plan = pad.compile(&words)?;
            pad.first = pad.scratch.path().join("bin/ns-enter");
            pad.program = text(&pad.first)?;
            words = vec![format!("--stored={FIRST_FD}")];
        }
        words.insert(0, pad.first.to_string_lossy().into_owned());
        pad.argv = words.into_iter().map(CString::new).collect::<Result<_, _>>()?;
        Ok(pad)
    }

    /// What the launch may write to, as far as names tell.
    pub fn files(&self) -> Vec<String> {
        let mut names = Vec::new();
        list(self.scratch.path(), &mut names, 0);
        if let Some(cgroup) = &self.cgroup {
            names.extend(cgroup.children().into_iter().map(|name| format!("cgroup {name}")));
            names.push(format!("controllers for cgroups below: {}", cgroup.subtree_control()));
        }
        names.sort();
        names
    }

    /// Takes away what a launch has left where the next would meet it.
    pub fn tidy(&mut self) -> io::Result<()> {
        if self.cgroup.take().is_some() {
            self.cgroup = delegated()?;
        }
        Ok(())
    }

    /// The plan of a command line: bwrap compiles it for whatever its neighbour of that name is.
    fn compile(&self, words: &[String]) -> io::Result<Vec<u8>> {
        let dir = self.scratch.path().join("compile");
        fs::create_dir(&dir)?;
        install(&self.first, &dir.join("bwrap"))?;
        let says = dir.join("ns-enter");
        fs::write(&says, "#!/bin/sh\nexec cat /proc/self/fd/${1#--plan=}\n")?;
        fs::set_permissions(&says, fs::Permissions::from_mode(0o755))?;
        let output = std::process::Command::new(dir.join("bwrap")).args(words).env_clear().output()?;
        fs::remove_dir_all(&dir)?;
        if output.status.success() { Ok(output.stdout) } else { Err(io::Error::other("no plan")) }
    }

    /// Starts it, held before the exec of its first executable until [`seize`] has it.
    pub fn start(&self) -> io::Result<(Started, Output)> {
        let mut output = Output { stdout: memory(b"")?, stderr: memory(b"")?, outs: Vec::new() };
        let mut given: Vec<(RawFd, OwnedFd)> = vec![
            (0, high(File::open("/dev/null")?)?),
            (1, high(output.stdout.try_clone()?)?),
            (2, high(output.stderr.try_clone()?)?),
        ];
        let mut mapper = None;
        for (what, number) in self.scenario.fds.iter().zip(FIRST_FD..) {
            let fd = match what {
                Given::Pipe(bytes) => {
                    let (read, mut write) = io::pipe()?;
                    write.write_all(bytes)?;
                    high(read)?
                }
                Given::File(bytes) => high(memory(bytes)?)?,
                Given::Plan => high(memory(&self.plan)?)?,
                Given::Filter(nr, errno) => high(memory(&deny(*nr, *errno))?)?,
                Given::Out => {
                    let file = memory(b"")?;
                    output.outs.push(file.try_clone()?);
                    high(file)?
                }
                Given::Dir(path) => {
                    let path = path.replace('@', &self.scratch.path().to_string_lossy());
                    high(File::open(path)?)?
                }
                Given::Ns(..) => {
                    let held = self.held.0.iter().find(|(of, _)| *of == number);
                    high(held.ok_or_else(|| io::Error::other("no such holder"))?.1.try_clone()?)?
                }
                Given::Mapper => {
                    let ((info, told), (blocked, release)) = (io::pipe()?, io::pipe()?);
                    given.retain(|(of, _)| *of != number - 1);
                    given.push((number - 1, high(blocked)?));
                    mapper = Some((high(info)?, high(release)?));
                    high(told)?
                }
            };
            given.push((number, fd));
        }
        let (held, go) = io::pipe()?;
        let (held, go) = (high(held)?, high(go)?);
        // SAFETY: this process has one thread, so the child may do whatever it could have done itself.
        let pid = unsafe { libc::fork() };
        check(pid.into())?;
        if pid == 0 {
            drop(go);
            let error = self.become_launch(&given, held).err();
            eprintln!("faults: cannot launch: {error:?}");
            // SAFETY: ends this process; its copies of the parent's values must not be dropped.
            unsafe { libc::_exit(99) };
        }
        drop((given, held));
        let mut helpers = Vec::new();
        if let Some((info, release)) = mapper {
            helpers.push(start_mapper(info, release, &go, self.who)?);
        }
        seize(pid)?;
        File::from(go).write_all(b"x")?;
        Ok((Started { first: pid, command: "probe", helpers }, output))
    }

    /// In the new process: becomes the caller, with just the descriptors `given`, and execs.
    fn become_launch(&self, given: &[(RawFd, OwnedFd)], held: OwnedFd) -> io::Result<()> {
        File::from(held).read_exact(&mut [0])?;
        for (to, from) in given {
            // SAFETY: both are numbers; everything of ours is above what is given.
            check(unsafe { libc::dup2(from.as_raw_fd(), *to) }.into())?;
        }
        // SAFETY: the same.
        check(unsafe { libc::close_range(100, libc::c_uint::MAX, 0) }.into())?;
        if let Some(cgroup) = &self.cgroup {
            fs::write(cgroup.path().join("cgroup.procs"), "0")?;
        }
        // SAFETY: these change attributes of this process alone.
        unsafe {
            libc::setitimer(libc::ITIMER_REAL, &std::mem::zeroed(), std::ptr::null_mut());
            libc::signal(libc::SIGALRM, libc::SIG_DFL);
            libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            libc::umask(0o022);
            libc::setsid();
        }
        if self.who == Who::User && support::is_root() {
            match self.scenario.needs_set_user_id() {
                true => support::switch_to(self.who.uid())?,
                false => support::become_user(self.who.uid())?,
            }
        }
        std::env::set_current_dir(self.scratch.path().join("cwd"))?;
        let ended = |list: &[CString]| {
            list.iter().map(|word| word.as_ptr()).chain([std::ptr::null()]).collect::<Vec<_>>()
        };
        let (argv, env) = (ended(&self.argv), ended(&self.env));
        // SAFETY: the program is a NUL-ended string, both arrays end with NULL, and all outlive the call.
        unsafe { libc::execve(self.program.as_ptr(), argv.as_ptr(), env.as_ptr()) };
        Err(io::Error::last_os_error())
    }
}

/// Where a launch writes to.
#[derive(Debug)]
pub struct Output {
    stdout: File,
    stderr: File,
    outs: Vec<File>,
}

impl Output {
    /// What it has written.
    pub fn written(self) -> io::Result<Written> {
        let mut written =
            Written { stdout: all(self.stdout)?, stderr: all(self.stderr)?, ..Written::default() };
        for out in self.outs {
            written.outs.push(all(out)?);
        }
        Ok(written)
    }
}

fn all(mut file: File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Runs the process that maps the ids of a launch with `--userns-block-fd`, as the caller would.
fn start_mapper(info: OwnedFd, release: OwnedFd, go: &OwnedFd, who: Who) -> io::Result<i32> {
    // SAFETY: as in `start`.
    let pid = unsafe { libc::fork() };
    check(pid.into())?;
    if pid != 0 {
        return Ok(pid);
    }
    let map = || -> io::Result<()> {
        // SAFETY: the number is that of a descriptor of the parent, which this process does not use.
        unsafe { libc::close(go.as_raw_fd()) };
        if who == Who::User && support::is_root() {
            support::become_user(who.uid())?;
        }
        let (mut info, mut text, mut byte) = (File::from(info), String::new(), [0]);
        // Not to its end: the launch, which waits for this, has it open for writing.
        while !text.ends_with('}') {
            info.read_exact(&mut byte)?;
            text.push(char::from(byte[0]));
        }
        let pid: String =
            text.chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit).collect();
        fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
        fs::write(format!("/proc/{pid}/uid_map"), format!("0 {} 1\n", who.uid()))?;
        fs::write(format!("/proc/{pid}/gid_map"), format!("0 {} 1\n", who.uid()))?;
        File::from(release).write_all(b"x")
    };
    let _ = map();
    // SAFETY: ends this process; its copies of the parent's values must not be dropped.
    unsafe { libc::_exit(0) }
}

/// A file in memory, at its start.
fn memory(bytes: &[u8]) -> io::Result<File> {
    // SAFETY: memfd_create reads a constant string; the descriptor is new.
    let fd = unsafe { libc::memfd_create(c"given".as_ptr(), libc::MFD_CLOEXEC) };
    check(fd.into())?;
    // SAFETY: just made, owned by nobody else.
    let mut file = unsafe { File::from_raw_fd(fd) };
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// Moves a descriptor out of the way of those that are given.
fn high(fd: impl Into<OwnedFd>) -> io::Result<OwnedFd> {
    let fd: OwnedFd = fd.into();
    // SAFETY: the copy is new and ours.
    let copy = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_DUPFD_CLOEXEC, 200) };
    check(copy.into())?;
    // SAFETY: just made, owned by nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

fn install(from: &Path, to: &Path) -> io::Result<()> {
    let named = |e: io::Error| io::Error::other(format!("{}: {e}", from.display()));
    fs::copy(from, to).map_err(named)?;
    fs::set_permissions(to, fs::Permissions::from_mode(0o755))
}

fn text(path: &Path) -> io::Result<CString> {
    Ok(CString::new(path.as_os_str().as_bytes())?)
}

fn list(dir: &Path, names: &mut Vec<String>, depth: u32) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        names.push(entry.path().display().to_string());
        if depth < 3 && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            list(&entry.path(), names, depth + 1);
        }
    }
}

/// The namespaces of this process in the form the probe takes them, so that it tells which it shares.
fn own_namespaces() -> String {
    let names = ["cgroup", "ipc", "mnt", "net", "pid", "pid_for_children", "time", "user", "uts"];
    let inode = |name: &str| {
        let target = fs::read_link(format!("/proc/self/ns/{name}")).unwrap_or_default();
        let inode: String = target.to_string_lossy().chars().filter(char::is_ascii_digit).collect();
        format!("{name}:{inode}")
    };
    names.map(inode).join(",")
}

/// Launches once.
pub fn launch(
    pad: &Pad<'_>,
    order: Option<(&trace::Call, trace::Fault)>,
) -> io::Result<(trace::Trace, Written)> {
    let (started, output) = pad.start()?;
    let trace = trace::follow(started, order)?;
    let mut written = output.written()?;
    if pad.scenario.has_console() && !written.outs.is_empty() {
        // The terminal is relayed to standard output, with what the stages had to say.
        let said = std::mem::replace(&mut written.stdout, written.outs.remove(0));
        written.stderr.push_str(&said.replace('\r', ""));
    }
    Ok((trace, written))
}
