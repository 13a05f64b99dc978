//! Are they compared fairly? What the command sees of its confinement must be the same under every launcher.

use crate::launch::Res;
use crate::scenario::Scenario;
use crate::worker::{Plan, subjects};
use std::collections::BTreeSet;

/// Differences from what the command sees under the peer, one line each.
pub fn differences(plan: &Plan, scenario: &Scenario) -> Res<Vec<String>> {
    let mut lines = Vec::new();
    let mut peer: Option<BTreeSet<String>> = None;
    for (name, launch) in
        subjects(plan, &scenario.with("show"))?.0.into_iter().filter(|(name, _)| *name != "alone")
    {
        let seen = facts(&launch.capture()?);
        match &peer {
            None => peer = Some(seen),
            Some(peer) if *peer == seen => {}
            Some(peer) => {
                let only = |a: &BTreeSet<String>, b: &BTreeSet<String>| {
                    a.difference(b).take(3).cloned().collect::<Vec<_>>().join("; ")
                };
                lines.push(format!(
                    "{name}: the command sees [{}] where the first has [{}]",
                    only(&seen, peer),
                    only(peer, &seen)
                ));
            }
        }
    }
    Ok(lines)
}

/// Capabilities, no_new_privs and filters from /proc/self/status; place, flags and kind of each mount from
/// mountinfo. Ids and devices differ from launch to launch and are left out.
fn facts(text: &str) -> BTreeSet<String> {
    let mut facts = BTreeSet::new();
    for line in text.lines() {
        if ["Cap", "NoNewPrivs", "Seccomp", "Uid", "Gid"].iter().any(|name| line.starts_with(name)) {
            facts.insert(line.replace('\t', " "));
        } else if let Some((left, right)) = line.split_once(" - ") {
            let left: Vec<&str> = left.split(' ').collect();
            let kind = right.split(' ').next().unwrap_or("");
            if let (Some(at), Some(flags)) = (left.get(4), left.get(5)) {
                facts.insert(format!("{at} {flags} {kind}"));
            }
        }
    }
    facts
}

#[cfg(test)]
mod tests {
    #[test]
    fn ids_do_not_count_and_flags_do() {
        let a = super::facts("67 42 254:0 / / ro,nosuid - ext4 /dev/vda rw\nCapBnd:\t0\nPid:\t7\n");
        let b = super::facts("12 34 254:0 / / ro,nosuid - ext4 /dev/vda rw\nCapBnd:\t0\nPid:\t9\n");
        let c = super::facts("12 34 254:0 / / rw,nosuid - ext4 /dev/vda rw\nCapBnd:\t0\n");
        assert_eq!(a, b);
        assert_ne!(a, c);
    }
}
