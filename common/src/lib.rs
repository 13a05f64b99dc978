//! What the stages share: the plan, the protocol between stages, the system calls and the start code.
//!
//! Unsafe code lives in [`sys`] (and in `rt`, the start code) alone; everything else denies it.

#![cfg_attr(not(test), no_std)]
#![deny(unsafe_code)]

#[cfg(not(target_arch = "x86_64"))]
compile_error!(
    "sallyport runs on x86_64 only so far. Another architecture needs: system call numbers and the call \
     instruction in common/src/sys/raw.rs, the entry point and relocation type in common/src/rt/start.rs, and \
     the seccomp audit architecture."
);

pub mod bpf;
pub mod caps;
pub mod chain;
pub mod env;
pub mod errno;
pub mod limits;
pub mod opts;
pub mod plan;
pub mod report;
#[cfg(feature = "start")]
#[allow(unsafe_code)]
pub mod rt;
pub mod seccomp;
pub mod signals;
pub mod sort;
#[allow(unsafe_code)]
pub mod sys;
pub mod text;
