//! Golden plans: `tests/golden/NAME.plan`, and beside each a `NAME.txt` that says in words and bytes what it holds.

use super::generate::list;
use super::*;
use crate::caps::{CapSet, cap};
use crate::text::{Path, Text};
use std::fmt::Write;
use std::path::PathBuf;

fn folder() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden"))
}

fn fd(number: i32) -> FdNumber {
    FdNumber::new(number).unwrap()
}

fn mode(bits: u32) -> Mode {
    Mode::new(bits).unwrap()
}

fn command(words: &[&'static std::ffi::CStr]) -> Command<'static> {
    let args: Vec<Text> = words.iter().map(|word| Text(word)).collect();
    Command {
        argv0: None,
        args: list(&args),
        env: List::EMPTY,
        directory: None,
        exec_label: None,
        drop_ambient: false,
    }
}

/// The command and nothing else.
fn minimal() -> Records<'static> {
    Records {
        flags: FLAG_BWRAP,
        ns_enter: None,
        fs_build: None,
        priv_drop: None,
        init_reaper: None,
        seccomp_load: None,
        command: command(&[c"true"]),
    }
}

/// `SECCOMP_RET_ALLOW`, and `SECCOMP_RET_ERRNO` with `ENOSYS`: one `BPF_RET | BPF_K` entry each.
const ALLOW: [u8; 8] = [6, 0, 0, 0, 0, 0, 0xff, 0x7f];
const NOSYS: [u8; 8] = [6, 0, 0, 0, 38, 0, 5, 0];

/// What priv-drop does as a command of its own.
fn attributes() -> Attributes<'static> {
    let change = |drop, add| CapChange { drop: CapSet::of(&[drop]), add: CapSet::of(&[add]) };
    Attributes {
        rlimits: list(&[
            Rlimit { resource: 7, soft: Some(1024), hard: Some(u64::MAX) },
            Rlimit { resource: 4, soft: Some(0), hard: None },
        ]),
        groups: Some(list(&[4, 27])),
        rgid: Some(100),
        egid: Some(101),
        ruid: Some(1000),
        euid: Some(1001),
        bounding: CapChange { drop: CapSet::ALL, add: CapSet::EMPTY },
        securebits_drop: 0x10,
        securebits_add: 0x2f,
        inheritable: change(1, 2),
        permitted: change(3, 4),
        effective: change(5, 6),
        ambient: change(7, 8),
        keyring: true,
        umask: Some(mode(0o27)),
        pdeathsig: Some(15),
    }
}

/// What init-reaper does as a command of its own.
fn control() -> Control<'static> {
    Control {
        subreaper: true,
        forward: SignalSet::of(&[1, 2, 3, 10, 12, 15]),
        stop_signal: Signal::new(37),
        group: true,
        foreground: true,
        left: Left::Kill { grace: 10_000 },
        remap_exit: list(&[143, 7]),
        parent_death_signal: Signal::new(15),
    }
}

fn ns_extra() -> NsExtra<'static> {
    let joins: Vec<JoinNs> = NsKind::ALL.map(|kind| JoinNs::Fd { kind, fd: fd(30) }).into();
    let path = JoinNs::Path { kind: NsKind::Net, path: Path(c"/proc/7/ns/net") };
    NsExtra {
        uid_map: list(&[IdRange::Auto, IdRange::Range { inner: 70000, outer: 1001, count: 1 }]),
        gid_map: list(&[IdRange::Auto]),
        setgroups: Some(true),
        join: list(&[&joins[..], &[path]].concat()),
        monotonic: Some(Seconds { negative: true, count: 1 }),
        boottime: Some(Seconds { negative: false, count: 86400 }),
        own_cgroup: true,
        limits: list(&[Limit::File { name: Path(c"memory.max"), value: Text(c"536870912") }]),
        console: true,
    }
}

