//! Smart cards: a signing key, and a key that opens shares.

use crate::{
    encoding::text::Line,
    memory::{LockedBytes, Pin},
    roster::{card::Enrolment, key::PublicKey},
};

/// What a card says of itself before any PIN.
#[derive(Clone, Debug)]
pub struct CardDescription {
    /// `soft` or `yubikey`.
    pub kind: CardKind,
    /// Serial number: decimal on hardware, 32 hex digits on a soft card.
    pub serial: Line,
    /// The key that signs.
    pub signing_key: PublicKey,
    /// The recipient to which shares are sealed (`age1…`); witnesses' cards may have none.
    pub share_recipient: Option<String>,
    /// PIN tries left; none where the card does not tell.
    pub tries_left: Option<u32>,
    /// Touches that one signature and one opening cost.
    pub touches: (u32, u32),
}

pub use crate::roster::card::CardKind;

/// The keys with which a card was enrolled. It is known by them, wherever on the card they are.
#[derive(Clone, Debug)]
pub struct EnrolledKeys {
    /// Serial of the card.
    pub serial: Line,
    /// The key that signs.
    pub signing_key: PublicKey,
    /// The recipient to which shares are sealed; none for a witness.
    pub share_recipient: Option<String>,
}

impl From<&Enrolment> for EnrolledKeys {
    fn from(enrolment: &Enrolment) -> Self {
        Self {
            serial: enrolment.serial.clone(),
            signing_key: enrolment.signing_key.clone(),
            share_recipient: enrolment.share_recipient.clone(),
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
    /// A touch.
    Touch {
        /// The how manieth.
        number: u32,
        /// Of how many.
        of: u32,
        /// For what.
        work: Work,
        /// How the card is connected.
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
    /// In the field of an NFC reader.
    Field,
}

/// What a key on a card is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    /// A signature.
    Sign,
    /// Opening what is sealed to the card.
    Open,
    /// Proving the management key.
    Manage,
}

/// How often a piece of work uses the keys of a card.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Uses {
    /// Signatures.
    pub signs: u32,
    /// Openings.
    pub opens: u32,
}

impl Uses {
    /// One signature.
    pub const SIGNATURE: Self = Self { signs: 1, opens: 0 };

    /// Touches that this card wants for it.
    pub fn touches(self, card: &CardDescription) -> u32 {
        let (sign, open) = card.touches;
        self.signs.saturating_mul(sign).saturating_add(self.opens.saturating_mul(open))
    }
}

/// Whether a card may be tried when one wrong PIN would block it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FinalTry {
    /// Stop before the last try.
    Keep,
    /// The operator asked for it and confirmed.
    Spend,
}

/// What can be done about a blocked PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Rescue {
    /// Nothing: there is no PUK.
    None,
    /// The PUK sets a new PIN.
    Puk,
    /// Nothing: the PUK is blocked as well.
    PukBlocked,
}

impl Rescue {
    fn hint(self) -> &'static str {
        match self {
            Self::None => "use a spare card; the share on this one is out of reach",
            Self::Puk => {
                "use a spare card, or set a new PIN with this one's PUK ('ykman piv access unblock-pin')"
            }
            Self::PukBlocked => {
                "use a spare card; the PUK of this one is blocked too, and its keys are out of reach"
            }
        }
    }
}

/// How a card went away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
    /// By somebody's hand.
    PulledOut,
    /// Another program reset it, or used it in between.
    Taken,
    /// With the smart card service.
    Service,
    /// By us.
    LetGo,
}

impl std::fmt::Display for Departure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::PulledOut => "it was pulled out",
            Self::Taken => "another program used or reset it",
            Self::Service => "the smart card service (pcscd) was stopped or restarted",
            Self::LetGo => "it was let go",
        })
    }
}

impl Departure {
    fn hint(self) -> &'static str {
        match self {
            Self::PulledOut => {
                "nothing was signed; put the card in, leave it there, and run the same command again"
            }
            Self::Taken => {
                "nothing was signed; end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again"
            }
            Self::Service => {
                "nothing was signed; see that pcscd runs (systemctl status pcscd), then run the same command again"
            }
            Self::LetGo => "nothing was signed; run the same command again",
        }
    }
}

/// Why the smart card service cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NoService {
    /// Nothing listens, or what does says nothing.
    Mute,
    /// It runs and turns this user away.
    Refuses,
    /// This user may not even knock.
    Closed,
}

impl std::fmt::Display for NoService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Mute => "it does not answer",
            Self::Refuses => "it runs, and turns this user away (polkit)",
            Self::Closed => "this user may not open its socket",
        })
    }
}

impl NoService {
    const fn hint(self) -> &'static str {
        match self {
            Self::Mute => "start pcscd (systemctl start pcscd.socket), then run the same command again",
            Self::Refuses | Self::Closed => {
                "polkit usually admits only who is logged in at the machine itself: do that, or have a rule admit this user to org.debian.pcsc-lite.access_pcsc and access_card; 'journalctl -u pcscd' names whom it turned away"
            }
        }
    }
}

