//! The mount tree of the sandbox: builds it out of the host's files, makes it the root, and drops the old one.
//!
//! Everything goes through descriptors: a mount is made or copied while it is attached nowhere, gets its flags, and
//! is moved to a place that was looked up inside the new root and checked through that same descriptor. So
//! no path is looked up twice, and nothing in a tree that somebody else may change leads out of the new root.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod bind;
mod dest;
mod dev;
mod fds;
mod files;
mod host;
mod instance;
mod overlay;
mod own;
mod protect;
mod root;
mod special;

use common::chain::{Chain, OwnUserNs};
use common::fault;
use common::plan::{Access, FsBuild, MountOp, Stage};
use common::report::{At, Outcome, Voice};
use common::rt::Start;
use common::sys::{self, o, propagation};
use common::text::{Path, Text};
use core::convert::Infallible;
use fds::Found;
use host::Host;
use overlay::Layers;
use root::{DIRECTORY, Needs, Root};

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::FsBuild, start, run)
}

/// What the operations work on.
struct Build {
    /// The tree.
    root: Root,
    /// Where binds come from.
    host: Host,
    /// How many operations were done by the start.
    done: usize,
    /// Layers for the next overlay.
    layers: Layers,
    /// How many directories were bound in a row.
    directories: u32,
    /// `--tmp-overlay`s so far.
    tmp_overlays: u32,
    /// A submount that cannot be remounted is a warning, said by this voice.
    lenient: Option<Voice>,
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let frame = chain.frame(FsBuild::decode)?;
    // 2. Entry state: nobody else lives in this mount namespace; what the user named is open and none of ours.
    own::check(&chain.passed)?;
    if let Some(signals) = chain.passed.unblock.take() {
        // A key on the terminal that came meanwhile stops this process here, and the monitor with it.
        sys::unblock_signals(signals.0).at(|| fault!("sigprocmask"))?;
    }
    let found = fds::check(&frame, &chain)?;
    if found.sysfs {
        // It shows the network namespace of whoever mounts it.
        chain.join_netns()?.ended()?;
    }
    // ORDER: before the pivot, after which this host's executables are out of reach.
    chain.open_next()?;
    // 3. Apply. Modes are the plan's, whatever the caller's umask.
    let umask = sys::umask(0).at(|| fault!("umask"))?;
    if let Some(label) = frame.file_label {
        set_fscreate_label(label).at(|| fault!("--file-label setup failed"))?;
    }
    let mut build = begin(&chain, &frame, found)?;
    for op in frame.ops.iter().skip(build.done) {
        build.apply(op)?;
    }
    protect::protect(&mut chain, &build.root)?;
    // 4. Give up the old root, and 5. verify that it is gone.
    build.root.enter()?;
    sys::umask(umask).at(|| fault!("umask"))?;
    if found.fds {
        fds::close(&frame)?;
    }
    chain.passed.own_mounts = false;
    chain.passed.own_pids = false;
    // 6. Hand over.
    chain.exec()
}

/// The tree that the operations start with.
///
/// That is an empty one, or the host's own: when all of that is bound on the new root first, and this mount namespace
/// with its copy of all mounts was made for this launch, the copy only has to be restricted. Nothing has to be
/// copied again, pivoted to or unmounted, which on a host with many mounts is most of a launch.
///
/// ns-enter says that a user namespace was made along with it; the kernel makes none for a caller whose root is not the
/// root of his mount namespace (user_namespaces(7), EPERM), so the process's root is the whole tree.
fn begin(chain: &Chain, frame: &FsBuild<'static>, found: Found) -> Outcome<Build> {
    let (new_mounts, new_pids) = (chain.passed.own_mounts, chain.passed.own_pids);
    let new_pidns = if new_mounts || new_pids { Some(new_pids) } else { None };
    let lenient = frame.best_effort.then(|| chain.voice());
    let new_host = || Host::new(sys::has_open_tree_attr(), new_pidns, frame);
    let mut host = new_host();
    let in_place = match chain.passed.own_userns {
        Some(OwnUserNs::New | OwnUserNs::Several) if new_mounts && host.modern => host::whole_tree(frame),
        _ => None,
    };
    let mut root = None;
    if let Some(access) = in_place {
        // ORDER: before anything is changed, since sources are looked up in the host's tree as it is.
        if host.make_all(frame).is_some() {
            root = Some(restrict_host(lenient, &host, access)?);
        } else {
            host = new_host();
        }
    }
    let (mut root, done) = match root {
        Some(root) => (root, 1),
        None => (Root::make(needs(chain, found, host.modern))?, 0),
    };
    root.open_parents = chain.passed.own_userns == Some(OwnUserNs::Several);
    Ok(Build { root, host, done, layers: Layers::new(), directories: 0, tmp_overlays: 0, lenient })
}

