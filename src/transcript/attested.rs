//! Attestations of a head: beside the transcript, so that they do not move it. A bad one does not break it.

use std::collections::BTreeSet;

use super::{
    ceremonies::{HeadStatement, OtherHead},
    context::Context,
    finding::{Finding, Severity},
    ledger::{Ceremony, CeremonyFiles, End, LedgerState},
};
use crate::{
    approval::{
        release::{Confirmation, Release},
        statement::{Approval, Attestation, Rejection, Signed},
    },
    encoding::{
        bounds,
        dsse::Envelope,
        text::{self, Name},
    },
};

/// Which attestations back the outcome of a ceremony, so that it is more than its station's word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attesting {
    /// How many custodians must attest.
    pub needed: usize,
    /// How many did, without disagreeing.
    pub have: usize,
    /// Those who acted and have not attested: the custodians whose shares were used, and the administrator.
    pub missing: Vec<Name>,
}

impl Ceremony {
    /// The attestations of its outcome; none if it has not closed, or nothing was tried.
    pub fn attesting(&self) -> Option<Attesting> {
        let (Some(End::Closed), Some((intended, _))) = (&self.end, &self.intended) else { return None };
        let said = || self.attestations.iter().map(Signed::statement);
        let disagreeing: BTreeSet<&Name> = said().filter(|a| !a.agrees).map(|a| &a.person).collect();
        let agreeing: BTreeSet<&Name> = said()
            .filter(|a| !disagreeing.contains(&a.person))
            .map(|a| &a.person)
            .filter(|person| self.roster.custodian(person).is_some())
            .collect();
        let acted = intended.quorum.iter().chain([&self.proposal.proposer]);
        Some(Attesting {
            needed: self.requirement().attesting().unwrap_or(usize::MAX),
            have: agreeing.len(),
            missing: acted.filter(|name| said().all(|a| a.person != **name)).cloned().collect(),
        })
    }
}

impl LedgerState {
    /// Objections by members who signed a head that this ledger does not have. An honest member signs that of a ceremony
    /// that has ended, to which nothing is added; that one only lies in the wrong place.
    pub fn other_heads(&self) -> impl Iterator<Item = Finding> {
        let all = self.ceremonies.iter().flat_map(|c| c.other_heads.iter().map(move |other| (c, other)));
        all.filter_map(|(beside, other)| {
            let OtherHead { said_by, person, ceremony: number, head } = other;
            let told = match self.ceremonies.number(*number) {
                Some(there) if there.end.is_some() && there.last_line == *head => return None,
                Some(_) => format!("another head of ceremony {number} than this ledger has"),
                None => format!("the head of ceremony {number}, which this ledger does not have"),
            };
            let message = format!(
                "{person} signed {told}: lines were cut off, this is an old copy, or it was written anew"
            );
            let finding = match said_by {
                HeadStatement::Attestation => {
                    Finding::new(Severity::Objection, "attestation-other-head", message)
                }
                HeadStatement::Drill => Finding::new(Severity::Objection, "drill-other-head", message),
            };
            Some(finding.of(&beside.directory))
        })
    }
}

/// Adds the valid ones to the ceremony and reports the others.
pub(super) fn read(files: &CeremonyFiles, ceremony: &mut Ceremony, context: &Context<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut seen: BTreeSet<(Name, bool)> = BTreeSet::new();
    for (name, bytes) in &files.attestations {
        match attestation(bytes, ceremony, context) {
            Ok(signed) => {
                let said = signed.statement();
                if seen.insert((said.person.clone(), said.agrees)) {
                    ceremony.attestations.push(signed);
                }
            }
            Err(reason) => {
                let message = format!("{name}: {reason}");
                let finding = Finding::new(Severity::Warning, "attestation-bad", text::printable(&message));
                findings.push(finding.of(&ceremony.directory));
            }
        }
    }
    decisions_beside(files, ceremony, context, &mut findings);
    findings
}

/// A rejection beside the transcript counts although the station did not record it: at the next execution if the
/// ceremony is open, and as a finding if it has acted. What else people decided is kept while it is open, for those who go on;
/// a release also once it has ended, since its shares are known to somebody.
fn decisions_beside(
    files: &CeremonyFiles,
    ceremony: &mut Ceremony,
    context: &Context<'_>,
    findings: &mut Vec<Finding>,
) {
    let is_open = ceremony.end.is_none();
    for (name, bytes) in &files.approvals {
        let Some(envelope) = Envelope::parse(bytes.strip_suffix(b"\n").unwrap_or(bytes)).ok() else {
            let message = format!("approvals/{name}: it is not an approval or a rejection");
            ceremony.unread.push(text::printable(&message));
            continue;
        };
        if let Ok(signed) = context.statement::<Rejection>(envelope.clone(), &ceremony.roster) {
            rejection_beside(signed, ceremony, findings);
        } else if let Ok(signed) = context.statement::<Release>(envelope.clone(), &ceremony.roster) {
            release_beside(signed, ceremony);
        } else if is_open && let Ok(signed) = context.statement(envelope.clone(), &ceremony.roster) {
            approval_beside(signed, ceremony);
        } else if is_open && let Ok(signed) = context.statement(envelope, &ceremony.roster) {
            confirmation_beside(signed, ceremony);
        }
    }
}

