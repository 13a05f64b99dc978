//! The system calls of the stages: one safe function a call, named after it.
//!
//! # Contract of this module
//!
//! Every wrapper takes references, slices, C strings or numbers, so what the kernel reads or writes through a
//! pointer is valid by its type until the call returns; the kernel keeps no pointer after that (the exceptions
//! are [`Mapping`], which owns its pages, and exec, which replaces them). A stage is one thread and never makes
//! another, so there is no concurrent access to what a slice covers.

mod fd;
mod file;
mod identity;
mod landlock;
mod memory;
mod mount;
mod process;
pub mod raw;
mod signal;
mod socket;
mod strings;
mod terminal;

pub use fd::*;
pub use file::*;
pub use identity::*;
pub use landlock::*;
pub use memory::*;
pub use mount::*;
pub use process::*;
pub use signal::*;
pub use socket::*;
pub use strings::*;
pub use terminal::*;

use crate::errno::Errno;

/// What a system call returns: its value or an errno. It becomes a message only through
/// [`crate::report::At::at`], so that no failure loses its operation and object.
pub type Result<T> = core::result::Result<T, Errno>;

/// Runs `call` until it does not fail with `EINTR`.
///
/// Only for calls that a signal interrupts before they have done anything.
pub fn retry<T>(mut call: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
