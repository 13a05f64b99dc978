//! Options of ns-enter: namespaces, ids, and what the monitor outside reports.

use super::{Context, Operands, limit, number, options, out_of_memory};
use crate::fault;
use crate::plan::{
    FdNumber, Field, IdRange, JoinNs, List, ListWriter, Namespaces, NsExtra, NsKind, Seconds, UserNs,
};
use crate::report::Outcome;
use crate::sys::clone_flags as flags;
use crate::text::{Path, Text};
use core::ffi::CStr;

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
            HandleReboot = "--handle-reboot" "" "Power-off is status 0, reboot 133",
        }
    }
}

options! {
    /// Options of ns-enter that bubblewrap does not have. Those of the first section bwrap takes all the same.
    pub enum NsEnterExtra {
        /// Id maps of several ids, and namespaces that exist.
        BOTH {
            UidMap = "--uid-map" "RANGE" "Map user ids: INNER:OUTER:COUNT, as often as needed, or auto:\tthe caller's own id and all that /etc/subuid has for him",
            GidMap = "--gid-map" "RANGE" "Map group ids in the same way (/etc/subgid, newgidmap)",
            JoinNs = "--join-ns" "KIND=NS" "Join a namespace by descriptor or path: KIND is user, cgroup,\tipc, net, pid, time, uts or (ns-enter alone) mnt",
            Limit = "--limit" "LIST" "Limit the sandbox's own cgroup: memory=512M,pids=200,cpu=1.5\t(needs --cgroup)",
            Console = "--console" "" "Give the sandbox a terminal of its own, with --dev its /dev/console;\tCtrl-] three times ends the launch, as its end ends the sandbox",
        }
        /// Namespaces and ids as a command of its own has them.
        CHAIN {
            UnshareTime = "--unshare-time" "" "Make the time namespace new (not part of --unshare-all)",
            Monotonic = "--monotonic" "SECONDS" "Put the monotonic clock of a new time namespace forward, or back if negative",
            Boottime = "--boottime" "SECONDS" "The same for the clock that counts from the boot",
            Setgroups = "--setgroups" "POLICY" "Whether setgroups(2) may be called in the new user namespace,\tallow or deny; by default only with --gid-map",
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
    /// `--uid-map`, of type [`IdRange`].
    pub uid_map: Option<ListWriter>,
    /// `--gid-map`, of type [`IdRange`].
    pub gid_map: Option<ListWriter>,
    /// `--join-ns`, of type [`JoinNs`].
    pub join: Option<ListWriter>,
    /// The `CLONE_NEW*` bits of the kinds in `join`.
    pub joined: u32,
    /// `--setgroups`.
    pub setgroups: Option<bool>,
    /// `--monotonic`.
    pub monotonic: Option<Seconds>,
    /// `--boottime`.
    pub boottime: Option<Seconds>,
    /// `--handle-reboot`.
    pub handle_reboot: bool,
    /// `--keep-caps`.
    pub keep_caps: bool,
    /// `--drop-caps`.
    pub drop_caps: bool,
    /// `--limit`, of type [`Limit`].
    pub limits: Option<ListWriter>,
    /// `--console`.
    pub console: bool,
}

impl NsEnterExtra {
    /// Whether bwrap takes it too.
    pub fn is_bwraps(self) -> bool {
        use NsEnterExtra as Opt;
        matches!(self, Opt::UidMap | Opt::GidMap | Opt::JoinNs | Opt::Limit | Opt::Console)
    }
}

impl NsEnterDraft {
    /// Whether the sandbox goes when the monitor does.
    pub fn ends_with_monitor(&self) -> bool {
        // A terminal that nobody relays is one that the sandbox would wait for to no end.
        self.die_with_parent || self.console
    }

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
            Opt::HandleReboot => self.handle_reboot = true,
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
        operands: Operands,
        context: &mut Context<'_>,
    ) -> Outcome<()> {
        use NsEnterExtra as Opt;
        let [first, ..] = operands;
        match option {
            Opt::UidMap | Opt::GidMap => {
                self.user = true;
                let range = range(first)
                    .ok_or_else(|| fault!(option.name(), " takes INNER:OUTER:COUNT or auto, not ", first))?;
                let map = if option == Opt::UidMap { &mut self.uid_map } else { &mut self.gid_map };
                push(map, &range)?;
            }
            Opt::JoinNs => self.join(first, context)?,
            Opt::UnshareTime => self.namespaces |= flags::NEWTIME,
            Opt::Monotonic | Opt::Boottime => {
                self.namespaces |= flags::NEWTIME;
                let offset = seconds(first.to_bytes())
                    .ok_or_else(|| fault!(option.name(), " takes a number of seconds, not ", first))?;
                let clock = if option == Opt::Monotonic { &mut self.monotonic } else { &mut self.boottime };
                *clock = Some(offset);
            }
            Opt::Setgroups => {
                self.setgroups = Some(match first.to_bytes() {
                    b"allow" => true,
                    b"deny" => false,
                    _ => return Err(fault!("--setgroups takes allow or deny, not ", first)),
                });
                self.user = true;
            }
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
            Opt::Limit => {
                let limits = match self.limits.take() {
                    Some(limits) => limits,
                    None => out_of_memory(ListWriter::new(64))?,
                };
                limit::read(first, self.limits.insert(limits))?;
            }
            Opt::Console => self.console = true,
            Opt::KeepCaps => self.keep_caps = true,
            Opt::DropCaps => self.drop_caps = true,
        }
        Ok(())
    }

    /// `--join-ns KIND=FD|PATH`.
    fn join(&mut self, word: &'static CStr, context: &mut Context<'_>) -> Outcome<()> {
        let bad = || fault!("--join-ns takes KIND=FD or KIND=PATH, not ", word);
        let bytes = word.to_bytes_with_nul();
        let at = bytes.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
        let (name, value) = bytes.split_at_checked(at).ok_or_else(bad)?;
        let kind = NsKind::ALL.into_iter().find(|kind| kind.name().as_bytes() == name).ok_or_else(bad)?;
        let value = value.get(1..).and_then(|value| CStr::from_bytes_with_nul(value).ok()).ok_or_else(bad)?;
        let digits = value.to_bytes().iter().all(u8::is_ascii_digit);
        let join = match value.to_bytes() {
            b"" => return Err(bad()),
            _ if digits => JoinNs::Fd { kind, fd: context.name(number::fd(value)?)? },
            _ => JoinNs::Path { kind, path: Path(value) },
        };
        if self.joined & kind.flag() != 0 {
            return Err(fault!("--join-ns ", kind.name(), " given twice"));
        }
        self.joined |= kind.flag();
        push(&mut self.join, &join)
    }

    /// What goes into the plan beside bubblewrap's fields.
    pub fn extra(&self, own_cgroup: bool) -> Option<NsExtra<'_>> {
        let asked = self.uid_map.is_some()
            || self.gid_map.is_some()
            || self.join.is_some()
            || self.setgroups.is_some()
            || self.monotonic.is_some()
            || self.boottime.is_some()
            || own_cgroup
            || self.console;
        asked.then(|| NsExtra {
            uid_map: self.uid_map.as_ref().map_or(List::EMPTY, ListWriter::list),
            gid_map: self.gid_map.as_ref().map_or(List::EMPTY, ListWriter::list),
            setgroups: self.setgroups,
            join: self.join.as_ref().map_or(List::EMPTY, ListWriter::list),
            monotonic: self.monotonic,
            boottime: self.boottime,
            own_cgroup,
            limits: self.limits.as_ref().map_or(List::EMPTY, ListWriter::list),
            console: self.console,
        })
    }

    /// Whether the id maps are of several ids, or for others to write.
    pub fn has_maps(&self) -> bool {
        self.uid_map.is_some() || self.gid_map.is_some()
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
            _ if self.joined & flags::NEWUSER != 0 => UserNs::Keep,
            (None, true, _) => UserNs::New,
            (None, false, true) => UserNs::Try,
            (None, false, false) => UserNs::UnlessRoot,
        }
    }
}

