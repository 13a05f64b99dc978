//! Where the words of a command line come from: the argument vector, or NUL-separated data.

use crate::sys::Strings;
use core::ffi::CStr;

/// Words, taken one after another.
#[derive(Debug)]
pub enum Words {
    /// The rest of an argument vector, from the word at this index on.
    Vector(Strings<'static>, usize),
    /// What is left of the data of `--args`; each word is ended by a NUL.
    Data(&'static [u8]),
}

impl Words {
    /// The words of the argument vector `args`, without the first.
    pub fn of_vector(args: Strings<'static>) -> Words {
        Words::Vector(args, 1)
    }

    /// The words of `data`, which is empty or ends in a NUL.
    pub fn of_data(data: &'static [u8]) -> Words {
        Words::Data(data)
    }

    /// The next word, left where it is.
    pub fn peek(&self) -> Option<&'static CStr> {
        match self {
            Words::Vector(args, at) => args.get(*at),
            Words::Data(data) => CStr::from_bytes_until_nul(data).ok(),
        }
    }

    /// Takes the next `count` words, three at most, if there are so many; the others are empty.
    pub fn take_some(&mut self, count: usize) -> Option<[&'static CStr; 3]> {
        let mut words = [c""; 3];
        for word in words.iter_mut().take(count) {
            *word = self.next()?;
        }
        Some(words)
    }
}

impl Iterator for Words {
    type Item = &'static CStr;

    fn next(&mut self) -> Option<&'static CStr> {
        let word = self.peek()?;
        match self {
            Words::Vector(_, at) => *at += 1,
            Words::Data(data) => *data = data.get(word.count_bytes() + 1..).unwrap_or_default(),
        }
        Some(word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::Vector;

    #[test]
    fn data_is_cut_at_its_nuls() {
        let all = |data| Words::of_data(data).collect::<Vec<_>>();
        assert_eq!(all(b""), [] as [&CStr; 0]);
        assert_eq!(all(b"\0"), [c""]);
        assert_eq!(all(b"a\0bc\0\0"), [c"a", c"bc", c""]);
    }

    #[test]
    fn a_vector_starts_behind_the_program() {
        let mut vector = Vector::new(3).unwrap();
        vector.extend([c"bwrap", c"a", c"b"].into_iter()).unwrap();
        let mut words = Words::of_vector(vector.finish());
        assert_eq!(words.take_some(2), Some([c"a", c"b", c""]));
        assert_eq!(words.peek(), None);
        assert_eq!((words.take_some(0), words.take_some(1)), (Some([c""; 3]), None));
    }
}
