//! `quorate card enroll` of a YubiKey: first it is made ready, step by step. A step that is done already is not done
//! again, so that an attempt that was cut off is taken up by the next.

use super::super::{
    args::{CardEnroll, TouchArg},
    terminal::Terminal,
    unlocking, wiring,
};
use super::{
    companion, foreign, inventory, secrets,
    steps::{CompanionStep, Step, Steps, is_certified},
};
use crate::{
    account::counted,
    ceremony::Error,
    memory::Pin,
    piv::{COMPANION_PLACE, CardInventory, ManagementKey, Preparation, SigningAlgorithm, Slot, SlotKey},
    ports::{
        card::{CardDescription, EnrolledKeys, FinalTry, Touches},
        clock::Clock as _,
    },
    roster::attestation::TouchPolicy,
    sealing::{companion::CompanionedRecipient, hybrid::HybridRecipient, recipient::ShareRecipient},
    storage::SystemClock,
};

/// A card that is ready, and what attests it.
pub struct PreparedCard {
    /// Its PIN, for the enrolment's signature.
    pub pin: Pin,
    /// Its number, so that nothing else is taken for it.
    pub serial: Option<u32>,
    pub keys: EnrolledKeys,
    /// Touches that were asked for; the signature of the enrolment costs the last ones.
    pub touches: Touches,
    /// Certificates: slot f9, signing key, share key. Empty where nothing attests the keys.
    pub attestation: Vec<Vec<u8>>,
}

impl PreparedCard {
    /// Refuses another card that was put in its place meanwhile, under its number: it would get the PIN.
    pub fn check(&self, found: &CardDescription) -> Result<(), Error> {
        let EnrolledKeys { signing_key, share_recipient, .. } = &self.keys;
        let same_share_key = share_recipient.is_none() || *share_recipient == found.share_recipient;
        if *signing_key == found.signing_key && same_share_key {
            return Ok(());
        }
        Err(Error::problem(
            format!("card {} is not the one that was made ready: its keys are different", found.serial),
            "nothing was done with it; put the right card in and run the same command again",
        ))
    }
}

pub fn prepare(args: &CardEnroll, serial: Option<u32>, terminal: Terminal) -> Result<PreparedCard, Error> {
    let mut card = Preparation::open(serial, &wiring::attention(terminal))?;
    inventory::tell(&inventory::seen(card.inventory()), terminal);
    let steps = plan(args, &card, terminal)?;
    tell(&steps, card.inventory(), terminal);
    confirm(&steps, card.inventory(), terminal)?;
    let final_try = unlocking::settle_final_try(
        terminal,
        &format!("card {}", card.serial()),
        card.check_tries(FinalTry::Keep),
        args.card.pin.final_try(),
    )?;
    let given = secrets::pin(args, &card, final_try, terminal)?;
    let puk = secrets::puk(args, &card, &given.0, terminal)?;
    let management = secrets::management(args, &steps, card.inventory(), terminal)?;
    announce(&steps, management.as_ref(), &mut card, terminal);

    let pin = secrets::unlock(&mut card, given, final_try, puk.as_ref())?;
    terminal.item("done: the PIN");
    let companion = companion::settle(&steps, &mut card, terminal)?;
    if let Some(puk) = puk {
        card.set_puk(&puk)?;
        terminal.item("done: the PUK");
    }
    if let Some(management) = management {
        card.manage(&management)?;
        terminal.item("done: the management key");
    }
    let keys = make_keys(&steps, &mut card, terminal)?;
    let companion = kept_or_made(&steps, companion, &mut card, terminal)?;
    let attestation = certify(args, &keys, &mut card, terminal)?;
    let serial = card.serial().as_str().parse().ok();
    let signing_key = keys.iter().find_map(SlotKey::signing_key);
    let keys = EnrolledKeys {
        serial: card.serial().clone(),
        signing_key: signing_key.ok_or_else(|| {
            Error::problem(format!("card {} has no signing key", card.serial()), "take another card")
        })?,
        share_recipient: share_recipient(keys.get(1), companion),
    };
    Ok(PreparedCard { pin, serial, keys, touches: card.touches(), attestation })
}

/// The companion, which is made before the keys are attested: after that no PIN is presented until the card was compared.
fn kept_or_made(
    steps: &Steps,
    kept: Option<HybridRecipient>,
    card: &mut Preparation,
    terminal: Terminal,
) -> Result<Option<HybridRecipient>, Error> {
    let Some(step) = steps.companion else { return Ok(None) };
    let companion = match kept {
        // An attempt that was cut off made it, and did not come to note that.
        Some(kept) if step == CompanionStep::Make => card.keep_companion(&kept).map(|()| kept)?,
        Some(kept) => kept,
        None => card.make_companion()?,
    };
    terminal.item(&format!("done: the companion in data object {COMPANION_PLACE}"));
    Ok(Some(companion))
}

fn share_recipient(key: Option<&SlotKey>, companion: Option<HybridRecipient>) -> Option<ShareRecipient> {
    let (key, companion) = (key?.recipient()?, companion?);
    Some(ShareRecipient::Yubikey(CompanionedRecipient { key, companion }))
}

