//! What is on a card and is not ours: keys that could serve, certificates that are in the way. Nothing of it is adopted
//! or overwritten in silence.

use super::{
    super::terminal::Terminal,
    steps::{Step, Steps, is_certified},
};
use crate::{
    ceremony::Error,
    piv::{CardInventory, CertificateBeside, Slot, SlotKey},
};

/// Asks a person about each key that would serve and was not made here, and about each certificate of another key that
/// would be overwritten. `--yes` is no answer to that.
pub(super) fn check(steps: &Steps, card: &CardInventory, terminal: Terminal) -> Result<(), Error> {
    for step in steps.all() {
        let Step::Keep(key) = step else { continue };
        if !card.is_made_here(key) {
            adopt(key, card, terminal)?;
        }
        if !is_certified(key, card) {
            overwrite(key, card, terminal)?;
        }
    }
    Ok(())
}

/// ` ("O=…, CN=…")`, if a certificate that can be read is in the slot.
pub(super) fn named(card: &CardInventory, slot: Slot) -> String {
    card.names.get(&slot).map_or_else(String::new, |name| format!(" (\"{name}\")"))
}

fn adopt(key: &SlotKey, card: &CardInventory, terminal: Terminal) -> Result<(), Error> {
    let slot = key.slot;
    let certificate = match card.names.get(&slot) {
        Some(name) => format!("its certificate is \"{name}\""),
        None => "it has no certificate that could be read".to_owned(),
    };
    let purpose = if slot == Slot::SIGNING { "signing key" } else { "share key" };
    let found =
        format!("slot {slot} of card {} has a key that quorate did not make: {certificate}", card.serial);
    if terminal.asks_nobody() {
        let other = match card.free_slot() {
            Some(free) if slot != Slot::SIGNING => format!("--slot {free} makes another one beside it"),
            _ => format!(
                "--replace DESTROYS it{}",
                if slot == Slot::SIGNING { "" } else { " where --slot names it" }
            ),
        };
        return Err(Error::refused(
            found,
            format!(
                "run it in a terminal without --yes to be asked whether to use it as the {purpose}; {other}"
            ),
        ));
    }
    terminal.tell(&format!(
        "Note: {found}. Whatever else it is used for, the quorum will depend on it, and whoever deletes or replaces it takes \
         this card out of the quorum."
    ));
    terminal.ask_person(&format!("Use the key in slot {slot} as the {purpose}?"))
}

fn overwrite(key: &SlotKey, card: &CardInventory, terminal: Terminal) -> Result<(), Error> {
    let slot = key.slot;
    let is_other =
        card.keys.iter().any(|(other, beside)| other.slot == slot && *beside == CertificateBeside::Other);
    let Some(name) = card.names.get(&slot).filter(|_| is_other) else { return Ok(()) };
    let found = format!("slot {slot} of card {} has a certificate of another key: \"{name}\"", card.serial);
    if terminal.asks_nobody() {
        return Err(Error::refused(
            found,
            format!(
                "keep a copy of it ('ykman piv certificates export {slot} FILE'), delete it there ('ykman piv certificates \
                 delete {slot}'), then run the same command again"
            ),
        ));
    }
    terminal.tell(&format!("Note: {found}. It will be overwritten."));
    terminal.ask_person(&format!("Overwrite the certificate in slot {slot}?"))
}