/// What went wrong with a card. `serial` says which one.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// There is no such card, file or reader.
    #[error("{place}: {reason}")]
    Absent {
        /// Where it was looked for.
        place: String,
        /// Why it is not there.
        reason: String,
    },
    /// What is there is not a card, or damaged.
    #[error("{place}: not a readable card: {reason}")]
    Unreadable {
        /// Where it was found.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No PIN of this card looks like this; no try was spent.
    #[error("{reason}")]
    PinForm {
        /// What a PIN looks like.
        reason: String,
    },
    /// The PIN was wrong; one try was spent.
    #[error("wrong PIN for card {serial}: {tries_left} {} left", if *tries_left == 1 { "try" } else { "tries" })]
    WrongPin {
        /// Serial of the card.
        serial: Line,
        /// Tries left now.
        tries_left: u32,
    },
    /// One try is left and was not spent.
    #[error("card {serial} has one PIN try left; it was not spent")]
    FinalTry {
        /// Serial of the card.
        serial: Line,
    },
    /// No try is left.
    #[error("card {serial} is blocked: no PIN try left")]
    Blocked {
        /// Serial of the card.
        serial: Line,
        /// What can be done about it.
        rescue: Rescue,
    },
    /// The sealed file is not for this card, is damaged, or has more than one recipient.
    #[error("card {serial} cannot open it: {reason}")]
    Sealed {
        /// Serial of the card.
        serial: Line,
        /// Why not.
        reason: String,
    },
    /// The card cannot serve as it is.
    #[error("card {serial} cannot serve: {reason}")]
    Unfit {
        /// Serial of the card.
        serial: Line,
        /// Why not.
        reason: String,
        /// What to do about that.
        next: &'static str,
    },
    /// More than one card is there, and none was named.
    #[error("{} YubiKeys are there: {}", found.len(), found.join(", "))]
    Several {
        /// Each with its reader.
        found: Vec<String>,
    },
    /// The smart card service is not there.
    #[error("the smart card service (pcscd) cannot be used: {reason}")]
    NoService {
        /// Why not.
        reason: NoService,
    },
    /// A card is there that cannot be used as it is, and does not say which it is.
    #[error("{place}: {reason}")]
    Odd {
        /// Where it is.
        place: String,
        /// What is odd about it.
        reason: String,
        /// What to do about that.
        next: &'static str,
    },
    /// It has rules for a new PIN or PUK, and this one breaks them. No try was spent.
    #[error("card {serial} did not take the new {what}: its own rules refuse it{}", if *is_pin_set { "; its PIN is the new one already" } else { "; nothing was changed" })]
    NewPin {
        /// Serial of the card.
        serial: Line,
        /// PIN or PUK.
        what: &'static str,
        /// Whether the PIN was changed before.
        is_pin_set: bool,
    },
    /// Another program has the card for itself.
    #[error("{place} is held by another program")]
    Busy {
        /// The card or its reader.
        place: String,
    },
    /// The card was there, and is not any more.
    #[error("card {serial} went away: {how}")]
    Gone {
        /// Serial of the card.
        serial: Line,
        /// How.
        how: Departure,
    },
    /// Nobody touched it.
    #[error("card {serial} was not touched in time")]
    NotTouched {
        /// Serial of the card.
        serial: Line,
    },
    /// It took no more.
    #[error("card {serial} did not take {what}: it may be full")]
    Full {
        /// Serial of the card.
        serial: Line,
        /// What was to be put on it.
        what: String,
    },
    /// The file of a soft card could not be read, locked or written: its medium, and not the card.
    #[error("{place}: {reason}")]
    Medium {
        /// The file.
        place: String,
        /// What the system said.
        reason: String,
    },
    /// The card or the reader failed.
    #[error("card {serial}: {reason}")]
    Failed {
        /// Serial of the card.
        serial: Line,
        /// What it said.
        reason: String,
    },
}

impl CardError {
    /// What the person at the card should do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => "insert the card, or give its place with --card",
            Self::Unreadable { .. } => {
                "give a file that 'quorate card new' made, and that this account may read and write"
            }
            Self::PinForm { .. } => "run the same command again with another PIN; no try was spent",
            Self::WrongPin { .. } => "ask the card's holder for the PIN; nothing was signed",
            Self::FinalTry { .. } => "use a spare card, or spend the try with --final-try",
            Self::Blocked { rescue, .. } => rescue.hint(),
            Self::Sealed { .. } => "check that this is the card that the roster names",
            Self::Unfit { next, .. } => next,
            Self::Several { .. } => "name one as yubikey:SERIAL, or take the others out",
            Self::NoService { reason } => reason.hint(),
            Self::Odd { next, .. } => next,
            Self::NewPin { .. } => {
                "choose another of 8 characters, neither one repeated nor a sequence nor a word (FIPS series, PIN complexity), then run the same command again"
            }
            Self::Busy { .. } => {
                "end the other program (a browser; gpg's with 'gpgconf --kill scdaemon'), then run the same command again"
            }
            Self::Gone { how, .. } => how.hint(),
            Self::NotTouched { .. } => {
                "nothing was signed and no try was lost; run the same command again and touch the card when asked"
            }
            Self::Full { .. } => {
                "take another card, or delete certificates and objects that are needed no more ('ykman piv')"
            }
            Self::Medium { .. } => {
                "the card is not at fault, but where its file lies: make room there, or move it to a local file system that can be \
                 written to and has locks and fsync"
            }
            Self::Failed { .. } => "check the card and its medium, then run the same command again",
        }
    }
}