fn announce(steps: &Steps, management: Option<&ManagementKey>, card: &mut Preparation, terminal: Terminal) {
    let managed = u32::from(management.is_some() && card.inventory().management_touch);
    let total = touches(steps, card.inventory()).saturating_add(managed);
    card.announce(total);
    if total > 0 {
        let times = counted(usize::try_from(total).unwrap_or(usize::MAX), "touch", "touches");
        terminal.tell(&format!("Card {}: {times} will be asked for.", card.serial()));
    }
}

/// Touches that will be asked for until the enrolment is signed.
fn touches(steps: &Steps, card: &CardInventory) -> u32 {
    let of = |step: &Step| match step {
        Step::Keep(key) => key.touches(),
        Step::Make(_) | Step::Replace(_) => u32::from(steps.touch != TouchPolicy::Never),
    };
    let is_certified = |step: &Step| match step {
        Step::Keep(key) => is_certified(key, card),
        Step::Make(slot) | Step::Replace(slot) => {
            *slot == Slot::SIGNING && steps.algorithm == SigningAlgorithm::Ed25519
        }
    };
    let certificates: u32 = steps.all().filter(|step| !is_certified(step)).map(of).sum();
    certificates.saturating_add(of(&steps.signing))
}

fn plan(args: &CardEnroll, card: &Preparation, terminal: Terminal) -> Result<Steps, Error> {
    let algorithm = if args.administrator || !card.has_ed25519() {
        SigningAlgorithm::P256
    } else {
        SigningAlgorithm::Ed25519
    };
    let touch = match args.touch {
        TouchArg::Always => TouchPolicy::Always,
        TouchArg::Cached => TouchPolicy::Cached,
        TouchArg::Never => TouchPolicy::Never,
    };
    let inventory = card.inventory();
    let signing = inventory.key(Slot::SIGNING);
    let signing = match signing {
        Some(key) if !args.replace && fits(key, args) => Step::Keep(key.clone()),
        _ => Step::of(Slot::SIGNING, inventory),
    };
    let share = if args.witness { None } else { Some(share_step(args, inventory)?) };
    let companion = share.as_ref().map(|_| match (args.replace, inventory.companion()) {
        (true, _) => CompanionStep::Replace,
        (false, Some(_)) => CompanionStep::Keep,
        (false, None) => CompanionStep::Make,
    });
    let steps = Steps { algorithm, touch, signing, share, companion };
    if !args.replace {
        refuse_losses(&steps, inventory)?;
    }
    foreign::check(&steps, inventory, terminal)?;
    Ok(steps)
}

/// Nothing is overwritten without `--replace`: neither a key nor a certificate whose key was moved or deleted.
fn refuse_losses(steps: &Steps, card: &CardInventory) -> Result<(), Error> {
    let slots = |occupied: bool| -> Vec<Slot> {
        steps.replaced().filter(|slot| card.is_occupied(*slot) == occupied).collect()
    };
    let what = match (slots(true).as_slice(), slots(false).as_slice()) {
        ([], []) => return Ok(()),
        ([], [slot, ..]) => format!(
            "a certificate without a key in slot {slot}{}, and it is not overwritten",
            foreign::named(card, *slot)
        ),
        ([one], _) => format!("a key in slot {one} that cannot be used, and it is not overwritten"),
        (several, _) => {
            let several: Vec<String> = several.iter().map(ToString::to_string).collect();
            format!(
                "keys in slots {} that cannot be used, and they are not overwritten",
                several.join(" and ")
            )
        }
    };
    Err(Error::refused(
        format!("card {} has {what}", card.serial),
        if slots(true).is_empty() {
            "see 'quorate card show'; give --replace if the certificate is no longer needed, or take another card"
        } else {
            "see 'quorate card show'; give --replace if the key is no longer needed, or take another card"
        },
    ))
}

/// Whether a signing key that is there can stay: made on the card, requires PIN and touch as asked, and signs what is needed.
fn fits(key: &SlotKey, args: &CardEnroll) -> bool {
    key.signing_key().is_some_and(|public| !(args.administrator && public.algorithm() == "ed25519"))
        && key.requires_pin()
        && key.generated
        && is_touched(key, args)
}

/// Whether a key that is there requires a touch as often as it was asked for.
fn is_touched(key: &SlotKey, args: &CardEnroll) -> bool {
    match args.touch {
        TouchArg::Always => key.requires_touch(),
        TouchArg::Cached => key.touches() > 0,
        TouchArg::Never => true,
    }
}

