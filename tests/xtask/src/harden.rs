//! Checks what the built executables are made like: nothing in them that an attacker could turn, nothing of the machine
//! that built them.

use crate::repo::{EXECUTABLES, Repo, Res};
use object::Endianness;
use object::elf::{
    DF_1_PIE, DT_FLAGS_1, DT_JMPREL, DT_NEEDED, DT_REL, DT_RELA, DT_TEXTREL, ET_DYN, FileHeader64, PF_W,
    PF_X, PT_GNU_RELRO, PT_GNU_STACK, PT_INTERP, PT_LOAD, SHT_DYNSYM, SHT_NOTE, SHT_SYMTAB,
};
use object::read::elf::{Dyn, FileHeader, ProgramHeader, SectionHeader};
use std::path::Path;

/// Those with tables of addresses, or with calls through such: what an exec reads no plan with.
const RELOCATED: [&str; 3] = ["bwrap", "compose", "cgroup-keeper"];

/// Checks all executables.
pub fn run(repo: &Repo) -> Res<bool> {
    let mut faults = Vec::new();
    let machine = Machine::of(repo);
    for name in EXECUTABLES.into_iter().filter(|name| repo.has(name)) {
        let path = repo.target.join("release").join(name);
        let bytes = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        match shape(&bytes, RELOCATED.contains(&name)) {
            Ok(found) => faults.extend(found.iter().map(|fault| format!("{name}: {fault}"))),
            Err(error) => faults.push(format!("{name}: not an ELF file we can read: {error}")),
        }
        faults.extend(machine.traces(&bytes).iter().map(|trace| format!("{name}: holds `{trace}`")));
    }
    for fault in &faults {
        println!("harden: {fault}");
    }
    println!(
        "harden: position-independent, no loader, no library, no symbol, stack and data not executable, nothing \
         writable ({}: but until relocation), nothing of the building machine: {} faults",
        RELOCATED.join(", "),
        faults.len()
    );
    Ok(faults.is_empty())
}

/// What an executable must be, and must not have; one that `relocates` may have data that is writable until then.
fn shape(bytes: &[u8], relocates: bool) -> Result<Vec<String>, object::Error> {
    let header = FileHeader64::<Endianness>::parse(bytes)?;
    let endian = header.endian()?;
    let mut faults = Vec::new();
    let mut fault = |text: &str| faults.push(text.to_owned());
    if header.e_type(endian) != ET_DYN {
        fault("is not position-independent (ET_DYN)");
    }
    let mut stack = None;
    let (mut writable, mut relro) = (Vec::new(), None);
    let mut pie = false;
    for segment in header.program_headers(endian, bytes)? {
        let (kind, flags) = (segment.p_type(endian), segment.p_flags(endian));
        let (writes, runs) = (flags.0 & PF_W.0 != 0, flags.0 & PF_X.0 != 0);
        let range = (segment.p_vaddr(endian), segment.p_vaddr(endian) + segment.p_memsz(endian));
        match kind {
            PT_INTERP => fault("asks for a loader (PT_INTERP)"),
            PT_GNU_STACK => stack = Some(runs),
            PT_GNU_RELRO => relro = Some(range),
            PT_LOAD if writes && runs => fault("has a segment that is writable and executable"),
            PT_LOAD if writes => writable.push(range),
            _ => {}
        }
        for entry in segment.dynamic(endian, bytes)?.unwrap_or(&[]) {
            match entry.tag(endian) {
                DT_NEEDED => fault("needs a shared library (DT_NEEDED)"),
                DT_TEXTREL => fault("has relocations in its text (DT_TEXTREL)"),
                DT_RELA | DT_REL | DT_JMPREL => fault("has relocations that the start code does not make"),
                DT_FLAGS_1 => pie |= entry.val(endian) & DF_1_PIE.0 != 0,
                _ => {}
            }
        }
    }
    if !pie {
        fault("is not marked as position-independent executable (DF_1_PIE)");
    }
    match stack {
        Some(false) => {}
        Some(true) => fault("has an executable stack"),
        None => fault("does not say that its stack is not executable (PT_GNU_STACK)"),
    }
    // The start code takes write permission from the RELRO range; whatever is writable beside it would stay so.
    if !relocates && !writable.is_empty() {
        // Through `memcpy`, a table of strings or a `dyn` call: see common::rt::entry, common::sys::copy, common::text::Names.
        fault("has writable data");
    }
    for (start, end) in writable {
        if !relro.is_some_and(|(from, to)| from <= start && end <= to) {
            fault("has writable data outside PT_GNU_RELRO");
        }
    }
    let sections = header.sections(endian, bytes)?;
    for section in sections.iter() {
        let name = String::from_utf8_lossy(sections.section_name(endian, section)?).into_owned();
        let count = section.sh_size(endian) / section.sh_entsize(endian).max(1);
        match section.sh_type(endian) {
            SHT_SYMTAB => fault("has a symbol table"),
            SHT_DYNSYM if count > 1 => fault("exports or imports symbols"),
            SHT_NOTE => fault(&format!("has a note, `{name}`")),
            _ if name.starts_with(".debug") || name == ".comment" => {
                fault(&format!("has a section `{name}`"))
            }
            _ => {}
        }
    }
    Ok(faults)
}

/// What would tell in an executable where and by whom it was built.
struct Machine(Vec<String>);

impl Machine {
    fn of(repo: &Repo) -> Machine {
        let mut words: Vec<String> =
            ["/.cargo/", "/rustc/", "/rustlib/", ".rs\0", ".rs:"].map(str::to_owned).into();
        let folder = |path: &Path| Some(path.display().to_string()).filter(|path| path.len() > 1);
        words.extend(folder(&repo.root));
        words.extend(folder(&repo.target));
        for name in ["HOME", "CARGO_HOME", "RUSTUP_HOME"] {
            words.extend(std::env::var_os(name).and_then(|value| folder(Path::new(&value))));
        }
        Machine(words)
    }

    fn traces(&self, bytes: &[u8]) -> Vec<&str> {
        let has = |word: &&String| bytes.windows(word.len()).any(|window| window == word.as_bytes());
        self.0.iter().filter(has).map(String::as_str).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{Machine, shape};

    #[test]
    fn a_dynamic_executable_is_refused() {
        let own = std::fs::read("/proc/self/exe").unwrap();
        let faults = shape(&own, false).unwrap();
        for expected in
            ["PT_INTERP", "DT_NEEDED", "symbol table", "writable data outside", "has writable data", "note"]
        {
            assert!(faults.iter().any(|fault| fault.contains(expected)), "{expected}: {faults:?}");
        }
    }

    #[test]
    fn what_is_no_elf_file_is_an_error() {
        assert!(shape(b"#!/bin/sh\n", true).is_err());
    }

    #[test]
    fn the_building_machine_is_recognised() {
        let machine = Machine(vec!["/.cargo/".to_owned(), "/home/b".to_owned()]);
        assert_eq!(machine.traces(b"x/home/build/y.rs"), ["/home/b"]);
        assert!(machine.traces(b"nothing").is_empty());
    }
}
