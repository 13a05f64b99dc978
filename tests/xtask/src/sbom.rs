//! A software bill of materials for each executable: CycloneDX 1.6 (ECMA-424), JSON. The same sources give the same bytes:
//! no time, no random number, everything sorted.

use crate::deps::is_executable;
use crate::repo::{Repo, Res, read};
use crate::reproduce::sha256;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The processor and system that the executables are for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Writes `target/sbom/NAME.cdx.json` for each executable that is built.
pub fn run(repo: &Repo) -> Res<bool> {
    let filter = format!("--filter-platform={TARGET}");
    let json = repo.output(&mut repo.cargo(&["metadata", "--format-version=1", &filter]))?;
    let metadata: Value = serde_json::from_str(&json).map_err(|e| format!("cargo metadata: {e}"))?;
    let checksums = checksums(&read(&repo.root.join("Cargo.lock"))?)?;
    let folder = repo.target.join("sbom");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    let mut good = true;
    for (name, _) in repo.members.iter().filter(|(name, _)| is_executable(name)) {
        let path = repo.target.join("release").join(name);
        let bytes = fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let bill = bill(&metadata, &checksums, name, &sha256(&bytes))?;
        for fault in faults(&bill) {
            println!("sbom: {name}: {fault}");
            good = false;
        }
        let path = folder.join(format!("{name}.cdx.json"));
        let text = serde_json::to_string_pretty(&bill).map_err(|e| e.to_string())? + "\n";
        fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))?;
        println!("{}: {} components", path.display(), bill["components"].as_array().map_or(0, Vec::len));
    }
    Ok(good)
}

/// The SHA-256 of each package as it was downloaded, by name and version, from the lock file.
fn checksums(lock: &str) -> Res<BTreeMap<(String, String), String>> {
    let table: toml::Table = lock.parse().map_err(|e| format!("Cargo.lock: {e}"))?;
    let packages = table.get("package").and_then(|packages| packages.as_array());
    let text = |package: &toml::Value, key: &str| Some(package.get(key)?.as_str()?.to_owned());
    let one =
        |package| Some(((text(package, "name")?, text(package, "version")?), text(package, "checksum")?));
    Ok(packages.into_iter().flatten().filter_map(one).collect())
}

/// A package of `cargo metadata`, as far as a bill needs it.
struct Package<'a> {
    name: &'a str,
    version: &'a str,
    value: &'a Value,
    /// What it depends on (ids), and whether only to be built.
    needs: Vec<(&'a str, bool)>,
}

impl Package<'_> {
    fn is_macro(&self) -> bool {
        let targets = self.value["targets"].as_array().into_iter().flatten();
        targets.flat_map(|target| target["kind"].as_array()).flatten().any(|kind| kind == "proc-macro")
    }

    /// The package URL, which is its name in the bill too. What is of this repository has no registry to be found in.
    fn reference(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

/// The bill of executable `name`, whose file has `hash`.
fn bill(
    metadata: &Value,
    checksums: &BTreeMap<(String, String), String>,
    name: &str,
    hash: &str,
) -> Res<Value> {
    let packages = packages(metadata);
    let root = packages.iter().find(|(_, package)| package.name == name).map(|(id, _)| *id);
    let root = root.ok_or_else(|| format!("cargo metadata does not know {name}"))?;
    let linked = reach(&packages, root, false);
    let all = reach(&packages, root, true);
    let mut components = BTreeMap::new();
    let mut dependencies = BTreeMap::new();
    for id in &all {
        let package = &packages[id];
        let needs = package.needs.iter().filter_map(|(need, _)| packages.get(need)).map(Package::reference);
        let needs: BTreeSet<String> = needs.collect();
        dependencies.insert(package.reference(), json!({ "ref": package.reference(), "dependsOn": needs }));
        if *id != root {
            components.insert(package.reference(), component(package, checksums, linked.contains(id)));
        }
    }
    let own = &packages[root];
    let mut this = component(own, checksums, true);
    this["type"] = json!("application");
    this["hashes"] = json!([{ "alg": "SHA-256", "content": hash }]);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": this,
            "properties": [{ "name": "sallyport:target", "value": TARGET }],
        },
        "components": components.into_values().collect::<Vec<_>>(),
        "dependencies": dependencies.into_values().collect::<Vec<_>>(),
    }))
}

fn packages(metadata: &Value) -> BTreeMap<&str, Package<'_>> {
    let mut packages = BTreeMap::new();
    for value in metadata["packages"].as_array().into_iter().flatten() {
        let text = |key: &str| value[key].as_str().unwrap_or_default();
        let package = Package { name: text("name"), version: text("version"), value, needs: Vec::new() };
        packages.insert(text("id"), package);
    }
    for node in metadata["resolve"]["nodes"].as_array().into_iter().flatten() {
        let Some(package) = node["id"].as_str().and_then(|id| packages.get_mut(id)) else { continue };
        for need in node["deps"].as_array().into_iter().flatten() {
            let kinds: Vec<Option<&str>> = need["dep_kinds"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|kind| kind["kind"].as_str())
                .collect();
            let id = need["pkg"].as_str().unwrap_or_default();
            if kinds.contains(&None) {
                package.needs.push((id, false));
            } else if kinds.contains(&Some("build")) {
                package.needs.push((id, true));
            }
        }
    }
    packages
}

