//! Why a plan was refused.

/// Why a plan was refused, with the place in the file.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
#[error("{}{message}", self.place())]
pub struct PlanError {
    /// Line, from 1, where one is known.
    pub line: Option<usize>,
    /// Column, from 1.
    pub column: Option<usize>,
    /// One sentence.
    pub message: String,
    /// That line, with a caret below the place; empty where the file may be something else, a PIN for example.
    pub excerpt: Vec<String>,
}

impl PlanError {
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self { line: None, column: None, message: message.into(), excerpt: Vec::new() }
    }

    fn place(&self) -> String {
        match (self.line, self.column) {
            (Some(line), Some(column)) => format!("line {line}, column {column}: "),
            (Some(line), None) => format!("line {line}: "),
            _ => String::new(),
        }
    }
}
