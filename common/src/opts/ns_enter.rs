//! Options of ns-enter: namespaces, ids, and what the monitor outside reports.

use super::{Context, Operands, number, options};
use crate::plan::{FdNumber, Namespaces, UserNs};
use crate::report::Outcome;
use crate::sys::clone_flags as flags;
use crate::text::Text;

options! {
    /// Options of ns-enter's frame.
    pub enum NsEnterOption {
        /// New namespaces.
        NAMESPACES {
            UnshareAll = "--unshare-all" "" "Make all the namespaces below new, where the kernel can",
            ShareNet = "--share-net" "" "Keep the caller's network after all (undoes that part of --unshare-all)",
            UnshareUser = "--unshare-user" "" "Make the user namespace new (the default for everyone but root)",
            UnshareUserTry = "--unshare-user-try" "" "Make the user namespace new, or go on without if that cannot be",
            UnshareIpc = "--unshare-ipc" "" "Make the IPC namespace new",
            UnsharePid = "--unshare-pid" "" "Make the PID namespace new",
            UnshareNet = "--unshare-net" "" "Make the network namespace new, with nothing but loopback",
            UnshareUts = "--unshare-uts" "" "Make the UTS namespace new",
            UnshareCgroup = "--unshare-cgroup" "" "Make the cgroup namespace new",
            UnshareCgroupTry = "--unshare-cgroup-try" "" "Make the cgroup namespace new, or go on without if that cannot be",
        }
        /// A user namespace that exists.
        USERNS {
            Userns = "--userns" "FD" "Join the user namespace FD (instead of --unshare-user)",
        }
        /// A PID namespace that exists, and ids.
        IDS {
            Pidns = "--pidns" "FD" "Join the PID namespace FD (with --unshare-pid: be a child of it)",
            Uid = "--uid" "UID" "Be user UID in the sandbox (needs --unshare-user or --userns)",
            Gid = "--gid" "GID" "Be group GID in the sandbox (needs --unshare-user or --userns)",
            Hostname = "--hostname" "NAME" "Be host NAME in the sandbox (needs --unshare-uts)",
        }
        /// Who maps the ids and who is told.
        REPORT {
            UsernsBlockFd = "--userns-block-fd" "FD" "Leave the id maps to others and wait until FD can be read",
            InfoFd = "--info-fd" "FD" "Describe the running sandbox on FD, in JSON",
            JsonStatusFd = "--json-status-fd" "FD" "Report start and end of the sandbox on FD, a JSON object a line",
        }
        /// How long it lives.
        LIFETIME {
            DieWithParent = "--die-with-parent" "" "Kill the sandbox when the process that started it is gone",
        }
    }
}

options! {
    /// Options of ns-enter as a command of its own.
    pub enum NsEnterExtra {
        /// Namespaces and ids that bubblewrap has no option for.
        CHAIN {
            UnshareMount = "--unshare-mount" "" "Make the mount namespace new (as fs-build in the same chain asks for, too)",
            MapRootUser = "--map-root-user" "" "Be root in a new user namespace (--unshare-user --uid 0 --gid 0)",
            MapCurrentUser = "--map-current-user" "" "Be who the caller is in a new user namespace",
            KeepCaps = "--keep-caps" "" "Let the command keep all capabilities in the new user namespace",
            DropCaps = "--drop-caps" "" "Let the command have no capability (priv-drop --cap-drop ALL)",
        }
    }
}

/// ns-enter's frame while it is put together.
#[derive(Debug, Default)]
pub struct NsEnterDraft {
    /// New namespaces by their `CLONE_NEW*` bits, the user namespace not among them.
    pub namespaces: u32,
    /// `--unshare-cgroup-try`.
    pub cgroup_try: bool,
    /// `--unshare-user`.
    pub user: bool,
    /// `--unshare-user-try`.
    pub user_try: bool,
    /// `--userns`.
    pub userns_fd: Option<FdNumber>,
    /// `--pidns`.
    pub pidns_fd: Option<FdNumber>,
    /// `--uid`.
    pub uid: Option<u32>,
    /// `--gid`.
    pub gid: Option<u32>,
    /// `--hostname`.
    pub hostname: Option<Text<'static>>,
    /// `--userns-block-fd`.
    pub userns_block_fd: Option<FdNumber>,
    /// `--info-fd`.
    pub info_fd: Option<FdNumber>,
    /// `--json-status-fd`.
    pub json_status_fd: Option<FdNumber>,
    /// `--die-with-parent`.
    pub die_with_parent: bool,
    /// `--keep-caps`.
    pub keep_caps: bool,
    /// `--drop-caps`.
    pub drop_caps: bool,
}