/// Every frame, every operation, every field set.
fn rich() -> Records<'static> {
    let access = [Access::ReadWrite, Access::ReadOnly, Access::Device];
    let (source, dest) = (Path(c"/usr"), Path(c"/mnt/usr"));
    let mut ops: Vec<MountOp> = access
        .iter()
        .map(|access| MountOp::Bind { source, dest, access: *access, allow_missing: false })
        .collect();
    ops.extend([
        MountOp::Bind { source: Path(c"/no"), dest, access: Access::ReadOnly, allow_missing: true },
        MountOp::BindFd { fd: fd(10), dest, access: Access::ReadWrite },
        MountOp::OverlaySrc { source: Path(c"/lower") },
        MountOp::Overlay { upper: Path(c"/upper"), work: Path(c"/work"), dest: Path(c"/over") },
        MountOp::TmpOverlay { dest: Path(c"/tmp-over") },
        MountOp::RoOverlay { dest: Path(c"/ro-over") },
        MountOp::Proc { dest: Path(c"/proc") },
        MountOp::Dev { dest: Path(c"/dev") },
        MountOp::Tmpfs { dest: Path(c"/tmp"), mode: mode(0o1777), size: None },
        MountOp::Tmpfs { dest: Path(c"/run"), mode: mode(0o755), size: Some(10 << 20) },
        MountOp::Mqueue { dest: Path(c"/dev/mqueue") },
        MountOp::Dir { dest: Path(c"/a/b"), mode: mode(0o700) },
        MountOp::File { fd: fd(11), dest: Path(c"/etc/passwd"), mode: mode(0o644) },
        MountOp::BindData { fd: fd(12), dest: Path(c"/data"), mode: mode(0o600), read_only: false },
        MountOp::BindData { fd: fd(12), dest: Path(c"/ro-data"), mode: mode(0o400), read_only: true },
        MountOp::Symlink { target: Path(c"usr/bin"), dest: Path(c"/bin") },
        MountOp::RemountRo { dest: Path(c"/") },
        MountOp::Chmod { path: Path(c"/a"), mode: mode(0o7777) },
        MountOp::Sys { dest: Path(c"/sys") },
        MountOp::Cgroup { dest: Path(c"/sys/fs/cgroup") },
    ]);
    let ns_enter = NsEnter {
        namespaces: Namespaces::ALL,
        cgroup_try: true,
        user: UserNs::New,
        userns_fd: Some(fd(20)),
        pidns_fd: Some(fd(21)),
        uid: Some(1000),
        gid: Some(100),
        second: SecondUserNs::Always,
        loopback: true,
        hostname: Some(Text(c"golden")),
        die_with_parent: true,
        info_fd: Some(fd(22)),
        json_status_fd: Some(fd(23)),
        userns_block_fd: Some(fd(24)),
        raise: CapSet::of(&[cap::SYS_ADMIN, cap::NET_ADMIN]),
        forward: SignalSet::of(&[1, 2, 15, 64]),
        stop_signal: Signal::new(37),
        handle_reboot: true,
        extra: Some(ns_extra()),
    };
    let priv_drop = PrivDrop {
        userns2_fd: Some(fd(25)),
        disable_userns: true,
        assert_userns_disabled: true,
        cap_add: CapSet::of(&[cap::CHOWN]),
        cap_drop: CapSet::ALL,
        block_fd: Some(fd(26)),
        new_session: true,
        die_with_parent: true,
        allow_new_privs: true,
        attributes: Some(attributes()),
    };
    let programs = [NOSYS, ALLOW].map(|entry| Program::new(Box::leak(Box::new(entry))).unwrap());
    let locks = [Path(c"/run/lock"), Path(c"relative.lock")];
    let (name, value) = (Text(c"HOME"), Text(c"/home/\xc3\xa4 b"));
    let env = [EnvOp::Clear, EnvOp::Set { name, value }, EnvOp::Unset { name: Text(c"TMPDIR") }];
    Records {
        flags: FLAG_BWRAP | FLAG_LEVEL_PREFIX,
        ns_enter: Some(ns_enter),
        fs_build: Some(FsBuild {
            best_effort: true,
            file_label: Some(Text(c"label")),
            ops: list(&ops),
            keep_suid: true,
        }),
        priv_drop: Some(priv_drop),
        init_reaper: Some(InitReaper {
            locks: list(&locks),
            sync_fds: list(&[fd(0), fd(127), fd(128), fd(i32::MAX)]),
            die_with_parent: true,
            control: Some(control()),
        }),
        seccomp_load: Some(SeccompLoad { programs: list(&programs), log: true, spec_allow: true }),
        command: Command {
            argv0: Some(Text(c"-sh")),
            env: list(&env),
            directory: Some(Path(c"/")),
            exec_label: Some(Text(c"user_u:user_r:user_t:s0")),
            drop_ambient: true,
            ..command(&[c"/bin/sh", c"-c", c"", c"a\nb"])
        },
    }
}

