//! `quorate card attestation`.

use std::path::Path;

use super::{
    args::{CardAttestation, TrustArgs},
    done::Done,
    exit::Exit,
    proof::UNMARKED,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::card::{AttestationJudged, AttestationRefused, AttestationVerified, AttestationsJudged},
    ceremony::Error,
    encoding::{text, time::Timestamp},
    ports::clock::Clock as _,
    roster::attestation::{
        self, AttestationError, Bundled, Certificate, Firmware, Marking, SubjectKey, Trust, TrustAnchor,
        VerifiedAttestation,
    },
    storage::SystemClock,
};

/// What is in the files.
#[derive(Default)]
struct Given {
    slots: Vec<Certificate>,
    others: Vec<Certificate>,
    keys: Vec<SubjectKey>,
}

pub fn run(args: &CardAttestation, terminal: Terminal) -> Result<Done, Error> {
    let mut given = Given::default();
    for path in &args.files {
        given.take(path, &read(path)?)?;
    }
    if given.slots.is_empty() {
        return Err(Error::refused(
            "none of the files is an attestation of a slot's key",
            "get one from the card: ykman piv keys attest 9c key.pem",
        ));
    }
    let mut trust = trust(&args.trust)?;
    // Another slot's attestation ends no chain and carries none; it is here so that the refusal can say so.
    given.others.iter().chain(&given.slots).for_each(|certificate| trust.add(certificate.clone()));
    let at = SystemClock.now();
    let mut verified = true;
    let mut attestations = Vec::new();
    for slot in &given.slots {
        let judged = given.judge(slot, &trust, at);
        verified &= judged.is_ok();
        attestations.push(tell(terminal, slot, &judged));
    }
    let verdict = if verified { "verified" } else { "refused" };
    let exit = if verified { Exit::Done } else { Exit::Refused };
    Ok(Done::new(exit, AttestationsJudged { verdict, attestations }))
}

/// Yubico's authorities and those that were named, with the certificates of a file.
pub fn trust(args: &TrustArgs) -> Result<Trust, Error> {
    let mut pins = Vec::new();
    for digest in &args.trust {
        pins.extend(wiring::paper("--trust", Some(digest))?);
    }
    let mut trust = Trust::new(&pins);
    if let Some(path) = &args.roots {
        for entry in read(path)? {
            if let Bundled::Certificate(certificate) = entry {
                trust.add(*certificate);
            }
        }
    }
    Ok(trust)
}

fn read(path: &Path) -> Result<Vec<Bundled>, Error> {
    attestation::read_bundle(&wiring::read_file(path, attestation::MAX_BUNDLE)?).map_err(|error| {
        Error::refused(
            format!("{}: {error}", text::printable(&path.to_string_lossy())),
            "give X.509 certificates and public keys, in PEM or DER",
        )
    })
}

impl Given {
    fn take(&mut self, path: &Path, entries: &[Bundled]) -> Result<(), Error> {
        for entry in entries {
            match entry {
                Bundled::Certificate(c) if c.claimed_slot().is_some() => self.slots.push((**c).clone()),
                Bundled::Certificate(c) => self.others.push((**c).clone()),
                Bundled::PublicKey(spki) => self.keys.push(SubjectKey::from_spki(spki).map_err(|what| {
                    Error::refused(
                        format!("{}: {what}", text::printable(&path.to_string_lossy())),
                        "give the public key as SubjectPublicKeyInfo",
                    )
                })?),
            }
        }
        Ok(())
    }

    fn judge(
        &self,
        slot: &Certificate,
        trust: &Trust,
        at: Timestamp,
    ) -> Result<VerifiedAttestation, Refusal> {
        let issuers: Vec<Certificate> = self.others.iter().chain(&self.slots).cloned().collect();
        let attested = attestation::verify_among(slot, &issuers, trust, at).map_err(Refusal::Attestation)?;
        if !self.keys.is_empty() && !self.keys.contains(attested.key()) {
            return Err(Refusal::OtherKey);
        }
        Ok(attested)
    }
}

enum Refusal {
    Attestation(AttestationError),
    OtherKey,
}

impl Refusal {
    fn reason(&self) -> String {
        match self {
            Self::Attestation(error) => error.to_string(),
            Self::OtherKey => "it attests a key other than the one that was given".into(),
        }
    }

    const fn hint(&self) -> &'static str {
        match self {
            Self::Attestation(error) => error.hint(),
            Self::OtherKey => "give the public key that the card should have",
        }
    }
}

/// Says what came of one, and gives its part of the account.
fn tell(
    terminal: Terminal,
    slot: &Certificate,
    judged: &Result<VerifiedAttestation, Refusal>,
) -> AttestationJudged {
    match judged {
        Ok(attested) => {
            terminal.tell(&format!("VERIFIED: {}", slot.subject()));
            facts(attested).iter().for_each(|fact| terminal.item(fact));
            AttestationJudged::Verified(AttestationVerified {
                sha256: slot.digest(),
                subject: slot.subject().to_owned(),
                reason: None,
                slot: attested.slot(),
                key: attested.key().algorithm().to_owned(),
                key_sha256: attested.key_digest(),
                serial: attested.serial(),
                firmware: attested.firmware(),
                pin_policy: attested.pin_policy(),
                touch_policy: attested.touch_policy(),
                form_factor: attested.form_factor().map(|form| form.to_string()),
                fips: attested.is_fips(),
                authority: match attested.authority() {
                    TrustAnchor::Yubico(name) => Some(name),
                    TrustAnchor::Other => None,
                },
                chain: attested.chain().to_vec(),
                card_is_marked: attested.marking() == Marking::TrustAnchor,
            })
        }
        Err(refusal) => {
            terminal.tell(&format!("REFUSED: {}: {}", slot.subject(), refusal.reason()));
            terminal.item(&format!("SHA-256 {}", slot.digest()));
            terminal.item(&format!("hint: {}", refusal.hint()));
            AttestationJudged::Refused(AttestationRefused {
                sha256: slot.digest(),
                subject: slot.subject().to_owned(),
                reason: refusal.reason(),
            })
        }
    }
}

fn facts(attested: &VerifiedAttestation) -> Vec<String> {
    let mut card = attested.serial().map_or_else(|| "without a serial".to_owned(), |n| format!("serial {n}"));
    card.extend(attested.form_factor().map(|form| format!(", {form}")));
    card.push_str(if attested.is_fips() { ", FIPS series" } else { "" });
    let firmware = attested.firmware();
    let weak = if firmware < Firmware::WITHOUT_EUCLEAK {
        ": anyone who takes it apart can read its ECDSA keys (EUCLEAK)"
    } else {
        ""
    };
    let mut facts = vec![
        format!("card          {card}"),
        format!("firmware      {firmware}{weak}"),
        format!("slot          {}", attested.slot()),
        format!("key           {}, SHA-256", attested.key().algorithm()),
        format!("  {}", attested.key_digest()),
        "generated     on the card".to_owned(),
        format!("PIN           {}", attested.pin_policy()),
        format!("touch         {}", attested.touch_policy()),
    ];
    facts.push("chain         from the slot up, each signed by the next:".into());
    for link in attested.chain() {
        facts.push(format!("  {}, until {}", link.subject, link.not_after));
        facts.push(format!("    {}", link.sha256));
    }
    if attested.marking() == Marking::RootOnly {
        facts.push(format!("note          {UNMARKED}"));
    }
    facts.push(match attested.authority() {
        TrustAnchor::Yubico(name) => format!("ends with     {name}, as Yubico published it"),
        TrustAnchor::Other => "ends with     an authority that --trust named".into(),
    });
    facts
}
