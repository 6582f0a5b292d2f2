//! `quorate card list`, and `quorate card show` of a YubiKey: what is on it, read without a PIN.

use serde_json::{Value, json};

use super::super::{
    Done,
    proof::Proof,
    terminal::{Terminal, counted},
    wiring,
};
use crate::{
    ceremony::Error,
    piv::{self, Beside, CardInventory, Seen, Slot, SlotKey},
    ports::clock::Clock as _,
    roster::attestation::{self, AttestationError, Certificate, KeyUse, SubjectKey, Trust},
    storage::SystemClock,
};

/// Every reader with what is in it.
pub fn list(terminal: Terminal) -> Result<Done, Error> {
    let seen = piv::readers(&wiring::attention(terminal))?;
    if seen.is_empty() {
        terminal.tell("No smart card reader is there.");
    }
    for found in &seen {
        terminal.tell(&format!("Reader {}", found.reader));
        match &found.card {
            Ok(card) => tell(card, terminal),
            Err(reason) => terminal.item(reason),
        }
    }
    let readers: Vec<Value> = seen.iter().map(seen_json).collect();
    Ok(Done::ok(json!({ "readers": readers })))
}

/// One YubiKey, with what it attests of its keys.
pub fn show(serial: Option<u32>, trust: &Trust, terminal: Terminal) -> Result<Done, Error> {
    let card = piv::inventory(serial, &wiring::attention(terminal))?;
    terminal.tell(&format!("Reader {}", card.reader));
    tell(&card, terminal);
    let proof = prove(&card, trust).unwrap_or_else(Proof::from);
    proof.tell(&format!("yubikey:{}", card.serial), terminal);
    let mut json = card_json(&card);
    if let Some(object) = json.as_object_mut() {
        object.insert("attestation".into(), proof.json());
    }
    Ok(Done::ok(json))
}

/// Each key that a ceremony uses is attested by the card, now. Policies and firmware are shown, not judged.
fn prove(card: &CardInventory, trust: &Trust) -> Result<Proof, AttestationError> {
    let none = || Proof::None("nothing attests its keys");
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
        proof = Proof::Verified {
            facts: format!("its {plural} were made on the card{form}, firmware {}", attested.firmware()),
            firmware: attested.firmware(),
            authority: attested.authority(),
            marking: attested.marking(),
        };
    }
    Ok(proof)
}

/// In words.
pub fn tell(card: &CardInventory, terminal: Terminal) {
    terminal.item(&format!("YubiKey {}, firmware {}", card.serial, card.firmware));
    let delivered = |is_default: bool| if is_default { ", as delivered" } else { "" };
    terminal.item(&format!("PIN           {}{}", tries(card.pin.tries_left), delivered(card.pin.is_default)));
    match card.puk {
        None => terminal.item("PUK           none: once the PIN is blocked, nobody can set a new one"),
        Some(puk) => {
            terminal.item(&format!("PUK           {}{}", tries(puk.tries_left), delivered(puk.is_default)));
            if puk.tries_left == 0 {
                terminal.item("              if the PIN is blocked too, nobody can set a new one");
            }
        }
    }
    match (card.pin_rules.wants_eight, card.pin_rules.refuses_simple) {
        (false, false) => {}
        (true, false) => terminal.item("PIN rules     exactly 8 characters (FIPS series)"),
        (false, true) => terminal.item("PIN rules     no simple ones (PIN complexity is on)"),
        (true, true) => {
            terminal.item(
                "PIN rules     exactly 8 characters (FIPS series), no simple ones (PIN complexity is on)",
            );
        }
    }
    let kept = match (card.management_is_default, card.management_is_protected) {
        (true, _) => "as delivered",
        (false, true) => "kept under the PIN",
        (false, false) => "kept by somebody",
    };
    let touch = if card.management_touch { ", requires a touch" } else { "" };
    terminal.item(&format!("management    {}, {kept}{touch}", card.management_algorithm));
    for (key, beside) in &card.keys {
        let certificate = match beside {
            Beside::Certificate => "certificate",
            Beside::Nothing => "no certificate",
            Beside::Other => "something else than its certificate",
        };

        terminal.item(&format!(
            "slot {}       {}, {}, PIN {}, touch {}, {certificate}{}",
            key.slot,
            key.algorithm(),
            key.origin(),
            key.pin_policy(),
            key.touch_policy(),
            serves(card, key)
        ));
        if let Some(name) = card.names.get(&key.slot) {
            terminal.item(&format!("              \"{name}\""));
        }
    }
    for slot in &card.unknown {
        terminal.item(&format!("slot {slot}       a key of a kind or policy that is not known here"));
    }
    for slot in &card.lone {
        let name = card.names.get(slot).map_or_else(String::new, |name| format!(" of \"{name}\""));
        terminal.item(&format!("slot {slot}       no key, a certificate{name}"));
    }
    let missing = card.missing();
    if missing.is_empty() {
        terminal.item("It can serve.");
    } else {
        terminal.item("To serve as a card of a quorum:");
        missing.iter().for_each(|what| terminal.item(&format!("- {what}")));
    }
    for against in card.production() {
        terminal.item(&format!("Not in production: {against}"));
    }
}

