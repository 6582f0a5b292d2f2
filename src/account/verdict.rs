//! The verdict of an audit.

use super::{
    Passage, Row, Tone,
    ceremony::CeremonyBrief,
    counted,
    keys::{Shape, Shaped, account},
};
use crate::{
    encoding::{digest::Digest, dsse::Mode},
    transcript::finding::{self, Finding},
};

/// What an audit came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every line is valid, and both pins fit.
    Verified,
    /// Every line is valid, but a pin is missing or an operation has not ended: origin or end are unproven.
    Unpinned,
    /// Every line is valid, and somebody who belongs to it signed that what it says is not so.
    Contradicted,
    /// It is valid in itself, and differs from a number that the auditor brought.
    NotYourPaper,
    /// A rule fails: it cannot be believed.
    Broken,
    /// There is nothing to audit: another folder, or a ledger of the other mode.
    NotALedger,
}

impl Shaped for Verdict {
    fn shape() -> Shape {
        Shape::Words(vec!["verified", "unpinned", "contradicted", "not-your-paper", "broken", "not-a-ledger"])
    }
}

account! {
    /// An audited ledger.
    of "audit" pub struct Audited {
        /// what it came to
        pub verdict: Verdict,
        /// why it is that verdict, in words; null if it is verified
        pub reason: Option<String>,
        /// that the ledger was read as
        pub mode: Mode,
        /// the genesis fingerprint, or null
        pub genesis: Option<Digest>,
        /// head of the last ceremony that ended, or null
        pub head: Option<Digest>,
        /// how many
        pub ceremonies: usize,
        /// each of them, as far as they could be followed
        pub record: Vec<CeremonyBrief>,
        /// a list, see quorate-transcript(5)
        pub findings: Vec<Finding>,
        /// the command that was probably meant, where this was not a ledger
        pub commands: Vec<String>,
    }
}

impl Audited {
    /// In words, the verdict last. `copies`: how many were read.
    pub fn passages(&self, copies: usize) -> Vec<Passage> {
        let mut rows = Vec::new();
        if let Some(genesis) = self.genesis {
            rows.push(Row::text(format!(
                "A {} ledger: {}, {} read:",
                self.mode,
                counted(self.ceremonies, "ceremony", "ceremonies"),
                counted(copies, "copy", "copies")
            )));
            rows.extend(self.record.iter().flat_map(CeremonyBrief::rows));
            rows.push(Row::Digest("Genesis fingerprint".into(), genesis));
            rows.extend(self.head.map(|head| Row::Digest("Head".into(), head)));
        }
        // The verdict says it all where there is no ledger at all.
        if self.verdict != Verdict::NotALedger || self.genesis.is_some() {
            rows.extend(finding::grouped(&self.findings).into_iter().map(Row::Finding));
        }
        if !self.commands.is_empty() {
            rows.push(Row::text("This was probably meant:"));
            rows.extend(self.commands.iter().map(|command| Row::Line(format!("  {command}"))));
        }
        let tone = match self.verdict {
            Verdict::Verified => Tone::Good,
            Verdict::Unpinned => Tone::Caution,
            _ => Tone::Bad,
        };
        rows.push(Row::Verdict(tone, self.verdict_in_words()));
        vec![Passage::plain(rows)]
    }

    fn verdict_in_words(&self) -> String {
        let reason = self.reason.as_deref().unwrap_or_default();
        match self.verdict {
            Verdict::Verified => {
                "VERIFIED: every line, signature, link and count checks out, from your genesis to your head."
                    .into()
            }
            Verdict::Unpinned => {
                format!("INCOMPLETE: every line checks out, but it is not proven to its end: {reason}.")
            }
            Verdict::Contradicted => {
                format!("CONTRADICTED: every line checks out, and people signed otherwise: {reason}.")
            }
            Verdict::NotYourPaper => format!("NOT YOUR PAPER: every line checks out, and {reason}."),
            Verdict::Broken => format!("BROKEN: this ledger cannot be believed: {reason}."),
            Verdict::NotALedger if self.genesis.is_some() => {
                format!("NOT A LEDGER: {reason}; every line of what else was named checks out.")
            }
            Verdict::NotALedger => format!("NOT A LEDGER: {reason}."),
        }
    }
}
