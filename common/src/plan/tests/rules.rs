//! The rules of the format, one by one: header, frames, numbers, strings, counts.

use super::*;
use crate::text::MAX_TEXT;

/// The smallest plan there is: no frame but the command's, and that empty.
fn smallest() -> Vec<u8> {
    plan_of_one(Stage::Command, EMPTY_COMMAND.to_vec())
}

fn refusal(bytes: &[u8]) -> BadPlan {
    assert_refused_or_canonical(bytes).unwrap_err()
}

/// How a plan that has just `frame` for `stage` is refused.
fn frame_refusal(stage: Stage, frame: &[u8]) -> BadPlan {
    refusal(&plan_of_one(stage, frame.to_vec()))
}

fn bad(stage: &'static str, field: &'static str, why: &'static str) -> BadPlan {
    BadPlan { stage, field, why }
}

const CUT: &str = "cut short or out of range";

#[test]
fn the_smallest_plan_is_accepted() {
    assert_refused_or_canonical(&smallest()).unwrap();
}

#[test]
fn the_header_is_magic_version_flags_and_length() {
    let plan = smallest();
    assert_eq!(plan[..8], MAGIC);
    assert_eq!(plan[8..10], VERSION.to_le_bytes());
    assert_eq!(plan[10..12], [0, 0]);
    assert_eq!(plan[12..16], (plan.len() as u32).to_le_bytes());
    for (at, expected) in [
        (0, bad("plan", "magic", "not a plan")),
        (7, bad("plan", "magic", "not a plan")),
        (8, bad("plan", "version", "not the version of this program")),
        (9, bad("plan", "version", "not the version of this program")),
        (10, bad("plan", "flags", "unknown flag")),
        (11, bad("plan", "flags", "unknown flag")),
        (12, bad("plan", "length", "not the length of the plan")),
        (15, bad("plan", "length", "not the length of the plan")),
    ] {
        let mut plan = plan.clone();
        plan[at] ^= 0x10;
        assert_eq!(refusal(&plan), expected, "byte {at}");
    }
}

#[test]
fn every_combination_of_the_known_flags_is_accepted_and_no_other() {
    let mut plan = smallest();
    for flags in 0..=u16::MAX {
        plan[10..12].copy_from_slice(&flags.to_le_bytes());
        let known = flags & !(FLAG_LEVEL_PREFIX | FLAG_BWRAP | FLAG_ENV_STATUS) == 0;
        assert_eq!(Plan::parse(&plan).is_ok(), known, "{flags:#x}");
    }
}

#[test]
fn a_plan_over_the_limit_is_refused_before_it_is_read() {
    // Zeroed pages that nobody touches cost nothing, and are no plan: the length must be looked at first.
    let huge = vec![0; MAX_PLAN + 1];
    assert_eq!(refusal(&huge), bad("plan", "length", "too long"));
    assert_eq!(refusal(&huge[..MAX_PLAN]), bad("plan", "magic", "not a plan"));
}

#[test]
fn a_plan_over_the_limit_is_not_written() {
    let half = vec![0; MAX_PLAN / 2];
    let frames = [(Stage::FsBuild, &half[..]), (Stage::Command, &half[..])];
    assert_eq!(assemble(0, &frames).unwrap_err(), crate::errno::Errno::TOOBIG);
}

#[test]
fn frames_stand_in_the_order_of_the_stages_each_once() {
    for (first, a) in Stage::ALL.into_iter().enumerate() {
        for (second, b) in Stage::ALL.into_iter().enumerate() {
            let result = Plan::parse(&put_together(0, &[(a, vec![]), (b, vec![])])).map(drop);
            let expected = match (first < second, b) {
                (false, _) => Err(bad(b.name(), "frame", "out of order")),
                (true, Stage::Command) => Ok(()),
                (true, _) => Err(bad("command", "frame", "missing")),
            };
            assert_eq!(result, expected, "{a:?} before {b:?}");
        }
    }
}

#[test]
fn a_plan_without_a_command_is_refused() {
    assert_eq!(refusal(&put_together(0, &[])), bad("command", "frame", "missing"));
    let frames = [(Stage::NsEnter, vec![])];
    assert_eq!(refusal(&put_together(0, &frames)), bad("command", "frame", "missing"));
}

#[test]
fn unknown_tags_are_refused() {
    for tag in (7..300).chain([0, 1 << 8, 6 << 8, 6 << 16, 6 << 24, u32::MAX]) {
        let mut plan = smallest();
        plan[HEADER_LEN..HEADER_LEN + 4].copy_from_slice(&tag.to_le_bytes());
        assert_eq!(refusal(&plan), bad("plan", "frame", "unknown tag"), "{tag}");
    }
}

