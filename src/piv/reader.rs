//! Readers, and which cards are in them.

use std::sync::Arc;

use yubikey::reader::Context;

use super::{
    fault::Fault,
    look,
    session::{Session, guarded},
};
use crate::{
    encoding::text::{self, Line},
    ports::card::{Attention, CardError, Waiting},
};

/// A reader, and the YubiKey in it, or why there is none.
pub(super) struct Reader {
    pub(super) name: String,
    pub(super) card: Result<Session, Fault>,
}

/// Opens the cards in all readers, until `enough` says so. Three APDUs each: select, version, serial.
pub(super) fn open_all(
    attention: &Arc<dyn Attention>,
    mut enough: impl FnMut(&Reader) -> bool,
) -> Result<Vec<Reader>, CardError> {
    let place = "smart card readers";
    let mut context = match guarded(Context::open) {
        Ok(context) => context,
        Err(fault) => return Err(fault.at(place)),
    };
    let readers = guarded(|| context.iter()).map_err(|fault| fault.at(place))?;
    let mut seen = Vec::new();
    for reader in readers {
        let name = text::printable(&reader.name());
        attention.begin(&Line::lossy(&name), Waiting::Answer);
        // A card that is pulled out while it answers looks like one that is not a YubiKey.
        let card = match guarded(|| reader.open()) {
            Err(Fault::Said(yubikey::Error::GenericError)) => guarded(|| reader.open()),
            other => other,
        };
        let card = match card {
            // The crate has no words for cards that are merely unusual.
            Err(fault) if fault.pcsc().is_none() => {
                Err(look::oddity(&reader.name()).map_or(fault, Fault::Odd))
            }
            other => other,
        };
        attention.end();
        seen.push(Reader { name, card: card.map(|card| Session::new(card, Arc::clone(attention))) });
        if seen.last().is_some_and(&mut enough) {
            break;
        }
    }
    Ok(seen)
}

/// The YubiKey with this serial; without one, the only YubiKey that is there.
pub(super) fn find(wanted: Option<u32>, attention: &Arc<dyn Attention>) -> Result<Session, CardError> {
    let is_wanted = |session: &Session| wanted.is_none_or(|serial| session.number() == serial);
    let readers =
        open_all(attention, |reader| wanted.is_some() && reader.card.as_ref().is_ok_and(is_wanted))?;
    let mut found = Vec::new();
    let mut others = Vec::new();
    let mut faults = Vec::new();
    for reader in readers {
        match reader.card {
            Ok(session) if is_wanted(&session) => found.push(session),
            Ok(session) => others.push(session),
            Err(fault) => faults.push((reader.name, fault)),
        }
    }
    let seen: Vec<String> = others.iter().chain(&found).map(describe).collect();
    others.into_iter().for_each(Session::leave);
    let first = if found.len() == 1 { found.pop() } else { None };
    if let Some(session) = first {
        return Ok(session);
    }
    if !found.is_empty() {
        found.into_iter().for_each(Session::leave);
        return Err(CardError::Several { found: seen });
    }
    Err(nothing(wanted, &seen, &faults))
}

fn describe(session: &Session) -> String {
    format!("YubiKey {} in reader {}", session.serial(), text::printable(session.reader()))
}

/// Why the card is not there.
fn nothing(wanted: Option<u32>, seen: &[String], faults: &[(String, Fault)]) -> CardError {
    use pcsc::Error as Pcsc;
    let place = wanted.map_or_else(|| "YubiKey".to_owned(), |serial| format!("YubiKey {serial}"));
    if let Some((name, fault)) = faults.iter().find(|(_, f)| f.pcsc() == Some(Pcsc::SharingViolation)) {
        return fault.at(&format!("the card in reader {name}"));
    }
    let refused = |f: &Fault| f.pcsc() == Some(Pcsc::SecurityViolation);
    if let Some((_, fault)) = faults.iter().find(|(_, f)| refused(f)) {
        return fault.at(&place);
    }
    if seen.is_empty()
        && let Some((name, Fault::Odd(odd))) = faults.iter().find(|(_, f)| matches!(f, Fault::Odd(_)))
    {
        let (reason, next) = (format!("reader {name}: {}", odd.words()), odd.hint());
        return CardError::Odd { place, reason, next };
    }
    let gone = |f: &Fault| {
        matches!(
            f.pcsc(),
            Some(Pcsc::NoService | Pcsc::ServiceStopped | Pcsc::InvalidHandle | Pcsc::CommError)
        )
    };
    if let Some((_, fault)) = faults.iter().find(|(_, f)| gone(f)) {
        return fault.at(&place);
    }
    let reason = match (seen, faults) {
        ([], []) => "no smart card reader is there".to_owned(),
        ([], [(name, fault)]) => format!("reader {name}: {}", why(*fault)),
        ([], faults) => {
            let all: Vec<String> =
                faults.iter().map(|(name, f)| format!("reader {name}: {}", why(*f))).collect();
            all.join("; ")
        }
        (seen, _) => format!("it is in no reader; there is {}", seen.join(", ")),
    };
    CardError::Absent { place, reason }
}

/// Why a reader has no YubiKey.
pub(super) fn why(fault: Fault) -> String {
    use pcsc::Error as Pcsc;
    match (fault.pcsc(), fault) {
        (Some(Pcsc::NoSmartcard | Pcsc::RemovedCard), _) => "no card is in it".into(),
        (
            Some(Pcsc::UnresponsiveCard | Pcsc::UnpoweredCard | Pcsc::ProtoMismatch | Pcsc::NotTransacted),
            _,
        ) => "the card in it does not answer, or was pulled out".into(),
        (Some(Pcsc::SharingViolation), _) => {
            "another program is using the card (gpg's ends with 'gpgconf --kill scdaemon')".into()
        }
        (Some(Pcsc::SecurityViolation), _) => "polkit lets this user use no card".into(),
        (None, Fault::Odd(odd)) => format!("{}: {}", odd.words(), odd.hint()),
        (Some(other), _) => format!("PC/SC says: {other}"),
        (None, Fault::Said(yubikey::Error::AppletNotFound { .. })) => {
            "the card in it is not a YubiKey, or its PIV application is switched off".into()
        }
        (None, _) => "the card in it is not a YubiKey".into(),
    }
}
