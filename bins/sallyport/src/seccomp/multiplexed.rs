//! Calls that 32-bit programs also make through another one: `socketcall` and `ipc` take a number that says which is
//! meant, and for `socketcall` the arguments are behind a pointer, where no filter sees them.
//!
//! What is added for a rule of an OCI profile is what libseccomp adds (2.5.4), the number being all that is compared:
//! a rule on `bind` is one on `socketcall(2)`, too. Conditions are left out, so that `socket` allowed with some
//! arguments is `socketcall(1)` allowed with all, and denied with some is denied with all. Where a profile has an
//! unconditional rule on `socketcall` itself, libseccomp drops all that it would add; here an unconditional denial of
//! `bind` is kept, as the stricter one counts. One with conditions is not: podman's profile refuses audit sockets and
//! allows `socketcall`, and no 32-bit program that uses it would get any socket.

use super::arch::Arch;
use super::bpf::Call;
use super::policy::{Condition, Rule, Table, Test, Width};

/// A call that makes others, and their numbers (`linux/net.h`, `linux/ipc.h`).
struct Multiplexer {
    name: &'static str,
    calls: &'static [(&'static str, u64)],
}

const ALL: [Multiplexer; 2] = [
    Multiplexer {
        name: "socketcall",
        calls: &[
            ("socket", 1),
            ("bind", 2),
            ("connect", 3),
            ("listen", 4),
            ("accept", 5),
            ("getsockname", 6),
            ("getpeername", 7),
            ("socketpair", 8),
            ("send", 9),
            ("recv", 10),
            ("sendto", 11),
            ("recvfrom", 12),
            ("shutdown", 13),
            ("setsockopt", 14),
            ("getsockopt", 15),
            ("sendmsg", 16),
            ("recvmsg", 17),
            ("accept4", 18),
            ("recvmmsg", 19),
            ("sendmmsg", 20),
        ],
    },
    Multiplexer {
        name: "ipc",
        calls: &[
            ("semop", 1),
            ("semget", 2),
            ("semctl", 3),
            ("semtimedop", 4),
            ("msgsnd", 11),
            ("msgrcv", 12),
            ("msgget", 13),
            ("msgctl", 14),
            ("shmat", 21),
            ("shmdt", 22),
            ("shmget", 23),
            ("shmctl", 24),
        ],
    },
];

/// Adds what a profile's `rules` on calls by these names say of them when they are made through another.
pub fn add(table: &mut Table, rules: &[(String, Rule)], notes: &mut Vec<String>) {
    for through in &ALL {
        let Some(nr) = Arch::I386.number(through.name) else { continue };
        let of_its_own = table.rules.get(&nr).into_iter().flatten().any(|rule| rule.when.is_empty());
        let mut denied = Vec::new();
        for (name, Rule { when, action }) in rules {
            let Some((name, number)) = through.calls.iter().find(|(call, _)| call == name) else { continue };
            let loose = !when.is_empty() && !action.is_allowed();
            if loose && of_its_own {
                continue;
            }
            // All that is left of the argument on i386; libseccomp compares it whole, too, for both. But of ipc's the
            // kernel takes the upper half for a version (`sys_ipc`), with which a denied call would not be recognized.
            let test = match through.name {
                "ipc" => Test::Masked { mask: 0xffff, value: *number },
                _ => Test::Eq(*number),
            };
            let condition = Condition { arg: 0, width: Width::Low, test };
            let rule = Rule { when: vec![condition], action: *action };
            let known = table.rules.entry(nr).or_default();
            if !known.contains(&rule) {
                known.push(rule);
            }
            if loose && !denied.contains(name) {
                denied.push(*name);
            }
        }
        if !denied.is_empty() {
            notes.push(format!(
                "32-bit programs cannot make {} through {} with any arguments, since a filter cannot see them there",
                denied.join(", "),
                through.name
            ));
        }
    }
}

