//! Whole command lines: what they compile to and what is refused.
