//! What a module cannot do, found out without a PIN and without touching the token.
//!
//! Modules are not told apart by their names. What counts is an entry of the function list that is NULL, a mechanism
//! that is not listed, a flag of CK_TOKEN_INFO, and CKR_FUNCTION_NOT_SUPPORTED. That code is provoked only where the call
//! can neither change the token nor cost a try: on session objects, in a read-only session in which nobody is logged in.
//! So C_InitToken, C_SetPIN and C_Login are never called here; a module that has them and refuses them shows it in the act.

use cryptoki::{
    context::{Function, Pkcs11},
    mechanism::Mechanism,
    object::{Attribute, ObjectClass, ObjectHandle},
    session::SessionState,
};

use super::{
    fault::{CallResult, Fault},
    module::Module,
    session::Session,
    slots::OccupiedSlot,
    token_info::{self, trimmed},
    wrapping::Way,
};
use crate::{
    encoding::text::Line,
    memory::Pin,
    proposal::{
        capability::{Ability, Lack},
        target::Tries,
    },
};

/// Everything that needs the user's login.
const AS_USER: &[Ability] = &[Ability::LogIn, Ability::Delete, Ability::Backup, Ability::Restore];
/// Everything that needs the SO.
const AS_SO: &[Ability] = &[Ability::Initialise, Ability::TakeOver, Ability::SetUserPin, Ability::Reset];
/// Everything that changes the token.
const CHANGES: &[Ability] = &[
    Ability::Initialise,
    Ability::TakeOver,
    Ability::SetUserPin,
    Ability::Delete,
    Ability::Reset,
    Ability::Restore,
];

/// What each function is needed for.
const NEEDED: &[(Function, &str, &[Ability])] = &[
    (Function::OpenSession, "C_OpenSession", &Ability::ALL),
    (Function::Login, "C_Login", &Ability::ALL),
    (Function::InitToken, "C_InitToken", &[Ability::Initialise, Ability::Reset]),
    (Function::InitPIN, "C_InitPIN", &[Ability::Initialise, Ability::SetUserPin, Ability::Reset]),
    (Function::SetPIN, "C_SetPIN", &[Ability::TakeOver, Ability::Reset]),
    (Function::FindObjects, "C_FindObjects", AS_USER),
    (Function::GetAttributeValue, "C_GetAttributeValue", AS_USER),
    (Function::DestroyObject, "C_DestroyObject", &[Ability::Delete]),
    (Function::WrapKey, "C_WrapKey", &[Ability::Backup, Ability::Restore]),
    (Function::UnwrapKey, "C_UnwrapKey", &[Ability::Backup, Ability::Restore]),
    (Function::CreateObject, "C_CreateObject", &[Ability::Restore]),
];

/// Own means of the vendor: what is left where the standard's functions are not there.
const BY_VENDOR: &str = "do it by the vendor's own means, outside of quorate";
const NO_BACKUP: &str = "use the vendor's own backup, and leave credentials.backup-key out of the plan";

/// The lacks that were found, one for each ability: the first counts.
#[derive(Default)]
struct Lacks(Vec<Lack>);

impl Lacks {
    fn add(&mut self, abilities: &[Ability], reason: &str, hint: &str) {
        for ability in abilities {
            if !self.0.iter().any(|lack| lack.ability == *ability) {
                self.0.push(Lack { ability: *ability, reason: Line::lossy(reason), hint: Line::lossy(hint) });
            }
        }
    }
}

/// What cannot be done with this token; sorted.
pub(super) fn lacks(module: &Module<'_>, place: &OccupiedSlot) -> CallResult<Vec<Lack>> {
    let mut lacks = Lacks::default();
    for (function, name, abilities) in NEEDED {
        if !module.has(*function) {
            lacks.add(abilities, &format!("the module has no {name}"), hint_without(name));
        }
    }
    by_flags(place, &mut lacks);
    by_experience(module, &mut lacks)?;
    by_mechanisms(module, place, &mut lacks)?;
    if place.info.token_initialized() && !place.info.protected_authentication_path() {
        by_trial(module, place, &mut lacks)?;
    }
    let mut found = lacks.0;
    found.sort_by_key(|lack| lack.ability);
    Ok(found)
}