#[test]
fn a_frame_longer_than_the_plan_is_refused_in_its_stages_name() {
    for length in [7, 8, 255, 1 << 16, u32::MAX] {
        let mut plan = smallest();
        plan[HEADER_LEN + 4..HEADER_LEN + 8].copy_from_slice(&length.to_le_bytes());
        assert_eq!(refusal(&plan), bad("command", "frame", "cut short"), "{length}");
    }
}

#[test]
fn a_frame_header_that_is_cut_short_is_refused() {
    for length in 1..FRAME_HEADER_LEN {
        let mut plan = smallest();
        plan.extend(&[0; FRAME_HEADER_LEN][..length]);
        let total = plan.len() as u32;
        plan[12..16].copy_from_slice(&total.to_le_bytes());
        assert_eq!(refusal(&plan), bad("plan", "frame", "header cut short"));
    }
}

#[test]
fn a_count_larger_than_the_frame_is_refused_unread() {
    // 2^32 - 1 arguments in a frame of ten bytes; likewise operations and programs.
    const COUNT: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 0x0f];
    let why = "more items than bytes";
    let command = [&[0], &COUNT[..], &[0; 4]].concat();
    assert_eq!(frame_refusal(Stage::Command, &command), bad("command", "args", why));
    let ops = [&[0, 0], &COUNT[..], &[0; 4]].concat();
    assert_eq!(frame_refusal(Stage::FsBuild, &ops), bad("fs-build", "ops", why));
    assert_eq!(frame_refusal(Stage::SeccompLoad, &COUNT), bad("seccomp-load", "programs", why));
    // One more than there are bytes, and as many: then the items themselves are wrong.
    assert_eq!(frame_refusal(Stage::SeccompLoad, &[2, 0]), bad("seccomp-load", "programs", why));
    assert_eq!(frame_refusal(Stage::SeccompLoad, &[2, 0, 8]), bad("seccomp-load", "programs", CUT));
}

#[test]
fn numbers_that_take_more_bytes_than_they_need_are_refused() {
    let long = "not in its shortest form";
    // The count of programs, 0, in two to five bytes.
    for zeros in 0..4 {
        let frame = [&[0x80], &[0x80; 4][..zeros], &[0]].concat();
        assert_eq!(frame_refusal(Stage::SeccompLoad, &frame), bad("seccomp-load", "programs", long));
    }
    // The length of a string inside a list, and the number of an operation.
    let frame = [0, 1, 0x82, 0, b'a', 0, 0, 0, 0];
    assert_eq!(frame_refusal(Stage::Command, &frame), bad("command", "args", long));
    let frame = [0, 0, 1, 0x86, 0, 2, b'/', 0];
    assert_eq!(frame_refusal(Stage::FsBuild, &frame), bad("fs-build", "ops", long));
    // A set of capabilities.
    let frame = [0, 0, 0, 0x80, 0, 0, 0, 0, 0];
    assert_eq!(frame_refusal(Stage::PrivDrop, &frame), bad("priv-drop", "cap_add", long));
    // A number whose last byte has bits beyond the 32nd.
    let frame = [0xff, 0xff, 0xff, 0xff, 0x1f];
    assert_eq!(frame_refusal(Stage::SeccompLoad, &frame), bad("seccomp-load", "programs", CUT));
}

#[test]
fn strings_have_one_nul_and_that_is_their_last_byte() {
    for (text, good) in [
        (&b"\0"[..], true),
        (b"a\0", true),
        (b"\xff\x01\0", true),
        (b"", false),
        (b"a", false),
        (b"\0\0", false),
        (b"a\0b\0", false),
        (b"\0a", false),
    ] {
        let mut frame = vec![0, 1, text.len() as u8];
        frame.extend(text);
        frame.extend([0; 4]);
        let result = assert_refused_or_canonical(&plan_of_one(Stage::Command, frame));
        let expected = if good { Ok(()) } else { Err(bad("command", "args", CUT)) };
        assert_eq!(result, expected, "{text:?}");
    }
}

#[test]
fn a_path_is_not_empty() {
    // RemountRo of "" and of "/".
    assert_eq!(frame_refusal(Stage::FsBuild, &[0, 0, 1, 14, 1, 0]), bad("fs-build", "dest", CUT));
    let good = plan_of_one(Stage::FsBuild, vec![0, 0, 1, 14, 2, b'/', 0, 0]);
    assert_refused_or_canonical(&good).unwrap();
}

#[test]
fn a_string_of_a_mebibyte_is_the_longest() {
    for (length, good) in [(MAX_TEXT, true), (MAX_TEXT + 1, false)] {
        let mut text = vec![b'a'; length];
        text[length - 1] = 0;
        let mut frame = vec![0, 1];
        frame.extend([0x80 | (length & 0x7f) as u8, 0x80 | (length >> 7 & 0x7f) as u8, (length >> 14) as u8]);
        frame.extend(text);
        frame.extend([0; 4]);
        let result = assert_refused_or_canonical(&plan_of_one(Stage::Command, frame));
        assert_eq!(result.is_ok(), good, "{length}");
    }
}

