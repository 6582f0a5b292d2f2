//! GET DATA and PUT DATA.

use super::managed;
use crate::{
    apdu::{Answer, Command, Sw},
    card::Core,
    memory::Hex,
    tlv::{split, tlv},
};

/// What the card says about PINs: the application PIN, and no other.
const DISCOVERY: &[u8] = &[
    0x7E, 0x12, 0x4F, 0x0B, 0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x5F, 0x2F,
    0x02, 0x40, 0x00,
];

/// The largest object that a YubiKey takes.
const OBJECT: usize = 3063;

/// Read with the PIN only: fingerprints, printed information (the protected management key), face, iris.
const PROTECTED: [u32; 4] = [0x5F_C103, 0x5F_C109, 0x5F_C108, 0x5F_C121];

/// The object in which the certificate of a slot lies.
pub(crate) fn certificate_id(slot: u8) -> Option<u32> {
    match slot {
        0x9A => Some(0x5F_C105),
        0x9C => Some(0x5F_C10A),
        0x9D => Some(0x5F_C10B),
        0x9E => Some(0x5F_C101),
        0x82..=0x95 => Some(0x5F_C10D + u32::from(slot - 0x82)),
        0xF9 => Some(crate::memory::ATTESTATION_OBJECT),
        _ => None,
    }
}

/// The tag list: which object, and what follows.
fn object(command: &Command) -> Result<(u32, &[u8]), Sw> {
    if (command.p1, command.p2) != (0x3F, 0xFF) {
        return Err(Sw::WRONG_PARAMETERS);
    }
    let (0x5C, tag, rest) = split(&command.data).ok_or(Sw::WRONG_DATA)? else { return Err(Sw::WRONG_DATA) };
    if tag.is_empty() || tag.len() > 3 {
        return Err(Sw::WRONG_DATA);
    }
    Ok((tag.iter().fold(0, |id, byte| (id << 8) | u32::from(*byte)), rest))
}

/// Whether what is written can be read with the PIN only.
pub(super) fn is_protected(command: &Command) -> bool {
    object(command).is_ok_and(|(id, _)| PROTECTED.contains(&id))
}

pub(super) fn read(core: &mut Core, command: &Command) -> Answer {
    let (id, _) = object(command)?;
    if id == 0x7E {
        return Ok(DISCOVERY.to_vec());
    }
    if PROTECTED.contains(&id) && !core.session.pin_verified {
        return Err(Sw::SECURITY_STATUS);
    }
    let content = core.memory.objects.get(&id).ok_or(Sw::NOT_FOUND)?;
    Ok(tlv(0x53, &content.0))
}

pub(super) fn write(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    let (id, rest) = object(command)?;
    if !(0x5F_0000..=0x5F_FFFF).contains(&id) {
        return Err(Sw::WRONG_DATA);
    }
    let (0x53, content, []) = split(rest).ok_or(Sw::WRONG_DATA)? else { return Err(Sw::WRONG_DATA) };
    if content.len() > OBJECT {
        return Err(Sw::NO_SPACE);
    }
    let old = core.memory.objects.remove(&id);
    if content.is_empty() {
        return Ok(Vec::new());
    }
    if core.memory.used() + content.len() > core.memory.capacity {
        core.memory.objects.extend(old.map(|old| (id, old)));
        return Err(Sw::NO_SPACE);
    }
    core.memory.objects.insert(id, Hex(content.to_vec()));
    Ok(Vec::new())
}
