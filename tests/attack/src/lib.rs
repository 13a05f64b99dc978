//! What the attacks share: each tries to get a command run in a weaker sandbox than was asked for, or something left
//! on the host.

pub mod faults;
pub mod hostile;
pub mod trap;
