//! `quorate token list|show`.

use std::{path::Path, time::Duration};

use serde_json::json;

use super::{
    Done,
    args::{Global, TokenList, TokenShow, TokenVerb},
    invocation::shell,
    terminal::{Terminal, counted},
    wiring,
};
use crate::{
    ceremony::{self, Error},
    encoding::{digest::Digest, text},
    pkcs11::{
        Depth, Detail, Meter, ModuleReport, Pkcs11Settings, Select, SlotReport, TokenReport, Which, report,
    },
    ports::token::TokenError,
    proposal::{capability::Ability, place::Place, target::Tries},
    storage,
};

/// Runs one of the two.
pub fn run(verb: &TokenVerb, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    match verb {
        TokenVerb::List(args) => list(args, global, terminal),
        TokenVerb::Show(args) => show(args, global, terminal),
    }
}

fn settings(module: &Path, pinned: Option<Digest>, global: &Global) -> Result<Pkcs11Settings, Error> {
    let module = std::path::absolute(module).map_err(|e| {
        Error::problem(
            format!("{}: {e}", text::printable(&module.to_string_lossy())),
            "give the path of the vendor's PKCS#11 library",
        )
    })?;
    Ok(Pkcs11Settings {
        module,
        // A report is of slots, not of the one token that an operation acts on.
        select: Select::EmptySlot { slot: None },
        time_limit: Duration::from_secs(global.module_timeout),
        module_sha256: pinned,
        environment: Vec::new(),
        meter: Meter::default(),
        worker: None,
    })
}

fn list(args: &TokenList, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let settings = settings(&args.module, None, global)?;
    let report = report(&settings, Which::default(), Depth::Summary)?;
    tell_module(terminal, &settings, &report);
    for slot in &report.slots {
        tell_slot(terminal, slot);
    }
    terminal.tell(&format!("{}.", counted(report.slots.len(), "token", "tokens")));
    let tokens: Vec<_> = report.slots.iter().map(slot_json).collect();
    Ok(Done::ok(json!({
        "module": settings.module.to_string_lossy(),
        "sha256": report.sha256,
        "library": report.library,
        "tokens": tokens,
    })))
}

fn show(args: &TokenShow, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let (settings, which) = meant(args, global)?;
    let report = report(&settings, which, Depth::Full)?;
    tell_module(terminal, &settings, &report);
    let slot = match report.slots.as_slice() {
        [one] => one,
        several => return Err(not_one(several, &settings)),
    };
    tell_slot(terminal, slot);
    let token = slot.token.as_ref().map_err(|error| Error::from(error.clone()))?;
    if let Some(detail) = &token.detail {
        tell_detail(terminal, detail);
    }
    let mut json = slot_json(slot);
    if let (Some(object), Some(detail)) = (json.as_object_mut(), &token.detail) {
        object.remove("error");
        object.insert("module".into(), json!(settings.module.to_string_lossy()));
        object.insert("sha256".into(), json!(report.sha256));
        object.insert("library".into(), json!(report.library));
        object.insert("mechanisms".into(), json!(detail.mechanisms));
        object.insert("abilities".into(), abilities_json(detail));
        object.insert("objects".into(), json!(detail.public_objects.as_ref().ok()));
    }
    Ok(Done::ok(json))
}

/// Module and token, as the options or the ledger name them.
fn meant(args: &TokenShow, global: &Global) -> Result<(Pkcs11Settings, Which), Error> {
    if let Some(module) = &args.module {
        let which = Which { slot: args.slot, label: args.label.clone(), serial: args.serial.clone() };
        return Ok((settings(module, None, global)?, which));
    }
    let (Some(ledger), Some(name)) = (&args.ledger, &args.target) else {
        return Err(Error::usage(
            "no token is named",
            "give --module FILE, or --ledger DIR and the target's name",
        ));
    };
    let state = ceremony::check(&storage::ledger::read(ledger)?, wiring::mode(global))?;
    let target = ceremony::target(&state, name)?;
    let Place::Pkcs11 { module, .. } = &target.target.place else {
        return Err(Error::refused(
            format!("{name} is no token behind a PKCS#11 module"),
            "'quorate status' says what it is",
        ));
    };
    let identity = &target.identity;
    let which = Which {
        slot: None,
        label: Some(identity.label.as_str().to_owned()),
        serial: Some(identity.serial.as_str().to_owned()),
    };
    Ok((settings(Path::new(module), identity.module_sha256, global)?, which))
}