fn hint_without(function: &str) -> &'static str {
    match function {
        "C_WrapKey" | "C_UnwrapKey" => NO_BACKUP,
        "C_SetPIN" | "C_InitPIN" => {
            "leave so-pin out of the plan and have the user PIN borrowed: its owner hands it over at each ceremony"
        }
        _ => BY_VENDOR,
    }
}

/// CK_TOKEN_INFO flags (PKCS#11 v2.40, table 6). Those of PINs mean nothing on an empty token.
fn by_flags(place: &OccupiedSlot, lacks: &mut Lacks) {
    let info = &place.info;
    if info.protected_authentication_path() {
        let reason = "PINs are typed at the token itself: one that the quorum holds cannot be given to it";
        lacks.add(&Ability::ALL, reason, "switch the token's PIN pad off, or administer it without quorate");
    }
    if info.error_state() {
        lacks.add(&Ability::ALL, "the token is in its error state", "see the vendor's manual about it");
    }
    if info.write_protected() {
        lacks.add(CHANGES, "the token is write-protected", "lift the write protection for the ceremony");
    }
    if !info.token_initialized() {
        let rest: Vec<Ability> = Ability::ALL.into_iter().filter(|a| *a != Ability::Initialise).collect();
        lacks.add(&rest, "the token is not initialised", "begin with a genesis that initialises it");
        // opencryptoki, where another SO PIN costs one of three tries. SoftHSM shows the flag, too, but no serial number yet.
        if info.so_pin_to_be_changed() && !info.so_pin_locked() && !place.serial().is_empty() {
            lacks.add(
                &[Ability::Initialise],
                "the empty token has a factory SO PIN already, and is initialised with no other",
                "initialise it with the vendor's own tool, then take it over: there the SO PIN in force is presented",
            );
        }
        return;
    }
    lacks.add(
        &[Ability::Initialise],
        "the token is already initialised",
        "take it over, or reset it once it is the quorum's",
    );
    if !info.login_required() {
        let reason = "the token asks for no login: its PINs guard nothing";
        lacks.add(&[Ability::LogIn, Ability::TakeOver, Ability::SetUserPin], reason, BY_VENDOR);
    }
    if token_info::so_tries(info) == Tries::Locked {
        lacks.add(AS_SO, "the SO PIN is locked", "the token's manual says how it is freed");
    }
    let owner = "its owner changes it first, or the quorum takes the token over with the user PIN held";
    if !info.user_pin_initialized() {
        lacks.add(AS_USER, "the token has no user PIN", owner);
    } else if token_info::user_tries(info) == Tries::Locked {
        lacks.add(AS_USER, "the user PIN is locked", "have it freed by the token's SO");
    } else if info.user_pin_to_be_changed() {
        lacks.add(AS_USER, "the token requires a change of its user PIN before anything else", owner);
    }
}