#[test]
fn a_descriptor_number_is_no_more_than_an_int_holds() {
    let lists = |number: &[u8]| [&[0, 1], number, &[0, 0]].concat();
    let most = plan_of_one(Stage::InitReaper, lists(&[0xff, 0xff, 0xff, 0xff, 0x07]));
    assert_refused_or_canonical(&most).unwrap();
    for number in [[0x80, 0x80, 0x80, 0x80, 0x08], [0xff, 0xff, 0xff, 0xff, 0x0f]] {
        assert_eq!(frame_refusal(Stage::InitReaper, &lists(&number)), bad("init-reaper", "sync_fds", CUT));
    }
    assert_eq!(FdNumber::new(-1), None);
}

#[test]
fn permissions_are_no_more_than_07777() {
    // Dir "/" with mode 07777 and 010000.
    let dir = |low, high| vec![0, 0, 1, 10, 2, b'/', 0, low, high, 0];
    assert_refused_or_canonical(&plan_of_one(Stage::FsBuild, dir(0xff, 0x1f))).unwrap();
    assert_eq!(frame_refusal(Stage::FsBuild, &dir(0x80, 0x20)), bad("fs-build", "mode", CUT));
    assert_eq!(Mode::new(0o10000), None);
}

#[test]
fn a_filter_is_whole_entries() {
    for length in 0..=24_u8 {
        let frame = [&[1, length], &[0; 24][..usize::from(length)], &[0, 0]].concat();
        let result = assert_refused_or_canonical(&plan_of_one(Stage::SeccompLoad, frame));
        let expected = if length % 8 == 0 { Ok(()) } else { Err(bad("seccomp-load", "programs", CUT)) };
        assert_eq!(result, expected, "{length} bytes");
    }
}

#[test]
fn unknown_operations_variants_and_namespaces_are_refused() {
    for number in 18..128 {
        let refused = frame_refusal(Stage::FsBuild, &[0, 0, 1, number, 0, 0, 0, 0, 0]);
        assert_eq!(refused, bad("fs-build", "ops", "unknown kind"));
    }
    assert_eq!(frame_refusal(Stage::Command, &[0, 0, 1, 3, 0, 0]), bad("command", "env", "unknown kind"));
    // ns-enter: no namespaces, no cgroup_try, a user namespace of a fifth kind.
    assert_eq!(frame_refusal(Stage::NsEnter, &[0, 0, 4]), bad("ns-enter", "user", "unknown kind"));
    // CLONE_NEWUSER has a field of its own; CLONE_VM is no namespace at all.
    for flag in [crate::sys::clone_flags::NEWUSER, 0x100] {
        let mut out = Buffer::new(8).unwrap();
        flag.encode(&mut out).unwrap();
        let refused = frame_refusal(Stage::NsEnter, out.bytes());
        assert_eq!(refused, bad("ns-enter", "namespaces", "unknown namespace"));
    }
}

#[test]
fn a_signal_is_from_1_to_64() {
    // init-reaper: no lock, no descriptor, no death; of its control the stop signal.
    let frame = |signal| vec![0, 0, 0, 1, 0, 0, 1, signal, 0, 0, 0, 0, 0];
    for signal in 0..=127 {
        let result = assert_refused_or_canonical(&plan_of_one(Stage::InitReaper, frame(signal)));
        let refused = Err(bad("init-reaper", "stop_signal", CUT));
        assert_eq!(result, if (1..=64).contains(&signal) { Ok(()) } else { refused }, "{signal}");
    }
    assert_eq!((Signal::new(0), Signal::new(65)), (None, None));
}

#[test]
fn booleans_and_options_are_0_or_1() {
    for byte in 2..=255u8 {
        // From 0x80 on it is the first byte of a longer number, which goes on with a zero.
        let why = if byte < 0x80 { CUT } else { "not in its shortest form" };
        assert_eq!(frame_refusal(Stage::FsBuild, &[byte, 0, 0]), bad("fs-build", "best_effort", why));
        assert_eq!(frame_refusal(Stage::Command, &[byte, 0, 0, 0, 0]), bad("command", "argv0", why));
    }
}

#[test]
fn stages_after_are_those_with_frames_in_order() {
    let frames: Vec<(Stage, Vec<u8>)> =
        [Stage::NsEnter, Stage::PrivDrop, Stage::SeccompLoad, Stage::Command].map(|s| (s, vec![])).into();
    let bytes = put_together(0, &frames);
    let plan = Plan::parse(&bytes).unwrap();
    let after = |stage| plan.stages_after(stage).collect::<Vec<_>>();
    assert_eq!(after(None), [Stage::NsEnter, Stage::PrivDrop, Stage::SeccompLoad]);
    assert_eq!(after(Some(Stage::FsBuild)), [Stage::PrivDrop, Stage::SeccompLoad]);
    assert_eq!(after(Some(Stage::SeccompLoad)), []);
}
