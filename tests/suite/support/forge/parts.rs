//! What forged ledgers are made of: keys, cards, a roster, a token, events as an honest station writes them.

use std::{collections::BTreeMap, sync::Mutex};

use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
        text::{Name, Prose},
        time::Timestamp,
    },
    proposal::{
        environment::EnvironmentReading,
        sealed::SealedCredential,
        target::{Inventory, ObjectClass, ObjectRecord, Role, TokenIdentity},
    },
    roster::{
        AttestationPolicy, Member, OperationKind, OperationRule, Policy, RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment, EnrolmentFile},
        deal::{Authority, Commitment, DealHeader, DealtCard, DealtCustodian, SealedShare, StationKeys},
        key::PublicKey,
    },
    sealing::{
        application::ApplicationRecipient,
        hybrid::{HybridIdentity, HybridRecipient},
        recipient::ShareRecipient,
    },
    transcript::{
        event::{Concluded, Intended, ObservedTarget, TargetState},
        outcome::Outcome,
    },
};

/// All custodians, in the order of their indexes.
pub const ALL: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// Enough for `crypto-officer`.
pub const TWO: [&str; 2] = ["alice", "bob"];
/// When the genesis is proposed: 2026-01-01.
pub const START: u64 = 1_767_225_600;
/// What a minute is.
pub const MINUTE: u64 = 60;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

/// A line or a summary.
pub fn text<const MAX: usize, const BYTES: usize>(text: &str) -> Prose<MAX, BYTES> {
    Prose::new(text).unwrap()
}

pub fn time(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

/// When ledgers are read: long after all that is written in them.
pub fn reading() -> Timestamp {
    time(2 * START)
}

/// A key that only the test has.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    pub fn of(seed: &str) -> Self {
        Self(SigningKey::from_bytes(Digest::of(seed.as_bytes()).as_bytes()))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::from_ed25519(self.0.verifying_key()).unwrap()
    }

    pub fn envelope(&self, payload_type: String, payload: Vec<u8>) -> Envelope {
        let signature = self.0.sign(&pae(&payload_type, &payload)).to_bytes().to_vec();
        Envelope::new(payload_type, payload, self.public().keyid(), signature)
    }
}

/// `age1pq1…` of a secret made from this seed.
pub fn recipient(seed: &str) -> HybridRecipient {
    static MADE: Mutex<BTreeMap<String, HybridRecipient>> = Mutex::new(BTreeMap::new());
    let identity = || HybridIdentity::from_seed(Digest::of(seed.as_bytes()).as_bytes()).unwrap();
    let mut made = MADE.lock().unwrap();
    made.entry(seed.to_owned()).or_insert_with(|| identity().recipient()).clone()
}

/// The same as an application's.
pub fn application(seed: &str) -> ApplicationRecipient {
    ApplicationRecipient::Hybrid(recipient(seed))
}

/// A recipient whose ML-KEM half is this one's, and whose X25519 half is this point.
pub fn with_point(recipient: &HybridRecipient, point: [u8; 32]) -> HybridRecipient {
    let (ml_kem, _) = recipient.halves();
    let bytes = [ml_kem, &point].concat();
    age_core::primitives::bech32_encode(bech32::Hrp::parse("age1pq").unwrap(), &bytes).parse().unwrap()
}

/// An age file to these recipients.
pub fn sealed_to(recipients: &[&HybridRecipient]) -> Base64 {
    use std::io::Write as _;
    let all = recipients.iter().map(|r| *r as &dyn age::Recipient);
    let mut sealed = Vec::new();
    let mut writer = age::Encryptor::with_recipients(all).unwrap().wrap_output(&mut sealed).unwrap();
    writer.write_all(b"sealed by a forger").unwrap();
    writer.finish().unwrap();
    Base64(sealed)
}

fn full_name(who: &str) -> String {
    format!("{} Example", who.to_uppercase())
}

