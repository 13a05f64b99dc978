//! Completions for bash. They need no package beside bash itself; with bash-completion the command's own arguments are
//! completed too.

use super::{capabilities, function};
use crate::programs::{Program, operands};
use std::fmt::Write;

/// The script for `program`.
pub fn script(program: &Program) -> String {
    let (name, function) = (program.name, function(program));
    let mut cases = String::new();
    for line in program.options.iter().filter(|line| !line.operands.is_empty()) {
        let kinds: Vec<&str> = operands(line).iter().map(|(_, operand)| operand.word()).collect();
        // Writing to a string does not fail.
        let _ = writeln!(cases, "            {}) kinds=({}) ;;", line.name, kinds.join(" "));
    }
    let options: Vec<&str> = program.options.iter().map(|line| line.name).collect();
    let (options, capabilities) = (options.join(" "), capabilities());
    format!(
        r#"# bash completion for {name}
{function}() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} at=1 kinds kind= IFS=$' \t\n'
    COMPREPLY=()
    # Over the options and their operands, to where the cursor is or the command begins.
    while ((at < COMP_CWORD)); do
        kinds=()
        case ${{COMP_WORDS[at]}} in
{cases}            --) ((at++)); kind=command; break ;;
            -*) ;;
            *) kind=command; break ;;
        esac
        if ((at + ${{#kinds[@]}} >= COMP_CWORD)); then
            kind=${{kinds[COMP_CWORD - at - 1]}}
            break
        fi
        ((at += 1 + ${{#kinds[@]}}))
    done
    if [[ -z $kind && $cur != -* ]]; then
        kind=command
    fi
    case $kind in
        file) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
        dir) compopt -o filenames; mapfile -t COMPREPLY < <(compgen -d -- "$cur") ;;
        fd) mapfile -t COMPREPLY < <(compgen -W "$(cd /proc/self/fd && printf '%s ' *)" -- "$cur") ;;
        cap) mapfile -t COMPREPLY < <(compgen -W '{capabilities}' -- "$cur") ;;
        var) mapfile -t COMPREPLY < <(compgen -e -- "$cur") ;;
        other) ;;
        command)
            if declare -F _command_offset >/dev/null; then
                _command_offset "$at"
            elif ((at == COMP_CWORD)); then
                compopt -o filenames; mapfile -t COMPREPLY < <(compgen -c -- "$cur"; compgen -f -- "$cur")
            else
                compopt -o filenames; mapfile -t COMPREPLY < <(compgen -f -- "$cur")
            fi
            ;;
        *) mapfile -t COMPREPLY < <(compgen -W '{options}' -- "$cur") ;;
    esac
}}
complete -F {function} {name}
"#
    )
}
