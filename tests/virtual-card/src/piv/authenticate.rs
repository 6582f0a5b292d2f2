//! GENERAL AUTHENTICATE: proofs of the management key, signatures, key agreement.

use super::{PIN_ALWAYS, PIN_ONCE, managed, touched};
use crate::{
    apdu::{Answer, Command, Sw},
    card::Core,
    management_key::ManagementKey,
    memory::Hex,
    tlv::{elements, find, split, tlv},
};

const WITNESS: u8 = 0x80;
const CHALLENGE: u8 = 0x81;
const RESPONSE: u8 = 0x82;
const EXPONENTIATION: u8 = 0x85;

pub(super) fn run(core: &mut Core, command: &Command) -> Answer {
    let (0x7C, body, []) = split(&command.data).ok_or(Sw::WRONG_DATA)? else { return Err(Sw::WRONG_DATA) };
    let parts = elements(body).ok_or(Sw::WRONG_DATA)?;
    if command.p2 == 0x9B {
        return management(core, command.p1, &parts);
    }
    use_key(core, command, &parts)
}

/// The two ways to prove the management key: mutual (the card's witness, then a challenge to the card), and one-sided
/// (a challenge of the card).
fn management(core: &mut Core, algorithm: u8, parts: &[(u8, &[u8])]) -> Answer {
    let key = core.memory.management.clone();
    // 00 stands for 3DES in the standard.
    if algorithm != key.algorithm && !(algorithm == 0 && key.algorithm == 3) {
        return Err(Sw::WRONG_DATA);
    }
    let (witness, challenge) = (find(parts, WITNESS), find(parts, CHALLENGE));
    match (witness, challenge, find(parts, RESPONSE)) {
        (Some([]), None, None) => {
            let witness = random(key.block_length());
            let encrypted = key.encrypt(&witness).ok_or(Sw::WRONG_DATA)?;
            core.session.expected = Some(witness);
            Ok(tlv(0x7C, &tlv(WITNESS, &encrypted)))
        }
        (Some(witness), Some(challenge), _) => {
            touched(core, key.touch)?;
            prove(core, witness)?;
            let encrypted = key.encrypt(challenge).ok_or(Sw::WRONG_DATA)?;
            Ok(tlv(0x7C, &tlv(RESPONSE, &encrypted)))
        }
        (None, Some([]), None) => {
            let challenge = random(key.block_length());
            core.session.expected = key.encrypt(&challenge);
            Ok(tlv(0x7C, &tlv(CHALLENGE, &challenge)))
        }
        (None, None, Some(response)) => {
            touched(core, key.touch)?;
            prove(core, response)?;
            Ok(Vec::new())
        }
        _ => Err(Sw::WRONG_DATA),
    }
}

fn random(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    getrandom::fill(&mut bytes).expect("the operating system has random numbers");
    bytes
}

/// One answer for one challenge.
fn prove(core: &mut Core, answer: &[u8]) -> Result<(), Sw> {
    let expected = core.session.expected.take().ok_or(Sw::CONDITIONS)?;
    core.session.managed = expected == answer;
    managed(core)
}

/// A signature or key agreement by a slot's key, as its policies have it.
fn use_key(core: &mut Core, command: &Command, parts: &[(u8, &[u8])]) -> Answer {
    let slot = core.memory.slots.get(&command.p2).cloned().ok_or(Sw::WRONG_DATA)?;
    if command.p2 == 0xF9 || slot.key.algorithm().number() != command.p1 {
        return Err(Sw::WRONG_DATA);
    }
    let allowed = match slot.pin_policy {
        PIN_ALWAYS => core.session.pin_fresh,
        PIN_ONCE => core.session.pin_verified,
        _ => true,
    };
    // The same command after its touch has passed this already.
    if !allowed && !core.session.touched {
        return Err(Sw::SECURITY_STATUS);
    }
    core.session.pin_fresh = false;
    touched(core, slot.touch_policy)?;
    let result = match (find(parts, CHALLENGE), find(parts, EXPONENTIATION)) {
        (Some(data), None) => slot.key.sign_raw(data),
        (None, Some(point)) => slot.key.agree(point),
        _ => None,
    };
    let result = result.ok_or(Sw::WRONG_DATA)?;
    Ok(tlv(0x7C, &tlv(RESPONSE, &result)))
}

/// Yubico's SET MANAGEMENT KEY.
pub(super) fn set_management_key(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    let touch = match (command.p1, command.p2) {
        (0xFF, 0xFF) => 1,
        (0xFF, 0xFE) => 2,
        (0xFF, 0xFD) => 3,
        _ => return Err(Sw::WRONG_PARAMETERS),
    };
    let [algorithm, 0x9B, length, key @ ..] = command.data.as_slice() else { return Err(Sw::WRONG_DATA) };
    let right = ManagementKey::length(*algorithm).ok_or(Sw::WRONG_DATA)?;
    if key.len() != right || usize::from(*length) != right {
        return Err(Sw::WRONG_DATA);
    }
    core.memory.management = ManagementKey { algorithm: *algorithm, key: Hex(key.to_vec()), touch };
    Ok(Vec::new())
}
