//! JSON output of results.

use std::fmt;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub enum Json {
    /// A number. NaN and infinities are written as `null`.
    Number(f64),
    /// A string.
    Text(String),
    /// A boolean.
    Bool(bool),
    /// An array.
    Array(Vec<Self>),
    /// An object, whose fields keep their order.
    Object(Vec<(String, Self)>),
}

impl Json {
    /// Creates an object.
    #[must_use]
    pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let fields = fields.into_iter();
        Self::Object(
            fields
                .map(|(name, value)| (name.to_owned(), value))
                .collect(),
        )
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, depth: usize) -> fmt::Result {
        match self {
            Self::Number(number) if number.is_finite() => {
                write!(f, "{}", (number * 1000.0).round() / 1000.0)
            }
            Self::Number(_) => f.write_str("null"),
            Self::Text(text) => write_text(f, text),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Array(values) => {
                let values = values.iter().map(|value| (None, value));
                write_all(f, ('[', ']'), values, depth)
            }
            Self::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| (Some(name.as_str()), value));
                write_all(f, ('{', '}'), fields, depth)
            }
        }
    }
}

/// Writes the upper two levels one value per line, for reading and diffs, and deeper levels inline.
fn write_all<'a>(
    f: &mut fmt::Formatter<'_>,
    (open, close): (char, char),
    values: impl Iterator<Item = (Option<&'a str>, &'a Json)>,
    depth: usize,
) -> fmt::Result {
    let is_tall = depth < 2;
    write!(f, "{open}")?;
    for (index, (name, value)) in values.enumerate() {
        match (index > 0, is_tall) {
            (true, false) => f.write_str(", ")?,
            (true, true) => f.write_str(",\n")?,
            (false, true) => f.write_str("\n")?,
            (false, false) => {}
        }
        if is_tall {
            write!(f, "{:1$}", "", 2 * (depth + 1))?;
        }
        if let Some(name) = name {
            write_text(f, name)?;
            f.write_str(": ")?;
        }
        value.write(f, depth + 1)?;
    }
    if is_tall {
        write!(f, "\n{:1$}", "", 2 * depth)?;
    }
    write!(f, "{close}")
}

fn write_text(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    f.write_str("\"")?;
    for char in text.chars() {
        match char {
            '"' | '\\' => write!(f, "\\{char}")?,
            char if char.is_control() => write!(f, "\\u{:04x}", u32::from(char))?,
            char => write!(f, "{char}")?,
        }
    }
    f.write_str("\"")
}

impl fmt::Display for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(f, 0)?;
        f.write_str("\n")
    }
}

impl From<f64> for Json {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

impl From<bool> for Json {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Json {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}
