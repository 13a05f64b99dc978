//! The process inside whose sandbox is entered: what it is, and the ways there.

use super::handle::{self, Process, Role};
use super::{NAMESPACES, fd};
use common::caps::CapSet;
use common::errno::Errno;
use common::sys::{self, Caps, Fd, Limits, clone_flags as flags};
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a launch that is on its way is waited for.
const LAUNCH: Duration = Duration::from_secs(2);

/// How often it is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(5);

/// How far below the process that is named the sandbox's may be: one launcher in another's place, and so on.
const DEEPEST: usize = 16;

/// See the module. All of it is read through one handle: what ends meanwhile leads to no other process.
pub struct Inside {
    /// The process.
    pub process: Process,
    /// Its user id in its own user namespace.
    pub uid: u32,
    /// Its group id there.
    pub gid: u32,
    /// Whether it runs under filters that its launcher does not.
    pub has_filters: bool,
    /// Its file mode creation mask.
    pub umask: u32,
    /// Whether no exec gives it more.
    pub no_new_privs: bool,
    /// Its capabilities.
    pub caps: Caps,
    /// Those that an exec keeps.
    pub ambient: CapSet,
    bounding: CapSet,
    /// Its supplementary groups, by their ids out here.
    groups: BTreeSet<u32>,
    /// What those that have one are in its user namespace.
    groups_inside: Option<Vec<u32>>,
    /// Its resource limits, in the order of their numbers (`RLIMIT_*`).
    limits: Vec<Limits>,
    /// Its session.
    session: u64,
    /// Namespaces that are not those of this process.
    namespaces: Vec<(u32, File)>,
    root: File,
    directory: File,
}

impl Inside {
    /// Process `pid`; for a launcher, and for init-reaper, the command that it waits for. A launch that is on its way is
    /// waited for: its stages have more than the command will have, and see more.
    pub fn find(pid: i32) -> io::Result<Inside> {
        let deadline = Instant::now() + LAUNCH;
        let named = Process::open(pid)?;
        loop {
            let process = Process::open(pid)?;
            // As long as that one is there, this is the same.
            named.text("status")?;
            if let Some(inside) = Inside::look(process, DEEPEST)? {
                return Ok(inside);
            }
            if Instant::now() >= deadline {
                return Err(io::Error::other("its sandbox is still being set up"));
            }
            std::thread::sleep(LOOK);
        }
    }

    /// The process, or the one inside to which it leads, at most so far below; none while that is not there yet.
    fn look(process: Process, below: usize) -> io::Result<Option<Inside>> {
        // ORDER: before anything else is read. From a stage an exec leads to the command; there is no way back.
        let role = process.role()?;
        let namespaces = namespaces_of(process.path(), Path::new("/proc/self"))?;
        match role {
            Role::Stage => Ok(None),
            // A monitor is outside, though its namespaces may be others than the caller's. That somebody calls himself so
            // leads to a process below him, which is asked the same.
            Role::Launcher => Inside::look_below(&process, process.path(), below),
            // Pid 1 of a sandbox has less than the command beside it.
            Role::Reaper => Inside::look_below(&process, Path::new("/proc/self"), below),
            // One that clears up is in the sandbox's user namespace by then, and in the host's mount namespace.
            Role::Helper => Err(io::Error::other("it is beside a sandbox, not in one")),
            Role::Other if namespaces.is_empty() => {
                let found = Inside::look_below(&process, Path::new("/proc/self"), below)?;
                let alone = || io::Error::other("it is in no namespace but this process's own");
                found.map(Some).ok_or_else(alone)
            }
            Role::Other => Inside::of(process, namespaces).map(Some),
        }
    }

    /// The first below `process` that is in other namespaces than `beside` and can be entered.
    fn look_below(process: &Process, beside: &Path, below: usize) -> io::Result<Option<Inside>> {
        let below = below.checked_sub(1).ok_or_else(|| io::Error::other("too many launchers in a row"))?;
        let mut failure = None;
        for child in process.children()? {
            // Nor are the launcher's helpers in the sandbox.
            if !child.role().is_ok_and(|role| role != Role::Helper)
                || namespaces_of(child.path(), beside).is_ok_and(|others| others.is_empty())
            {
                continue;
            }
            match Inside::look(child, below) {
                Ok(None) => {}
                Ok(inside) => return Ok(inside),
                Err(why) => failure = Some(why),
            }
        }
        failure.map_or(Ok(None), Err)
    }

