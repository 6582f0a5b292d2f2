//! Slots and tokens: finding one, and what it says of itself (PKCS#11 v2.40, sections 3.2 and 5.5).

use cryptoki::slot::{Slot, TokenInfo};

use super::{
    fault::{CallResult, Fault},
    module::Module,
    objects,
    reported::ListedSlot,
    session::Session,
    settings::Select,
    token_info::{self, trimmed},
};
use crate::{
    administration,
    encoding::text::Line,
    ports::cause::Cause,
    proposal::target::{ObjectRecord, Observation, TokenIdentity},
};

/// A token in its slot.
pub(super) struct OccupiedSlot {
    pub(super) slot: Slot,
    pub(super) info: TokenInfo,
}

impl OccupiedSlot {
    pub(super) fn serial(&self) -> String {
        trimmed(self.info.serial_number())
    }

    pub(super) fn label(&self) -> String {
        trimmed(self.info.label())
    }

    /// Whether it is an initialised token that answers to `select`.
    fn answers_to(&self, select: &Select) -> bool {
        let initialised = self.info.token_initialized();
        match select {
            Select::Serial { serial, label } => {
                initialised && self.serial() == *serial && self.label() == *label
            }
            Select::Label { label } | Select::Namesake { label } => initialised && self.label() == *label,
            Select::EmptySlot { slot } => !initialised && slot.is_none_or(|slot| slot == self.slot.id()),
        }
    }

    pub(super) fn identity(&self, module: &Module<'_>) -> TokenIdentity {
        TokenIdentity {
            manufacturer: Line::lossy(&trimmed(self.info.manufacturer_id())),
            model: Line::lossy(&trimmed(self.info.model())),
            serial: Line::lossy(&self.serial()),
            label: Line::lossy(&self.label()),
            module_sha256: Some(module.sha256()),
        }
    }

    /// What it shows, in the terms of an administration.
    pub(super) fn shown(&self, module: &Module<'_>) -> administration::TokenInfo {
        let info = &self.info;
        administration::TokenInfo {
            identity: self.identity(module),
            initialised: info.token_initialized(),
            user_pin_set: info.token_initialized() && info.user_pin_initialized(),
            user_pin_to_be_changed: info.user_pin_to_be_changed(),
            pin_length: (info.min_pin_length(), info.max_pin_length()),
            so_tries: token_info::so_tries(info),
            user_tries: token_info::user_tries(info),
        }
    }
}

pub(super) fn look(module: &Module<'_>, slot: Slot) -> CallResult<OccupiedSlot> {
    Ok(OccupiedSlot { slot, info: module.token_info(slot)? })
}

/// A slot whose token cannot be read.
pub(super) type Unreadable = (Slot, Fault);

/// All tokens that can be read, and the faults of those that cannot.
pub(super) fn places(module: &Module<'_>) -> CallResult<(Vec<OccupiedSlot>, Vec<Unreadable>)> {
    let (mut places, mut faults) = (Vec::new(), Vec::new());
    for slot in module.slots_with_token()? {
        match module.token_info(slot) {
            Ok(info) => places.push(OccupiedSlot { slot, info }),
            Err(fault) if fault.function == "worker" => return Err(fault),
            Err(fault) => faults.push((slot, fault)),
        }
    }
    Ok((places, faults))
}

/// The tokens that answer to `select`; for an uninitialised one, the first.
pub(super) fn candidates(module: &Module<'_>, select: &Select) -> CallResult<Vec<OccupiedSlot>> {
    let (places, _) = places(module)?;
    let mut found: Vec<OccupiedSlot> = places.into_iter().filter(|place| place.answers_to(select)).collect();
    if matches!(select, Select::EmptySlot { .. }) {
        found.truncate(1);
    }
    Ok(found)
}

/// The one token that answers to `select`.
pub(super) fn find(module: &Module<'_>, select: &Select) -> CallResult<OccupiedSlot> {
    let mut found = candidates(module, select)?;
    match (found.pop(), found.is_empty()) {
        (Some(place), true) => Ok(place),
        (None, _) => {
            let (places, faults) = places(module)?;
            Err(absent(select, &places, &faults))
        }
        (Some(_), false) => Err(Fault::new(
            "C_GetSlotList",
            format!("{} tokens answer to: {select}", found.len() + 1),
            match select {
                Select::Serial { .. } => {
                    "two tokens with the same serial and label cannot be told apart: take one of them out"
                }
                _ => "leave only the token that is meant: take the others out, or give them another label",
            },
        )),
    }
}

fn absent(select: &Select, places: &[OccupiedSlot], faults: &[Unreadable]) -> Fault {
    let mut there: Vec<String> = places
        .iter()
        .filter(|place| place.info.token_initialized())
        .map(|place| format!("\"{}\" with serial {}", place.label(), place.serial()))
        .collect();
    there.extend(faults.iter().map(|(slot, fault)| format!("slot {slot}: {}", fault.line())));
    let there = if there.is_empty() { "no token".to_owned() } else { there.join(", ") };
    let fault = Fault::new(
        "C_GetSlotList",
        Line::lossy(&format!("no {select}; the module shows: {there}")).as_str(),
        "look at 'quorate token list', at the token's connection and at the module's configuration",
    );
    Fault { cause: Cause::TokenAbsent, ..fault }
}

/// What the token shows without login.
pub(super) fn observe(module: &Module<'_>, place: &OccupiedSlot) -> CallResult<Observation> {
    Ok(place.shown(module).observation(public_objects(module, place)?))
}

/// The objects that are visible without login; none on an uninitialised token.
pub(super) fn public_objects(module: &Module<'_>, place: &OccupiedSlot) -> CallResult<Vec<ObjectRecord>> {
    if !place.info.token_initialized() {
        return Ok(Vec::new());
    }
    let session = Session::to_read(module, place.slot)?;
    Ok(objects::records(&objects::all(&session)?))
}

pub(super) fn list(module: &Module<'_>) -> CallResult<Vec<ListedSlot>> {
    let (places, faults) = places(module)?;
    let mut slots: Vec<ListedSlot> = places
        .iter()
        .map(|place| ListedSlot {
            slot: place.slot.id(),
            token: observe(module, place).map_err(|f| f.into_error(false)),
        })
        .collect();
    slots.extend(
        faults
            .into_iter()
            .map(|(slot, fault)| ListedSlot { slot: slot.id(), token: Err(fault.into_error(false)) }),
    );
    slots.sort_by_key(|listed| listed.slot);
    Ok(slots)
}
