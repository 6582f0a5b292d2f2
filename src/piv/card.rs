//! A YubiKey as a card: it describes itself, and takes a PIN.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    fault::Fault,
    keys::{CardKeys, ShareKey},
    reader,
    session::{Reference, Session, too_old},
    slots::SlotKey,
    unlocked::UnlockedPiv,
};
use crate::{
    encoding::text::Line,
    memory::Pin,
    ports::card::{
        Attention, Card, CardDescription, CardError, CardKind, Departure, EnrolledKeys, FinalTry, Rescue,
        Touches, UnlockedCard, Waiting, Work,
    },
    sealing::recipient::ShareRecipient,
};

/// SP 800-73-4, part 2, 2.4.3: a PIN has 6 to 8 characters. YubiKeys take any bytes; what can be typed everywhere is
/// printable ASCII.
const PIN_LENGTH: std::ops::RangeInclusive<usize> = 6..=8;

/// Tries that were read longer ago are read again before the PIN is presented: another program may have spent some.
const FRESH: Duration = Duration::from_secs(2);

/// A YubiKey in a reader.
pub struct PivCard {
    number: u32,
    pub(super) serial: Line,
    attention: Arc<dyn Attention>,
    /// None after the card was released; then it is opened again.
    session: Option<Session>,
    keys: Option<CardKeys>,
    tries: Option<(u32, Instant)>,
    /// Of the work that is being done.
    touches: Touches,
}

impl PivCard {
    /// The YubiKey with this serial; without one, the only YubiKey that is there.
    pub fn open(serial: Option<u32>, attention: Arc<dyn Attention>) -> Result<Self, CardError> {
        let session = reader::find(serial, &attention)?;
        Ok(Self {
            number: session.number(),
            serial: session.serial().clone(),
            attention,
            session: Some(session),
            keys: None,
            tries: None,
            touches: Touches::default(),
        })
    }

    /// The connection, opened again if the card was released meanwhile: by its serial, and only if its keys are those that
    /// were described.
    fn connect(&mut self) -> Result<&mut Session, CardError> {
        if self.session.is_none() {
            let mut session = reader::find(Some(self.number), &self.attention)?;
            if let Some(known) = &self.keys
                && !known.are_on(&mut session)?
            {
                session.leave();
                return Err(CardError::Unfit {
                    serial: self.serial.clone(),
                    reason: "its keys are not those that it had a moment ago".into(),
                    next: "another program made new keys on it: use a spare card",
                });
            }
            self.session = Some(session);
        }
        let serial = &self.serial;
        self.session.as_mut().ok_or_else(|| CardError::Gone { serial: serial.clone(), how: Departure::LetGo })
    }

    /// Nobody can use it any more but with its PUK, if that is not blocked as well.
    fn blocked(&mut self) -> CardError {
        let rescue = match self.ask(Session::puk_tries) {
            Ok(Some(0)) => Rescue::PukBlocked,
            Ok(None) => Rescue::None,
            _ => Rescue::Puk,
        };
        CardError::Blocked { serial: self.serial.clone(), rescue }
    }

    /// Asks the card for something that changes nothing. If it was reset or taken out and put in since, it is opened
    /// again, compared, and asked once more.
    fn ask<T>(&mut self, ask: impl Fn(&mut Session) -> Result<T, Fault>) -> Result<T, CardError> {
        let first = ask(self.connect()?);
        match first {
            Err(fault) if fault.is_reset() => {
                self.session = None;
                let again = ask(self.connect()?);
                again.map_err(|fault| self.said(fault))
            }
            other => other.map_err(|fault| self.said(fault)),
        }
    }

    fn said(&self, fault: Fault) -> CardError {
        match (fault, &self.session) {
            (Fault::Said(yubikey::Error::NotSupported), Some(session)) => too_old(session),
            _ => fault.of(&self.serial),
        }
    }

    fn read_tries(&mut self) -> Result<u32, CardError> {
        let left = self.ask(|session| session.tries(Reference::Pin))?;
        self.tries = Some((left, Instant::now()));
        Ok(left)
    }

    /// The number of the next touch, and what it does.
    pub(super) fn next_touch(&mut self, key: &SlotKey, work: Work) -> Waiting {
        if key.touches() == 0 {
            return Waiting::Answer;
        }
        self.touches.next(work)
    }

