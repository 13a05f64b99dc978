//! What lines compile to.

use super::*;

#[test]
fn operations_stay_in_their_order() {
    let world = World::user().with(3, b"");
    let line = "--ro-bind /a /b --dev-bind-try /c /d --bind-data 3 /e --overlay-src /f --overlay-src /g \
                --ro-overlay /h --symlink i /j --chmod 4755 /k --not-a-security-boundary x";
    let fd = FdNumber::new(3).unwrap();
    let expected = [
        MountOp::Bind {
            source: path(c"/a"),
            dest: path(c"/b"),
            access: Access::ReadOnly,
            allow_missing: false,
        },
        MountOp::Bind { source: path(c"/c"), dest: path(c"/d"), access: Access::Device, allow_missing: true },
        MountOp::BindData { fd, dest: path(c"/e"), mode: crate::plan::Mode::of::<0o600>(), read_only: false },
        MountOp::OverlaySrc { source: path(c"/f") },
        MountOp::OverlaySrc { source: path(c"/g") },
        MountOp::RoOverlay { dest: path(c"/h") },
        MountOp::Symlink { target: path(c"i"), dest: path(c"/j") },
        MountOp::Chmod { path: path(c"/k"), mode: crate::plan::Mode::of::<0o4755>() },
    ];
    assert_eq!(ops(&world, line), expected);
    assert!(plan(&world, line).decode(Stage::FsBuild, FsBuild::decode).unwrap().best_effort);
}

#[test]
fn namespaces_follow_the_options_from_left_to_right() {
    let all = flags::NEWNS | flags::NEWIPC | flags::NEWPID | flags::NEWNET | flags::NEWUTS;
    let table = [
        ("x", flags::NEWNS, UserNs::UnlessRoot),
        ("--unshare-all x", all, UserNs::Try),
        ("--unshare-all --share-net x", all & !flags::NEWNET, UserNs::Try),
        ("--share-net --unshare-all --unshare-user x", all, UserNs::New),
        (
            "--unshare-net --unshare-cgroup x",
            flags::NEWNS | flags::NEWNET | flags::NEWCGROUP,
            UserNs::UnlessRoot,
        ),
        ("--userns 0 x", flags::NEWNS, UserNs::Keep),
    ];
    for (line, namespaces, user) in table {
        let frame = ns_enter(line);
        assert_eq!((frame.namespaces.0, frame.user), (namespaces, user), "{line}");
        assert_eq!(frame.loopback, namespaces & flags::NEWNET != 0, "{line}");
        assert_eq!(frame.cgroup_try, line.contains("--unshare-all"), "{line}");
    }
}

#[test]
fn a_second_user_namespace_is_for_devpts_and_for_disabling_them() {
    let table = [
        ("x", SecondUserNs::No),
        ("--dev /dev x", SecondUserNs::UnlessRoot),
        ("--dev /dev --userns 0 x", SecondUserNs::No),
        ("--unshare-user --disable-userns --dev /dev x", SecondUserNs::AlwaysFromRoot),
        ("--unshare-user --userns-block-fd 0 --info-fd 0 --dev /dev x", SecondUserNs::No),
    ];
    for (line, second) in table {
        assert_eq!(ns_enter(line).second, second, "{line}");
    }
}

#[test]
fn capabilities_are_added_and_dropped_in_order() {
    let net_admin = CapSet::of(&[cap::NET_ADMIN]);
    let table = [
        ("--cap-add ALL x", CapSet::ALL, CapSet::EMPTY),
        ("--cap-drop ALL --cap-add cap_net_admin x", net_admin, CapSet::ALL.without(net_admin)),
        ("--cap-add cap_net_admin --cap-drop ALL x", CapSet::EMPTY, CapSet::ALL),
        ("--cap-add CAP_NET_ADMIN --cap-drop 12 x", CapSet::EMPTY, net_admin),
    ];
    for (line, add, drop) in table {
        let frame = priv_drop(line);
        assert_eq!((frame.cap_add, frame.cap_drop), (add, drop), "{line}");
    }
}

