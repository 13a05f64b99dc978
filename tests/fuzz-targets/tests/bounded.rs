//! The fuzz targets without a fuzzer: on every seed, on every short piece of one, and on changes of them from a fixed
//! seed. The same inputs at every run, so a failure can be run again; `cargo xtask fuzz` looks further.

use fuzz_targets::{Mutator, TARGETS, target};

/// How many changed inputs each target gets.
const CHANGES: usize = 20_000;

/// Runs a target; the input that it panics on is shown.
fn run(name: &str) {
    let target = target(name).unwrap();
    let seeds = (target.seeds)();
    let mut shown = Shown { name, input: Vec::new(), done: false };
    for seed in &seeds {
        shown.run(target.run, seed);
        for end in 0..seed.len().min(64) {
            shown.run(target.run, &seed[..end]);
        }
    }
    let mut mutator = Mutator::new(20_261_126, (target.words)());
    // What is changed is changed again, so that the inputs drift away from the seeds.
    let mut pool = seeds;
    for _ in 0..CHANGES {
        let from = mutator.below(pool.len());
        let other = pool[mutator.below(pool.len())].clone();
        let mut input = pool[from].clone();
        mutator.change(&mut input, &other);
        shown.run(target.run, &input);
        if mutator.below(16) == 0 {
            let place = mutator.below(pool.len());
            // The seeds themselves stay: they are what is known to be good.
            if place >= 8 {
                pool[place] = input;
            } else if pool.len() < 256 {
                pool.push(input);
            }
        }
    }
    shown.done = true;
}

/// Says on which input a target has panicked.
struct Shown<'n> {
    name: &'n str,
    input: Vec<u8>,
    done: bool,
}

impl Shown<'_> {
    fn run(&mut self, target: fn(&[u8]), input: &[u8]) {
        self.input.clear();
        self.input.extend_from_slice(input);
        target(input);
    }
}

impl Drop for Shown<'_> {
    fn drop(&mut self) {
        if !self.done {
            println!("{}: on the input \"{}\"", self.name, self.input.escape_ascii());
        }
    }
}

#[test]
fn any_bytes_are_refused_as_a_plan_or_are_its_one_encoding() {
    run("plan");
}

#[test]
fn any_bytes_are_refused_as_a_frame_or_are_its_one_encoding() {
    run("frame");
}

#[test]
fn any_words_are_refused_as_a_command_line_or_make_a_plan_that_every_stage_takes() {
    run("argv");
}

#[test]
fn any_words_are_refused_as_a_chain_or_make_a_plan_that_every_stage_takes() {
    run("chain");
}

#[test]
fn any_text_is_refused_as_a_policy_or_the_program_answers_as_it_says() {
    run("policy");
}

#[test]
fn any_bytes_are_refused_as_a_program_or_evaluate() {
    run("program");
}

#[test]
fn any_words_are_refused_as_a_stages_arguments_or_fit_its_plan() {
    run("protocol");
}

#[test]
fn any_name_in_a_message_leaves_it_one_line_that_a_terminal_does_not_act_on() {
    run("message");
}

/// Every seed is an input that goes deep: a plan is taken, a line of the README makes one.
#[test]
fn every_target_has_seeds_words_and_a_file_for_the_fuzzer() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    for target in TARGETS {
        assert!((target.seeds)().len() >= 5 && (target.words)().len() >= 5, "{}", target.name);
        let file = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&file) && folder.join(&file).is_file(), "tests/fuzz lacks {file}");
    }
}
