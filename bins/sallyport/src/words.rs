//! Names and bytes as people read them.

use common::caps::{self, CapSet};
use common::plan::{FLAG_BWRAP, FLAG_ENV_STATUS, FLAG_LEVEL_PREFIX, SignalSet};
use common::sys::clone_flags as flags;

/// The header's flags. A test asks the decoder whether these are all.
pub const FLAGS: [(&str, u16); 3] =
    [("level-prefix", FLAG_LEVEL_PREFIX), ("bwrap", FLAG_BWRAP), ("env-status", FLAG_ENV_STATUS)];

/// Namespaces as `/proc/PID/ns` calls them, and their `CLONE_NEW*` bits.
pub const NAMESPACES: [(&str, u32); 7] = [
    ("mnt", flags::NEWNS),
    ("cgroup", flags::NEWCGROUP),
    ("uts", flags::NEWUTS),
    ("ipc", flags::NEWIPC),
    ("pid", flags::NEWPID),
    ("net", flags::NEWNET),
    ("time", flags::NEWTIME),
];

/// Letters and a symbol to Unicode, which draw nothing: the fillers of Hangul, the empty braille pattern, a note head
/// without ink.
const BLANK: [char; 6] = ['\u{115f}', '\u{1160}', '\u{2800}', '\u{3164}', '\u{ffa0}', '\u{1d159}'];

/// Whether a reader sees `c`, as itself and where it stands. Beside control characters, many neither draw anything nor
/// advance, look like a blank, or turn around what is beside them (bidirectional overrides): a name with them would be
/// taken for another. The tables are those of the standard library: all but U+0020 of the categories C and Z, and what
/// extends the character before it.
pub fn is_printable(c: char) -> bool {
    matches!(c, '\'' | '"' | '\\') || (c.escape_debug().len() == 1 && !BLANK.contains(&c))
}

/// `bytes` as text: what is not [printable](is_printable) UTF-8 as `\xNN`, a backslash as `\\`.
pub fn escaped(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            match c {
                '\\' => out.push_str("\\\\"),
                c if !is_printable(c) => c.to_string().bytes().for_each(|byte| escape_byte(byte, &mut out)),
                c => out.push(c),
            }
        }
        chunk.invalid().iter().for_each(|byte| escape_byte(*byte, &mut out));
    }
    out
}

fn escape_byte(byte: u8, out: &mut String) {
    out.push_str(&format!("\\x{byte:02x}"));
}

/// The bytes that [`escaped`] made `text` of; `None` if a backslash in it is neither `\\` nor `\xNN`.
pub fn unescaped(text: &str) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        let (tail, byte) = match (byte, after) {
            (b'\\', [b'\\', tail @ ..]) => (tail, b'\\'),
            (b'\\', [b'x', high, low, tail @ ..]) => {
                let digits = [*high, *low];
                let digits = std::str::from_utf8(&digits).ok().filter(|d| !d.starts_with('+'))?;
                (tail, u8::from_str_radix(digits, 16).ok()?)
            }
            (b'\\', _) => return None,
            _ => (after, *byte),
        };
        rest = tail;
        out.push(byte);
    }
    Some(out)
}

/// `bytes` as one word: as they are if a shell would read them as they are, else quoted so that it does. What is not
/// printable is escaped, as `$'…'` has it.
pub fn quoted(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./=:,+@%^".contains(byte);
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.is_empty() && bytes.iter().all(plain) => text.to_owned(),
        Ok(text) if text.chars().all(is_printable) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => format!("$'{}'", escaped(bytes).replace('\'', r"\'")),
    }
}

/// `items` as a person lists them.
pub fn listed<S: AsRef<str>>(items: &[S]) -> String {
    match items {
        [] => "none".to_owned(),
        [only] => only.as_ref().to_owned(),
        [first @ .., last] => {
            let first: Vec<&str> = first.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", first.join(", "), last.as_ref())
        }
    }
}

