//! A seccomp filter of 400 rules, in the shape container policies have: a list of allowed calls, all else refused.

/// Rules in the filter.
const RULES: u32 = 400;
const ALLOW: u32 = 0x7fff_0000;
const ERRNO_EPERM: u32 = 0x0005_0001;
const KILL_PROCESS: u32 = 0x8000_0000;
const ARCH_X86_64: u32 = 0xc000_003e;

/// One instruction of classic BPF as seccomp(2) takes it.
fn op(code: u16, jt: u8, jf: u8, k: u32) -> [u8; 8] {
    let (code, k) = (code.to_ne_bytes(), k.to_ne_bytes());
    [code[0], code[1], jt, jf, k[0], k[1], k[2], k[3]]
}

/// The filter as `--seccomp FD` reads it.
pub fn bytes() -> Vec<u8> {
    let (load, equal, give) = (0x20, 0x15, 0x06);
    let mut program = vec![op(load, 0, 0, 4), op(equal, 1, 0, ARCH_X86_64), op(give, 0, 0, KILL_PROCESS)];
    program.push(op(load, 0, 0, 0));
    // Numbers 0 to 334 and from 424 on are x86_64's calls; the rest of the rules name numbers yet to come.
    for number in (0..335).chain(424..).take(RULES as usize) {
        program.push(op(equal, 0, 1, number));
        program.push(op(give, 0, 0, ALLOW));
    }
    program.push(op(give, 0, 0, ERRNO_EPERM));
    program.concat()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_filter_has_400_rules_and_fits_the_kernels_limit() {
        let instructions = super::bytes().len() / 8;
        assert_eq!(instructions, 4 + 2 * 400 + 1);
        assert!(instructions <= 4096);
    }
}
