//! Smart cards: a signing key, and a key that opens shares.

use crate::{
    encoding::text::Line,
    memory::{LockedBytes, Pin},
    roster::{card::EnrolledCard, key::PublicKey},
    sealing::recipient::ShareRecipient,
};

/// What a card says of itself before any PIN.
#[derive(Clone, Debug)]
pub struct CardDescription {
    /// `soft` or `yubikey`.
    pub kind: CardKind,
    /// Serial number: decimal on hardware, 32 hex digits on a soft card.
    pub serial: Line,
    pub signing_key: PublicKey,
    /// The recipient to which shares are sealed; witnesses' cards may have none. A YubiKey tells its companion only after the
    /// PIN: it is the enrolled one, and none where its key was not enrolled.
    pub share_recipient: Option<ShareRecipient>,
    /// PIN tries left; none where the card does not tell.
    pub tries_left: Option<u32>,
    /// Touches that one signature and one opening cost.
    pub touches: (u32, u32),
}

pub use super::card_error::{CardError, CompanionFault, Departure, NoService, Rescue};
pub use crate::roster::card::CardKind;

/// The keys with which a card was enrolled. It is known by them, wherever on the card they are.
#[derive(Clone, Debug)]
pub struct EnrolledKeys {
    pub serial: Line,
    pub signing_key: PublicKey,
    /// The recipient to which shares are sealed; none for a witness.
    pub share_recipient: Option<ShareRecipient>,
}

impl From<&EnrolledCard> for EnrolledKeys {
    fn from(card: &EnrolledCard) -> Self {
        Self {
            serial: card.enrolment().serial.clone(),
            signing_key: card.enrolment().signing_key.clone(),
            share_recipient: card.share_recipient().cloned(),
        }
    }
}

/// Touches of a piece of work: how many were asked for already, and how many there are altogether.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Touches {
    /// Asked for so far.
    pub done: u32,
    /// Altogether, these included.
    pub total: u32,
}

impl Touches {
    /// A piece of work that begins.
    pub const fn of(total: u32) -> Self {
        Self { done: 0, total }
    }

    /// Counts one more, and says which it is; more than were announced are counted all the same.
    pub fn next(&mut self, work: Work) -> Waiting {
        self.done = self.done.saturating_add(1);
        self.total = self.total.max(self.done);
        Waiting::Touch { number: self.done, of: self.total, work, contact: Contact::Usb }
    }
}

/// A card at hand.
pub trait Card {
    /// Reads what is public. No PIN, no touch, no try lost. A card that may have several keys is searched for those with
    /// which a card of its serial was `enrolled`; without such an enrolment the usual places count.
    fn describe(&mut self, enrolled: &[EnrolledKeys]) -> Result<CardDescription, CardError>;

    /// Says how many touches the work to come will cost, so that prompts can count them.
    fn announce(&mut self, _touches: Touches) {}

    /// Refuses a card whose PIN is blocked, or whose last try is to be kept, before anybody types a PIN.
    fn check_tries(&mut self, final_try: FinalTry) -> Result<(), CardError>;

    /// Presents the PIN once. A wrong PIN costs one try; the last try is refused with
    /// [`CardError::FinalTry`] unless `final_try` allows it.
    fn unlock(&mut self, pin: Pin, final_try: FinalTry) -> Result<Box<dyn UnlockedCard + '_>, CardError>;
}

/// A card whose PIN was right. Dropping it resets the card.
pub trait UnlockedCard {
    /// Signs `message`: Ed25519, or ECDSA P-256 with SHA-256 in DER with low S. The signature has been
    /// verified against the card's public key.
    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, CardError>;

    /// Opens an age file that is sealed to this card, and to nobody else (one stanza besides grease).
    fn open(&mut self, sealed: &[u8]) -> Result<LockedBytes, CardError>;
}

/// Told what the card waits for, so that its holder knows what to do. `begin` is called just before the card is asked,
/// `end` when it answered.
pub trait Attention: Send + Sync {
    /// The card, or the reader, that is asked.
    fn begin(&self, serial: &Line, waiting: Waiting);
    /// It answered, or failed.
    fn end(&self);
}

/// What a card waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Waiting {
    /// Nothing: it should answer at once, unless another program has it.
    Answer,
    /// Nothing, but making a key takes some seconds.
    KeyGeneration,
    Touch {
        number: u32,
        /// Of how many.
        of: u32,
        work: Work,
        contact: Contact,
    },
}

impl Waiting {
    /// The same of a card that is connected so.
    #[must_use]
    pub const fn through(self, contact: Contact) -> Self {
        match self {
            Self::Touch { number, of, work, .. } => Self::Touch { number, of, work, contact },
            other => other,
        }
    }
}

/// How a card is connected.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Contact {
    /// By USB: its light blinks while it waits for a touch.
    Usb,
    Field,
}

/// What a key on a card is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    Sign,
    /// Opening what is sealed to the card.
    Open,
    Manage,
}

/// How often a piece of work uses the keys of a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uses {
    pub signs: u32,
    pub opens: u32,
}

impl Uses {
    pub const SIGNATURE: Self = Self { signs: 1, opens: 0 };

    /// Touches that this card requires for it.
    pub fn touches(self, card: &CardDescription) -> u32 {
        let (sign, open) = card.touches;
        self.signs.saturating_mul(sign).saturating_add(self.opens.saturating_mul(open))
    }
}

/// Whether a card may be tried when one wrong PIN would block it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinalTry {
    Keep,
    /// The operator asked for it and confirmed.
    Spend,
}
