//! The audit: public data only; no card, no HSM, no secret.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    account::{
        ceremony::CeremonyBrief,
        verdict::{Audited, Verdict},
    },
    encoding::dsse::Mode,
    ports::clock::Clock,
    transcript::{
        finding::{Finding, Severity},
        ledger::{CeremonyFiles, LedgerState},
        verification::{self, Pins},
    },
};

/// An audited ledger.
#[derive(Debug)]
pub struct Audit {
    /// The verdict.
    pub verdict: Verdict,
    /// Why it is that verdict, in one sentence; none if it is verified.
    pub reason: Option<String>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// The state, as far as it could be followed.
    pub state: Option<LedgerState>,
}

impl Audit {
    /// What is reported of it.
    pub fn account(self, mode: Mode) -> Audited {
        let state = self.state.as_ref();
        let ceremonies = || state.into_iter().flat_map(|state| state.ceremonies.iter());
        Audited {
            verdict: self.verdict,
            reason: self.reason,
            mode,
            genesis: state.map(|state| state.genesis),
            head: state.and_then(LedgerState::head),
            ceremonies: ceremonies().count(),
            record: ceremonies().map(CeremonyBrief::of).collect(),
            findings: self.findings,
            commands: Vec::new(),
        }
    }
}

/// Audits one ledger, given as one or more copies with their names. The longest copy is the one that is judged.
pub fn audit(copies: &[(String, Vec<CeremonyFiles>)], mode: Mode, pins: Pins, clock: &dyn Clock) -> Audit {
    if let Some((name, finding)) = foreign(copies, mode) {
        let reason = Some(format!("{name}: {}", finding.message));
        return Audit { verdict: Verdict::NotALedger, reason, findings: vec![finding], state: None };
    }
    let mut findings = verification::compare_copies(copies);
    let size = |files: &[CeremonyFiles]| files.iter().map(|f| f.transcript.len()).sum::<usize>();
    // Of several equally long copies, the one that was named first.
    let longest = copies.iter().enumerate().rev().max_by_key(|(_, (_, files))| (files.len(), size(files)));
    let judged = longest.map(|(_, (_, files))| files.as_slice()).unwrap_or_default();
    let others =
        copies.iter().map(|(_, other)| other.as_slice()).filter(|other| !std::ptr::eq(*other, judged));
    let files = with_statements(judged, others);
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
    let mut paper = Vec::new();
    if let Some(state) = &verified.state {
        findings.extend(verification::remarks(state, clock.now()));
        // Where verification stops early, the head of the rest is not known.
        let told = |f: &Finding| whole || !matches!(f.code, "head-mismatch" | "head-passed");
        paper.extend(verification::check_pins(state, pins).into_iter().filter(told));
    }
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    let (verdict, reason) = judge(&findings, &paper, verified.state.as_ref());
    findings.extend(paper);
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Audit { verdict, reason, findings, state: verified.state }
}

/// The copy that is not a ledger of this mode at all: the folder beside it, or a rehearsal's.
fn foreign(copies: &[(String, Vec<CeremonyFiles>)], mode: Mode) -> Option<(&str, Finding)> {
    let mut all = copies.iter().map(|(name, files)| (name.as_str(), verification::foreign(files, mode)));
    all.find_map(|(name, found)| found.map(|finding| (name, finding)))
}

/// The verdict with its reason: the worst first. `paper` is what was found about the auditor's own numbers.
fn judge(findings: &[Finding], paper: &[Finding], state: Option<&LedgerState>) -> (Verdict, Option<String>) {
    let first = |of: &[Finding], severity| of.iter().find(|f| f.severity == severity).map(Finding::in_short);
    if let Some(reason) = first(findings, Severity::Error) {
        return (Verdict::Broken, Some(reason));
    }
    let Some(state) = state else {
        return (Verdict::Broken, Some("not even its genesis could be followed".into()));
    };
    let differs: Vec<String> =
        paper.iter().filter(|f| f.severity == Severity::Error).map(|f| f.message.clone()).collect();
    if !differs.is_empty() {
        return (Verdict::NotYourPaper, Some(differs.join("; ")));
    }
    if let Some(reason) = first(findings, Severity::Objection) {
        return (Verdict::Contradicted, Some(reason));
    }
    let missing: Vec<String> = paper.iter().map(|f| f.message.clone()).collect();
    if !missing.is_empty() {
        return (Verdict::Unpinned, Some(missing.join("; ")));
    }
    match state.pending().filter(|c| c.intended.is_some()) {
        Some(open) => {
            let reason = format!("{} has begun to act and has not ended", open.directory);
            (Verdict::Unpinned, Some(reason))
        }
        None => (Verdict::Verified, None),
    }
}

/// A signed statement counts whichever copy it is in: removing it from one copy hides nothing. Without another copy that has
/// more, nothing is copied here.
fn with_statements<'a>(
    judged: &'a [CeremonyFiles],
    others: impl Iterator<Item = &'a [CeremonyFiles]>,
) -> Cow<'a, [CeremonyFiles]> {
    let places: BTreeMap<&str, usize> =
        judged.iter().enumerate().map(|(place, file)| (file.directory.as_str(), place)).collect();
    let mut files = Cow::Borrowed(judged);
    for other in others.flatten() {
        let Some(place) = places.get(other.directory.as_str()) else { continue };
        let lacks = |file: &CeremonyFiles| {
            [
                missing(&file.attestations, &other.attestations),
                missing(&file.approvals, &other.approvals),
                missing(&file.drills, &other.drills),
            ]
        };
        let Some([attestations, approvals, drills]) = files.get(*place).map(lacks) else { continue };
        if attestations.is_empty() && approvals.is_empty() && drills.is_empty() {
            continue;
        }
        if let Some(file) = files.to_mut().get_mut(*place) {
            file.attestations.extend(attestations);
            file.approvals.extend(approvals);
            file.drills.extend(drills);
        }
    }
    files
}

/// Of the statements of a copy, those whose bytes are not among ours.
fn missing(ours: &[(String, Vec<u8>)], theirs: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut known: BTreeSet<&[u8]> = ours.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    theirs.iter().filter(|(_, bytes)| known.insert(bytes)).cloned().collect()
}
