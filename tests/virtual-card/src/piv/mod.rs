//! The PIV application: SP 800-73-4 and Yubico's extensions.

mod authenticate;
mod keys;
mod objects;
mod pin;
#[cfg(test)]
mod tests;

use crate::{
    apdu::{Answer, Command, Sw},
    card::{Core, Firmware},
};

pub(crate) use objects::certificate_id;

pub(crate) const AID: &[u8] = &[0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00];

/// The application property template that SELECT answers.
pub(crate) const SELECTED: &[u8] = &[
    0x61, 0x11, 0x4F, 0x06, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x79, 0x07, 0x4F, 0x05, 0xA0, 0x00, 0x00,
    0x03, 0x08,
];

/// Never on the wire: the command must be run again once a finger came.
pub(crate) const TOUCH: Sw = Sw(0);

/// Firmware that tells metadata.
const METADATA: Firmware = Firmware(5, 3, 0);
/// Firmware that moves keys.
const MOVE: Firmware = Firmware(5, 7, 0);

pub(crate) fn run(core: &mut Core, command: &Command) -> Answer {
    let firmware = core.memory.firmware;
    match command.ins {
        0x20 => pin::verify(core, command),
        0x24 => pin::change(core, command),
        0x2C => pin::unblock(core, command),
        0x47 => keys::generate(core, command),
        0x87 => authenticate::run(core, command),
        0xCB => objects::read(core, command),
        0xDB => objects::write(core, command),
        0xF6 if firmware >= MOVE => keys::relocate(core, command),
        0xF7 if firmware >= METADATA => keys::metadata(core, command),
        0xF8 if core.memory.oddities.hidden_serial => Err(Sw::UNKNOWN_INSTRUCTION),
        0xF8 if firmware >= Firmware(5, 0, 0) => Ok(core.memory.serial.to_be_bytes().to_vec()),
        0xF9 => keys::attest(core, command),
        0xFA => pin::set_tries(core, command),
        0xFB => pin::reset(core),
        0xFD => Ok(firmware.bytes().to_vec()),
        0xFE => keys::import(core, command),
        0xFF => authenticate::set_management_key(core, command),
        _ => Err(Sw::UNKNOWN_INSTRUCTION),
    }
}

/// The management key was proved.
fn managed(core: &Core) -> Result<(), Sw> {
    if core.session.managed { Ok(()) } else { Err(Sw::SECURITY_STATUS) }
}

/// A touch by this policy: given, cached, or asked for.
fn touched(core: &mut Core, policy: u8) -> Result<(), Sw> {
    use std::time::{Duration, Instant};
    let cached = core.session.touch_cached_until.is_some_and(|until| Instant::now() < until);
    match policy {
        ALWAYS_TOUCH if !core.session.touched => Err(TOUCH),
        CACHED_TOUCH if !core.session.touched && !cached => Err(TOUCH),
        CACHED_TOUCH if !cached => {
            core.session.touch_cached_until = Some(Instant::now() + Duration::from_secs(15));
            Ok(())
        }
        _ => Ok(()),
    }
}

const NEVER: u8 = 1;
const PIN_ONCE: u8 = 2;
const PIN_ALWAYS: u8 = 3;
const ALWAYS_TOUCH: u8 = 2;
const CACHED_TOUCH: u8 = 3;

/// The data of a command for the log, without what is secret in it.
pub(crate) fn shown(command: &Command) -> String {
    let secret = match command.ins {
        0x20 | 0x24 | 0x2C | 0xFE | 0xFF => true,
        // What is read with the PIN only: a management key, a companion.
        0xDB => objects::is_protected(command),
        _ => false,
    };
    if secret && !command.data.is_empty() {
        return format!("{} bytes", command.data.len());
    }
    base16ct::lower::encode_string(&command.data)
}
