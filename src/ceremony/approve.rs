//! A custodian's decision: he verifies, is briefed, opens his shares and releases them to the station, or rejects.

use super::{Code, Error, World, check_clock, collect::kept_name, opening, recognition, sign};
use crate::{
    approval::statement::{Approval, ApprovalFile, Rejection},
    encoding::{
        digest::Digest,
        dsse::Envelope,
        strict::Base64,
        text::{Line, Name},
    },
    memory::LockedBytes,
    ports::{
        card::{CardDescription, UnlockedCard, Uses},
        clock::Clock,
        store::{Beside, CustodianMemory, StationStore},
    },
    roster::{Person, Standing},
    sealing::release,
    transcript::{
        ceremony::authorities,
        ledger::{Ceremony, LedgerState},
    },
};

/// How a custodian knows that the ledger he is shown is the one he knows, whole.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Continuity {
    /// This is the genesis, or it has not ended yet: its fingerprint is compared in person.
    Genesis,
    /// It contains the proposals that he remembers on this machine.
    Remembered {
        /// How many of them.
        proposals: usize,
    },
    /// Its last closed head is the one that he brought on paper.
    Head(Digest),
    /// Nothing of it is known here.
    Unknown,
}

/// What a custodian is asked to decide, after everything public was verified.
pub struct Matter<'s> {
    /// The ledger.
    pub state: &'s LedgerState,
    /// The open ceremony.
    pub ceremony: &'s Ceremony,
    /// Who he is.
    pub custodian: &'s Person,
    /// How the ledger is known to be whole.
    pub continuity: Continuity,
}

/// Verifies that this card may decide on the open ceremony, and that the ledger extends what its holder knows.
pub fn matter<'s>(
    state: &'s LedgerState,
    memory: &dyn CustodianMemory,
    card: &CardDescription,
    head: Option<Digest>,
    clock: &dyn Clock,
) -> Result<Matter<'s>, Error> {
    let now = check_clock(clock.now(), Some(state))?;
    let ceremony = state.open().ok_or_else(|| {
        Error::refused(
            "no proposal is open in this ledger",
            "ask the administrator for the ledger with the open proposal",
        )
        .coded(Code::NothingOpen)
    })?;
    if ceremony.intended.is_some() || ceremony.concluded.is_some() {
        return Err(Error::refused("the ceremony is being executed already", "see 'quorate status'"));
    }
    let custodian = match_card(ceremony, card)?;
    if now > ceremony.proposal.expires {
        return Err(Error::refused(
            format!("the proposal expired at {}", ceremony.proposal.expires),
            "an administrator gives it up with 'quorate abort' and proposes it again",
        )
        .coded(Code::Expired));
    }
    if ceremony.rejections.iter().any(|r| r.statement().custodian == custodian.name) {
        return Err(Error::refused(
            format!("{} rejected this proposal, which is final", custodian.name),
            "see 'quorate status'",
        ));
    }
    let continuity = continuity(state, ceremony.number(), memory, &custodian.name, head)?;
    Ok(Matter { state, ceremony, custodian, continuity })
}

/// The card must be a custodian's.
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
/// would come next.
pub(super) fn continuity(
    state: &LedgerState,
    next: u32,
    memory: &dyn CustodianMemory,
    who: &Name,
    head: Option<Digest>,
) -> Result<Continuity, Error> {
    let seen = memory.seen(state.nonce, who)?;
    for (number, proposal) in &seen {
        match state.ceremonies.iter().find(|c| c.number() == *number) {
            Some(known) if known.digest == *proposal => {}
            Some(other) => {
                return Err(Error::refused(
                    format!(
                        "this ledger shows another proposal as ceremony {number} ({}) than the one that {who} decided on",
                        other.kind()
                    ),
                    "two ledgers grow from one: keep both copies and have them audited together",
                ));
            }
            None => {
                return Err(Error::refused(
                    format!(
                        "this ledger ends before ceremony {number}, on which {who} decided already: it is an old copy"
                    ),
                    "ask for the current ledger",
                ));
            }
        }
    }
    if let Some(head) = head {
        return if state.head() == Some(head) {
            Ok(Continuity::Head(head))
        } else {
            Err(Error::refused(
                "the last closed ceremony of this ledger does not have the head that you gave",
                "compare the paper of the last ceremony; ask for the current ledger",
            ))
        };
    }
    if next > 0 && !seen.is_empty() {
        Ok(Continuity::Remembered { proposals: seen.len() })
    } else if state.head().is_none() {
        // Also while a genesis is recovered whose station was lost: there is no head on anybody's paper yet.
        Ok(Continuity::Genesis)
    } else {
        Ok(Continuity::Unknown)
    }
}

/// How often an approval uses the card: once for each share, once to sign.
pub fn uses(matter: &Matter<'_>) -> Uses {
    Uses { signs: 1, opens: u32::try_from(authorities(matter.ceremony).len()).unwrap_or(u32::MAX) }
}

/// Opens the custodian's shares on his card, checks each against the roster, seals them to the station and signs
/// the approval. Nothing is written here.
pub fn approve(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<ApprovalFile, Error> {
    let ceremony = matter.ceremony;
    let roster = &ceremony.roster;
    let who = &matter.custodian.name;
    let keyid = description.signing_key.keyid();
    let mut documents: Vec<LockedBytes> = Vec::new();
    for authority in authorities(ceremony) {
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
        time: check_clock(clock.now(), Some(matter.state))?,
    };
    let statement = sign::statement(card, &description.signing_key, matter.state.mode, &approval)?;
    Ok(ApprovalFile { statement, release: Some(Base64(release)) })
}

/// Signs a rejection.
pub fn reject(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    reason: Line,
    clock: &dyn Clock,
) -> Result<ApprovalFile, Error> {
    let rejection = Rejection {
        proposal: matter.ceremony.digest,
        custodian: matter.custodian.name.clone(),
        reason,
        time: check_clock(clock.now(), Some(matter.state))?,
    };
    let statement = sign::statement(card, &description.signing_key, matter.state.mode, &rejection)?;
    Ok(ApprovalFile { statement, release: None })
}

/// Under which name a statement lies beside the transcript.
pub(super) fn beside_name(who: &Name, statement: &Envelope) -> String {
    format!("{who}-{}.json", statement.payload_digest().short())
}

/// Refuses a second decision of one kind by one custodian at this station.
pub fn check_new(station: &dyn StationStore, matter: &Matter<'_>, event: &str) -> Result<(), Error> {
    let name = kept_name(event, &matter.custodian.name);
    if station.names(matter.state.nonce, matter.ceremony.number())?.contains(&name) {
        return Err(Error::refused(
            format!("this station has an {event} by {} already", matter.custodian.full_name),
            "a custodian decides once; see 'quorate status'",
        ));
    }
    Ok(())
}

/// Keeps a decision that was made at the station until the ceremony is executed, and puts its statement, without
/// the release, into the ledger.
pub fn keep(
    world: &mut World<'_>,
    state: &LedgerState,
    who: &Name,
    event: &str,
    file: &ApprovalFile,
) -> Result<(), Error> {
    let ceremony = super::execute::open_ceremony(state, "approve")?;
    let mut statement = file.statement.write();
    statement.push(b'\n');
    let name = beside_name(who, &file.statement);
    world.ledger.put_beside(&ceremony.directory, Beside::Approvals, &name, &statement)?;
    Ok(world.station.put(state.nonce, ceremony.number(), &kept_name(event, who), &file.write())?)
}