/// Appends `item` to a list that is made when it is needed.
fn push<'a, T: Field<'a>>(list: &mut Option<ListWriter>, item: &T) -> Outcome<()> {
    if list.is_none() {
        *list = Some(out_of_memory(ListWriter::new(256))?);
    }
    list.as_mut().map_or(Ok(()), |list| out_of_memory(list.push(item)))
}

/// `INNER:OUTER:COUNT` or `auto`; no id beyond the last there is, which is 2^32-2.
fn range(word: &CStr) -> Option<IdRange> {
    if word.to_bytes() == b"auto" {
        return Some(IdRange::Auto);
    }
    let mut numbers = word.to_bytes().split(|byte| *byte == b':').map(unsigned);
    let (inner, outer, count) = (numbers.next()??, numbers.next()??, numbers.next()??);
    let fits = |first: u64| first + count <= u64::from(u32::MAX);
    if numbers.next().is_some() || count == 0 || !fits(inner) || !fits(outer) {
        return None;
    }
    let id = |n: u64| u32::try_from(n).ok();
    Some(IdRange::Range { inner: id(inner)?, outer: id(outer)?, count: id(count)? })
}

/// Digits only, up to 32 bits.
fn unsigned(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > 10 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let n = digits.iter().fold(0u64, |n, digit| n * 10 + u64::from(digit - b'0'));
    Some(n).filter(|n| *n <= u64::from(u32::MAX))
}

/// A number of seconds, with a sign or without.
fn seconds(word: &[u8]) -> Option<Seconds> {
    let (negative, digits) = match word {
        [b'-', digits @ ..] => (true, digits),
        [b'+', digits @ ..] => (false, digits),
        digits => (false, digits),
    };
    unsigned(digits).map(|count| Seconds { negative, count })
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
