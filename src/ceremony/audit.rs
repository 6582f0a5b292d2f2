//! The audit: public data only; no card, no HSM, no secret.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

use super::Error;
use crate::{
    account::{
        ceremony::CeremonyBrief,
        verdict::{Audited, Verdict},
    },
    encoding::{digest::Digest, dsse::Mode},
    ports::{
        clock::Clock,
        store::{StoreError, StoredFiles},
    },
    transcript::{
        finding::{Finding, Severity},
        foreign::Foreign,
        known::Known,
        ledger::{self, CeremonyFiles, LedgerFiles, LedgerState},
        verification::{self, CopiesCompared, Pins},
    },
};

/// An audited ledger.
#[derive(Debug)]
pub struct Audit {
    pub verdict: Verdict,
    /// Why it is that verdict, in one sentence; none if it is verified.
    pub reason: Option<String>,
    /// What was found, worst first.
    pub findings: Vec<Finding>,
    /// The state, as far as it could be followed.
    pub state: Option<LedgerState>,
}

impl Audit {
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

/// A copy of a ledger with its name.
type NamedCopy<'a> = (&'a str, &'a StoredFiles);

/// Audits one ledger, given as one or more copies with their names. The longest copy is the one that is judged. No more than
/// one ceremony of each copy is in memory, besides what it adds to the state.
///
/// Ledgers of several quorums are refused, unless the pin of the genesis tells which one is meant; what each is by itself is
/// said, so that naming another ledger makes none look better. Nor does what is left out.
pub fn audit(
    copies: &[(String, Box<StoredFiles>)],
    mode: Mode,
    pins: Pins,
    clock: &dyn Clock,
) -> Result<Audit, Error> {
    let mut ledgers = Vec::new();
    let mut left_out = Vec::new();
    for (name, files) in copies {
        match Foreign::of(ledger::first(&**files)?.as_deref(), mode) {
            None => ledgers.push((name.as_str(), &**files)),
            Some(foreign) => {
                let mut finding = foreign.finding(mode);
                finding.message = format!("{name}: {}", finding.message);
                left_out.push((Verdict::NotALedger, finding));
            }
        }
    }
    let copies = one_quorum(ledgers, mode, pins.genesis, clock, &mut left_out)?;
    audit_one(&copies, mode, pins, clock, left_out)
}

/// Audits copies that begin with one genesis, as far as they can be followed. `left_out`: what else was named, and what the verdict is
/// for that where nothing worse is found.
fn audit_one(
    copies: &[NamedCopy<'_>],
    mode: Mode,
    pins: Pins,
    clock: &dyn Clock,
    left_out: Vec<(Verdict, Finding)>,
) -> Result<Audit, Error> {
    let CopiesCompared { mut findings, sizes } = verification::compare_copies(copies)?;
    let length = |(place, (_, files)): &(usize, &NamedCopy<'_>)| {
        (files.directories().len(), sizes.get(*place).copied())
    };
    // Of several equally long copies, the one that was named first.
    let longest = copies.iter().enumerate().rev().max_by_key(length);
    let Some((judged, (_, files))) = longest else {
        let reason = left_out.first().map(|(_, finding)| finding.message.clone());
        let findings = left_out.into_iter().map(|(_, finding)| finding).collect();
        return Ok(Audit { verdict: Verdict::NotALedger, reason, findings, state: None });
    };
    let others = || copies.iter().enumerate().filter(|(place, _)| *place != judged).map(|(_, other)| other);
    let whole = WithStatements::of(*files, others().map(|(_, other)| *other));
    // A copy of the same bytes is compared, and not verified again.
    let mut known = Known::default();
    let verified = known.verify(&whole, mode)?;
    let whole = verified.findings.iter().all(|f| f.severity != Severity::Error);
    findings.extend(verified.findings);
    for (name, other) in others() {
        let broken = known.verify(*other, mode)?.findings;
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
    let (verdict, reason) = judge(&findings, &paper, &left_out, verified.state.as_ref());
    findings.extend(paper);
    findings.extend(left_out.into_iter().map(|(_, finding)| finding));
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
    Ok(Audit { verdict, reason, findings, state: verified.state })
}

/// The copies that begin with one genesis: with that on the auditor's paper where they begin with several. A copy of which not
/// even the genesis can be followed may be of any quorum: it stays, and is broken.
fn one_quorum<'a>(
    copies: Vec<NamedCopy<'a>>,
    mode: Mode,
    pin: Option<Digest>,
    clock: &dyn Clock,
    left_out: &mut Vec<(Verdict, Finding)>,
) -> Result<Vec<NamedCopy<'a>>, Error> {
    let mut quorums: BTreeMap<Option<Digest>, Vec<NamedCopy<'a>>> = BTreeMap::new();
    let mut begin = Vec::new();
    for &(_, files) in copies.iter().filter(|_| copies.len() > 1) {
        let first = ledger::first(files)?;
        let state = first.and_then(|first| verification::verify(&[first.into_owned()], mode).state);
        begin.push(state.map(|state| state.genesis));
    }
    for (genesis, copy) in begin.iter().zip(&copies) {
        quorums.entry(*genesis).or_default().push(*copy);
    }
    if quorums.keys().flatten().count() < 2 {
        return Ok(copies);
    }
    let Some(pin) = pin.filter(|pin| quorums.contains_key(&Some(*pin))) else {
        return Err(several_quorums(&quorums, mode, clock)?);
    };
    let mut ours = Vec::new();
    for ((name, files), genesis) in copies.into_iter().zip(begin) {
        match genesis.filter(|genesis| *genesis != pin) {
            None => ours.push((name, files)),
            Some(other) => left_out.push((
                Verdict::NotYourPaper,
                Finding::error(
                    "genesis-mismatch",
                    format!(
                        "{name} begins with another genesis than the one that you gave, {other}: it is the ledger of another quorum, or forged, and \
                         was left out"
                    ),
                ),
            )),
        }
    }
    Ok(ours)
}

/// Why ledgers of several quorums are not audited together, with what each is by itself: refused where one is not to be believed.
fn several_quorums(
    quorums: &BTreeMap<Option<Digest>, Vec<NamedCopy<'_>>>,
    mode: Mode,
    clock: &dyn Clock,
) -> Result<Error, Error> {
    let mut refuse = false;
    let mut lines = Vec::new();
    for (genesis, copies) in quorums {
        let audit = audit_one(copies, mode, Pins::default(), clock, Vec::new())?;
        let reason = audit.reason.unwrap_or_default();
        let what = match audit.verdict {
            Verdict::Broken => format!("BROKEN: {reason}"),
            Verdict::Contradicted => format!("CONTRADICTED: {reason}"),
            _ => "every line of it checks out".to_owned(),
        };
        refuse |= matches!(audit.verdict, Verdict::Broken | Verdict::Contradicted);
        lines.extend(copies.iter().map(|(name, _)| match genesis {
            Some(genesis) => format!("{name} begins with {genesis}; {what}"),
            None => format!("{name}: its genesis cannot be followed; {what}"),
        }));
    }
    let error = if refuse { Error::refused } else { Error::usage };
    Ok(error(
        "these are not copies of one ledger: they begin with different geneses, so that they are of several quorums, or all but one are forged".to_owned(),
        "audit the copies of one quorum at a time, with its genesis fingerprint from paper (--genesis)".to_owned(),
    )
    .with(lines))
}

/// The verdict with its reason: the worst first. `paper` is what was found about the auditor's own numbers.
fn judge(
    findings: &[Finding],
    paper: &[Finding],
    left_out: &[(Verdict, Finding)],
    state: Option<&LedgerState>,
) -> (Verdict, Option<String>) {
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
    if let Some((verdict, _)) = left_out.first() {
        let reasons: Vec<&str> = left_out.iter().map(|(_, finding)| finding.message.as_str()).collect();
        return (*verdict, Some(reasons.join("; ")));
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

/// A copy with the signed statements of all copies: each counts whichever copy it is in, and removing it from one hides nothing.
struct WithStatements<'a> {
    judged: &'a StoredFiles,
    /// The other copies, with the places of their directories.
    others: Vec<(&'a StoredFiles, BTreeMap<&'a str, usize>)>,
}

impl<'a> WithStatements<'a> {
    fn of(judged: &'a StoredFiles, others: impl Iterator<Item = &'a StoredFiles>) -> Self {
        let places = |files: &'a StoredFiles| files.directories().into_iter().zip(0..).collect();
        Self { judged, others: others.map(|other| (other, places(other))).collect() }
    }
}

impl LedgerFiles for WithStatements<'_> {
    type Error = StoreError;

    fn directories(&self) -> Vec<&str> {
        self.judged.directories()
    }

    fn ceremony(&self, place: usize) -> Result<Cow<'_, CeremonyFiles>, StoreError> {
        let mut ours = self.judged.ceremony(place)?;
        for (other, places) in &self.others {
            let Some(place) = places.get(ours.directory.as_str()) else { continue };
            let theirs = other.ceremony(*place)?;
            let file = ours.to_mut();
            file.attestations.extend(missing(&file.attestations, &theirs.attestations));
            file.approvals.extend(missing(&file.approvals, &theirs.approvals));
            file.drills.extend(missing(&file.drills, &theirs.drills));
        }
        Ok(ours)
    }
}

/// Of the statements of a copy, those whose bytes are not among ours.
fn missing(ours: &[(String, Vec<u8>)], theirs: &[(String, Vec<u8>)]) -> Vec<(String, Vec<u8>)> {
    let mut known: BTreeSet<&[u8]> = ours.iter().map(|(_, bytes)| bytes.as_slice()).collect();
    theirs.iter().filter(|(_, bytes)| known.insert(bytes)).cloned().collect()
}
