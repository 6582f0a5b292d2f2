//! Approval files as nobody honest makes them, signed by real cards.

use std::path::Path;

use quorate::{
    approval::statement::{Approval, ApprovalFile, Statement},
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
        text::Name,
    },
    memory::{LockedBytes, Pin},
    ports::card::{Card as _, FinalTry},
    roster::Roster,
    sealing::{hybrid::HybridRecipient, release},
    softcard::SoftCard,
    storage,
    transcript::{
        ledger::{Ceremony, LedgerState},
        verification,
    },
};

use crate::support::quorum::Quorum;

/// A ledger, verified by the library.
pub fn state_of(ledger: &Path) -> LedgerState {
    verification::verify(&storage::ledger::read(ledger).unwrap(), Mode::Production).sound().unwrap()
}

/// The open ceremony of a quorum's ledger.
pub fn open_of(quorum: &Quorum) -> Ceremony {
    state_of(&quorum.path("ledger")).open().unwrap().clone()
}

/// A name.
pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// The honest content of an approval of the open ceremony, but for its release.
pub fn approval(ceremony: &Ceremony, who: &str, release: &[u8]) -> Approval {
    Approval {
        proposal: ceremony.digest,
        roster: ceremony.roster.digest(),
        custodian: name(who),
        release: Digest::of(release),
        time: ceremony.proposal.created,
    }
}

/// Has the card of `signer` sign whatever it is given.
pub fn sign<S: Statement>(quorum: &Quorum, signer: &str, mode: Mode, statement: &S) -> Envelope {
    let payload = strict::write(statement);
    let payload_type = mode.payload_type(S::EVENT);
    with_card(quorum, signer, |card, key| {
        let signature = card.sign(&pae(&payload_type, &payload)).unwrap();
        Envelope::new(payload_type.clone(), payload.clone(), key, signature)
    })
}

/// The share documents of a person, opened on their card.
pub fn shares(quorum: &Quorum, who: &str, roster: &Roster, authorities: &[&str]) -> Vec<LockedBytes> {
    with_card(quorum, who, |card, key| {
        let sealed = |authority| roster.sealed_share(&name(authority), key).unwrap();
        authorities.iter().map(|authority| card.open(sealed(authority)).unwrap()).collect()
    })
}

/// A whole approval file by `who` that releases these documents to `station`, for `ceremony`.
pub fn file(
    quorum: &Quorum,
    who: &str,
    ceremony: &Ceremony,
    documents: &[LockedBytes],
    station: &HybridRecipient,
) -> ApprovalFile {
    let sealed = release::seal(ceremony.digest, &name(who), documents, station).unwrap();
    let statement = sign(quorum, who, Mode::Production, &approval(ceremony, who, &sealed));
    ApprovalFile { statement, release: Some(Base64(sealed)) }
}

fn with_card<T>(
    quorum: &Quorum,
    who: &str,
    act: impl FnOnce(&mut dyn quorate::ports::card::UnlockedCard, Digest) -> T,
) -> T {
    let mut card = SoftCard::open(&quorum.path(&format!("cards/{who}.card"))).unwrap();
    let key = card.describe(&[]).unwrap().signing_key.keyid();
    let pin = Pin::copy_of(format!("{}-123456", who.trim_end_matches("-spare")).as_bytes()).unwrap();
    act(card.unlock(pin, FinalTry::Keep).unwrap().as_mut(), key)
}
