//! From a command line that has been read and found good to the bytes of the plan.

use super::bwrap::CommandLine;
use super::{Words, out_of_memory};
use crate::caps::{CapSet, cap};
use crate::errno::Errno;
use crate::fault;
use crate::plan::{
    Assembly, Buffer, Command, FLAG_BWRAP, FLAG_LEVEL_PREFIX, FsBuild, InitReaper, ListWriter, Namespaces,
    NsEnter, PrivDrop, SeccompLoad, SecondUserNs, Stage, UserNs,
};
use crate::report::Outcome;
use crate::sys::{Result, clone_flags as flags};
use crate::text::Text;

/// What every launch needs in its new user namespace once ns-enter has exec'd: fs-build to set up the tree as
/// freely as the reference does, which has all capabilities meanwhile, and priv-drop to give up the rest.
///
/// - `SYS_ADMIN`: every mount, `pivot_root`, joining `--userns2`.
/// - `DAC_OVERRIDE`, `DAC_READ_SEARCH`, `FOWNER`: make and change files in directories of the caller's that
///   nobody may write to or search; count only for files whose owner is mapped.
/// - `FSETID`: set-user-ID and set-group-ID bits of `--perms` and `--chmod` outlast the write of the data.
/// - `CHOWN`: with id maps of several users, files copied up in an overlay keep their owner.
/// - `SETUID`, `SETGID`, `SETFCAP`: the id maps of the second user namespace; root is mapped only by one who has
///   `SETFCAP` (Linux 5.12).
/// - `SETPCAP`: empty the bounding set.
const SETUP: CapSet = CapSet::of(&[
    cap::SYS_ADMIN,
    cap::DAC_OVERRIDE,
    cap::DAC_READ_SEARCH,
    cap::FOWNER,
    cap::FSETID,
    cap::CHOWN,
    cap::SETUID,
    cap::SETGID,
    cap::SETFCAP,
    cap::SETPCAP,
]);

/// An overlay works with the capabilities that the process which mounted it had, as long as it is mounted, and
/// makes device nodes for what is deleted.
const OVERLAY: CapSet = CapSet::of(&[cap::MKNOD]);

/// `user.max_user_namespaces` is written by one who has this (`kernel/ucount.c`, `set_permissions`).
const DISABLE_USERNS: CapSet = CapSet::of(&[cap::SYS_RESOURCE]);

