//! The plan's own tests: what is written can be read and is the same, everything else is refused by name.

mod damage;
mod docs;
mod generate;
mod golden;
mod rules;

use super::*;
use std::collections::BTreeSet;

/// A plan with every frame decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Records<'a> {
    flags: u16,
    ns_enter: Option<NsEnter<'a>>,
    fs_build: Option<FsBuild<'a>>,
    priv_drop: Option<PrivDrop<'a>>,
    init_reaper: Option<InitReaper<'a>>,
    seccomp_load: Option<SeccompLoad<'a>>,
    command: Command<'a>,
}

impl<'a> Records<'a> {
    fn decode(bytes: &'a [u8]) -> Result<Records<'a>, BadPlan> {
        let plan = Plan::parse(bytes)?;
        let has = |stage| if plan.has(stage) { Some(()) } else { None };
        Ok(Records {
            flags: plan.flags(),
            ns_enter: has(Stage::NsEnter)
                .map(|()| plan.decode(Stage::NsEnter, NsEnter::decode))
                .transpose()?,
            fs_build: has(Stage::FsBuild)
                .map(|()| plan.decode(Stage::FsBuild, FsBuild::decode))
                .transpose()?,
            priv_drop: has(Stage::PrivDrop)
                .map(|()| plan.decode(Stage::PrivDrop, PrivDrop::decode))
                .transpose()?,
            init_reaper: has(Stage::InitReaper)
                .map(|()| plan.decode(Stage::InitReaper, InitReaper::decode))
                .transpose()?,
            seccomp_load: has(Stage::SeccompLoad)
                .map(|()| plan.decode(Stage::SeccompLoad, SeccompLoad::decode))
                .transpose()?,
            command: plan.decode(Stage::Command, Command::decode)?,
        })
    }

    /// The frames, each encoded.
    fn frames(&self) -> Vec<(Stage, Vec<u8>)> {
        // One buffer for all: a buffer is pages of its own, and the tests make hundreds of thousands of frames.
        let mut out = Buffer::new(4096).unwrap();
        let mut frame = |encode: &dyn Fn(&mut Buffer) -> crate::sys::Result<()>| {
            let start = out.bytes().len();
            encode(&mut out).unwrap();
            out.bytes()[start..].to_vec()
        };
        let frames = [
            (Stage::NsEnter, self.ns_enter.map(|record| frame(&|out| record.encode(out)))),
            (Stage::FsBuild, self.fs_build.map(|record| frame(&|out| record.encode(out)))),
            (Stage::PrivDrop, self.priv_drop.map(|record| frame(&|out| record.encode(out)))),
            (Stage::InitReaper, self.init_reaper.map(|record| frame(&|out| record.encode(out)))),
            (Stage::SeccompLoad, self.seccomp_load.map(|record| frame(&|out| record.encode(out)))),
            (Stage::Command, Some(frame(&|out| self.command.encode(out)))),
        ];
        frames.into_iter().filter_map(|(stage, bytes)| Some((stage, bytes?))).collect()
    }

    fn encode(&self) -> Vec<u8> {
        put_together(self.flags, &self.frames())
    }
}

fn put_together(flags: u16, frames: &[(Stage, Vec<u8>)]) -> Vec<u8> {
    let frames: Vec<(Stage, &[u8])> = frames.iter().map(|(stage, bytes)| (*stage, &bytes[..])).collect();
    assemble(flags, &frames).unwrap().bytes().to_vec()
}

/// A command's frame without anything in it.
const EMPTY_COMMAND: [u8; 6] = [0; 6];

/// A plan with one frame, and the empty command's behind it.
fn plan_of_one(stage: Stage, frame: Vec<u8>) -> Vec<u8> {
    let command = (Stage::Command, EMPTY_COMMAND.to_vec());
    if stage == Stage::Command {
        put_together(0, &[(stage, frame)])
    } else {
        put_together(0, &[(stage, frame), command])
    }
}

/// Every name that a refusal of `stage`'s frame may use for a field: what the tables say, and the frame itself.
fn fields_of(stage: &str) -> BTreeSet<&'static str> {
    type Fields = &'static [(&'static str, &'static str)];
    type Variants = &'static [(u32, &'static str, Fields)];
    let (records, variants): (&[Fields], &[Variants]) = match stage {
        "ns-enter" => (
            &[NsEnter::FIELDS, NsExtra::FIELDS, Seconds::FIELDS],
            &[IdRange::VARIANTS, JoinNs::VARIANTS, Limit::VARIANTS],
        ),
        "fs-build" => (&[FsBuild::FIELDS], &[MountOp::VARIANTS]),
        "priv-drop" => (&[PrivDrop::FIELDS, Attributes::FIELDS, CapChange::FIELDS, Rlimit::FIELDS], &[]),
        "init-reaper" => (&[InitReaper::FIELDS, Control::FIELDS], &[Left::VARIANTS]),
        "seccomp-load" => (&[SeccompLoad::FIELDS], &[]),
        "command" => (&[Command::FIELDS], &[EnvOp::VARIANTS]),
        "plan" => return ["magic", "version", "flags", "length", "frame"].into(),
        other => panic!("{other:?} is no stage"),
    };
    let of_variants = variants.iter().flat_map(|variants| variants.iter().map(|(_, _, fields)| *fields));
    let all = records.iter().copied().chain(of_variants).flatten();
    all.map(|(name, _)| *name).chain(["frame", "end"]).collect()
}

/// A refusal that names its stage, a field that this stage has, and a reason; and says them in its message.
fn assert_names_stage_and_field(bad: BadPlan) {
    assert!(fields_of(bad.stage).contains(bad.field), "{bad:?} names a field that is not there");
    assert!(!bad.why.is_empty(), "{bad:?}");
    let message = crate::fault!("Invalid plan: ", bad.stage, ": ", bad.field, ": ", bad.why);
    assert_eq!(bad.fault(), message);
}

/// Whatever `bytes` are: refused by name, or a plan with just this encoding. And what checks a stored plan as a whole
/// says the same of it as its decoders.
fn assert_refused_or_canonical(bytes: &[u8]) -> Result<(), BadPlan> {
    let checked = Plan::parse(bytes).and_then(|plan| check(&plan, |_| {}));
    match (Records::decode(bytes), checked) {
        (Err(bad), checked) => assert_eq!(checked, Err(bad)),
        (Ok(records), Ok(())) => assert!(!records.command.args.is_empty()),
        (Ok(records), Err(bad)) => {
            assert!(records.command.args.is_empty(), "{bad:?} of {records:?}");
            assert_eq!((bad.stage, bad.field), ("command", "args"));
        }
    }
    match Records::decode(bytes) {
        Err(bad) => {
            assert_names_stage_and_field(bad);
            Err(bad)
        }
        Ok(records) => {
            assert_eq!(
                records.encode(),
                bytes,
                "accepted, but not the encoding of what it says: {records:?}"
            );
            Ok(())
        }
    }
}
