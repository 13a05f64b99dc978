//! What the library says of filters, held against what the kernel does with them.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // Tests.

use policy::{
    BAD, Made, Outcome, Random, alike, expected, i386_works, is_unfit, load, outcomes, outcomes_of,
};
use sallyport::seccomp::action::Action;
use sallyport::seccomp::arch::{Arch, X32_BIT};
use sallyport::seccomp::bpf::{Call, Insn, Program, answer_of_all};
use sallyport::seccomp::compile::compile;
use sallyport::seccomp::policy::Policy;
use sallyport::seccomp::source::{Target, parse, ready_made};
use sallyport::seccomp::{names, ready};
use std::path::Path;

/// Whether calls can be made here at all; says why not.
fn can_ask() -> bool {
    match outcomes(&[], &[], &|_| false) {
        Ok(_) => true,
        Err(error) => {
            println!("SKIP: {error}");
            false
        }
    }
}

/// Every number that a kind of call has, and some that none has, with bad arguments.
fn every_call(arch: Arch) -> Vec<Made> {
    let bit = if arch == Arch::X32 { X32_BIT } else { 0 };
    let most = if arch == Arch::X32 { 560 } else { 480 };
    (0..most).chain([4000, 0x3fff_ffff]).map(|nr| (arch, nr | bit, [BAD; 6])).collect()
}

/// What the calls come to without a filter.
fn unfiltered(calls: &[Made]) -> Vec<Outcome> {
    outcomes(&[], calls, &is_unfit).unwrap()
}

/// Compares, and tells how many calls were refused where that shows: without a filter they came to something else.
fn compare(name: &str, filters: &[Program], calls: &[Made], without: &[Outcome]) -> usize {
    let answer = |(arch, nr, args): &Made| {
        let decided = answer_of_all(filters, &Call::new(*arch, *nr, *args)).unwrap();
        decided.map_or(Action::ALLOW, |(_, answer)| answer.action)
    };
    // What would be made and must not be.
    let unfit = |call: &Made| is_unfit(call) && answer(call).is_allowed();
    let with = outcomes(filters, calls, &unfit).unwrap();
    let (mut shown, mut faults) = (0, Vec::new());
    for ((call, without), with) in calls.iter().zip(without).zip(with) {
        // Newer kernels let these two pass before they ask any filter.
        let passes = call.0 == Arch::X86_64 && matches!(call.1, 335 | 336);
        let answer = answer(call);
        let expected = expected(answer, *without);
        if !passes && !alike(with, expected) && with != Outcome::NotMade {
            let call_name = call.0.call_name(call.1).unwrap_or("?");
            faults.push(format!(
                "{} {call_name} {:x?}: {answer}, but {with:?}, without {without:?}",
                call.0, &call.1
            ));
        }
        shown += usize::from(!answer.is_allowed() && !alike(*without, expected));
    }
    assert!(faults.is_empty(), "{name}:\n{}", faults.join("\n"));
    shown
}

fn archs() -> Vec<Arch> {
    if i386_works() {
        return Arch::ALL.to_vec();
    }
    println!("SKIP: this kernel has no 32-bit calls; i386 is not compared");
    vec![Arch::X86_64, Arch::X32]
}

fn loaded(name: &str) -> Policy {
    ready_made(name, &Target::default()).unwrap().unwrap().policy
}

fn profile(file: &str) -> Policy {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../bins/sallyport/profiles").join(file);
    parse(&std::fs::read_to_string(path).unwrap(), file, &Target::default()).unwrap().policy
}

#[test]
fn policies_answer_every_call_as_they_say() {
    if !can_ask() {
        return;
    }
    let calls: Vec<Made> = archs().into_iter().flat_map(every_call).collect();
    let without = unfiltered(&calls);
    let ready = ready::ALL.iter().map(|ready| loaded(ready.name));
    for policy in ready.chain([profile("podman.json")]) {
        let program = compile(std::slice::from_ref(&policy)).unwrap();
        let shown = compare(&policy.name, &[program], &calls, &without);
        println!("{}: {} calls, {shown} of them seen to be refused", policy.name, calls.len());
        // Profiles let x32 through; it alone has 562 numbers here.
        let least = if policy.tables.contains_key(&Arch::X32) { 50 } else { 562 };
        assert!(shown >= least, "{}: {shown}", policy.name);
    }
}