impl CommandLine<'_> {
    /// The plan that runs `command` as this line says.
    pub(super) fn compile(&mut self, command: Words) -> Outcome<&'static [u8]> {
        if let Some(number) = self.fs_build.missing_source {
            // The message has the number in it, so it has to be given while that is known.
            return Err(fault!("Can't find source path /proc/self/fd/", number.fd().0).errno(Errno::NOENT));
        }
        let args = out_of_memory(arguments(command))?;
        out_of_memory(self.assemble(&args))
    }

    /// Writes header and frames.
    fn assemble(&self, args: &ListWriter) -> Result<&'static [u8]> {
        let flags = FLAG_BWRAP | if self.level_prefix { FLAG_LEVEL_PREFIX } else { 0 };
        let mut plan = Assembly::new(flags, 1 << 16)?;
        plan.frame(Stage::NsEnter, |out| self.ns_enter_frame().encode(out))?;
        plan.frame(Stage::FsBuild, |out| self.fs_build_frame(out))?;
        plan.frame(Stage::PrivDrop, |out| self.priv_drop_frame().encode(out))?;
        if self.has_reaper() {
            plan.frame(Stage::InitReaper, |out| self.init_reaper_frame(out))?;
        }
        if !self.seccomp_load.programs.is_empty() {
            let programs = self.seccomp_load.programs.list();
            plan.frame(Stage::SeccompLoad, |out| SeccompLoad { programs }.encode(out))?;
        }
        plan.frame(Stage::Command, |out| {
            let CommandLine { command, .. } = self;
            let (argv0, directory, exec_label) = (command.argv0, command.directory, command.exec_label);
            Command { argv0, args: args.list(), env: command.env.list(), directory, exec_label }.encode(out)
        })?;
        plan.finish()
    }

    fn ns_enter_frame(&self) -> NsEnter<'_> {
        let ns = &self.ns_enter;
        let user = ns.user_ns();
        NsEnter {
            namespaces: Namespaces(ns.namespaces | flags::NEWNS),
            cgroup_try: ns.cgroup_try,
            user,
            userns_fd: ns.userns_fd,
            pidns_fd: ns.pidns_fd,
            uid: ns.uid,
            gid: ns.gid,
            second: self.second_user_ns(user),
            loopback: ns.unshares(flags::NEWNET),
            hostname: ns.hostname,
            die_with_parent: ns.die_with_parent,
            info_fd: ns.info_fd,
            json_status_fd: ns.json_status_fd,
            userns_block_fd: ns.userns_block_fd,
            raise: self.raised(),
        }
    }

    /// Whether a second user namespace follows: never inside one that somebody else maps.
    fn second_user_ns(&self, user: UserNs) -> SecondUserNs {
        if user == UserNs::Keep || self.ns_enter.userns_block_fd.is_some() {
            SecondUserNs::No
        } else if self.priv_drop.disable_userns && self.fs_build.has_dev {
            SecondUserNs::AlwaysFromRoot
        } else if self.priv_drop.disable_userns {
            SecondUserNs::Always
        } else if self.fs_build.has_dev {
            SecondUserNs::UnlessRoot
        } else {
            SecondUserNs::No
        }
    }

    /// The capabilities that go over the exec of ns-enter: those the later stages work with, and those the command
    /// may keep. What a caller who is root has had from the start, ns-enter adds.
    fn raised(&self) -> CapSet {
        let mut set = SETUP.union(self.priv_drop.cap_add);
        if self.fs_build.has_overlay {
            set = set.union(OVERLAY);
        }
        if self.priv_drop.disable_userns {
            set = set.union(DISABLE_USERNS);
        }
        set
    }

    fn fs_build_frame(&self, out: &mut Buffer) -> Result<()> {
        let fs = &self.fs_build;
        FsBuild { best_effort: fs.best_effort, file_label: fs.file_label, ops: fs.ops.list() }.encode(out)
    }

    fn priv_drop_frame(&self) -> PrivDrop {
        let drop = &self.priv_drop;
        PrivDrop {
            userns2_fd: drop.userns2_fd,
            block_fd: drop.block_fd,
            disable_userns: drop.disable_userns,
            assert_userns_disabled: drop.assert_userns_disabled,
            cap_add: drop.cap_add,
            cap_drop: drop.cap_drop,
            new_session: drop.new_session,
            die_with_parent: self.ns_enter.die_with_parent,
        }
    }

    /// Whether a process stays beside the command: as pid 1 of a new PID namespace, or to hold something. As pid 1
    /// itself the command holds what it is given.
    fn has_reaper(&self) -> bool {
        let reaper = &self.init_reaper;
        let holds = !reaper.locks.is_empty() || !reaper.sync_fds.is_empty();
        !reaper.as_pid_1 && (holds || self.ns_enter.unshares(flags::NEWPID))
    }

    fn init_reaper_frame(&self, out: &mut Buffer) -> Result<()> {
        InitReaper {
            locks: self.init_reaper.locks.list(),
            sync_fds: self.init_reaper.sync_fds.list(),
            die_with_parent: self.ns_enter.die_with_parent,
        }
        .encode(out)
    }
}

/// The command and its arguments as a list of the plan.
fn arguments(command: Words) -> Result<ListWriter> {
    let mut args = ListWriter::new(1 << 14)?;
    for word in command {
        args.push(&Text(word))?;
    }
    Ok(args)
}
