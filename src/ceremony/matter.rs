//! What a custodian decides on: the open ceremony of a ledger that extends what they know.

use super::{Code, Error, check_clock, recognition};
use crate::{
    encoding::{digest::Digest, text::Name, time::Timestamp},
    ports::{
        card::CardDescription,
        clock::Clock,
        store::{CustodianMemory, Decision, RememberedDecision},
    },
    proposal::disputed_times::DisputedTimes,
    roster::{Person, Standing},
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
    let custodian = match_card(ceremony, card, decision)?;
    let now = match decision {
        // Anyone who disagrees about the time may reject.
        Decision::Rejection if ceremony.disputes.is_some() => clock.now(),
        Decision::Approval | Decision::Release | Decision::Rejection => own_clock(clock, state, ceremony)?,
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
        || (decision != Decision::Rejection && seen.contains(&remembered))
    {
        return Err(has_rejected(&custodian.name));
    }
    let continuity = continuity(state, ceremony.number(), &seen, &custodian.name, paper)?;
    Ok(Matter { state, ceremony, custodian, continuity })
}

/// What a custodian's own clock says. Where the proposal disputes times, this is what they vouch for.
pub(super) fn own_clock(
    clock: &dyn Clock,
    state: &LedgerState,
    ceremony: &Ceremony,
) -> Result<Timestamp, Error> {
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

/// Refuses a card of somebody whose decision is not needed: an approver's where the operation does not need them, too.
fn match_card<'s>(
    ceremony: &'s Ceremony,
    card: &CardDescription,
    decision: Decision,
) -> Result<&'s Person, Error> {
    let person = recognition::holder(&ceremony.roster, card)?;
    let card_of = format!("this is the card of {} ({})", person.name, person.standing);
    let (refused, hint) = match person.standing {
        Standing::Custodian => return Ok(person),
        Standing::Approver if !ceremony.requirement().takes(&person.name) => (
            format!("{card_of}, whose approval this ceremony ({}) does not need", ceremony.kind()),
            "nothing is left to do for them; the roster says which operations need their approval",
        ),
        Standing::Approver if decision == Decision::Release => {
            (format!("{card_of}, who holds no share and has nothing to release"), "insert a custodian's card")
        }
        Standing::Approver => return Ok(person),
        Standing::Administrator | Standing::Witness => (
            format!("{card_of}: only custodians and approvers approve or reject"),
            "insert a custodian's or an approver's card",
        ),
    };
    Err(Error::refused(refused, hint))
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
