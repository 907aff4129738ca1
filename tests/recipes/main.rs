//! Tests of the fencing recipes in the documentation of `redlock::fence`.
//!
//! They run the documented code word for word, on the systems that it is meant for.
//!
//! - `sql`: SQLite, in memory
//! - `redis`: a real server
//! - `paused`: holders that are paused beyond their ttl, with the tokens of real locks
//!
//! The recipe over HTTP is tested in `examples/axum`.

mod paused;
mod redis;
mod sql;

/// Returns the documented code blocks of one language, in order.
fn documented(language: &str) -> Vec<String> {
    let source = include_str!("../../redlock/src/fence.rs");
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let mut lines = lines.map(|line| line.strip_prefix(' ').unwrap_or(line));
    let mut blocks = Vec::new();
    while lines.any(|line| line.strip_prefix("```") == Some(language)) {
        let block: Vec<&str> = lines.by_ref().take_while(|line| *line != "```").collect();
        blocks.push(block.join("\n"));
    }
    blocks
}