    /// Lets the card go, so that the PIN serves nobody else.
    pub(super) fn release(&mut self) {
        self.touches = Touches::default();
        if let Some(session) = self.session.take() {
            session.reset();
        }
    }

    /// The connection to a card whose PIN was presented; a card that was released since is never asked again.
    pub(super) fn unlocked_session(&mut self) -> Result<&mut Session, CardError> {
        if self.session.is_none() {
            return Err(CardError::Gone { serial: self.serial.clone(), how: Departure::LetGo });
        }
        self.connect()
    }

    /// Presents the PIN, once, to the card to which we are connected.
    pub(super) fn verify(&mut self, pin: &Pin) -> Result<(), CardError> {
        use yubikey::Error as Crate;
        let serial = self.serial.clone();
        let verified = self.unlocked_session()?.verify(pin);
        // What is known of the tries is known no more.
        self.tries = None;
        match verified {
            Ok(()) => Ok(()),
            Err(Fault::Said(Crate::WrongPin { tries: 0 } | Crate::PinLocked)) => Err(self.blocked()),
            Err(Fault::Said(Crate::WrongPin { tries })) => {
                Err(CardError::WrongPin { serial, tries_left: tries.into() })
            }
            Err(fault) => Err(fault.of(&serial)),
        }
    }

    fn known_keys(&mut self, enrolled: &[EnrolledKeys]) -> Result<CardKeys, CardError> {
        let keys = match CardKeys::find(self.connect()?, enrolled) {
            // Nothing was changed yet, and no PIN presented: it is opened again, and asked once more.
            Err(CardError::Gone { how: Departure::Taken, .. }) => {
                self.session = None;
                CardKeys::find(self.connect()?, enrolled)?
            }
            found => found?,
        };
        self.keys = Some(keys.clone());
        Ok(keys)
    }
}

impl Drop for PivCard {
    fn drop(&mut self) {
        // No PIN was given to a session that is still here.
        if let Some(session) = self.session.take() {
            session.leave();
        }
    }
}

impl Card for PivCard {
    fn describe(&mut self, enrolled: &[EnrolledKeys]) -> Result<CardDescription, CardError> {
        let tries = self.read_tries()?;
        let keys = self.known_keys(enrolled)?;
        let share = keys.share.as_ref();
        Ok(CardDescription {
            kind: CardKind::Yubikey,
            serial: self.serial.clone(),
            signing_key: keys.public,
            share_recipient: share.and_then(ShareKey::enrolled).map(ShareRecipient::Yubikey),
            tries_left: Some(tries),
            touches: (keys.signing.touches(), share.map_or(0, |share| share.key.touches())),
        })
    }

    fn announce(&mut self, touches: Touches) {
        self.touches = touches;
    }

    fn check_tries(&mut self, final_try: FinalTry) -> Result<(), CardError> {
        let tries = match self.tries {
            Some((left, at)) if at.elapsed() < FRESH => left,
            _ => self.read_tries()?,
        };
        match (tries, final_try) {
            (0, _) => Err(self.blocked()),
            (1, FinalTry::Keep) => Err(CardError::FinalTry { serial: self.serial.clone() }),
            _ => Ok(()),
        }
    }

    fn unlock(&mut self, pin: Pin, final_try: FinalTry) -> Result<Box<dyn UnlockedCard + '_>, CardError> {
        check_pin(&pin)?;
        let keys = match &self.keys {
            Some(keys) => keys.clone(),
            None => self.known_keys(&[])?,
        };
        self.check_tries(final_try)?;
        match self.verify(&pin) {
            Ok(()) => Ok(Box::new(UnlockedPiv::new(self, keys, pin))),
            Err(error) => {
                self.release();
                Err(error)
            }
        }
    }
}

/// Refuses what is not a PIN, before it costs a try. The crate takes an empty one for a question.
pub(super) fn check_pin(pin: &Pin) -> Result<(), CardError> {
    let printable = pin.expose().iter().all(|b| (b' '..=b'~').contains(b));
    if printable && PIN_LENGTH.contains(&pin.expose().len()) {
        return Ok(());
    }
    Err(CardError::PinForm {
        reason: format!(
            "a YubiKey's PIN or PUK has {} to {} printable ASCII characters",
            PIN_LENGTH.start(),
            PIN_LENGTH.end()
        ),
    })
}
