//! The management and OTP applications: only what tells serial number and capabilities.

use crate::{
    apdu::{Answer, Command, Sw},
    card::{Core, Firmware},
    tlv::tlv,
};

pub(crate) const AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x47, 0x11, 0x17];
pub(crate) const OTP_AID: &[u8] = &[0xA0, 0x00, 0x00, 0x05, 0x27, 0x20, 0x01, 0x01];

/// OTP, for the serial number, and PIV: this card has nothing else.
const CAPABILITIES: [u8; 2] = [0x00, 0x11];

pub(crate) fn greeting(firmware: Firmware) -> Vec<u8> {
    format!("Virtual mgr - FW version {firmware}").into_bytes()
}

/// Version, no configured slots, no touch level.
pub(crate) fn otp_status(firmware: Firmware) -> Vec<u8> {
    [firmware.bytes().as_slice(), &[0, 0, 0]].concat()
}

pub(crate) fn run(core: &mut Core, command: &Command) -> Answer {
    match (command.ins, command.p1) {
        (0x1D, 0) => Ok(device_info(core)),
        (0x1D, 1) if tells_rules(core) => Ok(second_page(core)),
        // Further pages, of which there are none.
        (0x1D, _) => Err(Sw::WRONG_PARAMETERS),
        _ => Err(Sw::UNKNOWN_INSTRUCTION),
    }
}

/// From 5.7 on, there is a second page.
fn tells_rules(core: &Core) -> bool {
    core.memory.firmware >= Firmware(5, 7, 0) && !core.memory.oddities.silent
}

/// For which applications the FIPS rules are in force (PIV: 2), for which they are kept, and PIN complexity.
fn second_page(core: &Core) -> Vec<u8> {
    let oddities = core.memory.oddities;
    let fips = if oddities.fips { 0x02 } else { 0 };
    let info =
        [tlv(0x14, &[0, fips]), tlv(0x15, &[0, 0]), tlv(0x16, &[u8::from(oddities.pin_complexity)])].concat();
    let length = u8::try_from(info.len()).expect("a handful of short fields");
    [vec![length], info].concat()
}

fn device_info(core: &Core) -> Vec<u8> {
    let info = [
        tlv(0x01, &CAPABILITIES),
        tlv(0x02, &core.memory.serial.to_be_bytes()),
        tlv(0x03, &CAPABILITIES),
        // A keychain model with USB-A.
        tlv(0x04, &[1]),
        tlv(0x05, &core.memory.firmware.bytes()),
        tlv(0x06, &[0, 0]),
        tlv(0x07, &[15]),
        tlv(0x08, &[0]),
        tlv(0x0A, &[0]),
        if tells_rules(core) { tlv(0x10, &[1]) } else { Vec::new() },
    ]
    .concat();
    let length = u8::try_from(info.len()).expect("a handful of short fields");
    [vec![length], info].concat()
}

pub(crate) fn run_otp(core: &mut Core, command: &Command) -> Answer {
    match (command.ins, command.p1) {
        (0x01, 0x10) => Ok(core.memory.serial.to_be_bytes().to_vec()),
        (0x03, _) => Ok(otp_status(core.memory.firmware)),
        _ => Err(Sw::UNKNOWN_INSTRUCTION),
    }
}
