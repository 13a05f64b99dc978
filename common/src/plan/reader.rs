//! Reading a plan: the header, the frames, and every reason to refuse one.

use super::{
    FLAG_BWRAP, FLAG_ENV_STATUS, FLAG_LEVEL_PREFIX, FRAME_HEADER_LEN, HEADER_LEN, MAGIC, MAX_PLAN, Stage,
    VERSION,
};
use crate::fault;
use crate::report::{At, ENV_FAILURE, FAILURE, Fault, Outcome, Voice};
use crate::sys::{self, Fd};

/// Why a plan is refused: whose frame, which field, what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadPlan {
    /// The stage whose frame it is, or `plan` for what belongs to none.
    pub stage: &'static str,
    /// The field.
    pub field: &'static str,
    /// What is wrong with it.
    pub why: &'static str,
}

impl BadPlan {
    /// As a message.
    pub fn fault(self) -> Fault {
        fault!("Invalid plan: ", self.stage, ": ", self.field, ": ", self.why)
    }
}

/// The bytes of one frame that are not decoded yet.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    stage: &'static str,
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    /// A reader of `payload`, the frame of `stage`.
    pub fn over(stage: Stage, payload: &'a [u8]) -> Reader<'a> {
        Reader { stage: stage.name(), rest: payload }
    }

    /// What is left.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// A refusal of this frame.
    pub fn bad(&self, field: &'static str, why: &'static str) -> BadPlan {
        BadPlan { stage: self.stage, field, why }
    }

    pub(super) fn skip(&mut self, n: usize) {
        self.rest = self.rest.get(n..).unwrap_or_default();
    }

    /// Refuses what is left over.
    pub fn finish(self) -> Result<(), BadPlan> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.bad("end", "bytes left over")) }
    }
}

/// A plan whose header and frame boundaries are checked. The frames are not decoded yet: each stage decodes its
/// own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan<'a> {
    flags: u16,
    frames: [Option<&'a [u8]>; Stage::ALL.len()],
}

fn bad(field: &'static str, why: &'static str) -> BadPlan {
    BadPlan { stage: "plan", field, why }
}

/// Splits the first `N` bytes off.
fn split<const N: usize>(bytes: &[u8]) -> Option<([u8; N], &[u8])> {
    bytes.split_first_chunk::<N>().map(|(first, rest)| (*first, rest))
}

impl<'a> Plan<'a> {
    /// Reads header and frame boundaries of `bytes`, which are the whole plan.
    pub fn parse(bytes: &'a [u8]) -> Result<Plan<'a>, BadPlan> {
        let total = bytes.len();
        if total > MAX_PLAN {
            return Err(bad("length", "too long"));
        }
        let (magic, rest) = split::<8>(bytes).ok_or(bad("magic", "cut short"))?;
        if magic != MAGIC {
            return Err(bad("magic", "not a plan"));
        }
        let (version, rest) = split::<2>(rest).ok_or(bad("version", "cut short"))?;
        if u16::from_le_bytes(version) != VERSION {
            return Err(bad("version", "not the version of this program"));
        }
        let (flags, rest) = split::<2>(rest).ok_or(bad("flags", "cut short"))?;
        let flags = u16::from_le_bytes(flags);
        if flags & !(FLAG_LEVEL_PREFIX | FLAG_BWRAP | FLAG_ENV_STATUS) != 0 {
            return Err(bad("flags", "unknown flag"));
        }
        let (length, rest) = split::<4>(rest).ok_or(bad("length", "cut short"))?;
        if u32::from_le_bytes(length) as usize != total {
            return Err(bad("length", "not the length of the plan"));
        }
        Ok(Plan { flags, frames: frames(rest)? })
    }

    /// The plan that the sealed memfd `fd` holds, mapped until this process execs.
    ///
    /// Refuses what is not sealed: between the check of a frame and its use another process could change it.
    pub fn map(fd: Fd) -> Outcome<Plan<'static>> {
        let size = sys::fstat(fd).at(|| fault!("Can't read plan"))?.size;
        let len = match usize::try_from(size) {
            Ok(len) if (HEADER_LEN..=MAX_PLAN).contains(&len) => len,
            _ => return Err(bad("length", "out of range").fault()),
        };
        let bytes = sys::map_sealed(fd, len).at(|| fault!("Can't map plan (is it a sealed memfd?)"))?;
        Plan::parse(bytes).map_err(BadPlan::fault)
    }

    /// Whether `stage` has work.
    pub fn has(&self, stage: Stage) -> bool {
        self.frame(stage).is_some()
    }

    /// The undecoded frame of `stage`.
    pub fn frame(&self, stage: Stage) -> Option<&'a [u8]> {
        self.frames.get(stage.index()).copied().flatten()
    }

    /// The stages with work after `stage`, in order, the command not among them.
    pub fn stages_after(&self, stage: Option<Stage>) -> impl Iterator<Item = Stage> + use<'_, 'a> {
        Stage::ALL
            .into_iter()
            .filter(move |next| Some(*next) > stage && *next != Stage::Command && self.has(*next))
    }

    /// How `stage` signs its messages under this plan.
    pub fn voice(&self, stage: Stage) -> Voice {
        let name = if self.is_bwraps() { "bwrap" } else { stage.name() };
        let failure = if self.has_env_status() { ENV_FAILURE } else { FAILURE };
        Voice { name, level_prefix: self.flags & FLAG_LEVEL_PREFIX != 0, failure }
    }

    /// Whether it is bwrap's.
    pub fn is_bwraps(&self) -> bool {
        self.flags & FLAG_BWRAP != 0
    }

    /// Whether exit statuses are those of `env(1)`.
    pub fn has_env_status(&self) -> bool {
        self.flags & FLAG_ENV_STATUS != 0
    }

    /// The header's flags.
    pub fn flags(&self) -> u16 {
        self.flags
    }

    /// Decodes the frame of `stage` with `decode`, all of it.
    pub fn decode<T>(
        &self,
        stage: Stage,
        decode: impl FnOnce(&mut Reader<'a>) -> Result<T, BadPlan>,
    ) -> Result<T, BadPlan> {
        let payload =
            self.frame(stage).ok_or(BadPlan { stage: stage.name(), field: "frame", why: "missing" })?;
        let mut reader = Reader::over(stage, payload);
        let record = decode(&mut reader)?;
        reader.finish()?;
        Ok(record)
    }
}

fn frames(mut rest: &[u8]) -> Result<[Option<&[u8]>; Stage::ALL.len()], BadPlan> {
    let mut frames = [None; Stage::ALL.len()];
    let mut last = None;
    while !rest.is_empty() {
        let (head, after) = split::<FRAME_HEADER_LEN>(rest).ok_or(bad("frame", "header cut short"))?;
        let [t0, t1, t2, t3, l0, l1, l2, l3] = head;
        let Some(stage) = Stage::from_tag(u32::from_le_bytes([t0, t1, t2, t3])) else {
            return Err(bad("frame", "unknown tag"));
        };
        if Some(stage) <= last {
            return Err(BadPlan { stage: stage.name(), field: "frame", why: "out of order" });
        }
        let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
        let Some((payload, after)) = after.split_at_checked(len) else {
            return Err(BadPlan { stage: stage.name(), field: "frame", why: "cut short" });
        };
        if let Some(slot) = frames.get_mut(stage.index()) {
            *slot = Some(payload);
        }
        last = Some(stage);
        rest = after;
    }
    if last != Some(Stage::Command) {
        return Err(BadPlan { stage: Stage::Command.name(), field: "frame", why: "missing" });
    }
    Ok(frames)
}
