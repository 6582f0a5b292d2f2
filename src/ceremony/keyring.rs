//! Opening a station's secrets with the cards of its administrators, one after the other.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Error, sign,
    station::{self, KEEPERS},
};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{AuthoritySecret, StationSecret},
    ports::{
        card::{CardDescription, CardError, UnlockedCard, Uses},
        store::StationStore,
    },
    roster::deal::{Authority, StationKeys},
    sharing::{
        identity,
        reconstitution::reconstitute,
        share::{Share, UnverifiedShare},
    },
    transcript::ledger::Ceremony,
};

/// What of a station is opened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scope {
    /// The key that signs the lines: one administrator writes what is still to be written.
    Lines,
    /// What opens the releases as well, with as many keepers as the policy demands.
    Releases,
}

impl Scope {
    /// What the first card is used for.
    pub const fn uses(self) -> Uses {
        match self {
            Self::Lines => Uses { signs: 0, opens: 1 },
            Self::Releases => Uses { signs: 0, opens: 2 },
        }
    }
}

/// What another keeper's card is used for.
pub const KEEPER_USES: Uses = Uses { signs: 0, opens: 1 };

/// A station's secrets, as far as they were opened.
pub struct Keyring {
    proposal: Digest,
    signing: Arc<StationSecret>,
    identity: Part,
}

/// What opens the releases, so far.
enum Part {
    NotAsked,
    Shares(Vec<Share>),
    Whole(AuthoritySecret),
}

impl Keyring {
    /// Opens what is kept for an administrator's card, in one presentation.
    pub fn open(
        store: &dyn StationStore,
        ceremony: &Ceremony,
        scope: Scope,
        description: &CardDescription,
        card: &mut dyn UnlockedCard,
    ) -> Result<Self, Error> {
        let keyid = description.signing_key.keyid();
        let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
        let sealed = store.take(ledger, number, &station::name("signing", keyid))?;
        let sealed = sealed.ok_or_else(|| elsewhere(store))?;
        let opened = card.open(&sealed)?;
        let signing = station::read(&opened, (ledger, number), "signing").map_err(|_| damaged())?;
        let signing = Arc::new(StationSecret::new(signing));
        // For example those of a proposal that never reached the ledger.
        if sign::public_key(&signing)? != ceremony.proposal.station.keys.signing_key {
            return Err(damaged());
        }
        let mut ring = Self { proposal: ceremony.digest, signing, identity: Part::NotAsked };
        if scope == Scope::Releases {
            ring.add(store, ceremony, description, card)?;
        }
        Ok(ring)
    }

    /// One that opens nothing.
    #[cfg(test)]
    pub fn of(proposal: Digest) -> Self {
        let seed = crate::memory::LockedBytes::zeroed(32).unwrap();
        Self { proposal, signing: Arc::new(StationSecret::new(seed)), identity: Part::NotAsked }
    }

    /// Whether another keeper is needed to open the releases.
    pub fn lacks_keeper(&self) -> bool {
        matches!(&self.identity, Part::Shares(shares) if shares.len() < usize::from(KEEPERS))
    }

    /// Refuses the card of somebody who has opened their part, before it is asked for a PIN.
    pub fn check_keeper(&self, administrator: &Name) -> Result<(), Error> {
        let Part::Shares(shares) = &self.identity else { return Ok(()) };
        if shares.iter().all(|share| share.custodian() != administrator) {
            return Ok(());
        }
        Err(Error::refused(
            format!(
                "{administrator} is one keeper, with all their cards: the releases take another one's as well"
            ),
            "insert the card of another administrator",
        ))
    }