/// What a table restricts that is reached all the same.
pub fn notes(table: &Table) -> Vec<String> {
    let mut notes = Vec::new();
    for through in &ALL {
        let Some(nr) = Arch::I386.number(through.name) else { continue };
        let reached = |number| table.answer(&Call::new(Arch::I386, nr, [number, 0, 0, 0, 0, 0])).is_allowed();
        let restricted = |name| {
            let rules = Arch::I386.number(name).and_then(|nr| table.rules.get(&nr));
            rules.into_iter().flatten().any(|rule| !rule.action.is_allowed() || !rule.when.is_empty())
        };
        let calls = through.calls.iter().filter(|(name, number)| restricted(name) && reached(*number));
        let calls: Vec<&str> = calls.map(|(name, _)| *name).collect();
        if !calls.is_empty() {
            notes.push(format!(
                "32-bit programs reach {} through {through} too, where a filter cannot see the arguments; deny \
                 {through}, or leave i386 out (--arch x86_64)",
                calls.join(", "),
                through = through.name
            ));
        }
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::action::Action;
    use super::super::compile::compile;
    use super::super::source::{Loaded, Target, parse};
    use super::*;

    const EACCES: Action = Action::errno(13);

    fn loaded(default: &str, rules: &str) -> Loaded {
        let text = format!(
            "{{\"defaultAction\": \"{default}\", \"architectures\": [\"SCMP_ARCH_X86\"], \"syscalls\": [{rules}]}}"
        );
        parse(&text, "test", &Target::default()).unwrap()
    }

    /// What the program of a policy answers to a 32-bit call with this first argument.
    fn answer(loaded: &Loaded, name: &str, arg: u64) -> Action {
        let program = compile(std::slice::from_ref(&loaded.policy)).unwrap();
        let call = Call::new(Arch::I386, Arch::I386.number(name).unwrap(), [arg, 0, 0, 0, 0, 0]);
        program.evaluate(&call).unwrap().action
    }

    fn deny(names: &str, args: &str) -> String {
        format!(
            "{{\"names\": [{names}], \"action\": \"SCMP_ACT_ERRNO\", \"errnoRet\": 13, \"args\": [{args}]}}"
        )
    }

    fn allow(names: &str, args: &str) -> String {
        format!("{{\"names\": [{names}], \"action\": \"SCMP_ACT_ALLOW\", \"args\": [{args}]}}")
    }

    const FIVE: &str = "{\"index\": 0, \"value\": 5, \"op\": \"SCMP_CMP_EQ\"}";

    #[test]
    fn a_denied_call_is_denied_by_its_number_too() {
        for through in &ALL {
            for (name, number) in through.calls {
                let loaded = loaded("SCMP_ACT_ALLOW", &deny(&format!("\"{name}\""), ""));
                for other in 0..30 {
                    let expected = if other == *number { EACCES } else { Action::ALLOW };
                    assert_eq!(answer(&loaded, through.name, other), expected, "{name} {other}");
                }
                if Arch::I386.number(name).is_some() {
                    assert_eq!(answer(&loaded, name, 0), EACCES, "{name}");
                }
                assert_eq!(loaded.notes, [""; 0], "{name}");
            }
        }
    }

    #[test]
    fn an_allowed_call_is_allowed_by_its_number_too() {
        let loaded = loaded("SCMP_ACT_ERRNO", &allow("\"socket\", \"shmat\"", ""));
        for (name, number, allowed) in
            [("socketcall", 1, true), ("socketcall", 2, false), ("ipc", 21, true), ("ipc", 22, false)]
        {
            assert_eq!(answer(&loaded, name, number).is_allowed(), allowed, "{name} {number}");
        }
    }

    #[test]
    fn conditions_do_not_reach_through_and_that_is_said() {
        let denied = loaded("SCMP_ACT_ALLOW", &deny("\"bind\"", FIVE));
        assert_eq!((answer(&denied, "bind", 4), answer(&denied, "socketcall", 2)), (Action::ALLOW, EACCES));
        assert!(denied.notes[0].contains("cannot make bind through socketcall"), "{:?}", denied.notes);
        let allowed = loaded("SCMP_ACT_ERRNO", &allow("\"bind\"", FIVE));
        assert!(!answer(&allowed, "bind", 4).is_allowed() && answer(&allowed, "socketcall", 2).is_allowed());
        assert!(allowed.notes[0].contains("reach bind through socketcall"), "{:?}", allowed.notes);
    }

    #[test]
    fn of_a_rule_on_the_multiplexer_itself_and_a_denial_without_conditions_the_stricter_counts() {
        let whole = allow("\"socketcall\"", "");
        for order in [[whole.clone(), deny("\"bind\"", "")], [deny("\"bind\"", ""), whole.clone()]] {
            let loaded = loaded("SCMP_ACT_ERRNO", &order.join(", "));
            assert_eq!(answer(&loaded, "socketcall", 2), EACCES);
            assert!(answer(&loaded, "socketcall", 3).is_allowed());
        }
        let loaded = loaded("SCMP_ACT_ERRNO", &[whole, deny("\"bind\"", FIVE)].join(", "));
        assert!(answer(&loaded, "socketcall", 2).is_allowed());
        assert!(loaded.notes[0].contains("reach bind through socketcall"), "{:?}", loaded.notes);
    }

    #[test]
    fn a_version_in_the_upper_half_makes_it_no_other_call() {
        let loaded = loaded("SCMP_ACT_ALLOW", &deny("\"shmget\"", ""));
        assert_eq!((answer(&loaded, "ipc", 23), answer(&loaded, "ipc", 0x10017)), (EACCES, EACCES));
    }
}
