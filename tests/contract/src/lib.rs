//! The contract of the stages with the kernel: the list ([`Contract`]), what a traced test run did ([`Seen`]), and where
//! the two part.
//!
//! A whole test suite is traced from outside, its harness included: so every launch that any test makes counts, as it is
//! made, and no test has to know.

mod call;
mod check;
mod files;
mod list;
mod role;
mod seen;
mod tracer;

pub use check::{Fault, compare};
pub use list::{Contract, FILE};
pub use role::{EXECUTABLES, Images, Role};
pub use seen::Seen;
pub use tracer::trace;