/// Before Linux 6.15 nothing can be mounted below what is attached nowhere.
///
/// In a user namespace that somebody else maps a base proves that he maps this process: without its ids nothing can be made
/// there. A command that is nobody in the sandbox would still be its caller, root perhaps, to the files outside.
fn needs(chain: &Chain, found: Found, modern: bool) -> Needs {
    let is_mapped_by_others = chain.passed.own_userns == Some(OwnUserNs::Joined);
    match found {
        Found { attached: true, .. } => Needs::Attached,
        _ if !modern => Needs::Attached,
        Found { data: true, .. } => Needs::Base,
        _ if is_mapped_by_others => Needs::Base,
        _ => Needs::Nothing,
    }
}

/// Restricts all mounts of this mount namespace as those of a bind, and takes them for the new tree.
fn restrict_host(lenient: Option<Voice>, host: &Host, access: Access) -> Outcome<Root> {
    let place = Path(c"/");
    let root = sys::openat(sys::CWD, c"/", DIRECTORY, 0).at(|| fault!("can't open /"))?;
    // Slaves, as everything that is bound: nothing done here reaches the host.
    bind::set_flags(lenient, root.fd(), place.into(), place, (host.attributes(access), propagation::SLAVE))?;
    Ok(Root::here(root, access))
}

impl Build {
    fn apply(&mut self, op: MountOp<'static>) -> Outcome<()> {
        match op {
            MountOp::Bind { source, dest, access, allow_missing } => {
                bind::bind(self, source, dest, access, allow_missing)
            }
            MountOp::BindFd { fd, dest, access } => bind::bind_fd(self, fd, dest, access),
            MountOp::OverlaySrc { source } => self.layers.push(source),
            MountOp::Overlay { upper, work, dest } => overlay::overlay(self, upper, work, dest),
            MountOp::TmpOverlay { dest } => overlay::tmp_overlay(self, dest),
            MountOp::RoOverlay { dest } => overlay::ro_overlay(self, dest),
            MountOp::Proc { dest } => special::proc(self, dest),
            MountOp::Dev { dest } => dev::dev(self, dest),
            MountOp::Tmpfs { dest, mode, size } => special::tmpfs(self, dest, mode, size),
            MountOp::Mqueue { dest } => special::mqueue(self, dest),
            MountOp::Dir { dest, mode } => files::dir(&mut self.root, dest, mode),
            MountOp::File { fd, dest, mode } => files::file(&mut self.root, fd, dest, mode),
            MountOp::BindData { fd, dest, mode, read_only } => {
                files::bind_data(self, fd, dest, mode, read_only)
            }
            MountOp::Symlink { target, dest } => files::symlink(&mut self.root, target, dest),
            MountOp::RemountRo { dest } => bind::remount_ro(self, dest),
            MountOp::Chmod { path, mode } => files::chmod(&self.root, path, mode),
            MountOp::Sys { dest } => special::sys(self, dest),
            MountOp::Cgroup { dest } => special::cgroup(self, dest),
        }
    }
}

/// Sets the SELinux label of every file made from now on; the next exec clears it (`setfscreatecon(3)`).
fn set_fscreate_label(label: Text<'static>) -> sys::Result<()> {
    let attr = sys::openat(sys::CWD, c"/proc/thread-self/attr/fscreate", o::WRONLY | o::CLOEXEC, 0)?;
    sys::write_all(attr.fd(), label.bytes())
}
