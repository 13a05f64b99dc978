//! From a command line that has been read and found good to the bytes of the plan.

use super::bwrap::CommandLine;
use super::{PrivDropDraft, SeccompLoadDraft, Words, out_of_memory};
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

/// Every mount, `pivot_root`, joining `--userns2`.
const ALWAYS: CapSet = CapSet::of(&[cap::SYS_ADMIN]);

/// Taking capabilities out of the bounding set. In a user namespace that priv-drop makes or joins it has this anyway.
const BOUND: CapSet = CapSet::of(&[cap::SETPCAP]);

/// Looking up sources below directories of the caller's that nobody may search.
const LOOK_UP: CapSet = CapSet::of(&[cap::DAC_READ_SEARCH]);

/// Making destinations in directories of the caller's that nobody may write to, and all of [`LOOK_UP`].
const MAKE: CapSet = CapSet::of(&[cap::DAC_OVERRIDE]);

/// `user.max_user_namespaces` is written by one who has this (`kernel/ucount.c`, `set_permissions`).
const DISABLE_USERNS: CapSet = CapSet::of(&[cap::SYS_RESOURCE]);

/// Changing permissions of files that belong to another of several ids.
const CHANGE_OTHERS: CapSet = CapSet::of(&[cap::FOWNER]);

/// The set-group-ID bit of a file whose group is another of several ids.
const SET_ID_OF_OTHERS: CapSet = CapSet::of(&[cap::FSETID]);

/// An overlay works with the capabilities of the process that mounted it for as long as it is mounted: with several
/// ids, files that are copied up keep their owner, their mode and their file capabilities.
const OVERLAY_OF_OTHERS: CapSet = CapSet::of(&[cap::CHOWN, cap::FOWNER, cap::FSETID, cap::SETFCAP]);

/// What of a plan the drafts do not say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    /// The stages that have a frame, by [`Stage::index`].
    pub stages: [bool; Stage::ALL.len()],
    /// The header's flags.
    pub flags: u16,
    /// Writes the last field of priv-drop's frame: bwrap has no code for what only chains can say.
    pub attributes: fn(&PrivDropDraft, &mut Buffer) -> Result<()>,
    /// The program to run, where the first word of the command is only its name.
    pub program: Option<Text<'static>>,
}

impl Shape {
    /// Whether `stage` has a frame.
    pub fn has(&self, stage: Stage) -> bool {
        self.stages.get(stage.index()) == Some(&true)
    }

    /// Whether it is that of a chain, not of bwrap.
    pub fn is_chain(&self) -> bool {
        self.flags & FLAG_BWRAP == 0
    }

    /// Gives `stage` a frame.
    pub fn add(&mut self, stage: Stage) {
        if let Some(has) = self.stages.get_mut(stage.index()) {
            *has = true;
        }
    }
}

