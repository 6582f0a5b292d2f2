//! A person who was there signs the head of the last ceremony.

use super::{Code, Error, copies, not_before, recognition, sign};
use crate::{
    account::acts::HeadAttested,
    approval::statement::Attestation,
    encoding::{digest::Digest, strict, text::Remark},
    ports::{
        card::{CardDescription, UnlockedCard},
        clock::Clock,
        store::{Beside, LedgerStore},
    },
    roster::Person,
    transcript::ledger::{Ceremony, LedgerState},
};

/// What a person states about the head.
pub struct Opinion {
    /// Whether the transcript says what was seen.
    pub agrees: bool,
    /// A remark; may be empty.
    pub remark: Remark,
}

impl Opinion {
    /// The transcript says what was seen, and there is nothing to add.
    pub fn agreement() -> Self {
        Self { agrees: true, remark: Remark::none() }
    }
}

/// The head that was shown to those who attest it.
#[derive(Clone, Copy)]
pub struct Shown<'a> {
    /// Its ceremony's directory in the ledger.
    pub ceremony: &'a str,
    pub head: Digest,
}

/// Refuses a ledger in which [`subject`] would be another head than the one that was shown: nobody saw it.
pub fn check_shown(state: &LedgerState, shown: Shown<'_>) -> Result<(), Error> {
    let last = last_ended(state);
    if last.is_some_and(|last| last.directory == shown.ceremony && last.last_line == shown.head) {
        return Ok(());
    }
    let now = last.map_or_else(
        || "now no ceremony has ended".to_owned(),
        |last| format!("now {} ended last, with the head {}", last.directory, last.last_line),
    );
    Err(Error::refused(
        format!(
            "the ledger was changed: the last ceremony that ended is no longer {} with the head that was shown, and no other \
             is attested",
            shown.ceremony
        ),
        "run 'quorate audit --genesis HEX-OR-WORDS --head HEX-OR-WORDS' on it and on its copies, both from paper; go on only with \
         one that verifies",
    )
    .coded(Code::LedgerInvalid)
    .with(vec![format!("shown: {} with the head {}", shown.ceremony, shown.head), now]))
}

fn last_ended(state: &LedgerState) -> Option<&Ceremony> {
    state.ceremonies.iter().rev().find(|ceremony| ceremony.end.is_some())
}

/// The last ended ceremony, and the person of its roster who has this card.
pub fn subject<'s>(
    state: &'s LedgerState,
    card: &CardDescription,
) -> Result<(&'s Ceremony, &'s Person), Error> {
    let ceremony = last_ended(state).ok_or_else(|| {
        Error::refused("no ceremony of this ledger has ended", "attest after 'quorate execute'")
    })?;
    Ok((ceremony, recognition::holder(&ceremony.roster, card)?))
}

/// Signs the head of the last ended ceremony and puts the statement beside its transcript. The head does not move.
pub fn attest(
    ledger: &mut dyn LedgerStore,
    state: &LedgerState,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    opinion: Opinion,
    clock: &dyn Clock,
) -> Result<HeadAttested, Error> {
    let (ceremony, person) = subject(state, description)?;
    let attestation = Attestation {
        ledger: state.nonce,
        ceremony: ceremony.number(),
        head: ceremony.last_line,
        person: person.name.clone(),
        agrees: opinion.agrees,
        basis: None,
        remark: opinion.remark,
        time: not_before(clock.now(), state.floor(None))?,
    };
    let envelope = sign::statement(card, &description.signing_key, state.mode, &attestation)?;
    let mut bytes = strict::write(&envelope);
    bytes.push(b'\n');
    let name = format!("{}-{}.json", person.name, envelope.payload_digest().short());
    copies::put(ledger, &ceremony.directory, Beside::Attestations, (&name, &bytes), || {
        format!("{} attested the head of {}", person.name, ceremony.directory)
    })?;
    Ok(HeadAttested {
        person: person.name.clone(),
        ceremony: ceremony.directory.clone(),
        head: ceremony.last_line,
        agrees: attestation.agrees,
    })
}
