//! What a release and a confirmation must prove, besides their signatures.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    ceremonies::{Ceremony, RecordedConfirmation},
    context::Context,
    drilled,
    finding::Finding,
    times,
};
use crate::{
    approval::{
        drill::Drill,
        quorum::Voices,
        release::{Basis, Confirmation, Release, drills_digest},
        statement::{Approval, Signed},
    },
    encoding::{digest::Digest, dsse::Envelope, text::Name},
    roster::requirement::Shares,
};

fn fail<T>(code: &'static str, message: impl Into<String>) -> Result<T, Finding> {
    Err(Finding::error(code, message))
}

/// Refuses a line that the ceremony's shares have no use for: who approves and releases in two steps does not confirm.
pub(super) fn check_kind(ceremony: &Ceremony, line: &str, needs: &[Shares]) -> Result<(), Finding> {
    if needs.contains(&ceremony.shares) {
        return Ok(());
    }
    let why = match ceremony.shares {
        Shares::Confirmed => "each custodian confirms it",
        Shares::Released => "its shares are released once a quorum has approved",
        Shares::None => "it opens no share",
    };
    fail("line-kind", format!("{line} does not belong to this ceremony: {why}"))
}

/// Whether a release is of this ceremony and rests on a quorum of the approvals `above` it. The rejections above it are those
/// on record.
pub fn check_release(
    ceremony: &Ceremony,
    above: &[Signed<Approval>],
    signed: &Signed<Release>,
    basis: &Basis,
) -> Result<(), Finding> {
    let release = signed.statement();
    let who = &release.custodian;
    check_subject(ceremony, who, "released shares", (release.proposal, release.roster, release.dealing))?;
    if release.card != signed.card() {
        return fail(
            "release-card",
            format!("{who} signed with another card than the one that opened the shares"),
        );
    }
    if release.basis != basis.digest() {
        return fail("release-basis", format!("what {who}'s release rests on is not what {who} signed"));
    }
    if !ceremony.requirement().released().map(|authority| &authority.name).eq(&basis.authorities) {
        return fail(
            "release-authorities",
            format!("{who} released shares of other authorities than the operation requires"),
        );
    }
    check_list(ceremony, above, release, basis)?;
    times::check(ceremony, who, release.time, times::Deed::Release)
}

/// What it is of.
fn check_subject(
    ceremony: &Ceremony,
    who: &Name,
    did: &str,
    (proposal, roster, dealing): (Digest, Digest, Digest),
) -> Result<(), Finding> {
    if proposal != ceremony.digest {
        return fail("other-proposal", format!("{who} {did} for another proposal"));
    }
    if roster != ceremony.roster.digest() {
        return fail("other-roster", format!("{who} verified another roster"));
    }
    if dealing != ceremony.dealing() {
        return fail("other-dealing", format!("{who} {did} of another dealing"));
    }
    Ok(())
}

/// The approvals that a release lists: sorted, each above it, by people who had not rejected, its giver among them, and enough.
fn check_list(
    ceremony: &Ceremony,
    above: &[Signed<Approval>],
    release: &Release,
    basis: &Basis,
) -> Result<(), Finding> {
    let who = &release.custodian;
    if !basis.approvals.is_sorted_by(|one, next| one < next) {
        let message =
            format!("the approvals that {who}'s release lists are not sorted, or one is listed twice");
        return fail("release-list", message);
    }
    let rejected: BTreeSet<Name> = ceremony.rejections.iter().map(|r| r.statement().person.clone()).collect();
    let above: BTreeMap<Digest, &Signed<Approval>> =
        above.iter().map(|approval| (approval.digest(), approval)).collect();
    let mut listed = BTreeSet::new();
    for digest in &basis.approvals {
        let Some(approval) = above.get(digest) else {
            let message =
                format!("{who}'s release rests on an approval that is not above it ({})", digest.short());
            return fail("release-unknown", message);
        };
        let said = approval.statement();
        if rejected.contains(&said.person) {
            let message =
                format!("{who}'s release rests on the approval of {}, who had rejected", said.person);
            return fail("release-rejected", message);
        }
        if release.time.plus(times::TOLERANCE) < said.time {
            let message = format!("{who} released more than an hour before {} approved", said.person);
            return fail("release-early", message);
        }
        listed.insert(said.person.clone());
    }
    if !listed.contains(who) {
        return fail("release-unapproved", format!("{who} released shares without an approval of their own"));
    }
    let voices = Voices { approved: listed, ..Voices::default() };
    let tally = voices.approvals(&ceremony.requirement());
    if tally.is_quorum() {
        return Ok(());
    }
    fail(
        "release-quorum",
        format!("{who} released shares without a quorum of approvals: {}", tally.describe()),
    )
}

/// Whether a confirmation is of this ceremony, with its own release, and each drill of another card of the same person.
pub fn check_confirmation(
    ceremony: &Ceremony,
    signed: Signed<Confirmation>,
    drills: &[Envelope],
    context: &Context<'_>,
) -> Result<RecordedConfirmation, Finding> {
    let said = signed.statement();
    let who = &said.person;
    check_subject(ceremony, who, "confirmed shares", (said.proposal, said.roster, said.dealing))?;
    match (ceremony.roster.custodian(who), said.file) {
        (Some(_), None) => {
            return fail("confirmation-file", format!("{who} confirmed without handing over their shares"));
        }
        (None, Some(_)) => {
            return fail("confirmation-file", format!("{who} holds no share, and hands one over"));
        }
        _ => {}
    }
    if said.cards != drills_digest(drills) {
        return fail(
            "confirmation-cards",
            format!("the drills of {who}'s other cards are not those that {who} signed"),
        );
    }
    times::check(ceremony, who, said.time, times::Deed::Approval)?;
    let mut cards = vec![signed.card()];
    let mut checked = Vec::new();
    for drill in drills {
        let drill = check_drill(ceremony, who, drill, context).map_err(|reason| {
            Finding::error("confirmation-drill", format!("a drill with {who}'s confirmation: {reason}"))
        })?;
        if cards.contains(&drill.card()) {
            return fail("confirmation-drill", format!("{who} confirmed with one card twice"));
        }
        cards.push(drill.card());
        checked.push(drill);
    }
    Ok(RecordedConfirmation { signed, drills: checked })
}

/// A drill of a new share. No head is there yet: the proposal's digest stands for it.
fn check_drill(
    ceremony: &Ceremony,
    who: &Name,
    envelope: &Envelope,
    context: &Context<'_>,
) -> Result<Signed<Drill>, String> {
    let roster = &ceremony.roster;
    let signed = context.statement::<Drill>(envelope.clone(), roster).map_err(|error| error.to_string())?;
    let said = signed.statement();
    let serial = roster.holder(signed.card()).map(|(_, card)| &card.enrolment().serial);
    let is_of_this = said.ledger == ceremony.proposal.ledger
        && (said.ceremony, said.head) == (ceremony.number(), ceremony.digest)
        && (said.epoch, said.dealing) == (roster.deal().epoch, ceremony.dealing());
    if !is_of_this {
        return Err("it is of another dealing or proposal".into());
    }
    let person = roster.person(who).filter(|person| said.person == person.name);
    let person = person.ok_or_else(|| format!("it is by {}", said.person))?;
    if serial != Some(&said.serial) || usize::from(said.opened) != drilled::tried(roster, person).len() {
        return Err("it names another card, or other shares".into());
    }
    times::check(ceremony, who, said.time, times::Deed::Approval).map_err(|finding| finding.message)?;
    Ok(signed)
}
