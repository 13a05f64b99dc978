//! Numbers of the command line, read the way `strtol(3)` and its kin read them: what a caller may write decides
//! what a drop-in has to take.

use crate::fault;
use crate::plan::{FdNumber, Mode};
use crate::report::Outcome;
use core::ffi::CStr;

/// The largest `--size`: half of `size_t`.
const MAX_SIZE: u64 = u64::MAX >> 1;

/// What stands at the front of a word: blanks, a sign and digits.
struct Scan<'a> {
    negative: bool,
    /// `None` when it does not fit.
    magnitude: Option<u64>,
    rest: &'a [u8],
}

/// Reads blanks, a sign and digits of `base` (0: by the prefix, as in C); `None` without a digit.
fn scan(word: &[u8], base: u32) -> Option<Scan<'_>> {
    let blanks = word.iter().take_while(|byte| matches!(byte, b' ' | b'\t'..=b'\r')).count();
    let word = word.get(blanks..)?;
    let (negative, digits) = match word {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] => (false, rest),
        _ => (false, word),
    };
    let (base, digits) = match (base, digits) {
        (0, [b'0', b'x' | b'X', rest @ ..]) if rest.first().is_some_and(u8::is_ascii_hexdigit) => (16, rest),
        (0, [b'0', ..]) => (8, digits),
        (0, _) => (10, digits),
        (base, _) => (base, digits),
    };
    let mut magnitude = Some(0u64);
    let mut used = 0;
    for digit in digits.iter().map_while(|byte| char::from(*byte).to_digit(base)) {
        magnitude = magnitude.and_then(|n| n.checked_mul(u64::from(base))?.checked_add(u64::from(digit)));
        used += 1;
    }
    if used == 0 {
        return None;
    }
    Some(Scan { negative, magnitude, rest: digits.get(used..).unwrap_or_default() })
}

/// A whole word as `int`: `strtol(word, NULL, 10)` cut to 32 bits. What does not fit in a `long` is taken as the
/// largest or smallest one.
fn int(word: &[u8]) -> Option<i32> {
    let scan = scan(word, 10).filter(|scan| scan.rest.is_empty())?;
    let long = match (scan.negative, scan.magnitude) {
        (false, magnitude) => magnitude.and_then(|n| i64::try_from(n).ok()).unwrap_or(i64::MAX),
        (true, magnitude) => magnitude.and_then(|n| 0i64.checked_sub_unsigned(n)).unwrap_or(i64::MIN),
    };
    // The reference keeps the number in an int; the upper half is lost there, and is here.
    Some(long as i32)
}

/// A file descriptor: not negative.
pub fn fd(word: &'static CStr) -> Outcome<FdNumber> {
    int(word.to_bytes()).and_then(FdNumber::new).ok_or_else(|| fault!("Invalid fd: ", word))
}

/// A user or group id; `what` is `uid` or `gid`.
pub fn id(what: &'static str, word: &'static CStr) -> Outcome<u32> {
    let id = int(word.to_bytes()).and_then(|id| u32::try_from(id).ok());
    id.ok_or_else(|| fault!("Invalid ", what, ": ", word))
}

/// Permissions for option `name`: octal, up to 07777.
pub fn mode(name: &'static str, word: &CStr) -> Outcome<Mode> {
    let scan = scan(word.to_bytes(), 8).filter(|scan| scan.rest.is_empty());
    let bits = scan.and_then(|scan| {
        // strtoul(3) negates in unsigned arithmetic, so a negative number may come out small.
        scan.magnitude.map(|n| if scan.negative { n.wrapping_neg() } else { n })
    });
    let mode = bits.and_then(|bits| u32::try_from(bits).ok()).and_then(Mode::new);
    mode.ok_or_else(|| fault!(name, " takes an octal argument <= 07777"))
}

/// Bytes for `--size`: starts with a digit, may be octal or hexadecimal, is not 0.
pub fn size(word: &CStr) -> Outcome<u64> {
    let word = word.to_bytes();
    let scan = word.first().filter(|byte| byte.is_ascii_digit()).and_then(|_| scan(word, 0));
    let bytes = scan.filter(|scan| scan.rest.is_empty()).and_then(|scan| scan.magnitude);
    match bytes {
        None | Some(0) => Err(fault!("--size takes a non-zero number of bytes")),
        Some(bytes) if bytes > MAX_SIZE => {
            Err(fault!("--size (for tmpfs) is limited to 9223372036854775807"))
        }
        Some(bytes) => Ok(bytes),
    }
}

/// A whole word of digits.
pub fn unsigned(word: &[u8]) -> Option<u64> {
    word.first().filter(|byte| byte.is_ascii_digit())?;
    scan(word, 10).filter(|scan| scan.rest.is_empty())?.magnitude
}

