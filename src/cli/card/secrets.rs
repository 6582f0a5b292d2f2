//! The secrets of a card that is made ready: from a file, or typed.

use std::path::Path;

use zeroize::Zeroizing;

use super::{
    super::{
        args::CardEnroll,
        handed,
        terminal::Terminal,
        unlocking::{self, Typing},
        wiring,
    },
    steps::{CompanionStep, Step, Steps, is_certified},
};
use crate::{
    ceremony::Error,
    encoding::text,
    memory::{ManagementSecret, Pin},
    piv::{CardInventory, ManagementKey, Preparation},
    ports::card::FinalTry,
};

/// Longest file with a management key in hex.
const MAX_KEY_FILE: usize = 256;

/// The card's PIN, and the person who types it where it has one already: a wrong one is asked for again.
pub(super) fn pin(
    args: &CardEnroll,
    preparation: &Preparation,
    final_try: FinalTry,
    terminal: Terminal,
) -> Result<(Pin, Option<Typing>), Error> {
    let card = preparation.inventory();
    if let Some(pin) = unlocking::read_pin(&args.card.pin)? {
        if card.pin.is_default {
            preparation.check_new_pin(&pin)?;
        }
        return Ok((pin, None));
    }
    if card.pin.is_default {
        let prompt = format!("New PIN for card {} ({})", card.serial, length(card));
        let pin = terminal.new_pin(&prompt, |pin| Ok(preparation.check_new_pin(pin)?))?;
        return Ok((pin, None));
    }
    let whose = format!("card {}", card.serial);
    let mut typing =
        Typing::of(terminal, whose, Some(card.pin.tries_left), args.card.pin.final_try(), final_try);
    let (pin, _) = typing.pin(&mut |keep| preparation.check_tries(keep))?;
    Ok((pin, Some(typing)))
}

/// Presents the PIN; gives the one that was right.
pub(super) fn unlock(
    preparation: &mut Preparation,
    (mut pin, mut typing): (Pin, Option<Typing>),
    mut final_try: FinalTry,
    puk: Option<&Pin>,
) -> Result<Pin, Error> {
    loop {
        let again = Pin::copy_of(pin.expose())?;
        let Err(error) = preparation.unlock(pin, final_try) else { return Ok(again) };
        let Some(typing) = &mut typing else { return Err(error.into()) };
        typing.failed(error)?;
        (pin, final_try) = typing.pin(&mut |keep| preparation.check_tries(keep))?;
        if let Some(puk) = puk {
            check_differs(&pin, puk)?;
        }
    }
}

fn check_differs(pin: &Pin, puk: &Pin) -> Result<(), Error> {
    if puk.expose() == pin.expose() {
        return Err(Error::usage("PIN and PUK are the same", "choose another PUK, and keep it elsewhere"));
    }
    Ok(())
}

/// How long a new PIN or PUK is.
fn length(card: &CardInventory) -> &'static str {
    if card.pin_rules.wants_eight { "8 characters" } else { "6 to 8 characters" }
}

pub(super) fn puk(
    args: &CardEnroll,
    preparation: &Preparation,
    pin: &Pin,
    terminal: Terminal,
) -> Result<Option<Pin>, Error> {
    let card = preparation.inventory();
    if !card.puk.is_some_and(|puk| puk.is_default && puk.tries_left > 0) {
        return Ok(None);
    }
    let check = |puk: &Pin| {
        preparation.check_new_puk(puk)?;
        check_differs(pin, puk)
    };
    if let Some(path) = &args.puk_file {
        let puk = handed::pin_from_file(path)?;
        check(&puk)?;
        return Ok(Some(puk));
    }
    if !terminal.is_interactive() {
        return Err(Error::usage(
            format!(
                "card {} has the PUK that is the factory default, and nobody can be asked for a new one",
                card.serial
            ),
            "give it with --puk-file FILE",
        ));
    }
    let prompt = format!("New PUK for card {}, which unblocks it ({})", card.serial, length(card));
    terminal.new_pin(&prompt, check).map(Some)
}

/// The management key is needed only if something is written that needs it.
pub(super) fn management(
    args: &CardEnroll,
    steps: &Steps,
    card: &CardInventory,
    terminal: Terminal,
) -> Result<Option<ManagementKey>, Error> {
    let ready = |step: &Step| matches!(step, Step::Keep(key) if is_certified(key, card));
    if let Some(path) = &args.management_key {
        return management_from_file(path).map(|key| Some(ManagementKey::Operator(key)));
    }
    let keeps_companion = matches!(steps.companion, None | Some(CompanionStep::Keep));
    if !card.management_is_default && keeps_companion && steps.all().all(ready) {
        return Ok(None);
    }
    if card.management_is_default || card.management_is_protected || !terminal.is_interactive() {
        return Ok(Some(ManagementKey::UnderPin));
    }
    let typed = terminal.pin(&format!("Management key of card {}, in hex", card.serial))?;
    from_hex(typed.expose()).map(|key| Some(ManagementKey::Operator(key)))
}

fn management_from_file(path: &Path) -> Result<ManagementSecret, Error> {
    let bytes = Zeroizing::new(wiring::read_file(path, MAX_KEY_FILE)?);
    from_hex(bytes.trim_ascii()).map_err(|error| Error {
        message: format!("{}: {}", text::printable(&path.to_string_lossy()), error.message),
        ..error
    })
}

fn from_hex(hex: &[u8]) -> Result<ManagementSecret, Error> {
    let mut bytes = Zeroizing::new([0_u8; 32]);
    let decoded = base16ct::mixed::decode(hex, bytes.as_mut_slice())
        .ok()
        .filter(|key| matches!(key.len(), 16 | 24 | 32));
    let key = decoded.ok_or_else(|| {
        Error::usage(
            "not a management key",
            "write 16, 24 or 32 bytes in hex, as the card's algorithm requires",
        )
    })?;
    Ok(ManagementSecret::copy_of(key)?)
}