    /// Opens one more keeper's part; the last of those that it takes gives the identity.
    pub fn add(
        &mut self,
        store: &dyn StationStore,
        ceremony: &Ceremony,
        description: &CardDescription,
        card: &mut dyn UnlockedCard,
    ) -> Result<(), Error> {
        let keyid = description.signing_key.keyid();
        let (ledger, number) = (ceremony.proposal.ledger, ceremony.number());
        let station = &ceremony.proposal.station;
        let (administrator, _) = ceremony
            .roster
            .holder(keyid)
            .ok_or_else(|| Error::defect("the card of a keeper belongs to nobody"))?;
        let sealed = store.take(ledger, number, &station::name("identity", keyid))?.ok_or_else(destroyed)?;
        let opened = match card.open(&sealed) {
            // A crash cut off its destruction: its bytes are zeros by now.
            Err(CardError::Sealed { .. }) => return Err(destroyed()),
            opened => opened?,
        };
        let kept = station::kept_share((&station.keys, &station.keepers), number, &administrator.name)?;
        let Some((name, commitment)) = kept else {
            let secret = station::read(&opened, (ledger, number), "identity").map_err(|_| damaged())?;
            self.identity = Part::Whole(checked(AuthoritySecret::new(secret), &station.keys)?);
            return Ok(());
        };
        let share = UnverifiedShare::read(opened.expose())
            .ok()
            .filter(|(_, rest)| rest.is_empty())
            .and_then(|(share, _)| share.verify_dealt(name, commitment).ok())
            .ok_or_else(|| bad_share(&administrator.name))?;
        self.check_keeper(&administrator.name)?;
        let mut shares = match std::mem::replace(&mut self.identity, Part::NotAsked) {
            Part::Shares(shares) => shares,
            Part::NotAsked | Part::Whole(_) => Vec::new(),
        };
        shares.push(share);
        self.identity = if shares.len() < usize::from(KEEPERS) {
            Part::Shares(shares)
        } else {
            let (threshold, recipient) = (KEEPERS, station.keys.recipient.clone());
            let (name, groups) = (station::authority()?, BTreeMap::new());
            let authority = Authority { name, threshold, groups, recipient };
            Part::Whole(reconstitute(&authority, shares).map_err(|_| damaged())?)
        };
        Ok(())
    }

    /// The key that signs the lines, and what opens the releases, if that was opened.
    pub(super) fn into_secrets(
        self,
        ceremony: &Ceremony,
    ) -> Result<(Arc<StationSecret>, Option<AuthoritySecret>), Error> {
        if self.proposal != ceremony.digest {
            let error = "the station's keys were opened for a proposal that is no longer the open one";
            return Err(Error::refused(error, "run the same command again"));
        }
        match self.identity {
            Part::Whole(identity) => Ok((self.signing, Some(identity))),
            Part::NotAsked => Ok((self.signing, None)),
            Part::Shares(shares) => Err(too_few(ceremony, &shares)),
        }
    }
}

/// Refuses a machine, or an account, that is not the ceremony's station.
pub(super) fn check_station(store: &dyn StationStore, ceremony: &Ceremony) -> Result<(), Error> {
    if store.is_station(ceremony.proposal.ledger, ceremony.number()) { Ok(()) } else { Err(elsewhere(store)) }
}

fn elsewhere(store: &dyn StationStore) -> Error {
    Error::refused(
        format!("{} has no station secrets of this ceremony that this card can open", store.whose()),
        "use the machine and the account that proposed it, and an administrator's card; if they are lost, have the quorum \
         recover the ceremony (a plan of kind \"recover\")",
    )
}

fn checked(identity: AuthoritySecret, keys: &StationKeys) -> Result<AuthoritySecret, Error> {
    if identity::recipient(&identity)? == keys.recipient { Ok(identity) } else { Err(damaged()) }
}

fn too_few(ceremony: &Ceremony, shares: &[Share]) -> Error {
    let all = ceremony.roster.administrators().map(|person| &person.name);
    let others = all.filter(|name| shares.iter().all(|share| share.custodian() != *name));
    let others: Vec<&str> = others.map(Name::as_str).collect();
    Error::problem(
        "the releases are opened by two administrators, and one of them has given their card",
        format!(
            "a card of {} is needed as well: give it with --keeper CARD, or run the command in a terminal",
            others.join(" or ")
        ),
    )
}

fn bad_share(administrator: &Name) -> Error {
    Error::problem(
        format!("what this station keeps for {administrator}'s card is not the share that was dealt to them"),
        "have another administrator give their card, or the quorum recover the ceremony at another station (a plan of kind \
         \"recover\")",
    )
}

fn damaged() -> Error {
    Error::problem(
        "the station's secrets are damaged",
        "have the quorum recover the ceremony (a plan of kind \"recover\")",
    )
}

fn destroyed() -> Error {
    Error::refused(
        "the station's identity is destroyed: an abort of this ceremony was cut off",
        "run 'quorate abort' again; if nobody aborted it, the file is damaged: have the quorum recover the ceremony",
    )
}
