//! Signals: their names.

use crate::plan::{Signal, SignalSet};

/// The names of signals 1 to 31 without `SIG`, each behind a blank, in the order of `include/uapi/asm/signal.h`: one string,
/// because an array of many would be as many relocations for every start to make.
const NAMES: &str = "HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN \
                     TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS";

/// The first and the last real-time signal that programs use: the C library keeps two below them to itself.
const RTMIN: u8 = 34;
const RTMAX: u8 = 64;

/// The name of `signal` without `SIG`; `None` for those that have only a number.
pub fn name(signal: Signal) -> Option<&'static str> {
    NAMES.split(' ').nth(usize::from(signal.number()).checked_sub(1)?)
}

/// The signal that `word` is: `15`, `TERM`, `SIGTERM`, in any case, or counted from an end as in `SIGRTMIN+3` and
/// `RTMAX-1`, in capitals.
pub fn parse(word: &[u8]) -> Option<Signal> {
    if word.first().is_some_and(u8::is_ascii_digit) {
        return decimal(word).and_then(Signal::new);
    }
    let has_prefix = word.get(..3).is_some_and(|prefix| prefix.eq_ignore_ascii_case(b"SIG"));
    let name = if has_prefix { word.get(3..)? } else { word };
    let number = match name {
        b"RTMIN" => Some(RTMIN),
        b"RTMAX" => Some(RTMAX),
        [b'R', b'T', b'M', b'I', b'N', b'+', rest @ ..] => Some(RTMIN.checked_add(decimal(rest)?)?),
        [b'R', b'T', b'M', b'A', b'X', b'-', rest @ ..] => Some(RTMAX.checked_sub(decimal(rest)?)?),
        _ => None,
    };
    if let Some(number) = number {
        return Signal::new(number).filter(|signal| signal.number() >= RTMIN);
    }
    let place = NAMES.split(' ').position(|known| known.as_bytes().eq_ignore_ascii_case(name))?;
    Signal::new(u8::try_from(place).ok()?.checked_add(1)?)
}

/// The set that `list` is: signals with commas between them, `all` that can be passed on, or `none`.
pub fn parse_list(list: &[u8]) -> Option<SignalSet> {
    if list.eq_ignore_ascii_case(b"none") {
        return Some(SignalSet::EMPTY);
    }
    if list.eq_ignore_ascii_case(b"all") {
        return Some(SignalSet::FORWARDABLE);
    }
    list.split(|byte| *byte == b',')
        .try_fold(SignalSet::EMPTY, |set, word| Some(set.union(SignalSet::of(&[parse(word)?.number()]))))
}

fn decimal(digits: &[u8]) -> Option<u8> {
    if digits.is_empty() {
        return None;
    }
    digits.iter().try_fold(0u8, |n, digit| {
        let digit = digit.checked_sub(b'0').filter(|digit| *digit < 10)?;
        n.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        let table: &[(u8, &[u8])] = &[
            (15, b"15"),
            (15, b"TERM"),
            (15, b"SIGTERM"),
            (15, b"sigterm"),
            (1, b"HUP"),
            (31, b"SYS"),
            (64, b"64"),
            (34, b"SIGRTMIN"),
            (37, b"SIGRTMIN+3"),
            (37, b"RTMIN+3"),
            (64, b"RTMAX"),
            (63, b"SIGRTMAX-1"),
            (34, b"RTMAX-30"),
        ];
        for (number, word) in table {
            assert_eq!(parse(word).map(Signal::number), Some(*number), "{:?}", String::from_utf8_lossy(word));
        }
        let wrong: [&[u8]; 15] = [
            b"",
            b"0",
            b"65",
            b"300",
            b"-1",
            b"SIG",
            b"TERM ",
            b"SIGSIGTERM",
            b"RTMIN+31",
            b"RTMIN-1",
            b"RTMAX+1",
            b"RTMAX-31",
            b"RTMIN+",
            b"15x",
            b"HU",
        ];
        for word in wrong {
            assert_eq!(parse(word), None, "{:?}", String::from_utf8_lossy(word));
        }
        assert_eq!(name(Signal::new(9).unwrap()), Some("KILL"));
        assert_eq!(name(Signal::new(40).unwrap()), None);
    }

    #[test]
    fn lists_of_signals_are_sets() {
        assert_eq!(parse_list(b"TERM,1,RTMIN+3"), Some(SignalSet::of(&[1, 15, 37])));
        assert_eq!(
            (parse_list(b"none"), parse_list(b"all")),
            (Some(SignalSet::EMPTY), Some(SignalSet::FORWARDABLE))
        );
        for wrong in [&b""[..], b"TERM,", b",TERM", b"TERM;HUP", b"all,TERM"] {
            assert_eq!(parse_list(wrong), None);
        }
    }
}
