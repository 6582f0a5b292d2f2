//! `quorate card new|enroll|list|show|drill|attestation`.

mod foreign;
mod inventory;
mod preparing;
mod secrets;

use std::path::Path;

use serde_json::json;

use super::{
    Done,
    args::{CardArgs, CardEnroll, CardNew, CardPlace, CardShow, CardVerb, Global},
    attestation, drill, enrolment,
    invocation::{shell, shell_card},
    terminal::Terminal,
    unlocking::{self, PresentedCard},
    wiring,
};
use crate::{
    ceremony::{
        Error,
        enrolment::{Enrolling, Holder},
    },
    durable,
    encoding::{
        strict::{self, Base64},
        text::{self, Line},
    },
    ports::{
        card::{Card as _, CardDescription, Uses},
        clock::Clock as _,
    },
    roster::card::{EnrolledCard, Enrolment},
    softcard::SoftCard,
    storage::SystemClock,
};

/// Runs one of them.
pub fn run(verb: &CardVerb, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    match verb {
        CardVerb::New(args) => new(args, terminal),
        CardVerb::Enroll(args) => enroll(args, terminal),
        CardVerb::List => inventory::list(terminal),
        CardVerb::Show(args) => show(args, terminal),
        CardVerb::Drill(args) => drill::run(args, global, terminal),
        CardVerb::Attestation(args) => attestation::run(args, terminal),
    }
}

fn new(args: &CardNew, terminal: Terminal) -> Result<Done, Error> {
    let CardPlace::Soft(path) = &args.card else {
        return Err(Error::usage(
            "only soft cards are made; a YubiKey is there already",
            "make it ready with 'quorate card enroll --card yubikey'",
        ));
    };
    check_free(path)?;
    let pin = match unlocking::read_pin(&args.pin)? {
        Some(pin) => pin,
        None => secrets::choose(terminal, "PIN for the new card (6 to 64 characters)", |pin| {
            Ok(SoftCard::check_new_pin(pin)?)
        })?,
    };
    let mut card = SoftCard::create(path, &pin, SystemClock.now())?;
    let description = card.describe(&[])?;
    terminal.tell(&format!("Made {}.", args.card));
    describe(&description, terminal);
    terminal.tell("Next, for the plan of the genesis:");
    let card = shell_card(&args.card);
    terminal.command(&format!("quorate card enroll --card {card} --name NAME --full-name TEXT -o FILE"));
    Ok(Done::ok(card_json(&description)))
}

fn describe(description: &CardDescription, terminal: Terminal) {
    terminal.item(&format!("kind          {}", description.kind));
    terminal.item(&format!("serial        {}", description.serial));
    terminal.item(&format!(
        "signing key   {} {}",
        description.signing_key.algorithm(),
        description.signing_key.keyid()
    ));
    terminal.item(&format!("share key     {}", description.share_recipient.as_deref().unwrap_or("none")));
    if let Some(tries) = description.tries_left {
        terminal.item(&format!("tries left    {tries}"));
    }
}

fn card_json(description: &CardDescription) -> serde_json::Value {
    json!({
        "kind": description.kind,
        "serial": description.serial,
        "keyid": description.signing_key.keyid(),
        "algorithm": description.signing_key.algorithm(),
        "share_recipient": description.share_recipient,
        "tries_left": description.tries_left,
    })
}

