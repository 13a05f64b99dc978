//! Generated plans, for tests: every record with every kind of value.

use super::field::Field;
use crate::document::Document;
use common::plan::{Command, EnvOp, List, ListWriter, NsEnter, NsExtra};
use common::sys::clone_flags as flags;
use common::text::Text;
use std::ffi::{CStr, CString};

/// splitmix64: small, good enough, and the same numbers on every machine.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A number of any magnitude.
    pub fn number(&mut self) -> u64 {
        let shift = self.below(65);
        if shift == 64 { 0 } else { self.next() >> shift }
    }

    /// The length of a list: mostly short.
    pub fn length(&mut self) -> usize {
        let most = [1, 3, 12][self.below(3)];
        self.below(most)
    }

    /// A string: half of them of any bytes, half of them text, with backslashes and quotes in either.
    pub fn c_str(&mut self) -> &'static CStr {
        let length = self.below(12);
        let text = self.below(2) == 0;
        let byte = |random: &mut Random| match random.below(6) {
            0 => b'\\',
            1 => b'"',
            _ if text => b" /abcxyz019=\n\x1b"[random.below(14)],
            _ => 1 + random.below(255) as u8,
        };
        let bytes: Vec<u8> = (0..length).map(|_| byte(self)).collect();
        Box::leak(CString::new(bytes).unwrap().into_boxed_c_str())
    }

    /// A plan that the decoder takes.
    pub fn document(&mut self) -> Document {
        let flags = crate::words::FLAGS.iter().filter(|_| self.below(2) == 0).map(|(_, flag)| flag);
        let flags = flags.fold(0, |all, flag| all | flag);
        Document {
            flags,
            ns_enter: self.ns_enter(),
            fs_build: Field::sample(self),
            priv_drop: Field::sample(self),
            init_reaper: Field::sample(self),
            seccomp_load: Field::sample(self),
            command: Command { args: self.args(), env: self.env(), ..Field::sample(self) },
        }
    }

    /// What is of no use without something else is not there without it.
    fn ns_enter(&mut self) -> Option<NsEnter<'static>> {
        let frame: NsEnter = Option::sample(self)?;
        let has = |flag| frame.namespaces.has(flag);
        let extra = frame.extra.map(|extra| NsExtra {
            monotonic: extra.monotonic.filter(|_| has(flags::NEWTIME)),
            boottime: extra.boottime.filter(|_| has(flags::NEWTIME)),
            limits: if extra.own_cgroup { extra.limits } else { List::EMPTY },
            ..extra
        });
        Some(NsEnter { hostname: frame.hostname.filter(|_| has(flags::NEWUTS)), extra, ..frame })
    }

    /// A variable has a name.
    fn env(&mut self) -> List<'static, EnvOp<'static>> {
        let list = Box::leak(Box::new(ListWriter::new(64).unwrap()));
        let sampled: List<EnvOp> = Field::sample(self);
        sampled.iter().filter(|op| op.has_valid_name()).for_each(|op| list.push(&op).unwrap());
        list.list()
    }

    /// A command has a program.
    fn args(&mut self) -> List<'static, Text<'static>> {
        let list = Box::leak(Box::new(ListWriter::new(64).unwrap()));
        for _ in 0..1 + self.length() {
            list.push(&Text(self.c_str())).unwrap();
        }
        list.list()
    }
}
