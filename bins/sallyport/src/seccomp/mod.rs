//! Seccomp: policies to programs, programs to words, and what a program answers.

pub mod action;
pub mod arch;
pub mod bpf;
pub mod compile;
mod graph;
mod multiplexed;
pub mod names;
pub mod oci;
pub mod policy;
#[cfg(test)]
mod random;
pub mod ready;
pub mod rules;
pub mod source;
