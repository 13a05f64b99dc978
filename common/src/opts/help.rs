//! `--help`, and what is said instead of a command that is missing.

use crate::plan::Buffer;
use crate::sys::Result;

/// Where help begins in its line.
const COLUMN: usize = 33;

/// An option as a person reads about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line {
    /// `--bind`.
    pub name: &'static str,
    /// `SRC DEST`.
    pub operands: &'static str,
    /// What it does; a tab stands for a line break.
    pub help: &'static str,
}

/// The options of a table's section.
pub fn lines(section: &'static str) -> impl Iterator<Item = Line> {
    section.lines().filter_map(|line| {
        let (name, rest) = line.split_once('\t')?;
        let (operands, help) = rest.split_once('\t')?;
        Some(Line { name, operands, help })
    })
}

/// What follows the options of bwrap, and the blank line behind it.
pub const COMMAND: &str = " [OPTIONS...] [--] COMMAND [ARGS...]\n\n";

/// What follows the options of a stage that is a command of its own.
pub const NEXT: &str = " [OPTIONS...] [--] NEXT [ARGS...]\n\n";

/// The whole text, for a program that was called as `program`: `head` goes on with its first line.
pub fn usage(program: &[u8], head: &str, sections: &[&'static str]) -> Result<Buffer> {
    let mut out = Buffer::new(1 << 13)?;
    for part in [b"usage: ", program, head.as_bytes()] {
        out.extend(part)?;
    }
    list(&mut out, sections)?;
    Ok(out)
}

/// Appends the options of `sections`.
pub fn list(out: &mut Buffer, sections: &[&'static str]) -> Result<()> {
    for section in sections {
        for line in lines(section) {
            write(out, line)?;
        }
    }
    Ok(())
}

fn write(out: &mut Buffer, line: Line) -> Result<()> {
    let start = out.len();
    let blank = if line.operands.is_empty() { "" } else { " " };
    for part in ["    ", line.name, blank, line.operands] {
        out.extend(part.as_bytes())?;
    }
    let mut used = out.len() - start;
    for text in line.help.split('\t') {
        // One blank at least.
        let pad = COLUMN.saturating_sub(used).max(1);
        out.extend([b' '; COLUMN].get(..pad).unwrap_or_default())?;
        out.extend(text.as_bytes())?;
        out.extend(b"\n")?;
        used = 0;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::bwrap::SECTIONS;
    use super::*;

    #[test]
    fn every_option_has_a_line_and_every_line_fits() {
        let text = usage(b"bwrap", COMMAND, &SECTIONS).unwrap();
        let text = core::str::from_utf8(text.bytes()).unwrap();
        assert!(text.starts_with(
            "usage: bwrap [OPTIONS...] [--] COMMAND [ARGS...]\n\n    --help                       "
        ));
        assert!(text.contains("\n    --overlay RWSRC WORKDIR DEST Overlay"));
        assert_eq!(text.matches("\n    --").count(), 80);
        for line in text.lines().skip(2) {
            assert!(line.len() <= 110, "{line}");
            assert_eq!(line.as_bytes().get(COLUMN - 1), Some(&b' '), "{line}");
            assert_ne!(line.as_bytes().get(COLUMN), Some(&b' '), "{line}");
        }
    }
}
