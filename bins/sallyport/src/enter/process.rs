//! The process inside whose sandbox is entered: what it is, and the ways there.

use super::{NAMESPACES, fd};
use common::caps::CapSet;
use common::errno::Errno;
use common::sys::{self, Caps, Fd, clone_flags as flags};
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// See the module. Everything is opened while the process is looked at, and used by descriptor: a number that another
/// process has by then leads nowhere else.
pub struct Inside {
    /// Its id as seen from here.
    pub pid: i32,
    /// Its user id in its own user namespace.
    pub uid: u32,
    /// Its group id there.
    pub gid: u32,
    /// Whether it runs under filters.
    pub has_filters: bool,
    /// Whether no exec gives it more.
    pub no_new_privs: bool,
    /// Its capabilities.
    pub caps: Caps,
    /// Those that an exec keeps.
    pub ambient: CapSet,
    bounding: CapSet,
    /// Its directory in /proc.
    proc: PathBuf,
    /// Namespaces that are not those of this process.
    namespaces: Vec<(u32, File)>,
    root: File,
    directory: File,
}

impl Inside {
    /// Process `pid`; for a launcher, and for init-reaper, the command that it waits for.
    pub fn find(pid: i32) -> io::Result<Inside> {
        let proc = PathBuf::from(format!("/proc/{pid}"));
        let namespaces = namespaces_of(&proc)?;
        // Pid 1 of a sandbox has less than the command beside it.
        let is_reaper = fs::read(proc.join("comm"))? == b"init-reaper\n";
        if namespaces.is_empty() || is_reaper {
            return match child_inside(&proc)? {
                Some(child) => Inside::find(child),
                None => Err(io::Error::other("it is in no namespace but this process's own")),
            };
        }
        let status = fs::read_to_string(proc.join("status"))?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
            line.map(str::trim).ok_or_else(|| io::Error::other(format!("its status has no {name}")))
        };
        let set = |name: &str| {
            u64::from_str_radix(field(name)?, 16)
                .map(CapSet)
                .map_err(|_| io::Error::other("its status is odd"))
        };
        let id = |name: &str, map: &str| {
            let outside = field(name)?.split_whitespace().nth(1).and_then(|id| id.parse::<u64>().ok());
            let map = fs::read_to_string(proc.join(map))?;
            outside
                .and_then(|id| mapped(&map, id))
                .ok_or_else(|| io::Error::other("its ids are not mapped in its user namespace"))
        };
        // O_PATH would do, but std has none; both are directories.
        let (root, directory) = (File::open(proc.join("root"))?, File::open(proc.join("cwd"))?);
        Ok(Inside {
            pid,
            uid: id("Uid", "uid_map")?,
            gid: id("Gid", "gid_map")?,
            has_filters: field("Seccomp")? != "0",
            no_new_privs: field("NoNewPrivs")? != "0",
            caps: Caps { effective: set("CapEff")?, permitted: set("CapPrm")?, inheritable: set("CapInh")? },
            ambient: set("CapAmb")?,
            bounding: set("CapBnd")?,
            proc,
            namespaces,
            root,
            directory,
        })
    }

    /// Its environment.
    pub fn environment(&self) -> io::Result<Vec<(OsString, OsString)>> {
        let bytes = fs::read(self.proc.join("environ"))?;
        let variable = |line: &[u8]| {
            let at = line.iter().position(|byte| *byte == b'=').filter(|at| *at > 0)?;
            let (name, value) = line.split_at_checked(at)?;
            Some((OsStr::from_bytes(name).to_owned(), OsStr::from_bytes(value.get(1..)?).to_owned()))
        };
        Ok(bytes.split(|byte| *byte == 0).filter_map(variable).collect())
    }

    /// Joins its cgroup, if that is one of a sandbox's own: there its limits count, and there it is cleared away.
    pub fn join_cgroup(&self) -> io::Result<()> {
        let cgroups = fs::read_to_string(self.proc.join("cgroup"))?;
        let path = cgroups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
        let Some(top) = own_cgroup(path) else { return Ok(()) };
        let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
        let dir = mounts.iter().map(|mount| format!("{mount}{top}")).find(|dir| fs::metadata(dir).is_ok());
        let dir = dir.ok_or_else(|| io::Error::other(format!("no directory for {top}")))?;
        // An init that shares its cgroup out keeps no process at the top of it: beside its own, then.
        let own = format!("{}{}", dir.strip_suffix(top).unwrap_or_default(), path);
        fs::write(format!("{dir}/cgroup.procs"), "0")
            .or_else(|_| fs::write(format!("{own}/cgroup.procs"), "0"))
    }

    /// Joins its namespaces.
    ///
    /// First the user namespace that owns the others, which gives the right to them; it may be above its own
    /// (`--disable-userns`), which then comes last.
    pub fn join_namespaces(&self) -> Result<(), Errno> {
        let user = self.namespaces.iter().find(|(kind, _)| *kind == flags::NEWUSER).map(|(_, file)| fd(file));
        let others = || self.namespaces.iter().filter(|(kind, _)| *kind != flags::NEWUSER);
        let mut joined = sys::stat(sys::CWD, c"/proc/self/ns/user")?;
        let mut join_user = |file: Fd| {
            let wanted = sys::fstat(file)?;
            if (wanted.dev, wanted.ino) == (joined.dev, joined.ino) {
                return Ok(());
            }
            joined = wanted;
            sys::setns(file, flags::NEWUSER)
        };
        if let Some((_, file)) = others().next() {
            join_user(sys::ns_get_userns(fd(file))?.fd())?;
        }
        others().try_for_each(|(kind, file)| sys::setns(fd(file), *kind))?;
        user.map_or(Ok(()), join_user)
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

/// The namespaces of a process that are not those of this one.
fn namespaces_of(proc: &std::path::Path) -> io::Result<Vec<(u32, File)>> {
    let mut all = Vec::new();
    for (name, kind) in NAMESPACES {
        let file = File::open(proc.join("ns").join(name))?;
        let (own, theirs) = (fs::metadata(format!("/proc/self/ns/{name}"))?, file.metadata()?);
        if (own.dev(), own.ino()) != (theirs.dev(), theirs.ino()) {
            all.push((kind, file));
        }
    }
    Ok(all)
}

/// The child of a process that is in a sandbox.
fn child_inside(proc: &std::path::Path) -> io::Result<Option<i32>> {
    let mut children = String::new();
    for task in fs::read_dir(proc.join("task"))? {
        children += &fs::read_to_string(task?.path().join("children"))?;
    }
    for child in children.split_whitespace().filter_map(|pid| pid.parse().ok()) {
        if !namespaces_of(std::path::Path::new(&format!("/proc/{child}")))?.is_empty() {
            return Ok(Some(child));
        }
    }
    Ok(None)
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

/// The part of a cgroup's path that ends with the sandbox's own cgroup (`bwrap-PID`), if it has one.
fn own_cgroup(path: &str) -> Option<&str> {
    let mut end = 0;
    for part in path.split_inclusive('/') {
        end += part.len();
        let name = part.trim_end_matches('/');
        let number = name.strip_prefix("bwrap-").unwrap_or_default();
        if number.starts_with(|digit: char| digit.is_ascii_digit()) {
            return path.get(..end).map(|top| top.trim_end_matches('/'));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::{mapped, own_cgroup};

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
        assert_eq!(
            (own_cgroup("/a/bwrap-launcher-12"), own_cgroup("/"), own_cgroup("/bwrap-")),
            (None, None, None)
        );
    }
}