/// Seconds, with up to three digits behind a point, as milliseconds.
pub fn milliseconds(word: &[u8]) -> Option<u32> {
    let mut parts = word.splitn(2, |byte| *byte == b'.');
    let seconds = unsigned(parts.next()?)?;
    let rest = match parts.next() {
        Some(digits) if digits.len() <= 3 => {
            let missing = 3u32.saturating_sub(digits.len() as u32);
            unsigned(digits)?.checked_mul(10u64.checked_pow(missing)?)?
        }
        Some(_) => return None,
        None => 0,
    };
    u32::try_from(seconds.checked_mul(1000)?.checked_add(rest)?).ok()
}

/// The number of a capability: starts with a digit, may be octal or hexadecimal, is below 64; what follows it is
/// not looked at, as `cap_from_name(3)` does not.
pub fn capability(word: &[u8]) -> Option<u8> {
    word.first().filter(|byte| byte.is_ascii_digit())?;
    let n = scan(word, 0)?.magnitude?;
    u8::try_from(n).ok().filter(|n| *n < 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ints_are_read_as_strtol_reads_them_and_cut() {
        let table: &[(Option<i32>, &[u8])] = &[
            (Some(7), b"7"),
            (Some(7), b" \t\n\x0b\x0c\r7"),
            (Some(7), b"+7"),
            (Some(7), b"007"),
            (Some(-7), b"-7"),
            (Some(0), b"-0"),
            (Some(i32::MAX), b"2147483647"),
            (Some(i32::MIN), b"2147483648"),
            (Some(-1), b"4294967295"),
            (Some(1), b"4294967297"),
            (Some(5), b"-4294967291"),
            (Some(-1), b"9223372036854775808"),
            (Some(-1), b"99999999999999999999"),
            (Some(0), b"-9223372036854775808"),
            (Some(0), b"-99999999999999999999"),
            (None, b""),
            (None, b" "),
            (None, b"-"),
            (None, b"+"),
            (None, b"+-7"),
            (None, b"7 "),
            (None, b"0x7"),
            (None, b"7x"),
            (None, b"x"),
            (None, b"1.5"),
            (None, b"1e3"),
            (None, b"\xff"),
            (None, b"- 7"),
        ];
        for (expected, word) in table {
            assert_eq!(int(word), *expected, "{:?}", String::from_utf8_lossy(word));
        }
    }

    #[test]
    fn descriptors_and_ids_are_not_negative() {
        assert_eq!(fd(c"4294967297").unwrap().fd().0, 1);
        assert_eq!(fd(c"-1").unwrap_err().to_string(), "Invalid fd: -1");
        assert_eq!(id("uid", c"2147483648").unwrap_err().to_string(), "Invalid uid: 2147483648");
        assert_eq!(id("gid", c"4294967296"), Ok(0));
    }

    #[test]
    fn permissions_are_octal_and_small() {
        let ok = [(0, c"0"), (0o755, c"755"), (0o755, c" +0755"), (0o7777, c"7777"), (0, c"-0")];
        for (bits, word) in ok {
            assert_eq!(mode("--perms", word).unwrap().bits(), bits, "{word:?}");
        }
        assert_eq!(mode("--perms", c"-1777777777777777777777").unwrap().bits(), 1);
        for word in
            [c"", c"8", c"0x1ff", c"0o7", c"10000", c"-1", c"755 ", c"40000000001", c"2000000000000000000000"]
        {
            let refusal = mode("--chmod", word).unwrap_err().to_string();
            assert_eq!(refusal, "--chmod takes an octal argument <= 07777", "{word:?}");
        }
    }

    #[test]
    fn sizes_start_with_a_digit_and_are_not_nothing() {
        let ok = [
            (1, c"1"),
            (4096, c"0x1000"),
            (4096, c"0X1000"),
            (8, c"010"),
            (MAX_SIZE, c"9223372036854775807"),
        ];
        for (bytes, word) in ok {
            assert_eq!(size(word), Ok(bytes), "{word:?}");
        }
        for word in
            [c"", c"0", c"0x0", c"0x", c"08", c"-1", c"+1", c" 1", c"1k", c"1 ", c"18446744073709551616"]
        {
            assert_eq!(size(word), Err(fault!("--size takes a non-zero number of bytes")), "{word:?}");
        }
        let limit = fault!("--size (for tmpfs) is limited to 9223372036854775807");
        assert_eq!(size(c"9223372036854775808"), Err(limit));
        assert_eq!(size(c"18446744073709551615"), Err(limit));
    }

    #[test]
    fn capability_numbers_end_where_they_end() {
        let table: &[(Option<u8>, &[u8])] = &[
            (Some(5), b"5"),
            (Some(5), b"5,6"),
            (Some(5), b"5x"),
            (Some(8), b"010"),
            (Some(21), b"0x15"),
            (Some(0), b"0x"),
            (Some(63), b"63"),
            (None, b"64"),
            (None, b"4294967301"),
            (None, b"-1"),
            (None, b" 5"),
            (None, b"+5"),
            (None, b""),
            (None, b"0xfffffffffffffffffff"),
        ];
        for (expected, word) in table {
            assert_eq!(capability(word), *expected, "{:?}", String::from_utf8_lossy(word));
        }
    }
}
