//! The parts of `sallyport` that other programs use too: the fuzz targets, tests, and `sallyport` itself.

#![deny(unsafe_code)]

pub mod failure;
pub mod seccomp;
