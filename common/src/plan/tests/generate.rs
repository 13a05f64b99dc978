//! Generated plans: encode, decode, encode is the identity, whatever a record holds.

use super::*;
use crate::caps::CapSet;
use crate::text::{Path, Text};
use std::ffi::CString;

/// splitmix64: small, good enough, and the same numbers on every machine.
pub(super) struct Random(u64);

impl Random {
    /// The seed comes from `PLAN_SEED` when it is set and is printed, so that a failure can be run again.
    pub(super) fn new(what: &str) -> Random {
        let seed = std::env::var("PLAN_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_251_122);
        println!("{what}: PLAN_SEED={seed}");
        Random(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn bool(&mut self) -> bool {
        self.next() & 1 == 1
    }

    /// Of any magnitude: as many that take one byte of a varint as ten.
    fn number(&mut self) -> u64 {
        let shift = self.below(65);
        if shift == 64 { 0 } else { self.next() >> shift }
    }

    fn maybe<T>(&mut self, make: impl FnOnce(&mut Random) -> T) -> Option<T> {
        if self.bool() { Some(make(self)) } else { None }
    }

    /// Any bytes but NUL; the length now and then across a varint's boundary.
    fn bytes(&mut self) -> &'static std::ffi::CStr {
        let most = [1, 8, 40, 130, 400][self.below(5)];
        let length = self.below(most);
        let bytes: Vec<u8> = (0..length).map(|_| 1 + self.below(255) as u8).collect();
        Box::leak(CString::new(bytes).unwrap().into_boxed_c_str())
    }

    fn text(&mut self) -> Text<'static> {
        Text(self.bytes())
    }

    fn path(&mut self) -> Path<'static> {
        let bytes = self.bytes();
        Path(if bytes.is_empty() { c"/" } else { bytes })
    }

    fn fd(&mut self) -> FdNumber {
        FdNumber::new((self.number() >> 33) as i32).unwrap()
    }

    fn mode(&mut self) -> Mode {
        Mode::new(self.below(0o10000) as u32).unwrap()
    }

    fn caps(&mut self) -> CapSet {
        CapSet(self.number())
    }

    fn list<T: Field<'static>>(&mut self, make: impl Fn(&mut Random) -> T) -> List<'static, T> {
        let most = [1, 3, 20, 300][self.below(4)];
        let items: Vec<T> = (0..self.below(most)).map(|_| make(self)).collect();
        list(&items)
    }