/// Everything that `root` is made of; without `build`, what of it ends in the executable.
fn reach<'a>(packages: &BTreeMap<&'a str, Package<'a>>, root: &'a str, build: bool) -> BTreeSet<&'a str> {
    let mut found = BTreeSet::new();
    let mut ahead = vec![root];
    while let Some(id) = ahead.pop() {
        let Some(package) = packages.get(id).filter(|package| build || !package.is_macro()) else { continue };
        if found.insert(id) {
            ahead.extend(
                package.needs.iter().filter(|(_, only_build)| build || !only_build).map(|(need, _)| *need),
            );
        }
    }
    found
}

fn component(package: &Package<'_>, checksums: &BTreeMap<(String, String), String>, linked: bool) -> Value {
    let reference = package.reference();
    let mut component = json!({
        "type": "library",
        "bom-ref": reference,
        "name": package.name,
        "version": package.version,
        // What runs at build time only is no part of the executable.
        "scope": if linked { "required" } else { "excluded" },
        "purl": reference,
    });
    if let Some(text) = package.value["description"].as_str() {
        component["description"] = json!(text.split_whitespace().collect::<Vec<_>>().join(" "));
    }
    if let Some(license) = package.value["license"].as_str() {
        component["licenses"] = json!([{ "expression": license.replace('/', " OR ") }]);
    }
    let key = (package.name.to_owned(), package.version.to_owned());
    if let Some(sum) = checksums.get(&key) {
        component["hashes"] = json!([{ "alg": "SHA-256", "content": sum }]);
    }
    component
}

/// What the specification requires of a bill, and this one lacks.
fn faults(bill: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut require = |holds: bool, what: String| {
        if !holds {
            faults.push(what);
        }
    };
    require(bill["bomFormat"] == "CycloneDX", "bomFormat is not CycloneDX".into());
    require(bill["specVersion"] == "1.6", "specVersion is not 1.6".into());
    require(bill["version"].as_u64().is_some_and(|n| n >= 1), "version is not a positive number".into());
    let listed = bill["components"].as_array().map_or(&[][..], Vec::as_slice);
    let own = &bill["metadata"]["component"];
    let mut references = BTreeSet::new();
    for component in listed.iter().chain([own]) {
        let text = |key: &str| component[key].as_str().unwrap_or_default();
        let name = text("name");
        require(!name.is_empty(), "a component has no name".into());
        require(matches!(text("type"), "application" | "library"), format!("{name}: no known type"));
        require(matches!(text("scope"), "required" | "excluded"), format!("{name}: no known scope"));
        require(text("purl").starts_with("pkg:cargo/"), format!("{name}: no package URL"));
        require(references.insert(text("bom-ref")), format!("{name}: bom-ref is not unique"));
        for hash in component["hashes"].as_array().into_iter().flatten() {
            let content = hash["content"].as_str().unwrap_or_default();
            let is_hash = content.len() == 64 && content.bytes().all(|byte| byte.is_ascii_hexdigit());
            require(hash["alg"] == "SHA-256" && is_hash, format!("{name}: not a SHA-256"));
        }
        let licences = component["licenses"].as_array().map_or(&[][..], Vec::as_slice);
        require(licences.len() == 1 && licences[0]["expression"].is_string(), format!("{name}: no licence"));
    }
    for dependency in bill["dependencies"].as_array().into_iter().flatten() {
        let needs = dependency["dependsOn"].as_array().into_iter().flatten();
        for reference in needs.chain([&dependency["ref"]]).filter_map(Value::as_str) {
            require(references.contains(reference), format!("{reference} is needed but not listed"));
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, kind: &str) -> Value {
        let targets = json!([{ "kind": [kind] }]);
        json!({ "id": name, "name": name, "version": "1.0.0", "license": "MIT/Apache-2.0", "targets": targets })
    }

    fn sample() -> Value {
        let needs = |name: &str, kind: Value| json!({ "pkg": name, "dep_kinds": [{ "kind": kind }] });
        json!({
            "packages": [package("bwrap", "bin"), package("serde", "lib"), package("derive", "proc-macro"),
                         package("syn", "lib"), package("tester", "lib")],
            "resolve": { "nodes": [
                { "id": "bwrap", "deps": [needs("serde", Value::Null), needs("tester", json!("dev"))] },
                { "id": "serde", "deps": [needs("derive", Value::Null)] },
                { "id": "derive", "deps": [needs("syn", Value::Null)] },
            ] },
        })
    }

    #[test]
    fn a_bill_has_what_the_specification_requires_and_is_the_same_every_time() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\nchecksum = \"".to_owned()
            + &"a".repeat(64)
            + "\"";
        let sums = checksums(&lock).unwrap();
        let bill = super::bill(&sample(), &sums, "bwrap", &"0".repeat(64)).unwrap();
        assert_eq!(faults(&bill), Vec::<String>::new());
        let names: Vec<_> = bill["components"].as_array().unwrap().iter().map(|part| &part["name"]).collect();
        assert_eq!(names, ["derive", "serde", "syn"]);
        let scopes: Vec<_> =
            bill["components"].as_array().unwrap().iter().map(|part| &part["scope"]).collect();
        assert_eq!(scopes, ["excluded", "required", "excluded"]);
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "a".repeat(64));
        assert_eq!(bill, super::bill(&sample(), &sums, "bwrap", &"0".repeat(64)).unwrap());
    }

    #[test]
    fn what_a_bill_lacks_is_named() {
        let mut bill = super::bill(&sample(), &BTreeMap::new(), "bwrap", "0").unwrap();
        bill["components"].as_array_mut().unwrap().remove(0);
        let faults = faults(&bill);
        assert!(faults.iter().any(|fault| fault == "bwrap: not a SHA-256"), "{faults:?}");
        assert!(
            faults.iter().any(|fault| fault.contains("derive@1.0.0 is needed but not listed")),
            "{faults:?}"
        );
    }
}
