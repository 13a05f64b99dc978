//! Seccomp: policies to programs, programs to words, and what a program answers.

pub mod action;
pub mod arch;
pub mod bpf;
pub mod compile;
mod graph;
pub mod names;
pub mod policy;
#[cfg(test)]
mod random;