    fn env_op(&mut self) -> EnvOp<'static> {
        match self.below(EnvOp::VARIANTS.len()) {
            0 => EnvOp::Clear,
            1 => EnvOp::Set { name: self.text(), value: self.text() },
            _ => EnvOp::Unset { name: self.text() },
        }
    }

    fn mount_op(&mut self) -> MountOp<'static> {
        let number = self.below(MountOp::VARIANTS.len()) as u32;
        self.mount_op_numbered(number)
    }

    fn access(&mut self) -> Access {
        [Access::ReadWrite, Access::ReadOnly, Access::Device][self.below(3)]
    }

    pub(super) fn mount_op_numbered(&mut self, number: u32) -> MountOp<'static> {
        let (dest, mode, fd) = (self.path(), self.mode(), self.fd());
        match number {
            0 => {
                MountOp::Bind { source: self.path(), dest, access: self.access(), allow_missing: self.bool() }
            }
            1 => MountOp::BindFd { fd, dest, access: self.access() },
            2 => MountOp::OverlaySrc { source: self.path() },
            3 => MountOp::Overlay { upper: self.path(), work: self.path(), dest },
            4 => MountOp::TmpOverlay { dest },
            5 => MountOp::RoOverlay { dest },
            6 => MountOp::Proc { dest },
            7 => MountOp::Dev { dest },
            8 => MountOp::Tmpfs { dest, mode, size: self.maybe(Random::number) },
            9 => MountOp::Mqueue { dest },
            10 => MountOp::Dir { dest, mode },
            11 => MountOp::File { fd, dest, mode },
            12 => MountOp::BindData { fd, dest, mode, read_only: self.bool() },
            13 => MountOp::Symlink { target: self.path(), dest },
            14 => MountOp::RemountRo { dest },
            15 => MountOp::Chmod { path: dest, mode },
            16 => MountOp::Sys { dest },
            17 => MountOp::Cgroup { dest },
            other => panic!("MountOp {other} is new: generate it here"),
        }
    }

    fn ns_enter(&mut self) -> NsEnter<'static> {
        let users = [UserNs::Keep, UserNs::UnlessRoot, UserNs::New, UserNs::Try];
        let seconds = [SecondUserNs::No, SecondUserNs::UnlessRoot, SecondUserNs::Always];
        NsEnter {
            namespaces: Namespaces(self.next() as u32 & Namespaces::ALL.0),
            cgroup_try: self.bool(),
            user: users[self.below(users.len())],
            userns_fd: self.maybe(Random::fd),
            pidns_fd: self.maybe(Random::fd),
            uid: self.maybe(|random| random.next() as u32),
            gid: self.maybe(|random| random.next() as u32),
            second: seconds[self.below(seconds.len())],
            loopback: self.bool(),
            hostname: self.maybe(Random::text),
            die_with_parent: self.bool(),
            info_fd: self.maybe(Random::fd),
            json_status_fd: self.maybe(Random::fd),
            userns_block_fd: self.maybe(Random::fd),
            raise: self.caps(),
            forward: self.signals(),
            stop_signal: self.maybe(Random::signal),
            handle_reboot: self.bool(),
            extra: self.maybe(Random::ns_extra),
        }
    }

    fn ns_extra(&mut self) -> NsExtra<'static> {
        NsExtra {
            uid_map: self.list(Random::id_range),
            gid_map: self.list(Random::id_range),
            setgroups: self.maybe(Random::bool),
            join: self.list(Random::join_ns),
            monotonic: self.maybe(Random::seconds),
            boottime: self.maybe(Random::seconds),
            own_cgroup: self.bool(),
            limits: self.list(Random::limit),
            console: self.bool(),
        }
    }

    fn limit(&mut self) -> Limit<'static> {
        Limit::File { name: self.path(), value: self.text() }
    }

    fn id_range(&mut self) -> IdRange {
        let range = IdRange::Range { inner: self.id(), outer: self.id(), count: self.id() };
        [IdRange::Auto, range][self.below(2)]
    }

    fn join_ns(&mut self) -> JoinNs<'static> {
        let kind = NsKind::ALL[self.below(8)];
        [JoinNs::Fd { kind, fd: self.fd() }, JoinNs::Path { kind, path: self.path() }][self.below(2)]
    }

    fn seconds(&mut self) -> Seconds {
        Seconds { negative: self.bool(), count: self.number() }
    }

    fn signal(&mut self) -> Signal {
        Signal::new(1 + self.below(64) as u8).unwrap()
    }

    fn signals(&mut self) -> SignalSet {
        SignalSet(self.number())
    }

    fn id(&mut self) -> u32 {
        self.next() as u32
    }

    fn cap_change(&mut self) -> CapChange {
        CapChange { drop: self.caps(), add: self.caps() }
    }

    fn rlimit(&mut self) -> Rlimit {
        Rlimit {
            resource: self.below(20) as u32,
            soft: self.maybe(Random::number),
            hard: self.maybe(Random::number),
        }
    }

    fn attributes(&mut self) -> Attributes<'static> {
        Attributes {
            rlimits: self.list(Random::rlimit),
            groups: self.maybe(|random| random.list(Random::id)),
            rgid: self.maybe(Random::id),
            egid: self.maybe(Random::id),
            ruid: self.maybe(Random::id),
            euid: self.maybe(Random::id),
            bounding: self.cap_change(),
            securebits_drop: self.id(),
            securebits_add: self.id(),
            inheritable: self.cap_change(),
            permitted: self.cap_change(),
            effective: self.cap_change(),
            ambient: self.cap_change(),
            keyring: self.bool(),
            umask: self.maybe(Random::mode),
            pdeathsig: self.maybe(Random::id),
        }
    }

    fn control(&mut self) -> Control<'static> {
        let left = [Left::Wait, Left::Leave, Left::Kill { grace: self.number() as u32 }];
        Control {
            subreaper: self.bool(),
            forward: self.signals(),
            stop_signal: self.maybe(Random::signal),
            group: self.bool(),
            foreground: self.bool(),
            left: left[self.below(left.len())],
            remap_exit: self.list(Random::id),
            parent_death_signal: self.maybe(Random::signal),
        }
    }

    fn fs_build(&mut self) -> FsBuild<'static> {
        FsBuild {
            best_effort: self.bool(),
            file_label: self.maybe(Random::text),
            ops: self.list(Random::mount_op),
            keep_suid: self.bool(),
        }
    }

    fn priv_drop(&mut self) -> PrivDrop<'static> {
        PrivDrop {
            userns2_fd: self.maybe(Random::fd),
            disable_userns: self.bool(),
            assert_userns_disabled: self.bool(),
            cap_add: self.caps(),
            cap_drop: self.caps(),
            block_fd: self.maybe(Random::fd),
            new_session: self.bool(),
            die_with_parent: self.bool(),
            allow_new_privs: self.bool(),
            attributes: self.maybe(Random::attributes),
        }
    }

    fn init_reaper(&mut self) -> InitReaper<'static> {
        InitReaper {
            locks: self.list(Random::path),
            sync_fds: self.list(Random::fd),
            die_with_parent: self.bool(),
            control: self.maybe(Random::control),
        }
    }

    fn program(&mut self) -> Program<'static> {
        let entries = self.below(40);
        let bytes: Vec<u8> = (0..8 * entries).map(|_| self.next() as u8).collect();
        Program::new(Box::leak(bytes.into_boxed_slice())).unwrap()
    }

    fn command(&mut self) -> Command<'static> {
        Command {
            argv0: self.maybe(Random::text),
            args: self.list(Random::text),
            env: self.list(Random::env_op),
            directory: self.maybe(Random::path),
            exec_label: self.maybe(Random::text),
            drop_ambient: self.below(2) == 1,
        }
    }

    pub(super) fn records(&mut self) -> Records<'static> {
        Records {
            flags: self.below(8) as u16,
            ns_enter: self.maybe(Random::ns_enter),
            fs_build: self.maybe(Random::fs_build),
            priv_drop: self.maybe(Random::priv_drop),
            init_reaper: self.maybe(Random::init_reaper),
            seccomp_load: self.maybe(|random| SeccompLoad {
                programs: random.list(Random::program),
                log: random.bool(),
                spec_allow: random.bool(),
            }),
            command: self.command(),
        }
    }
}

