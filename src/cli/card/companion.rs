//! The companion of a share key that is made ready: what is where it belongs is seen only after the PIN.

use super::{
    super::terminal::Terminal,
    steps::{CompanionStep, Steps},
};
use crate::{
    ceremony::Error,
    piv::{COMPANION_PLACE, CardInventory, CompanionSeen, Preparation},
    sealing::hybrid::HybridRecipient,
};

/// What will be done, in words.
pub(super) fn told(step: CompanionStep) -> String {
    match step {
        CompanionStep::Keep => {
            format!("go on with the share key's companion, in data object {COMPANION_PLACE}")
        }
        CompanionStep::Make => {
            format!("make the share key's companion, an age1pq1 identity, in data object {COMPANION_PLACE}")
        }
        CompanionStep::Replace => format!(
            "DESTROY what is in data object {COMPANION_PLACE}, if anything is, and make the share key's companion there"
        ),
    }
}

/// A companion that stays, or none where one is to be made. Refuses to overwrite anything: without `--replace` at all, with it
/// what is not the old companion, unless serial and object are typed. The PIN has been presented.
pub(super) fn settle(
    steps: &Steps,
    card: &mut Preparation,
    terminal: Terminal,
) -> Result<Option<HybridRecipient>, Error> {
    let Some(step) = steps.companion else { return Ok(None) };
    let seen = card.see_companion()?;
    let inventory = card.inventory();
    match (step, seen) {
        (CompanionStep::Make, CompanionSeen::Nothing)
        | (CompanionStep::Replace, CompanionSeen::Nothing | CompanionSeen::Ours(_)) => Ok(None),
        (CompanionStep::Keep | CompanionStep::Make, CompanionSeen::Ours(recipient)) => Ok(Some(recipient)),
        (CompanionStep::Keep | CompanionStep::Make, seen) => Err(refused(inventory, &seen)),
        (CompanionStep::Replace, seen) => overwrite(inventory, &seen, terminal).map(|()| None),
    }
}

fn found(card: &CardInventory, seen: &CompanionSeen) -> String {
    let serial = &card.serial;
    match seen {
        CompanionSeen::Nothing => format!(
            "the companion that was made for card {serial} is gone from its data object {COMPANION_PLACE}: what is sealed \
             to the card is lost"
        ),
        CompanionSeen::Another | CompanionSeen::Ours(_) => format!(
            "card {serial} has a companion in its data object {COMPANION_PLACE} that was not made here: whoever made it \
             may know it"
        ),
        CompanionSeen::Data => format!(
            "card {serial} has data in its object {COMPANION_PLACE} (iris images), where the share key's companion is kept"
        ),
    }
}

fn refused(card: &CardInventory, seen: &CompanionSeen) -> Error {
    let hint = match seen {
        CompanionSeen::Nothing => "give --replace for new keys with a new companion, or take another card",
        _ => {
            "keep a copy if it is needed ('ykman piv objects export 0x5fc121 FILE'); --replace overwrites it, and makes new \
             keys as well; or take another card"
        }
    };
    let kept = if *seen == CompanionSeen::Nothing { "" } else { "; it is not overwritten" };
    Error::refused(format!("{}{kept}", found(card, seen)), hint)
}

/// `--yes` is no answer to that.
fn overwrite(card: &CardInventory, seen: &CompanionSeen, terminal: Terminal) -> Result<(), Error> {
    let words = format!("{} {COMPANION_PLACE}", card.serial);
    let question = format!(
        "{}. Whatever else needs it will not find it again. Type \"{words}\" (serial and object) to overwrite it",
        found(card, seen)
    );
    if terminal.types(&question, &words)? {
        return Ok(());
    }
    Err(Error::refused("not confirmed: it was not overwritten", "type serial and object as they are shown"))
}
