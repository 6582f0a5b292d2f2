//! Makes the report of a module and its tokens: no PIN is needed.

use cryptoki::{
    context::Pkcs11,
    mechanism::{MechanismInfo, MechanismType},
    slot::TokenInfo,
};

use super::{
    fault::CallResult,
    module::Module,
    probe,
    reported::{Depth, Detail, MechanismReport, ModuleReport, SlotReport, TokenReport, Which},
    slots::{self, OccupiedSlot},
    token_info::{self, trimmed},
    wrapping::Way,
};
use crate::encoding::text::Line;

/// The mechanisms that a quorum's operations use, besides those that wrap keys.
const OF_INTEREST: &[MechanismType] = &[
    MechanismType::AES_KEY_GEN,
    MechanismType::GENERIC_SECRET_KEY_GEN,
    MechanismType::AES_GCM,
    MechanismType::RSA_PKCS_KEY_PAIR_GEN,
    MechanismType::RSA_PKCS_OAEP,
    MechanismType::RSA_PKCS,
    MechanismType::RSA_PKCS_PSS,
    MechanismType::ECC_KEY_PAIR_GEN,
    MechanismType::ECDSA,
    MechanismType::ECC_EDWARDS_KEY_PAIR_GEN,
    MechanismType::EDDSA,
];

/// Looks at a module, and at those of its tokens that are meant.
pub(super) fn report(module: &Module<'_>, which: &Which, depth: Depth) -> CallResult<ModuleReport> {
    let library = module.call("C_GetInfo", Pkcs11::get_library_info).map_or_else(
        |_| String::new(),
        |info| {
            format!(
                "{}, {} {}, PKCS#11 {}",
                trimmed(info.manufacturer_id()),
                trimmed(info.library_description()),
                info.library_version(),
                info.cryptoki_version()
            )
        },
    );
    let (places, faults) = slots::places(module)?;
    let mut reports = Vec::new();
    for place in places.iter().filter(|place| is_meant(place, which)) {
        let token = token(module, place, depth).map_err(|fault| fault.into_error(false));
        let description = module.call("C_GetSlotInfo", |p| p.get_slot_info(place.slot));
        let description = description.map_or_else(|_| String::new(), |d| trimmed(d.slot_description()));
        reports.push(SlotReport { slot: place.slot.id(), description: Line::lossy(&description), token });
    }
    let by_name = which.label.is_some() || which.serial.is_some();
    let unread = faults.into_iter().filter(|(slot, _)| match which.slot {
        Some(wanted) => wanted == slot.id(),
        None => !by_name,
    });
    reports.extend(unread.map(|(slot, fault)| SlotReport {
        slot: slot.id(),
        description: Line::lossy(""),
        token: Err(fault.into_error(false)),
    }));
    reports.sort_by_key(|report| report.slot);
    Ok(ModuleReport { sha256: module.sha256(), library: Line::lossy(&library), slots: reports })
}

fn is_meant(place: &OccupiedSlot, which: &Which) -> bool {
    which.slot.is_none_or(|slot| slot == place.slot.id())
        && which.label.as_ref().is_none_or(|label| *label == place.label())
        && which.serial.as_ref().is_none_or(|serial| *serial == place.serial())
}

fn token(module: &Module<'_>, place: &OccupiedSlot, depth: Depth) -> CallResult<TokenReport> {
    let info = &place.info;
    Ok(TokenReport {
        identity: place.identity(module),
        versions: Line::lossy(&format!(
            "hardware {}, firmware {}",
            info.hardware_version(),
            info.firmware_version()
        )),
        flags: flags(info),
        pin_length: (info.min_pin_length(), info.max_pin_length()),
        so_tries: token_info::so_tries(info),
        user_tries: token_info::user_tries(info),
        detail: match depth {
            Depth::Summary => None,
            Depth::Full => Some(detail(module, place)?),
        },
    })
}

fn detail(module: &Module<'_>, place: &OccupiedSlot) -> CallResult<Detail> {
    let listed = module.mechanisms(place.slot).unwrap_or_default();
    let wraps = Way::ALL.map(|way| (way.number(), way.mechanism_name().to_owned()));
    let others = OF_INTEREST.iter().map(|kind| (**kind, kind.to_string()));
    let mut mechanisms = Vec::new();
    for (number, name) in wraps.into_iter().chain(others).filter(|(number, _)| listed.contains(number)) {
        let info = module.mechanism_info(place.slot, number);
        mechanisms.push(MechanismReport {
            name,
            key_size: info.as_ref().map_or((0, 0), |i| (i.min_key_size(), i.max_key_size())),
            uses: info.as_ref().map(uses).unwrap_or_default(),
        });
    }
    Ok(Detail {
        mechanisms,
        mechanisms_listed: listed.len(),
        lacks: probe::lacks(module, place)?,
        public_objects: slots::public_objects(module, place).map_err(|fault| fault.into_error(false)),
    })
}

/// CK_TOKEN_INFO flags in words; those of tries are told elsewhere.
fn flags(info: &TokenInfo) -> Vec<String> {
    let initialised = info.token_initialized();
    [
        (initialised, "initialised"),
        (!initialised, "not initialised"),
        (info.login_required(), "login required"),
        (initialised && info.user_pin_initialized(), "user PIN set"),
        (info.write_protected(), "write-protected"),
        (info.protected_authentication_path(), "PINs typed at the token"),
        (initialised && info.user_pin_to_be_changed(), "user PIN must be changed"),
        (initialised && info.so_pin_to_be_changed(), "SO PIN must be changed"),
        (info.error_state(), "error state"),
        (info.rng(), "random numbers"),
        (info.clock_on_token(), "clock"),
    ]
    .into_iter()
    .filter(|(shown, _)| *shown)
    .map(|(_, words)| words.to_owned())
    .collect()
}

fn uses(info: &MechanismInfo) -> Vec<String> {
    [
        (info.generate(), "generate"),
        (info.generate_key_pair(), "generate pairs"),
        (info.wrap(), "wrap"),
        (info.unwrap(), "unwrap"),
        (info.sign(), "sign"),
        (info.verify(), "verify"),
        (info.encrypt(), "encrypt"),
        (info.decrypt(), "decrypt"),
    ]
    .into_iter()
    .filter(|(shown, _)| *shown)
    .map(|(_, words)| words.to_owned())
    .collect()
}
