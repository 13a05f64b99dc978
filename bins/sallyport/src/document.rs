//! A plan decoded to its records, and its bytes again.

use crate::failure::{Failure, Res};
use common::plan::{
    BadPlan, Buffer, Command, FsBuild, InitReaper, MAX_PLAN, NsEnter, Plan, PrivDrop, SeccompLoad, Stage,
    assemble,
};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// A whole plan. Records borrow from bytes that are never given back: this program looks at one plan or two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Document {
    /// The header's flags.
    pub flags: u16,
    /// ns-enter's frame.
    pub ns_enter: Option<NsEnter<'static>>,
    /// fs-build's.
    pub fs_build: Option<FsBuild<'static>>,
    /// priv-drop's.
    pub priv_drop: Option<PrivDrop<'static>>,
    /// init-reaper's.
    pub init_reaper: Option<InitReaper<'static>>,
    /// seccomp-load's.
    pub seccomp_load: Option<SeccompLoad<'static>>,
    /// The command's.
    pub command: Command<'static>,
}

/// Why a plan is refused, in the words of the stages.
pub fn refused(bad: BadPlan) -> Failure {
    Failure::new(format_args!("Invalid plan: {}: {}: {}", bad.stage, bad.field, bad.why))
}

impl Document {
    /// Decodes every frame of `bytes`.
    pub fn decode(bytes: &[u8]) -> Res<Document> {
        Self::try_decode(Box::leak(bytes.to_vec().into_boxed_slice())).map_err(refused)
    }

    fn try_decode(bytes: &'static [u8]) -> Result<Document, BadPlan> {
        let plan = Plan::parse(bytes)?;
        // Also what no single frame can tell, such as a command without a program.
        common::plan::check(&plan, |_| {})?;
        common::plan::check_relations(&plan)?;
        macro_rules! frame {
            ($stage:ident) => {
                if plan.has(Stage::$stage) { Some(plan.decode(Stage::$stage, $stage::decode)?) } else { None }
            };
        }
        Ok(Document {
            flags: plan.flags(),
            ns_enter: frame!(NsEnter),
            fs_build: frame!(FsBuild),
            priv_drop: frame!(PrivDrop),
            init_reaper: frame!(InitReaper),
            seccomp_load: frame!(SeccompLoad),
            command: plan.decode(Stage::Command, Command::decode)?,
        })
    }

    /// The plan's bytes.
    pub fn encode(&self) -> Res<Vec<u8>> {
        let out_of_memory = |_| Failure::new("the plan is too long");
        let mut frames: Vec<(Stage, Vec<u8>)> = Vec::new();
        macro_rules! frame {
            ($stage:ident, $record:expr) => {
                if let Some(record) = $record {
                    let mut out = Buffer::new(4096).map_err(out_of_memory)?;
                    record.encode(&mut out).map_err(out_of_memory)?;
                    frames.push((Stage::$stage, out.bytes().to_vec()));
                }
            };
        }
        let Document { flags, ns_enter, fs_build, priv_drop, init_reaper, seccomp_load, command } = self;
        frame!(NsEnter, ns_enter);
        frame!(FsBuild, fs_build);
        frame!(PrivDrop, priv_drop);
        frame!(InitReaper, init_reaper);
        frame!(SeccompLoad, seccomp_load);
        frame!(Command, Some(command));
        let frames: Vec<(Stage, &[u8])> = frames.iter().map(|(stage, bytes)| (*stage, &bytes[..])).collect();
        Ok(assemble(*flags, &frames).map_err(out_of_memory)?.bytes().to_vec())
    }
}

/// All of the file at `path`, or of standard input where it is `-`, if that is no longer than a plan can be.
pub fn read(path: &Path) -> Res<Vec<u8>> {
    let fault = |e: io::Error| Failure::new(format_args!("{}: {e}", path.display()));
    if path == Path::new("-") {
        return up_to_limit(io::stdin().lock()).map_err(fault);
    }
    File::open(path).and_then(up_to_limit).map_err(fault)
}

fn up_to_limit(from: impl Read) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    // One more than a plan may have: its decoder then says what is wrong.
    from.take(MAX_PLAN as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The plan in the file at `path`.
pub fn load(path: &Path) -> Res<Document> {
    Document::decode(&read(path)?).map_err(|e| Failure::new(format_args!("{}: {e}", path.display())))
}
