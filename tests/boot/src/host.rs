//! A host that has delegated what an ordinary user needs.

use stage::{Bench, skip};
use std::ffi::CString;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use support::{Job, USER};

/// First and number of the user's subordinate ids.
pub const SUBORDINATE: (u32, u32) = (100_000, 65_536);

/// See the module.
pub struct Host {
    /// Where the executables are.
    pub bench: Bench,
    cgroups: PathBuf,
    etc: Etc,
}

/// What covers the files of /etc that say who has subordinate ids.
#[derive(Clone, Debug)]
pub struct Etc([(PathBuf, &'static str); 3]);

impl Etc {
    /// Writes it to files in `dir`.
    pub fn write(dir: &Path) -> io::Result<Etc> {
        let (first, count) = SUBORDINATE;
        let file = |name: &str, text: String| {
            let path = dir.join(name);
            fs::write(&path, text).map(|()| path)
        };
        let ids = || format!("{USER}:{first}:{count}\n");
        let users = format!("root:x:0:0::/root:/bin/sh\nuser:x:{USER}:{USER}::/:/bin/sh\n");
        Ok(Etc([
            (file("subuid", ids())?, "/etc/subuid"),
            (file("subgid", ids())?, "/etc/subgid"),
            (file("passwd", users)?, "/etc/passwd"),
        ]))
    }

    /// Covers them, in a mount namespace of this process's own.
    pub fn cover(&self) -> io::Result<()> {
        for (file, over) in &self.0 {
            // A host without the file has no subordinate ids to cover.
            if Path::new(over).exists() {
                mount(Some(file), Path::new(over), libc::MS_BIND)?;
            }
        }
        Ok(())
    }
}

/// Where the cgroup2 hierarchy is mounted; says SKIP if nowhere.
pub fn hierarchy() -> Option<PathBuf> {
    if !support::is_root() {
        skip("not run as root, so no cgroup can be delegated");
        return None;
    }
    let mounts = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(PathBuf::from);
    let found = mounts.into_iter().find(|mount| mount.join("cgroup.controllers").exists());
    if found.is_none() {
        skip("no cgroup2 hierarchy is mounted on /sys/fs/cgroup");
    }
    found
}

impl Host {
    /// Sets it up; says SKIP where that cannot be.
    pub fn set_up() -> Option<Host> {
        let cgroups = hierarchy()?;
        let bench = Bench::set_up();
        let etc = Etc::write(&bench.path("")).expect("files in the scratch directory");
        Some(Host { bench, cgroups, etc })
    }

    /// A cgroup that is the ordinary user's, as systemd delegates one.
    pub fn delegated(&self) -> Cgroup {
        Cgroup::delegated(&self.cgroups).expect("to give a cgroup away")
    }

    /// The hierarchy of version 1 that systemd keeps track of its services in, with a cgroup that is the ordinary
    /// user's; says SKIP where there is none.
    pub fn delegated_v1(&self) -> Option<Cgroup> {
        let mount = PathBuf::from("/sys/fs/cgroup/systemd");
        if mount.join("cgroup.controllers").exists() || !mount.join("cgroup.procs").exists() {
            skip("this host has no hierarchy of version 1 on /sys/fs/cgroup/systemd");
            return None;
        }
        let cgroup = Cgroup::make(&mount, &["", "cgroup.procs", "tasks"]);
        Some(cgroup.expect("to give a cgroup away"))
    }

    /// `program` as the ordinary user in `cgroup`, who has subordinate ids.
    pub fn job(&self, program: impl AsRef<std::ffi::OsStr>, cgroup: &Cgroup) -> Job {
        let mut job = Job::new(program);
        job.user = Some(USER);
        job.keeps_bounding = true;
        job.cwd = Some("/".into());
        job.env = vec![("PATH".into(), "/usr/sbin:/usr/bin:/sbin:/bin".into())];
        let (etc, procs) = (self.etc.clone(), cgroup.own.join("cgroup.procs"));
        job.prepare = Some(Arc::new(move || {
            fs::write(&procs, "0")?;
            // SAFETY: a plain call; the job's process has one thread.
            check(unsafe { libc::unshare(libc::CLONE_NEWNS) })?;
            mount(None, Path::new("/"), libc::MS_PRIVATE | libc::MS_REC)?;
            etc.cover()
        }));
        job
    }

    /// bwrap with these arguments, likewise.
    pub fn bwrap<A: AsRef<std::ffi::OsStr>>(&self, cgroup: &Cgroup, args: &[A]) -> Job {
        let mut job = self.job(self.bench.bin("bwrap"), cgroup);
        job.args(args);
        job
    }
}

/// A cgroup of the user's; removed when dropped.
pub struct Cgroup {
    top: PathBuf,
    own: PathBuf,
    /// What was switched on at the top of the hierarchy for it.
    switched_on: Mutex<Vec<String>>,
}

impl Cgroup {
    /// A new one in the hierarchy mounted there.
    pub fn delegated(hierarchy: &Path) -> io::Result<Cgroup> {
        Cgroup::make(hierarchy, &["", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"])
    }

    fn make(hierarchy: &Path, files: &[&str]) -> io::Result<Cgroup> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let top = hierarchy.join(format!("sallyport-test-{}-{number}", std::process::id()));
        let own = top.join("delegated");
        fs::create_dir(&top)?;
        let cgroup = Cgroup { top, own, switched_on: Mutex::default() };
        fs::create_dir(&cgroup.own)?;
        for dir in [&cgroup.top, &cgroup.own] {
            for name in files {
                chown(dir.join(name), Some(USER), Some(USER))?;
            }
        }
        Ok(cgroup)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.own
    }

    /// Switches `controller` on for it; false where this host has it elsewhere.
    pub fn delegate(&self, controller: &str) -> bool {
        let on = format!("+{controller}");
        let root = self.top.parent().expect("the top of the hierarchy");
        [root, &self.top].into_iter().all(|dir| {
            let has = |file: &str| {
                let list = fs::read_to_string(dir.join(file)).unwrap_or_default();
                list.split_whitespace().any(|word| word == controller)
            };
            if has("cgroup.subtree_control") {
                return true;
            }
            let is_on =
                has("cgroup.controllers") && fs::write(dir.join("cgroup.subtree_control"), &on).is_ok();
            if is_on && dir == root {
                self.switched_on.lock().unwrap_or_else(PoisonError::into_inner).push(controller.to_owned());
            }
            is_on
        })
    }

    /// The cgroups below it, by name.
    pub fn children(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.own).expect("a cgroup");
        let dirs = entries.flatten().filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        dirs.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    /// What is switched on for those.
    pub fn subtree_control(&self) -> String {
        fs::read_to_string(self.own.join("cgroup.subtree_control")).expect("a cgroup").trim().to_owned()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        // Left by a test that failed; what is in it ends with it.
        let _ = fs::write(self.top.join("cgroup.kill"), "1");
        if let Err(error) = remove(&self.top) {
            eprintln!("{}: {error}", self.top.display());
        }
        let root = self.top.parent().expect("the top of the hierarchy");
        for controller in self.switched_on.get_mut().unwrap_or_else(PoisonError::into_inner) {
            // Refused while another test lives by it.
            let _ = fs::write(root.join("cgroup.subtree_control"), format!("-{controller}"));
        }
    }
}

/// Removes a cgroup and all below it: a keeper that was killed has left two, one in the other, where there is a limit.
fn remove(cgroup: &Path) -> io::Result<()> {
    for entry in fs::read_dir(cgroup)?.flatten() {
        if entry.file_type()?.is_dir() {
            remove(&entry.path())?;
        }
    }
    fs::remove_dir(cgroup)
}

fn mount(source: Option<&Path>, target: &Path, flags: libc::c_ulong) -> io::Result<()> {
    let c_string = |path: &Path| CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other);
    let source = source.map(c_string).transpose()?;
    let target = c_string(target)?;
    let source = source.as_ref().map_or(std::ptr::null(), |path| path.as_ptr());
    // SAFETY: NUL-ended paths that live to the end of the call, no type and no data.
    check(unsafe { libc::mount(source, target.as_ptr(), std::ptr::null(), flags, std::ptr::null()) })
}

fn check(result: libc::c_int) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
