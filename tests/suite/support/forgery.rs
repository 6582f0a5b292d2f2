//! Approvals and releases as nobody honest makes them, signed by real cards.

use std::path::Path;

use quorate::{
    approval::{
        release::{Basis, Release, ReleaseFile},
        statement::{Approval, Statement},
    },
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
        text::Name,
    },
    memory::{LockedBytes, Pin},
    ports::card::{Card as _, FinalTry},
    roster::Roster,
    sealing::{self, hybrid::HybridRecipient},
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

/// The honest content of an approval of the open ceremony.
pub fn approval(ceremony: &Ceremony, who: &str) -> Approval {
    Approval {
        proposal: ceremony.digest,
        roster: ceremony.roster.digest(),
        person: name(who),
        time: ceremony.proposal.created,
    }
}

/// The file of a statement that is handed over alone.
pub fn alone(statement: &Envelope) -> Vec<u8> {
    [&statement.write()[..], b"\n"].concat()
}

/// The honest content of a release on these approvals.
pub fn release(
    ceremony: &Ceremony,
    who: &str,
    key: Digest,
    approvals: &[Envelope],
    sealed: &[u8],
) -> (Release, Basis) {
    let mut digests: Vec<Digest> = approvals.iter().map(Envelope::payload_digest).collect();
    digests.sort();
    let authorities = ceremony.requirement().released().map(|authority| authority.name.clone()).collect();
    let basis = Basis { authorities, approvals: digests };
    let release = Release {
        proposal: ceremony.digest,
        roster: ceremony.roster.digest(),
        dealing: ceremony.dealing(),
        custodian: name(who),
        card: key,
        basis: basis.digest(),
        file: Digest::of(sealed),
        time: ceremony.proposal.created,
    };
    (release, basis)
}

/// The `keyid` of a person's card.
pub fn keyid(quorum: &Quorum, signer: &str) -> Digest {
    with_card(quorum, signer, |_, key| key)
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

/// A release file with these parts: the statement, changed before `signer` signs it, on these approvals.
pub fn file(
    quorum: &Quorum,
    (who, signer): (&str, &str),
    ceremony: &Ceremony,
    mut approvals: Vec<Envelope>,
    sealed: Vec<u8>,
    change: impl FnOnce(&mut Release, &mut Basis),
) -> ReleaseFile {
    approvals.sort_by_key(Envelope::payload_digest);
    let (mut said, mut basis) = release(ceremony, who, keyid(quorum, who), &approvals, &sealed);
    change(&mut said, &mut basis);
    let statement = sign(quorum, signer, Mode::Production, &said);
    ReleaseFile { statement, basis, approvals, sealed: Base64(sealed) }
}

/// These documents, sealed to `station` as `who` does it.
pub fn sealed(
    ceremony: &Ceremony,
    who: &str,
    documents: &[LockedBytes],
    station: &HybridRecipient,
) -> Vec<u8> {
    sealing::release::seal(ceremony.digest, &name(who), documents, station).unwrap()
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
