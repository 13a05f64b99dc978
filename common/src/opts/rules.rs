//! Which options go together: what is refused once the whole line is read. Which of two refusals comes first is
//! part of the interface, so the order of the checks is the reference's.

use super::bwrap::CommandLine;
use crate::fault;
use crate::plan::UserNs;
use crate::report::Outcome;
use crate::sys::clone_flags as flags;

impl CommandLine<'_> {
    /// The rules for user namespaces, checked before it is known whether there is a command.
    pub(super) fn check_user_ns(&self) -> Outcome<()> {
        let ns = &self.ns_enter;
        if ns.userns_block_fd.is_some() && !ns.user {
            return Err(fault!("--userns-block-fd requires --unshare-user"));
        }
        if ns.userns_block_fd.is_some() && ns.info_fd.is_none() {
            return Err(fault!("--userns-block-fd requires --info-fd"));
        }
        if ns.userns_fd.is_some() && ns.user {
            return Err(fault!("--userns is not compatible with --unshare-user"));
        }
        if ns.userns_fd.is_some() && ns.user_try {
            return Err(fault!("--userns is not compatible with --unshare-user-try"));
        }
        if self.priv_drop.disable_userns && !ns.user {
            return Err(fault!("--disable-userns requires --unshare-user"));
        }
        if ns.joined & flags::NEWUSER != 0 && (ns.user || ns.user_try || ns.userns_fd.is_some()) {
            return Err(fault!(
                "--join-ns user is not compatible with --unshare-user, --uid-map or --userns"
            ));
        }
        if ns.joined & flags::NEWPID != 0 && ns.pidns_fd.is_some() {
            return Err(fault!("--join-ns pid is not compatible with --pidns"));
        }
        if ns.has_maps() && (ns.userns_fd.is_some() || ns.userns_block_fd.is_some()) {
            return Err(fault!(
                "--uid-map and --gid-map are not compatible with --userns and --userns-block-fd"
            ));
        }
        if ns.has_maps() && self.priv_drop.disable_userns {
            // A second user namespace would have to map all of it again.
            return Err(fault!("--disable-userns is not compatible with --uid-map and --gid-map"));
        }
        if self.priv_drop.disable_userns && ns.userns_block_fd.is_some() {
            return Err(fault!("--disable-userns is not compatible with --userns-block-fd"));
        }
        Ok(())
    }

    /// What an option needs beside it.
    pub(super) fn check_requirements(&self) -> Outcome<()> {
        let ns = &self.ns_enter;
        // With UnlessRoot a caller who is root keeps the user namespace and with it the ids. Whether Try comes to
        // the same is for ns-enter to find out.
        if (ns.uid.is_some() || ns.gid.is_some()) && ns.user_ns() == UserNs::UnlessRoot {
            let (uid, gid) = self.host.ids();
            if uid == 0 && ns.uid.is_some_and(|wanted| wanted != uid) {
                return Err(fault!("Specifying --uid requires --unshare-user or --userns"));
            }
            if uid == 0 && ns.gid.is_some_and(|wanted| wanted != gid) {
                return Err(fault!("Specifying --gid requires --unshare-user or --userns"));
            }
        }
        if ns.limits.is_some() && !self.fs_build.has_cgroup {
            return Err(fault!("Specifying --limit requires --cgroup"));
        }
        if ns.hostname.is_some() && !ns.unshares(flags::NEWUTS) {
            return Err(fault!("Specifying --hostname requires --unshare-uts"));
        }
        if self.init_reaper.as_pid_1 && !ns.unshares(flags::NEWPID) {
            return Err(fault!("Specifying --as-pid-1 requires --unshare-pid"));
        }
        if self.init_reaper.as_pid_1 && !self.init_reaper.locks.is_empty() {
            return Err(fault!("Specifying --as-pid-1 and --lock-file is not permitted"));
        }
        Ok(())
    }
}
