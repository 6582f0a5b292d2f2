//! Cards: soft ones, YubiKeys, enrolments, and what attests their keys.

use super::{
    Row, counted,
    keys::{Shape, Shaped, account},
};
use crate::{
    encoding::{
        digest::Digest,
        text::{Line, Name},
    },
    roster::{
        attestation::{Firmware, Link, PinPolicy, Slot, TouchPolicy},
        card::{CardKind, Enrolment},
    },
    sealing::{piv_p256::PivRecipient, recipient::ShareRecipient},
};

account! {
    /// A card, as its keys describe it.
    of "card show" pub struct CardSeen {
        /// of card
        pub kind: CardKind,
        /// the card's serial
        pub serial: Line,
        /// SHA-256 of the signing key's SPKI
        pub keyid: Digest,
        /// of the signing key
        pub algorithm: String,
        /// age recipient of the share key, a YubiKey's with its companion's, or null
        pub share_recipient: Option<ShareRecipient>,
        /// PIN tries left, or null
        pub tries_left: Option<u32>,
    }

    /// A card that was enrolled.
    of "card enroll" pub struct Enrolled {
        /// the file that was written
        pub enrolment: String,
        /// the person who holds the card
        pub holder: Name,
        /// the card, as of 'card show'
        pub card: CardSeen,
    }

    /// All readers.
    of "card list" pub struct Readers {
        /// each reader
        pub readers: Vec<ReaderSeen>,
    }

    /// A reader with what is in it.
    pub struct ReaderSeen {
        /// the reader's name
        pub reader: String,
        /// the YubiKey in it, as of 'card show' but for the attestation, or null
        pub card: Option<YubikeySeen>,
        /// why there is none, or null
        pub reason: Option<String>,
    }

    /// Everything that a YubiKey says without a PIN.
    of "card show" pub struct YubikeySeen {
        /// yubikey
        pub kind: CardKind,
        /// the card's serial
        pub serial: Line,
        /// SHA-256 of the signing key's SPKI, or null
        pub keyid: Option<Digest>,
        /// of the signing key, or null
        pub algorithm: Option<String>,
        /// age recipient of the share key, without its companion's, or null
        pub share_recipient: Option<PivRecipient>,
        /// SHA-256 of the recipient of the share key's companion, as the card's own record has it, or null
        pub companion: Option<Digest>,
        /// PIN tries left
        pub tries_left: u32,
        /// for example 5.7.1
        pub firmware: String,
        /// the reader's name
        pub reader: String,
        /// whether the PIN is the factory default
        pub pin_is_default: bool,
        /// PUK tries left, or null where the card has no PUK
        pub puk_tries_left: Option<u32>,
        /// whether the PUK is the factory default, or null
        pub puk_is_default: Option<bool>,
        /// what the card requires of a new PIN or PUK
        pub pin_rules: PinRulesSeen,
        /// of the management key: 3DES, AES-192 …
        pub management_algorithm: String,
        /// whether the management key is the factory default
        pub management_is_default: bool,
        /// whether the card keeps it under its PIN
        pub management_is_protected: bool,
        /// whether it requires a touch
        pub management_touch: bool,
        /// each slot with a key
        pub slots: Vec<SlotSeen>,
        /// slots with keys of a kind that is not known here
        pub unknown: Vec<String>,
        /// slots with a certificate and no key, as far as they were looked at
        pub certificates_without_key: Vec<String>,
        /// whom those certificates name, as they say themselves
        pub names_without_key: Vec<SlotNamed>,
        /// what is missing before it can be used, in words
        pub missing: Vec<String>,
        /// why production refuses it all the same, in words
        pub production: Vec<String>,
        /// what attests its keys; null where several cards are listed
        pub attestation: Option<ProofSeen>,
    }

    /// Rules for a new PIN or PUK.
    pub struct PinRulesSeen {
        /// whether it must have 8 characters (FIPS series)
        pub wants_eight: bool,
        /// whether the card refuses simple ones (PIN complexity)
        pub refuses_simple: bool,
    }

    /// A slot with a key.
    pub struct SlotSeen {
        /// for example 9c
        pub slot: String,
        /// of the key in it
        pub algorithm: &'static str,
        /// generated or imported
        pub origin: &'static str,
        /// when it requires the PIN: never, once, always
        pub pin_policy: &'static str,
        /// when it requires a touch: never, cached, always
        pub touch_policy: &'static str,
        /// what the quorum would use it for: signing key, share key, or null
        pub purpose: Option<&'static str>,
        /// whether a certificate of its key is in the slot
        pub certificate: bool,
        /// what is in the slot beside the key, in words
        pub beside: &'static str,
        /// whom the certificate in the slot names, as it says itself, or null
        pub certificate_name: Option<String>,
        /// whether the card's own record says that 'quorate card enroll' made the key
        pub made_by_quorate: bool,
    }

    /// Whom a certificate names.
    pub struct SlotNamed {
        /// for example 9c
        pub slot: String,
        /// the name
        pub name: String,
    }

    /// What attests the keys of a card.
    pub struct ProofSeen {
        /// verified, incomplete (a certificate is not at hand), refused or none
        pub verdict: &'static str,
        /// why it is not verified, or null
        pub reason: Option<String>,
        /// as attested, or null
        pub firmware: Option<Firmware>,
        /// Yubico's name for it; null where --trust named it or nothing is verified
        pub authority: Option<&'static str>,
    }

    /// A signed enrolment.
    of "card show" pub struct EnrolmentShown {
        /// the enrolment, see quorate-transcript(5)
        pub enrolment: Enrolment,
        /// age recipient of the share key, a YubiKey's with its companion's, or null
        pub share_recipient: Option<ShareRecipient>,
        /// SHA-256 of the signing key's SPKI
        pub keyid: Digest,
        /// what attests its keys
        pub attestation: ProofSeen,
    }

    /// Attestations that were judged.
    of "card attestation" pub struct AttestationsJudged {
        /// verified or refused
        pub verdict: &'static str,
        /// each of them
        pub attestations: Vec<AttestationJudged>,
    }

    /// An attestation of a slot's key that checks out.
    pub struct AttestationVerified {
        /// of the slot's certificate
        pub sha256: Digest,
        /// its name
        pub subject: String,
        /// why it is refused, or null; where it is refused the rest is missing
        pub reason: Option<String>,
        /// where the key is
        pub slot: Slot,
        /// rsa-2048, p-256, p-384, ed25519, x25519 …
        pub key: String,
        /// SHA-256 of its SPKI
        pub key_sha256: Digest,
        /// of the card, or null
        pub serial: Option<u32>,
        /// of the card
        pub firmware: Firmware,
        /// when it requires the PIN
        pub pin_policy: PinPolicy,
        /// when it requires a touch
        pub touch_policy: TouchPolicy,
        /// in words, or null
        pub form_factor: Option<String>,
        /// whether it says that it is of the FIPS series
        pub fips: bool,
        /// Yubico's name for it, or null where --trust named it
        pub authority: Option<&'static str>,
        /// from the slot's certificate up: subject, sha256, not_before, not_after
        pub chain: Vec<Link>,
        /// whether the card's own certificate is marked as an authority's; if not, the pinned root itself signed it
        pub card_is_marked: bool,
    }

    /// One that does not.
    pub struct AttestationRefused {
        /// of the slot's certificate
        pub sha256: Digest,
        /// its name
        pub subject: String,
        /// why it is refused
        pub reason: String,
    }
}

