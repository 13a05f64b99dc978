//! Fault injection: every system call of a launch is made to go wrong, one launch each, and what comes of it has to be
//! one of two things: nothing was run, or the command ran as confined as ever.

pub mod calls;
pub mod campaign;
pub mod judge;
pub mod known;
pub mod launch;
mod mounts;
pub mod scenario;
pub mod trace;
