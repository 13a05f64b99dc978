//! Chains in a made-up world: which stages a plan has, who is the command, what is refused and in whose name.

use super::*;
use crate::opts::chain::{Answer, ChainLine, Neighbourhood, sections};
use crate::plan::{FLAG_ENV_STATUS, IdRange, JoinNs, NsKind, Seconds};

/// The stages are in /s.
struct Near;

impl Neighbourhood for Near {
    fn stage_at(&self, path: &CStr) -> Option<Stage> {
        let name = path.to_bytes().strip_prefix(b"/s/")?;
        Stage::ALL.into_iter().find(|stage| stage.name().as_bytes() == name)
    }
    fn path_of(&self, stage: Stage) -> Option<&'static CStr> {
        Some(match stage {
            Stage::NsEnter => c"/s/ns-enter",
            Stage::FsBuild => c"/s/fs-build",
            _ => c"/s/another",
        })
    }
}

/// What the line says when the stage that is its first word is started with the rest of it.
pub(super) fn answer(world: &World, line: &str) -> core::result::Result<Answer, (&'static str, u8, String)> {
    let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
    let first = Stage::ALL.into_iter().find(|stage| stage.name() == first).unwrap();
    let mut chain = ChainLine::new(world, &Near, first).unwrap();
    chain.run(vector(rest)).map_err(|fault| {
        let voice = chain.voice();
        (voice.name, voice.failure, fault.to_string())
    })
}

pub(super) fn chained(world: &World, line: &str) -> Plan<'static> {
    match answer(world, line) {
        Ok(Answer::Launch(bytes)) => Plan::parse(bytes).unwrap(),
        other => panic!("{line}: {other:?}"),
    }
}

