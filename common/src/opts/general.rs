//! Options of the command line itself, for no stage in particular.

use super::options;

options! {
    /// Options that `bwrap` deals with while it reads the line.
    pub enum GeneralOption {
        /// What is printed, where more words are, how messages look.
        LINE {
            Help = "--help" "" "Show this list and exit",
            Version = "--version" "" "Show the version and exit",
            Args = "--args" "FD" "Read more options, each ended by a NUL, from FD",
        }
        /// How messages look.
        MESSAGES {
            LevelPrefix = "--level-prefix" "" "Start each message with its syslog level, such as <3>",
        }
    }
}
