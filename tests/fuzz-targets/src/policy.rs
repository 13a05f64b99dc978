//! Seccomp policies and programs from files: refused, or what is compiled answers as the policy says and is taken by
//! the kernel's own check.

use sallyport::seccomp::bpf::{Call, Program};
use sallyport::seccomp::compile::compile;
use sallyport::seccomp::source::{Target, Unknown, parse};

/// The first byte says what for; the rest is the text.
pub fn text(bytes: &[u8]) {
    let Some((what, text)) = bytes.split_first() else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let unknown = if what & 1 == 1 { Unknown::Ignore } else { Unknown::List };
    let kernel = if what & 2 == 2 { (6, 18) } else { (5, 12) };
    let target = Target { unknown, kernel, ..Target::default() };
    let loaded = match parse(text, "policy", &target) {
        Ok(loaded) => loaded,
        Err(refused) => return assert!(!refused.0.is_empty()),
    };
    let Ok(program) = compile(std::slice::from_ref(&loaded.policy)) else { return };
    assert_eq!(program.check(), Ok(()), "what is compiled is no good program");
    assert_eq!(Program::from_bytes(&program.to_bytes()).as_ref(), Ok(&program));
    for call in calls(bytes) {
        let answer = program.evaluate(&call).expect("a program that was checked");
        assert_eq!(answer.action, loaded.policy.answer(&call), "{call:?}");
    }
}

/// A program as `--seccomp` reads it.
pub fn program(bytes: &[u8]) {
    let Ok(program) = Program::from_bytes(bytes) else { return };
    assert_eq!(program.to_bytes(), bytes);
    let lines = program.disassemble();
    assert_eq!(lines.len(), program.insns().len());
    let checked = program.check();
    for call in calls(bytes) {
        let answer = program.evaluate(&call);
        assert!(checked.is_err() || answer.is_ok(), "{checked:?}, but {answer:?} on {call:?}");
    }
}

/// Calls to ask about, some of them from the input.
fn calls(bytes: &[u8]) -> impl Iterator<Item = Call> {
    const X86_64: u32 = 0xc000_003e;
    const I386: u32 = 0x4000_0003;
    let word = |at: usize| {
        let byte = |at: usize| bytes.get(at % bytes.len().max(1)).copied().unwrap_or_default();
        u64::from_le_bytes([0, 1, 2, 3, 4, 5, 6, 7].map(|index| byte(at + index)))
    };
    let args = [word(0), word(1) >> 32, word(2) & 0xff, 0, u64::MAX, word(9)];
    let numbers = [0, 16, 41, 56, 59, 165, 435, 467, 0x4000_0000, u32::MAX, word(3) as u32 & 0x1ff];
    let arches = [X86_64, I386, word(5) as u32];
    arches.into_iter().flat_map(move |arch| {
        numbers.into_iter().map(move |nr| {
            let args = if arch == I386 { args.map(|arg| arg & 0xffff_ffff) } else { args };
            Call { nr, arch, instruction_pointer: 0, args }
        })
    })
}
