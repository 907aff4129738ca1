//! A reader of Rust sources that finds imports in text.

use std::fmt::Write;

/// The beginnings of paths within the crate.
const ROOTS: [&str; 3] = ["crate::", "super::", "self::"];

/// Returns the `use` items of paths within the crate: line, tree, and whether it is a re-export.
pub(crate) fn uses(text: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some((before, tree)) = line.trim_start().split_once("use ") else {
            continue;
        };
        let is_use = before.is_empty() || before.starts_with("pub");
        if !is_use || !ROOTS.iter().any(|root| tree.starts_with(root)) {
            continue;
        }
        let mut tree = tree.to_owned();
        while !tree.contains(';') {
            let Some((_, more)) = lines.next() else { break };
            tree.push_str(more);
        }
        let tree = tree.split(';').next().unwrap_or_default();
        found.push((index + 1, tree.to_owned(), !before.is_empty()));
    }
    found
}

/// Returns the paths in code that begin within the crate, in the form of [`uses`].
pub(crate) fn paths(text: &str) -> Vec<(usize, String, bool)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.trim_start();
        if code.starts_with("use ") || code.starts_with("pub") && code.contains("use ") {
            continue;
        }
        let starts = ROOTS.iter().flat_map(|root| line.match_indices(root));
        for (start, _) in starts {
            let is_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
            let path: String = line[start..].chars().take_while(|c| is_path(*c)).collect();
            let before = &line[..start];
            if !before.ends_with(|c| c == '$' || is_path(c)) && !before.ends_with("pub(in ") {
                found.push((index + 1, path.trim_end_matches(':').to_owned(), false));
            }
        }
    }
    found
}

/// Splits a `use` tree into its paths, each a list of names.
pub(crate) fn leaves(tree: &str) -> impl Iterator<Item = Vec<String>> {
    let mut flat = String::new();
    expand("", tree.trim(), &mut flat);
    let paths: Vec<Vec<String>> = flat
        .lines()
        .map(|path| {
            let path = path.split(" as ").next().unwrap_or_default();
            path.split("::")
                .map(|name| name.trim().to_owned())
                .collect()
        })
        .collect();
    paths.into_iter()
}

/// Writes every path of a `use` tree to a line of its own.
fn expand(prefix: &str, tree: &str, flat: &mut String) {
    let Some((head, rest)) = tree.split_once('{') else {
        writeln!(flat, "{prefix}{tree}").expect("writing to a string cannot fail");
        return;
    };
    let inner = &rest[..rest.rfind('}').unwrap_or(rest.len())];
    let (mut depth, mut start) = (0, 0);
    let prefix = format!("{prefix}{head}");
    for (index, c) in inner.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => {
                expand(&prefix, inner[start..index].trim(), flat);
                start = index + 1;
            }
            _ => {}
        }
    }
    let last = inner[start..].trim();
    if !last.is_empty() {
        expand(&prefix, last, flat);
    }
}

/// Removes comments and unit tests. Every other line keeps its number.
pub(crate) fn without_tests(text: &str) -> String {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(|line| match line.trim_start() {
        comment if comment.starts_with("//") => "",
        _ => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}
