//! The three kinds of system call that an x86_64 kernel has, and the names of their numbers.

use std::fmt;
use syscalls::{x86, x86_64};

/// Bit of an x32 system call's number (`__X32_SYSCALL_BIT`).
pub const X32_BIT: u32 = 0x4000_0000;

/// A kind of system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Arch {
    /// 64-bit programs.
    X86_64,
    /// 64-bit programs with 32-bit pointers. The kernel calls them `AUDIT_ARCH_X86_64` too, and few kernels have
    /// them; what tells them from the others is a bit in the number.
    X32,
    /// 32-bit programs, and any program that uses `int $0x80`.
    I386,
}

/// Numbers that x32 has for itself; for the others it uses those of x86_64, with its bit.
const X32_OWN: [&str; 36] = [
    "rt_sigaction",
    "rt_sigreturn",
    "ioctl",
    "readv",
    "writev",
    "recvfrom",
    "sendmsg",
    "recvmsg",
    "execve",
    "ptrace",
    "rt_sigpending",
    "rt_sigtimedwait",
    "rt_sigqueueinfo",
    "sigaltstack",
    "timer_create",
    "mq_notify",
    "kexec_load",
    "waitid",
    "set_robust_list",
    "get_robust_list",
    "vmsplice",
    "move_pages",
    "preadv",
    "pwritev",
    "rt_tgsigqueueinfo",
    "recvmmsg",
    "sendmmsg",
    "process_vm_readv",
    "process_vm_writev",
    "setsockopt",
    "getsockopt",
    "io_setup",
    "io_submit",
    "execveat",
    "preadv2",
    "pwritev2",
];
/// The first of them.
const X32_OWN_FROM: u32 = 512;

/// Calls that Linux has had since the tables of the `syscalls` crate were made: name and number, which is the same
/// on every architecture.
const NEWER: [(&str, u32); 2] = [("listns", 470), ("rseq_slice_yield", 471)];
/// Calls that the tables of the `syscalls` crate lack: x86_64's own.
const ONLY_X86_64: [(&str, u32); 2] = [("uretprobe", 335), ("uprobe", 336)];

impl Arch {
    /// All three.
    pub const ALL: [Arch; 3] = [Arch::X86_64, Arch::X32, Arch::I386];

    /// What the kernel calls it in `struct seccomp_data`.
    pub const fn audit(self) -> u32 {
        match self {
            Arch::X86_64 | Arch::X32 => 0xc000_003e,
            Arch::I386 => 0x4000_0003,
        }
    }

    /// The kind of a call as a filter sees it.
    pub const fn of_call(audit: u32, nr: u32) -> Option<Arch> {
        match audit {
            // Larger numbers are no call of any kind. -1 is what a tracer writes there to skip one.
            0xc000_003e if nr >= X32_BIT && nr != u32::MAX => Some(Arch::X32),
            0xc000_003e => Some(Arch::X86_64),
            0x4000_0003 => Some(Arch::I386),
            _ => None,
        }
    }

    /// Its name here.
    pub const fn name(self) -> &'static str {
        match self {
            Arch::X86_64 => "x86_64",
            Arch::X32 => "x32",
            Arch::I386 => "i386",
        }
    }

    /// The architecture called `name`: our names, and those of OCI profiles (`SCMP_ARCH_X86`).
    pub fn from_name(name: &str) -> Option<Arch> {
        match name {
            "x86_64" | "SCMP_ARCH_X86_64" => Some(Arch::X86_64),
            "x32" | "SCMP_ARCH_X32" => Some(Arch::X32),
            "i386" | "SCMP_ARCH_X86" => Some(Arch::I386),
            _ => None,
        }
    }

    /// Whether its callers have no more than 32 bits of each argument.
    pub const fn is_32_bit(self) -> bool {
        matches!(self, Arch::I386)
    }

    /// The number of the system call called `name`, with x32's bit.
    pub fn number(self, name: &str) -> Option<u32> {
        match self {
            Arch::X86_64 => {
                let newer = NEWER.iter().chain(&ONLY_X86_64).find(|(newer, _)| *newer == name);
                newer
                    .map(|(_, nr)| *nr)
                    .or_else(|| Some(name.parse::<x86_64::Sysno>().ok()?.id().cast_unsigned()))
            }
            Arch::X32 => {
                if let Some(own) = X32_OWN.iter().position(|own| *own == name) {
                    return Some(X32_BIT | (X32_OWN_FROM + u32::try_from(own).ok()?));
                }
                Some(X32_BIT | Arch::X86_64.number(name)?)
            }
            Arch::I386 => {
                let newer = NEWER.iter().find(|(newer, _)| *newer == name);
                newer
                    .map(|(_, nr)| *nr)
                    .or_else(|| Some(name.parse::<x86::Sysno>().ok()?.id().cast_unsigned()))
            }
        }
    }

    /// The name of system call `nr`, which has its bit for x32.
    pub fn call_name(self, nr: u32) -> Option<&'static str> {
        let find =
            |list: &[(&'static str, u32)]| list.iter().find(|(_, own)| *own == nr).map(|(name, _)| *name);
        match self {
            Arch::X86_64 => find(&NEWER)
                .or_else(|| find(&ONLY_X86_64))
                .or_else(|| x86_64::Sysno::new(nr as usize).map(|known| known.name())),
            Arch::X32 => {
                let plain = nr & !X32_BIT;
                match plain.checked_sub(X32_OWN_FROM).and_then(|own| X32_OWN.get(own as usize)) {
                    Some(own) => Some(own),
                    // A number that x32 has another one for is not x32's.
                    None => Arch::X86_64.call_name(plain).filter(|name| !X32_OWN.contains(name)),
                }
            }
            Arch::I386 => find(&NEWER).or_else(|| x86::Sysno::new(nr as usize).map(|known| known.name())),
        }
    }

    /// All its numbers, smallest first.
    pub fn numbers(self) -> impl Iterator<Item = u32> {
        let bit = if self == Arch::X32 { X32_BIT } else { 0 };
        (0..1024u32).map(move |nr| nr | bit).filter(move |nr| self.call_name(*nr).is_some())
    }
}

