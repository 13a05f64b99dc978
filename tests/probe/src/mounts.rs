//! mountinfo in a form that does not depend on which numbers the kernel happened to give.
use std::collections::HashMap;
use std::fs;

/// Gives each new key the next number.
#[derive(Default)]
struct Renumber(HashMap<String, usize>);

impl Renumber {
    fn get(&mut self, key: &str) -> usize {
        let next = self.0.len() + 1;
        *self.0.entry(key.to_owned()).or_insert(next)
    }
}

/// The mount table in `path`: ids become line numbers, devices `D1`, `D2` …, peer groups 1, 2 ….
pub fn mounts(path: &str) -> String {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => return format!("mounts: {error}\n"),
    };
    let lines: Vec<Vec<&str>> = text.lines().map(|line| line.split(' ').collect()).collect();
    let ids: HashMap<&str, usize> = lines.iter().enumerate().map(|(i, words)| (words[0], i + 1)).collect();
    let (mut devices, mut groups) = (Renumber::default(), Renumber::default());
    let mut out = String::new();
    for (i, words) in lines.iter().enumerate() {
        let parent = ids.get(words[1]).map_or("outside".to_owned(), usize::to_string);
        let device = devices.get(words[2]);
        let separator = words.iter().position(|word| *word == "-").unwrap_or(words.len());
        let tags: Vec<String> = words[6..separator]
            .iter()
            .map(|tag| match tag.split_once(':') {
                Some((name, group)) => format!("{name}:{}", groups.get(group)),
                None => (*tag).to_owned(),
            })
            .collect();
        let rest = words[separator..].join(" ");
        out.push_str(&format!(
            "mount {} parent={parent} D{device} {} on {} {} [{}] {rest}\n",
            i + 1,
            words[3],
            words[4],
            words[5],
            tags.join(" ")
        ));
    }
    out
}
