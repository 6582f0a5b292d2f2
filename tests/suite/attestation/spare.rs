//! A genesis of which one card, Alice's second, has an enrolment that a test makes: its keys are the test's, so that every lie can be
//! told.

use std::fs;

use p256::ecdsa::signature::Signer as _;
use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, pae},
        strict::{self, Base64},
        text::{Line, Name},
        time::Timestamp,
    },
    roster::{
        card::{CardKind, ENROLMENT_TYPE, Enrolment, EnrolmentFile},
        key::PublicKey,
    },
    sealing::{
        companion::CompanionedRecipient, hybrid::HybridIdentity, piv_p256::PivRecipient,
        recipient::ShareRecipient,
    },
};

use crate::support::{
    certificates::{Issuer, Pair, Yubikey, pem},
    founded::{genesis, practice_target},
    quorum::{CUSTODIANS, Quorum, Ran},
};

/// A second card of Alice's, with everything that its enrolment will say.
pub(super) struct Spare {
    pub(super) card: Yubikey,
    pub(super) serial: String,
    pub(super) signing: p256::ecdsa::SigningKey,
    pub(super) share: p256::ecdsa::SigningKey,
    /// f9, signing key, share key, others.
    pub(super) certificates: Vec<Vec<u8>>,
    pub(super) created: &'static str,
    pub(super) kind: CardKind,
}

pub(super) fn root() -> Issuer {
    Issuer::root("Test PIV Root", Pair::p256("genesis root"))
}

pub(super) fn secret(seed: &str) -> p256::ecdsa::SigningKey {
    p256::ecdsa::SigningKey::from_slice(Digest::of(seed.as_bytes()).as_bytes()).unwrap()
}

impl Spare {
    pub(super) fn new() -> Self {
        Self::of(Yubikey::made_by(&root(), 12_345_678, [5, 7, 1]))
    }

    pub(super) fn of(card: Yubikey) -> Self {
        let (signing, share) = (secret("signing"), secret("share"));
        let certificates = vec![
            card.f9.certificate.clone(),
            card.attest("9c", &Pair::P256(signing.clone())),
            card.attest("82", &Pair::P256(share.clone())),
        ];
        let serial = card.serial.to_string();
        Self {
            card,
            serial,
            signing,
            share,
            certificates,
            created: "2026-01-01T09:00:00Z",
            kind: CardKind::Yubikey,
        }
    }

    /// With another attestation in this place.
    pub(super) fn with(mut self, place: usize, certificate: Vec<u8>) -> Self {
        self.certificates[place] = certificate;
        self
    }

    pub(super) fn file(&self, holder: &str, share: bool) -> EnrolmentFile {
        let full_name = format!("{}{} Example", holder[..1].to_uppercase(), &holder[1..]);
        self.file_of(holder, &full_name, share)
    }

    pub(super) fn file_of(&self, holder: &str, full_name: &str, share: bool) -> EnrolmentFile {
        let key = PublicKey::from_p256(*self.signing.verifying_key()).unwrap();
        let companion = HybridIdentity::from_seed(&[0x5a; 32]).unwrap();
        let recipient = match self.kind {
            CardKind::Yubikey => ShareRecipient::Yubikey(CompanionedRecipient {
                key: PivRecipient::new(self.share.verifying_key().into()).unwrap(),
                companion: companion.recipient(),
            }),
            CardKind::Soft => ShareRecipient::Hybrid(companion.recipient()),
        };
        let recipient = share.then_some(recipient);
        let enrolment = Enrolment {
            holder: Name::new(holder).unwrap(),
            full_name: Line::lossy(full_name),
            kind: self.kind,
            serial: Line::lossy(&self.serial),
            signing_key: key.clone(),
            share_recipient: recipient.as_ref().map(ShareRecipient::digest),
            created: Timestamp::parse(self.created).unwrap(),
            attestation: self.certificates.iter().map(|der| Digest::of(der)).collect(),
        };
        let payload = strict::write(&enrolment);
        let signature: p256::ecdsa::Signature = self.signing.sign(&pae(ENROLMENT_TYPE, &payload));
        let signature = signature.normalize_s().to_der().as_bytes().to_vec();
        let statement = Envelope::new(ENROLMENT_TYPE.into(), payload, key.keyid(), signature);
        let attestation = self.certificates.iter().map(|der| Base64(der.clone())).collect();
        EnrolmentFile { statement, share_recipient: recipient, attestation }
    }

    /// Proposes a genesis in which this is Alice's spare card, under a policy of these lines.
    pub(super) fn propose(&self, policy: &str) -> (Quorum, Ran) {
        let quorum = Quorum::of(5).everybody().enrolled();
        fs::write(quorum.path("enrolments/alice-spare.json"), self.file("alice", true).write()).unwrap();
        let ran = propose(&quorum, policy);
        (quorum, ran)
    }

    /// Proposes with the test's root pinned, and wants it refused with these words; nothing is in the ledger then.
    #[track_caller]
    pub(super) fn refused(&self, words: &str) {
        let (quorum, ran) = self.propose(&pinned());
        expect_refusal(&quorum, ran, words);
    }
}

#[track_caller]
pub(super) fn expect_refusal(quorum: &Quorum, ran: Ran, words: &str) {
    let ran = ran.expect(3);
    assert!(ran.error().contains(words), "{}", ran.error());
    assert!(ran.error().contains("alice"), "{}", ran.error());
    assert!(!ran.json["error"]["hint"].as_str().unwrap().is_empty());
    assert!(!quorum.path("ledger/0000-genesis").exists());
}

pub(super) fn propose(quorum: &Quorum, policy: &str) -> Ran {
    fs::write(quorum.path("plans/roots.pem"), pem("CERTIFICATE", &root().certificate)).unwrap();
    let mut plan = genesis(quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    for line in policy.lines() {
        plan = plan.policy(line);
    }
    quorum.propose(&plan.text())
}

/// The lines that believe the test's root.
pub(super) fn pinned() -> String {
    format!("attestation_roots = [\"{}\"]\nattestation_certificates = \"roots.pem\"\n", root().digest())
}

/// Runs a proposed genesis to its end and audits it; the roster's warnings.
pub(super) fn audited(quorum: &Quorum, genesis: &str) -> Vec<String> {
    // Nothing beside the ledger is needed any more.
    fs::remove_file(quorum.path("plans/roots.pem")).unwrap();
    for name in CUSTODIANS {
        quorum.approve(name).ok();
    }
    let head = quorum.execute().ok().text("head");
    let audit = quorum.audit(genesis, &head).ok();
    let findings = audit.json["findings"].as_array().unwrap();
    let of_roster = findings.iter().filter(|f| f["code"] == "roster-warning");
    of_roster.map(|f| f["message"].as_str().unwrap().to_owned()).collect()
}