/// 1,000 operations: lengths that take more than one byte.
fn many() -> Records<'static> {
    let ops: Vec<MountOp> = (0..1000)
        .map(|n| {
            let text = std::ffi::CString::new(format!("/dir/{n}")).unwrap();
            let dest = Path(Box::leak(text.into_boxed_c_str()));
            MountOp::Dir { dest, mode: mode(n % 0o10000) }
        })
        .collect();
    let fs_build = FsBuild { best_effort: false, file_label: None, ops: list(&ops), keep_suid: false };
    Records { fs_build: Some(fs_build), ..minimal() }
}

pub(super) fn all() -> [(&'static str, Records<'static>); 3] {
    [("minimal", minimal()), ("rich", rich()), ("many", many())]
}

/// A record's fields or a list's items, one a line: the readable half of a golden plan.
fn describe(records: &Records<'_>, bytes: &[u8]) -> String {
    fn items<'a, T: Field<'a> + std::fmt::Debug>(out: &mut String, name: &str, list: &List<'a, T>) {
        writeln!(out, "  {name}: {}", list.len()).unwrap();
        list.iter().for_each(|item| writeln!(out, "    {item:?}").unwrap());
    }
    let lines = |record: String| record.replace(" { ", "\n  ").replace(", ", "\n  ").replace(" }", "\n");
    let mut out = format!("version {VERSION}, flags {}, {} bytes\n", records.flags, bytes.len());
    if let Some(frame) = &records.ns_enter {
        let short = |extra: NsExtra<'_>| {
            format!(
                "{:?}",
                NsExtra {
                    uid_map: List::EMPTY,
                    gid_map: List::EMPTY,
                    join: List::EMPTY,
                    limits: List::EMPTY,
                    ..extra
                }
            )
        };
        out.push_str(&lines(format!("{:?}", NsEnter { extra: None, ..*frame })));
        if let Some(extra) = frame.extra {
            out.push_str(&lines(short(extra)));
            items(&mut out, "uid_map", &extra.uid_map);
            items(&mut out, "gid_map", &extra.gid_map);
            items(&mut out, "join", &extra.join);
            items(&mut out, "limits", &extra.limits);
        }
    }
    if let Some(FsBuild { best_effort, file_label, ops, keep_suid }) = &records.fs_build {
        writeln!(
            out,
            "FsBuild\n  best_effort: {best_effort}\n  file_label: {file_label:?}\n  keep_suid: {keep_suid}"
        )
        .unwrap();
        items(&mut out, "ops", ops);
    }
    if let Some(frame) = &records.priv_drop {
        out.push_str(&lines(format!("{:?}", PrivDrop { attributes: None, ..*frame })));
        if let Some(attributes) = &frame.attributes {
            let inner = Attributes { rlimits: List::EMPTY, groups: None, ..*attributes };
            out.push_str(&lines(format!("{inner:?}")));
            items(&mut out, "rlimits", &attributes.rlimits);
            items(&mut out, "groups", &attributes.groups.unwrap_or(List::EMPTY));
        }
    }
    if let Some(InitReaper { locks, sync_fds, die_with_parent, control }) = &records.init_reaper {
        writeln!(out, "InitReaper\n  die_with_parent: {die_with_parent}").unwrap();
        items(&mut out, "locks", locks);
        items(&mut out, "sync_fds", sync_fds);
        if let Some(control) = control {
            out.push_str(&lines(format!("{:?}", Control { remap_exit: List::EMPTY, ..*control })));
            items(&mut out, "remap_exit", &control.remap_exit);
        }
    }
    if let Some(SeccompLoad { programs, log, spec_allow }) = &records.seccomp_load {
        writeln!(out, "SeccompLoad\n  log: {log}\n  spec_allow: {spec_allow}").unwrap();
        items(&mut out, "programs", programs);
    }
    let Command { argv0, args, env, directory, exec_label, drop_ambient } = &records.command;
    writeln!(out, "Command\n  argv0: {argv0:?}\n  directory: {directory:?}\n  exec_label: {exec_label:?}\n  drop_ambient: {drop_ambient}")
        .unwrap();
    items(&mut out, "args", args);
    items(&mut out, "env", env);
    for (index, line) in bytes.chunks(16).enumerate() {
        let hex: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let shown = |byte: &u8| if byte.is_ascii_graphic() { char::from(*byte) } else { '.' };
        let text: String = line.iter().map(shown).collect();
        writeln!(out, "{:06x}  {:<47}  {text}", 16 * index, hex.join(" ")).unwrap();
    }
    out
}

