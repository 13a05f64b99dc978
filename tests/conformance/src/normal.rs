//! What may differ between two runs of the very same program, taken out.

/// Texts that stand for places, longest first.
pub struct Names(pub Vec<(String, &'static str)>);

impl Names {
    /// `text` with each place replaced by its name.
    pub fn hide(&self, bytes: &[u8]) -> String {
        let mut text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
        for (from, to) in &self.0 {
            text = text.replace(from, to);
        }
        random_suffix(text, "/bindfile")
    }
}

/// Six characters of mkostemp after `stem`, as X.
fn random_suffix(text: String, stem: &str) -> String {
    let mut parts = text.split(stem);
    let mut out = parts.next().unwrap_or("").to_owned();
    for part in parts {
        out.push_str(stem);
        out.push_str("XXXXXX");
        out.extend(part.chars().skip(6));
    }
    out
}

/// Text in which status documents have N for their numbers; other text is left as it is.
pub fn documents(text: &str) -> String {
    if text.contains("\"child-pid\"") { json(text) } else { text.to_owned() }
}

/// JSON with each number replaced by N, but for exit codes.
fn json(text: &str) -> String {
    let mut out = String::new();
    let mut exit_code = false;
    let mut quoted = false;
    let mut word = String::new();
    let mut digits = false;
    for c in text.chars() {
        if c == '"' {
            if quoted {
                exit_code = word == "exit-code";
            }
            quoted = !quoted;
            word.clear();
        } else if quoted {
            word.push(c);
        }
        if c.is_ascii_digit() && !quoted && !exit_code {
            if !digits {
                out.push('N');
            }
            digits = true;
        } else {
            digits = false;
            out.push(c);
        }
    }
    out
}

/// The number after `"child-pid":` in a JSON document.
pub fn child_pid(text: &str) -> Option<i32> {
    let after = text.split("\"child-pid\":").nth(1)?;
    let digits: String = after.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
