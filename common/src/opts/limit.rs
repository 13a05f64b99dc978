//! `--limit`: a list of `WHAT=HOW MUCH`, as what is written to which files of a cgroup.

use super::out_of_memory;
use crate::chain::Argument;
use crate::fault;
use crate::plan::{Limit, ListWriter};
use crate::report::{Fault, Outcome};
use crate::text::{Path, Text};
use core::ffi::CStr;

/// What has a name of its own here: that, the file, and how its value is given.
const NAMED: [(&[u8], &str, Unit); 6] = [
    (b"memory", "memory.max", Unit::Bytes),
    (b"memory-high", "memory.high", Unit::Bytes),
    (b"swap", "memory.swap.max", Unit::Bytes),
    (b"pids", "pids.max", Unit::Count),
    (b"cpu", "cpu.max", Unit::Cpus),
    (b"cpu-weight", "cpu.weight", Unit::Count),
];

/// How a value is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    /// Bytes, with K, M, G or T behind for powers of 1024.
    Bytes,
    /// A number.
    Count,
    /// Processors, with up to three decimals.
    Cpus,
    /// As the kernel takes it.
    AsIs,
}

/// Appends what `list` says to `limits`.
///
/// Any other file of a controller goes by its name, as the kernel has it: `hugetlb.2MB.max=64M`.
pub fn read(list: &'static CStr, limits: &mut ListWriter) -> Outcome<()> {
    for item in list.to_bytes().split(|byte| *byte == b',') {
        let bad = || fault!("--limit takes WHAT=HOW-MUCH, several separated by commas, not ", item);
        let equals = item.iter().position(|byte| *byte == b'=').ok_or_else(bad)?;
        let (what, value) = item.split_at_checked(equals).ok_or_else(bad)?;
        let value = value.get(1..).unwrap_or_default();
        let named = NAMED.into_iter().find(|(name, ..)| *name == what);
        let (file, unit) = named.map_or((what, Unit::AsIs), |(_, file, unit)| (file.as_bytes(), unit));
        if Limit::controller(file).is_none() {
            return Err(fault!("--limit: unknown limit ", what));
        }
        let amount = amount(value, unit).ok_or_else(|| not_an_amount(what, value, unit))?;
        let name = c_str(file).ok_or_else(bad)?;
        let limit = Limit::File { name: Path(name.as_c_str()), value: Text(amount.as_c_str()) };
        out_of_memory(limits.push(&limit))?;
    }
    Ok(())
}

#[cold]
fn not_an_amount(what: &'static [u8], value: &'static [u8], unit: Unit) -> Fault {
    let takes = match unit {
        Unit::Bytes => " takes bytes, as 512M, or max, not ",
        Unit::Count => " takes a number, or max, not ",
        Unit::Cpus => " takes a number of processors, as 1.5, or max, not ",
        Unit::AsIs => " takes one line of printable characters, not ",
    };
    fault!("--limit: ", what, takes, value)
}

fn c_str(bytes: &[u8]) -> Option<Argument> {
    let mut text = Argument::new("");
    text.text(bytes);
    if text.as_c_str().to_bytes() == bytes { Some(text) } else { None }
}

/// `value` as it is written to the file.
fn amount(value: &[u8], unit: Unit) -> Option<Argument> {
    if value == b"max" && unit != Unit::Cpus {
        return c_str(value);
    }
    match unit {
        Unit::AsIs => {
            let printable = |byte: &u8| (b' '..0x7f).contains(byte);
            c_str(value).filter(|_| !value.is_empty() && value.iter().all(printable))
        }
        Unit::Count => number(value).map(decimal),
        Unit::Bytes => bytes(value).map(decimal),
        Unit::Cpus => cpus(value),
    }
}

fn decimal(n: u64) -> Argument {
    let mut text = Argument::new("");
    text.long_decimal(n);
    text
}

/// Digits and nothing else.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u64, |n, &digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        n.checked_mul(10)?.checked_add(u64::from(digit))
    })
}

fn bytes(value: &[u8]) -> Option<u64> {
    let (digits, shift) = match value {
        [digits @ .., b'K'] => (digits, 10),
        [digits @ .., b'M'] => (digits, 20),
        [digits @ .., b'G'] => (digits, 30),
        [digits @ .., b'T'] => (digits, 40),
        digits => (digits, 0),
    };
    number(digits)?.checked_mul(1 << shift)
}

