//! Plans: the one strict file that says everything a ceremony will do. Each kind has its table beside its operation.

use serde::de::DeserializeOwned;

use super::{disputed_times::DisputedTimes, plan_error::PlanError};
use crate::encoding::{
    spelling,
    text::{self, Line},
};

/// What every plan begins with.
#[derive(Clone, Copy, Debug)]
pub struct Heading<'a> {
    pub title: &'a Line,
    /// Hours from the proposal until approvals are no longer taken.
    pub expires_in_hours: u32,
    /// Times in the ledger that cannot be.
    pub disputed_times: Option<&'a DisputedTimes>,
}

impl Heading<'_> {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        if self.title.as_str().trim().is_empty() {
            return Err(PlanError::new("title is empty: say what the ceremony is for"));
        }
        let hours = self.expires_in_hours;
        if !(1..=8760).contains(&hours) {
            return Err(PlanError::new(format!(
                "expires_in_hours is {hours}: 1 to 8760 (a year) are possible"
            )));
        }
        self.disputed_times.map_or(Ok(()), DisputedTimes::check)
    }
}

/// A plan's table, whichever.
pub trait Headed {
    /// Title and times.
    fn heading(&self) -> Heading<'_>;
}

/// What a plan of one kind must fulfil beyond its shape.
pub trait PlanTable: Headed {
    /// Refuses what cannot be meant, with an error that says what to change.
    fn check(&self) -> Result<(), PlanError> {
        Ok(())
    }

    /// All that cannot be meant, where more can be said than the first of it.
    fn mistakes(&self) -> Vec<PlanError> {
        self.check().err().into_iter().collect()
    }

    /// Whether it leaves a held user PIN as it is, although its target has seen it.
    fn keeps_pins(&self) -> bool {
        false
    }
}

/// Declares the table of a plan: what all begin with, and the fields of its own.
macro_rules! simple_plan {
    ($(#[$doc:meta])* $name:ident { $($(#[$fdoc:meta])* $field:ident: $type:ty,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct $name {
            #[serde(rename = "kind")]
            _kind: $crate::roster::OperationKind,
            pub title: $crate::encoding::text::Line,
            /// Hours from the proposal until approvals are no longer taken.
            pub expires_in_hours: u32,
            /// Times in the ledger that cannot be.
            pub disputed_times: Option<$crate::proposal::disputed_times::DisputedTimes>,
            $($(#[$fdoc])* pub $field: $type,)*
        }

        impl $crate::proposal::plan::Headed for $name {
            fn heading(&self) -> $crate::proposal::plan::Heading<'_> {
                $crate::proposal::plan::Heading {
                    title: &self.title,
                    expires_in_hours: self.expires_in_hours,
                    disputed_times: self.disputed_times.as_ref(),
                }
            }
        }
    };
}
pub(super) use simple_plan;

pub(super) fn from_toml<T: DeserializeOwned>(text: &str) -> Result<T, PlanError> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map(|b| b.matches('\n').count().saturating_add(1));
        let column =
            before.map(|b| b.rsplit('\n').next().unwrap_or_default().chars().count().saturating_add(1));
        PlanError { line, column, message: message(error.message()), excerpt: excerpt(text, &error) }
    })
}

/// Refuses a plan that is not what it looks like. What a value is meant to have in it all the same, such as the label of an
/// object that is to be deleted, is written as TOML spells it, so that a reader of the plan sees it.
pub(super) fn all_shown(text: &str) -> Result<(), PlanError> {
    for (number, line) in (1_usize..).zip(text.lines()) {
        let line = line.replace('\t', " ");
        let shown = text::printable(&line);
        if shown != line {
            let message = "a character that shows nothing, or too many marks on one letter; if it is meant, \
                           write it as an escape, \\u00A0 for example";
            return Err(PlanError {
                line: Some(number),
                column: None,
                message: message.into(),
                excerpt: vec![shown.chars().take(200).collect()],
            });
        }
    }
    Ok(())
}

/// What is wrong. For an unknown word, the one that was probably meant is named, instead of all possible ones.
fn message(reason: &str) -> String {
    let mut words = reason.split('`').skip(1).step_by(2);
    let written = words.next().filter(|_| reason.starts_with("unknown "));
    let meant = written.and_then(|written| spelling::nearest(written, words));
    let shortened = meant
        .zip(reason.split_once(", expected "))
        .map(|(meant, (unknown, _))| format!("{unknown}; did you mean `{meant}`?"));
    text::printable(&shortened.unwrap_or_else(|| reason.to_owned()))
}

/// The line and the caret, as toml draws them. A longer line would not fit a screen.
fn excerpt(text: &str, error: &toml::de::Error) -> Vec<String> {
    const WIDEST: usize = 74;
    if !text.lines().any(|line| line.trim_start().starts_with("kind")) {
        return Vec::new();
    }
    let drawn: Vec<String> = error.to_string().lines().skip(1).take(3).map(text::printable).collect();
    if drawn.iter().all(|line| line.chars().count() <= WIDEST) { drawn } else { Vec::new() }
}
