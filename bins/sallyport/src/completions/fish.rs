//! Completions for fish. Its own notion of an option has one operand at most, so a function goes over the line.

use super::{capabilities, function, quote};
use crate::programs::{Program, help, operands};
use std::fmt::Write;

/// The script for `program`.
pub fn script(program: &Program) -> String {
    let (name, function) = (program.name, function(program));
    let (mut cases, mut options) = (String::new(), String::new());
    for line in &program.options {
        let kinds: Vec<&str> = operands(line).iter().map(|(_, operand)| operand.word()).collect();
        if !kinds.is_empty() {
            // Writing to a string does not fail.
            let _ = writeln!(
                cases,
                "            case {}\n                set kinds {}",
                line.name,
                kinds.join(" ")
            );
        }
        let long = line.name.trim_start_matches("--");
        let help = quote(&help(line));
        let _ = writeln!(options, "complete -c {name} -n '{function} option' -a --{long} -d {help}");
    }
    let capabilities = capabilities();
    format!(
        r#"# fish completion for {name}
# What the cursor is on: prints nothing, succeeds if it is $argv[1]. For `offset`: prints where the command begins.
function {function}
    set -l words (commandline -opc) (commandline -ct)
    set -l last (count $words)
    set -l at 2
    set -l found
    while test $at -lt $last
        set -l kinds
        switch $words[$at]
{cases}            case --
                set at (math $at + 1)
                set found command
            case '-*'
            case '*'
                set found command
        end
        if test -n "$found"
            break
        end
        if test (math $at + (count $kinds)) -ge $last
            set found $kinds[(math $last - $at)]
            break
        end
        set at (math $at + 1 + (count $kinds))
    end
    if test -z "$found"
        set found option
        if not string match -q -- '-*' $words[$last]
            set found command
        end
    end
    if test $argv[1] = offset
        math $at - 1
        return
    end
    test $found = $argv[1]
end
complete -c {name} -f
{options}complete -c {name} -n '{function} file' -F
complete -c {name} -n '{function} dir' -a '(__fish_complete_directories (commandline -ct))'
complete -c {name} -n '{function} fd' -a '(command ls /proc/$fish_pid/fd)'
complete -c {name} -n '{function} cap' -a '{capabilities}'
complete -c {name} -n '{function} var' -a '(set -nx)'
complete -c {name} -n '{function} command' -a '(__fish_complete_subcommand --fcs-skip=({function} offset))'
"#
    )
}
