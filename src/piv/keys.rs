//! The two keys of a card that a ceremony uses, found by what they are.
//!
//! People use their cards for other things as well: an identity of age-plugin-yubikey in an earlier slot, a key that
//! was moved. So the keys that were enrolled are looked for in the usual slots first, and then in all of them.

use std::collections::BTreeMap;

use super::{
    fault::Fault,
    session::{Session, too_old},
    slots::{Slot, SlotKey},
};
use crate::{
    ports::card::{CardError, EnrolledKeys},
    roster::key::PublicKey,
    sealing::{
        companion::CompanionedRecipient, hybrid::HybridRecipient, piv_p256::PivRecipient,
        recipient::ShareRecipient,
    },
};

/// To do with a card that has no key that could sign.
const NO_KEY: &str = "insert the card that was enrolled; if it is this one, its key was destroyed: use a spare card, or have the member replaced";

/// The two keys that a ceremony uses.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct CardKeys {
    pub(super) signing: SlotKey,
    pub(super) public: PublicKey,
    pub(super) share: Option<ShareKey>,
}

/// The key that opens the outer of two files.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct ShareKey {
    pub(super) key: SlotKey,
    pub(super) recipient: PivRecipient,
    /// With which companion it was enrolled. The card itself gives that only after its PIN; none where the key was not
    /// enrolled.
    pub(super) companion: Option<HybridRecipient>,
}

impl ShareKey {
    /// As it was enrolled.
    pub(super) fn enrolled(&self) -> Option<CompanionedRecipient> {
        let companion = self.companion.clone()?;
        Some(CompanionedRecipient { key: self.recipient.clone(), companion })
    }
}

impl CardKeys {
    /// Looks for the keys with which a card of this serial was enrolled. Where there is no such enrolment, or its keys
    /// are not on the card, these are the key of slot 9c and the first of the retired slots that can be a share key: who
    /// asked will see that they are others. One APDU for each slot, and so two if the keys are where they were made on an
    /// empty card.
    pub(super) fn find(session: &mut Session, enrolled: &[EnrolledKeys]) -> Result<Self, CardError> {
        let serial = session.serial().clone();
        let mut slots = Slots { session, seen: BTreeMap::new() };
        let mut own: Vec<&EnrolledKeys> = enrolled.iter().filter(|keys| keys.serial == serial).collect();
        let (signing, public) = slots.signing(&own)?;
        // Shares are sealed to the key that was enrolled together with this one.
        if own.iter().any(|keys| keys.signing_key == public) {
            own.retain(|keys| keys.signing_key == public);
        }
        let recipients: Vec<&ShareRecipient> =
            own.iter().filter_map(|keys| keys.share_recipient.as_ref()).collect();
        Ok(Self { signing, public, share: slots.share(&recipients)? })
    }

    /// Whether they are still where they were found.
    pub(super) fn are_on(&self, session: &mut Session) -> Result<bool, CardError> {
        let keys = [Some(&self.signing), self.share.as_ref().map(|share| &share.key)];
        for known in keys.into_iter().flatten() {
            let found = session.key(known.slot).map_err(|fault| fault.of(session.serial()))?;
            if found.as_ref() != Some(known) {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// What is in the slots; each is asked once.
struct Slots<'s> {
    session: &'s mut Session,
    seen: BTreeMap<Slot, Option<SlotKey>>,
}

impl Slots<'_> {
    /// The key in a slot; none if it is empty, or if its key is of a kind that the crate does not know, and so none of
    /// ours.
    fn key(&mut self, slot: Slot) -> Result<Option<SlotKey>, CardError> {
        if let Some(seen) = self.seen.get(&slot) {
            return Ok(seen.clone());
        }
        let key = match self.session.key(slot) {
            Ok(key) => key,
            Err(fault) if fault.pcsc().is_none() => None,
            Err(fault) => return Err(fault.of(self.session.serial())),
        };
        self.seen.insert(slot, key.clone());
        Ok(key)
    }

    /// The first key in these slots of which `found` makes something.
    fn first<T>(
        &mut self,
        slots: impl Iterator<Item = Slot>,
        found: impl Fn(&SlotKey) -> Option<T>,
    ) -> Result<Option<(SlotKey, T)>, CardError> {
        for slot in slots {
            if let Some(key) = self.key(slot)?
                && let Some(made) = found(&key)
            {
                return Ok(Some((key, made)));
            }
        }
        Ok(None)
    }

    fn signing(&mut self, own: &[&EnrolledKeys]) -> Result<(SlotKey, PublicKey), CardError> {
        let usual = self.session.key(Slot::SIGNING);
        self.seen.insert(Slot::SIGNING, usual.as_ref().ok().cloned().flatten());
        let is_enrolled = |key: &SlotKey| {
            key.signing_key().filter(|public| own.iter().any(|keys| keys.signing_key == *public))
        };
        if matches!(&usual, Ok(Some(key)) if is_enrolled(key).is_some()) || own.is_empty() {
            return self.usual(usual);
        }
        if !matches!(&usual, Err(fault) if fault.pcsc().is_some() || fault.is_unsupported())
            && let Some(found) = self.first(Slot::all(), is_enrolled)?
        {
            return Ok(found);
        }
        self.usual(usual)
    }

    /// What is in slot 9c, if it can sign.
    fn usual(&self, found: Result<Option<SlotKey>, Fault>) -> Result<(SlotKey, PublicKey), CardError> {
        let serial = self.session.serial();
        let unfit = |reason: &str| CardError::Unfit {
            serial: serial.clone(),
            reason: reason.to_owned(),
            next: NO_KEY,
        };
        let key = match found {
            Ok(Some(key)) => key,
            Ok(None) => return Err(unfit("slot 9c is empty: it has no signing key")),
            Err(fault) if fault.is_unsupported() => return Err(too_old(self.session)),
            Err(fault) => return Err(fault.of(serial)),
        };
        match key.signing_key() {
            Some(public) => Ok((key, public)),
            None => Err(unfit("the key in slot 9c is neither Ed25519 nor P-256")),
        }
    }

    fn share(&mut self, wanted: &[&ShareRecipient]) -> Result<Option<ShareKey>, CardError> {
        let enrolled = |recipient: &PivRecipient| {
            wanted.iter().find_map(|wanted| match wanted {
                ShareRecipient::Yubikey(known) if known.key == *recipient => Some(known.companion.clone()),
                _ => None,
            })
        };
        if !wanted.is_empty() {
            let is_wanted = |key: &SlotKey| {
                let recipient = key.recipient()?;
                enrolled(&recipient).map(|companion| (recipient, companion))
            };
            // The retired slots first: it was made there.
            let others = Slot::all().filter(|slot| !slot.is_retired());
            if let Some((key, (recipient, companion))) =
                self.first(Slot::retired().chain(others), is_wanted)?
            {
                return Ok(Some(ShareKey { key, recipient, companion: Some(companion) }));
            }
        }
        let able = self.first(Slot::retired(), |key| key.recipient().filter(|_| key.serves_shares()))?;
        Ok(able.map(|(key, recipient)| ShareKey { key, recipient, companion: None }))
    }
}
