//! Inputs to start from, and the words that inputs are made of: golden plans, command lines that people type.

use crate::argv::SEPARATOR;
use crate::protocol::PLAN_FD;
use common::opts::bwrap::SECTIONS;
use common::opts::chain::{COMMON_SECTIONS, sections};
use common::plan::{MAGIC, Plan, Stage, VERSION};
use std::fs;
use std::path::{Path, PathBuf};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden")
}

/// The golden plans.
pub fn plans() -> Vec<Vec<u8>> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder())
        .unwrap_or_else(|error| panic!("{}: {error}", folder().display()))
        .map(|entry| entry.expect("an entry of a folder").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "plan"))
        .collect();
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let plans: Vec<Vec<u8>> = paths.iter().map(read).collect();
    assert!(!plans.is_empty(), "no golden plan in {}", folder().display());
    plans
}

/// Each frame of those, behind the byte that says whose it is.
pub fn frames() -> Vec<Vec<u8>> {
    let mut frames = Vec::new();
    for plan in plans() {
        let plan = Plan::parse(&plan).expect("a golden plan");
        for stage in Stage::ALL {
            frames.extend(plan.frame(stage).map(|frame| [&[stage.index() as u8], frame].concat()));
        }
    }
    frames
}

/// The lines of seeds/lines.txt, as an ordinary user types them and as root.
pub fn lines() -> Vec<Vec<u8>> {
    let text = include_str!("../seeds/lines.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(|line| (0..4).map(|world| input(world, line))).collect()
}

/// The lines of seeds/chains.txt, whose first word is a stage.
pub fn chains() -> Vec<Vec<u8>> {
    let text = include_str!("../seeds/chains.txt");
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let chain = |line: &str, world: u8| {
        let (first, rest) = line.split_once(' ').unwrap_or((line, ""));
        let stage = Stage::ALL.iter().position(|stage| stage.name() == first).expect("a stage");
        input(world | (stage as u8) << 2, rest)
    };
    lines.flat_map(|line| (0..2).map(move |world| chain(line, world))).collect()
}

/// Seccomp policies, in both formats.
pub fn policies() -> Vec<Vec<u8>> {
    let texts = [
        include_str!("../seeds/oci.json"),
        include_str!("../seeds/seccompiler.json"),
        r#"{"linux":{"seccomp":{"defaultAction":"SCMP_ACT_ALLOW"}}}"#,
        r#"{"t":{"mismatch_action":"allow","match_action":{"errno":1},"filter":[{"syscall":"mount"}]}}"#,
        r#"{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":38,"syscalls":[]}"#,
    ];
    texts.iter().flat_map(|text| (0..4).map(|what| [&[what][..], text.as_bytes()].concat())).collect()
}

/// What policies are made of.
pub fn policy_words() -> Vec<Vec<u8>> {
    let words = [
        "defaultAction",
        "defaultErrnoRet",
        "architectures",
        "archMap",
        "architecture",
        "subArchitectures",
        "syscalls",
        "names",
        "action",
        "errnoRet",
        "args",
        "index",
        "value",
        "valueTwo",
        "op",
        "includes",
        "excludes",
        "caps",
        "arches",
        "minKernel",
        "flags",
        "SCMP_ACT_ALLOW",
        "SCMP_ACT_ERRNO",
        "SCMP_ACT_KILL",
        "SCMP_ACT_KILL_PROCESS",
        "SCMP_ACT_LOG",
        "SCMP_ACT_TRAP",
        "SCMP_ACT_TRACE",
        "SCMP_CMP_EQ",
        "SCMP_CMP_NE",
        "SCMP_CMP_GE",
        "SCMP_CMP_GT",
        "SCMP_CMP_LE",
        "SCMP_CMP_LT",
        "SCMP_CMP_MASKED_EQ",
        "SCMP_ARCH_X86_64",
        "SCMP_ARCH_X86",
        "SCMP_ARCH_X32",
        "mismatch_action",
        "match_action",
        "filter",
        "syscall",
        "errno",
        "kill_process",
        "kill_thread",
        "masked_eq",
        "dword",
        "qword",
        "val",
        "type",
        "clone",
        "ioctl",
        "socket",
        "mount",
        "18446744073709551615",
    ];
    words.iter().map(|word| format!("\"{word}\"").into_bytes()).collect()
}

/// Programs: those that the policies are compiled to.
pub fn programs() -> Vec<Vec<u8>> {
    use sallyport::seccomp::compile::compile;
    use sallyport::seccomp::source::{Target, Unknown, parse};
    let target = Target { unknown: Unknown::Ignore, ..Target::default() };
    let compiled = |policy: Vec<u8>| {
        let text = String::from_utf8(policy[1..].to_vec()).expect("a seed");
        let loaded = parse(&text, "seed", &target).expect("a seed");
        compile(&[loaded.policy]).expect("a seed").to_bytes()
    };
    policies().into_iter().step_by(4).map(compiled).collect()
}

/// Instructions: loads, jumps, answers, and some that the kernel refuses.
pub fn program_words() -> Vec<Vec<u8>> {
    let insn =
        |code: u16, jt: u8, jf: u8, k: u32| [&code.to_le_bytes()[..], &[jt, jf], &k.to_le_bytes()].concat();
    let load = (0..16).map(|word| insn(0x20, 0, 0, word * 4));
    let more = [
        insn(0x15, 1, 0, 59),
        insn(0x25, 0, 1, 100),
        insn(0x35, 1, 1, 16),
        insn(0x45, 0, 2, 0xff),
        insn(0x05, 0, 0, 3),
        insn(0x06, 0, 0, 0x7fff_0000),
        insn(0x06, 0, 0, 0x0005_0001),
        insn(0x16, 0, 0, 0),
        insn(0x54, 0, 0, 0xffff),
        insn(0x34, 0, 0, 0),
        insn(0x3c, 0, 0, 0),
        insn(0x60, 0, 0, 16),
        insn(0x02, 0, 0, 0),
        insn(0x07, 0, 0, 0),
        insn(0x80, 0, 0, 0),
        insn(0x28, 0, 0, 0),
        insn(0xffff, 0xff, 0xff, u32::MAX),
    ];
    load.chain(more).collect()
}

/// What a line of seeds/lines.txt stands for.
fn input(world: u8, line: &str) -> Vec<u8> {
    let mut out = vec![world];
    for (index, part) in line.split(" <<<").enumerate() {
        if index > 0 {
            out.push(SEPARATOR);
        }
        let part = if index > 0 { part.strip_prefix(' ').unwrap_or(part) } else { part };
        out.extend(part.bytes().map(|byte| match byte {
            b' ' => 0,
            b'~' => b' ',
            byte => byte,
        }));
    }
    out
}

/// The arguments of each stage, as the one before it would give them.
pub fn protocol() -> Vec<Vec<u8>> {
    let plan = format!("--plan={PLAN_FD}");
    let lines = [
        vec![plan.clone()],
        vec![plan.clone(), "--next=".to_owned()],
        vec![plan.clone(), "--next=4,5,6,7".to_owned(), "--status=8".to_owned(), "--ready=9".to_owned()],
        vec![plan.clone(), "--next=4,5".to_owned(), "--ids=1000:100".to_owned(), "--proc=3".to_owned()],
        vec![plan, "--next=4".to_owned(), "--caps=1ffffffffff".to_owned(), "--own-userns=new".to_owned()],
        vec!["--stored=3".to_owned()],
        vec!["--own-userns=joined".to_owned()],
    ];
    let input = |stage: u8, line: &Vec<String>| [&[stage][..], line.join("\0").as_bytes()].concat();
    lines.iter().flat_map(|line| (0..5).map(move |stage| input(stage, line))).collect()
}

/// Messages with names that a terminal would act on.
pub fn messages() -> Vec<Vec<u8>> {
    let rest: [&[u8]; 5] = [
        b"Can't find source path \xff/x",
        b"\x02\xff/a\x1b[2J\xff /b\r\n<3>bwrap: forged\xff\x00\x01\x02",
        b"\x01\xed\x01\xff\xc2\x9b31m\xff\x9b31m\xff\xe2\x82\xac\x7f\t",
        b"",
        &[b'x'; 5000],
    ];
    rest.iter().flat_map(|rest| [0, 1, 0x42, 0x80, 0xff].map(|sign| [&[sign][..], rest].concat())).collect()
}

/// The names of the options in these tables, each as a word, and operands.
fn names(sections: impl Iterator<Item = &'static str>) -> Vec<Vec<u8>> {
    let names = sections.flat_map(str::lines).filter_map(|line| line.split('\t').next());
    let operands = ["10", "11", "/", "/a", "--", "0755", "CAP_SYS_ADMIN", "ALL", "0:1000:1"];
    let mut words: Vec<Vec<u8>> =
        names.chain(operands).map(|word| [b"\0", word.as_bytes(), b"\0"].concat()).collect();
    words.sort();
    words.dedup();
    words.push(vec![SEPARATOR]);
    words
}

/// The names of all options of bwrap.
pub fn options() -> Vec<Vec<u8>> {
    names(SECTIONS.into_iter())
}

/// The names of all options of the stages, and theirs.
pub fn chain_options() -> Vec<Vec<u8>> {
    let stages = Stage::ALL.into_iter().filter(|stage| *stage != Stage::Command);
    let all = stages.clone().flat_map(|stage| sections(stage).iter().copied()).chain(COMMON_SECTIONS);
    let mut words = names(all);
    words.extend(stages.map(|stage| [b"\0", stage.name().as_bytes(), b"\0"].concat()));
    words
}

/// The names of the arguments between stages.
pub fn protocol_words() -> Vec<Vec<u8>> {
    let names =
        ["--plan=", "--next=", "--status=", "--ready=", "--proc=", "--ids=", "--caps=", "--own-userns="];
    let more = ["--stored=", "new", "joined", "600", ",", ":", "2147483647", "4294967295", "\0"];
    names.into_iter().chain(more).map(|word| word.as_bytes().to_vec()).collect()
}

/// A header, the heads of frames, and numbers of every length.
pub fn plan_words() -> Vec<Vec<u8>> {
    let mut words = vec![MAGIC.to_vec(), [&MAGIC[..], &VERSION.to_le_bytes(), &[0, 0]].concat()];
    words.extend(Stage::ALL.map(|stage| (stage as u32).to_le_bytes().to_vec()));
    let numbers: [&[u8]; 6] =
        [b"\x80\x01", b"\xff\xff\xff\xff\x0f", b"\xff\xff\xff\xff\x07", b"\x80\x00", b"\x02/\0", b"\0\0"];
    words.extend(numbers.map(<[u8]>::to_vec));
    words
}

/// Ends of names, and what starts an escape sequence.
pub fn message_words() -> Vec<Vec<u8>> {
    [&b"\x1b["[..], b"\xc2\x9b", b"\x9b", b"\xff", b"\n", b"\r", b"\xff\x00", b"\xff\x01"]
        .map(<[u8]>::to_vec)
        .to_vec()
}

/// `words` as a dictionary of libFuzzer.
pub fn dictionary(words: &[Vec<u8>]) -> String {
    let line = |word: &Vec<u8>| {
        let shown = |byte: &u8| match byte {
            b'"' | b'\\' => format!("\\{}", char::from(*byte)),
            0x20..0x7f => char::from(*byte).to_string(),
            byte => format!("\\x{byte:02x}"),
        };
        format!("\"{}\"\n", word.iter().map(shown).collect::<String>())
    };
    words.iter().map(line).collect()
}
