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
mod instance;
mod overlay;
mod reaper;
mod root;
mod special;

use common::chain::Chain;
use common::fault;
use common::plan::{BadPlan, FsBuild, MountOp, NsEnter, Stage};
use common::report::{At, Outcome, Voice};
use common::rt::Start;
use common::sys::{self, clone_flags, o};
use common::text::Text;
use core::convert::Infallible;
use overlay::Layers;
use root::Root;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::FsBuild, start, run)
}

/// What the operations work on.
struct Build {
    /// The tree.
    root: Root,
    /// Layers for the next overlay.
    layers: Layers,
    /// `--tmp-overlay`s so far.
    tmp_overlays: u32,
    /// `--file-label`.
    label: Option<Text<'static>>,
    /// Whether there is a new PID namespace, which /proc has to show.
    new_pidns: bool,
    /// A submount that cannot be remounted is a warning, said by this voice.
    lenient: Option<Voice>,
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let frame = chain.frame(FsBuild::decode)?;
    // 2. Entry state: what the user named is open and none of ours.
    let has_fds = fds::check(&frame, &chain)?;
    // ORDER: before the pivot, after which this host's executables are out of reach.
    chain.open_next()?;
    reaper::protect(&mut chain)?;
    // 3. Apply. Modes are the plan's, whatever the caller's umask.
    let umask = sys::umask(0);
    if let Some(label) = frame.file_label {
        set_fscreate_label(label).at(|| fault!("--file-label setup failed"))?;
    }
    let mut build = Build {
        root: Root::make()?,
        layers: Layers::new(),
        tmp_overlays: 0,
        label: frame.file_label,
        new_pidns: new_pidns(&chain)?,
        lenient: frame.best_effort.then(|| chain.voice()),
    };
    for op in frame.ops.iter() {
        build.apply(op)?;
    }
    // 4. Give up the old root, and 5. verify that it is gone.
    build.root.enter()?;
    sys::umask(umask);
    if has_fds {
        fds::close(&frame);
    }
    // 6. Hand over.
    chain.exec()
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
            MountOp::Dir { dest, mode } => files::dir(&self.root, dest, mode),
            MountOp::File { fd, dest, mode } => files::file(&self.root, fd, dest, mode),
            MountOp::BindData { fd, dest, mode, read_only } => {
                files::bind_data(self, fd, dest, mode, read_only)
            }
            MountOp::Symlink { target, dest } => files::symlink(&self.root, target, dest),
            MountOp::RemountRo { dest } => bind::remount_ro(self, dest),
            MountOp::Chmod { path, mode } => files::chmod(&self.root, path, mode),
        }
    }
}

/// Whether the launch is in a PID namespace of its own, as ns-enter's frame says it.
fn new_pidns(chain: &Chain) -> Outcome<bool> {
    if !chain.plan.has(Stage::NsEnter) {
        return Ok(false);
    }
    let frame = chain.plan.decode(Stage::NsEnter, NsEnter::decode).map_err(BadPlan::fault)?;
    Ok(frame.namespaces.has(clone_flags::NEWPID) || frame.pidns_fd.is_some())
}

/// Sets the SELinux label of every file made from now on; the next exec clears it (`setfscreatecon(3)`).
fn set_fscreate_label(label: Text<'static>) -> sys::Result<()> {
    let attr = sys::openat(sys::CWD, c"/proc/thread-self/attr/fscreate", o::WRONLY | o::CLOEXEC, 0)?;
    sys::write_all(attr.fd(), label.bytes())
}
