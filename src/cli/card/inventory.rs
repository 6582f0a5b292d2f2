//! `quorate card list`, and `quorate card show` of a YubiKey: what is on it, read without a PIN.

use super::super::{account, done::Done, proof::KeyOrigin, terminal::Terminal, wiring};
use crate::{
    account::card::{PinRulesSeen, ReaderSeen, Readers, SlotNamed, SlotSeen, YubikeySeen},
    ceremony::Error,
    piv::{self, CardInventory, CertificateBeside, ReaderContents, Slot, SlotKey},
    ports::clock::Clock as _,
    roster::{
        attestation::{self, AttestationError, Certificate, KeyUse, SubjectKey, Trust},
        card::CardKind,
        key::PublicKey,
    },
    storage::SystemClock,
};

pub fn list(terminal: Terminal) -> Result<Done, Error> {
    let seen = piv::readers(&wiring::attention(terminal))?;
    if seen.is_empty() {
        terminal.tell("No smart card reader is there.");
    }
    let mut readers = Vec::new();
    for ReaderContents { reader, card } in seen {
        let (card, reason) = match card {
            Ok(card) => (Some(self::seen(&card)), None),
            Err(reason) => (None, Some(reason)),
        };
        match (&card, &reason) {
            (Some(card), _) => tell(card, terminal),
            (None, reason) => {
                terminal.tell(&format!("Reader {reader}"));
                terminal.item(reason.as_deref().unwrap_or_default());
            }
        }
        readers.push(ReaderSeen { reader, card, reason });
    }
    Ok(Done::ok(Readers { readers }))
}

/// One YubiKey, with what it attests of its keys.
pub fn show(serial: Option<u32>, trust: &Trust, terminal: Terminal) -> Result<Done, Error> {
    let card = piv::inventory(serial, &wiring::attention(terminal))?;
    let mut seen = seen(&card);
    tell(&seen, terminal);
    let proof = prove(&card, trust).unwrap_or_else(KeyOrigin::from);
    proof.tell(&format!("yubikey:{}", card.serial), terminal);
    seen.attestation = Some(proof.seen());
    Ok(Done::ok(seen))
}

/// Each key that a ceremony uses is attested by the card, now. Policies and firmware are shown, not judged.
fn prove(card: &CardInventory, trust: &Trust) -> Result<KeyOrigin, AttestationError> {
    let none = || KeyOrigin::None("nothing attests its keys");
    let Some((device, keys)) = &card.attestation else { return Ok(none()) };
    let device = Certificate::from_der(device)?;
    let mut proof = none();
    for (key, certificate) in keys {
        let slot = Certificate::from_der(certificate)?;
        let attested = attestation::verify(&slot, &device, trust, SystemClock.now())?;
        let found = attested.serial().map_or_else(|| "without a serial".to_owned(), |n| n.to_string());
        if found != card.serial.as_str() {
            let (slot, enrolled) = (attested.slot(), card.serial.clone());
            return Err(AttestationError::OtherCard { slot, found, enrolled });
        }
        if SubjectKey::from_spki(key.spki()).as_ref() != Ok(attested.key())
            || attested.slot().to_string() != key.slot.to_string()
        {
            let purpose = if key.slot == Slot::SIGNING { KeyUse::Signing } else { KeyUse::Share };
            return Err(AttestationError::OtherKey(attested.slot(), purpose));
        }
        let plural = if keys.len() > 1 { "keys" } else { "key" };
        let form = attested.form_factor().map_or_else(String::new, |form| format!(" ({form})"));
        proof = KeyOrigin::Verified {
            facts: format!("its {plural} were made on the card{form}, firmware {}", attested.firmware()),
            firmware: attested.firmware(),
            authority: attested.authority(),
            marking: attested.marking(),
        };
    }
    Ok(proof)
}

pub fn tell(card: &YubikeySeen, terminal: Terminal) {
    terminal.tell(&format!("Reader {}", card.reader));
    account::print(terminal, &card.rows());
}

pub fn seen(card: &CardInventory) -> YubikeySeen {
    let signing = card.signing_key().and_then(SlotKey::signing_key);
    let name =
        |slot| card.names.get(slot).map(|name| SlotNamed { slot: slot.to_string(), name: name.clone() });
    YubikeySeen {
        kind: CardKind::Yubikey,
        serial: card.serial.clone(),
        keyid: signing.as_ref().map(PublicKey::keyid),
        algorithm: signing.as_ref().map(|key| key.algorithm().to_owned()),
        share_recipient: card.share_key().and_then(SlotKey::recipient),
        companion: card.companion(),
        tries_left: card.pin.tries_left,
        firmware: card.firmware.clone(),
        reader: card.reader.clone(),
        pin_is_default: card.pin.is_default,
        puk_tries_left: card.puk.map(|puk| puk.tries_left),
        puk_is_default: card.puk.map(|puk| puk.is_default),
        pin_rules: PinRulesSeen {
            wants_eight: card.pin_rules.wants_eight,
            refuses_simple: card.pin_rules.refuses_simple,
        },
        management_algorithm: card.management_algorithm.to_owned(),
        management_is_default: card.management_is_default,
        management_is_protected: card.management_is_protected,
        management_touch: card.management_touch,
        slots: card.keys.iter().map(|(key, beside)| slot(card, key, *beside)).collect(),
        unknown: card.unknown.iter().map(ToString::to_string).collect(),
        certificates_without_key: card.lone.iter().map(ToString::to_string).collect(),
        names_without_key: card.lone.iter().filter_map(name).collect(),
        missing: card.missing(),
        production: card.production(),
        attestation: None,
    }
}

fn slot(card: &CardInventory, key: &SlotKey, beside: CertificateBeside) -> SlotSeen {
    SlotSeen {
        slot: key.slot.to_string(),
        algorithm: key.algorithm(),
        origin: if key.generated { "generated" } else { "imported" },
        pin_policy: key.pin_policy(),
        touch_policy: key.touch_policy(),
        purpose: match (card.signing_key() == Some(key), card.share_key() == Some(key)) {
            (true, _) => Some("signing key"),
            (_, true) => Some("share key"),
            _ => None,
        },
        certificate: beside == CertificateBeside::Certificate,
        beside: match beside {
            CertificateBeside::Certificate => "certificate",
            CertificateBeside::Nothing => "no certificate",
            CertificateBeside::Other => "something else than its certificate",
        },
        certificate_name: card.names.get(&key.slot).cloned(),
        made_by_quorate: card.is_made_here(key),
    }
}
