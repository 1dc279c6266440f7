//! Which package depends on which.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::{Violation, root};

pub(super) fn member_packages() -> BTreeSet<String> {
    let parse = |path: PathBuf| -> toml::Table {
        fs::read_to_string(&path)
            .expect("a manifest")
            .parse()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let workspace = parse(root().join("Cargo.toml"));
    let members = workspace["workspace"]["members"].as_array().expect("a list of members");
    let folders = members.iter().map(|member| member.as_str().expect("a folder"));
    folders
        .map(|folder| {
            let manifest = parse(root().join(folder).join("Cargo.toml"));
            manifest["package"]["name"].as_str().expect("a name").to_owned()
        })
        .collect()
}

/// Of our packages only `allowed`, and of others none that is `foreign`; tests may use what they like of others.
pub(super) fn check_dependencies(
    package: &str,
    manifest: &str,
    ours: &BTreeSet<String>,
    allowed: &[&str],
    foreign: &[&str],
) -> Vec<Violation> {
    let manifest: toml::Table = manifest.parse().unwrap_or_else(|error| panic!("{package}: {error}"));
    let mut tables = vec![&manifest];
    if let Some(targets) = manifest.get("target").and_then(toml::Value::as_table) {
        tables.extend(targets.values().filter_map(toml::Value::as_table));
    }
    let mut violations = Vec::new();
    for kind in ["dependencies", "build-dependencies", "dev-dependencies"] {
        let dependencies = tables.iter().filter_map(|table| table.get(kind)?.as_table()).flatten();
        for (key, value) in dependencies {
            let name = value.get("package").and_then(toml::Value::as_str).unwrap_or(key);
            let forbidden = if ours.contains(name) {
                !allowed.contains(&name)
            } else {
                kind != "dev-dependencies" && foreign.contains(&name.replace('-', "_").as_str())
            };
            if forbidden {
                let file = format!("{package}/Cargo.toml");
                violations.push(Violation { file, line: 1, what: format!("{kind} on `{name}`") });
            }
        }
    }
    violations
}