pub fn member(who: &str, cards: &[&str], kind: CardKind, shares: bool) -> Member {
    let full_name = text(&full_name(who));
    let enrol = |card: &&str| {
        let key = Key::of(card);
        let share_recipient = shares.then(|| ShareRecipient::Hybrid(recipient(card)));
        let enrolment = Enrolment {
            holder: name(who),
            full_name: full_name.clone(),
            kind,
            serial: text(card),
            signing_key: key.public(),
            share_recipient: share_recipient.as_ref().map(ShareRecipient::digest),
            created: time(START - MINUTE),
            attestation: Vec::new(),
        };
        let statement = key.envelope(ENROLMENT_TYPE.into(), strict::write(&enrolment));
        EnrolmentFile { statement, share_recipient, attestation: Vec::new() }
    };
    let cards = cards.iter().map(enrol).collect();
    Member { name: name(who), full_name: full_name.clone(), group: None, cards }
}

/// The cards of a custodian.
pub fn cards_of(who: &str) -> Vec<String> {
    let mut cards = vec![who.to_owned()];
    cards.extend((who == "alice").then(|| "alice-spare".to_owned()));
    cards
}

/// The station's keys for the ceremony of this number.
pub fn station_keys(seed: &str) -> StationKeys {
    StationKeys { signing_key: Key::of(seed).public(), recipient: recipient(seed) }
}

/// A roster that can be relied on, for this ledger and this station.
pub fn roster_document(mode: Mode, ledger: Digest, station: &str) -> RosterDocument {
    let dealt = |who: &&str| DealtCustodian {
        name: name(who),
        cards: cards_of(who)
            .iter()
            .map(|c| DealtCard {
                keyid: Key::of(c).public().keyid(),
                share_recipient: ShareRecipient::Hybrid(recipient(c)),
            })
            .collect(),
    };
    let authority = |who: &str, threshold| Authority {
        name: name(who),
        threshold,
        groups: BTreeMap::new(),
        recipient: recipient(who),
    };
    let deal = DealHeader {
        mode,
        ledger,
        epoch: 1,
        custodians: ALL.iter().map(dealt).collect(),
        authorities: vec![authority("crypto-officer", 2), authority("security-officer", 3)],
        station: station_keys(station),
        rest: Digest::of(b"nothing yet"),
    };
    let (mut commitments, mut sealed_shares) = (Vec::new(), Vec::new());
    for authority in &deal.authorities {
        for custodian in ALL {
            commitments.push(Commitment {
                authority: authority.name.clone(),
                custodian: name(custodian),
                commitment: Digest::of(format!("{} {custodian}", authority.name).as_bytes()),
            });
            for card in cards_of(custodian) {
                sealed_shares.push(SealedShare {
                    authority: authority.name.clone(),
                    custodian: name(custodian),
                    card: Key::of(&card).public().keyid(),
                    file: sealed_to(&[&recipient(&card)]),
                });
            }
        }
    }
    let custodian = |who: &&str| {
        let cards = cards_of(who);
        member(who, &cards.iter().map(String::as_str).collect::<Vec<_>>(), CardKind::Soft, true)
    };
    let of = |authorities: &[&str]| OperationRule::of(authorities.iter().copied().map(name).collect());
    let mut document = RosterDocument {
        custodians: ALL.iter().map(custodian).collect(),
        approvers: Vec::new(),
        administrators: vec![member("frank", &["frank"], CardKind::Soft, true)],
        witnesses: vec![member("grace", &["grace"], CardKind::Soft, false)],
        operations: BTreeMap::from([
            (OperationKind::Inventory, of(&["crypto-officer"])),
            (OperationKind::Delete, of(&["crypto-officer"])),
            (OperationKind::Reset, of(&["security-officer"])),
            (OperationKind::Backup, of(&["crypto-officer", "security-officer"])),
            (OperationKind::Restore, of(&["crypto-officer", "security-officer"])),
        ]),
        policy: Policy {
            allow_soft_cards: true,
            copies: 2,
            allow_same_medium: true,
            require_locked_memory: false,
            allow_short_pins: false,
            drill_every_days: None,
            station_keepers: 1,
            attestation: AttestationPolicy::default(),
        },
        deal,
        commitments,
        sealed_shares,
    };
    refit(&mut document);
    document
}

/// Has the deal name the rest of its roster as it is now, and returns the digest of the roster.
pub fn refit(document: &mut RosterDocument) -> Digest {
    document.deal.rest = document.rest().digest();
    Digest::of(&strict::write(document))
}