impl CommandLine<'_> {
    /// The shape of bwrap's plans: the first three stages always, the others when there is anything for them to do.
    pub(super) fn shape(&self) -> Shape {
        let flags = FLAG_BWRAP | if self.level_prefix { FLAG_LEVEL_PREFIX } else { 0 };
        let stages = [true, true, true, self.has_reaper(), !self.seccomp_load.programs.is_empty(), true];
        Shape { stages, flags, attributes: |_, out| out.extend(&[0]), program: None }
    }

    /// The plan that runs `command` as this line says.
    pub(super) fn compile(&mut self, command: Words, shape: &Shape) -> Outcome<&'static [u8]> {
        if let Some(number) = self.fs_build.missing_source {
            // The message has the number in it, so it has to be given while that is known.
            return Err(fault!("Can't find source path /proc/self/fd/", number.fd().0).errno(Errno::NOENT));
        }
        let args = out_of_memory(arguments(command, shape.program))?;
        out_of_memory(self.assemble(&args, shape))
    }

    /// Writes header and frames.
    fn assemble(&self, args: &ListWriter, shape: &Shape) -> Result<&'static [u8]> {
        let mut plan = Assembly::new(shape.flags, 1 << 16)?;
        if shape.has(Stage::NsEnter) {
            plan.frame(Stage::NsEnter, |out| self.ns_enter_frame(shape).encode(out))?;
        }
        if shape.has(Stage::FsBuild) {
            plan.frame(Stage::FsBuild, |out| self.fs_build_frame(out))?;
        }
        if shape.has(Stage::PrivDrop) {
            plan.frame(Stage::PrivDrop, |out| {
                self.priv_drop_frame().encode_head(out)?;
                (shape.attributes)(&self.priv_drop, out)
            })?;
        }
        if shape.has(Stage::InitReaper) {
            plan.frame(Stage::InitReaper, |out| self.init_reaper_frame(shape, out))?;
        }
        if shape.has(Stage::SeccompLoad) {
            let programs = self.seccomp_load.programs.list();
            plan.frame(Stage::SeccompLoad, |out| {
                let SeccompLoadDraft { log, spec_allow, .. } = self.seccomp_load;
                SeccompLoad { programs, log, spec_allow }.encode(out)
            })?;
        }
        plan.frame(Stage::Command, |out| {
            let CommandLine { command, .. } = self;
            let (argv0, directory, exec_label) = (command.argv0, command.directory, command.exec_label);
            let (args, env, drop_ambient) = (args.list(), command.env.list(), self.drops_ambient(shape));
            Command { argv0, args, env, directory, exec_label, drop_ambient }.encode(out)
        })?;
        plan.finish()
    }

    fn ns_enter_frame(&self, shape: &Shape) -> NsEnter<'_> {
        let ns = &self.ns_enter;
        // fs-build works in a mount namespace of its own only.
        let own_mounts = if shape.has(Stage::FsBuild) { flags::NEWNS } else { 0 };
        // What is shown of the hierarchy begins where the cgroup namespace does.
        let own_cgroup = if self.fs_build.has_cgroup { flags::NEWCGROUP } else { 0 };
        let namespaces = ns.namespaces | own_mounts | own_cgroup;
        // An ordinary user needs a user namespace to make any other; where none is made, there is no need.
        let user = match ns.user_ns() {
            UserNs::UnlessRoot if namespaces == 0 => UserNs::Keep,
            user => user,
        };
        NsEnter {
            namespaces: Namespaces(namespaces),
            cgroup_try: ns.cgroup_try,
            user,
            userns_fd: ns.userns_fd,
            pidns_fd: ns.pidns_fd,
            uid: ns.uid,
            gid: ns.gid,
            second: if shape.has(Stage::PrivDrop) { self.second_user_ns(user) } else { SecondUserNs::No },
            loopback: ns.unshares(flags::NEWNET),
            hostname: ns.hostname,
            die_with_parent: ns.die_with_parent,
            info_fd: ns.info_fd,
            json_status_fd: ns.json_status_fd,
            userns_block_fd: ns.userns_block_fd,
            raise: self.raised(shape),
            forward: self.init_reaper.forwarded(shape.is_chain() && shape.has(Stage::InitReaper)),
            stop_signal: self.init_reaper.stop_signal,
            handle_reboot: ns.handle_reboot,
            extra: ns.extra(self.fs_build.has_cgroup),
        }
    }

    /// Whether a second user namespace follows: never inside one that somebody else maps.
    pub(super) fn second_user_ns(&self, user: UserNs) -> SecondUserNs {
        if user == UserNs::Keep || self.ns_enter.userns_block_fd.is_some() || self.ns_enter.has_maps() {
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

    /// The capabilities that go over the exec of ns-enter: those that the later stages work with, and those that the
    /// command may keep. What a caller who is root had from the start ns-enter adds: it knows who calls.
    ///
    /// No more than this plan needs. A user namespace that ns-enter maps has one user and one group, and whatever
    /// belongs to those is the caller's own: nothing of another owner can be reached there, with whatever capability
    /// (capable_wrt_inode_uidgid of the kernel), and mapping oneself once more needs none either.
    fn raised(&self, shape: &Shape) -> CapSet {
        let (ns, fs, drop) = (&self.ns_enter, &self.fs_build, &self.priv_drop);
        if ns.keep_caps {
            return CapSet::ALL;
        }
        let drops = shape.has(Stage::PrivDrop);
        if !drops && !shape.has(Stage::FsBuild) {
            return CapSet::EMPTY;
        }
        let if_so = |condition, set| if condition { set } else { CapSet::EMPTY };
        // Who is in another user namespace at the end has all capabilities in that.
        let stays =
            drops && self.second_user_ns(ns.user_ns()) == SecondUserNs::No && drop.userns2_fd.is_none();
        // Somebody else writes the maps, or has written them.
        let others = ns.userns_fd.is_some()
            || ns.userns_block_fd.is_some()
            || ns.has_maps()
            || ns.joined & flags::NEWUSER != 0;
        ALWAYS
            .union(if_so(stays, BOUND.union(drop.cap_add).union(drop.extra.needs())))
            .union(if_so(fs.makes, MAKE))
            .union(if_so(fs.looks_up && !fs.makes, LOOK_UP))
            .union(if_so(drop.disable_userns, DISABLE_USERNS))
            .union(if_so(others && fs.changes_modes, CHANGE_OTHERS))
            .union(if_so(others && fs.sets_ids, SET_ID_OF_OTHERS))
            .union(if_so(others && fs.has_overlay, OVERLAY_OF_OTHERS))
    }

    /// Whether the command would find capabilities in its ambient set that only the stages were to have: nobody has
    /// emptied it where priv-drop is left out.
    fn drops_ambient(&self, shape: &Shape) -> bool {
        let raised = shape.has(Stage::NsEnter) && !self.raised(shape).is_empty();
        raised && !shape.has(Stage::PrivDrop) && !self.ns_enter.keep_caps
    }

    fn fs_build_frame(&self, out: &mut Buffer) -> Result<()> {
        let fs = &self.fs_build;
        FsBuild {
            best_effort: fs.best_effort,
            file_label: fs.file_label,
            ops: fs.ops.list(),
            keep_suid: self.priv_drop.allow_new_privs,
        }
        .encode(out)
    }

    fn priv_drop_frame(&self) -> PrivDrop<'_> {
        let drop = &self.priv_drop;
        PrivDrop {
            userns2_fd: drop.userns2_fd,
            block_fd: drop.block_fd,
            disable_userns: drop.disable_userns,
            assert_userns_disabled: drop.assert_userns_disabled,
            cap_add: drop.cap_add,
            cap_drop: drop.cap_drop,
            // A terminal of its own comes with a session of its own.
            new_session: drop.new_session && !self.ns_enter.console,
            die_with_parent: self.ns_enter.ends_with_monitor(),
            allow_new_privs: drop.allow_new_privs,
            attributes: None,
        }
    }

    /// Whether a process stays beside the command: as pid 1 of a new PID namespace, or to hold something. As pid 1
    /// itself the command holds what it is given.
    fn has_reaper(&self) -> bool {
        let reaper = &self.init_reaper;
        let holds = !reaper.locks.is_empty() || !reaper.sync_fds.is_empty();
        !reaper.as_pid_1 && (holds || self.ns_enter.unshares(flags::NEWPID))
    }

    fn init_reaper_frame(&self, shape: &Shape, out: &mut Buffer) -> Result<()> {
        InitReaper {
            locks: self.init_reaper.locks.list(),
            sync_fds: self.init_reaper.sync_fds.list(),
            die_with_parent: self.ns_enter.ends_with_monitor(),
            control: self.init_reaper.control(shape.is_chain()),
        }
        .encode(out)
    }
}

/// The command and its arguments as a list of the plan.
fn arguments(mut command: Words, program: Option<Text<'static>>) -> Result<ListWriter> {
    let mut args = ListWriter::new(1 << 14)?;
    if let Some(program) = program {
        command.next();
        args.push(&program)?;
    }
    for word in command {
        args.push(&Text(word))?;
    }
    Ok(args)
}
