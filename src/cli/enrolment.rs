//! An enrolment in words, and what its certificates prove.

use super::{proof::KeyOrigin, terminal::Terminal};
use crate::{
    account::card::EnrolmentShown,
    ceremony::{Code, Error},
    encoding::strict::StrictError,
    roster::{
        attestation::{self, Firmware, Trust},
        card::{CardKind, EnrolledCard, EnrolmentError},
    },
    sealing::recipient::ShareRecipient,
};

/// Why the file was not taken for an enrolment, and what would be: `hint`.
pub fn refused(file: &str, error: &EnrolmentError, hint: &'static str) -> Error {
    let message = format!("{file}: {error}");
    match error {
        EnrolmentError::Document(StrictError::Version) => {
            let hint = "enroll the card with this version: 'quorate card enroll'";
            Error::problem(message, hint).coded(Code::Version)
        }
        _ => Error::refused(message, hint),
    }
}

/// Says what is in it. `what` names its file as a shell takes it, `trust` has the certificates of authorities, and which are believed beside Yubico's.
pub fn show(card: &EnrolledCard, what: &str, trust: &Trust, terminal: Terminal) -> EnrolmentShown {
    let e = card.enrolment();
    terminal.tell(&format!("An enrolment, signed by its card: {} ({})", e.holder, e.full_name));
    terminal.item(&format!("card          {} {}", e.kind, e.serial));
    terminal.item(&format!("signing key   {} {}", e.signing_key.algorithm(), card.keyid()));
    terminal.item(&format!(
        "share key     {}",
        card.share_recipient().map_or_else(|| "none (a witness's card)".into(), ShareRecipient::told)
    ));
    terminal.item(&format!("enrolled      {}", e.created));
    let proof = prove(card, trust);
    proof.tell(what, terminal);
    EnrolmentShown {
        enrolment: e.clone(),
        share_recipient: card.share_recipient().cloned(),
        keyid: card.keyid(),
        attestation: proof.seen(),
    }
}

fn prove(card: &EnrolledCard, trust: &Trust) -> KeyOrigin {
    match (card.enrolment().kind, card.attestation().next().is_some()) {
        (CardKind::Soft, false) => return KeyOrigin::None("a soft card is a file"),
        (CardKind::Yubikey, false) => {
            return KeyOrigin::None("production refuses the card unless the plan waives that");
        }
        (_, true) => {}
    }
    // Which firmware is new enough, a plan says; here it is shown.
    match attestation::check_enrolled(card, trust, Firmware::new(0, 0, 0)) {
        Ok(attested) => KeyOrigin::Verified {
            facts: attested.to_string(),
            firmware: attested.signing().firmware(),
            authority: attested.signing().authority(),
            marking: attested.signing().marking(),
        },
        Err(error) => error.into(),
    }
}
