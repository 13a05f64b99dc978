//! What the executables are made of: every crate in their trees must be allowed, with a reason, in .deny.toml.

use crate::repo::{NO_STD, Repo, Res, read};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the dependency trees of the no_std crates with the allow-list.
pub fn run(repo: &Repo) -> Res<bool> {
    let allowed = allowed(&read(&repo.root.join(".deny.toml"))?)?;
    let mut used = BTreeMap::<String, BTreeSet<&str>>::new();
    for package in NO_STD.into_iter().filter(|package| repo.has(package)) {
        // Build scripts and procedural macros run on the builder's machine, and write code: they count.
        let tree = ["tree", "--edges=normal,build", "--prefix=none", "--format={p}", "--package", package];
        for line in repo.output(&mut repo.cargo(&tree))?.lines() {
            if let Some(name) = line.split_whitespace().next() {
                used.entry(name.to_owned()).or_default().insert(package);
            }
        }
    }
    let own = |name: &str| NO_STD.contains(&name);
    let mut good = true;
    for (name, by) in used.iter().filter(|(name, _)| !own(name)) {
        if let Some(reason) = allowed.get(name) {
            println!("{name:<16} {reason}");
        } else {
            good = false;
            let by = by.iter().copied().collect::<Vec<_>>().join(", ");
            println!("deps: {name} (in {by}) is not allowed: leave it out, or give its reason in .deny.toml");
        }
    }
    for name in allowed.keys().filter(|name| !used.contains_key(*name) && !used.is_empty()) {
        println!("deps: {name} is allowed in .deny.toml but nothing uses it");
        good = false;
    }
    Ok(good)
}

/// Reads `[bans] allow = [{ crate, reason }]`: the shape that cargo-deny reads too.
fn allowed(text: &str) -> Res<BTreeMap<String, String>> {
    let table: toml::Table = text.parse().map_err(|e| format!(".deny.toml: {e}"))?;
    let list = table.get("bans").and_then(|bans| bans.get("allow")).and_then(|allow| allow.as_array());
    let mut allowed = BTreeMap::new();
    for entry in list.ok_or(".deny.toml: no list bans.allow")? {
        let text = |key: &str| entry.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        match (text("crate"), text("reason")) {
            (Some(name), Some(reason)) if !reason.trim().is_empty() => {
                allowed.insert(name, reason);
            }
            (name, _) => return Err(format!(".deny.toml: {name:?} has no reason")),
        }
    }
    Ok(allowed)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_crate_without_a_reason_is_refused() {
        assert!(super::allowed("[bans]\nallow = [{ crate = \"cobs\" }]").is_err());
        let list = super::allowed("[bans]\nallow = [{ crate = \"cobs\", reason = \"why\" }]").unwrap();
        assert_eq!(list["cobs"], "why");
    }
}