fn tries(left: u32) -> String {
    match left {
        0 => "blocked".into(),
        left => format!("{} left", counted(usize::try_from(left).unwrap_or(usize::MAX), "try", "tries")),
    }
}

fn serves(card: &CardInventory, key: &SlotKey) -> &'static str {
    match (card.signing_key() == Some(key), card.share_key() == Some(key), card.is_made_here(key)) {
        (true, _, true) => ": signing key",
        (true, _, false) => ": signing key, not made by quorate",
        (_, true, true) => ": share key",
        (_, true, false) => ": share key, not made by quorate",
        _ => "",
    }
}

fn seen_json(found: &Seen) -> Value {
    match &found.card {
        Ok(card) => json!({ "reader": found.reader, "card": card_json(card), "reason": null }),
        Err(reason) => json!({ "reader": found.reader, "card": null, "reason": reason }),
    }
}

/// The object of `--json`.
pub fn card_json(card: &CardInventory) -> Value {
    let signing = card.signing_key().and_then(SlotKey::signing_key);
    let slots: Vec<Value> = card
        .keys
        .iter()
        .map(|(key, beside)| {
            json!({
                "slot": key.slot.to_string(),
                "algorithm": key.algorithm(),
                "origin": key.origin(),
                "pin_policy": key.pin_policy(),
                "touch_policy": key.touch_policy(),
                "certificate": *beside == Beside::Certificate,
                "certificate_name": card.names.get(&key.slot),
                "made_by_quorate": card.is_made_here(key),
            })
        })
        .collect();
    json!({
        "kind": "yubikey",
        "serial": card.serial,
        "keyid": signing.as_ref().map(crate::roster::key::PublicKey::keyid),
        "algorithm": signing.as_ref().map(crate::roster::key::PublicKey::algorithm),
        "share_recipient": card.share_key().and_then(SlotKey::recipient).map(|r| r.to_string()),
        "tries_left": card.pin.tries_left,
        "firmware": card.firmware,
        "reader": card.reader,
        "pin_is_default": card.pin.is_default,
        "puk_tries_left": card.puk.map(|puk| puk.tries_left),
        "puk_is_default": card.puk.map(|puk| puk.is_default),
        "pin_rules": {
            "wants_eight": card.pin_rules.wants_eight,
            "refuses_simple": card.pin_rules.refuses_simple,
        },
        "management_algorithm": card.management_algorithm,
        "management_is_default": card.management_is_default,
        "management_is_protected": card.management_is_protected,
        "management_touch": card.management_touch,
        "slots": slots,
        "unknown": card.unknown.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "certificates_without_key": card.lone.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "missing": card.missing(),
        "production": card.production(),
    })
}
