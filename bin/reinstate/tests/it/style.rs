//! Sizes, names and words of the sources. What a lint can check, a lint checks.

use std::path::{Path, PathBuf};

use crate::workspace;

/// No file is longer: past this it has more than one subject.
const FILE_LINES_MAX: usize = 800;
/// No function is longer, tests included: past this it cannot be seen whole.
const FUNCTION_LINES_MAX: usize = 70;
/// Names that say nothing of what a file holds.
const FILE_NAMES_BANNED: [&str; 6] = ["utils", "util", "helpers", "helper", "common", "misc"];

fn sources() -> Vec<PathBuf> {
    let sources = workspace::files(&["bin", "crates", "fuzz"], ".rs");
    assert!(sources.len() > 20, "the sources were not found");
    sources
}

/// Every text of the project that a person wrote.
fn texts() -> Vec<PathBuf> {
    let mut texts = sources();
    texts.extend(workspace::files(&["bin", "crates", "docs", "examples", "fuzz"], ".md"));
    texts.extend(workspace::files(&["docs"], ".json"));
    texts.extend(workspace::files(&["examples"], ".sh"));
    texts.extend(workspace::files(&["bin", "crates", "fuzz"], ".toml"));
    texts.extend(workspace::files(&["bin", "crates"], ".sql"));
    let root = ["README.md", "CHANGELOG.md", "justfile", "deny.toml", "Cargo.toml", "clippy.toml", ".ci/run"];
    texts.extend(root.map(PathBuf::from));
    texts
}

/// The functions of a formatted source with their first line and their length: a function ends where a line
/// closes a brace at the indentation at which the function began.
fn functions(source: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = source.lines().collect();
    let indentation = |line: &str| line.len() - line.trim_start().len();
    let is_function = |line: &str| {
        let words: Vec<&str> = line.split_whitespace().take_while(|word| !word.contains('(')).collect();
        let starts = line.trim_start().split(['(', '<']).next().is_some_and(|head| head.contains("fn "));
        starts && !line.trim_start().starts_with("//") && !words.contains(&"=")
    };
    let mut found = Vec::new();
    for (first, line) in lines.iter().enumerate().filter(|(_, line)| is_function(line)) {
        let rest = lines.iter().enumerate().skip(first);
        let end = rest.map(|(number, line)| (number, *line)).find(|(number, other)| {
            let one_line = *number == first && (other.ends_with('}') || other.ends_with(';'));
            one_line || (*number > first && indentation(other) == indentation(line) && other.trim() == "}")
        });
        found.extend(end.map(|(last, _)| (first + 1, last - first + 1)));
    }
    found
}

#[test]
fn files_and_functions_can_be_seen_whole() {
    let mut faults = Vec::new();
    for path in sources() {
        let source = workspace::read(&path);
        let lines = source.lines().count();
        if lines > FILE_LINES_MAX {
            faults
                .push(format!("{} has {lines} lines, at most {FILE_LINES_MAX} are allowed", path.display()));
        }
        for (first, length) in functions(&source) {
            if length > FUNCTION_LINES_MAX {
                faults.push(format!("{}:{first}: a function of {length} lines", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn functions_are_measured_from_their_head_to_their_closing_brace() {
    let source = "fn a() {\n    b();\n}\n\nimpl X {\n    pub fn c(\n        d: u8,\n    ) -> u8 {\n        d\n    }\n}\nfn e() {}\n";
    assert_eq!(functions(source), [(1, 3), (6, 5), (12, 1)]);
}

#[test]
fn files_are_named_after_what_they_hold() {
    let banned = |path: &Path| {
        let mut parts = path.iter().map(|part| part.to_string_lossy().trim_end_matches(".rs").to_owned());
        parts.any(|part| FILE_NAMES_BANNED.contains(&part.as_str()))
    };
    let found: Vec<PathBuf> = sources().into_iter().filter(|path| banned(path)).collect();
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn texts_hold_no_leftovers_and_no_path_of_one_machine() {
    // Put together here, so that this file does not hold them either.
    let banned = [
        "TO".to_owned() + "DO",
        "FIX".to_owned() + "ME",
        "/wo".to_owned() + "rk/",
        "#[ig".to_owned() + "nore",
    ];
    let mut faults = Vec::new();
    for path in texts() {
        for (number, line) in workspace::read(&path).lines().enumerate() {
            for word in banned.iter().filter(|word| line.contains(word.as_str())) {
                faults.push(format!("{}:{}: {word}", path.display(), number + 1));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn every_module_opens_with_what_it_is() {
    let has = |path: &PathBuf, name: &str| path.iter().any(|part| part == name);
    let in_src = |path: &PathBuf| has(path, "src") && !has(path, "tests");
    let silent = |path: &PathBuf| !workspace::read(path).trim_start().starts_with("//!");
    let found: Vec<PathBuf> = sources().into_iter().filter(in_src).filter(silent).collect();
    assert!(found.is_empty(), "{found:?}");
}
