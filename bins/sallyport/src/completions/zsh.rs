//! Completions for zsh, for a file in `$fpath` or to be sourced after compinit.

use super::{capabilities, function, quote};
use crate::programs::{Operand, Program, help, operands};
use std::fmt::Write;

/// The script for `program`.
pub fn script(program: &Program) -> String {
    let (name, function) = (program.name, function(program));
    let mut specs = String::new();
    for line in &program.options {
        let mut spec = format!("*{}[{}]", line.name, escaped(&help(line)));
        for (name, operand) in operands(line) {
            spec.push_str(&format!(":{}:{}", escaped(name), action(operand)));
        }
        // Writing to a string does not fail.
        let _ = writeln!(specs, "        {} \\", quote(&spec));
    }
    format!(
        r#"#compdef {name}
{function}() {{
    _arguments -S -A '-*' \
{specs}        '(-)1:command: _command_names -e' \
        '*::arguments: _normal'
}}
if [[ $funcstack[1] == _{name} ]]; then
    {function} "$@"
else
    compdef {function} {name}
fi
"#
    )
}

/// What is special inside the brackets of a specification, and in the message of an operand.
fn escaped(text: &str) -> String {
    text.replace('\\', r"\\").replace('[', r"\[").replace(']', r"\]").replace(':', r"\:")
}

fn action(operand: Operand) -> String {
    match operand {
        Operand::File => "_files".to_owned(),
        Operand::Directory => "_files -/".to_owned(),
        Operand::Descriptor => "_file_descriptors".to_owned(),
        Operand::Capability => format!("({})", capabilities()),
        Operand::Variable => "_parameters -g \"*export*\"".to_owned(),
        Operand::Other => " ".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::all;

    /// A colon in the name of an operand would begin its action: `_arguments: command not found: HARD`.
    #[test]
    fn names_of_operands_are_not_taken_for_actions() {
        let script = |wanted: &str| all().iter().find(|program| program.name == wanted).map(script).unwrap();
        let limits = script("priv-drop");
        assert!(limits.contains(r"]:NAME=SOFT\:HARD: "), "{limits}");
    }
}
