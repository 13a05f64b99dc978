//! The drop-in front: a bwrap command line becomes a plan.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

use common::chain;
use common::fault;
use common::opts::bwrap::{self, Answer, CommandLine};
use common::opts::{Live, help};
use common::plan::{self, Plan};
use common::report::{At, Outcome, Voice};
use common::rt::Start;
use common::sys::{self, Fd, STDERR, STDOUT};

common::entry!(main);

/// What callers compare: the version of bubblewrap whose behaviour this is.
const VERSION: &[u8] = b"bubblewrap 0.13.1\n";

/// The oldest kernel that has what the stages use: mount_setattr(2) came last.
// DIFFERS: the reference says 5.10.0, which is what it needs.
const ASSUMED_KERNEL: &[u8] = b"5.12.0\n";

fn main(start: Start) -> ! {
    let quiet = Voice::of("bwrap");
    let mut line = match check_entry(&start).and_then(|()| CommandLine::new(&Live)) {
        Ok(line) => line,
        Err(fault) => quiet.die(fault),
    };
    match line.run(start.args) {
        Ok(Answer::Launch(plan)) => {
            let Err(fault) = launch(plan, &start);
            line.voice().die(fault)
        }
        Ok(Answer::Help) => usage(&start, STDOUT, 0),
        Ok(Answer::Usage) => usage(&start, STDERR, 1),
        Ok(Answer::Version) => print(STDOUT, VERSION, 0),
        Ok(Answer::AssumedKernel) => print(STDOUT, ASSUMED_KERNEL, 0),
        Err(fault) => line.voice().die(fault),
    }
}

/// Refuses privileges that the caller does not have and this executable would lend.
fn check_entry(start: &Start) -> Outcome<()> {
    let uid = sys::getuid();
    // AT_SECURE is set whenever effective and real ids differ, and also by security modules that change a label
    // at this exec, which is no privilege of ours: so it only says when to look.
    if start.secure && (uid != sys::geteuid() || chain::lends_its_group()) {
        return Err(fault!("setuid use of bubblewrap is not supported"));
    }
    if uid != 0 {
        let caps = sys::capget().at(|| fault!("capget failed"))?;
        if !caps.permitted.is_empty() {
            return Err(fault!("Unexpected capabilities but not setuid, old file caps config?"));
        }
    }
    Ok(())
}

/// Runs `plan`. Returns only to say why not.
fn launch(bytes: &'static [u8], start: &Start) -> Outcome<core::convert::Infallible> {
    let plan = Plan::parse(bytes).map_err(plan::BadPlan::fault)?;
    let fd = plan::seal(bytes).at(|| fault!("Can't write plan"))?;
    chain::launch_sandbox(fd.leak(), &plan, start.env)
}

fn usage(start: &Start, to: Fd, status: u8) -> ! {
    let program = start.args.get(0).unwrap_or(c"bwrap");
    match help::usage(program.to_bytes(), help::COMMAND, &bwrap::SECTIONS) {
        Ok(text) => print(to, text.bytes(), status),
        Err(_) => sys::exit(1),
    }
}

/// Writes `text`, and ends with `status` whether it could or not, as the reference does.
fn print(to: Fd, text: &[u8], status: u8) -> ! {
    let _ = sys::write_all(to, text);
    sys::exit(status)
}
