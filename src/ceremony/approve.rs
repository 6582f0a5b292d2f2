//! A custodian's decision: they verify, are briefed, and open their shares and release them to the station, or reject.

use super::{Code, Error, World, check_clock, collect::kept_name, opening, recognition, sign};
use crate::{
    approval::statement::{Approval, ApprovalFile, Rejection},
    encoding::{
        digest::Digest,
        strict::Base64,
        text::{Name, Remark},
        time::Timestamp,
    },
    memory::LockedBytes,
    ports::{
        card::{CardDescription, UnlockedCard, Uses},
        clock::Clock,
        store::{Beside, CustodianMemory, Decision, RememberedDecision, StationStore},
    },
    proposal::disputed_times::DisputedTimes,
    roster::{Person, Standing},
    sealing::release,
    transcript::{
        ledger::{Ceremony, LedgerState},
        verification::Pins,
    },
};

/// How a custodian knows that the ledger they are shown is the one they know, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuity {
    /// This is the genesis, or it has not ended yet: its fingerprint is compared in person.
    Genesis,
    /// It contains the proposals that they remember on this machine.
    Remembered {
        proposals: usize,
    },
    /// The head of its last ceremony that ended is the one that they brought on paper.
    Head(Digest),
    /// No ceremony of it has ended, and its genesis is the one that they brought on paper. This does not prove that the
    /// ledger was not cut back to its genesis.
    Origin(Digest),
    Unknown,
}

/// A custodian's answer to a proposal.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Yes, which releases their shares to the station.
    Approve,
    Reject(Remark),
}

impl Answer {
    pub const fn decision(&self) -> Decision {
        match self {
            Self::Approve => Decision::Approval,
            Self::Reject(_) => Decision::Rejection,
        }
    }

    /// How often the decision uses the card: once for each share that is released, once to sign.
    pub fn uses(&self, matter: &Matter<'_>) -> Uses {
        match self {
            Self::Approve => {
                let opens = u32::try_from(matter.ceremony.requirement().parts().len()).unwrap_or(u32::MAX);
                Uses { signs: 1, opens }
            }
            Self::Reject(_) => Uses::SIGNATURE,
        }
    }

    /// Has the card sign the decision, and for an approval release the shares. Nothing is written here.
    pub fn sign(
        &self,
        matter: &Matter<'_>,
        description: &CardDescription,
        card: &mut dyn UnlockedCard,
        clock: &dyn Clock,
    ) -> Result<ApprovalFile, Error> {
        match self {
            Self::Approve => approve(matter, description, card, clock),
            Self::Reject(reason) => reject(matter, description, card, reason.clone(), clock),
        }
    }
}

/// What a custodian is asked to decide, after everything public was verified.
pub struct Matter<'s> {
    pub state: &'s LedgerState,
    /// The open ceremony.
    pub ceremony: &'s Ceremony,
    pub custodian: &'s Person,
    /// How the ledger is known to be whole.
    pub continuity: Continuity,
}

impl Matter<'_> {
    /// What this machine remembers of the custodian's decision on it.
    pub fn decided(&self, decision: Decision) -> RememberedDecision {
        RememberedDecision { ceremony: self.ceremony.number(), proposal: self.ceremony.digest, decision }
    }
}

/// Verifies that this card may make this decision on the open ceremony, and that the ledger extends what its holder
/// knows. `paper` is what they brought from outside.
pub fn matter<'s>(
    state: &'s LedgerState,
    memory: &dyn CustodianMemory,
    card: &CardDescription,
    decision: Decision,
    paper: Pins,
    clock: &dyn Clock,
) -> Result<Matter<'s>, Error> {
    let ceremony = state.open().ok_or_else(|| {
        Error::refused(
            "no proposal is open in this ledger",
            "ask the administrator for the ledger with the open proposal",
        )
        .coded(Code::NothingOpen)
    })?;
    if ceremony.intended.is_some() || ceremony.concluded.is_some() {
        return Err(Error::refused("the ceremony is already being executed", "see 'quorate status'"));
    }
    let custodian = match_card(ceremony, card)?;
    let now = match decision {
        // Anyone who disagrees about the time may reject.
        Decision::Rejection if ceremony.disputes.is_some() => clock.now(),
        Decision::Approval | Decision::Rejection => own_clock(clock, state, ceremony)?,
    };
    if now > ceremony.proposal.expires {
        return Err(Error::refused(
            format!("the proposal expired at {}", ceremony.proposal.expires),
            "an administrator gives it up with 'quorate abort' and proposes it again",
        )
        .coded(Code::Expired));
    }
    let seen = memory.seen(state.nonce, &custodian.name)?;
    // A rejection may be on its way as a file. The custodian may write that file again, and nothing else.
    let remembered = RememberedDecision {
        ceremony: ceremony.number(),
        proposal: ceremony.digest,
        decision: Decision::Rejection,
    };
    if ceremony.rejecting().contains(&custodian.name)
        || (decision == Decision::Approval && seen.contains(&remembered))
    {
        return Err(has_rejected(&custodian.name));
    }
    let continuity = continuity(state, ceremony.number(), &seen, &custodian.name, paper)?;
    Ok(Matter { state, ceremony, custodian, continuity })
}