    /// All that is to be known of a process that is in these namespaces.
    fn of(process: Process, namespaces: Vec<(u32, File)>) -> io::Result<Inside> {
        let status = process.text("status")?;
        let field = |name: &str| {
            handle::field(&status, name).ok_or_else(|| io::Error::other(format!("its status has no {name}")))
        };
        let set = |name: &str| {
            u64::from_str_radix(field(name)?, 16)
                .map(CapSet)
                .map_err(|_| io::Error::other("its status is odd"))
        };
        let id = |name: &str, map: &str| {
            let outside = field(name)?.split_whitespace().nth(1).and_then(|id| id.parse::<u64>().ok());
            let map = process.text(map)?;
            outside
                .and_then(|id| mapped(&map, id))
                .ok_or_else(|| io::Error::other("its ids are not mapped in its user namespace"))
        };
        let groups =
            field("Groups")?.split_whitespace().filter_map(|id| id.parse().ok()).collect::<BTreeSet<u32>>();
        let gid_map = process.text("gid_map")?;
        Ok(Inside {
            uid: id("Uid", "uid_map")?,
            gid: id("Gid", "gid_map")?,
            has_filters: has_filters(&process),
            umask: u32::from_str_radix(field("Umask")?, 8)
                .map_err(|_| io::Error::other("its umask is odd"))?,
            no_new_privs: field("NoNewPrivs")? != "0",
            caps: Caps { effective: set("CapEff")?, permitted: set("CapPrm")?, inheritable: set("CapInh")? },
            ambient: set("CapAmb")?,
            bounding: set("CapBnd")?,
            groups_inside: groups.iter().map(|id| mapped(&gid_map, u64::from(*id))).collect(),
            groups,
            limits: limits(&process.text("limits")?)?,
            session: session_and_terminal(&process.text("stat")?).0,
            namespaces,
            root: process.open_dir("root")?,
            directory: process.open_dir("cwd")?,
            process,
        })
    }

