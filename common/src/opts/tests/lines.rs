//! Which lines are taken, which are refused, and in which words.

use super::*;
use crate::opts::FsBuildSystem;

#[test]
fn the_first_word_that_is_no_option_is_the_command() {
    let world = World::user();
    for line in ["--unshare-pid echo --help -x", "--unshare-pid -- echo --help -x"] {
        let plan = plan(&world, line);
        let command = plan.decode(Stage::Command, Command::decode).unwrap();
        let args: Vec<_> = command.args.iter().map(|arg| arg.0).collect();
        assert_eq!(args, [c"echo", c"--help", c"-x"]);
        assert_eq!(plan.flags(), FLAG_BWRAP);
    }
    assert_eq!(plan(&world, "--level-prefix x").flags(), FLAG_BWRAP | FLAG_LEVEL_PREFIX);
    assert_eq!(plan(&world, "-- --").decode(Stage::Command, Command::decode).unwrap().args.len(), 1);
    assert_eq!(plan(&world, "''").decode(Stage::Command, Command::decode).unwrap().args.len(), 1);
}

#[test]
fn lines_without_a_command_are_answered() {
    let world = World::user();
    let table = [
        ("", Answer::Usage),
        ("--", Answer::Usage),
        ("--unshare-all", Answer::Usage),
        ("--perms 700 --size 5", Answer::Usage),
        ("--hostname a", Answer::Usage),
        ("--help --bogus", Answer::Help),
        ("--overlay-src x --help", Answer::Help),
        ("--perms 700 --help", Answer::Help),
        ("--version --help", Answer::Version),
        ("--debug-opt=print-assumed-kernel --bogus", Answer::AssumedKernel),
    ];
    for (line, answer) in table {
        assert_eq!(run(&world, line), Ok(answer), "{line}");
    }
}

#[test]
fn operands_that_are_missing_are_named_as_the_reference_names_them() {
    refused(
        &World::user(),
        &[
            ("--bogus", "Unknown option --bogus"),
            ("-", "Unknown option -"),
            ("--bind=/ x", "Unknown option --bind=/"),
            ("--debug-opt=x", "Unknown --debug-opt value: x"),
            ("--args", "--args takes an argument"),
            ("--argv0", "--argv0 takes one argument"),
            ("--chdir", "--chdir takes one argument"),
            ("--remount-ro", "--remount-ro takes one argument"),
            ("--tmpfs", "--tmpfs takes an argument"),
            ("--bind a", "--bind takes two arguments"),
            ("--ro-bind-fd 1", "--bind-fd takes two arguments"),
            ("--setenv a", "--setenv takes two arguments"),
            ("--overlay a b", "--overlay takes three arguments"),
            ("--perms 700 --perms", "--perms takes an argument"),
            ("--argv0 a --argv0", "--argv0 takes one argument"),
            ("--argv0 a --argv0 b", "--argv0 used multiple times"),
            ("--setenv '' x", "setenv failed"),
            ("--setenv a=b x", "setenv failed"),
            ("--unsetenv a=", "unsetenv failed"),
            ("--cap-add x", "unknown cap: x"),
            ("--exec-label x", "labeling not supported on this system"),
            ("--file-label x", "labeling not supported on this system"),
            ("--bind '' ''", "--bind does not take an empty path argument"),
            ("--symlink x ''", "--symlink does not take an empty path argument"),
            ("--lock-file ''", "--lock-file does not take an empty path argument"),
            ("--ro-bind-fd 0 ''", "--ro-bind-fd does not take an empty path argument"),
            ("--file x ''", "Invalid fd: x"),
            ("--chmod 8 ''", "--chmod takes an octal argument <= 07777"),
        ],
    );
}

