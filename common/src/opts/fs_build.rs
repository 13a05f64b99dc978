//! Options of fs-build: the operations on the mount tree, in order, and what modifies the next one.

use super::{Context, Operands, number, options, out_of_memory, path};
use crate::fault;
use crate::plan::{Access, FdNumber, ListWriter, Mode, MountOp};
use crate::report::Outcome;
use crate::sys::Result;
use crate::text::{Path, Text};
use core::ffi::CStr;

options! {
    /// Options of fs-build's frame.
    pub enum FsBuildOption {
        /// What the host has, in another place.
        BINDS {
            Bind = "--bind" "SRC DEST" "Show the host's SRC at DEST",
            BindTry = "--bind-try" "SRC DEST" "The same, if SRC exists",
            DevBind = "--dev-bind" "SRC DEST" "Show the host's SRC at DEST, its device nodes usable",
            DevBindTry = "--dev-bind-try" "SRC DEST" "The same, if SRC exists",
            RoBind = "--ro-bind" "SRC DEST" "Show the host's SRC at DEST, not to be written to",
            RoBindTry = "--ro-bind-try" "SRC DEST" "The same, if SRC exists",
            BindFd = "--bind-fd" "FD DEST" "Show the directory or file that FD has open at DEST",
            RoBindFd = "--ro-bind-fd" "FD DEST" "The same, not to be written to",
            RemountRo = "--remount-ro" "DEST" "Make the mount at DEST read-only, not those below it",
            OverlaySrc = "--overlay-src" "SRC" "Add SRC as the next higher layer of the overlay that follows",
            Overlay = "--overlay" "RWSRC WORKDIR DEST" "Overlay the layers at DEST, writes going to the host's RWSRC;\tWORKDIR is an empty directory on the file system of RWSRC",
            TmpOverlay = "--tmp-overlay" "DEST" "Overlay the layers at DEST, writes going to memory that is not kept",
            RoOverlay = "--ro-overlay" "DEST" "Overlay the layers at DEST, not to be written to",
        }
        /// What is made for the sandbox.
        FILES {
            FileLabel = "--file-label" "LABEL" "Put SELinux label LABEL on what is made for the sandbox",
            Proc = "--proc" "DEST" "Mount a fresh procfs at DEST",
            Dev = "--dev" "DEST" "Make a minimal /dev at DEST",
            Tmpfs = "--tmpfs" "DEST" "Mount a fresh tmpfs at DEST",
            Mqueue = "--mqueue" "DEST" "Mount a fresh mqueue file system at DEST",
            Dir = "--dir" "DEST" "Make directory DEST",
            File = "--file" "FD DEST" "Make file DEST with the data read from FD",
            BindData = "--bind-data" "FD DEST" "Mount a file with the data read from FD at DEST",
            RoBindData = "--ro-bind-data" "FD DEST" "The same, not to be written to",
            Symlink = "--symlink" "SRC DEST" "Make DEST a symbolic link that says SRC",
        }
        /// Modifiers, and what is left.
        MODES {
            Perms = "--perms" "OCTAL" "Permissions of what the next option makes (--dir, --file, --tmpfs, ...)",
            Size = "--size" "BYTES" "Size limit for the next option (--tmpfs only)",
            Chmod = "--chmod" "OCTAL PATH" "Give PATH, which exists already, permissions OCTAL",
            NotASecurityBoundary = "--not-a-security-boundary" "" "Go on with a warning where a part of the set-up fails; for those\twho want another file layout, not protection",
        }
    }
}

options! {
    /// Options of fs-build's frame that bubblewrap does not have.
    pub enum FsBuildSystem {
        /// What the kernel tells, and what it shares out.
        KERNEL {
            Sys = "--sys" "DEST" "Mount a fresh sysfs at DEST, never writable; with the host's network its /sys",
            Cgroup = "--cgroup" "DEST" "Mount the cgroup2 hierarchy at DEST, from a cgroup of the sandbox's own down",
        }
    }
}

const DIR_MODE: Mode = Mode::of::<0o755>();
const FILE_MODE: Mode = Mode::of::<0o666>();
const DATA_MODE: Mode = Mode::of::<0o600>();

