//! The frame of fs-build: the operations that make the mount tree, in order.

use super::{FdNumber, List, Mode, record, variants};
use crate::text::{Path, Text};

record! {
    /// What fs-build does.
    pub struct FsBuild<'a> {
        /// A submount that cannot be remounted is a warning, not an error (`--not-a-security-boundary`).
        pub best_effort: bool,
        /// SELinux label of what is made here (`--file-label`).
        pub file_label: Option<Text<'a>>,
        /// The operations.
        pub ops: List<'a, MountOp<'a>>,
        /// Bind mounts honour set-user-ID bits and file capabilities as they do on the host (`--allow-new-privs`).
        pub keep_suid: bool,
    }
}

variants! {
    /// What may be done through a bind mount.
    pub enum Access {
        /// Write, no devices (`--bind`).
        0 = ReadWrite,
        /// No write, no devices (`--ro-bind`).
        1 = ReadOnly,
        /// Write, and devices work (`--dev-bind`).
        2 = Device,
    }
}

variants! {
    /// One operation. `dest` is a path inside the new root, resolved there; parents that are missing are made.
    pub enum MountOp<'a> {
        /// `--bind`, `--ro-bind`, `--dev-bind` and their `-try` forms.
        0 = Bind {
            /// Host path.
            source: Path<'a>,
            /// Where it appears.
            dest: Path<'a>,
            /// What may be done there.
            access: Access,
            /// A source that does not exist makes this no operation (`-try`).
            allow_missing: bool,
        },
        /// `--bind-fd`, `--ro-bind-fd`.
        1 = BindFd {
            /// An open directory or file.
            fd: FdNumber,
            /// Where it appears.
            dest: Path<'a>,
            /// What may be done there.
            access: Access,
        },
        /// `--overlay-src`: a layer for the overlay that follows, the lowest first.
        2 = OverlaySrc {
            /// Host path.
            source: Path<'a>,
        },
        /// `--overlay`: the layers before it, writes to a host directory.
        3 = Overlay {
            /// Host directory that takes the writes.
            upper: Path<'a>,
            /// Empty host directory on the same file system.
            work: Path<'a>,
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--tmp-overlay`: the layers before it, writes to memory.
        4 = TmpOverlay {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--ro-overlay`: the layers before it, read-only.
        5 = RoOverlay {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--proc`.
        6 = Proc {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--dev`: a tmpfs with the usual devices of the host bound in, and a devpts of its own.
        7 = Dev {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--tmpfs`.
        8 = Tmpfs {
            /// Where it appears.
            dest: Path<'a>,
            /// Permissions of its root.
            mode: Mode,
            /// Its limit in bytes; the kernel's default without one.
            size: Option<u64>,
        },
        /// `--mqueue`.
        9 = Mqueue {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--dir`.
        10 = Dir {
            /// The directory.
            dest: Path<'a>,
            /// Permissions, if it is made here.
            mode: Mode,
        },
        /// `--file`.
        11 = File {
            /// Where the data comes from.
            fd: FdNumber,
            /// The file.
            dest: Path<'a>,
            /// Its permissions.
            mode: Mode,
        },
        /// `--bind-data`, `--ro-bind-data`.
        12 = BindData {
            /// Where the data comes from.
            fd: FdNumber,
            /// Where the file appears.
            dest: Path<'a>,
            /// Its permissions.
            mode: Mode,
            /// Whether it is read-only there.
            read_only: bool,
        },
        /// `--symlink`.
        13 = Symlink {
            /// What the link says.
            target: Path<'a>,
            /// The link.
            dest: Path<'a>,
        },
        /// `--remount-ro`: this mount point alone.
        14 = RemountRo {
            /// The mount point.
            dest: Path<'a>,
        },
        /// `--chmod`.
        15 = Chmod {
            /// What exists already.
            path: Path<'a>,
            /// Its new permissions.
            mode: Mode,
        },
        /// `--sys`: a sysfs of the sandbox's network namespace, or the host's; never writable.
        16 = Sys {
            /// Where it appears.
            dest: Path<'a>,
        },
        /// `--cgroup`: the cgroup2 hierarchy from the sandbox's own cgroup down.
        17 = Cgroup {
            /// Where it appears.
            dest: Path<'a>,
        },
    }
}