fn stages(plan: &Plan<'_>) -> Vec<&'static str> {
    plan.stages_after(None).map(Stage::name).collect()
}

fn words(plan: &Plan<'static>) -> Vec<&'static str> {
    let command = plan.decode(Stage::Command, Command::decode).unwrap();
    command.args.iter().map(|word| word.0.to_str().unwrap()).collect()
}

fn ns(line: &str) -> NsEnter<'static> {
    chained(&World::user(), line).decode(Stage::NsEnter, NsEnter::decode).unwrap()
}

#[test]
fn a_plan_has_the_stages_that_are_named_and_the_rest_is_the_command() {
    let table: &[(&str, &[&str], &[&str])] = &[
        ("ns-enter true", &["ns-enter"], &["true"]),
        ("ns-enter -- true -x", &["ns-enter"], &["true", "-x"]),
        (
            "ns-enter fs-build priv-drop -- sh -c x",
            &["ns-enter", "fs-build", "priv-drop"],
            &["sh", "-c", "x"],
        ),
        ("ns-enter -- /s/init-reaper -- ls", &["ns-enter", "init-reaper"], &["ls"]),
        ("priv-drop seccomp-load sh", &["priv-drop", "seccomp-load"], &["sh"]),
        // In another place, and so another program.
        ("ns-enter -- /t/init-reaper -- ls", &["ns-enter"], &["/t/init-reaper", "--", "ls"]),
        ("ns-enter -- ./fs-build", &["ns-enter"], &["./fs-build"]),
        (
            "ns-enter nice -n 5 fs-build --bind / / sh",
            &["ns-enter"],
            &["nice", "-n", "5", "fs-build", "--bind", "/", "/", "sh"],
        ),
        // Too late for this plan: a chain of its own.
        ("priv-drop -- ns-enter --unshare-net sh", &["priv-drop"], &["/s/ns-enter", "--unshare-net", "sh"]),
        ("ns-enter ns-enter sh", &["ns-enter"], &["/s/ns-enter", "sh"]),
        ("ns-enter fs-build --bind / / ns-enter sh", &["ns-enter", "fs-build"], &["ns-enter", "sh"]),
    ];
    for (line, expected, command) in table {
        let plan = chained(&World::user(), line);
        assert_eq!(stages(&plan), *expected, "{line}");
        assert_eq!(words(&plan), *command, "{line}");
        assert_eq!(plan.flags(), FLAG_ENV_STATUS);
    }
    let nested = chained(&World::user(), "priv-drop -- ns-enter --unshare-net sh");
    let command = nested.decode(Stage::Command, Command::decode).unwrap();
    assert_eq!(command.argv0, Some(Text(c"ns-enter")));
}

#[test]
fn what_cannot_work_is_refused_in_the_name_of_the_stage_that_was_read_last() {
    let table = [
        (
            "priv-drop fs-build true",
            "priv-drop",
            "fs-build cannot work after priv-drop, which gives up the capabilities that mounts need: put it before",
        ),
        (
            "ns-enter --unshare-all init-reaper fs-build true",
            "init-reaper",
            "fs-build after init-reaper has no capabilities left: put it before, or give ns-enter --map-root-user or \
             --keep-caps",
        ),
        (
            "ns-enter fs-build fs-build true",
            "fs-build",
            "fs-build twice in a row: the second would see only what the first has built. Give all operations to one",
        ),
        (
            "ns-enter --unshare-user fs-build --dev /dev true",
            "fs-build",
            "--dev takes root in the new user namespace: add priv-drop to the chain, which gives the ids back, or give \
             ns-enter --map-root-user",
        ),
        ("ns-enter --ro-bind / / true", "ns-enter", "--ro-bind is an option of fs-build, not of ns-enter"),
        ("ns-enter fs-build --no true", "fs-build", "Unknown option --no"),
        ("fs-build --bind /", "fs-build", "--bind takes two arguments"),
        (
            "ns-enter --keep-caps --drop-caps true",
            "ns-enter",
            "--keep-caps and --drop-caps exclude each other",
        ),
        (
            "ns-enter init-reaper --as-pid-1 true",
            "init-reaper",
            "--as-pid-1 is what a chain without init-reaper does: leave it out",
        ),
    ];
    for (line, name, message) in table {
        let expected = Err((name, 125, message.to_owned()));
        assert_eq!(answer(&World::user(), line), expected, "{line}");
    }
    // Kept, or in a namespace where the command is root: then it works.
    for line in ["ns-enter --unshare-all --keep-caps", "ns-enter --unshare-all --map-root-user"] {
        chained(&World::user(), &format!("{line} init-reaper fs-build true"));
    }
    chained(&World::user(), "ns-enter --unshare-all --map-root-user fs-build --dev /dev true");
}

#[test]
fn help_and_version_are_of_the_stage_that_they_follow() {
    for (line, expected) in [
        ("ns-enter --help", Answer::Help(Stage::NsEnter)),
        ("ns-enter -h", Answer::Help(Stage::NsEnter)),
        ("ns-enter -- fs-build --version", Answer::Version(Stage::FsBuild)),
        ("ns-enter --unshare-net", Answer::Usage(Stage::NsEnter)),
        ("ns-enter priv-drop --", Answer::Usage(Stage::PrivDrop)),
    ] {
        assert_eq!(answer(&World::user(), line), Ok(expected), "{line}");
    }
}

#[test]
fn namespaces_are_made_as_they_are_asked_for() {
    // Nothing new, nothing needed.
    assert_eq!((ns("ns-enter sh").user, ns("ns-enter sh").namespaces.0), (UserNs::Keep, 0));
    assert_eq!(ns("ns-enter --unshare-net sh").user, UserNs::UnlessRoot);
    assert_eq!(ns("ns-enter --unshare-mount sh").namespaces.0, flags::NEWNS);
    assert_eq!(ns("ns-enter fs-build sh").namespaces.0, flags::NEWNS);
    assert!(ns("ns-enter --unshare-all sh").namespaces.has(flags::NEWNS));
    let root = ns("ns-enter --map-root-user sh");
    assert_eq!((root.user, root.uid, root.gid), (UserNs::New, Some(0), Some(0)));
    assert_eq!(ns("ns-enter --map-root-user --map-current-user sh").uid, None);
}

#[test]
fn what_is_raised_for_the_stages_is_dropped_before_the_command() {
    let drops = |line| {
        let plan = chained(&World::user(), line);
        plan.decode(Stage::Command, Command::decode).unwrap().drop_ambient
    };
    assert_eq!(ns("ns-enter --unshare-net sh").raise, CapSet::EMPTY);
    assert!(!drops("ns-enter --unshare-net sh"));
    assert!(drops("ns-enter fs-build sh"));
    assert!(!drops("ns-enter fs-build priv-drop sh"));
    assert!(!drops("ns-enter --keep-caps fs-build sh"));
    assert_eq!(ns("ns-enter --keep-caps sh").raise, CapSet::ALL);
    let dropped = chained(&World::user(), "ns-enter --map-root-user --drop-caps fs-build sh");
    let frame = dropped.decode(Stage::PrivDrop, PrivDrop::decode).unwrap();
    assert_eq!((stages(&dropped), frame.cap_drop), (vec!["ns-enter", "fs-build", "priv-drop"], CapSet::ALL));
}

#[test]
fn maps_and_namespaces_to_join_are_read_strictly() {
    let line = "ns-enter --uid-map auto --uid-map 70000:1001:1 --join-ns net=0 --join-ns ipc=/proc/1/ns/ipc \
                --monotonic -5 --setgroups deny sh";
    let world = World::user().with(0, b"");
    let plan = chained(&world, line);
    let frame = plan.decode(Stage::NsEnter, NsEnter::decode).unwrap();
    let extra = frame.extra.unwrap();
    let ranges: Vec<_> = extra.uid_map.iter().collect();
    assert_eq!(ranges, [IdRange::Auto, IdRange::Range { inner: 70000, outer: 1001, count: 1 }]);
    let joins: Vec<_> = extra.join.iter().collect();
    let fd = FdNumber::new(0).unwrap();
    let path = path(c"/proc/1/ns/ipc");
    assert_eq!(joins, [JoinNs::Fd { kind: NsKind::Net, fd }, JoinNs::Path { kind: NsKind::Ipc, path }]);
    assert_eq!(extra.monotonic, Some(Seconds { negative: true, count: 5 }));
    assert_eq!((extra.setgroups, frame.user, frame.namespaces.0), (Some(false), UserNs::New, flags::NEWTIME));
    for word in [
        "",
        "auto:1",
        "0:0",
        "0:0:0",
        "0:0:1:1",
        "0:-1:1",
        "0:1:+1",
        "4294967295:0:1",
        "0:4294967000:296",
        "x",
    ] {
        let line = format!("ns-enter --gid-map {} sh", if word.is_empty() { "''" } else { word });
        let message = format!("--gid-map takes INNER:OUTER:COUNT or auto, not {word}");
        assert_eq!(answer(&world, &line), Err(("ns-enter", 125, message)));
    }
    for word in ["net", "net=", "=0", "nte=0", "mount=0"] {
        let message = format!("--join-ns takes KIND=FD or KIND=PATH, not {word}");
        assert_eq!(answer(&world, &format!("ns-enter --join-ns {word} sh")), Err(("ns-enter", 125, message)));
    }
    for (line, message) in [
        ("--join-ns net=0 --join-ns net=/x", "--join-ns net given twice"),
        (
            "--join-ns net=0 --unshare-net",
            "A namespace is joined or new, not both (--join-ns, --unshare-...)",
        ),
        (
            "--join-ns user=0 --unshare-user",
            "--join-ns user is not compatible with --unshare-user, --uid-map or --userns",
        ),
        ("--monotonic 1s", "--monotonic takes a number of seconds, not 1s"),
        ("--setgroups no", "--setgroups takes allow or deny, not no"),
    ] {
        let line = format!("ns-enter {line} sh");
        assert_eq!(answer(&world, &line), Err(("ns-enter", 125, message.to_owned())), "{line}");
    }
}

#[test]
fn bwrap_takes_maps_and_namespaces_to_join_too() {
    let frame = ns_enter("--uid-map auto --dev /dev x");
    assert_eq!((frame.user, frame.second), (UserNs::New, SecondUserNs::No));
    assert!(frame.has_maps());
    let world = World::user();
    refused(
        &world,
        &[
            (
                "--join-ns mnt=/x x",
                "--join-ns mnt is for ns-enter alone: the sandbox has a mount namespace of its own",
            ),
            (
                "--uid-map auto --disable-userns x",
                "--disable-userns is not compatible with --uid-map and --gid-map",
            ),
            ("--unshare-mount x", "Unknown option --unshare-mount"),
        ],
    );
}

#[test]
fn every_stage_has_a_list_of_options_that_fit() {
    for stage in Stage::ALL.into_iter().filter(|stage| *stage != Stage::Command) {
        let mut text = Buffer::new(1 << 12).unwrap();
        help::list(&mut text, sections(stage)).unwrap();
        let text = String::from_utf8(text.bytes().to_vec()).unwrap();
        assert!(text.contains("    --"), "{stage:?}");
        for line in text.lines() {
            assert!(line.len() <= 110, "{line}");
        }
    }
}