/// What came of one attestation.
#[derive(Clone, Debug, serde::Serialize)]
#[serde(untagged)]
pub enum AttestationJudged {
    Verified(AttestationVerified),
    Refused(AttestationRefused),
}

impl Shaped for AttestationJudged {
    fn shape() -> Shape {
        Shape::Either(vec![AttestationVerified::shape(), AttestationRefused::shape()])
    }
}

impl CardSeen {
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = vec![
            Row::Fact("kind", self.kind.to_string()),
            Row::Fact("serial", self.serial.to_string()),
            Row::Fact("signing key", format!("{} {}", self.algorithm, self.keyid)),
            Row::Fact(
                "share key",
                self.share_recipient.as_ref().map_or_else(|| "none".into(), ShareRecipient::told),
            ),
        ];
        rows.extend(self.tries_left.map(|tries| Row::Fact("tries left", tries.to_string())));
        rows
    }
}

impl YubikeySeen {
    /// In words, but for the attestation.
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = vec![Row::Item(format!("YubiKey {}, firmware {}", self.serial, self.firmware))];
        rows.push(Row::Fact("PIN", standing(self.tries_left, self.pin_is_default)));
        match (self.puk_tries_left, self.puk_is_default) {
            (Some(left), Some(is_default)) => {
                rows.push(Row::Fact("PUK", standing(left, is_default)));
                if left == 0 {
                    rows.push(Row::Fact("", "if the PIN is blocked too, nobody can set a new one".into()));
                }
            }
            _ => {
                let none = "none: once the PIN is blocked, nobody can set a new one";
                rows.push(Row::Fact("PUK", none.into()));
            }
        }
        let rules = [
            (self.pin_rules.wants_eight, "exactly 8 characters (FIPS series)"),
            (self.pin_rules.refuses_simple, "no simple ones (PIN complexity is on)"),
        ];
        let rules: Vec<&str> =
            rules.into_iter().filter(|(applies, _)| *applies).map(|(_, rule)| rule).collect();
        if !rules.is_empty() {
            rows.push(Row::Fact("PIN rules", rules.join(", ")));
        }
        rows.push(Row::Fact("management", self.management_in_words()));
        rows.extend(self.slots.iter().flat_map(SlotSeen::rows));
        if let Some(companion) = self.companion {
            rows.push(Row::Item(format!(
                "object 5fc121 the share key's companion, under the PIN; SHA-256 of its recipient {}…",
                companion.short()
            )));
        }
        for slot in &self.unknown {
            rows.push(Row::Item(format!("slot {slot:<8} a key of a kind or policy that is not known here")));
        }
        for slot in &self.certificates_without_key {
            let named = self.names_without_key.iter().find(|named| named.slot == *slot);
            let name = named.map_or_else(String::new, |named| format!(" of \"{}\"", named.name));
            rows.push(Row::Item(format!("slot {slot:<8} no key, a certificate{name}")));
        }
        match self.missing.as_slice() {
            [] => rows.push(Row::item("Nothing is missing: it can be used.")),
            missing => {
                rows.push(Row::item("Before it can be used in a quorum:"));
                rows.extend(missing.iter().map(|what| Row::Item(format!("- {what}"))));
            }
        }
        rows.extend(self.production.iter().map(|against| Row::Item(format!("Not in production: {against}"))));
        rows
    }

    fn management_in_words(&self) -> String {
        let kept = match (self.management_is_default, self.management_is_protected) {
            (true, _) => "the factory default",
            (false, true) => "kept under the PIN",
            (false, false) => "kept outside the card",
        };
        let touch = if self.management_touch { ", requires a touch" } else { "" };
        format!("{}, {kept}{touch}", self.management_algorithm)
    }
}

impl SlotSeen {
    fn rows(&self) -> Vec<Row> {
        let purpose = match (self.purpose, self.made_by_quorate) {
            (Some(purpose), true) => format!(": {purpose}"),
            (Some(purpose), false) => format!(": {purpose}, not made by quorate"),
            (None, _) => String::new(),
        };
        let Self { slot, algorithm, origin, pin_policy, touch_policy, beside, .. } = self;
        let facts =
            format!("{algorithm}, {origin}, PIN {pin_policy}, touch {touch_policy}, {beside}{purpose}");
        let mut rows = vec![Row::Item(format!("slot {slot:<8} {facts}"))];
        rows.extend(self.certificate_name.iter().map(|name| Row::Fact("", format!("\"{name}\""))));
        rows
    }
}

fn standing(tries: u32, is_default: bool) -> String {
    let tries = match tries {
        0 => "blocked".into(),
        left => format!("{} left", counted(usize::try_from(left).unwrap_or(usize::MAX), "try", "tries")),
    };
    format!("{tries}{}", if is_default { ", the factory default" } else { "" })
}
