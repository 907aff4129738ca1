//! Lines with a tone, which is a colour on a terminal.

use crate::console::without_control;

/// How good the news of a line are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tone {
    Plain,
    Good,
    Concern,
    Bad,
}

/// A line of a result.
#[derive(Clone, Debug)]
pub(crate) struct Toned {
    pub(crate) tone: Tone,
    pub(crate) text: String,
}

impl Toned {
    pub(crate) fn new(tone: Tone, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { tone, text }
    }

    /// Returns the line, without control characters of its own.
    pub(super) fn shown(&self, has_colours: bool) -> String {
        let text = without_control(&self.text);
        match self.tone.colour().filter(|_| has_colours) {
            Some(colour) => format!("\u{1b}[{colour}m{text}\u{1b}[0m\n"),
            None => format!("{text}\n"),
        }
    }
}

impl Tone {
    fn colour(self) -> Option<u8> {
        match self {
            Self::Plain => None,
            Self::Good => Some(32),
            Self::Concern => Some(33),
            Self::Bad => Some(31),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_tone_controls_the_terminal() {
        let line = Toned::new(Tone::Bad, "down \u{1b}[2J");
        assert_eq!(line.shown(false), "down \\u{1b}[2J\n");
        assert_eq!(line.shown(true), "\u{1b}[31mdown \\u{1b}[2J\u{1b}[0m\n");
        assert_eq!(Toned::new(Tone::Plain, "a").shown(true), "a\n");
    }
}
