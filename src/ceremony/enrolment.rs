//! A card signs whose it is, before it is on any roster.

use super::Error;
use crate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, pae},
        strict::{self, Base64},
        text::{Line, Name},
        time::Timestamp,
    },
    ports::card::{CardDescription, UnlockedCard},
    roster::card::{ENROLMENT_TYPE, EnrolledCard, Enrolment, EnrolmentFile},
    sealing::recipient::ShareRecipient,
};

/// Whether a card will open shares.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Holder {
    /// A custodian's or an administrator's: what is sealed to them is sealed to its share key.
    Recipient,
    /// A witness's: it signs, and nothing is sealed to it.
    Witness,
}

/// An enrolment that is not signed yet.
pub struct Enrolling {
    pub enrolment: Enrolment,
    share_recipient: Option<ShareRecipient>,
    attestation: Vec<Base64>,
}

impl Enrolling {
    /// For the card that was described. `attestation`: certificates of where its keys were made, which the statement names by digest.
    pub fn new(
        (name, full_name): (Name, Line),
        holder: Holder,
        card: &CardDescription,
        attestation: Vec<Base64>,
        created: Timestamp,
    ) -> Self {
        let share_recipient = card.share_recipient.clone().filter(|_| holder == Holder::Recipient);
        let enrolment = Enrolment {
            holder: name,
            full_name,
            kind: card.kind,
            serial: card.serial.clone(),
            signing_key: card.signing_key.clone(),
            share_recipient: share_recipient.as_ref().map(ShareRecipient::digest),
            created,
            attestation: attestation.iter().map(|der| Digest::of(&der.0)).collect(),
        };
        Self { enrolment, share_recipient, attestation }
    }

    /// Has the card sign it, and verifies the file as every reader will.
    pub fn sign(self, card: &mut dyn UnlockedCard) -> Result<EnrolmentFile, Error> {
        let payload = strict::write(&self.enrolment);
        let signature = card.sign(&pae(ENROLMENT_TYPE, &payload))?;
        let keyid = self.enrolment.signing_key.keyid();
        let statement = Envelope::new(ENROLMENT_TYPE.into(), payload, keyid, signature);
        let file =
            EnrolmentFile { statement, share_recipient: self.share_recipient, attestation: self.attestation };
        EnrolledCard::from_file(file.clone())
            .map_err(|e| Error::problem(format!("the enrolment does not verify: {e}"), "use another card"))?;
        Ok(file)
    }
}
