//! Filters as far as a plan's reader needs them: listed, and asked what they answer.

use crate::document::Document;

/// The instructions of a program, a line each.
pub fn lines(program: &[u8]) -> Vec<String> {
    let line = |(index, entry): (usize, &[u8])| match *entry {
        [c0, c1, jt, jf, k0, k1, k2, k3] => {
            let (code, k) = (u16::from_le_bytes([c0, c1]), u32::from_le_bytes([k0, k1, k2, k3]));
            format!("{index:>4}: code {code:#06x} jt {jt:<3} jf {jf:<3} k {k:#010x}")
        }
        _ => String::new(),
    };
    program.chunks_exact(8).enumerate().map(line).collect()
}

/// Whether the filters keep the command from typing into a terminal.
pub fn refuses_terminal_input(_: &Document) -> bool {
    false
}