#[test]
fn modifiers_reach_just_the_next_option() {
    let layers = "--overlay-src must be followed by another --overlay-src or one of --overlay, --tmp-overlay, or \
                  --ro-overlay";
    let perms = "--perms must be followed by an option that creates a file";
    let size = "--size must be followed by --tmpfs";
    refused(
        &World::user().with(7, b"").with(8, b"--perms\x000700").with(9, b"--overlay-src\0/a"),
        &[
            ("--perms 700 --unshare-all x", perms),
            ("--perms 700 --overlay-src /a", perms),
            ("--perms 700 --size 5 --proc /x", perms),
            ("--perms 700 --size 5 --dir /x", size),
            ("--perms 700 --args 7 --dir /x", perms),
            ("--args 8 x", perms),
            ("--size 5 --dir /x", size),
            ("--perms 700 --perms 8", "--perms given twice for the same action"),
            ("--size 5 --size 0", "--size given twice for the same action"),
            ("--overlay-src", layers),
            ("--overlay-src ''", layers),
            ("--overlay-src /a x", layers),
            ("--overlay-src /a --", layers),
            ("--overlay-src /a --perms 700 --tmp-overlay /x", layers),
            ("--args 9 --tmp-overlay /x y", layers),
            ("--overlay-src /a --bogus", "Unknown option --bogus"),
            ("--overlay '' '' ''", "--overlay requires at least one --overlay-src"),
            ("--tmp-overlay ''", "--tmp-overlay requires at least one --overlay-src"),
            ("--overlay-src /a --ro-overlay ''", "--ro-overlay requires at least two --overlay-src"),
            ("--overlay-src '' --tmp-overlay ''", "--tmp-overlay does not take an empty path argument"),
            ("--overlay-src '' --tmp-overlay /x", "--overlay-src does not take an empty path argument"),
        ],
    );
    let world = World::user().with(7, b"").with(8, b"--dir\0/x\0");
    let modes =
        ops(&world, "--perms 700 --size 5 --tmpfs /a --tmpfs /b --perms 1 --args 8 --dir /y --file 7 /z x");
    let mode = |op: &MountOp<'_>| match op {
        MountOp::Tmpfs { mode, size, .. } => (mode.bits(), *size),
        MountOp::Dir { mode, .. } | MountOp::File { mode, .. } => (mode.bits(), None),
        other => panic!("{other:?}"),
    };
    let expected = [(0o700, Some(5)), (0o755, None), (1, None), (0o755, None), (0o666, None)];
    assert_eq!(modes.iter().map(mode).collect::<Vec<_>>(), expected);
}

#[test]
fn combinations_are_refused_in_the_order_of_the_reference() {
    let user = World::user().with(0, b"").with(1, b"");
    refused(
        &user,
        &[
            ("--userns-block-fd 0", "--userns-block-fd requires --unshare-user"),
            ("--userns-block-fd 0 --unshare-all x", "--userns-block-fd requires --unshare-user"),
            ("--userns-block-fd 0 --unshare-user --userns 0", "--userns-block-fd requires --info-fd"),
            ("--userns 0 --unshare-all --unshare-user", "--userns is not compatible with --unshare-user"),
            ("--userns 0 --unshare-all", "--userns is not compatible with --unshare-user-try"),
            ("--disable-userns --unshare-all", "--disable-userns requires --unshare-user"),
            (
                "--disable-userns --unshare-user --userns-block-fd 0 --info-fd 1 --hostname a x",
                "--disable-userns is not compatible with --userns-block-fd",
            ),
            ("--hostname a --as-pid-1 x", "Specifying --hostname requires --unshare-uts"),
            ("--as-pid-1 --lock-file /x x", "Specifying --as-pid-1 requires --unshare-pid"),
            (
                "--as-pid-1 --unshare-pid --lock-file /x x",
                "Specifying --as-pid-1 and --lock-file is not permitted",
            ),
            ("--seccomp 0 --add-seccomp-fd x", "--add-seccomp-fd cannot be combined with --seccomp"),
            ("--add-seccomp-fd 0 --seccomp x", "--seccomp cannot be combined with --add-seccomp-fd"),
        ],
    );
    let root = World::default().with(0, b"");
    let both = "Specifying --uid requires --unshare-user or --userns";
    refused(
        &root,
        &[
            ("--uid 5 --gid 5 x", both),
            ("--uid 0 --gid 5 x", "Specifying --gid requires --unshare-user or --userns"),
        ],
    );
    for fine in
        ["--uid 0 --gid 0 x", "--uid 5 --unshare-user x", "--uid 5 --userns 0 x", "--uid 5 --unshare-all x"]
    {
        assert!(run(&root, fine).is_ok(), "{fine}");
    }
    assert!(run(&user, "--uid 5 --gid 6 x").is_ok());
}

