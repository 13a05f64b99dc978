//! Reads the command line of a chain, `ns-enter … -- fs-build … -- COMMAND`, compiles it into one plan and starts the first
//! stage on that.
//!
//! A stage that nobody has given a plan execs this, under its own name and with its arguments: so that the stages, which
//! run with privileges over the sandbox, hold no parser.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod near;
mod why;

use common::chain;
use common::fault;
use common::opts::chain::{self as line, Answer, ChainLine};
use common::opts::{Live, help};
use common::plan::{self, Plan, Stage};
use common::report::{At, ENV_FAILURE, Outcome, Voice};
use common::rt::Start;
use common::sys::{self, Fd, STDERR, STDOUT};
use core::ffi::CStr;
use near::Near;

common::entry!(main);

fn main(start: Start) -> ! {
    let quiet = Voice { failure: ENV_FAILURE, ..Voice::of("compose") };
    if why::is_asked(&start) {
        let Err(fault) = chain::refuse_raised(start.secure) else { why::say(&start) };
        quiet.die(fault)
    }
    if let Some(from) = chain::stored::argument(start.args) {
        let stage = first(&start).map_or(quiet.name, Stage::name);
        let Err(fault) =
            chain::refuse_raised(start.secure).and_then(|()| chain::launch_stored(from, start.env));
        Voice::of(stage).die(fault)
    }
    let first = match chain::refuse_raised(start.secure).and_then(|()| first(&start)) {
        Ok(stage) => stage,
        Err(fault) => quiet.die(fault),
    };
    let voice = Voice { name: first.name(), ..quiet };
    let near = match Near::find() {
        Ok(near) => near,
        Err(fault) => voice.die(fault),
    };
    let mut line = match ChainLine::new(&Live, &near, first) {
        Ok(line) => line,
        Err(fault) => voice.die(fault),
    };
    match line.run(start.args) {
        Ok(Answer::Launch(plan)) => {
            let Err(fault) = launch(plan, &start);
            line.voice().die(fault)
        }
        Ok(Answer::Help(stage)) => usage(stage, STDOUT, 0),
        Ok(Answer::Usage(stage)) => usage(stage, STDERR, ENV_FAILURE),
        Ok(Answer::Version(stage)) => version(stage),
        Err(fault) => line.voice().die(fault),
    }
}

/// The stage that execs this says which one it is as `argv[0]`.
fn first(start: &Start) -> Outcome<Stage> {
    let name = start.args.get(0).map(CStr::to_bytes).unwrap_or_default();
    let stage = Stage::ALL.into_iter().find(|stage| stage.name().as_bytes() == name);
    stage.filter(|stage| *stage != Stage::Command).ok_or_else(|| {
        fault!(
            "This is no command: it is started by ns-enter, fs-build, priv-drop, init-reaper and seccomp-load"
        )
    })
}

/// Runs `plan`. Returns only to say why not.
fn launch(bytes: &'static [u8], start: &Start) -> Outcome<core::convert::Infallible> {
    let plan = Plan::parse(bytes).map_err(plan::BadPlan::fault)?;
    let fd = plan::seal(bytes).at(|| fault!("Can't write plan"))?;
    chain::launch(fd.leak(), &plan, start.env)
}

/// What `--help` says, and what is said instead of a next command that is missing.
fn usage(stage: Stage, to: Fd, status: u8) -> ! {
    let text = help::usage(stage.name().as_bytes(), help::NEXT, &[]).and_then(|mut text| {
        for part in [line::summary(stage), "\n\n"] {
            text.extend(part.as_bytes())?;
        }
        help::list(&mut text, line::sections(stage))?;
        text.extend(b"\n")?;
        help::list(&mut text, &line::COMMON_SECTIONS)?;
        Ok(text)
    });
    match text {
        Ok(text) => print(to, text.bytes(), status),
        Err(_) => sys::exit(ENV_FAILURE),
    }
}

fn version(stage: Stage) -> ! {
    let _ = sys::write_all(STDOUT, stage.name().as_bytes());
    print(STDOUT, concat!(" (sallyport) ", env!("CARGO_PKG_VERSION"), "\n").as_bytes(), 0)
}

/// Writes `text` and ends with `status`; output that cannot be written is a failure.
fn print(to: Fd, text: &[u8], status: u8) -> ! {
    sys::exit(if sys::write_all(to, text).is_ok() { status } else { ENV_FAILURE })
}
