//! The format of transcripts, as `transcripts/README.md` describes it.

use std::mem;
use std::ops::RangeInclusive;

/// A case of a transcript.
#[derive(Debug, Default)]
pub(crate) struct Case {
    pub(crate) title: String,
    pub(crate) given: Vec<String>,
    pub(crate) steps: Vec<Step>,
    /// For the next step.
    stop: usize,
    reason: Option<String>,
}

/// One line for the shell, and what is expected of each command.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// How many servers are killed first.
    pub(crate) stop: usize,
    pub(crate) line: String,
    pub(crate) ours: Expected,
    pub(crate) redlock_py: Expected,
}

/// What is expected of a command; `None` where the transcript has no such line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expected {
    pub(crate) out: Option<Vec<String>>,
    pub(crate) err: Option<Vec<String>>,
    pub(crate) code: Option<i32>,
    pub(crate) servers: Option<RangeInclusive<usize>>,
}

impl Expected {
    /// Returns the expectations, with those of another command where there are none.
    pub(crate) fn or(&self, other: &Self) -> Self {
        let lines = |own: &Option<Vec<String>>, other: &Option<Vec<String>>| {
            own.clone().or_else(|| other.clone())
        };
        Self {
            out: lines(&self.out, &other.out),
            err: lines(&self.err, &other.err),
            code: self.code.or(other.code),
            servers: self.servers.clone().or_else(|| other.servers.clone()),
        }
    }

    fn is_empty(&self) -> bool {
        self.out.is_none() && self.err.is_none() && self.code.is_none() && self.servers.is_none()
    }

    /// Adds one line of a transcript. Text without a line of its own is not printed.
    fn add(&mut self, kind: char, text: &str) -> bool {
        match kind {
            '>' => add_line(&mut self.out, text),
            '!' => add_line(&mut self.err, text),
            '=' => self.code = Some(text.parse().expect("an exit code")),
            '@' => self.servers = Some(servers(text)),
            _ => return false,
        }
        true
    }
}

fn servers(text: &str) -> RangeInclusive<usize> {
    let number = |text: &str| text.parse().expect("a number of servers");
    match text.strip_suffix('+') {
        Some(least) => number(least)..=usize::MAX,
        None => number(text)..=number(text),
    }
}

fn add_line(lines: &mut Option<Vec<String>>, text: &str) {
    let lines = lines.get_or_insert_default();
    if !text.is_empty() {
        lines.push(text.to_owned());
    }
}

/// Parses a transcript.
///
/// # Panics
///
/// Panics if a line has no meaning, or if a case has a difference without a reason or a reason
/// without a difference.
pub(crate) fn parse(text: &str) -> Vec<Case> {
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty()) {
        if let Some(title) = line.strip_prefix("## ") {
            let title = title.to_owned();
            cases.push(Case {
                title,
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a title before the first line");
        assert!(case.add(line), "{}: no meaning: {line}", case.title);
    }
    cases.iter().for_each(Case::check);
    cases
}

impl Case {
    fn add(&mut self, line: &str) -> bool {
        if let Some(given) = line.strip_prefix("given ") {
            self.given = given.split(' ').map(str::to_owned).collect();
        } else if let Some(number) = line.strip_prefix("stop ") {
            self.stop = number.parse().expect("a number of servers");
        } else if let Some(line) = line.strip_prefix("$ ") {
            self.steps.push(Step {
                stop: mem::take(&mut self.stop),
                line: line.to_owned(),
                ..Step::default()
            });
        } else if let Some(reason) = line.strip_prefix("; ") {
            self.reason = Some(reason.to_owned());
        } else {
            let Some(step) = self.steps.last_mut() else {
                return false;
            };
            let (expected, line) = match line.strip_prefix("py") {
                Some(line) => (&mut step.redlock_py, line),
                None => (&mut step.ours, line),
            };
            let mut text = line.chars();
            let kind = text.next().unwrap_or_default();
            return expected.add(kind, text.as_str().trim_start());
        }
        true
    }

    fn check(&self) {
        let title = &self.title;
        assert!(!self.steps.is_empty(), "{title}: no step");
        let differs = self.steps.iter().any(|step| !step.redlock_py.is_empty());
        assert_eq!(
            differs,
            self.reason.is_some(),
            "{title}: a difference and its reason"
        );
        let has_code = self.steps.iter().all(|step| step.ours.code.is_some());
        assert!(has_code, "{title}: a step without an exit code");
    }
}

#[test]
fn a_case_has_steps_with_expectations() {
    let cases =
        parse("## one\ngiven held\n$ a\n> out\n= 0\npy>\npy= 1\n; reason\n\n## two\n$ b\n= 3\n");
    assert_eq!(cases[0].given, ["held"]);
    let step = &cases[0].steps[0];
    assert_eq!(step.ours.out.as_deref(), Some(&["out".to_owned()][..]));
    let theirs = step.redlock_py.or(&step.ours);
    assert_eq!((theirs.out, theirs.code), (Some(vec![]), Some(1)));
    assert_eq!(cases[1].steps[0].ours.code, Some(3));
}

#[test]
#[should_panic(expected = "a difference and its reason")]
fn a_difference_needs_a_reason() {
    parse("## one\n$ a\n= 0\npy= 1\n");
}
