//! `fuzz-seeds TARGET FOLDER`: writes the seeds of a target into a folder, a file each, and its dictionary beside it
//! as FOLDER.dict.

use fuzz_targets::{seeds, target};
use std::path::Path;
use std::process::ExitCode;
use std::{env, fs, io};

fn main() -> ExitCode {
    let words: Vec<String> = env::args().skip(1).collect();
    let [name, folder] = &words[..] else {
        eprintln!("usage: fuzz-seeds TARGET FOLDER");
        return ExitCode::FAILURE;
    };
    match write(name, Path::new(folder)) {
        Ok(count) => {
            println!("{name}: {count} seeds");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("fuzz-seeds: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write(name: &str, folder: &Path) -> io::Result<usize> {
    let target = target(name).ok_or_else(|| io::Error::other(format!("no target {name}")))?;
    fs::create_dir_all(folder)?;
    let seeds = (target.seeds)();
    for (index, seed) in seeds.iter().enumerate() {
        fs::write(folder.join(format!("seed-{index:03}")), seed)?;
    }
    fs::write(folder.with_extension("dict"), seeds::dictionary(&(target.words)()))?;
    Ok(seeds.len())
}