/// What a custodian's own clock says. Where the proposal disputes times, this is what they vouch for.
fn own_clock(clock: &dyn Clock, state: &LedgerState, ceremony: &Ceremony) -> Result<Timestamp, Error> {
    let now = clock.now();
    let Some(disputed) = &ceremony.disputes else { return check_clock(now, Some(state)) };
    let created = ceremony.proposal.created;
    if now < DisputedTimes::earliest_approval(created) {
        return Err(Error::refused(
            format!("this machine's clock says {now}, more than an hour before the proposal of {created}"),
            "the proposal disputes times of this ledger: find out which clock is wrong before you approve it",
        ));
    }
    match disputed.first_recorded() {
        Some(recorded) if now >= recorded => Err(Error::refused(
            format!("the disputed time, {recorded}, is not ahead of this machine's clock, which says {now}"),
            "if this clock is right, the disputed time may be right too: reject the proposal",
        )),
        _ => Ok(now),
    }
}

fn has_rejected(who: &Name) -> Error {
    Error::refused(
        format!("{who} rejected this proposal, which is final"),
        "if that was a mistake, ask the administrator to abort it and to propose it again",
    )
    .coded(Code::Rejected)
}

/// Refuses a card that is not a custodian's.
fn match_card<'s>(ceremony: &'s Ceremony, card: &CardDescription) -> Result<&'s Person, Error> {
    let person = recognition::holder(&ceremony.roster, card)?;
    if person.standing != Standing::Custodian {
        return Err(Error::refused(
            format!(
                "this is the card of {} ({}): only custodians approve or reject",
                person.name, person.standing
            ),
            "insert a custodian's card",
        ));
    }
    Ok(person)
}

/// No rollback, and no second child of one predecessor. `next` is the number of the ceremony that is decided on, or that
/// would come next; `seen` is what `who` decided before.
pub(super) fn continuity(
    state: &LedgerState,
    next: u32,
    seen: &[RememberedDecision],
    who: &Name,
    paper: Pins,
) -> Result<Continuity, Error> {
    for RememberedDecision { ceremony: number, proposal, .. } in seen {
        match state.ceremonies.number(*number) {
            Some(known) if known.digest == *proposal => {}
            Some(other) => {
                return Err(Error::refused(
                    format!(
                        "this ledger shows another proposal as ceremony {number} ({}) than the one that {who} decided on",
                        other.kind()
                    ),
                    "the ledger has been forked: keep both copies and have them audited together",
                ));
            }
            None => {
                return Err(Error::refused(
                    format!(
                        "this ledger ends before ceremony {number}, on which {who} has already decided: it is an old copy"
                    ),
                    "ask for the current ledger",
                ));
            }
        }
    }
    check_paper(state, paper)?;
    if let Some(head) = paper.head {
        return Ok(Continuity::Head(head));
    }
    if next > 0 && !seen.is_empty() {
        return Ok(Continuity::Remembered { proposals: seen.len() });
    }
    match (next, state.head(), paper.genesis) {
        (0, ..) => Ok(Continuity::Genesis),
        (_, Some(_), _) => Ok(Continuity::Unknown),
        // Either a genesis whose station was lost is being recovered, or the ledger was cut back to look like that.
        (_, None, Some(genesis)) => Ok(Continuity::Origin(genesis)),
        (_, None, None) => Err(Error::refused(
            format!(
                "no ceremony of this ledger has ended, and yet this is ceremony {next}: the ledger may have been cut \
                 back, and this machine remembers nothing of it"
            ),
            "give --head if you have a ceremony's head on paper; only if none has ever ended, give --genesis, the \
             fingerprint on the paper of the genesis",
        )),
    }
}

