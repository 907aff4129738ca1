//! Every mistake of one use of the attribute, reported together.

/// Compile errors gathered so far.
#[derive(Default)]
pub(crate) struct Problems(Option<syn::Error>);

impl Problems {
    /// Adds a mistake.
    pub(crate) fn push(&mut self, problem: syn::Error) {
        match &mut self.0 {
            Some(problems) => problems.combine(problem),
            None => self.0 = Some(problem),
        }
    }

    /// Takes the value out of a result; its mistake stays here.
    pub(crate) fn keep<T>(&mut self, result: syn::Result<T>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    /// Whether nothing is wrong so far.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Passes the value on if there was no mistake.
    pub(crate) fn or<T>(self, value: Option<T>) -> syn::Result<T> {
        match (self.0, value) {
            (Some(problems), _) => Err(problems),
            (None, Some(value)) => Ok(value),
            (None, None) => unreachable!("a value is missing only where a mistake was noted"),
        }
    }
}
