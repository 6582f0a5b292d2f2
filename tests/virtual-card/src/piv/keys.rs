//! Keys: made, imported, moved, described, attested.

use super::{MOVE, NEVER, PIN_ALWAYS, PIN_ONCE, managed};
use crate::{
    apdu::{Answer, Command, Sw},
    card::Core,
    certificate::{Certificate, Extension},
    der,
    key::{Algorithm, PrivateKey},
    manufacturer::{Attestation, YUBICO_PIV},
    memory::Slot,
    tlv::{elements, find, public_key_template, split, tlv},
};

const ATTESTATION: u8 = 0xF9;

fn is_slot(slot: u8) -> bool {
    matches!(slot, 0x9A | 0x9C | 0x9D | 0x9E | 0x82..=0x95 | ATTESTATION)
}

fn algorithm(core: &Core, number: u8) -> Result<Algorithm, Sw> {
    let algorithm = Algorithm::from_number(number).ok_or(Sw::WRONG_DATA)?;
    if algorithm.needs_5_7() && core.memory.firmware < MOVE {
        return Err(Sw::WRONG_DATA);
    }
    Ok(algorithm)
}

/// PIN and touch policy as asked for, or the slot's own.
fn policies(slot: u8, parts: &[(u8, &[u8])]) -> Result<(u8, u8), Sw> {
    let asked = |tag| match find(parts, tag) {
        None | Some([0]) => Ok(None),
        Some([policy @ 1..=3]) => Ok(Some(*policy)),
        Some(_) => Err(Sw::WRONG_DATA),
    };
    let usual = match slot {
        0x9C => PIN_ALWAYS,
        0x9E => NEVER,
        _ => PIN_ONCE,
    };
    Ok((asked(0xAA)?.unwrap_or(usual), asked(0xAB)?.unwrap_or(NEVER)))
}

/// Puts a key into a slot, over what was there.
fn store(core: &mut Core, number: u8, slot: Slot) -> Result<(), Sw> {
    let grows = !core.memory.slots.contains_key(&number);
    if grows && core.memory.used() + 200 > core.memory.capacity {
        return Err(Sw::NO_SPACE);
    }
    if number == ATTESTATION {
        let old = &core.memory.attestation;
        core.memory.attestation = Attestation::from_parts(slot.key.clone(), old.subject(), old.certificate());
    }
    core.memory.slots.insert(number, slot);
    Ok(())
}

/// GENERATE ASYMMETRIC KEY PAIR.
pub(super) fn generate(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    if !is_slot(command.p2) {
        return Err(Sw::WRONG_PARAMETERS);
    }
    let (0xAC, body, []) = split(&command.data).ok_or(Sw::WRONG_DATA)? else { return Err(Sw::WRONG_DATA) };
    let parts = elements(body).ok_or(Sw::WRONG_DATA)?;
    let Some([number]) = find(&parts, 0x80) else { return Err(Sw::WRONG_DATA) };
    let algorithm = algorithm(core, *number)?;
    let (pin_policy, touch_policy) = policies(command.p2, &parts)?;
    let key = PrivateKey::generate(algorithm);
    let answer = public_key_template(&key.public_template());
    store(core, command.p2, Slot { key, generated: true, pin_policy, touch_policy })?;
    Ok(answer)
}

/// Yubico's IMPORT KEY.
pub(super) fn import(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    if !is_slot(command.p2) {
        return Err(Sw::WRONG_PARAMETERS);
    }
    let algorithm = algorithm(core, command.p1)?;
    let parts = elements(&command.data).ok_or(Sw::WRONG_DATA)?;
    let secret = find(&parts, algorithm.import_tag()).ok_or(Sw::WRONG_DATA)?;
    let (pin_policy, touch_policy) = policies(command.p2, &parts)?;
    let key = PrivateKey::from_secret(algorithm, secret).ok_or(Sw::WRONG_DATA)?;
    store(core, command.p2, Slot { key, generated: false, pin_policy, touch_policy })?;
    Ok(Vec::new())
}

