//! `quorate card new|enroll|list|show|drill|attestation`.

mod companion;
mod foreign;
mod inventory;
mod preparing;
mod secrets;
mod steps;

use std::path::Path;

use super::{
    account,
    args::{CardArgs, CardEnroll, CardNew, CardPlace, CardShow, CardVerb, Global},
    attestation,
    done::Done,
    drill, enrolment,
    invocation::{shell, shell_card},
    output_file::{check_free, write_new},
    terminal::Terminal,
    unlocking::{self, PresentedCard},
    wiring,
};
use crate::{
    account::card::{CardSeen, Enrolled},
    ceremony::{
        Error,
        enrolment::{Enrolling, Holder},
    },
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
        None => terminal
            .new_pin("PIN for the new card (6 to 64 characters)", |pin| Ok(SoftCard::check_new_pin(pin)?))?,
    };
    let mut card = SoftCard::create(path, &pin, SystemClock.now())?;
    let seen = seen(card.describe(&[])?);
    terminal.tell(&format!("Made {}.", args.card));
    account::print(terminal, &seen.rows());
    terminal.tell("Next, for the plan of the genesis:");
    let card = shell_card(&args.card);
    terminal.command(&format!("quorate card enroll --card {card} --name NAME --full-name TEXT -o FILE"));
    Ok(Done::ok(seen))
}

fn seen(description: CardDescription) -> CardSeen {
    CardSeen {
        kind: description.kind,
        serial: description.serial,
        keyid: description.signing_key.keyid(),
        algorithm: description.signing_key.algorithm().to_owned(),
        share_recipient: description.share_recipient,
        tries_left: description.tries_left,
    }
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
    Ok(Done::ok(Enrolled { enrolment: path, holder, card: seen(description) }))
}

fn show(args: &CardShow, terminal: Terminal) -> Result<Done, Error> {
    if let Ok(CardPlace::Yubikey(serial)) = args.what.parse::<CardPlace>() {
        return inventory::show(serial, &attestation::trust(&args.trust)?, terminal);
    }
    if let Ok(place) = args.what.parse::<CardPlace>() {
        let seen = seen(wiring::card(terminal, &place)?.describe(&[])?);
        terminal.tell(&place.to_string());
        account::print(terminal, &seen.rows());
        return Ok(Done::ok(seen));
    }
    let bytes = wiring::read_file(Path::new(&args.what), strict::MAX_DOCUMENT)?;
    let card = EnrolledCard::parse(&bytes).map_err(|e| {
        let hint = "give yubikey, soft:FILE, or a file that 'quorate card enroll' wrote";
        enrolment::refused(&text::printable(&args.what), &e, hint)
    })?;
    let trust = attestation::trust(&args.trust)?;
    Ok(Done::ok(enrolment::show(&card, &shell(args.what.as_ref()), &trust, terminal)))
}
