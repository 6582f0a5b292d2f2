//! A drill: a person tries alone that their card does what it is for, and signs that it did.
//!
//! A custodian's card opens each of their shares of the roster in force, which is compared with the dealer's commitment
//! and wiped. Only the statement is shown or written.

pub use super::sign::to_file;
use super::{
    Error, copies, matter, not_before,
    opening::{self, OpeningError},
    recognition, sign,
};
use crate::{
    approval::{
        drill::Drill,
        statement::{self, Signed},
    },
    encoding::{digest::Digest, dsse::Envelope, text::Name},
    ports::{
        card::{CardDescription, CardError, UnlockedCard, Uses},
        clock::Clock,
        store::{Beside, CustodianMemory, LedgerStore},
    },
    roster::{Person, Roster},
    transcript::{
        drilled,
        ledger::{Ceremony, LedgerState},
        verification::Pins,
    },
};

/// What a drill is of, after everything public was verified.
pub struct Subject<'s> {
    pub state: &'s LedgerState,
    pub last: &'s Ceremony,
    pub roster: &'s Roster,
    pub person: &'s Person,
    /// The authorities whose shares are opened; none if they hold no share.
    pub authorities: Vec<Name>,
    /// How the ledger is known to be whole.
    pub continuity: matter::Continuity,
}

/// Verifies that this card belongs to the roster in force, and that the ledger extends what its holder knows.
pub fn subject<'s>(
    state: &'s LedgerState,
    memory: &dyn CustodianMemory,
    card: &CardDescription,
    head: Option<Digest>,
    clock: &dyn Clock,
) -> Result<Subject<'s>, Error> {
    not_before(clock.now(), state.floor(None))?;
    let (roster, last) = in_force(state)?;
    let person = recognition::holder(roster, card)?;
    let next = last.number().saturating_add(1);
    let seen = memory.seen(state.nonce, &person.name)?;
    let paper = Pins { head, genesis: None };
    let continuity = matter::continuity(state, next, &seen, &person.name, paper)?;
    Ok(Subject { state, last, roster, person, authorities: drilled::tried(roster, person), continuity })
}

/// The roster in force, and the ceremony whose head a drill names: the one that everybody has on paper.
fn in_force(state: &LedgerState) -> Result<(&Roster, &Ceremony), Error> {
    let head = state.head();
    let last = state.ceremonies.iter().rev().find(|c| Some(c.last_line) == head);
    state.roster().map(|roster| &**roster).zip(last).ok_or_else(|| {
        Error::refused(
            "no roster is in force in this ledger: its genesis has not completed",
            "drill after the genesis; approving the genesis opens every share as well",
        )
    })
}

/// How often a drill uses the card: once for each share, once to sign.
pub fn uses(subject: &Subject<'_>) -> Uses {
    Uses { signs: 1, opens: u32::try_from(subject.authorities.len()).unwrap_or(u32::MAX) }
}