/// Yubico's MOVE KEY, from 5.7: to another slot, or to FF, which deletes.
pub(super) fn relocate(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    let (to, from) = (command.p1, command.p2);
    let movable = |slot| is_slot(slot) && slot != ATTESTATION;
    if !is_slot(from) || (to != 0xFF && (!movable(to) || !movable(from))) {
        return Err(Sw::WRONG_PARAMETERS);
    }
    if core.memory.slots.contains_key(&to) {
        return Err(Sw::CONDITIONS);
    }
    let slot = core.memory.slots.remove(&from).ok_or(Sw::REFERENCE_NOT_FOUND)?;
    if to != 0xFF {
        core.memory.slots.insert(to, slot);
    }
    Ok(Vec::new())
}

/// Yubico's GET METADATA.
pub(super) fn metadata(core: &mut Core, command: &Command) -> Answer {
    let memory = &core.memory;
    let reference = |reference: &crate::memory::Reference| {
        [tlv(1, &[0xFF]), tlv(5, &[u8::from(reference.default)]), tlv(6, &[reference.limit, reference.tries])]
            .concat()
    };
    match command.p2 {
        0x80 => Ok(reference(&memory.pin)),
        0x81 if memory.oddities.no_puk => Err(Sw::REFERENCE_NOT_FOUND),
        0x81 if memory.oddities.no_puk_tries => Ok([tlv(1, &[0xFF]), tlv(5, &[0]), tlv(6, &[0, 0])].concat()),
        0x81 => Ok(reference(&memory.puk)),
        0x9B => {
            let key = &memory.management;
            Ok([tlv(1, &[key.algorithm]), tlv(2, &[0, key.touch]), tlv(5, &[u8::from(key.is_default())])]
                .concat())
        }
        ATTESTATION if !memory.slots.contains_key(&ATTESTATION) => {
            let key = &memory.attestation.key;
            Ok(described(key, NEVER, NEVER, 2))
        }
        slot if is_slot(slot) => {
            let slot = memory.slots.get(&slot).ok_or(Sw::REFERENCE_NOT_FOUND)?;
            Ok(described(&slot.key, slot.pin_policy, slot.touch_policy, if slot.generated { 1 } else { 2 }))
        }
        _ => Err(Sw::REFERENCE_NOT_FOUND),
    }
}

fn described(key: &PrivateKey, pin: u8, touch: u8, origin: u8) -> Vec<u8> {
    [
        tlv(1, &[key.algorithm().number()]),
        tlv(2, &[pin, touch]),
        tlv(3, &[origin]),
        tlv(4, &key.public_template()),
    ]
    .concat()
}

/// Yubico's ATTEST: a certificate over a key that this card made.
pub(super) fn attest(core: &mut Core, command: &Command) -> Answer {
    let memory = &core.memory;
    if !is_slot(command.p1) || command.p1 == ATTESTATION {
        return Err(Sw::WRONG_PARAMETERS);
    }
    let slot = memory.slots.get(&command.p1).ok_or(Sw::REFERENCE_NOT_FOUND)?;
    if !slot.generated {
        return Err(Sw::WRONG_DATA);
    }
    let subject = format!("YubiKey PIV Attestation {:02x}", command.p1);
    let mut certificate = Certificate::new(memory.attestation.subject(), &subject, &slot.key.spki());
    let extension = |number: u8, value: &[u8]| Extension::new(&format!("{YUBICO_PIV}.{number}"), value);
    certificate.extensions = vec![
        extension(3, &memory.firmware.bytes()),
        extension(7, &der::integer(&memory.serial.to_be_bytes())),
        extension(8, &[slot.pin_policy, slot.touch_policy]),
        extension(9, &[1]),
    ];
    Ok(certificate.sign(&memory.attestation.key))
}
