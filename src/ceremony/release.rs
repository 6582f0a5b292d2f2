//! A custodian hands over their shares: in a release, once this machine has verified that the whole requirement is met by
//! approvals; at a genesis in the confirmation that is their approval, too.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Code, Error,
    handed::Handed,
    matter::{Matter, own_clock},
    opening, sign,
};
use crate::{
    approval::{
        quorum::Voices,
        release::{Basis, Confirmation, ConfirmationFile, Release, ReleaseFile, drills_digest},
        statement::{Approval, Signed},
    },
    encoding::{digest::Digest, dsse::Envelope, strict::Base64, text::Name},
    memory::LockedBytes,
    ports::{
        card::{CardDescription, UnlockedCard},
        clock::Clock,
        store::Inbox,
    },
    roster::{Standing, requirement::Shares},
    sealing::release,
    transcript::{ledger::Ceremony, released::check_release},
};

/// What a release rests on, verified on this machine.
#[derive(Clone, Debug)]
pub struct Grounds {
    /// One approval of each person who approves and has not rejected.
    approvals: BTreeMap<Name, Signed<Approval>>,
    /// Whether the custodian's own is yet to be signed, with the same presentation of their card.
    pub signs_approval: bool,
}

/// Refuses a release where nothing is released, or not in a step of its own.
fn check_shares(ceremony: &Ceremony) -> Result<(), Error> {
    match ceremony.shares {
        Shares::Released => Ok(()),
        Shares::Confirmed => Err(Error::refused(
            format!("ceremony {} is a genesis: shares are released with the approval", ceremony.number()),
            "'quorate approve' does both in one step",
        )),
        Shares::None => Err(Error::refused(
            format!(
                "ceremony {} ({}) opens no share: nothing is released",
                ceremony.number(),
                ceremony.kind()
            ),
            "with a quorum of approvals, 'quorate execute'",
        )),
    }
}

/// Gathers the approvals in the ledger and in the files that were brought, and verifies that they meet the whole requirement, with
/// the custodian's own among them; that one may be yet to be signed.
pub fn grounds(matter: &Matter<'_>, brought: &mut dyn Inbox) -> Result<Grounds, Error> {
    let (ceremony, who) = (matter.ceremony, &matter.custodian.name);
    check_shares(ceremony)?;
    let mut approvals: Vec<Signed<Approval>> =
        ceremony.approvals.iter().chain(ceremony.approvals_beside()).cloned().collect();
    let mut rejected = ceremony.rejecting();
    for (file, content) in brought.files() {
        let bytes = content.map_err(|error| unusable(&file, error.reason))?;
        match Handed::read(ceremony, matter.state.mode, &bytes) {
            Ok(Handed::Approval(signed)) => approvals.push(signed),
            Ok(Handed::Release(release)) => approvals.extend(release.approvals),
            Ok(Handed::Rejection(signed)) => drop(rejected.insert(signed.into_statement().person)),
            Ok(Handed::Confirmation(_)) => {}
            Err(unfit) => return Err(unusable(&file, unfit.into_reason())),
        }
    }
    let mut first = BTreeMap::new();
    for approval in approvals.into_iter().filter(|a| !rejected.contains(&a.statement().person)) {
        first.entry(approval.statement().person.clone()).or_insert(approval);
    }
    let signs_approval = !first.contains_key(who);
    let approved: BTreeSet<Name> = first.keys().chain([who]).cloned().collect();
    let voices = Voices { approved, rejected, ..Voices::default() };
    let tally = voices.approvals(&ceremony.requirement());
    if !tally.is_quorum() {
        return Err(too_few(ceremony, &tally.describe(), &voices, signs_approval.then_some(who)));
    }
    Ok(Grounds { approvals: first, signs_approval })
}

fn unusable(file: &str, reason: String) -> Error {
    Error::problem(
        format!("{}: {reason}", crate::encoding::text::printable(file)),
        "bring the approvals of the open proposal, then run 'quorate release' again with all of them",
    )
    .coded(Code::File)
}

fn too_few(ceremony: &Ceremony, tally: &str, voices: &Voices, unsigned: Option<&Name>) -> Error {
    let names = |names: BTreeSet<Name>| names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ");
    let approving = voices.approving();
    let heard = |name: &&Name| !approving.contains(*name) && !voices.rejected.contains(*name);
    let missing = ceremony.requirement().people().filter(heard).cloned().collect();
    let mut details = vec![format!("approved: {}", names(approving))];
    if let Some(who) = unsigned {
        details = vec![format!("approved, with {who} who would approve now: {}", names(voices.approving()))];
    }
    if !voices.rejected.is_empty() {
        details.push(format!("rejected: {}", names(voices.rejected.clone())));
    }
    details.push(format!("not heard of: {}", names(missing)));
    Error::incomplete(
        format!("too few approvals yet, and no share leaves its card before: {tally}"),
        "get a ledger that has the missing approvals, or bring their files: 'quorate release LEDGER FILES'",
    )
    .with(details)
}

