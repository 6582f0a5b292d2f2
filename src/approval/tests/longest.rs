//! The longest statement of each kind, at every bound of its format: a card signs it.

use crate::{
    approval::{
        drill::Drill,
        release::{Confirmation, Release},
        statement::{Abort, Approval, Attestation, AttestationBasis, Rejection, Statement},
    },
    encoding::{
        bounds::STATEMENT,
        digest::Digest,
        dsse::{Mode, pae},
        strict,
        text::{Line, Name, Remark},
        time::Timestamp,
    },
    proposal::document::ProposalStatement,
};

/// What a YubiKey signs with an Ed25519 key.
const YUBIKEY: usize = 1000;

fn digest() -> Digest {
    Digest::of(b"any")
}

fn name() -> Name {
    Name::new(&"n".repeat(40)).unwrap()
}

fn time() -> Timestamp {
    Timestamp::parse("9999-12-31T23:59:59Z").unwrap()
}

/// 400 bytes in JSON.
fn remark() -> Remark {
    Remark::new(&"\"".repeat(200)).unwrap()
}

/// Its event with the length of its payload.
#[track_caller]
fn measured<S: Statement>(statement: &S) -> (&'static str, usize) {
    let payload = strict::write(statement);
    assert!(payload.len() <= STATEMENT, "{}: {} bytes", S::EVENT, payload.len());
    assert!(pae(&Mode::Rehearsal.payload_type(S::EVENT), &payload).len() <= YUBIKEY, "{}", S::EVENT);
    (S::EVENT, payload.len())
}

#[test]
fn no_statement_is_longer_than_what_a_card_signs() {
    let lengths = [
        measured(&ProposalStatement {
            ledger: digest(),
            ceremony: u32::MAX,
            predecessor: Some(digest()),
            proposer: name(),
            created: time(),
            expires: time(),
            body: digest(),
        }),
        measured(&Approval { proposal: digest(), roster: digest(), person: name(), time: time() }),
        measured(&Release {
            proposal: digest(),
            roster: digest(),
            dealing: digest(),
            custodian: name(),
            card: digest(),
            basis: digest(),
            file: digest(),
            time: time(),
        }),
        measured(&Confirmation {
            proposal: digest(),
            roster: digest(),
            dealing: digest(),
            person: name(),
            cards: digest(),
            file: Some(digest()),
            time: time(),
        }),
        measured(&Rejection { proposal: digest(), person: name(), reason: remark(), time: time() }),
        measured(&Abort { proposal: digest(), administrator: name(), reason: remark(), time: time() }),
        measured(&Attestation {
            ledger: digest(),
            ceremony: u32::MAX,
            head: digest(),
            person: name(),
            agrees: false,
            basis: Some(AttestationBasis::Present),
            remark: remark(),
            time: time(),
        }),
        measured(&Drill {
            ledger: digest(),
            ceremony: u32::MAX,
            head: digest(),
            epoch: u32::MAX,
            dealing: digest(),
            person: name(),
            // The longest serial of a card.
            serial: Line::new(&"s".repeat(40)).unwrap(),
            opened: u8::MAX,
            time: time(),
        }),
    ];
    // Of the longest, so that it is seen where one of them grows.
    assert_eq!(lengths.iter().max_by_key(|(_, length)| *length).unwrap().0, "attestation", "{lengths:?}");
}
