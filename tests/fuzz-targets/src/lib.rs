//! What sallyport does with bytes that somebody else has chosen, as functions that take any bytes at all: they
//! return, or panic because a promise was broken.
//!
//! `cargo xtask fuzz` runs them under libFuzzer, which looks for bytes that reach new code; `cargo test -p
//! fuzz-targets` runs them on the same seeds and on changes of those from a fixed seed, the same at every run.

mod argv;
mod message;
mod mutate;
mod plan;
mod policy;
mod protocol;
mod room;
pub mod seeds;

pub use mutate::Mutator;

/// One function, and what it starts from.
#[derive(Clone, Copy)]
pub struct Target {
    /// Its name, and that of its file in tests/fuzz/fuzz_targets.
    pub name: &'static str,
    /// The function.
    pub run: fn(&[u8]),
    /// Inputs that are known to go deep.
    pub seeds: fn() -> Vec<Vec<u8>>,
    /// Words that inputs are made of, for the dictionary.
    pub words: fn() -> Vec<Vec<u8>>,
}

/// All of them.
///
/// A parser of its own for bytes from outside gets its line here, and a file in tests/fuzz/fuzz_targets.
pub const TARGETS: [Target; 8] = [
    Target { name: "plan", run: plan::whole, seeds: seeds::plans, words: seeds::plan_words },
    Target { name: "frame", run: plan::frame, seeds: seeds::frames, words: seeds::plan_words },
    Target { name: "argv", run: argv::line, seeds: seeds::lines, words: seeds::options },
    Target { name: "chain", run: argv::chain, seeds: seeds::chains, words: seeds::chain_options },
    Target {
        name: "protocol",
        run: protocol::arguments,
        seeds: seeds::protocol,
        words: seeds::protocol_words,
    },
    Target { name: "message", run: message::write, seeds: seeds::messages, words: seeds::message_words },
    Target { name: "policy", run: policy::text, seeds: seeds::policies, words: seeds::policy_words },
    Target { name: "program", run: policy::program, seeds: seeds::programs, words: seeds::program_words },
];

/// The target called `name`.
pub fn target(name: &str) -> Option<Target> {
    TARGETS.into_iter().find(|target| target.name == name)
}
