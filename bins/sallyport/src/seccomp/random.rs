//! Random policies and calls for tests, the same ones from the same seed.

use super::action::Action;
use super::arch::{Arch, X32_BIT};
use super::bpf::Call;
use super::policy::{Condition, Policy, Rule, Table, Test, Width};

/// Xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 11) % limit
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize].clone()
    }

    fn action(&mut self) -> Action {
        let errno = Action::errno(self.below(4000) as u16);
        let trace = Action::trace(self.below(9) as u16);
        self.one(&[
            Action::ALLOW,
            Action::ALLOW,
            Action::KILL_PROCESS,
            Action::KILL_THREAD,
            Action::TRAP,
            Action::LOG,
            errno,
            errno,
            trace,
        ])
    }

    /// Mostly values where comparisons of halves go wrong.
    fn value(&mut self) -> u64 {
        let edges = [0, 1, 2, 0x7fff_ffff, 0x8000_0000, 0xffff_fffe, u64::from(u32::MAX)];
        match self.below(4) {
            0 => self.next(),
            1 => self.one(&edges),
            _ => self.one(&edges) << 32 | self.one(&edges),
        }
    }

    fn condition(&mut self) -> Condition {
        let (value, mask) = (self.value(), self.value());
        let test = self.one(&[
            Test::Eq(value),
            Test::Ne(value),
            Test::Gt(value),
            Test::Ge(value),
            Test::Lt(value),
            Test::Le(value),
            Test::Masked { mask, value },
            Test::Masked { mask, value: value & mask },
        ]);
        Condition { arg: self.below(6) as u8, width: self.one(&[Width::Low, Width::Full]), test }
    }

    fn table(&mut self, first: u32) -> Table {
        let mut table = Table::new(self.action());
        if self.below(2) == 0 {
            table.newer = Some((first + self.below(500) as u32, self.action()));
        }
        let some = self.one(&[0, 3, 40, 200]);
        for _ in 0..some {
            let rules = (0..self.below(4)).map(|_| {
                let when = (0..self.below(4)).map(|_| self.condition()).collect();
                Rule { when, action: self.action() }
            });
            let rules = rules.collect();
            table.rules.insert(first + self.below(480) as u32, rules);
        }
        table
    }

    pub fn policy(&mut self) -> Policy {
        let mut policy =
            Policy { name: "random".into(), tables: Default::default(), bad_arch: self.action() };
        for arch in Arch::ALL {
            if self.below(3) != 0 {
                let first = if arch == Arch::X32 { X32_BIT } else { 0 };
                policy.tables.insert(arch, self.table(first));
            }
        }
        policy
    }

    /// A call that the policies say something about, more often than not.
    pub fn call(&mut self, policies: &[Policy]) -> Call {
        let arch = self.one(&Arch::ALL);
        let bit = if arch == Arch::X32 { X32_BIT } else { 0 };
        let policy = self.one(policies);
        let rules = policy.tables.get(&arch).map(|table| table.rules.clone()).unwrap_or_default();
        let named: Vec<u32> = rules.keys().copied().collect();
        let nr = match self.below(8) {
            0 => self.one(&[u32::MAX, u32::MAX - 1, X32_BIT, X32_BIT - 1, 0x8000_0000]),
            1..5 if !named.is_empty() => self.one(&named),
            _ => bit | self.below(520) as u32,
        };
        let mut args = [0; 6];
        args.fill_with(|| self.value());
        // Near what a condition asks for.
        for condition in rules.get(&nr).into_iter().flatten().flat_map(|rule| &rule.when) {
            let (Test::Eq(value) | Test::Ne(value) | Test::Gt(value) | Test::Ge(value)) = condition.test
            else {
                continue;
            };
            if self.below(2) == 0 {
                args[usize::from(condition.arg)] = value.wrapping_add(self.below(3)).wrapping_sub(1);
            }
        }
        let audit = if self.below(20) == 0 { 0xc000_00b7 } else { arch.audit() };
        Call { nr, arch: audit, instruction_pointer: 0, args }
    }
}