/// Arguments decide: what the policies look at, in every half.
#[test]
fn arguments_are_looked_at_as_the_kernel_looks_at_them() {
    if !can_ask() {
        return;
    }
    let mut calls: Vec<Made> = Vec::new();
    for arch in archs().into_iter().filter(|arch| *arch != Arch::X32) {
        let mut add = |call: &str, words: &[&str]| {
            let Some(nr) = arch.number(call) else { return };
            let mut args = [BAD; 6];
            args.iter_mut().zip(words).for_each(|(arg, word)| *arg = names::value(word).unwrap());
            calls.push((arch, nr, args));
        };
        for high in ["0", "0x100000000", "0xffffffff00000000", "0x8000000000000000"] {
            for request in ["TIOCSTI", "TIOCLINUX", "TCGETS", "0"] {
                add("ioctl", &["-1", &format!("{high}|{request}")]);
            }
            for flags in ["CLONE_NEWUSER", "CLONE_NEWUSER|CLONE_NEWNS", "CLONE_NEWNET", "0", "0x80000000"] {
                add("unshare", &[&format!("{high}|{flags}")]);
                add("clone", &[&format!("{high}|{flags}")]);
                add("setns", &["-1", &format!("{high}|{flags}")]);
            }
            for family in ["AF_UNIX", "AF_INET", "AF_NETLINK", "AF_PACKET", "AF_ALG", "AF_VSOCK", "0x10000"] {
                add("socket", &[&format!("{high}|{family}"), "SOCK_RAW|SOCK_CLOEXEC", "9"]);
            }
            for persona in ["0", "8", "0x20000", "0x20008", "0xffffffff", "READ_IMPLIES_EXEC"] {
                add("personality", &[&format!("{high}|{persona}")]);
            }
        }
    }
    let without = unfiltered(&calls);
    for policies in [
        vec![loaded("no-tiocsti"), loaded("no-userns")],
        vec![loaded("flatpak-like")],
        vec![loaded("docker-default")],
        vec![profile("podman.json")],
        vec![loaded("flatpak-like"), loaded("docker-default"), loaded("no-io-uring")],
    ] {
        let names: Vec<&str> = policies.iter().map(|policy| policy.name.as_str()).collect();
        let together = compile(&policies).unwrap();
        assert!(compare(&names.join(" "), &[together], &calls, &without) > 10);
        // The same policies as filters of their own, the first loaded last: of equal answers the last one's counts.
        let apart: Vec<Program> =
            policies.iter().rev().map(|policy| compile(std::slice::from_ref(policy)).unwrap()).collect();
        compare(&names.join(" over "), &apart, &calls, &without);
    }
}

/// A 32-bit program has two ways to make a call, and the kernel refuses both.
#[test]
fn what_a_profile_denies_is_denied_through_socketcall_and_ipc() {
    if !can_ask() {
        return;
    }
    if !i386_works() {
        println!("SKIP: this kernel has no 32-bit calls");
        return;
    }
    let profile = "{\"defaultAction\": \"SCMP_ACT_ALLOW\", \"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\": \
                   [{\"names\": [\"bind\", \"listen\", \"accept4\", \"shmat\"], \"action\": \"SCMP_ACT_ERRNO\", \
                   \"errnoRet\": 13}]}";
    let program = compile(&[parse(profile, "profile", &Target::default()).unwrap().policy]).unwrap();
    let through = |(name, number): (&str, u64)| {
        let mut args = [BAD; 6];
        args[0] = number;
        (Arch::I386, Arch::I386.number(name).unwrap(), args)
    };
    let denied = [("socketcall", 2), ("socketcall", 4), ("socketcall", 18), ("ipc", 21), ("bind", BAD)];
    let made = [("socketcall", 1), ("socketcall", 3), ("ipc", 22), ("connect", BAD)];
    let calls: Vec<Made> = denied.into_iter().chain(made).map(through).collect();
    let without = unfiltered(&calls);
    let with = outcomes(&[program], &calls, &|_| false).unwrap();
    for (at, (call, (with, without))) in calls.iter().zip(with.into_iter().zip(without)).enumerate() {
        let refused = Outcome::Returned(-i64::from(libc::EACCES));
        assert_ne!(without, refused, "{call:x?}: nothing could be seen");
        assert_eq!(with, if at < denied.len() { refused } else { without }, "{call:x?}");
    }
}