/// fs-build's frame while it is put together, and the modifiers that wait for their option.
#[derive(Debug)]
pub struct FsBuildDraft {
    /// The operations, of type [`MountOp`].
    pub ops: ListWriter,
    /// `--not-a-security-boundary`.
    pub best_effort: bool,
    /// `--file-label`.
    pub file_label: Option<Text<'static>>,
    /// Whether an operation needs devpts.
    pub has_dev: bool,
    /// Whether an operation mounts an overlay.
    pub has_overlay: bool,
    /// Whether an operation shows cgroups.
    pub has_cgroup: bool,
    /// Whether an operation looks up more of the host than its root.
    pub looks_up: bool,
    /// Whether an operation has a destination below the root.
    pub makes: bool,
    /// Whether an operation sets permissions.
    pub changes_modes: bool,
    /// Whether an operation sets a set-user-ID or set-group-ID bit.
    pub sets_ids: bool,
    /// The first descriptor of `--bind-fd` or `--ro-bind-fd` that is not open.
    pub missing_source: Option<FdNumber>,
    perms: Option<Mode>,
    size: Option<u64>,
    layers: u32,
    empty_layer: bool,
}

impl FsBuildDraft {
    /// Nothing asked for yet.
    pub fn new() -> Result<FsBuildDraft> {
        Ok(FsBuildDraft {
            ops: ListWriter::new(1 << 14)?,
            best_effort: false,
            file_label: None,
            has_dev: false,
            has_overlay: false,
            has_cgroup: false,
            looks_up: false,
            makes: false,
            changes_modes: false,
            sets_ids: false,
            missing_source: None,
            perms: None,
            size: None,
            layers: 0,
            empty_layer: false,
        })
    }

    /// Puts `option` into the draft.
    pub fn apply(
        &mut self,
        option: FsBuildOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        use FsBuildOption as Opt;
        let name = option.name();
        let [first, second, _] = operands;
        let op = match option {
            Opt::Bind | Opt::BindTry | Opt::DevBind | Opt::DevBindTry | Opt::RoBind | Opt::RoBindTry => {
                bind(option, first, second)?
            }
            Opt::BindFd | Opt::RoBindFd | Opt::File | Opt::BindData | Opt::RoBindData => {
                self.descriptor_op(option, first, second, context)?
            }
            Opt::OverlaySrc => return self.add_layer(first),
            Opt::Overlay | Opt::TmpOverlay | Opt::RoOverlay => self.overlay(option, operands)?,
            Opt::Dev => {
                self.has_dev = true;
                MountOp::Dev { dest: path(name, first)? }
            }
            Opt::RemountRo => MountOp::RemountRo { dest: path(name, first)? },
            Opt::Proc => MountOp::Proc { dest: path(name, first)? },
            Opt::Mqueue => MountOp::Mqueue { dest: path(name, first)? },
            Opt::Tmpfs => {
                let dest = path(name, first)?;
                MountOp::Tmpfs { dest, mode: self.perms.take().unwrap_or(DIR_MODE), size: self.size.take() }
            }
            Opt::Dir => {
                let dest = path(name, first)?;
                MountOp::Dir { dest, mode: self.perms.take().unwrap_or(DIR_MODE) }
            }
            Opt::Symlink => MountOp::Symlink { target: path(name, first)?, dest: path(name, second)? },
            Opt::Chmod => {
                let mode = number::mode(name, first)?;
                MountOp::Chmod { path: path(name, second)?, mode }
            }
            Opt::FileLabel | Opt::Perms | Opt::Size | Opt::NotASecurityBoundary => {
                return self.modify(option, first, context);
            }
        };
        self.note_needs(&op);
        out_of_memory(self.ops.push(&op))
    }

    /// Puts `option` into the draft.
    pub fn apply_system(&mut self, option: FsBuildSystem, operands: Operands) -> Outcome<()> {
        let [first, ..] = operands;
        let dest = path(option.name(), first)?;
        let op = match option {
            FsBuildSystem::Sys => MountOp::Sys { dest },
            FsBuildSystem::Cgroup => {
                self.has_cgroup = true;
                MountOp::Cgroup { dest }
            }
        };
        self.note_needs(&op);
        out_of_memory(self.ops.push(&op))
    }

    /// Notes what `op` needs capabilities for.
    fn note_needs(&mut self, op: &MountOp<'static>) {
        let is_root = |path: Path<'_>| path.bytes().iter().all(|&byte| byte == b'/');
        match op {
            MountOp::Bind { source, dest, .. } if is_root(*dest) => self.looks_up |= !is_root(*source),
            _ => self.makes = true,
        }
        let mode = match op {
            MountOp::Dir { mode, .. }
            | MountOp::File { mode, .. }
            | MountOp::BindData { mode, .. }
            | MountOp::Chmod { mode, .. } => mode.bits(),
            _ => return,
        };
        self.changes_modes = true;
        self.sets_ids |= mode & 0o6000 != 0;
    }

