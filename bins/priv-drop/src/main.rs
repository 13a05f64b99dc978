//! What is given up for good: capabilities, user namespaces, the session.
//!
//! This is the privilege boundary of the pipeline: the stages before it hold capabilities, those after it only
//! what the command is to have.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod caps;
mod userns;

use common::chain::Chain;
use common::fault;
use common::plan::{PrivDrop, Stage};
use common::report::{At, Outcome};
use common::rt::Start;
use common::sys;
use core::convert::Infallible;

common::entry!(main);

fn main(start: Start) -> ! {
    common::chain::run(Stage::PrivDrop, start, run)
}

fn run(mut chain: Chain) -> Outcome<Infallible> {
    // 1. Own frame.
    let frame = chain.frame(PrivDrop::decode)?;
    if frame.allow_new_privs || frame.attributes.is_some() {
        return Err(fault!("The plan asks for what this stage does not do yet"));
    }
    // 3. Apply.
    userns::enter(&frame, &chain.passed)?;
    if let Some(proc) = chain.passed.proc.take() {
        sys::close(proc).at(|| fault!("close"))?;
    }
    chain.passed.ids = None;
    // 4. Give up; 5. verify.
    caps::drop(&frame, &chain.passed)?;
    chain.passed.caps = None;
    chain.passed.own_userns = None;
    chain.passed.own_mounts = false;
    sys::set_no_new_privs().at(|| fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"))?;
    if sys::no_new_privs() != Ok(true) {
        return Err(fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"));
    }
    if let Some(fd) = frame.block_fd {
        let mut byte = [0u8];
        // The end of the file and an error end the wait too: whoever holds the other end may just close it.
        let _ = sys::retry(|| sys::read(fd.fd(), &mut byte));
        sys::close_named(fd.fd()).at(|| fault!("close"))?;
    }
    if frame.new_session {
        sys::setsid().at(|| fault!("setsid"))?;
    }
    if frame.die_with_parent {
        // Changes of credentials and execs can clear it (PR_SET_PDEATHSIG(2const)); ns-enter set it first.
        sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
    }
    // 6. Hand over.
    chain.exec()
}