/// The share key that was made here stays or is replaced. One that somebody else made is considered only where it is
/// named, or where a person will be asked; it is replaced only where it is named.
fn share_step(args: &CardEnroll, inventory: &CardInventory) -> Result<Step, Error> {
    let serves = |key: &SlotKey| !args.replace && key.generated && is_touched(key, args);
    let keep_or_replace = |key: &SlotKey| {
        if serves(key) { Step::Keep(key.clone()) } else { Step::Replace(key.slot) }
    };
    let present = inventory.share_key();
    match (present, args.slot) {
        (Some(key), None) if inventory.is_made_here(key) => Ok(keep_or_replace(key)),
        (Some(key), None) if !args.replace => Ok(keep_or_replace(key)),
        (Some(key), Some(slot)) if slot != key.slot && inventory.is_made_here(key) => Err(Error::refused(
            format!("card {} has a share key in slot {} already", inventory.serial, key.slot),
            "leave --slot out: a card has one share key",
        )),
        (_, Some(slot)) => Ok(match inventory.key(slot).filter(|key| key.serves_shares()) {
            Some(key) => keep_or_replace(key),
            None => Step::of(slot, inventory),
        }),
        (_, None) => inventory.free_slot().map(Step::Make).ok_or_else(|| {
            Error::refused(
                format!("card {} is full: each of its slots 82 to 95 has a key", inventory.serial),
                "name one that is no longer needed with --slot and --replace, or take another card",
            )
        }),
    }
}

fn tell(steps: &Steps, card: &CardInventory, terminal: Terminal) {
    terminal.tell("What will be done:");
    let step = |condition: bool, what: String| {
        if condition {
            terminal.item(&format!("- {what}"));
        }
    };
    step(card.pin.is_default, "set a new PIN".into());
    let delivered = card.puk.is_some_and(|puk| puk.is_default && puk.tries_left > 0);
    step(delivered, "set a new PUK".into());
    step(card.management_is_default, "set a new management key".into());
    let algorithm = match steps.algorithm {
        SigningAlgorithm::Ed25519 => "Ed25519",
        SigningAlgorithm::P256 => "P-256",
    };
    for (what, algorithm, planned) in
        [("signing key", algorithm, Some(&steps.signing)), ("share key", "P-256", steps.share.as_ref())]
    {
        match planned {
            Some(Step::Make(slot)) => step(true, format!("make the {what}, {algorithm}, in slot {slot}")),
            Some(Step::Replace(slot)) => {
                let lost = if card.is_occupied(*slot) { "key" } else { "certificate" };
                let named = foreign::named(card, *slot);
                step(
                    true,
                    format!(
                        "DESTROY the {lost} in slot {slot}{named}, and make the {what}, {algorithm}, there"
                    ),
                );
            }
            Some(Step::Keep(key)) => {
                step(true, format!("go on with the {what} that is in slot {}", key.slot))
            }
            None => {}
        }
    }
    if let Some(planned) = steps.companion {
        step(true, companion::told(planned));
    }
    step(true, "put a certificate beside each P-256 key, and sign the enrolment: a touch each".into());
    if steps.touch != TouchPolicy::Always {
        terminal.tell("Keys that require no touch for each use are for use outside production only.");
    }
}

/// What destroys a key is typed by a person, with serial and slot; `--yes` is no answer to that.
fn confirm(steps: &Steps, card: &CardInventory, terminal: Terminal) -> Result<(), Error> {
    let replaced: Vec<String> = steps.replaced().map(|slot| slot.to_string()).collect();
    if replaced.is_empty() {
        return terminal.confirm(&format!("Make card {} ready?", card.serial));
    }
    let words = format!("{} {}", card.serial, replaced.join(" "));
    let question = format!(
        "What is sealed to a key that is destroyed is lost, and so is a certificate. Type \"{words}\" (serial and slot) to go on"
    );
    if terminal.types(&question, &words)? {
        return Ok(());
    }
    Err(Error::refused("not confirmed: nothing was done", "type serial and slot as they are shown"))
}

fn make_keys(steps: &Steps, card: &mut Preparation, terminal: Terminal) -> Result<Vec<SlotKey>, Error> {
    let signing = match &steps.signing {
        Step::Keep(key) => key.clone(),
        Step::Make(_) | Step::Replace(_) => card.make_signing_key(steps.algorithm, steps.touch)?,
    };
    terminal.item(&format!("done: the signing key in slot {}", signing.slot));
    let mut keys = vec![signing];
    if let Some(step) = &steps.share {
        let share = match step {
            Step::Keep(key) => key.clone(),
            Step::Make(slot) | Step::Replace(slot) => card.make_share_key(*slot, steps.touch)?,
        };
        terminal.item(&format!("done: the share key in slot {}", share.slot));
        keys.push(share);
    }
    Ok(keys)
}

/// Puts certificates beside the keys, and reads what attests them.
fn certify(
    args: &CardEnroll,
    keys: &[SlotKey],
    card: &mut Preparation,
    terminal: Terminal,
) -> Result<Vec<Vec<u8>>, Error> {
    let name = format!("{} ({})", args.full_name, args.name);
    let uncertified: Vec<&SlotKey> = keys.iter().filter(|key| !is_certified(key, card.inventory())).collect();
    for key in uncertified {
        card.certify(key, &name, SystemClock.now())?;
        terminal.item(&format!("done: the certificate in slot {}", key.slot));
    }
    let attested = card.attestation(&keys.iter().collect::<Vec<_>>())?;
    if attested.is_none() {
        terminal.tell("Nothing attests where these keys were made: production refuses such a card.");
    }
    Ok(attested.unwrap_or_default())
}
