//! What the card, the reader or the smart card service said, in words.

use pcsc::Error as Pcsc;
use yubikey::Error as Crate;

use super::{daemon, look::Oddity};
use crate::{
    encoding::text::Line,
    ports::card::{CardError, Departure, NoService},
};

/// Why a call did not succeed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fault {
    /// The crate's own error.
    Said(Crate),
    /// The crate panicked over what the card answered.
    Nonsense,
    /// The crate did not open it, and this is why.
    Odd(Oddity),
}

impl From<Crate> for Fault {
    fn from(error: Crate) -> Self {
        Self::Said(error)
    }
}

impl Fault {
    /// What PC/SC said, if it was that.
    pub(super) fn pcsc(self) -> Option<Pcsc> {
        match self {
            Self::Said(Crate::PcscError { inner }) => inner,
            _ => None,
        }
    }

    /// Whether the card was pulled out, put in again, or reset by another program, so that nothing reached it.
    pub(super) fn is_reset(self) -> bool {
        matches!(self.pcsc(), Some(Pcsc::ResetCard | Pcsc::RemovedCard))
    }

    /// Whether the firmware does not know the command.
    pub(super) fn is_unsupported(self) -> bool {
        self == Self::Said(Crate::NotSupported)
    }

    /// Of a card that is known.
    pub(super) fn of(self, serial: &Line) -> CardError {
        let serial = serial.clone();
        let gone = |how| CardError::Gone { serial: serial.clone(), how };
        match self.pcsc() {
            Some(
                Pcsc::RemovedCard
                | Pcsc::NoSmartcard
                | Pcsc::NotTransacted
                | Pcsc::UnresponsiveCard
                | Pcsc::UnpoweredCard
                | Pcsc::CommDataLost
                | Pcsc::UnknownReader
                | Pcsc::ReaderUnavailable,
            ) => gone(Departure::PulledOut),
            Some(Pcsc::ResetCard) => gone(Departure::Taken),
            Some(
                Pcsc::NoService
                | Pcsc::ServiceStopped
                | Pcsc::InvalidHandle
                // libpcsclite's word for a service that ended while it was asked.
                | Pcsc::CommError
                | Pcsc::ServerTooBusy
                | Pcsc::Shutdown,
            ) => gone(Departure::Service),
            Some(Pcsc::SharingViolation) => CardError::Busy { place: format!("card {serial}") },
            Some(other) => CardError::Failed { serial, reason: format!("PC/SC says: {other}") },
            None => CardError::Failed { serial, reason: self.words().into() },
        }
    }

    /// Of a place where no card is known yet.
    pub(super) fn at(self, place: &str) -> CardError {
        let absent = |reason: &str| CardError::Absent { place: place.to_owned(), reason: reason.to_owned() };
        match self.pcsc() {
            Some(Pcsc::NoService | Pcsc::ServiceStopped | Pcsc::InvalidHandle | Pcsc::CommError) => {
                CardError::NoService { reason: daemon::why() }
            }
            Some(Pcsc::NoAccess | Pcsc::SecurityViolation) => {
                CardError::NoService { reason: NoService::Refuses }
            }
            Some(Pcsc::NoReadersAvailable | Pcsc::UnknownReader | Pcsc::ReaderUnavailable) => {
                absent("no smart card reader is there")
            }
            Some(Pcsc::NoSmartcard | Pcsc::RemovedCard) => absent("no card is in it"),
            Some(Pcsc::UnresponsiveCard | Pcsc::UnpoweredCard | Pcsc::ProtoMismatch) => {
                absent("the card in it does not answer; it may be in the wrong way round")
            }
            Some(Pcsc::SharingViolation) => CardError::Busy { place: place.to_owned() },
            Some(other) => absent(&format!("PC/SC says: {other}")),
            None => absent(self.words()),
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Nonsense | Self::Odd(_) => "it answered with something that no YubiKey answers",
            Self::Said(Crate::AppletNotFound { .. }) => {
                "the card has no PIV application, or it is switched off"
            }
            Self::Said(Crate::NotSupported) => "its firmware does not know the command",
            Self::Said(Crate::NotFound) => "what was looked for is not there",
            Self::Said(Crate::AuthenticationError) => "it refused: not authenticated",
            Self::Said(Crate::PinLocked) => "the PIN or PUK is blocked",
            Self::Said(Crate::SizeError | Crate::ParseError | Crate::InvalidObject) => {
                "what it answered cannot be understood"
            }
            Self::Said(_) => "it refused the command",
        }
    }
}