#[test]
fn no_more_capabilities_are_raised_than_the_plan_needs() {
    use cap::*;
    let table: &[(&str, &[u8])] = &[
        ("x", &[SYS_ADMIN, SETPCAP]),
        ("--ro-bind / / x", &[SYS_ADMIN, SETPCAP]),
        ("--ro-bind /a / x", &[SYS_ADMIN, SETPCAP, DAC_READ_SEARCH]),
        ("--ro-bind / / --proc /proc x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE]),
        ("--perms 6755 --dir /a --chmod 2755 /b x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE]),
        ("--overlay-src /a --tmp-overlay /b x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE]),
        ("--ro-bind / / --cap-add CAP_NET_ADMIN x", &[SYS_ADMIN, SETPCAP, NET_ADMIN]),
        // All that the command may keep is there in the last user namespace.
        (
            "--ro-bind / / --unshare-user --disable-userns --cap-add CAP_NET_ADMIN x",
            &[SYS_ADMIN, SYS_RESOURCE],
        ),
        ("--ro-bind / / --dev /dev x", &[SYS_ADMIN, DAC_OVERRIDE]),
        ("--userns 0 --userns2 0 --ro-bind / / x", &[SYS_ADMIN]),
        // Several ids may be mapped.
        ("--userns 0 --dir /a x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE, FOWNER]),
        ("--userns 0 --chmod 2755 /a x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE, FOWNER, FSETID]),
        (
            "--unshare-user --userns-block-fd 0 --info-fd 0 --overlay-src /a --tmp-overlay /b x",
            &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE, CHOWN, FOWNER, FSETID, SETFCAP],
        ),
        ("--uid-map 0:1000:10 --perms 755 --dir /a x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE, FOWNER]),
        ("--gid-map auto --chmod 2755 /a x", &[SYS_ADMIN, SETPCAP, DAC_OVERRIDE, FOWNER, FSETID]),
    ];
    for (line, caps) in table {
        assert_eq!(ns_enter(line).raise, CapSet::of(caps), "{line}");
    }
}

#[test]
fn a_reaper_is_there_for_a_pid_namespace_and_for_what_is_held() {
    let world = World::user().with(4, b"");
    let has = |line| plan(&world, line).has(Stage::InitReaper);
    assert!(
        has("--unshare-pid x") && has("--lock-file /x x") && has("--sync-fd 4 x") && has("--sync-fd 99 x")
    );
    assert!(
        !has("x") && !has("--unshare-pid --as-pid-1 x") && !has("--unshare-pid --as-pid-1 --sync-fd 4 x")
    );
    let plan = plan(&world, "--sync-fd 4 --sync-fd 99 --lock-file /a --lock-file /b --die-with-parent x");
    let frame = plan.decode(Stage::InitReaper, InitReaper::decode).unwrap();
    let fds: Vec<_> = frame.sync_fds.iter().collect();
    assert_eq!(fds, [FdNumber::new(4).unwrap(), FdNumber::CLOSED]);
    assert_eq!((frame.locks.len(), frame.die_with_parent), (2, true));
}

#[test]
fn descriptors_that_are_not_open_meet_none_of_ours() {
    let world = World::user().with(3, b"").with(5, b"");
    let line = "--file 3 /a --file 4 /b --info-fd 4 --json-status-fd 3 --block-fd 4 --userns2 4 x";
    let fd = |op: &MountOp<'_>| match op {
        MountOp::File { fd, .. } => *fd,
        other => panic!("{other:?}"),
    };
    let three = FdNumber::new(3).unwrap();
    assert_eq!(ops(&world, line).iter().map(fd).collect::<Vec<_>>(), [three, FdNumber::CLOSED]);
    let plan = plan(&world, line);
    let ns = plan.decode(Stage::NsEnter, NsEnter::decode).unwrap();
    assert_eq!((ns.info_fd, ns.json_status_fd), (Some(FdNumber::CLOSED), Some(three)));
    let drop = plan.decode(Stage::PrivDrop, PrivDrop::decode).unwrap();
    assert_eq!((drop.block_fd, drop.userns2_fd), (Some(FdNumber::CLOSED), Some(FdNumber::CLOSED)));
    refused(
        &world,
        &[
            (
                "--bind-fd 4 /a --ro-bind-fd 6 /b x",
                "Can't find source path /proc/self/fd/4: No such file or directory",
            ),
            ("--args 4 x", "Can't read --args data: Bad file descriptor"),
            ("--add-seccomp-fd 4", "Can't read seccomp data: Bad file descriptor"),
            ("--seccomp 4 x", "Can't read seccomp data: Bad file descriptor"),
            ("--args 5 --args 5 x", "Can't read --args data: Bad file descriptor"),
        ],
    );
    // What has been read is closed, unless an earlier option needs it.
    let world = World::user().with(5, b"").with(6, b"");
    assert_eq!(ops(&world, "--args 5 --file 5 /a x").iter().map(fd).collect::<Vec<_>>(), [FdNumber::CLOSED]);
    let six = FdNumber::new(6).unwrap();
    assert_eq!(ops(&world, "--file 6 /a --args 6 x").iter().map(fd).collect::<Vec<_>>(), [six]);
}

#[test]
fn filters_are_whole_and_embedded() {
    let world = World::user().with(5, b"12345678").with(6, b"abcdefghABCDEFGH");
    let programs = |line| {
        let frame = plan(&world, line).decode(Stage::SeccompLoad, SeccompLoad::decode).unwrap();
        frame.programs.iter().map(|program| program.bytes().to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(programs("--add-seccomp-fd 6 --add-seccomp-fd 5 x"), [&b"abcdefghABCDEFGH"[..], b"12345678"]);
    let world = World::user().with(5, b"12345678").with(6, b"1234");
    let plan = super::plan(&world, "--seccomp 6 --seccomp 5 x");
    assert_eq!(plan.decode(Stage::SeccompLoad, SeccompLoad::decode).unwrap().programs.len(), 1);
    // The one that does not count is not read.
    assert_eq!((world.is_open(Fd(6)), world.is_open(Fd(5))), (Ok(true), Ok(false)));
    refused(
        &world,
        &[
            ("--seccomp 6 --hostname a x", "Specifying --hostname requires --unshare-uts"),
            ("--seccomp 6 x", "Invalid seccomp data, must be multiple of 8"),
        ],
    );
    assert!(!super::plan(&World::user(), "x").has(Stage::SeccompLoad));
}

#[test]
fn labels_are_passed_on_where_the_kernel_has_them() {
    let world = World { selinux: true, ..World::user() };
    let plan = plan(&world, "--exec-label a --exec-label b --file-label c x");
    assert_eq!(plan.decode(Stage::Command, Command::decode).unwrap().exec_label, Some(Text(c"b")));
    assert_eq!(plan.decode(Stage::FsBuild, FsBuild::decode).unwrap().file_label, Some(Text(c"c")));
    assert_eq!(world.warnings.borrow().len(), 1);
}

#[test]
fn any_number_of_arguments_is_taken() {
    let line = "--unshare-pid x".to_owned() + &" y".repeat(50_000) + "";
    let plan = plan(&World::user(), &line);
    assert_eq!(plan.decode(Stage::Command, Command::decode).unwrap().args.len(), 50_001);
    let line = "--dir /a ".repeat(20_000) + "x";
    assert_eq!(ops(&World::user(), &line).len(), 20_000);
}