#[test]
fn random_programs_compute_what_the_kernel_computes() {
    if !can_ask() {
        return;
    }
    let mut random = Random::new(0x2019_1006_3000);
    // What looks at the address of the call cannot be foretold.
    let reads_address = |insn: &Insn| insn.code == 0x20 && matches!(insn.k, 8 | 12);
    let programs: Vec<Program> = std::iter::repeat_with(|| random.computation())
        .filter(|program| program.check().is_ok() && !program.insns().iter().any(reads_address))
        .take(1000)
        .collect();
    let mut call = || (Arch::X86_64, libc::SYS_getpid as u32, std::array::from_fn(|_| random.word()));
    let jobs: Vec<(&[Program], Made)> =
        programs.iter().map(|program| (std::slice::from_ref(program), call())).collect();
    let mut different = std::collections::BTreeSet::new();
    for ((program, call), seen) in jobs.iter().zip(outcomes_of(&jobs).unwrap()) {
        let answer = program[0].evaluate(&Call::new(call.0, call.1, call.2)).unwrap().action;
        let expected = expected(answer, Outcome::Returned(0));
        assert!(alike(seen, expected), "{answer}, but {seen:?}: {call:x?}\n{program:?}");
        different.insert(answer.0);
    }
    assert!(different.len() > 150, "random enough to tell: {}", different.len());
}

#[test]
fn what_check_refuses_the_kernel_refuses_and_nothing_else() {
    if !can_ask() {
        return;
    }
    let mut random = Random::new(0x0bad_c0de);
    let programs: Vec<Program> = (0..3000).map(|_| random.damaged()).collect();
    let (mut good, mut bad) = (0, 0);
    for (program, seen) in programs.iter().zip(load(&programs).unwrap()) {
        let said = program.check();
        assert_eq!(said.map_err(|_| libc::EINVAL), seen, "{said:?}\n{program:?}");
        *(if said.is_ok() { &mut good } else { &mut bad }) += 1;
    }
    assert!(good > 300 && bad > 600, "{good} good, {bad} bad");
}

#[test]
fn every_kind_of_answer_is_what_it_is_called() {
    if !can_ask() {
        return;
    }
    let getpid: Made = (Arch::X86_64, libc::SYS_getpid as u32, [0; 6]);
    for value in [
        Action::ALLOW.0,
        Action::LOG.0,
        Action::TRAP.0,
        Action::KILL_THREAD.0,
        Action::KILL_PROCESS.0,
        Action::errno(0).0,
        Action::errno(1).0,
        Action::errno(4095).0,
        Action::errno(4096).0,
        Action::errno(u16::MAX).0,
        Action::trace(7).0,
        0x7fc0_0000,
        0x1234_0000,
        0xffff_ffff,
        0x7ffe_0001,
    ] {
        let ret = Program::new(vec![
            Insn { code: 0x20, jt: 0, jf: 0, k: 0 },
            Insn { code: 0x15, jt: 0, jf: 1, k: libc::SYS_getpid as u32 },
            Insn { code: 0x06, jt: 0, jf: 0, k: value },
            Insn { code: 0x06, jt: 0, jf: 0, k: Action::ALLOW.0 },
        ]);
        let ret = ret.unwrap();
        let seen = outcomes(&[ret], &[getpid], &|_| false).unwrap();
        let action = Action(value);
        let expected = expected(action, Outcome::Returned(0));
        assert!(alike(seen[0], expected), "{action}: {seen:?}, not {expected:?}");
    }
}
