//! What a reader of a ledger found, in words and in codes that do not change.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::encoding::strict::worded;

/// How bad it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Weakens what the ledger proves.
    Warning,
    /// A member of the quorum signed that it was not as the ledger says.
    Objection,
    /// The ledger cannot be believed.
    Error,
}

worded!(Severity);

/// One finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Finding {
    /// Stable, kebab-case.
    pub code: &'static str,
    pub severity: Severity,
    /// The ceremony's directory, where it is in one.
    pub ceremony: Option<String>,
    /// The transcript's line, from 1, where it is in one.
    pub line: Option<usize>,
    /// One sentence.
    pub message: String,
}

impl Finding {
    /// A finding about the ledger as a whole.
    pub fn new(severity: Severity, code: &'static str, message: impl Into<String>) -> Self {
        Self { code, severity, ceremony: None, line: None, message: message.into() }
    }

    /// An error about the ledger as a whole.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// Where and what, in one sentence, for a verdict.
    pub fn in_short(&self) -> String {
        let at = |line: usize| format!(" line {line}");
        match (&self.ceremony, self.line.map(at).unwrap_or_default()) {
            (Some(ceremony), line) => format!("{ceremony}{line}: {}", self.message),
            (None, _) => self.message.clone(),
        }
    }

    /// The same, in a ceremony.
    pub fn of(mut self, ceremony: &str) -> Self {
        self.ceremony = Some(crate::encoding::text::printable(ceremony));
        self
    }

    /// The same, at a line (from 1).
    pub fn at(mut self, line: usize) -> Self {
        self.line = Some(line);
        self
    }
}

/// How many ceremonies are named where several have one finding.
const NAMED: usize = 3;

/// Findings in words, each once: those that differ only in the ceremony are reported together, at the place of the first.
pub fn grouped(findings: &[Finding]) -> Vec<String> {
    let mut groups: Vec<(&Finding, Vec<&str>)> = Vec::new();
    let mut places: BTreeMap<(&str, Option<usize>, &str), usize> = BTreeMap::new();
    for finding in findings {
        let key = (finding.code, finding.line, finding.message.as_str());
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push((finding, Vec::new()));
        }
        if let Some((_, ceremonies)) = groups.get_mut(place) {
            ceremonies.extend(finding.ceremony.as_deref());
        }
    }
    let told = |(first, ceremonies): (&Finding, Vec<&str>)| {
        let mut whole = first.clone();
        if ceremonies.len() > 1 {
            let named = ceremonies.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            whole.ceremony = Some(match ceremonies.len().saturating_sub(NAMED) {
                0 => named,
                more => format!("{named} and {more} more"),
            });
        }
        whole.to_string()
    };
    groups.into_iter().map(told).collect()
}

impl std::fmt::Display for Finding {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.severity, self.code)?;
        if let Some(ceremony) = &self.ceremony {
            write!(f, " in {ceremony}")?;
        }
        if let Some(line) = self.line {
            write!(f, " line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_told_together_and_different_ones_apart() {
        let warn = |message: &str| Finding::new(Severity::Warning, "short-pin", message);
        let mut findings: Vec<Finding> =
            (0..5).map(|n| warn("32 bits").of(&format!("000{n}-reset"))).collect();
        findings.insert(2, warn("64 bits").of("0009-adopt"));
        findings.push(warn("32 bits").of("0007-reset").at(3));
        findings.push(warn("of the whole"));
        assert_eq!(
            grouped(&findings),
            [
                "warning: short-pin in 0000-reset, 0001-reset, 0002-reset and 2 more: 32 bits",
                "warning: short-pin in 0009-adopt: 64 bits",
                "warning: short-pin in 0007-reset line 3: 32 bits",
                "warning: short-pin: of the whole",
            ]
        );
    }
}