    /// Its environment.
    pub fn environment(&self) -> io::Result<Vec<(OsString, OsString)>> {
        let bytes = fs::read(self.process.path().join("environ"))?;
        let variable = |line: &[u8]| {
            let at = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            let (name, value) = line.split_at_checked(at)?;
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value.get(1..)?).to_owned()))
        };
        Ok(bytes.split(|byte| *byte == 0).filter_map(variable).collect())
    }

    /// Joins its cgroup, if that is one of a sandbox's own: there its limits count, and there it is cleared away.
    pub fn join_cgroup(&self) -> io::Result<()> {
        let cgroups = self.process.text("cgroup")?;
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        let Some(top) = own_cgroup(path) else { return Ok(()) };
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let dir = mounts.iter().map(|mount| format!("{mount}{top}")).find(|dir| fs::metadata(dir).is_ok());
        let dir = dir.ok_or_else(|| io::Error::other(format!("no directory for {top}")))?;
        // An init that shares its cgroup out keeps no process at the top of it: beside its own, then.
        let own = format!("{}{}", dir.strip_suffix(top).unwrap_or_default(), path);
        let moved = fs::write(format!("{dir}/cgroup.procs"), "0")
            .or_else(|_| fs::write(format!("{own}/cgroup.procs"), "0"));
        moved.map_err(|why| match why.kind() {
            io::ErrorKind::PermissionDenied => io::Error::other(format!(
                "{dir}: {why}: it takes the right to the cgroup that both are in; enter from beside the launcher, as with \
                 systemd-run --user --scope sallyport enter {}",
                self.process.pid
            )),
            _ => io::Error::other(format!("{dir}: {why}")),
        })
    }

    /// Whether who enters brings in a terminal from which the sandbox is kept: his session's, which is not the sandbox's.
    /// It comes in even when it is none of the standard descriptors, as /dev/tty.
    pub fn brings_terminal(&self) -> bool {
        let (session, terminal) =
            session_and_terminal(&fs::read_to_string("/proc/self/stat").unwrap_or_default());
        terminal != 0 && session != self.session
    }

    /// Takes its resource limits, as far as this process's own go.
    pub fn take_limits(&self) -> Result<(), Errno> {
        for (resource, theirs) in (0..).zip(&self.limits) {
            let own = sys::getrlimit(resource)?;
            let wanted = Limits { soft: theirs.soft.min(own.hard), hard: theirs.hard.min(own.hard) };
            if wanted != own {
                sys::setrlimit(resource, wanted)?;
            }
        }
        Ok(())
    }

    /// Takes its supplementary groups. In a namespace whose owner may not (`setgroups` of user_namespaces(7)) having no
    /// others than these will do.
    pub fn take_groups(&self, own: &BTreeSet<u32>) -> io::Result<()> {
        if *own == self.groups {
            return Ok(());
        }
        let taken = match &self.groups_inside {
            Some(groups) => sys::setgroups(groups).map_err(|errno| i32::from(errno.0)),
            None => Err(nix::libc::EINVAL),
        };
        match taken {
            Err(_) if own.is_subset(&self.groups) => Ok(()),
            taken => taken.map_err(io::Error::from_raw_os_error),
        }
    }

    /// Joins its namespaces.
    ///
    /// Each belongs to a user namespace, which gives the right to it and is joined first, an outer one before those in it.
    /// Its own user namespace may be below all of these (`--disable-userns`), and comes last.
    pub fn join_namespaces(&self) -> Result<(), Errno> {
        let is_user = |kind: u32| kind == flags::NEWUSER;
        let mut steps = Vec::new();
        for (kind, file) in self.namespaces.iter().filter(|(kind, _)| !is_user(*kind)) {
            let owner = sys::ns_get_userns(fd(file))?;
            steps.push((depth(owner.fd()), owner, *kind, file));
        }
        // Stable: among those of one owner the order is as before.
        steps.sort_by_key(|(depth, ..)| *depth);
        let mut joined = sys::stat(sys::CWD, c"/proc/self/ns/user")?;
        let mut join_user = |file: Fd| {
            let wanted = sys::fstat(file)?;
            if (wanted.dev, wanted.ino) == (joined.dev, joined.ino) {
                return Ok(());
            }
            joined = wanted;
            sys::setns(file, flags::NEWUSER)
        };
        for (_, owner, kind, file) in &steps {
            join_user(owner.fd())?;
            sys::setns(fd(*file), *kind)?;
        }
        let user = self.namespaces.iter().find(|(kind, _)| is_user(*kind));
        user.map_or(Ok(()), |(_, file)| join_user(fd(file)))
    }

    /// Its root, which need not be that of its mount namespace.
    pub fn enter_root(&self) -> Result<(), Errno> {
        sys::fchdir(fd(&self.root))?;
        sys::chroot(c".")
    }

    /// Its working directory.
    pub fn enter_directory(&self) -> Result<(), Errno> {
        sys::fchdir(fd(&self.directory))
    }

    /// Whether it has less than what an exec as root gives, of what is to be had (`own`). Then it has given that up for the
    /// moment, or root is nobody special there.
    pub fn exec_gives_back(&self, own: CapSet) -> bool {
        self.caps.permitted.intersection(own) != self.bounding.intersection(own)
    }

    /// Drops from the bounding set what its has not.
    pub fn drop_bounding(&self) -> Result<(), Errno> {
        for cap in 0..64 {
            match sys::bounding_has(cap) {
                Ok(true) if !self.bounding.has(cap) => sys::bounding_drop(cap)?,
                Ok(_) => {}
                // The first that the kernel does not know.
                Err(_) => break,
            }
        }
        Ok(())
    }
}

/// How many user namespaces a user namespace is in, as far as this process may know.
fn depth(user: Fd) -> usize {
    let mut depth = 0;
    let mut above = sys::ns_get_userns(user);
    while let Ok(found) = above {
        depth += 1;
        above = sys::ns_get_userns(found.fd());
    }
    depth
}

/// The namespaces of a process that are not those of the `other`.
fn namespaces_of(proc: &Path, other: &Path) -> io::Result<Vec<(u32, File)>> {
    let mut all = Vec::new();
    for (name, kind) in NAMESPACES {
        let file = match File::open(proc.join("ns").join(name)) {
            Err(why) if why.kind() == io::ErrorKind::NotFound => continue,
            opened => opened?,
        };
        let (other, own) = (fs::metadata(other.join("ns").join(name))?, file.metadata()?);
        if (other.dev(), other.ino()) != (own.dev(), own.ino()) {
            all.push((kind, file));
        }
    }
    if all.is_empty() && !proc.join("comm").exists() {
        return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
    }
    Ok(all)
}