/// An object of the token.
pub fn object(label: &str, id: &str) -> ObjectRecord {
    ObjectRecord {
        public_key_sha256: Some(Digest::of(label.as_bytes())),
        extractable: Some(true),
        ..ObjectRecord::named(ObjectClass::PrivateKey, id, text(label), "ec-p256")
    }
}

pub fn identity() -> TokenIdentity {
    TokenIdentity {
        manufacturer: text("maker"),
        model: text("model"),
        serial: text("0001"),
        label: text("lab"),
        module_sha256: Some(Digest::of(b"module")),
    }
}

/// `hsm` with these objects.
pub fn seen(objects: &[ObjectRecord]) -> Vec<TargetState> {
    let mut inventory = Inventory { identity: identity(), objects: objects.to_vec() };
    inventory.objects.sort();
    vec![TargetState { name: name("hsm"), inventory: Some(inventory) }]
}

pub fn environment() -> EnvironmentReading {
    serde_json::from_str(r#"{"tool_version":"0","interfaces_up":null,"swap":null,"hardened":true}"#).unwrap()
}

/// A credential of `hsm`, sealed to its authority.
pub fn credential(role: Role, authority: &str, version: u32) -> SealedCredential {
    SealedCredential {
        authority: name(authority),
        target: name("hsm"),
        role,
        version,
        bits: 256,
        bytes: 64,
        file: sealed_to(&[&recipient(authority)]),
    }
}

pub fn intended(by: &[&str]) -> Intended {
    Intended {
        quorum: by.iter().map(|who| name(who)).collect(),
        targets: vec![ObservedTarget { name: name("hsm"), identity: identity() }],
        copies: 2,
        same_medium: false,
        environment: environment(),
    }
}

pub fn concluded(outcome: Outcome, deleted: &[ObjectRecord], objects: &[ObjectRecord]) -> Concluded {
    Concluded {
        outcome,
        summary: text("as told by the forger"),
        targets: seen(objects),
        deleted: deleted.to_vec(),
        restored: Vec::new(),
        left_out: Vec::new(),
        unkept: Vec::new(),
        backup: None,
        pins: Vec::new(),
        program: None,
        handovers: Vec::new(),
    }
}

/// The plan of [`super::Forge::genesis`].
pub fn genesis_plan() -> String {
    let member = |kind: &str, who: &str| {
        let full_name = full_name(who);
        let enrolments: Vec<String> = cards_of(who).iter().map(|card| format!("\"{card}.json\"")).collect();
        let enrolments = enrolments.join(", ");
        format!("[[{kind}]]\nname = \"{who}\"\nfull_name = \"{full_name}\"\nenrolments = [{enrolments}]\n")
    };
    let mut plan = String::from(
        "kind = \"genesis\"\ntitle = \"Genesis\"\nexpires_in_hours = 1\n\
         [policy]\nallow_soft_cards = true\ncopies = 2\nallow_same_medium = true\n",
    );
    for who in ALL {
        plan += &member("custodians", who);
    }
    plan += &member("administrators", "frank");
    plan += &member("witnesses", "grace");
    plan += "[[authorities]]\nname = \"crypto-officer\"\nthreshold = 2\n\
             [[authorities]]\nname = \"security-officer\"\nthreshold = 3\n\
             [operations]\ninventory = [\"crypto-officer\"]\ndelete = [\"crypto-officer\"]\n\
             reset = [\"security-officer\"]\nbackup = [\"crypto-officer\", \"security-officer\"]\n\
             restore = [\"crypto-officer\", \"security-officer\"]\n\
             [[targets]]\nname = \"hsm\"\nkind = \"pkcs11\"\nmodule = \"/nowhere/module.so\"\n\
             start = \"take-over\"\nlabel = \"lab\"\nserial = \"0001\"\n[targets.credentials]\n\
             so-pin = { authority = \"security-officer\", custody = \"held\" }\n\
             user-pin = { authority = \"crypto-officer\", custody = \"held\" }\n\
             backup-key = { authority = \"security-officer\", custody = \"held\" }\n";
    plan
}
