//! `contract-trace OUT BINARIES COMMAND…`: runs COMMAND, follows every process below it, and writes down in OUT what
//! those did that run one of the executables in the folder BINARIES, wherever a copy of it lies.

use contract::{Images, trace};
use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let [out, binaries, command @ ..] = words.as_slice() else {
        eprintln!("usage: contract-trace OUT BINARIES COMMAND...");
        return ExitCode::from(2);
    };
    let run = Images::of(Path::new(binaries)).and_then(|images| trace(command, images));
    match run.and_then(|(seen, code)| seen.write(Path::new(out)).map(|()| code)) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("contract-trace: {error}");
            ExitCode::from(125)
        }
    }
}
