//! What is in the way of a plan, collected, so that all of it is reported at once.

use super::{Code, Error, ErrorKind};

/// Errors that do not depend on one another.
#[derive(Default)]
pub(super) struct Mistakes(Vec<Error>);

impl Mistakes {
    /// Keeps the error, if it is one.
    pub(super) fn note<T>(&mut self, tried: Result<T, Error>) -> Option<T> {
        tried.map_err(|error| self.0.push(error)).ok()
    }

    /// Refuses if there was any; several are listed, each with its own advice.
    pub(super) fn settle(mut self) -> Result<(), Error> {
        if self.0.len() < 2 {
            return self.0.pop().map_or(Ok(()), Err);
        }
        let refuses = self.0.iter().any(|error| error.kind == ErrorKind::Refused);
        let listed = self.0.iter().flat_map(|error| {
            let hint = (!error.hint.is_empty()).then(|| format!("    hint: {}", error.hint));
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
