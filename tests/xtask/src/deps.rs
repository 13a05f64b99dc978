//! What the executables are made of: the Cargo.toml of each lists the crates that it may be made of, and .deny.toml has
//! the reason for each of them.

use crate::repo::{NO_STD, Repo, Res, read};
use std::collections::{BTreeMap, BTreeSet};

/// Compares the dependency tree of each executable with its list, and the lists with the reasons.
pub fn run(repo: &Repo) -> Res<bool> {
    let reasons = reasons(&read(&repo.root.join(".deny.toml"))?)?;
    let mut faults = Vec::new();
    let mut used = BTreeSet::new();
    for (package, folder) in repo.members.iter().filter(|(name, _)| is_executable(name)) {
        let tree = crates(repo, package)?;
        faults.extend(differences(package, &listed(&read(&folder.join("Cargo.toml"))?)?, &tree));
        used.extend(tree);
    }
    for name in &used {
        match reasons.get(name) {
            Some(reason) => println!("{name:<16} {reason}"),
            None => faults.push(format!("{name}: .deny.toml gives no reason for it")),
        }
    }
    for name in reasons.keys().filter(|name| !used.contains(*name)) {
        faults.push(format!("{name} is allowed in .deny.toml but nothing uses it"));
    }
    for fault in &faults {
        println!("deps: {fault}");
    }
    Ok(faults.is_empty())
}

/// Whether this package is an executable of a launch.
pub fn is_executable(name: &str) -> bool {
    name != "common" && NO_STD.contains(&name)
}

/// The crates in the tree of `package`, its own and `common` aside. Build scripts and procedural macros run on the
/// builder's machine, and write code: they count.
fn crates(repo: &Repo, package: &str) -> Res<BTreeSet<String>> {
    let tree = ["tree", "--edges=normal,build", "--prefix=none", "--format={p}", "--package", package];
    let text = repo.output(&mut repo.cargo(&tree))?;
    let names = text.lines().filter_map(|line| line.split_whitespace().next());
    Ok(names.filter(|name| !NO_STD.contains(name)).map(str::to_owned).collect())
}

/// `[package.metadata.audit] crates`.
fn listed(manifest: &str) -> Res<BTreeSet<String>> {
    let table: toml::Table = manifest.parse().map_err(|e| format!("Cargo.toml: {e}"))?;
    let audit = |key: &str| table.get("package")?.get("metadata")?.get("audit")?.get(key)?.as_array();
    let names = audit("crates").into_iter().flatten();
    Ok(names.filter_map(|name| name.as_str()).map(str::to_owned).collect())
}

fn differences(package: &str, listed: &BTreeSet<String>, tree: &BTreeSet<String>) -> Vec<String> {
    let manifest = format!("bins/{package}/Cargo.toml");
    let new = tree.difference(listed).map(|name| {
        format!(
            "{package} is made of {name}: leave it out, or add it to `crates` of [package.metadata.audit] in {manifest}"
        )
    });
    let gone = listed
        .difference(tree)
        .map(|name| format!("{package} is not made of {name}: take it out of {manifest}"));
    new.chain(gone).collect()
}

/// Reads `[bans] allow = [{ crate, reason }]`: the shape that cargo-deny reads too.
fn reasons(text: &str) -> Res<BTreeMap<String, String>> {
    let table: toml::Table = text.parse().map_err(|e| format!(".deny.toml: {e}"))?;
    let list = table.get("bans").and_then(|bans| bans.get("allow")).and_then(|allow| allow.as_array());
    let mut reasons = BTreeMap::new();
    for entry in list.ok_or(".deny.toml: no list bans.allow")? {
        let text = |key: &str| entry.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        match (text("crate"), text("reason")) {
            (Some(name), Some(reason)) if !reason.trim().is_empty() => {
                reasons.insert(name, reason);
            }
            (name, _) => return Err(format!(".deny.toml: {name:?} has no reason")),
        }
    }
    Ok(reasons)
}

#[cfg(test)]
mod tests {
    use super::{differences, listed, reasons};

    #[test]
    fn a_crate_without_a_reason_is_refused() {
        assert!(reasons("[bans]\nallow = [{ crate = \"cobs\" }]").is_err());
        let list = reasons("[bans]\nallow = [{ crate = \"cobs\", reason = \"why\" }]").unwrap();
        assert_eq!(list["cobs"], "why");
    }

    #[test]
    fn a_crate_that_an_executable_does_not_list_and_one_it_does_not_have_are_named() {
        let list = listed("[package.metadata.audit]\ncrates = [\"serde\", \"cobs\"]").unwrap();
        let tree = ["serde", "libc"].map(str::to_owned).into();
        let faults = differences("bwrap", &list, &tree);
        assert_eq!(faults.len(), 2);
        assert!(faults[0].starts_with("bwrap is made of libc") && faults[1].contains("not made of cobs"));
        assert!(listed("[package]\nname = \"x\"").unwrap().is_empty());
    }
}
