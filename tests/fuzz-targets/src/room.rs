//! Memory for inputs that have to live as long as the program: one block, used again for each input, since a fuzzer
//! makes millions.

use common::sys::{Strings, Vector};
use std::ffi::CStr;
use std::sync::Mutex;

/// The longest input; what is longer is cut.
const BYTES: usize = 1 << 16;
/// Words of one input at most.
const WORDS: usize = 1 << 12;

static IN_USE: Mutex<()> = Mutex::new(());
static mut INPUT: [u8; BYTES] = [0; BYTES];
static mut POINTERS: [usize; WORDS] = [0; WORDS];

/// Calls `with` on `input`, which for the length of that call lives "for ever".
///
/// What `with` returns must not hold on to it: the next input is written over it.
pub fn lend<T>(input: &[u8], with: impl FnOnce(&'static [u8]) -> T) -> T {
    lend_ended(input, |ended| with(&ended[..ended.len() - 1]))
}

/// As [`lend`], with a NUL behind the input.
fn lend_ended<T>(input: &[u8], with: impl FnOnce(&'static [u8]) -> T) -> T {
    // A target that has panicked is done for; the next (in a test of another target) starts over.
    let _turn = IN_USE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let len = input.len().min(BYTES - 1);
    let block = &raw mut INPUT;
    // SAFETY: whoever holds the lock is the only one to use the block, and the loan before this one has ended.
    let block = unsafe { &mut *block };
    block[..len].copy_from_slice(&input[..len]);
    block[len] = 0;
    with(&block[..=len])
}

/// As [`lend`], with the input cut into words at its NULs, behind `program`.
pub fn lend_words<T>(program: &'static CStr, input: &[u8], with: impl FnOnce(Strings<'static>) -> T) -> T {
    lend_ended(input, |mut rest| {
        let pointers = &raw mut POINTERS;
        // SAFETY: as for the input: used by one at a time, inside `lend_ended`.
        let mut vector = Vector::over(unsafe { &mut *pointers });
        vector.push(program).expect("room for one word");
        // A NUL ends each word but the last, which may do without: the one behind the input ends that.
        while rest.len() > 1 {
            let word = CStr::from_bytes_until_nul(rest).expect("the last byte is a NUL");
            if vector.push(word).is_err() {
                break;
            }
            rest = &rest[word.count_bytes() + 1..];
        }
        with(vector.finish())
    })
}

/// An environment without variables.
pub fn no_words() -> Strings<'static> {
    static mut NONE: [usize; 1] = [0; 1];
    let none = &raw mut NONE;
    // SAFETY: written to by nobody but `over`, which writes the null that is there already.
    Vector::over(unsafe { &mut *none }).finish()
}
