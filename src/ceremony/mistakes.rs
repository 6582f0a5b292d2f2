//! What is in the way of a plan, collected, so that all of it is reported at once.

use super::{Code, Error, ErrorKind};

/// Errors that do not depend on one another.
#[derive(Default)]
#[must_use = "what is in the way is forgotten"]
pub struct Mistakes(Vec<Error>);

impl Mistakes {
    /// Keeps the error, if it is one.
    pub fn note<T>(&mut self, tried: Result<T, Error>) -> Option<T> {
        tried.map_err(|error| self.0.push(error)).ok()
    }

    /// Whether none was noted yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Refuses if there was any; several are listed, each with its own advice.
    pub fn settle(mut self) -> Result<(), Error> {
        if self.0.len() < 2 {
            return self.0.pop().map_or(Ok(()), Err);
        }
        let refuses = self.0.iter().any(|error| error.kind == ErrorKind::Refused);
        let next = self.0.iter().skip(1).map(Some).chain([None]);
        let listed = self.0.iter().zip(next).flat_map(|(error, next)| {
            // One hint for all that follow one another and have it.
            let is_told = !error.hint.is_empty() && next.is_none_or(|next| next.hint != error.hint);
            let hint = is_told.then(|| format!("    hint: {}", error.hint));
            let facts = error.details.iter().map(|fact| format!("    {fact}"));
            std::iter::once(format!("- {}", error.message)).chain(facts).chain(hint)
        });
        let details = listed.collect();
        let message = format!("{} things are in the way of this plan", self.0.len());
        let mut error = Error::refused(message, "").coded(Code::Several).with(details);
        if !refuses {
            error.kind = self.0.first().map_or(ErrorKind::Problem, |first| first.kind);
        }
        Err(error)
    }
}