/// The capabilities of a set by name.
pub fn capabilities(set: CapSet) -> String {
    if set == CapSet::ALL {
        return "all capabilities".to_owned();
    }
    let name = |cap: u8| {
        caps::NAMES
            .get(usize::from(cap))
            .map_or_else(|| format!("capability {cap}"), |name| (*name).to_owned())
    };
    let names: Vec<String> = set.iter().map(name).collect();
    if names.is_empty() { "no capability".to_owned() } else { listed(&names) }
}

/// Signals 1 to 31 without their `SIG`.
const SIGNALS: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE",
    "ALRM", "TERM", "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ",
    "VTALRM", "PROF", "WINCH", "IO", "PWR", "SYS",
];

/// `SIGRTMIN` as glibc counts: it keeps 32 and 33 to itself.
const SIGRTMIN: u8 = 34;

/// A signal by its name, one without a name as its number.
pub fn signal(number: u8) -> String {
    let index = usize::from(number).wrapping_sub(1);
    match SIGNALS.get(index) {
        Some(name) => format!("SIG{name}"),
        None if number == SIGRTMIN => "SIGRTMIN".to_owned(),
        None if number > SIGRTMIN => format!("SIGRTMIN+{}", number - SIGRTMIN),
        None => number.to_string(),
    }
}

/// The signal that [`signal`] gives this name.
pub fn signal_number(name: &str) -> Option<u8> {
    (1..=64).find(|number| signal(*number) == name)
}

/// The signals of a set by name.
pub fn signals(set: SignalSet) -> String {
    listed(&(1..=64).filter(|number| set.has(*number)).map(signal).collect::<Vec<_>>())
}

/// Resource limits by their numbers, without `RLIMIT_`.
const RLIMITS: [&str; 16] = [
    "CPU",
    "FSIZE",
    "DATA",
    "STACK",
    "CORE",
    "RSS",
    "NPROC",
    "NOFILE",
    "MEMLOCK",
    "AS",
    "LOCKS",
    "SIGPENDING",
    "MSGQUEUE",
    "NICE",
    "RTPRIO",
    "RTTIME",
];

/// A resource limit by its name.
pub fn rlimit(resource: u32) -> String {
    let name = RLIMITS.get(resource as usize);
    name.map_or_else(|| format!("resource {resource}"), |name| format!("RLIMIT_{name}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What an author can hide in a name: invisible, blank, or turning the rest around.
    const DECEITFUL: &str = "\u{7f}\u{85}\u{a0}\u{ad}\u{34f}\u{115f}\u{1680}\u{180e}\u{200b}\u{200d}\u{200e}\u{2028}\u{2029}\
        \u{202e}\u{202f}\u{2060}\u{2066}\u{2800}\u{3000}\u{3164}\u{e000}\u{fe0f}\u{feff}\u{ffa0}\u{fff9}\u{1d159}\u{e0041}\u{e0100}";

    #[test]
    fn what_a_reader_would_not_see_is_escaped() {
        for c in DECEITFUL.chars() {
            let text = format!("/a{c}b");
            let word = quoted(text.as_bytes());
            assert!(word.starts_with("$'") && word.is_ascii(), "{word:?}");
            assert_eq!(unescaped(&escaped(text.as_bytes())).unwrap(), text.as_bytes(), "{word}");
        }
        assert_eq!(quoted("/sr\u{202e}v".as_bytes()), r"$'/sr\xe2\x80\xaev'");
    }

    #[test]
    fn letters_of_any_script_are_read_as_they_are() {
        for text in ["é", "日本語", "Ω", "кириллица", "שלום", "~a b\"c"] {
            assert_eq!(quoted(text.as_bytes()), format!("'{text}'"));
        }
    }

    #[test]
    fn json_says_what_a_reader_would_not_see_by_its_number() {
        for c in DECEITFUL.chars() {
            let text = format!("/a{c}b");
            let json = crate::json::Json::String(text.clone());
            assert!(json.line().is_ascii(), "{:?}", json.line());
            assert_eq!(serde_json::from_str::<String>(&json.line()).unwrap(), text);
        }
    }
}
