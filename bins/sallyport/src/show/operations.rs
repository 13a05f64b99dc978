//! Each operation on the mount tree in words.

use super::facts::Facts;
use crate::words::quoted;
use common::plan::{Access, MountOp};

/// What is done, and where: the destination, and the rest of the sentence. What it comes to depends on whether the PID
/// and the network namespace are new, and on whether binds keep set-user-ID bits.
pub fn operation(op: &MountOp<'static>, facts: &Facts, keep_suid: bool) -> (String, String) {
    let flags = |access| flags(access, keep_suid);
    let (dest, what) = match op {
        MountOp::Bind { source, dest, access, allow_missing } => {
            let missing = if *allow_missing { "; left out if it is not there" } else { "" };
            let source = source_words(source.bytes());
            (dest, format!("the host's {source} and all mounts below it: {}{missing}", flags(*access)))
        }
        MountOp::BindFd { fd, dest, access } => {
            (dest, format!("what descriptor {} has open, and all mounts below it: {}", fd.fd().0, flags(*access)))
        }
        MountOp::OverlaySrc { source } => {
            return (String::new(), format!("a layer for the overlay that follows: the host's {}", source_words(source.bytes())));
        }
        MountOp::Overlay { upper, work, dest } => {
            let (upper, work) = (source_words(upper.bytes()), source_words(work.bytes()));
            (dest, format!("overlay of the layers before; writes go to the host's {upper} (work directory {work})"))
        }
        MountOp::TmpOverlay { dest } => (dest, "overlay of the layers before; writes go to memory and are lost".into()),
        MountOp::RoOverlay { dest } => (dest, "overlay of the layers before: read-only".into()),
        MountOp::Proc { dest } if facts.own_pids => {
            (dest, "procfs of the sandbox's own processes: nosuid, nodev, noexec".into())
        }
        MountOp::Proc { dest } => (
            dest,
            "the host's /proc, since there is no new PID namespace: nosuid, nodev; sys, sysrq-trigger, irq and bus \
             read-only"
                .into(),
        ),
        MountOp::Dev { dest } => (
            dest,
            "tmpfs with the host's null, zero, full, random, urandom, tty, and the console if there is one; own pts; \
             nosuid"
                .into(),
        ),
        MountOp::Tmpfs { dest, mode, size } => {
            let size = size.map_or_else(String::new, |size| format!(", at most {size} bytes"));
            (dest, format!("empty tmpfs, mode {:04o}{size}: nosuid, nodev", mode.bits()))
        }
        MountOp::Mqueue { dest } => (dest, "the IPC namespace's message queues".into()),
        MountOp::Sys { dest } if facts.own_network => (
            dest,
            "sysfs of the sandbox's network namespace, or the host's /sys where the kernel refuses a new one (a part of \
             the host's is covered): read-only, nosuid, nodev, noexec"
                .into(),
        ),
        MountOp::Sys { dest } => {
            (dest, "the host's /sys, since its network is: read-only, nosuid, nodev, noexec".into())
        }
        MountOp::Cgroup { dest } => {
            (dest, "cgroup2 from the sandbox's own cgroup down, writable: nosuid, nodev, noexec".into())
        }
        MountOp::Dir { dest, mode } => (dest, format!("directory, mode {:04o} if it is made", mode.bits())),
        MountOp::File { fd, dest, mode } => {
            (dest, format!("file, mode {:04o}, with the data of descriptor {}", mode.bits(), fd.fd().0))
        }
        MountOp::BindData { fd, dest, mode, read_only } => {
            let access = if *read_only { "read-only" } else { "writes are lost" };
            let mode = mode.bits();
            (dest, format!("mounted file, mode {mode:04o}, with the data of descriptor {}: {access}", fd.fd().0))
        }
        MountOp::Symlink { target, dest } => (dest, format!("symbolic link to {}", quoted(target.bytes()))),
        MountOp::RemountRo { dest } => (dest, "the mount there becomes read-only, those below it do not".into()),
        MountOp::Chmod { path, mode } => (path, format!("permissions of what is there become {:04o}", mode.bits())),
    };
    (quoted(dest.bytes()), what)
}

/// A path of the host.
pub fn source_words(path: &[u8]) -> String {
    let relative = if path.starts_with(b"/") { "" } else { " (from the directory of the launch)" };
    quoted(path) + relative
}

fn flags(access: Access, keep_suid: bool) -> String {
    let suid = if keep_suid { "SET-USER-ID FILES WORK" } else { "nosuid" };
    match access {
        Access::ReadWrite => format!("writable, {suid}, nodev"),
        Access::ReadOnly => format!("read-only, {suid}, nodev"),
        Access::Device => format!("writable, devices work, {suid}"),
    }
}

/// A change of the environment in words.
pub fn environment(op: &common::plan::EnvOp<'static>) -> String {
    use common::plan::EnvOp;
    match op {
        EnvOp::Clear => "all variables but PWD go".to_owned(),
        EnvOp::Set { name, value } => format!("{}={}", quoted(name.bytes()), quoted(value.bytes())),
        EnvOp::Unset { name } => format!("{} goes", quoted(name.bytes())),
    }
}