#[test]
fn all_but_the_last_are_warned_about_where_one_counts() {
    for name in [
        "--chdir",
        "--hostname",
        "--uid",
        "--gid",
        "--block-fd",
        "--userns-block-fd",
        "--info-fd",
        "--json-status-fd",
        "--userns",
        "--userns2",
        "--pidns",
        "--seccomp",
    ] {
        let world = World::user();
        run(&world, &format!("{name} 1 --level-prefix {name} 2 {name} 3")).ok();
        let warnings = world.warnings.borrow();
        assert_eq!(warnings.len(), 2, "{name}");
        for (level_prefix, fault) in warnings.iter() {
            assert!(level_prefix);
            assert_eq!(fault.to_string(), format!("Only the last {name} option will take effect"));
        }
    }
    for line in
        ["--lock-file a --lock-file b x", "--sync-fd 1 --sync-fd 2 x", "--cap-add ALL --cap-add ALL x"]
    {
        let world = World::user();
        run(&world, line).unwrap();
        assert!(world.warnings.borrow().is_empty());
    }
}

#[test]
fn data_of_args_is_read_as_options_and_no_further() {
    let env = |data: &'static [u8], line: &str| {
        let plan = plan(&World::user().with(7, data), line);
        let command = plan.decode(Stage::Command, Command::decode).unwrap();
        (command.env.iter().collect::<Vec<_>>(), command.args.len())
    };
    let set = |value| EnvOp::Set { name: Text(c"a"), value: Text(value) };
    assert_eq!(env(b"--setenv\0a\0b", "--args 7 x y"), (vec![set(c"b")], 2));
    assert_eq!(env(b"--setenv\0a\0\0", "--args 7 x"), (vec![set(c"")], 1));
    assert_eq!(env(b"--clearenv\0word\0--bogus\0", "--args 7 x"), (vec![EnvOp::Clear], 1));
    assert_eq!(env(b"--\0--bogus\0", "--args 7 --clearenv x"), (vec![EnvOp::Clear], 1));
    assert_eq!(env(b"\0--bogus\0", "--args 7 --clearenv x"), (vec![EnvOp::Clear], 1));
    let world = World::user().with(7, b"--setenv\0a\0").with(8, b"--args\0").with(9, b"--version\0");
    refused(
        &world,
        &[
            ("--args 7 b x", "--setenv takes two arguments"),
            ("--args 8 x", "--args not supported in arguments file"),
        ],
    );
    assert_eq!(run(&world, "--args 9 --bogus"), Ok(Answer::Version));
}

#[test]
fn no_option_is_in_two_tables_and_every_line_of_help_is_found() {
    let mut seen = std::collections::HashSet::new();
    for line in crate::opts::bwrap::SECTIONS.into_iter().flat_map(help::lines) {
        assert!(seen.insert(line.name), "{}", line.name);
        let name = line.name.as_bytes();
        let arities: Vec<_> = [
            FsBuildOption::find(name).map(FsBuildOption::arity),
            NsEnterOption::find(name).map(NsEnterOption::arity),
            CommandOption::find(name).map(CommandOption::arity),
            PrivDropOption::find(name).map(PrivDropOption::arity),
            InitReaperOption::find(name).map(InitReaperOption::arity),
            SeccompLoadOption::find(name).map(SeccompLoadOption::arity),
            GeneralOption::find(name).map(GeneralOption::arity),
            NsEnterExtra::find(name).map(NsEnterExtra::arity),
            FsBuildSystem::find(name).map(FsBuildSystem::arity),
        ]
        .into_iter()
        .flatten()
        .collect();
        assert_eq!(arities, [line.operands.split_whitespace().count()], "{}", line.name);
    }
    assert_eq!(seen.len(), 80);
}
