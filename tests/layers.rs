//! Tests of the library's layers.
//!
//! Imports only go down, and no files import each other in a cycle.
//!
//! The tests read the sources as text. An import is a path that begins with `crate::`, `super::` or
//! `self::`, in a `use` item or in code. A re-export is followed to the file that it names. `mod`
//! lines, comments and unit tests do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use syntax::{leaves, paths, uses, without_tests};

#[path = "layers/syntax.rs"]
mod syntax;

/// The layers, from top to bottom. A file belongs to the longest entry that its path begins with.
const LAYERS: &[&[&str]] = &[
    &["lib", "private"],
    &["manager"],
    &["acquire"],
    &["guard"],
    &["lease"],
    &["engine"],
    &["waiting"],
    &["quorum"],
    &["node/into_node"],
    &["node/memory", "node/redis"],
    &["node/redis/session"],
    &["node/redis/connect"],
    &["node/redis/wire"],
    &["node/redis/protocol"],
    &["node"],
    &["config"],
    &["error"],
    &[
        "fence",
        "resource",
        "lease_id",
        "token",
        "label",
        "one_or_many",
    ],
    &["error/invalid"],
    &["time"],
    &["sync"],
    &["random"],
];

#[test]
fn imports_only_go_down() {
    let upward = Sources::of_the_library().upward_imports();
    assert!(upward.is_empty(), "\n{}", upward.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_cycle() {
    let cycles = Sources::of_the_library().cycles();
    assert!(cycles.is_empty(), "{cycles:#?}");
}

#[test]
fn contributing_shows_the_same_table() {
    let text = read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../CONTRIBUTING.md"));
    let (_, rest) = text
        .split_once("<!-- layers -->")
        .expect("a mark before the table");
    let (table, _) = rest
        .split_once("<!-- /layers -->")
        .expect("a mark after the table");
    let rows = table.lines().filter(|line| line.starts_with("| `"));
    let shown: Vec<Vec<&str>> = rows
        .map(|row| {
            let cell = row.split('|').nth(1).unwrap_or_default();
            cell.split('`').skip(1).step_by(2).collect()
        })
        .collect();
    assert_eq!(shown, LAYERS);
}

#[test]
fn an_upward_import_is_reported_with_its_file_and_line() {
    let sources = Sources::of([
        (
            "token",
            "//! use crate::manager::Redlock;\npub struct Token;\n",
        ),
        ("quorum/mod", "mod vote;\npub use self::vote::Vote;\n"),
        (
            "quorum/vote",
            "use crate::{\n    token::Token,\n    lease::Lease,\n};\n",
        ),
        ("lease/mod", "mod state;\npub use self::state::Lease;\n"),
        ("lease/state", "use super::super::quorum::Vote;\n"),
    ]);
    assert_eq!(
        sources.upward_imports(),
        ["src/quorum/vote.rs:1: imports lease/state, which stands above"]
    );
    assert_eq!(sources.cycles(), [["lease/state", "quorum/vote"]]);
}

#[test]
fn paths_in_code_count_but_those_in_unit_tests_do_not() {
    let sources = Sources::of([
        ("time", "fn now() -> u64 {\n    crate::manager::now()\n}\n"),
        ("token", "fn now() -> u64 {\n    super::manager::now()\n}\n"),
        ("manager", "pub fn now() -> u64 {\n    0\n}\n"),
        (
            "sync",
            "#[cfg(test)]\nmod tests {\n    use crate::manager::now;\n}\n",
        ),
    ]);
    assert_eq!(
        sources.upward_imports(),
        [
            "src/time.rs:2: imports manager, which stands above",
            "src/token.rs:2: imports manager, which stands above",
        ]
    );
}

/// The source files, by their paths below `src` without the extension.
struct Sources {
    files: BTreeMap<String, String>,
    /// The names that each module re-exports from its children, with the paths of their origins.
    exports: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// One file's import of another.
struct Import {
    from: String,
    line: usize,
    to: String,
}

impl Sources {
    fn of_the_library() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../redlock/src");
        let mut files = BTreeMap::new();
        collect(&root, &root, &mut files);
        assert!(files.len() > 50, "too few sources in {root:?}");
        Self::new(files)
    }

    fn of<const N: usize>(files: [(&str, &str); N]) -> Self {
        let files = files.map(|(path, text)| (path.to_owned(), text.to_owned()));
        Self::new(files.into())
    }

    fn new(files: BTreeMap<String, String>) -> Self {
        let files: BTreeMap<_, _> = files
            .into_iter()
            .map(|(path, text)| (path, without_tests(&text)))
            .collect();
        let mut exports: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
        for (path, text) in &files {
            for (_, item, is_exported) in uses(text) {
                let own = exports.entry(module(path)).or_default();
                for names in leaves(&item).filter(|names| is_exported && names[0] == "self") {
                    let name = names.last().cloned().unwrap_or_default();
                    own.insert(name, absolute(&module(path), &names));
                }
            }
        }
        Self { files, exports }
    }

    fn imports(&self) -> Vec<Import> {
        let mut imports = Vec::new();
        for (path, text) in &self.files {
            for (line, item, is_exported) in uses(text).into_iter().chain(paths(text)) {
                for names in leaves(&item).filter(|names| !(is_exported && names[0] == "self")) {
                    let target = self.resolve(&absolute(&module(path), &names));
                    if let Some(to) = target.filter(|to| to != path) {
                        let from = path.clone();
                        imports.push(Import { from, line, to });
                    }
                }
            }
        }
        imports
    }

    /// Returns the file that a path leads to, through re-exports.
    fn resolve(&self, names: &[String]) -> Option<String> {
        let count = (0..=names.len()).rev().find(|count| {
            let module = names[..*count].join("/");
            self.file_of(&module).is_some()
        })?;
        let module = names[..count].join("/");
        let export = names.get(count).and_then(|name| {
            let own = self.exports.get(&module)?;
            own.get(name)
        });
        match export {
            Some(path) => self.resolve(path),
            None => self.file_of(&module),
        }
    }

    fn file_of(&self, module: &str) -> Option<String> {
        let candidates = match module {
            "" => vec!["lib".to_owned()],
            _ => vec![module.to_owned(), format!("{module}/mod")],
        };
        candidates
            .into_iter()
            .find(|file| self.files.contains_key(file))
    }

    fn upward_imports(&self) -> Vec<String> {
        let imports = self.imports();
        let upward = imports.iter().filter(|it| layer(&it.to) < layer(&it.from));
        upward
            .map(|it| {
                format!(
                    "src/{}.rs:{}: imports {}, which stands above",
                    it.from, it.line, it.to
                )
            })
            .collect()
    }

    /// Returns the groups of files that import each other, directly or through other files.
    fn cycles(&self) -> Vec<Vec<String>> {
        let mut next: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for import in self.imports() {
            next.entry(import.from).or_default().insert(import.to);
        }
        let reach = |start: &String| {
            let (mut seen, mut open) = (BTreeSet::new(), vec![start]);
            while let Some(file) = open.pop() {
                let targets = next.get(file).into_iter().flatten();
                open.extend(targets.filter(|target| seen.insert((*target).clone())));
            }
            seen
        };
        let reached: BTreeMap<_, _> = self.files.keys().map(|file| (file, reach(file))).collect();
        let cycles: BTreeSet<Vec<String>> = reached
            .iter()
            .filter(|(file, seen)| seen.contains(**file))
            .map(|(file, seen)| {
                let both_ways = seen.iter().filter(|other| reached[other].contains(*file));
                both_ways.cloned().collect()
            })
            .collect();
        cycles.into_iter().collect()
    }
}

/// Returns the position of a file's layer, counted from the top.
fn layer(path: &str) -> usize {
    let matches = |entry: &str| {
        let rest = path.strip_prefix(entry);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let entries = LAYERS.iter().enumerate();
    entries
        .flat_map(|(index, layer)| layer.iter().map(move |entry| (index, *entry)))
        .filter(|(_, entry)| matches(entry))
        .max_by_key(|(_, entry)| entry.len())
        .map(|(index, _)| index)
        .unwrap_or_else(|| panic!("src/{path}.rs has no layer: add it to the table"))
}

/// Returns the path of the module that a file contains.
fn module(path: &str) -> String {
    match path.strip_suffix("/mod") {
        Some(folder) => folder.to_owned(),
        None if path == "lib" => String::new(),
        None => path.to_owned(),
    }
}

/// Resolves the names of a path in `module` to a path from the root of the crate.
fn absolute(module: &str, names: &[String]) -> Vec<String> {
    let mut base: Vec<String> = module.split('/').map(str::to_owned).collect();
    base.retain(|name| !name.is_empty());
    let mut names = names.iter();
    let mut rest = Vec::new();
    match names.next().map(String::as_str) {
        Some("crate") => base.clear(),
        Some("super") => drop(base.pop()),
        _ => {}
    }
    for name in names {
        match name.as_str() {
            "super" => drop(base.pop()),
            "self" => {}
            _ => rest.push(name.clone()),
        }
    }
    base.extend(rest);
    base
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            // The command uses only the public interface.
            if path != root.join("bin") {
                collect(root, &path, files);
            }
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let name = path.with_extension("");
            let name = name.strip_prefix(root).expect("below the root");
            let names: Vec<_> = name.iter().map(|part| part.to_string_lossy()).collect();
            files.insert(names.join("/"), read(&path));
        }
    }
}

fn read(path: impl AsRef<Path>) -> String {
    let path = path.as_ref();
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
