//! What can go wrong with a card, and what to do about it.

use crate::encoding::{strict::MADE_BY_0_1, text::Line};

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

/// What is wrong with the companion of a card's share key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompanionFault {
    Missing,
    /// A bit changed, or something else was written there.
    Damaged,
    /// It was replaced, or is another card's.
    Another,
}

impl std::fmt::Display for CompanionFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Missing => "its companion is missing: nothing is in data object 5fc121",
            Self::Damaged => "its companion is damaged: what is in data object 5fc121 is not one",
            Self::Another => {
                "its companion, in data object 5fc121, is not the one with which it was enrolled"
            }
        })
    }
}

/// How a card went away.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Departure {
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
            Self::LetGo => "it was released",
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
                "polkit usually admits only the user who is logged in at the machine itself: do that, or have a rule admit this user to org.debian.pcsc-lite.access_pcsc and access_card; 'journalctl -u pcscd' names whom it turned away"
            }
        }
    }
}

/// What went wrong with a card. `serial` says which one.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// There is no such card or reader.
    #[error("{place}: {reason}")]
    Absent { place: String, reason: String },
    /// There is no file of this name.
    #[error("{place}: {reason}")]
    NoFile { place: String, reason: String },
    /// What is there is not a card, or damaged.
    #[error("{place}: not a readable card: {reason}")]
    Unreadable { place: String, reason: String },
    /// The version before this one made it.
    #[error("{place}: a card {MADE_BY_0_1}")]
    Version { place: String },
    /// No PIN of this card looks like this; no try was spent.
    #[error("{reason}")]
    PinForm { reason: String },
    /// The PIN was wrong; one try was spent.
    #[error("wrong PIN for card {serial}: {tries_left} {} left", if *tries_left == 1 { "try" } else { "tries" })]
    WrongPin { serial: Line, tries_left: u32 },
    /// One try is left and was not spent.
    #[error("card {serial} has one PIN try left; it was not spent")]
    FinalTry { serial: Line },
    #[error("card {serial} is blocked: no PIN try left")]
    Blocked { serial: Line, rescue: Rescue },
    /// The sealed file is not for this card, is damaged, or has more than one recipient.
    #[error("card {serial} cannot open it: {reason}")]
    Sealed { serial: Line, reason: String },
    /// What is sealed to it opens only with the companion with which it was enrolled.
    #[error("card {serial} opens nothing: {fault}")]
    Companion { serial: Line, fault: CompanionFault },
    #[error("card {serial} cannot be used: {reason}")]
    Unfit { serial: Line, reason: String, next: &'static str },
    /// More than one card is there, and none was named.
    #[error("{} YubiKeys are there: {}", found.len(), found.join(", "))]
    Several {
        /// Each with its reader.
        found: Vec<String>,
    },
    #[error("the smart card service (pcscd) cannot be used: {reason}")]
    NoService { reason: NoService },
    /// A card is there that cannot be used as it is, and does not say which it is.
    #[error("{place}: {reason}")]
    Odd { place: String, reason: String, next: &'static str },
    /// It has rules for a new PIN or PUK, and this one breaks them. No try was spent.
    #[error("card {serial} did not take the new {what}: its own rules refuse it{}", if *is_pin_set { "; its PIN is the new one already" } else { "; nothing was changed" })]
    NewPin { serial: Line, what: &'static str, is_pin_set: bool },
    /// Another program has the card for itself.
    #[error("{place} is held by another program")]
    Busy {
        /// The card or its reader.
        place: String,
    },
    /// The card was there, and is not any more.
    #[error("card {serial} went away: {how}")]
    Gone { serial: Line, how: Departure },
    #[error("card {serial} was not touched in time")]
    NotTouched { serial: Line },
    #[error("card {serial} did not take {what}: it may be full")]
    Full { serial: Line, what: String },
    /// The file of a soft card could not be read, locked or written: its medium, and not the card.
    #[error("{place}: {reason}")]
    Medium { place: String, reason: String },
    #[error("card {serial}: {reason}")]
    Failed { serial: Line, reason: String },
}

impl CardError {
    /// What the person at the card should do next.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Absent { .. } => {
                "insert the card, or name the one that is meant: yubikey:SERIAL or soft:FILE"
            }
            Self::NoFile { .. } => "check the file's name, and that its medium is mounted",
            Self::Unreadable { .. } => {
                "give a file that 'quorate card new' made, and that this account may read and write"
            }
            Self::Version { .. } => "make another one with 'quorate card new', and enroll it",
            Self::PinForm { .. } => "run the same command again with another PIN; no try was spent",
            Self::WrongPin { .. } => "ask the card's holder for the PIN; nothing was signed",
            Self::FinalTry { .. } => "use a spare card, or spend the try with --final-try",
            Self::Blocked { rescue, .. } => rescue.hint(),
            Self::Sealed { .. } => "check that this is the card that the roster names",
            Self::Companion { .. } => {
                "nothing was opened or signed; what is sealed to this card is out of reach until that very companion is back: use \
                 another card, and find out who had this one's management key"
            }
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
                "take another card, or delete certificates and objects that are no longer needed ('ykman piv')"
            }
            Self::Medium { .. } => {
                "the card is not at fault, but where its file lies: make room there, or move it to a local file system that can be \
                 written to and has locks and fsync"
            }
            Self::Failed { .. } => "check the card and its medium, then run the same command again",
        }
    }
}
