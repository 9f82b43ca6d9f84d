//! Rules that a machine can hold: who may use whom, and how long a file may be.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Which of our crates each crate may use. A crate that is not listed fails the test.
const EDGES: &[(&str, &[&str])] = &[
    ("jql", &[]),
    ("adf", &[]),
    ("jira-client", &[]),
    ("domain", &["jql", "adf"]),
    ("application", &["domain", "jql", "adf"]),
    ("infrastructure", &["application", "domain", "jql", "adf", "jira-client"]),
    ("web", &["application", "domain", "jql", "adf"]),
    ("mcp", &["application", "domain", "jql", "adf"]),
    ("forebay", &["application", "domain", "jql", "adf", "infrastructure", "web", "mcp"]),
];

#[test]
fn crates_use_only_whom_they_may() {
    let ours: Vec<_> = EDGES.iter().map(|(name, _)| *name).collect();
    for entry in std::fs::read_dir(root().join("crates")).unwrap() {
        let folder = entry.unwrap().path();
        let name = folder.file_name().unwrap().to_str().unwrap().to_owned();
        let (_, allowed) =
            EDGES.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name} has no edges"));
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the workspace's lints");
        let dependencies = manifest.split("[dependencies]").nth(1).unwrap_or_default();
        let dependencies = dependencies.split("\n[").next().unwrap_or_default();
        for line in dependencies.lines() {
            let used = line.split(['.', ' ', '=']).next().unwrap_or_default();
            assert!(!ours.contains(&used) || allowed.contains(&used), "{name} may not use {used}");
        }
    }
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_none_or(|name| name != "target") {
                sources(&path, found);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn files_can_be_read_in_one_sitting_and_say_what_they_are() {
    let mut files = Vec::new();
    sources(&root().join("crates"), &mut files);
    assert!(files.len() > 100);
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().count();
        assert!(lines <= 600, "{} has {lines} lines", file.display());
        // The tests of a module are said by its name.
        assert!(
            file.ends_with("tests.rs") || text.starts_with("//!"),
            "{} does not say what it is",
            file.display()
        );
        let name = file.file_stem().unwrap().to_str().unwrap();
        assert!(
            !["utils", "util", "common", "helpers", "types", "models"].contains(&name),
            "{}",
            file.display()
        );
    }
}

/// Whoever writes a key's policy looks there for what it may name.
#[test]
fn the_page_on_security_names_every_action() {
    let page = std::fs::read_to_string(root().join("docs/security.md")).unwrap();
    for action in application::Action::ALL {
        assert!(page.contains(&format!("`{action}`")), "docs/security.md does not name `{action}`");
    }
}
