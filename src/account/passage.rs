//! An account for people: passages of typed rows, which a terminal or a report renders.

use super::advice::{Advice, Command};
use crate::{encoding::digest::Digest, proposal::target::ObjectRecord};

/// Some rows, under a heading where they have one.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Passage {
    /// For example `Targets`.
    pub heading: Option<String>,
    pub rows: Vec<Row>,
}

/// One thing that is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Row {
    Text(String),
    /// What to do next, with the commands for it.
    Advice(Advice),
    /// A sentence that stays on one line, for those who search for it.
    Line(String),
    /// A finding, which begins with its severity and a colon.
    Finding(String),
    /// What all of it comes to, which begins with the verdict and a colon.
    Verdict(Tone, String),
    /// One of several things.
    Item(String),
    /// A name and what it has.
    Fact(&'static str, String),
    /// What belongs to the row before.
    Detail(String),
    /// An object of a target.
    Object(ObjectRecord),
    /// A number to be compared with paper.
    Digest(String, Digest),
    /// A command on a line of its own.
    Command(Command),
}

/// How good what is told is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tone {
    /// As it should be.
    Good,
    Caution,
    /// It must not be relied on.
    Bad,
}

impl Passage {
    /// Without a heading.
    pub fn plain(rows: Vec<Row>) -> Self {
        Self { heading: None, rows }
    }

    pub fn headed(heading: impl Into<String>, rows: Vec<Row>) -> Self {
        Self { heading: Some(heading.into()), rows }
    }
}

impl Row {
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// One of several things.
    pub fn item(text: impl Into<String>) -> Self {
        Self::Item(text.into())
    }
}

/// A number with its noun.
pub fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Names in a row, with commas.
pub fn listed<T: ToString>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.to_string()).collect::<Vec<_>>().join(", ")
}
