//! PIN and PUK.

use super::managed;
use crate::{
    apdu::{Answer, Command, Sw},
    card::Core,
    memory::{Hex, Oddities, PIN, PUK, Reference},
};

/// VERIFY: with a PIN, without one (how many tries are left), or P1 = FF (forget).
pub(super) fn verify(core: &mut Core, command: &Command) -> Answer {
    match (command.p1, command.p2) {
        (0xFF, 0x80) if command.data.is_empty() => {
            core.session.pin_verified = false;
            core.session.pin_fresh = false;
            return Ok(Vec::new());
        }
        (0, 0x80) => {}
        (0, _) => return Err(Sw::REFERENCE_NOT_FOUND),
        _ => return Err(Sw::WRONG_PARAMETERS),
    }
    if command.data.is_empty() {
        return match core.memory.pin.tries {
            _ if core.session.pin_verified => Ok(Vec::new()),
            0 => Err(Sw::BLOCKED),
            tries => Err(Sw::wrong(tries)),
        };
    }
    if command.data.len() != 8 {
        return Err(Sw::WRONG_DATA);
    }
    let checked = check(&mut core.memory.pin, &command.data);
    core.session.pin_verified = checked.is_ok();
    core.session.pin_fresh = checked.is_ok();
    checked.map(|()| Vec::new())
}

/// Compares, and counts.
fn check(reference: &mut Reference, value: &[u8]) -> Result<(), Sw> {
    if reference.tries == 0 {
        return Err(Sw::BLOCKED);
    }
    if reference.value.0 == value {
        reference.tries = reference.limit;
        return Ok(());
    }
    // The try that blocks still tells a count, of nothing; from then on it is `BLOCKED`.
    reference.tries -= 1;
    Err(Sw::wrong(reference.tries))
}

/// Six to eight bytes, eight on the FIPS series, then FF only; nothing simple where PIN complexity is on.
fn accept(value: &[u8], oddities: Oddities) -> Result<(), Sw> {
    let length = value.iter().position(|byte| *byte == 0xFF).unwrap_or(value.len());
    let shortest = if oddities.fips { 8 } else { 6 };
    if !(shortest..=8).contains(&length) || value.iter().skip(length).any(|byte| *byte != 0xFF) {
        return Err(Sw::WRONG_DATA);
    }
    let pin = &value[..length];
    let simple: [&[u8]; 5] = [b"123456", b"12345678", b"654321", b"password", b"abc123"];
    if oddities.pin_complexity && (pin.iter().all(|byte| *byte == pin[0]) || simple.contains(&pin)) {
        return Err(Sw::CONDITIONS);
    }
    Ok(())
}

fn replace(reference: &mut Reference, value: &[u8], factory: &[u8]) {
    reference.value = Hex(value.to_vec());
    reference.tries = reference.limit;
    reference.default = value == factory;
}

/// CHANGE REFERENCE DATA: PIN or PUK, from the old one to a new one.
pub(super) fn change(core: &mut Core, command: &Command) -> Answer {
    let (old, new) = halves(command)?;
    let oddities = core.memory.oddities;
    let (reference, factory) = match command.p2 {
        0x80 => (&mut core.memory.pin, PIN),
        0x81 => (&mut core.memory.puk, PUK),
        _ => return Err(Sw::REFERENCE_NOT_FOUND),
    };
    check(reference, old)?;
    accept(new, oddities)?;
    replace(reference, new, factory);
    Ok(Vec::new())
}

/// RESET RETRY COUNTER: a new PIN, by the PUK.
pub(super) fn unblock(core: &mut Core, command: &Command) -> Answer {
    let (puk, new) = halves(command)?;
    if command.p2 != 0x80 {
        return Err(Sw::REFERENCE_NOT_FOUND);
    }
    check(&mut core.memory.puk, puk)?;
    accept(new, core.memory.oddities)?;
    replace(&mut core.memory.pin, new, PIN);
    Ok(Vec::new())
}

fn halves(command: &Command) -> Result<(&[u8], &[u8]), Sw> {
    match command.data.len() {
        16 => Ok(command.data.split_at(8)),
        _ => Err(Sw::WRONG_DATA),
    }
}

/// Yubico's SET PIN RETRIES: new limits, and both values back to the factory's.
pub(super) fn set_tries(core: &mut Core, command: &Command) -> Answer {
    managed(core)?;
    if !core.session.pin_verified {
        return Err(Sw::SECURITY_STATUS);
    }
    if command.p1 == 0 || command.p2 == 0 {
        return Err(Sw::WRONG_DATA);
    }
    core.memory.pin = Reference::factory(PIN, command.p1);
    core.memory.puk = Reference::factory(PUK, command.p2);
    Ok(Vec::new())
}

/// Yubico's RESET: only when PIN and PUK are blocked.
pub(super) fn reset(core: &mut Core) -> Answer {
    if core.memory.pin.tries > 0 || core.memory.puk.tries > 0 {
        return Err(Sw::CONDITIONS);
    }
    core.memory.reset();
    core.session.pin_verified = false;
    core.session.pin_fresh = false;
    core.session.managed = false;
    Ok(Vec::new())
}