/// Opens and checks every share, then has the card sign that it did. Nothing is written here.
pub fn drill(
    subject: &Subject<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<Signed<Drill>, Error> {
    let mut failed = Vec::new();
    for authority in &subject.authorities {
        let who = &subject.person.name;
        let keyid = description.signing_key.keyid();
        // The share is wiped as soon as it was compared.
        match opening::open_share(subject.roster, authority, who, keyid, card) {
            Ok(_) => {}
            Err(OpeningError::Card(CardError::Sealed { reason, .. }) | OpeningError::Share(reason)) => {
                failed.push((authority, reason));
            }
            Err(OpeningError::NotSealed(_)) => {
                failed.push((authority, "no share of it is sealed to this card".into()))
            }
            Err(OpeningError::Card(error)) => return Err(error.into()),
        }
    }
    if !failed.is_empty() {
        return Err(has_failed(subject, description, &failed));
    }
    let deal = subject.roster.deal();
    let said = Drill {
        ledger: subject.state.nonce,
        ceremony: subject.last.number(),
        head: subject.last.last_line,
        epoch: deal.epoch,
        dealing: subject.roster.dealing_id(),
        person: subject.person.name.clone(),
        serial: description.serial.clone(),
        opened: u8::try_from(subject.authorities.len()).unwrap_or(u8::MAX),
        time: not_before(clock.now(), subject.state.floor(None))?,
    };
    let envelope = sign::statement(card, &description.signing_key, subject.state.mode, &said)?;
    // A statement that readers would reject is not written.
    drilled::check(&to_file(&envelope), subject.state, subject.last)
        .map_err(|reason| Error::problem(format!("the drill does not verify: {reason}"), "report this"))
}

fn has_failed(subject: &Subject<'_>, card: &CardDescription, failed: &[(&Name, String)]) -> Error {
    let names = failed.iter().map(|(authority, _)| authority.as_str()).collect::<Vec<_>>().join(" and ");
    let others = subject.person.cards.len() > 1;
    let spare = if others { "drill the spare card now" } else { "no spare card is enrolled" };
    let error = Error::refused(
        format!(
            "the drill failed: {}'s card {} has no valid share of {names}",
            subject.person.name, card.serial
        ),
        format!(
            "nothing was signed; {spare}; this card cannot approve what requires {names}: tell the administrator, so that \
             new shares are dealt while a quorum of good cards is left"
        ),
    );
    error.with(failed.iter().map(|(authority, reason)| format!("{authority}: {reason}")).collect())
}

/// A drill that was put beside the ledger.
#[derive(Clone, Debug)]
pub struct StoredDrill {
    /// What its maker states.
    pub said: Drill,
    /// Its file, in the ledger.
    pub file: String,
}

/// Puts drills beside the transcripts whose heads they name: all of them are checked first, as every reader will.
/// One that is there already is left.
pub fn keep(
    ledger: &mut dyn LedgerStore,
    state: &LedgerState,
    files: &[(String, Vec<u8>)],
    clock: &dyn Clock,
) -> Result<Vec<StoredDrill>, Error> {
    let checked = files.iter().map(|(name, bytes)| placed(state, name, bytes, clock));
    let checked = checked.collect::<Result<Vec<_>, _>>()?;
    let mut kept = Vec::new();
    for (ceremony, envelope, said) in checked {
        let name = sign::beside_name(&said.person, &envelope);
        copies::put(ledger, &ceremony.directory, Beside::Drills, (&name, &to_file(&envelope)), || {
            format!("the drill of {} is beside the ledger", said.person)
        })?;
        kept.push(StoredDrill { said, file: format!("{}/drills/{name}", ceremony.directory) });
    }
    Ok(kept)
}

/// The ceremony whose head a drill names, and what it says.
fn placed<'s>(
    state: &'s LedgerState,
    name: &str,
    bytes: &[u8],
    clock: &dyn Clock,
) -> Result<(&'s Ceremony, Envelope, Drill), Error> {
    let refused = |reason: String| {
        Error::refused(
            format!("{name} is not a drill that counts here: {reason}"),
            "nothing was added to the ledger; ask for another drill, made with the ledger as it is now",
        )
    };
    let envelope = drilled::parse(bytes).map_err(refused)?;
    let claimed: Drill = statement::read(&envelope, state.mode).map_err(|e| refused(e.to_string()))?;
    let ceremony = state.ceremonies.iter().find(|c| c.last_line == claimed.head);
    let ceremony =
        ceremony.ok_or_else(|| refused("it names a head that this ledger does not have".into()))?;
    let signed = drilled::check(bytes, state, ceremony).map_err(refused)?;
    let now = not_before(clock.now(), state.floor(None))?;
    if claimed.time > now {
        return Err(refused(format!("it is dated {}, and this machine's clock says {now}", claimed.time)));
    }
    Ok((ceremony, envelope, signed.statement().clone()))
}