/// What was seen, and cannot be probed, because only the act shows it. Only here a module is known by its name.
fn by_experience(module: &Module<'_>, lacks: &mut Lacks) -> CallResult<()> {
    let library = match module.call("C_GetInfo", Pkcs11::get_library_info) {
        Ok(library) => library,
        Err(fault) if fault.function == "worker" => return Err(fault),
        Err(_) => return Ok(()),
    };
    let (maker, name) = (trimmed(library.manufacturer_id()), trimmed(library.library_description()));
    // C_InitToken makes a new master key under the factory's SO PIN and keeps the hash of the present one: afterwards no SO PIN
    // opens the token. Seen in 3.8; its source was the same for years after.
    if maker == "IBM" && (name == "Meta PKCS11 LIBRARY" || name.eq_ignore_ascii_case("openCryptoki")) {
        lacks.add(
            &[Ability::Reset],
            "opencryptoki locks everybody out of a token that is initialised with another SO PIN than the factory's",
            "delete its objects instead, or stop its daemon and remove the token's files",
        );
    }
    // Its SO can log in only while there is no user PIN; C_InitToken destroys all objects and keeps the old label.
    if maker == "Mozilla Foundation" && name.starts_with("NSS ") {
        lacks.add(
            AS_SO,
            "NSS has no SO beside its user, and does not keep a label",
            "make its database and user PIN with certutil, and have the user PIN borrowed, without so-pin in the plan",
        );
    }
    // CKR_ARGUMENTS_BAD, in 1.9.
    if name.starts_with("TPM2.0 Cryptoki") {
        lacks.add(
            &[Ability::Reset],
            "tpm2-pkcs11 initialises no token a second time",
            "delete its objects, or remove the token with tpm2_ptool and adopt another",
        );
    }
    Ok(())
}

/// Without a standard way to wrap keys there is no backup.
fn by_mechanisms(module: &Module<'_>, place: &OccupiedSlot, lacks: &mut Lacks) -> CallResult<()> {
    let listed = match module.mechanisms(place.slot) {
        Ok(listed) => listed,
        Err(fault) if fault.function == "worker" => return Err(fault),
        Err(fault) => {
            lacks.add(&[Ability::Backup, Ability::Restore], &fault.line(), NO_BACKUP);
            return Ok(());
        }
    };
    let wraps = |way: Way| {
        let info = module.mechanism_info(place.slot, way.number());
        // Some modules list the mechanism and keep its wrapping for themselves; some set no flags at all.
        info.map_or(true, |info| info.wrap() || info.unwrap() || !(info.encrypt() || info.decrypt()))
    };
    if !Way::ALL.into_iter().any(|way| listed.contains(&way.number()) && wraps(way)) {
        let reason =
            format!("the token lists none of {} for wrapping", Way::ALL.map(Way::mechanism_name).join(", "));
        lacks.add(&[Ability::Backup, Ability::Restore], &reason, NO_BACKUP);
    }
    Ok(())
}

/// Calls that a conforming module answers without a login, on objects that vanish with the session.
fn by_trial(module: &Module<'_>, place: &OccupiedSlot, lacks: &mut Lacks) -> CallResult<()> {
    let session = match Session::to_read(module, place.slot) {
        Ok(session) => session,
        Err(fault) if fault.function == "worker" => return Err(fault),
        Err(fault) => {
            lacks.add(&Ability::ALL, &fault.line(), &fault.hint);
            return Ok(());
        }
    };
    has_a_so(&session, place, lacks)?;
    makes_objects(&session, lacks)?;
    wraps_keys(&session, lacks)
}

/// C_InitPIN where it can do nothing: by nobody, in a read-only session, with a PIN of a wrong length. A module that has
/// no SO (or manages PINs elsewhere) says CKR_FUNCTION_NOT_SUPPORTED.
fn has_a_so(session: &Session<'_>, place: &OccupiedSlot, lacks: &mut Lacks) -> CallResult<()> {
    let state = session.call("C_GetSessionInfo", |s| s.get_session_info());
    if !state.is_ok_and(|info| matches!(info.session_state(), SessionState::RoPublic)) {
        return Ok(());
    }
    let (min, max) = (place.info.min_pin_length(), place.info.max_pin_length());
    let wrong_length = match (min, max) {
        (2..=1024, _) => min.saturating_sub(1),
        (_, 1..=1024) => max.saturating_add(1),
        _ => return Ok(()),
    };
    let no_pin = Pin::copy_of(&vec![b'0'; wrong_length])
        .map_err(|e| Fault::new("worker", e.to_string(), "run the same command again"))?;
    let result = session.init_pin_as_nobody(&no_pin);
    match result {
        Ok(()) => lacks.add(
            &Ability::ALL,
            "the token let nobody at all set a user PIN (C_InitPIN without a login)",
            "do not use this token: its PINs guard nothing",
        ),
        Err(fault) if fault.function == "worker" => return Err(fault),
        Err(fault) if fault.is_unsupported() => lacks.add(
            AS_SO,
            "the module does not administer PINs: it does not support C_InitPIN",
            hint_without("C_InitPIN"),
        ),
        Err(_) => {}
    }
    Ok(())
}