/// `cpu.max`: microseconds of processor time in each tenth of a second.
fn cpus(value: &[u8]) -> Option<Argument> {
    const PERIOD: &[u8] = b" 100000";
    if value == b"max" {
        return c_str(b"max 100000");
    }
    let mut parts = value.splitn(2, |byte| *byte == b'.');
    let whole = number(parts.next()?)?;
    let thousandths = match parts.next() {
        None => 0,
        Some(digits @ ([_] | [_, _] | [_, _, _])) => {
            number(digits)?.checked_mul(10u64.checked_pow(3 - u32::try_from(digits.len()).ok()?)?)?
        }
        Some(_) => return None,
    };
    let quota = whole.checked_mul(1000)?.checked_add(thousandths)?.checked_mul(100)?;
    // The kernel's least quota is a millisecond.
    let mut text = decimal(Some(quota).filter(|quota| *quota >= 1000)?);
    text.text(PERIOD);
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(list: &'static CStr) -> Result<Vec<(String, String)>, String> {
        let mut writer = ListWriter::new(64).unwrap();
        read(list, &mut writer).map_err(|fault| fault.to_string())?;
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let all = writer.list::<Limit<'_>>();
        Ok(all.iter().map(|Limit::File { name, value }| (text(name.bytes()), text(value.bytes()))).collect())
    }

    #[test]
    fn amounts_are_written_as_the_kernel_takes_them() {
        let table: &[(&'static CStr, &str, &str)] = &[
            (c"memory=512M", "memory.max", "536870912"),
            (c"memory=1", "memory.max", "1"),
            (c"memory=max", "memory.max", "max"),
            (c"memory-high=3K", "memory.high", "3072"),
            (c"swap=0", "memory.swap.max", "0"),
            (c"pids=200", "pids.max", "200"),
            (c"cpu=1.5", "cpu.max", "150000 100000"),
            (c"cpu=2", "cpu.max", "200000 100000"),
            (c"cpu=0.25", "cpu.max", "25000 100000"),
            (c"cpu=0.01", "cpu.max", "1000 100000"),
            (c"cpu=max", "cpu.max", "max 100000"),
            (c"cpu-weight=50", "cpu.weight", "50"),
            (c"hugetlb.2MB.max=64M", "hugetlb.2MB.max", "64M"),
            (c"io.max=8:0 rbps=1048576", "io.max", "8:0 rbps=1048576"),
        ];
        for (list, file, value) in table {
            assert_eq!(limits(list), Ok(vec![((*file).to_owned(), (*value).to_owned())]), "{list:?}");
        }
        assert_eq!(limits(c"memory=1G,pids=9").unwrap().len(), 2);
    }

    #[test]
    fn what_is_no_limit_is_refused_by_name() {
        let table: &[(&'static CStr, &str)] = &[
            (c"", "--limit takes WHAT=HOW-MUCH, several separated by commas, not "),
            (c"memory", "--limit takes WHAT=HOW-MUCH, several separated by commas, not memory"),
            (c"memory=1G,", "--limit takes WHAT=HOW-MUCH, several separated by commas, not "),
            (c"mem=1", "--limit: unknown limit mem"),
            (c"cgroup.procs=1", "--limit: unknown limit cgroup.procs"),
            (c"../x.y=1", "--limit: unknown limit ../x.y"),
            (c"memory=", "--limit: memory takes bytes, as 512M, or max, not "),
            (c"memory=1X", "--limit: memory takes bytes, as 512M, or max, not 1X"),
            (c"memory=99999999999T", "--limit: memory takes bytes, as 512M, or max, not 99999999999T"),
            (c"pids=-1", "--limit: pids takes a number, or max, not -1"),
            (c"cpu=0.001", "--limit: cpu takes a number of processors, as 1.5, or max, not 0.001"),
            (c"cpu=1.", "--limit: cpu takes a number of processors, as 1.5, or max, not 1."),
            (c"io.max=\x01", "--limit: io.max takes one line of printable characters, not \\x01"),
        ];
        for (list, message) in table {
            assert_eq!(limits(list), Err((*message).to_owned()), "{list:?}");
        }
    }
}
