//! The probe's list of mounts in an order of its own: that in which they were made is not what they confine.

use std::collections::HashMap;

/// The lines of `text` that are about mounts, sorted by mount point, with the numbers that say which mounts are in
/// which, of which file system and in which peer group given anew in that order.
pub fn sorted<'t>(text: impl Iterator<Item = &'t str>) -> Vec<String> {
    let mut mounts: Vec<Mount> = text.filter_map(Mount::parse).collect();
    // Stable: of those on one mount point the lower is made first.
    mounts.sort_by(|a, b| a.point.cmp(&b.point));
    let at: HashMap<String, usize> =
        mounts.iter().zip(1..).map(|(mount, at)| (mount.id.clone(), at)).collect();
    let mut numbers: HashMap<(char, String), usize> = HashMap::new();
    let mut number = |kind: char, name: &str| {
        let next = numbers.len() + 1;
        *numbers.entry((kind, name.to_owned())).or_insert(next)
    };
    let mut lines = Vec::new();
    for mount in &mounts {
        let parent = at.get(&mount.parent).map_or("outside".to_owned(), usize::to_string);
        let device = number('D', &mount.device);
        let tags = mount.tags.iter().map(|tag| match tag.split_once(':') {
            Some((name, group)) => format!("{name}:{}", number('G', group)),
            None => tag.clone(),
        });
        let tags: Vec<String> = tags.collect();
        lines.push(format!(
            "mount on {} in {parent}: D{device} {} {} [{}] {}\n",
            mount.point,
            mount.root,
            mount.flags,
            tags.join(" "),
            mount.rest
        ));
    }
    lines
}

/// A line `mount ID parent=ID DEVICE ROOT on POINT FLAGS [TAGS] REST`.
struct Mount {
    id: String,
    parent: String,
    device: String,
    root: String,
    point: String,
    flags: String,
    tags: Vec<String>,
    rest: String,
}

impl Mount {
    fn parse(line: &str) -> Option<Mount> {
        let (head, rest) = line.strip_prefix("mount ")?.split_once('[')?;
        let (tags, rest) = rest.split_once(']')?;
        let mut words = head.split(' ').map(str::to_owned);
        Some(Mount {
            id: words.next()?,
            parent: words.next()?.strip_prefix("parent=")?.to_owned(),
            device: words.next()?,
            root: words.next()?,
            point: words.nth(1)?,
            flags: words.next()?,
            tags: tags.split(' ').map(str::to_owned).collect(),
            rest: rest.trim_start().to_owned(),
        })
    }
}