impl NsEnterDraft {
    /// Puts `option` into the draft.
    pub fn apply(
        &mut self,
        option: NsEnterOption,
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        use NsEnterOption as Opt;
        let name = option.name();
        let [first, ..] = operands;
        if let Some(slot) = self.descriptor(option) {
            context.only_last(name, slot.is_some());
            *slot = Some(context.name(number::fd(first)?)?);
            return Ok(());
        }
        match option {
            Opt::UnshareUser => self.user = true,
            Opt::UnshareUserTry => self.user_try = true,
            Opt::UnshareCgroupTry => self.cgroup_try = true,
            Opt::UnshareAll => {
                self.user_try = true;
                self.cgroup_try = true;
                self.namespaces |= flags::NEWIPC | flags::NEWPID | flags::NEWNET | flags::NEWUTS;
            }
            Opt::ShareNet => self.namespaces &= !flags::NEWNET,
            Opt::DieWithParent => self.die_with_parent = true,
            Opt::Uid => {
                context.only_last(name, self.uid.is_some());
                self.uid = Some(number::id("uid", first)?);
            }
            Opt::Gid => {
                context.only_last(name, self.gid.is_some());
                self.gid = Some(number::id("gid", first)?);
            }
            Opt::Hostname => {
                context.only_last(name, self.hostname.is_some());
                self.hostname = Some(Text(first));
            }
            other => self.namespaces |= namespace(other),
        }
        Ok(())
    }

    /// Puts `option` into the draft.
    pub fn apply_extra(
        &mut self,
        option: NsEnterExtra,
        _operands: Operands,
        _context: &mut Context<'_>,
    ) -> Outcome<()> {
        use NsEnterExtra as Opt;
        match option {
            Opt::UnshareMount => self.namespaces |= flags::NEWNS,
            Opt::MapRootUser => {
                self.user = true;
                self.uid = Some(0);
                self.gid = Some(0);
            }
            Opt::MapCurrentUser => {
                self.user = true;
                self.uid = None;
                self.gid = None;
            }
            Opt::KeepCaps => self.keep_caps = true,
            Opt::DropCaps => self.drop_caps = true,
        }
        Ok(())
    }

    /// Where the descriptor goes that `option` names.
    fn descriptor(&mut self, option: NsEnterOption) -> Option<&mut Option<FdNumber>> {
        match option {
            NsEnterOption::Userns => Some(&mut self.userns_fd),
            NsEnterOption::Pidns => Some(&mut self.pidns_fd),
            NsEnterOption::UsernsBlockFd => Some(&mut self.userns_block_fd),
            NsEnterOption::InfoFd => Some(&mut self.info_fd),
            NsEnterOption::JsonStatusFd => Some(&mut self.json_status_fd),
            _ => None,
        }
    }

    /// Whether the namespace with this `CLONE_NEW*` bit is to be new.
    pub fn unshares(&self, flag: u32) -> bool {
        Namespaces(self.namespaces).has(flag)
    }

    /// What becomes of the user namespace.
    pub fn user_ns(&self) -> UserNs {
        match (self.userns_fd, self.user, self.user_try) {
            (Some(_), ..) => UserNs::Keep,
            (None, true, _) => UserNs::New,
            (None, false, true) => UserNs::Try,
            (None, false, false) => UserNs::UnlessRoot,
        }
    }
}

/// The bit of the one namespace that `option` makes new.
fn namespace(option: NsEnterOption) -> u32 {
    match option {
        NsEnterOption::UnshareIpc => flags::NEWIPC,
        NsEnterOption::UnsharePid => flags::NEWPID,
        NsEnterOption::UnshareNet => flags::NEWNET,
        NsEnterOption::UnshareUts => flags::NEWUTS,
        NsEnterOption::UnshareCgroup => flags::NEWCGROUP,
        _ => 0,
    }
}