impl fmt::Display for Arch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether Linux has a call of that name on some architecture, so that the name in a policy is no mistake.
pub fn is_known_somewhere(name: &str) -> bool {
    // Calls that were taken out of the kernel, or are in the tables of libseccomp alone; profiles still have them.
    const GONE: [&str; 12] = [
        "arm_sync_file_range",
        "breakpoint",
        "cacheflush",
        "cachectl",
        "cmpxchg_badaddr",
        "get_tls",
        "multiplexer",
        "pciconfig_iobase",
        "set_tls",
        "subpage_prot",
        "usr26",
        "usr32",
    ];
    Arch::ALL.iter().any(|arch| arch.number(name).is_some())
        || GONE.contains(&name)
        || name.parse::<syscalls::aarch64::Sysno>().is_ok()
        || name.parse::<syscalls::arm::Sysno>().is_ok()
        || name.parse::<syscalls::loongarch64::Sysno>().is_ok()
        || name.parse::<syscalls::mips::Sysno>().is_ok()
        || name.parse::<syscalls::mips64::Sysno>().is_ok()
        || name.parse::<syscalls::powerpc::Sysno>().is_ok()
        || name.parse::<syscalls::powerpc64::Sysno>().is_ok()
        || name.parse::<syscalls::riscv64::Sysno>().is_ok()
        || name.parse::<syscalls::s390x::Sysno>().is_ok()
        || name.parse::<syscalls::sparc64::Sysno>().is_ok()
}

/// The names of architectures that are not ours, for what a filter compares with.
pub fn audit_name(audit: u32) -> Option<&'static str> {
    Some(match audit {
        0xc000_003e => "x86_64",
        0x4000_0003 => "i386",
        0xc000_00b7 => "aarch64",
        0x4000_0028 => "arm",
        0xc000_00f3 => "riscv64",
        0x4000_00f3 => "riscv32",
        0x8000_0015 => "ppc64",
        0xc000_0015 => "ppc64le",
        0x8000_0016 => "s390x",
        0x0000_0016 => "s390",
        0xc000_0102 => "loongarch64",
        0x0000_0008 => "mips",
        0x4000_0008 => "mipsel",
        0x8000_0008 => "mips64",
        0xc000_0008 => "mipsel64",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_of_each_architecture_agree() {
        for arch in Arch::ALL {
            assert!(arch.numbers().count() > 350, "{arch}");
            for nr in arch.numbers() {
                let name = arch.call_name(nr).unwrap();
                assert_eq!(arch.number(name), Some(nr), "{arch} {name}");
                assert_eq!(Arch::of_call(arch.audit(), nr), Some(arch));
            }
        }
    }

    #[test]
    fn x32_has_numbers_of_its_own_for_some_calls() {
        assert_eq!(Arch::X32.number("ioctl"), Some(X32_BIT | 514));
        assert_eq!(Arch::X32.number("pwritev2"), Some(X32_BIT | 547));
        assert_eq!(Arch::X32.number("read"), Some(X32_BIT));
        assert_eq!(Arch::X32.call_name(X32_BIT | 16), None);
        assert_eq!(Arch::of_call(0xc000_003e, u32::MAX), Some(Arch::X86_64));
    }

    #[test]
    fn what_the_kernels_headers_say() {
        for (arch, name, nr) in [
            (Arch::X86_64, "clone3", 435),
            (Arch::I386, "clone3", 435),
            (Arch::I386, "ioctl", 54),
            (Arch::I386, "socketcall", 102),
            (Arch::I386, "_llseek", 140),
            (Arch::I386, "chown32", 212),
            (Arch::I386, "umount", 22),
            (Arch::X86_64, "mount_setattr", 442),
            (Arch::X86_64, "file_setattr", 469),
        ] {
            assert_eq!(arch.number(name), Some(nr), "{arch} {name}");
        }
        assert!(is_known_somewhere("s390_pci_mmio_read") && is_known_somewhere("arm_fadvise64_64"));
        assert!(!is_known_somewhere("opne"));
    }
}
