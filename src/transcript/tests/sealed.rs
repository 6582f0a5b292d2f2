//! What a proposal seals: to its authority alone, as such a recipient is sealed to.

use crate::{
    encoding::strict::Base64,
    proposal::{sealed::SealedCredential, target::Role},
    sealing::{piv_p256::PivRecipient, single, under_pin},
};

use super::forge::{credential, name, recipient, sealed_to};
use super::proposals::{delete, genesis, roster};

/// A file in age's format with one stanza, which is not the one of an X25519 key.
fn under_a_passphrase() -> Base64 {
    let pin = crate::memory::Pin::copy_of(b"12345678").unwrap();
    Base64(under_pin::seal(&pin, under_pin::WorkFactor::PRACTICE, b"sealed by a forger").unwrap())
}

#[test]
fn what_is_sealed_is_sealed_as_its_recipient_is() {
    roster(
        |r| r.sealed_shares[0].file = under_a_passphrase(),
        "roster: the sealed share of alice for crypto-officer is not sealed to",
    );
    genesis(
        |p| p.credentials[0].file = under_a_passphrase(),
        "credential: the sealed so-pin of hsm: it is not sealed to this key",
    );
    let point = p256::SecretKey::from_slice(&[3; 32]).unwrap().public_key();
    let card = PivRecipient::new(point).unwrap();
    let to_a_card = || Base64(single::seal_to(&card, b"sealed by a forger").unwrap());
    roster(
        |r| r.sealed_shares[0].file = to_a_card(),
        "roster: the sealed share of alice for crypto-officer is not sealed to",
    );
    genesis(
        |p| p.credentials[0].file = to_a_card(),
        "credential: the sealed so-pin of hsm: it is not sealed to this key",
    );
}

#[test]
fn no_credential_is_said_to_have_more_bits_than_one_can_have() {
    genesis(
        |p| p.credentials[0].bits = 513,
        "credential: the so-pin of hsm is recorded with 513 bits: no credential has",
    );
    genesis(
        |p| p.credentials[0].bits = u32::MAX,
        "credential: the so-pin of hsm is recorded with 4294967295 bits: no",
    );
}

#[test]
fn a_credential_is_sealed_to_its_authority_alone_and_once() {
    let first = |change: fn(&mut SealedCredential), words: &str| {
        genesis(|p| change(&mut p.credentials[0]), &format!("credential: {words}"));
    };
    first(
        |c| c.file = sealed_to(&[&recipient("security-officer"), &recipient("mallory")]),
        "the sealed so-pin of hsm: it has 2 recipients",
    );
    first(|c| c.file.0.truncate(50), "the sealed so-pin of hsm: it is damaged, or not an age file");
    first(|c| c.file.0.clear(), "the sealed so-pin of hsm: it is damaged, or not an age file");
    first(|c| c.version = 2, "the so-pin of hsm has version 2, the next one is 1");
    first(|c| c.version = 0, "the so-pin of hsm has version 0, the next one is 1");
    first(|c| c.authority = name("crypto-officer"), "the so-pin of hsm for crypto-officer is not one");
    first(|c| c.authority = name("nobody"), "the so-pin of hsm for nobody is not one");
    first(|c| c.target = name("other"), "the so-pin of other for security-officer is not one");
    first(|c| c.role = Role::BackupKey, "the backup-key of hsm for security-officer is not one");
    genesis(
        |p| drop(p.credentials.pop()),
        "credential: the backup-key of hsm for security-officer is missing",
    );
    genesis(
        |p| p.credentials.push(p.credentials[0].clone()),
        "credential: the so-pin of hsm for security-officer is not one that this",
    );
    // A deletion makes none; this one would be in force afterwards.
    delete(
        |p| p.credentials = vec![credential(Role::UserPin, "crypto-officer", 2)],
        "credential: the user-pin of hsm for crypto-officer is not one that this",
    );
}