/// Compares a ledger with what was brought on paper.
pub fn check_paper(state: &LedgerState, paper: Pins) -> Result<(), Error> {
    if let Some(genesis) = paper.genesis.filter(|genesis| *genesis != state.genesis) {
        return Err(Error::refused(
            format!("the genesis of this ledger has the fingerprint {}, not {genesis}", state.genesis),
            "compare the paper of the genesis; ask for the ledger that it belongs to",
        ));
    }
    match (paper.head, state.head()) {
        (None, _) => Ok(()),
        (Some(head), Some(known)) if known == head => Ok(()),
        (Some(_), Some(_)) => Err(Error::refused(
            "the last ceremony that ended of this ledger does not have the head that you gave",
            "compare the paper of the last ceremony; ask for the current ledger",
        )),
        (Some(_), None) => Err(Error::refused(
            "you gave the head of a ceremony that has ended, and in this ledger none has: it was cut back",
            "keep this copy as evidence, and ask for the current ledger",
        )),
    }
}

/// How `who` will know that the ledger is whole, once its next ceremony is proposed.
pub fn foresee(
    state: &LedgerState,
    memory: &dyn CustodianMemory,
    who: &Name,
    paper: Pins,
) -> Result<Continuity, Error> {
    let next = u32::try_from(state.ceremonies.len()).unwrap_or(u32::MAX);
    continuity(state, next, &memory.seen(state.nonce, who)?, who, paper)
}

/// Opens the custodian's shares on their card, checks each against the roster, seals them to the station and signs
/// the approval.
fn approve(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<ApprovalFile, Error> {
    let ceremony = matter.ceremony;
    let roster = &ceremony.roster;
    let who = &matter.custodian.name;
    let keyid = description.signing_key.keyid();
    // The shares before the signature: a share that is not valid leaves no approval behind.
    let mut documents: Vec<LockedBytes> = Vec::new();
    for authority in ceremony.requirement().authorities() {
        let share = opening::open_share(roster, &authority.name, who, keyid, card)?;
        documents.extend(share.to_document(roster)?);
    }
    let station = &ceremony.proposal.station.keys;
    let release = release::seal(ceremony.digest, who, &documents, &station.recipient)?;
    drop(documents);
    let approval = Approval {
        proposal: ceremony.digest,
        roster: roster.digest(),
        custodian: who.clone(),
        release: Digest::of(&release),
        // Read again: this is the time that the custodian states, and reading and touching took a while.
        time: own_clock(clock, matter.state, ceremony)?,
    };
    let statement = sign::statement(card, &description.signing_key, matter.state.mode, &approval)?;
    Ok(ApprovalFile { statement, release: Some(Base64(release)) })
}

fn reject(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    reason: Remark,
    clock: &dyn Clock,
) -> Result<ApprovalFile, Error> {
    let rejection = Rejection {
        proposal: matter.ceremony.digest,
        custodian: matter.custodian.name.clone(),
        reason,
        time: clock.now(),
    };
    let statement = sign::statement(card, &description.signing_key, matter.state.mode, &rejection)?;
    Ok(ApprovalFile { statement, release: None })
}

/// Refuses a second decision of one kind by one custodian at this station, and an approval after a rejection.
pub fn check_new(station: &dyn StationStore, matter: &Matter<'_>, decision: Decision) -> Result<(), Error> {
    let kept = station.names(matter.state.nonce, matter.ceremony.number())?;
    let has = |decision: Decision| kept.contains(&kept_name(decision, &matter.custodian.name));
    if has(Decision::Rejection) {
        return Err(has_rejected(&matter.custodian.name));
    }
    if has(decision) {
        return Err(Error::refused(
            format!("this station already has an {decision} by {}", matter.custodian.full_name),
            "a custodian decides once; see 'quorate status'",
        )
        .coded(Code::Decided));
    }
    Ok(())
}

/// Keeps a decision that was made at the station until the ceremony is executed, and puts its statement, without
/// the release, into the ledger. Kept first: it counts from then on, even where the ledger or a copy cannot be written to.
pub fn keep(
    world: &mut World<'_>,
    state: &LedgerState,
    who: &Name,
    decision: Decision,
    file: &ApprovalFile,
) -> Result<(), Error> {
    let ceremony = super::execute::open_ceremony(state, "approve")?;
    let mut statement = file.statement.write();
    statement.push(b'\n');
    let name = sign::beside_name(who, &file.statement);
    world.station.put(state.nonce, ceremony.number(), &kept_name(decision, who), &file.write())?;
    world.ledger.put_beside(&ceremony.directory, Beside::Approvals, &name, &statement).map_err(|error| {
        Error::from(error).after(&format!("the {decision} of {who} counts, and this station keeps it"))
    })
}
