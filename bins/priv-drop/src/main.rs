//! What is given up for good: capabilities, user namespaces, the session.
//!
//! This is the privilege boundary of the pipeline: the stages before it hold capabilities, those after it only
//! what the command is to have.

#![no_std]
#![no_main]
#![deny(unsafe_code)]

mod caps;
mod identity;
mod session;
mod sets;
mod userns;

use common::chain::Chain;
use common::errno::Errno;
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
    [frame.userns2_fd, frame.block_fd].into_iter().flatten().try_for_each(|fd| chain.refuse_ours(fd))?;
    // 2. Entry state: without ns-enter before it, nobody has said whose process this is.
    if !chain.plan.has(Stage::NsEnter) && chain.passed.own_userns.is_none() && sys::geteuid() == 0 {
        chain.passed.caps = Some(sys::capget().at(|| fault!("capget failed"))?.effective);
    }
    // 3. Apply.
    // ORDER: before the second user namespace, in which there is no power over this one any more.
    let maker = chain.join_netns()?;
    userns::enter(&frame, &chain.passed)?;
    if let Some(proc) = chain.passed.proc.take() {
        sys::close(proc).at(|| fault!("close"))?;
    }
    chain.passed.ids = None;
    // 4. Give up; 5. verify.
    // ORDER: no_new_privs before the capabilities. Between the two root without any would be one whom the next exec gives
    // them back, and other processes of his could have this one make it.
    if !frame.allow_new_privs {
        sys::set_no_new_privs().at(|| fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"))?;
        if sys::no_new_privs() != Ok(true) {
            return Err(fault!("prctl(PR_SET_NO_NEW_PRIVS) failed"));
        }
    }
    let strict = chain.plan.has_env_status();
    match &frame.attributes {
        None => caps::drop(&frame, &chain.passed, strict)?,
        Some(attributes) => sets::apply(&frame, attributes, &chain.passed, strict)?,
    }
    chain.passed.caps = None;
    chain.passed.own_userns = None;
    chain.passed.own_mounts = false;
    chain.passed.own_pids = false;
    if let Some(attributes) = &frame.attributes {
        session::belong(attributes)?;
    }
    if let Some(fd) = frame.block_fd {
        let mut byte = [0u8];
        // The end of the file and an error end the wait too: whoever holds the other end may just close it. In a chain
        // nobody may name what is not there; bubblewrap lets him.
        match sys::retry(|| sys::read(fd.fd(), &mut byte)) {
            Err(Errno::BADF) if chain.plan.has_env_status() => {
                return Err(fault!("--block-fd").errno(Errno::BADF));
            }
            _ => {}
        }
        sys::close_named(fd.fd()).at(|| fault!("close"))?;
    }
    if frame.new_session {
        session::lead(frame.attributes.is_some())?;
    }
    if frame.die_with_parent {
        // Changes of credentials and execs can clear it (PR_SET_PDEATHSIG(2const)); ns-enter set it first.
        sys::set_pdeathsig(sys::SIGKILL).at(|| fault!("prctl"))?;
    }
    if let Some(signal) = frame.attributes.and_then(|attributes| attributes.pdeathsig) {
        session::die_with_parent(signal)?;
    }
    maker.ended()?;
    // 6. Hand over.
    chain.exec()
}
