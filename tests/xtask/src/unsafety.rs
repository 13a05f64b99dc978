//! Reads Rust text closely enough to tell code from comments and strings, and finds unsafe code and empty words.

/// What a SAFETY line may not say, because it is true of any call and hence says nothing about this one.
const SLOGANS: [&str; 5] =
    ["trivial", "always safe", "not actually unsafe", "parameters are valid", "library function"];

/// Lines on which `unsafe` stands in code. Not counted: `unsafe_code` and its kin, and the attribute
/// `#[unsafe(no_mangle)]`, which each executable's entry point needs.
pub fn unsafe_lines(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (number, line) in blank_out(text).lines().enumerate() {
        let word = |at: usize| {
            let before = line[..at].chars().next_back();
            let after = &line[at + "unsafe".len()..];
            let joins = |c: char| c.is_alphanumeric() || c == '_';
            !before.is_some_and(joins) && !after.starts_with(joins) && !after.starts_with("(no_mangle)")
        };
        if line.match_indices("unsafe").any(|(at, _)| word(at)) {
            found.push(number + 1);
        }
    }
    found
}

/// SAFETY comments that use a slogan: line and slogan. A comment goes on over the comment lines after it.
pub fn slogans(text: &str) -> Vec<(usize, &'static str)> {
    let mut found = Vec::new();
    let mut inside = false;
    for (number, line) in text.lines().enumerate() {
        let comment = line.find("//").map(|at| &line[at..]);
        inside = comment.is_some_and(|comment| inside || comment.contains("SAFETY"));
        if let (true, Some(comment)) = (inside, comment) {
            let comment = comment.to_lowercase();
            found.extend(
                SLOGANS.iter().filter(|word| comment.contains(*word)).map(|word| (number + 1, *word)),
            );
        }
    }
    found
}

/// The text with comments, strings and character literals replaced by spaces; line ends stay.
fn blank_out(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let skip = not_code(rest, code.chars().next_back());
        if skip == 0 {
            code.push(first);
            rest = &rest[first.len_utf8()..];
        } else {
            let (gone, after) = rest.split_at(skip);
            code.extend(gone.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
            rest = after;
        }
    }
    code
}

/// How many bytes at the start of `rest` are a comment, a string or a character literal.
fn not_code(rest: &str, before: Option<char>) -> usize {
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return block_comment(rest);
    }
    if rest.starts_with('"') {
        return string(rest);
    }
    let in_word = before.is_some_and(|c| c.is_alphanumeric() || c == '_');
    if let Some(raw) = rest.strip_prefix('r').filter(|_| !in_word || before == Some('b')) {
        let hashes = raw.bytes().take_while(|&byte| byte == b'#').count();
        if raw[hashes..].starts_with('"') {
            let end = format!("\"{}", &raw[..hashes]);
            let body = 1 + hashes + 1;
            return rest[body..].find(&end).map_or(rest.len(), |at| body + at + end.len());
        }
    }
    if let Some(quoted) = rest.strip_prefix('\'') {
        // 'x' and '\n' are literals, 'a in a type is a lifetime.
        let mut chars = quoted.char_indices();
        let escaped = quoted.starts_with('\\');
        let second = chars.nth(if escaped { 2 } else { 1 });
        if escaped {
            return quoted[1..].find('\'').map_or(rest.len(), |at| 1 + 1 + at + 1).max(4);
        }
        if let Some((at, '\'')) = second {
            return 1 + at + 1;
        }
    }
    0
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

fn string(rest: &str) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::{slogans, unsafe_lines};

    #[test]
    fn unsafe_in_comments_and_strings_is_not_code() {
        let text = "// unsafe\n/* unsafe /* unsafe */ unsafe */\nlet a = \"unsafe\\\" unsafe\";\n\
                    let b = r#\"unsafe \" unsafe\"#;\n#![deny(unsafe_code)]\n#[unsafe(no_mangle)]\n";
        assert_eq!(unsafe_lines(text), Vec::<usize>::new());
    }

    #[test]
    fn unsafe_in_code_is_found() {
        let text = "fn a<'a>(x: &'a str) { unsafe { f() } }\nlet q = '\"'; unsafe fn g() {}\n\
                    let q = '\\''; unsafe impl Send for X {}\n";
        assert_eq!(unsafe_lines(text), [1, 2, 3]);
    }

    #[test]
    fn a_slogan_in_a_safety_comment_is_found_and_elsewhere_is_not() {
        let text = "// SAFETY: this is\n// always safe.\ncall();\n// a trivial matter\n";
        assert_eq!(slogans(text), [(2, "always safe")]);
    }
}