/// Whether the module can make and destroy objects at all.
fn makes_objects(session: &Session<'_>, lacks: &mut Lacks) -> CallResult<()> {
    let template = [
        Attribute::Class(ObjectClass::DATA),
        Attribute::Token(false),
        Attribute::Private(false),
        Attribute::Label(b"quorate probe".to_vec()),
        Attribute::Value(vec![0]),
    ];
    let made = session.call("C_CreateObject", |s| s.create_object(&template));
    match made {
        Ok(object) => discard(session, object, lacks),
        Err(fault) => unsupported(fault, "C_CreateObject", &[Ability::Restore], BY_VENDOR, lacks),
    }
}

fn discard(session: &Session<'_>, object: ObjectHandle, lacks: &mut Lacks) -> CallResult<()> {
    match session.call("C_DestroyObject", |s| s.destroy_object(object)) {
        Ok(()) => Ok(()),
        Err(fault) => unsupported(fault, "C_DestroyObject", &[Ability::Delete], BY_VENDOR, lacks),
    }
}

/// A throw-away key under a throw-away key, where the token makes such keys without a login.
fn wraps_keys(session: &Session<'_>, lacks: &mut Lacks) -> CallResult<()> {
    let backs_up = &[Ability::Backup, Ability::Restore];
    let make = |more: &[Attribute]| {
        let mut template =
            vec![Attribute::Token(false), Attribute::Private(false), Attribute::ValueLen(32.into())];
        template.extend_from_slice(more);
        session.call("C_GenerateKey", |s| s.generate_key(&Mechanism::AesKeyGen, &template))
    };
    let under = make(&[Attribute::Wrap(true), Attribute::Unwrap(true)]);
    let key = make(&[Attribute::Extractable(true), Attribute::Sensitive(false)]);
    let (Ok(under), Ok(key)) = (under, key) else { return Ok(()) };
    let wrapped = session.call("C_WrapKey", |s| s.wrap_key(&Mechanism::AesKeyWrap, under, key));
    let tried = match wrapped {
        Ok(blob) => {
            let template = [
                Attribute::Class(ObjectClass::SECRET_KEY),
                Attribute::KeyType(cryptoki::object::KeyType::AES),
                Attribute::Token(false),
                Attribute::Private(false),
            ];
            let back = session
                .call("C_UnwrapKey", |s| s.unwrap_key(&Mechanism::AesKeyWrap, under, &blob, &template));
            match back {
                Ok(copy) => discard(session, copy, lacks),
                Err(fault) => unsupported(fault, "C_UnwrapKey", backs_up, NO_BACKUP, lacks),
            }
        }
        Err(fault) => unsupported(fault, "C_WrapKey", backs_up, NO_BACKUP, lacks),
    };
    tried?;
    discard(session, key, lacks)?;
    discard(session, under, lacks)
}

/// Only that the function is not there is certain; any other refusal may be for want of a login.
fn unsupported(
    fault: Fault,
    function: &str,
    abilities: &[Ability],
    hint: &str,
    lacks: &mut Lacks,
) -> CallResult<()> {
    if fault.function == "worker" {
        return Err(fault);
    }
    if fault.is_unsupported() {
        lacks.add(abilities, &format!("the module does not support {function}"), hint);
    }
    Ok(())
}
