//! `quorate token list|show`.

use std::{path::Path, time::Duration};

use super::{
    account,
    args::{Global, TokenList, TokenShow, TokenVerb},
    done::Done,
    invocation::shell,
    reading,
    terminal::Terminal,
};
use crate::{
    account::{
        Passage,
        token::{AbilitySeen, MechanismSeen, SlotListed, TokenShown, TokensSeen, module_rows},
    },
    ceremony::{self, Error},
    encoding::{absolute_path::AbsolutePath, digest::Digest, text},
    pkcs11::{
        AbsentTokens, Depth, Detail, MechanismReport, Meter, ModuleReport, Pkcs11Settings, Select,
        SlotReport, Which, report,
    },
    ports::token::TokenError,
    proposal::{capability::Ability, place::Place},
};

pub fn run(verb: &TokenVerb, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    match verb {
        TokenVerb::List(args) => list(args, global, terminal),
        TokenVerb::Show(args) => show(args, global, terminal),
    }
}

fn settings(module: &Path, pinned: Option<Digest>, global: &Global) -> Result<Pkcs11Settings, Error> {
    let wrong = |reason: String| {
        let hint = "give the path of the vendor's PKCS#11 library";
        Error::problem(format!("{}: {reason}", text::printable(&module.to_string_lossy())), hint)
    };
    // Where links are on the way, only the system knows what `..` leads to.
    let upwards = module.components().any(|part| part == std::path::Component::ParentDir);
    let found = if upwards { module.canonicalize() } else { std::path::absolute(module) };
    let text = found.map_err(|e| wrong(e.to_string()))?.into_os_string().into_string();
    let text = text.map_err(|_| wrong("its path is not UTF-8".into()))?;
    let module = AbsolutePath::try_from(text).map_err(|e| wrong(e.to_string()))?;
    Ok(Pkcs11Settings {
        module,
        // A report is of slots, not of the one token that an operation acts on.
        select: Select::EmptySlot { slot: None },
        time_limit: Duration::from_secs(global.module_timeout),
        module_sha256: pinned,
        environment: Vec::new(),
        meter: Meter::default(),
        waited: AbsentTokens::default(),
        worker: None,
    })
}

fn list(args: &TokenList, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let settings = settings(&args.module, None, global)?;
    let report = report(&settings, Which::default(), Depth::Summary)?;
    let tokens = TokensSeen {
        module: settings.module.to_string(),
        sha256: report.sha256,
        library: report.library,
        tokens: report.slots.into_iter().map(listed).collect(),
    };
    tell(terminal, &tokens.passages());
    Ok(Done::ok(tokens))
}

fn tell(terminal: Terminal, passages: &[Passage]) {
    for passage in passages {
        passage.heading.iter().for_each(|heading| terminal.heading(heading));
        account::print(terminal, &passage.rows);
    }
}

fn listed(SlotReport { slot, description, token }: SlotReport) -> SlotListed {
    let error = token.as_ref().err().map(TokenError::to_string);
    let token = token.ok();
    SlotListed {
        slot,
        description,
        identity: token.as_ref().map(|token| token.identity.clone()),
        versions: token.as_ref().map(|token| token.versions.clone()),
        flags: token.as_ref().map(|token| token.flags.clone()),
        pin_length: token.as_ref().map(|token| token.pin_length),
        so_tries: token.as_ref().map(|token| token.so_tries),
        user_tries: token.as_ref().map(|token| token.user_tries),
        error,
    }
}

fn show(args: &TokenShow, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let (settings, which) = meant(args, global)?;
    let ModuleReport { sha256, library, slots } = report(&settings, which, Depth::Full)?;
    let module = settings.module.to_string();
    let slot = match <[SlotReport; 1]>::try_from(slots) {
        Ok([one]) => one,
        Err(several) => {
            account::print(terminal, &module_rows(&module, &library, sha256));
            return Err(not_one(&several, &settings));
        }
    };
    let token = slot.token.map_err(Error::from)?;
    let detail = token.detail.ok_or_else(|| {
        Error::problem("the module's process left out what it was asked for", "run the same command again")
    })?;
    let abilities = Ability::ALL.iter().map(|ability| able(*ability, &detail)).collect();
    let (objects, objects_error) = match detail.public_objects {
        Ok(objects) => (Some(objects), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let mechanism = |m: MechanismReport| MechanismSeen { name: m.name, key_size: m.key_size, uses: m.uses };
    let shown = TokenShown {
        module,
        sha256,
        library,
        slot: slot.slot,
        description: slot.description,
        identity: token.identity,
        versions: token.versions,
        flags: token.flags,
        pin_length: token.pin_length,
        so_tries: token.so_tries,
        user_tries: token.user_tries,
        mechanisms_listed: detail.mechanisms_listed,
        mechanisms: detail.mechanisms.into_iter().map(mechanism).collect(),
        abilities,
        objects,
        objects_error,
    };
    tell(terminal, &shown.passages());
    Ok(Done::ok(shown))
}

fn able(ability: Ability, detail: &Detail) -> AbilitySeen {
    let lack = detail.lacks.iter().find(|lack| lack.ability == ability);
    AbilitySeen {
        ability,
        possible: lack.is_none(),
        reason: lack.map(|lack| lack.reason.clone()),
        hint: lack.map(|lack| lack.hint.clone()),
    }
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
    let state = reading::ledger(ledger, global)?;
    let target = ceremony::target(&state, name)?;
    let Place::Pkcs11 { module, .. } = &target.target.place else {
        return Err(Error::refused(
            format!("{name} is not a token behind a PKCS#11 module"),
            "'quorate status' says what it is",
        ));
    };
    let identity = &target.identity;
    let which = Which {
        slot: None,
        label: Some(identity.label.as_str().to_owned()),
        serial: Some(identity.serial.as_str().to_owned()),
    };
    Ok((settings(module.as_ref(), identity.module_sha256, global)?, which))
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
        many => format!("{many} tokens match, and one is shown at a time"),
    };
    let mut error = Error::problem(
        message,
        "'quorate token list' shows them; with --module, name one by --serial, --label or --slot",
    )
    .with(slots.iter().map(there).collect());
    error.commands =
        vec![format!("quorate token list --module {}", shell(settings.module.as_str().as_ref()))];
    error
}
