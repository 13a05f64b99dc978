//! Plans: what is taken decodes, encodes back to the same bytes, and is what the check of stored plans says.

use common::plan::{
    BadPlan, Buffer, Command, FdNumber, FsBuild, InitReaper, JoinNs, MountOp, NsEnter, Plan, PrivDrop,
    Reader, SeccompLoad, Stage, assemble, check,
};

/// A frame that is taken, encoded again.
fn again(stage: Stage, plan: &Plan<'_>) -> Result<Vec<u8>, BadPlan> {
    let mut out = Buffer::new(4096).expect("memory");
    let encoded = match stage {
        Stage::NsEnter => plan.decode(stage, NsEnter::decode)?.encode(&mut out),
        Stage::FsBuild => plan.decode(stage, FsBuild::decode)?.encode(&mut out),
        Stage::PrivDrop => plan.decode(stage, PrivDrop::decode)?.encode(&mut out),
        Stage::InitReaper => plan.decode(stage, InitReaper::decode)?.encode(&mut out),
        Stage::SeccompLoad => plan.decode(stage, SeccompLoad::decode)?.encode(&mut out),
        Stage::Command => plan.decode(stage, Command::decode)?.encode(&mut out),
    };
    encoded.expect("memory");
    Ok(out.bytes().to_vec())
}

/// A refusal says whose it is: of the plan, or of one of the stages.
fn assert_named(bad: BadPlan) {
    let known = bad.stage == "plan" || Stage::ALL.iter().any(|stage| stage.name() == bad.stage);
    assert!(known && !bad.field.is_empty() && !bad.why.is_empty(), "{bad:?}");
}

/// `bytes` as a plan.
pub fn whole(bytes: &[u8]) {
    let plan = match Plan::parse(bytes) {
        Ok(plan) => plan,
        Err(bad) => return assert_named(bad),
    };
    let mut frames = Vec::new();
    let mut refused = None;
    for stage in Stage::ALL.into_iter().filter(|stage| plan.has(*stage)) {
        match again(stage, &plan) {
            Ok(frame) => {
                assert_eq!(Some(&frame[..]), plan.frame(stage), "{stage:?} has a second encoding");
                frames.push((stage, frame));
            }
            Err(bad) => {
                assert_named(bad);
                assert_eq!(bad.stage, stage.name(), "another stage is blamed");
                refused = refused.or(Some(bad));
            }
        }
    }
    let mut named = Vec::new();
    let checked = check(&plan, |fd| named.push(fd));
    if refused.is_some() {
        assert_eq!(
            checked.err(),
            refused,
            "the check of stored plans takes what a stage refuses, or blames another"
        );
        return;
    }
    let borrowed: Vec<(Stage, &[u8])> = frames.iter().map(|(stage, frame)| (*stage, &frame[..])).collect();
    let written = assemble(plan.flags(), &borrowed).expect("memory");
    assert!(written.bytes() == bytes, "the plan has a second encoding");
    match checked {
        Ok(()) => assert_eq!(named, descriptors(&plan), "descriptors that are not checked, or twice"),
        // Each frame is good: only a command without a program is left to refuse.
        Err(bad) => assert_eq!((bad.stage, bad.field), ("command", "args")),
    }
}

/// Every descriptor number in the plan, in the order of its bytes, written without [`check`]'s help.
fn descriptors(plan: &Plan<'_>) -> Vec<FdNumber> {
    let mut all = Vec::new();
    if let Ok(frame) = plan.decode(Stage::NsEnter, NsEnter::decode) {
        all.extend(
            [frame.userns_fd, frame.pidns_fd, frame.info_fd, frame.json_status_fd].into_iter().flatten(),
        );
        all.extend(frame.userns_block_fd);
        let joined = frame.extra.iter().flat_map(|extra| extra.join.iter());
        all.extend(joined.filter_map(|join| match join {
            JoinNs::Fd { fd, .. } => Some(fd),
            JoinNs::Path { .. } => None,
        }));
    }
    if let Ok(frame) = plan.decode(Stage::FsBuild, FsBuild::decode) {
        all.extend(frame.ops.iter().filter_map(|op| match op {
            MountOp::BindFd { fd, .. } | MountOp::File { fd, .. } | MountOp::BindData { fd, .. } => Some(fd),
            _ => None,
        }));
    }
    if let Ok(frame) = plan.decode(Stage::PrivDrop, PrivDrop::decode) {
        all.extend([frame.userns2_fd, frame.block_fd].into_iter().flatten());
    }
    if let Ok(frame) = plan.decode(Stage::InitReaper, InitReaper::decode) {
        all.extend(frame.sync_fds.iter());
    }
    all
}

/// The first byte says whose frame the others are.
pub fn frame(bytes: &[u8]) {
    let Some((selector, payload)) = bytes.split_first() else { return };
    let stage = Stage::ALL[usize::from(*selector) % Stage::ALL.len()];
    let mut frames = vec![(stage, payload)];
    if stage != Stage::Command {
        // A command with one empty word.
        frames.push((Stage::Command, &[0, 1, 1, 0, 0, 0, 0]));
    }
    let plan = assemble(0, &frames).expect("memory");
    whole(plan.bytes());
    // Decoded alone, it takes from the front and leaves the rest, whatever that is.
    let mut reader = Reader::over(stage, payload);
    if stage == Stage::PrivDrop && PrivDrop::decode(&mut reader).is_ok() {
        assert!(payload.ends_with(reader.rest()));
    }
}
