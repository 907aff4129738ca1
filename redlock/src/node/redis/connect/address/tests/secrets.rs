//! Passwords with any characters: where they stand, no other host is contacted, and no error shows
//! them.

use super::super::{name, parse};

/// Characters that have a meaning in a URL, or none at all.
const MARKS: &str = "#?/@:%&=+,;[]{}$<>\\^|\"'` \t\n\r\0ð";

/// The pieces of the password, none of which is part of an error's own words.
const PIECES: [&str; 3] = ["qzx", "4711", "vkw"];

#[test]
fn no_password_changes_the_host_or_is_shown() {
    let marks: Vec<char> = MARKS.chars().collect();
    let mut accepted = 0;
    for (first, second) in marks
        .iter()
        .flat_map(|it| marks.iter().map(move |other| (it, other)))
    {
        for order in [[0, 1, 2], [1, 0, 2], [1, 2, 0], [2, 1, 0]] {
            let pieces = order.map(|it| PIECES[it]);
            let password = format!("{}{first}{}{second}{}", pieces[0], pieces[1], pieces[2]);
            for url in [
                format!("redis://user:{password}@host:7000/1"),
                format!("redis://:{password}@host"),
                format!("redis://{password}@host"),
                format!("rediss://user:{password}@host"),
                format!("redis://host?password={password}"),
                format!("redis+unix:///run/host?pass={password}"),
                format!("unix://:{password}@/run/host"),
                format!("redis:{password}@host"),
                format!("http://user:{password}@host"),
                format!("user:{password}@host"),
                format!("\"redis://user:{password}@host\""),
                format!("redis://user:{password}@host:port"),
                format!("redis://user:{password}@host/?timeout=1"),
                format!("redis://user:{password}@${{HOST}}"),
                format!("redis://user:{password}@"),
                format!("redis://:{password}@/1"),
                format!("redis://user:{password}@:7000"),
                format!("redis://host?db=1?password={password}"),
            ] {
                accepted += usize::from(check(&url));
            }
        }
    }
    assert!(accepted > 1000, "only {accepted} were accepted");
}

/// Checks one URL, and returns whether it was accepted.
fn check(url: &str) -> bool {
    let (shown, is_accepted) = match parse(url) {
        Ok(address) => (name(&address.info), true),
        Err(error) => (format!("{error} {error:?}"), false),
    };
    for piece in PIECES {
        assert!(!shown.contains(piece), "{url:?} is shown as {shown}");
    }
    if is_accepted {
        let names = ["host:7000/1", "host:6379", "/run/host"];
        assert!(names.contains(&shown.as_str()), "{url:?} leads to {shown}");
    }
    is_accepted
}