    /// The operations that take a descriptor.
    fn descriptor_op(
        &mut self,
        option: FsBuildOption,
        fd: &'static CStr,
        dest: &'static CStr,
        context: &mut Context<'_>,
    ) -> Outcome<MountOp<'static>> {
        use FsBuildOption as Opt;
        let number = number::fd(fd)?;
        let dest = path(option.name(), dest)?;
        let fd = context.name(number)?;
        if fd != number && matches!(option, Opt::BindFd | Opt::RoBindFd) && self.missing_source.is_none() {
            self.missing_source = Some(number);
        }
        Ok(match option {
            Opt::File => MountOp::File { fd, dest, mode: self.perms.take().unwrap_or(FILE_MODE) },
            Opt::BindData | Opt::RoBindData => MountOp::BindData {
                fd,
                dest,
                mode: self.perms.take().unwrap_or(DATA_MODE),
                read_only: option == Opt::RoBindData,
            },
            Opt::RoBindFd => MountOp::BindFd { fd, dest, access: Access::ReadOnly },
            _ => MountOp::BindFd { fd, dest, access: Access::ReadWrite },
        })
    }

    /// `--overlay-src`. An empty path is refused only by the overlay that would use it, as the reference does.
    fn add_layer(&mut self, source: &'static CStr) -> Outcome<()> {
        self.layers = self.layers.saturating_add(1);
        if source.is_empty() {
            self.empty_layer = true;
            return Ok(());
        }
        out_of_memory(self.ops.push(&MountOp::OverlaySrc { source: Path(source) }))
    }

    fn overlay(&mut self, option: FsBuildOption, operands: Operands) -> Outcome<MountOp<'static>> {
        let name = option.name();
        let [first, second, third] = operands;
        let op = match option {
            FsBuildOption::RoOverlay => {
                if self.layers < 2 {
                    return Err(fault!(name, " requires at least two --overlay-src"));
                }
                MountOp::RoOverlay { dest: path(name, first)? }
            }
            _ if self.layers == 0 => return Err(fault!(name, " requires at least one --overlay-src")),
            FsBuildOption::TmpOverlay => MountOp::TmpOverlay { dest: path(name, first)? },
            _ => MountOp::Overlay {
                upper: path(name, first)?,
                work: path(name, second)?,
                dest: path(name, third)?,
            },
        };
        if self.empty_layer {
            return Err(fault!("--overlay-src does not take an empty path argument"));
        }
        self.layers = 0;
        self.has_overlay = true;
        Ok(op)
    }

    /// Options that are no operation.
    fn modify(
        &mut self,
        option: FsBuildOption,
        word: &'static CStr,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        match option {
            FsBuildOption::Perms => {
                if self.perms.is_some() {
                    return Err(fault!("--perms given twice for the same action"));
                }
                self.perms = Some(number::mode(option.name(), word)?);
            }
            FsBuildOption::Size => {
                if self.size.is_some() {
                    return Err(fault!("--size given twice for the same action"));
                }
                self.size = Some(number::size(word)?);
            }
            FsBuildOption::FileLabel => {
                context.only_last(option.name(), self.file_label.is_some());
                self.file_label = Some(context.label(word)?);
            }
            _ => self.best_effort = true,
        }
        Ok(())
    }

    /// Refuses a modifier that the option just read (`None`: one of another stage) has left unused.
    ///
    /// `--perms` and `--size` may stand before one another; a command behind them makes them nothing.
    pub fn check_modifiers(&self, read: Option<FsBuildOption>) -> Outcome<()> {
        let is_modifier = matches!(read, Some(FsBuildOption::Perms | FsBuildOption::Size));
        if !is_modifier {
            if self.perms.is_some() {
                return Err(fault!("--perms must be followed by an option that creates a file"));
            }
            if self.size.is_some() {
                return Err(fault!("--size must be followed by --tmpfs"));
            }
        }
        if read == Some(FsBuildOption::OverlaySrc) { Ok(()) } else { self.check_layers() }
    }

    /// Refuses layers that no overlay has used.
    pub fn check_layers(&self) -> Outcome<()> {
        if self.layers == 0 {
            return Ok(());
        }
        Err(fault!(
            "--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or \
             --ro-overlay"
        ))
    }
}

/// The six options that bind a path.
fn bind(option: FsBuildOption, source: &'static CStr, dest: &'static CStr) -> Outcome<MountOp<'static>> {
    use FsBuildOption as Opt;
    let access = match option {
        Opt::RoBind | Opt::RoBindTry => Access::ReadOnly,
        Opt::DevBind | Opt::DevBindTry => Access::Device,
        _ => Access::ReadWrite,
    };
    let allow_missing = matches!(option, Opt::BindTry | Opt::RoBindTry | Opt::DevBindTry);
    let name = option.name();
    Ok(MountOp::Bind { source: path(name, source)?, dest: path(name, dest)?, access, allow_missing })
}