/// What a custodian signed with their shares.
pub struct SignedRelease {
    /// Their approval, where it was signed just now.
    pub approval: Option<Envelope>,
    pub file: ReleaseFile,
}

/// Opens the custodian's shares on their card, checks each against the roster, seals them to the station and signs the release;
/// before that the approval, where it is yet to be signed.
pub(super) fn release(
    matter: &Matter<'_>,
    grounds: &Grounds,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<SignedRelease, Error> {
    let ceremony = matter.ceremony;
    let (roster, mode) = (&ceremony.roster, matter.state.mode);
    let who = &matter.custodian.name;
    // The shares before the signatures: a share that is not valid leaves no statement behind.
    let sealed = seal(matter, description, card)?;
    let mut approvals: Vec<Signed<Approval>> = grounds.approvals.values().cloned().collect();
    let mut approval = None;
    if grounds.signs_approval {
        let said = Approval {
            proposal: ceremony.digest,
            roster: roster.digest(),
            person: who.clone(),
            time: own_clock(clock, matter.state, ceremony)?,
        };
        let envelope = sign::statement(card, &description.signing_key, mode, &said)?;
        approval = Some(envelope.clone());
        approvals.push(Signed::verify(envelope, mode, roster).map_err(|error| unsound(&error.to_string()))?);
    }
    approvals.sort_by_key(Signed::digest);
    let basis = Basis {
        authorities: ceremony.requirement().released().map(|authority| authority.name.clone()).collect(),
        approvals: approvals.iter().map(Signed::digest).collect(),
    };
    let said = Release {
        proposal: ceremony.digest,
        roster: roster.digest(),
        dealing: ceremony.dealing(),
        custodian: who.clone(),
        card: description.signing_key.keyid(),
        basis: basis.digest(),
        file: Digest::of(&sealed),
        // Read again: this is the time that the custodian states, and reading and touching took a while.
        time: own_clock(clock, matter.state, ceremony)?,
    };
    let statement = sign::statement(card, &description.signing_key, mode, &said)?;
    // A statement that readers would reject is not written.
    let signed = Signed::verify(statement, mode, roster).map_err(|error| unsound(&error.to_string()))?;
    check_release(ceremony, &approvals, &signed, &basis).map_err(|finding| {
        Error::refused(
            finding.message,
            "compare the clocks of those who approved, then run 'quorate release' again",
        )
    })?;
    let file = ReleaseFile {
        statement: signed.envelope().clone(),
        basis,
        approvals: approvals.iter().map(|approval| approval.envelope().clone()).collect(),
        sealed: Base64(sealed),
    };
    Ok(SignedRelease { approval, file })
}

fn unsound(reason: &str) -> Error {
    Error::problem(format!("what the card signed does not verify: {reason}"), "use another card")
}

/// Opens the custodian's new shares on their card, checks each, seals them to the station and signs the confirmation; an
/// approver only signs.
pub(super) fn confirm(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<ConfirmationFile, Error> {
    let ceremony = matter.ceremony;
    let sealed = match matter.custodian.standing {
        Standing::Custodian => Some(seal(matter, description, card)?),
        _ => None,
    };
    let drills = Vec::new();
    let said = Confirmation {
        proposal: ceremony.digest,
        roster: ceremony.roster.digest(),
        dealing: ceremony.dealing(),
        person: matter.custodian.name.clone(),
        cards: drills_digest(&drills),
        file: sealed.as_deref().map(Digest::of),
        time: own_clock(clock, matter.state, ceremony)?,
    };
    let statement = sign::statement(card, &description.signing_key, matter.state.mode, &said)?;
    Ok(ConfirmationFile { statement, drills, sealed: sealed.map(Base64) })
}

/// The shares that the operation requires, opened, checked and sealed to the station of this one proposal.
fn seal(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
) -> Result<Vec<u8>, Error> {
    let ceremony = matter.ceremony;
    let who = &matter.custodian.name;
    let keyid = description.signing_key.keyid();
    let mut documents: Vec<LockedBytes> = Vec::new();
    for authority in ceremony.requirement().released() {
        let share = opening::open_share(&ceremony.roster, &authority.name, who, keyid, card)?;
        documents.extend(share.to_document(&ceremony.roster)?);
    }
    let station = &ceremony.proposal.station.keys;
    Ok(release::seal(ceremony.digest, who, &documents, &station.recipient)?)
}