/// Whether a process has filters that its launcher has not. Those that the launcher has are the host's matter: a
/// container's, a service's. A launcher is one in all of this process's namespaces: in the sandbox anybody may call himself
/// so.
fn has_filters(process: &Process) -> bool {
    // The number of filters is there since Linux 5.9.
    let count =
        |process: &Process| process.number::<u32>("Seccomp_filters").or_else(|| process.number("Seccomp"));
    let mut launcher = 0;
    let mut next = process.parent();
    while let Ok(Some(above)) = next {
        let is_launcher =
            above.text("comm").is_ok_and(|name| ["ns-enter\n", "bwrap\n"].contains(&name.as_str()))
                && namespaces_of(above.path(), Path::new("/proc/self")).is_ok_and(|others| others.is_empty());
        if is_launcher {
            launcher = count(&above).unwrap_or(0);
            break;
        }
        next = above.parent();
    }
    count(process).is_none_or(|own| own > launcher)
}

/// The limits of /proc/PID/limits, a line each, in the order of their numbers (proc_pid_limits(5)).
fn limits(text: &str) -> io::Result<Vec<Limits>> {
    /// Where the name ends.
    const NAME: usize = 25;
    let limit = |word: Option<&str>| match word? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    };
    let line = |line: &str| {
        let mut words = line.get(NAME..)?.split_whitespace();
        Some(Limits { soft: limit(words.next())?, hard: limit(words.next())? })
    };
    let all = text.lines().skip(1).map(line).collect::<Option<Vec<_>>>();
    all.ok_or_else(|| io::Error::other("its limits are odd"))
}

/// The session and the controlling terminal, fields 6 and 7 of /proc/PID/stat; 0 for none.
fn session_and_terminal(stat: &str) -> (u64, u64) {
    // The name, field 2, may have anything in it but ends with the last parenthesis.
    let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    let field = |number| rest.split(' ').nth(number).and_then(|text| text.parse().ok()).unwrap_or(0);
    (field(3), field(4))
}

/// What `id` of this user namespace is in the one with `map`.
fn mapped(map: &str, id: u64) -> Option<u32> {
    map.lines().find_map(|line| {
        let mut numbers = line.split_whitespace().map(|word| word.parse::<u64>().ok());
        let (inner, outer, count) = (numbers.next()??, numbers.next()??, numbers.next()??);
        let offset = id.checked_sub(outer).filter(|offset| *offset < count)?;
        u32::try_from(inner.checked_add(offset)?).ok()
    })
}

/// The part of a cgroup's path that ends with the sandbox's own cgroup (`bwrap-PID`), if it has one: the last, where one
/// sandbox is in another's.
fn own_cgroup(path: &str) -> Option<&str> {
    let mut end = 0;
    let mut found = None;
    for part in path.split_inclusive('/') {
        end += part.len();
        let name = part.trim_end_matches('/');
        let number = name.strip_prefix("bwrap-").unwrap_or_default();
        if number.starts_with(|digit: char| digit.is_ascii_digit()) {
            found = path.get(..end).map(|top| top.trim_end_matches('/'));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{limits, mapped, own_cgroup, session_and_terminal};
    use common::sys::{Limits, getrlimit};

    #[test]
    fn limits_are_read_as_the_kernel_says_them() {
        let text = std::fs::read_to_string("/proc/self/limits").unwrap();
        let own: Vec<Limits> = (0..16).map(|resource| getrlimit(resource).unwrap()).collect();
        assert_eq!(limits(&text).unwrap(), own);
    }

    #[test]
    fn a_name_with_parentheses_does_not_hide_the_terminal() {
        assert_eq!(session_and_terminal("7 (a) b) S 1 7 6 34817 7 0"), (6, 34817));
        assert_eq!(session_and_terminal(""), (0, 0));
    }

    #[test]
    fn ids_are_those_inside() {
        let map = "         0       1000          1\n         1     100000      65536\n";
        assert_eq!(mapped(map, 1000), Some(0));
        assert_eq!(mapped(map, 100_000), Some(1));
        assert_eq!(mapped(map, 165_535), Some(65_536));
        assert_eq!((mapped(map, 165_536), mapped(map, 999)), (None, None));
    }

    #[test]
    fn a_sandboxs_own_cgroup_is_known_by_its_name() {
        assert_eq!(own_cgroup("/user/x/bwrap-12/init.scope"), Some("/user/x/bwrap-12"));
        assert_eq!(own_cgroup("/a/bwrap-12-1"), Some("/a/bwrap-12-1"));
        assert_eq!(own_cgroup("/a/bwrap-12/x/bwrap-13/y"), Some("/a/bwrap-12/x/bwrap-13"));
        assert_eq!(
            (own_cgroup("/a/bwrap-launcher-12"), own_cgroup("/"), own_cgroup("/bwrap-")),
            (None, None, None)
        );
    }
}
