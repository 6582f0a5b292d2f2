//! An enrolment in words, and what its certificates prove.

use serde_json::{Value, json};

use super::terminal::Terminal;
use crate::roster::{
    attestation::{self, AttestationError, AttestedCard, Authority, Firmware, Trust},
    card::{CardKind, EnrolledCard},
};

/// Says what is in it. `trust` has the certificates of authorities, and which are believed beside Yubico's.
pub fn show(card: &EnrolledCard, trust: &Trust, terminal: Terminal) -> Value {
    let e = card.enrolment();
    terminal.tell(&format!("An enrolment, signed by its card: {} ({})", e.holder, e.full_name));
    terminal.item(&format!("card          {} {}", e.kind, e.serial));
    terminal.item(&format!("signing key   {} {}", e.signing_key.algorithm(), card.keyid()));
    terminal.item(&format!(
        "share key     {}",
        e.share_recipient.as_deref().unwrap_or("none (a witness's card)")
    ));
    terminal.item(&format!("enrolled      {}", e.created));
    let proof = Proof::of(card, trust);
    proof.tell(terminal);
    json!({ "enrolment": e, "keyid": card.keyid(), "attestation": proof.json() })
}

/// What is known of where the keys of an enrolment are.
enum Proof {
    /// The card is a file.
    Soft,
    /// Nothing came with the enrolment.
    Missing,
    /// It holds, up to an authority that is believed.
    Verified(Box<AttestedCard>),
    /// It may hold, but the certificate of an authority is not at hand.
    Incomplete(AttestationError),
    /// It does not hold, or not as production wants it.
    Refused(AttestationError),
}

impl Proof {
    fn of(card: &EnrolledCard, trust: &Trust) -> Self {
        match (card.enrolment().kind, card.attestation().next().is_some()) {
            (CardKind::Soft, false) => return Self::Soft,
            (CardKind::Yubikey, false) => return Self::Missing,
            (_, true) => {}
        }
        // Which firmware is new enough, a plan says; here it is shown.
        match attestation::check_enrolled(card, trust, Firmware::new(0, 0, 0)) {
            Ok(attested) => Self::Verified(Box::new(attested)),
            Err(error @ AttestationError::Incomplete { .. }) => Self::Incomplete(error),
            Err(error) => Self::Refused(error),
        }
    }

    fn tell(&self, terminal: Terminal) {
        match self {
            Self::Soft => terminal.item("attestation   none: a soft card is a file"),
            Self::Missing => terminal.item(
                "attestation   NONE: nothing proves where its keys were made; production refuses it unless the plan \
                 waives that",
            ),
            Self::Verified(attested) => {
                terminal.item(&match attested.signing().authority() {
                    Authority::Yubico(name) => format!("attestation   holds, up to {name}"),
                    Authority::Other => "attestation   holds, up to an authority that --trust named".into(),
                });
                terminal.item(&format!("              {attested}"));
                if attested.signing().firmware() < Firmware::WITHOUT_EUCLEAK {
                    terminal.item("              whoever takes it apart can read its ECDSA keys (EUCLEAK)");
                }
            }
            Self::Incomplete(error) => {
                terminal.item(&format!("attestation   NOT VERIFIED: {error}"));
                terminal.item("              bring Yubico's: 'quorate card show FILE --roots CERTIFICATES'");
            }
            Self::Refused(error) => {
                terminal.item(&format!("attestation   REFUSED: {error}"));
                terminal.item(&format!("              {}", error.hint()));
            }
        }
    }

    fn json(&self) -> Value {
        let (verdict, reason) = match self {
            Self::Soft | Self::Missing => ("none", None),
            Self::Verified(_) => ("verified", None),
            Self::Incomplete(error) => ("incomplete", Some(error.to_string())),
            Self::Refused(error) => ("refused", Some(error.to_string())),
        };
        let (firmware, authority) = match self {
            Self::Verified(attested) => {
                let authority = match attested.signing().authority() {
                    Authority::Yubico(name) => Some(name),
                    Authority::Other => None,
                };
                (Some(attested.signing().firmware()), authority)
            }
            _ => (None, None),
        };
        json!({ "verdict": verdict, "reason": reason, "firmware": firmware, "authority": authority })
    }
}