fn approval_beside(signed: Signed<Approval>, ceremony: &mut Ceremony) {
    let mut known = ceremony.approvals.iter().chain(&ceremony.unrecorded_approvals);
    let of_one = known.clone().filter(|a| a.statement().person == signed.statement().person).count();
    let is_new = known.all(|known| known.digest() != signed.digest()) && of_one < bounds::APPROVALS_OF_ONE;
    let is_recorded = |known: &Signed<Approval>| known.statement().person == signed.statement().person;
    let is_new = is_new && !ceremony.approvals.iter().any(is_recorded);
    if is_new && signed.statement().proposal == ceremony.digest {
        ceremony.unrecorded_approvals.push(signed);
    }
}

fn confirmation_beside(signed: Signed<Confirmation>, ceremony: &mut Ceremony) {
    let said = signed.statement();
    let mut known =
        ceremony.confirmations.iter().map(|c| &c.signed).chain(&ceremony.unrecorded_confirmations);
    if said.proposal == ceremony.digest && known.all(|c| c.statement().person != said.person) {
        ceremony.unrecorded_confirmations.push(signed);
    }
}

fn release_beside(signed: Signed<Release>, ceremony: &mut Ceremony) {
    let said = signed.statement();
    let mut known = ceremony.releases.iter().map(|r| &r.signed).chain(&ceremony.unrecorded_releases);
    if said.proposal == ceremony.digest && known.all(|r| r.statement().custodian != said.custodian) {
        ceremony.unrecorded_releases.push(signed);
    }
}

fn rejection_beside(signed: Signed<Rejection>, ceremony: &mut Ceremony, findings: &mut Vec<Finding>) {
    let said = signed.statement();
    let mut known = ceremony.rejections.iter().chain(&ceremony.unrecorded);
    let counts = said.proposal == ceremony.digest && ceremony.requirement().takes(&said.person);
    if !counts || known.any(|r| r.statement().person == said.person) {
        return;
    }
    if ceremony.intended.is_some() {
        let message =
            format!("{} rejected it ({}), and that is not in the transcript", said.person, said.reason);
        let finding = Finding::new(Severity::Objection, "rejection-unrecorded", message);
        findings.push(finding.of(&ceremony.directory));
    }
    ceremony.unrecorded.push(signed);
}

impl LedgerState {
    /// Shares that were released for ceremonies that ended without acting: whoever kept them needs that many fewer.
    pub fn outstanding(&self) -> Vec<Finding> {
        let of = |ceremony: &Ceremony| {
            let people = ceremony.outstanding();
            let names = people.iter().map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
            let message = match people.len() {
                0 => return None,
                1 => format!("1 custodian ({names}) released shares for it, and it ended without acting"),
                many => {
                    format!("{many} custodians ({names}) released shares for it, and it ended without acting")
                }
            };
            let finding = Finding::new(Severity::Warning, "releases-outstanding", message);
            Some(finding.of(&ceremony.directory))
        };
        self.ceremonies.iter().filter_map(of).collect()
    }

    /// What lies among the statements of a ceremony and is not read as one: it could be an objection.
    pub fn unread(&self) -> Vec<Finding> {
        let of = |ceremony: &Ceremony| {
            let directory = ceremony.directory.clone();
            let found = move |unread: &String| {
                Finding::new(Severity::Warning, "statement-unread", unread.clone()).of(&directory)
            };
            ceremony.unread.iter().map(found).collect::<Vec<_>>()
        };
        self.ceremonies.iter().flat_map(of).collect()
    }
}

fn attestation(
    bytes: &[u8],
    ceremony: &mut Ceremony,
    context: &Context<'_>,
) -> Result<Signed<Attestation>, String> {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    let envelope = Envelope::parse(bytes).map_err(|e| e.to_string())?;
    let signed = context.statement::<Attestation>(envelope, &ceremony.roster).map_err(|e| e.to_string())?;
    let said = signed.statement();
    if said.ledger != ceremony.proposal.ledger {
        return Err("it was made in another ledger".into());
    }
    if (said.ceremony, said.head) != (ceremony.number(), ceremony.last_line) {
        let person = said.person.clone();
        let (said_by, number, head) = (HeadStatement::Attestation, said.ceremony, said.head);
        ceremony.other_heads.push(OtherHead { said_by, person, ceremony: number, head });
        return Err("it attests another head".into());
    }
    Ok(signed)
}
