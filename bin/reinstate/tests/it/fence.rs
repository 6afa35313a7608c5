//! The rooms of `docs/architecture.md` against the manifests: who uses whom, and who owns what is heavy.
//! Development dependencies are free.

use std::collections::{BTreeMap, BTreeSet};

use crate::workspace;

/// A room's dependencies by package name, development ones left out.
fn dependencies() -> BTreeMap<String, BTreeSet<String>> {
    workspace::packages()
        .iter()
        .map(|package| {
            let names = package["dependencies"].as_array().unwrap().iter();
            let names = names.filter(|dependency| dependency["kind"] != "dev");
            let names = names.map(|dependency| dependency["name"].as_str().unwrap().to_owned()).collect();
            (room(package["name"].as_str().unwrap()), names)
        })
        .collect()
}

/// The name of a package as the document has it.
fn room(package: &str) -> String {
    match package.strip_prefix("reinstate-") {
        Some(room) => room.to_owned(),
        None => format!("bin/{package}"),
    }
}

#[test]
fn rooms_use_exactly_what_the_document_allows() {
    let document = workspace::read("docs/architecture.md");
    let allowed: BTreeMap<String, BTreeSet<String>> = workspace::table(&document, "room", "may use")
        .iter()
        .map(|row| (workspace::quoted(&row[0])[0].clone(), workspace::quoted(&row[1]).into_iter().collect()))
        .collect();
    let actual = dependencies();
    assert_eq!(
        allowed.keys().collect::<Vec<_>>(),
        actual.keys().collect::<Vec<_>>(),
        "the table and the workspace name the same rooms"
    );
    for (room_name, names) in actual {
        let ours = names.iter().filter(|name| name.starts_with("reinstate")).map(|name| room(name));
        let beyond: Vec<String> = ours.filter(|other| !allowed[&room_name].contains(other)).collect();
        assert!(beyond.is_empty(), "{room_name} uses {beyond:?}, which docs/architecture.md does not allow");
    }
}

#[test]
fn heavy_dependencies_are_used_by_their_owners_alone() {
    let document = workspace::read("docs/architecture.md");
    let actual = dependencies();
    for row in workspace::table(&document, "dependency", "only in") {
        let owners: BTreeSet<String> = workspace::quoted(&row[1]).into_iter().collect();
        for dependency in workspace::quoted(&row[0]) {
            let users = actual.iter().filter(|(_, names)| names.contains(&dependency));
            let users: BTreeSet<String> = users.map(|(room, _)| room.clone()).collect();
            assert!(users.is_subset(&owners), "{dependency} is used by {users:?}, and belongs to {owners:?}");
        }
    }
}

#[test]
fn every_package_inherits_the_lints() {
    for package in workspace::packages() {
        let manifest = std::fs::read_to_string(package["manifest_path"].as_str().unwrap()).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{} has lints of its own", package["name"]);
    }
}
