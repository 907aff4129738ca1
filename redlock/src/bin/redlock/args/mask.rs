//! Masks for arguments that may contain a password.

/// Masks every argument in a text that may contain a password. An error message quotes misplaced
/// arguments.
pub(crate) fn without_credentials(text: &str, arguments: impl Iterator<Item = String>) -> String {
    let value = |argument: &str| Some(argument.split_once('=')?.1.to_owned());
    let mut secrets: Vec<String> = arguments
        .flat_map(|argument| [value(&argument), Some(argument)])
        .flatten()
        .filter(|it| it.contains('@') || it.contains("://"))
        .collect();
    // The whole comes before its parts.
    secrets.sort_by_key(|it| std::cmp::Reverse(it.len()));
    let text = text.to_owned();
    secrets
        .iter()
        .fold(text, |text, it| text.replace(it, "***"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_may_contain_a_password_are_masked() {
        let arguments = [
            "--redis=redis://user:p ss@a",
            "user:pw@b",
            "redis://:p",
            "name",
        ];
        let text = "no '--redis=redis://user:p ss@a', 'redis://user:p ss@a', 'redis://:p' or \
                    'user:pw@b' for 'name'";
        let shown = without_credentials(text, arguments.map(String::from).into_iter());
        assert_eq!(shown, "no '***', '***', '***' or '***' for 'name'");
    }
}