fn enroll(args: &CardEnroll, terminal: Terminal) -> Result<Done, Error> {
    let full_name = Line::new(args.full_name.trim())
        .map_err(|e| Error::usage(format!("--full-name: {e}"), "give the name as it is read aloud"))?;
    if full_name.as_str().trim().is_empty() {
        return Err(Error::usage("--full-name is empty", "give the name as it is read aloud"));
    }
    check_free(&args.output)?;
    let prepared = match args.card.card {
        CardPlace::Yubikey(serial) => Some(preparing::prepare(args, serial, terminal)?),
        CardPlace::Soft(_) => None,
    };
    let place = match &prepared {
        Some(prepared) => CardPlace::Yubikey(prepared.serial),
        None => args.card.card.clone(),
    };
    let given = CardArgs { card: place, pin: args.card.pin.clone() };
    let mut card = PresentedCard::once(terminal, &given)?;
    let description = card.describe(prepared.as_ref().map_or(&[], |p| std::slice::from_ref(&p.keys)))?;
    if let Some(prepared) = &prepared {
        prepared.check(&description)?;
    }
    let attestation: Vec<Base64> =
        prepared.iter().flat_map(|p| &p.attestation).map(|der| Base64(der.clone())).collect();
    let is_attested = !attestation.is_empty();
    let holder = if args.witness { Holder::Witness } else { Holder::Recipient };
    let person = (args.name.clone(), full_name);
    let enrolling = Enrolling::new(person, holder, &description, attestation, SystemClock.now());
    let Enrolment { holder, full_name, .. } = enrolling.enrolment.clone();
    let file = match prepared {
        Some(prepared) => card.unlocked_with(prepared.pin, prepared.touches, |card| enrolling.sign(card))?,
        None => card.unlocked(terminal, &description, None, Uses::SIGNATURE, |card| enrolling.sign(card))?,
    };
    write_new(&args.output, &file.write())?;
    let path = text::printable(&args.output.to_string_lossy());
    terminal
        .tell(&format!("{holder} ({full_name}) is enrolled with {}.", unlocking::whose(&description, None)));
    if is_attested {
        terminal.tell("Where its keys were made is verified by:");
        terminal.command(&format!("quorate card show {} --roots FILE", shell(args.output.as_os_str())));
    }
    terminal.tell(&format!("Next: bring {path} to whoever writes the plan of the genesis."));
    Ok(Done::ok(json!({ "enrolment": path, "holder": holder, "card": card_json(&description) })))
}

/// Refuses a file that is there already, or could not be written, before anything is done to a card.
pub fn check_free(path: &Path) -> Result<(), Error> {
    durable::check_new(path).map_err(|e| cannot_write(path, &e))
}

/// Writes a file that must not exist, whole or not at all.
pub fn write_new(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_for(durable::Access::PRIVATE, path, bytes)
}

/// The same for those who share the ledger, which it is brought to.
pub fn write_new_for(ledger: &Path, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    write_for(durable::Access::like(ledger).unwrap_or(durable::Access::PRIVATE), path, bytes)
}

fn write_for(access: durable::Access, path: &Path, bytes: &[u8]) -> Result<(), Error> {
    durable::create_whole_for(access, path, bytes).map_err(|e| cannot_write(path, &e))
}

fn cannot_write(path: &Path, error: &std::io::Error) -> Error {
    let shown = text::printable(&path.to_string_lossy());
    let hint = match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            return Error::problem(
                format!("{shown} exists"),
                "nothing is overwritten: name a file that does not exist",
            );
        }
        std::io::ErrorKind::Unsupported => "write it to a local file system, and copy it from there",
        _ => "check the directory and its free space",
    };
    Error::problem(format!("{shown} cannot be written: {}", durable::reason(error)), hint)
}

fn show(args: &CardShow, terminal: Terminal) -> Result<Done, Error> {
    if let Ok(CardPlace::Yubikey(serial)) = args.what.parse::<CardPlace>() {
        return inventory::show(serial, &attestation::trust(&args.trust)?, terminal);
    }
    if let Ok(place) = args.what.parse::<CardPlace>() {
        let description = wiring::card(terminal, &place)?.describe(&[])?;
        terminal.tell(&place.to_string());
        describe(&description, terminal);
        return Ok(Done::ok(card_json(&description)));
    }
    let bytes = wiring::read_file(Path::new(&args.what), strict::MAX_DOCUMENT)?;
    let card = EnrolledCard::parse(&bytes).map_err(|e| {
        Error::refused(
            format!("{}: {e}", text::printable(&args.what)),
            "give yubikey, soft:FILE, or a file that 'quorate card enroll' wrote",
        )
    })?;
    let trust = attestation::trust(&args.trust)?;
    Ok(Done::ok(enrolment::show(&card, &shell(args.what.as_ref()), &trust, terminal)))
}
