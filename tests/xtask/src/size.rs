//! Builds the six executables and checks what they are: small, static, with no writable code.

use crate::repo::{EXECUTABLES, Repo, Res};
use object::Endianness;
use object::elf::{DT_NEEDED, FileHeader64, PF_W, PF_X, PT_INTERP, PT_LOAD};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};

/// Most bytes one executable may have.
const ONE: u64 = 64 * 1024;
/// Most bytes all six may have together.
const ALL: u64 = 320 * 1024;

/// Builds the default members: all that a sandbox needs and nothing else.
pub fn build(repo: &Repo) -> Res<bool> {
    repo.status(&mut repo.cargo(&["build", "--release"]))
}

/// Prints a table of the executables and tells whether all are within their limits.
pub fn check(repo: &Repo) -> Res<bool> {
    let mut faults = Vec::new();
    let mut total = 0;
    println!("{:<14} {:>8} {:>9}", "executable", "bytes", "of 65536");
    for name in EXECUTABLES {
        let path = repo.target.join("release").join(name);
        let bytes = match std::fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) => {
                println!("{name:<14} {:>8}", "missing");
                faults.push(format!("{}: {error}", path.display()));
                continue;
            }
        };
        let size = bytes.len() as u64;
        total += size;
        println!("{name:<14} {size:>8} {:>8}%", size * 100 / ONE);
        if size > ONE {
            faults.push(format!("{name}: {size} bytes, more than {ONE}"));
        }
        match shape(&bytes) {
            Ok(found) => faults.extend(found.iter().map(|fault| format!("{name}: {fault}"))),
            Err(error) => faults.push(format!("{name}: not an ELF file we can read: {error}")),
        }
    }
    println!("{:<14} {total:>8} {:>8}% of {ALL}", "together", total * 100 / ALL);
    if total > ALL {
        faults.push(format!("together {total} bytes, more than {ALL}"));
    }
    for fault in &faults {
        println!("size: {fault}");
    }
    Ok(faults.is_empty())
}

/// What an executable must not have: a loader, libraries, memory both writable and executable.
fn shape(bytes: &[u8]) -> Result<Vec<String>, object::Error> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let mut faults = Vec::new();
    for segment in header.program_headers(endian, bytes)? {
        let (kind, flags) = (segment.p_type(endian), segment.p_flags(endian));
        if kind == PT_INTERP {
            faults.push("asks for a loader (PT_INTERP)".to_owned());
        }
        if kind == PT_LOAD && flags.0 & PF_W.0 != 0 && flags.0 & PF_X.0 != 0 {
            faults.push("has a segment that is writable and executable".to_owned());
        }
        let needed = segment.dynamic(endian, bytes)?.unwrap_or(&[]);
        if needed.iter().any(|entry| entry.tag(endian) == DT_NEEDED) {
            faults.push("needs a shared library (DT_NEEDED)".to_owned());
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_dynamic_executable_is_refused() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let faults = super::shape(&own).unwrap();
        assert!(faults.iter().any(|fault| fault.contains("PT_INTERP")), "{faults:?}");
        assert!(faults.iter().any(|fault| fault.contains("DT_NEEDED")), "{faults:?}");
    }

    #[test]
    fn what_is_no_elf_file_is_an_error() {
        assert!(super::shape(b"#!/bin/sh\n").is_err());
    }
}
