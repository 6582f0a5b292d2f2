//! The audit: public data only; no card, no HSM, no secret.

use crate::{
    encoding::dsse::Mode,
    transcript::{
        finding::{Finding, Severity},
        ledger::{CeremonyFiles, LedgerState},
        verification::{self, Pins},
    },
};

/// What an audit came to.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Every line holds, and both pins fit.
    Verified,
    /// Every line holds, but a pin is missing: origin or end are unproven.
    Unpinned,
    /// It cannot be believed.
    Broken,
}

/// An audited ledger.
#[derive(Debug)]
pub struct Audit {
    /// The verdict.
    pub verdict: Verdict,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// The state, as far as it could be followed.
    pub state: Option<LedgerState>,
}

/// Audits one ledger, given as one or more copies with their names. The longest copy is the one that is judged.
pub fn audit(copies: &[(String, Vec<CeremonyFiles>)], mode: Mode, pins: Pins) -> Audit {
    let mut findings = verification::compare_copies(copies);
    let size = |files: &[CeremonyFiles]| files.iter().map(|f| f.transcript.len()).sum::<usize>();
    // Of several that are equally long, the one that was named first.
    let longest = copies.iter().enumerate().rev().max_by_key(|(_, (_, files))| (files.len(), size(files)));
    let mut files = longest.map(|(_, (_, files))| files.clone()).unwrap_or_default();
    for (_, other) in copies {
        add_statements(&mut files, other);
    }
    let verified = verification::verify(&files, mode);
    let whole = verified.findings.iter().all(|f| f.severity != Severity::Error);
    findings.extend(verified.findings);
    for (place, (name, other)) in copies.iter().enumerate() {
        if longest.is_some_and(|(judged, _)| judged == place) {
            continue;
        }
        let broken = verification::verify(other, mode).findings;
        findings.extend(broken.into_iter().filter(|f| f.severity == Severity::Error).map(|mut f| {
            f.message = format!("in the copy {}: {}", crate::encoding::text::printable(name), f.message);
            f
        }));
    }
    if let Some(state) = &verified.state {
        findings.extend(verification::remarks(state));
        // Where a ledger breaks off, what the rest of it has as its head is not known.
        let told = |f: &Finding| whole || !matches!(f.code, "head-mismatch" | "head-passed");
        findings.extend(verification::check_pins(state, pins).into_iter().filter(told));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let broken = verified.state.is_none() || findings.iter().any(|f| f.severity == Severity::Error);
    let unfinished =
        verified.state.as_ref().and_then(LedgerState::pending).is_some_and(|c| c.intended.is_some());
    let pinned = pins.genesis.is_some() && pins.head.is_some() && !unfinished;
    let verdict = match (broken, pinned) {
        (true, _) => Verdict::Broken,
        (false, true) => Verdict::Verified,
        (false, false) => Verdict::Unpinned,
    };
    Audit { verdict, findings, state: verified.state }
}

/// What people signed counts wherever a copy of it lies: taking it out of one copy hides nothing.
fn add_statements(files: &mut [CeremonyFiles], copy: &[CeremonyFiles]) {
    for other in copy {
        let Some(file) = files.iter_mut().find(|f| f.directory == other.directory) else { continue };
        for (into, from) in [
            (&mut file.attestations, &other.attestations),
            (&mut file.approvals, &other.approvals),
            (&mut file.drills, &other.drills),
        ] {
            for (name, bytes) in from {
                if !into.iter().any(|(_, known)| known == bytes) {
                    into.push((name.clone(), bytes.clone()));
                }
            }
        }
    }
}