const HOW: &str = "If that was meant to change: a change of the format gives common::plan::VERSION a new number; then run\n    \
     UPDATE_GOLDEN=1 cargo test -p common golden\n    \
     UPDATE_GOLDEN=1 cargo test -p sallyport golden\nand read the difference of tests/golden/*.txt.";

fn updates() -> bool {
    std::env::var_os("UPDATE_GOLDEN").is_some()
}

#[test]
fn golden_plans_are_encoded_in_the_same_bytes_as_ever() {
    for (name, records) in all() {
        let bytes = records.encode();
        let file = folder().join(format!("{name}.plan"));
        if updates() {
            std::fs::write(&file, &bytes).unwrap();
        }
        let pinned = std::fs::read(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
        assert!(pinned == bytes, "{}: other bytes. {HOW}", file.display());
        assert_eq!(Records::decode(&pinned), Ok(records), "{name}");
    }
}

/// Those of `tests/pipeline` lie there too: launches that are run from their files.
#[test]
fn every_stored_plan_encodes_back_to_its_bytes_and_has_its_description_beside_it() {
    let mut plans = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let file = entry.unwrap().path();
        if file.extension().is_none_or(|extension| extension != "plan") {
            continue;
        }
        plans += 1;
        let bytes = std::fs::read(&file).unwrap();
        let records = Records::decode(&bytes).unwrap_or_else(|bad| panic!("{}: {bad:?}", file.display()));
        assert!(records.encode() == bytes, "{}: encodes to other bytes. {HOW}", file.display());
        let (text, text_file) = (describe(&records, &bytes), file.with_extension("txt"));
        if updates() {
            std::fs::write(&text_file, &text).unwrap();
        }
        let pinned = std::fs::read_to_string(&text_file).unwrap_or_default();
        assert!(pinned == text, "{}: does not describe its plan. {HOW}", text_file.display());
    }
    assert!(plans >= all().len(), "only {plans} plans in {}", folder().display());
}

#[test]
fn the_rich_plan_has_every_frame_every_operation_and_every_field() {
    let rich = rich();
    assert_eq!(rich.frames().len(), Stage::ALL.len());
    let numbers: BTreeSet<u32> = rich
        .fs_build
        .unwrap()
        .ops
        .iter()
        .map(|op| {
            let mut out = Buffer::new(64).unwrap();
            op.encode(&mut out).unwrap();
            u32::from(out.bytes()[0])
        })
        .collect();
    assert_eq!(numbers, MountOp::VARIANTS.iter().map(|(number, ..)| *number).collect());
    assert!(!format!("{:?}", (rich.ns_enter, rich.priv_drop, rich.command)).contains("None"));
}