fn not_one(slots: &[SlotReport], settings: &Pkcs11Settings) -> Error {
    let there = |slot: &SlotReport| match &slot.token {
        Ok(token) => {
            format!("slot {}: \"{}\", serial {}", slot.slot, token.identity.label, token.identity.serial)
        }
        Err(error) => format!("slot {}: {error}", slot.slot),
    };
    let message = match slots.len() {
        0 => "no such token is there".to_owned(),
        many => format!("{many} tokens answer to that"),
    };
    let mut error = Error::problem(
        message,
        "'quorate token list' shows them; with --module, name one by --serial, --label or --slot",
    )
    .with(slots.iter().map(there).collect());
    error.commands = vec![format!("quorate token list --module {}", shell(settings.module.as_os_str()))];
    error
}

fn tell_module(terminal: Terminal, settings: &Pkcs11Settings, report: &ModuleReport) {
    terminal.tell(&format!("Module {}", settings.module.to_string_lossy()));
    terminal.item(&format!("says of itself: {}", report.library));
    terminal.item(&format!("SHA-256 {}", report.sha256));
}

fn tell_slot(terminal: Terminal, slot: &SlotReport) {
    terminal.heading(&format!("Slot {}: {}", slot.slot, slot.description));
    match &slot.token {
        Ok(token) => tell_token(terminal, token),
        Err(error) => terminal.item(&format!("cannot be read: {error}")),
    }
}

fn tell_token(terminal: Terminal, token: &TokenReport) {
    let identity = &token.identity;
    terminal.item(&format!("label         \"{}\"", identity.label));
    terminal.item(&format!("serial        {}", identity.serial));
    terminal.item(&format!("token         {}, {}", identity.manufacturer, identity.model));
    terminal.item(&format!("versions      {}", token.versions));
    terminal.item(&format!("flags         {}", token.flags.join(", ")));
    let (min, max) = token.pin_length;
    terminal.item(&format!("PIN length    {}", pin_length(min, max)));
    terminal.item(&format!("SO PIN        {}", tries(token.so_tries)));
    terminal.item(&format!("user PIN      {}", tries(token.user_tries)));
}

fn pin_length(min: usize, max: usize) -> String {
    match (min, max) {
        // CK_UNAVAILABLE_INFORMATION
        (usize::MAX, _) | (_, usize::MAX) => "not told".to_owned(),
        (min, 0) => format!("{min} or more"),
        (min, max) => format!("{min} to {max}"),
    }
}

fn tries(tries: Tries) -> &'static str {
    match tries {
        Tries::Full => "no wrong try shown",
        Tries::Low => "wrong tries were made",
        Tries::Final => "ONE TRY IS LEFT",
        Tries::Locked => "LOCKED",
    }
}

fn tell_detail(terminal: Terminal, detail: &Detail) {
    terminal.tell(&format!("\nMechanisms that matter to a quorum, of {} listed:", detail.mechanisms_listed));
    for mechanism in &detail.mechanisms {
        let (min, max) = mechanism.key_size;
        terminal.item(&format!("{:<30} {min} to {max}: {}", mechanism.name, mechanism.uses.join(", ")));
    }
    terminal.tell("\nWhat a quorum could do with it, as far as that shows without a login:");
    for ability in Ability::ALL {
        match detail.lacks.iter().find(|lack| lack.ability == ability) {
            None => terminal.item(&format!("{ability:<13} yes")),
            Some(lack) => terminal.item(&format!("{ability:<13} no: {}; {}", lack.reason, lack.hint)),
        }
    }
    match &detail.public_objects {
        Ok(objects) => {
            terminal.tell(&format!(
                "\nVisible without a login: {}{}",
                counted(objects.len(), "object", "objects"),
                if objects.is_empty() { "." } else { ":" }
            ));
            for object in objects {
                terminal.item(&object.to_string());
            }
        }
        Err(error) => terminal.tell(&format!("\nIts public objects cannot be read: {error}")),
    }
}

fn slot_json(slot: &SlotReport) -> serde_json::Value {
    let token = slot.token.as_ref().ok();
    json!({
        "slot": slot.slot,
        "description": slot.description,
        "identity": token.map(|t| &t.identity),
        "versions": token.map(|t| &t.versions),
        "flags": token.map(|t| &t.flags),
        "pin_length": token.map(|t| t.pin_length),
        "so_tries": token.map(|t| t.so_tries),
        "user_tries": token.map(|t| t.user_tries),
        "error": slot.token.as_ref().err().map(TokenError::to_string),
    })
}

fn abilities_json(detail: &Detail) -> serde_json::Value {
    let one = |ability: &Ability| {
        let lack = detail.lacks.iter().find(|lack| lack.ability == *ability);
        json!({
            "ability": ability,
            "possible": lack.is_none(),
            "reason": lack.map(|l| &l.reason),
            "hint": lack.map(|l| &l.hint),
        })
    };
    Ability::ALL.iter().map(one).collect()
}