/// A list of these items, kept for good: the tests are short-lived.
pub(super) fn list<T: Field<'static>>(items: &[T]) -> List<'static, T> {
    let list = Box::leak(Box::new(ListWriter::new(64).unwrap()));
    for item in items {
        list.push(item).unwrap();
    }
    list.list()
}

#[test]
fn encode_decode_encode_is_the_identity() {
    let mut random = Random::new("encode_decode_encode_is_the_identity");
    for round in 0..2000 {
        let records = random.records();
        let bytes = records.encode();
        let again =
            Records::decode(&bytes).unwrap_or_else(|bad| panic!("round {round}: {bad:?}: {records:?}"));
        assert_eq!(again, records, "round {round}");
        assert_eq!(again.encode(), bytes, "round {round}");
    }
}

#[test]
fn every_operation_comes_back_as_it_was_and_in_its_place() {
    let mut random = Random::new("every_operation_comes_back_as_it_was_and_in_its_place");
    for _ in 0..200 {
        let ops: Vec<MountOp> =
            MountOp::VARIANTS.iter().map(|(number, ..)| random.mount_op_numbered(*number)).collect();
        let env: Vec<EnvOp> = (0..20).map(|_| random.env_op()).collect();
        let fs_build = FsBuild { best_effort: false, file_label: None, ops: list(&ops), keep_suid: false };
        let command = Command { env: list(&env), ..random.command() };
        let bytes = Records { fs_build: Some(fs_build), command, ..random.records() }.encode();
        let records = Records::decode(&bytes).unwrap();
        let back = records.fs_build.unwrap();
        assert_eq!(back.ops.len(), ops.len());
        assert_eq!(back.ops.iter().collect::<Vec<_>>(), ops);
        assert_eq!(records.command.env.iter().collect::<Vec<_>>(), env);
    }
}

/// `record!` and `variants!` write their encoding out; serde's derive and postcard have to agree with it, or the
/// format would be one that only this crate can read.
#[test]
fn the_encoding_is_postcards_own() {
    let mut random = Random::new("the_encoding_is_postcards_own");
    let mut room = vec![0; 1 << 20];
    let mut postcard = |frame: &[u8], derived: &dyn Fn(&mut [u8]) -> usize| {
        let length = derived(&mut room);
        assert_eq!(frame, &room[..length]);
    };
    for _ in 0..300 {
        let records = random.records();
        for (stage, frame) in records.frames() {
            postcard(&frame, &|room| {
                let written = match stage {
                    Stage::NsEnter => postcard::to_slice(&records.ns_enter.unwrap(), room),
                    Stage::FsBuild => postcard::to_slice(&records.fs_build.unwrap(), room),
                    Stage::PrivDrop => postcard::to_slice(&records.priv_drop.unwrap(), room),
                    Stage::InitReaper => postcard::to_slice(&records.init_reaper.unwrap(), room),
                    Stage::SeccompLoad => postcard::to_slice(&records.seccomp_load.unwrap(), room),
                    Stage::Command => postcard::to_slice(&records.command, room),
                };
                written.unwrap().len()
            });
        }
    }
}

#[test]
fn variant_numbers_count_from_zero_without_a_gap() {
    fn numbers<T>(variants: &[(u32, &str, T)]) -> Vec<u32> {
        variants.iter().map(|(number, ..)| *number).collect()
    }
    for numbers in [
        numbers(MountOp::VARIANTS),
        numbers(EnvOp::VARIANTS),
        numbers(Access::VARIANTS),
        numbers(UserNs::VARIANTS),
        numbers(SecondUserNs::VARIANTS),
        numbers(Left::VARIANTS),
    ] {
        assert_eq!(numbers, (0..numbers.len() as u32).collect::<Vec<_>>());
    }
}
