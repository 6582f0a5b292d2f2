//! A station's two secrets for one ceremony, and to whom they are entrusted.
//!
//! The key that signs the lines is sealed to every card of every administrator: any one of them goes on with a ceremony, aborts
//! or closes it. What opens the releases is split, 2 of all administrators, unless the policy has one keeper: the copies that one
//! administrator keeps of a station's files, with all their cards, open nothing that custodians released.

use std::sync::Arc;

use super::{Error, sign};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{AuthoritySecret, LockedBytes, StationSecret},
    ports::store::StationStore,
    proposal::document::Keeper,
    roster::{Person, Roster, deal::StationKeys},
    sealing::document::{self, DocumentError, Reader},
    sharing::{
        commitment::ShareName,
        dealer::{self, Terms},
        identity,
        share::UnverifiedShare,
    },
};

const TITLE: &str = "quorate-station-v2";
/// What a keeper's share names as its authority.
const AUTHORITY: &str = "station";

/// The secrets of a station, just made.
pub struct StationSecrets {
    /// Seed of the Ed25519 key that signs the lines.
    signing: Arc<StationSecret>,
    /// Opens the releases.
    identity: AuthoritySecret,
    keys: StationKeys,
}

/// The same once they are entrusted: what opens the releases is sealed, and gone from memory.
pub struct Entrusted {
    pub signing: Arc<StationSecret>,
    /// Those of whom two open the releases; none where any one administrator does.
    pub keepers: Vec<Keeper>,
    sealed: Vec<(String, Vec<u8>)>,
}

impl StationSecrets {
    pub fn fresh(rng: &mut impl rand_core::CryptoRng) -> Result<Self, Error> {
        let mut seed = LockedBytes::zeroed(32)?;
        rng.fill_bytes(seed.expose_mut());
        let signing = Arc::new(StationSecret::new(seed));
        let identity = identity::fresh(rng)?;
        let recipient = identity::recipient(&identity)?;
        let keys = StationKeys { signing_key: sign::public_key(&signing)?, recipient };
        Ok(Self { signing, identity, keys })
    }

    /// Their public halves.
    pub fn keys(&self) -> &StationKeys {
        &self.keys
    }

    /// Seals both to the administrators of the roster that acts.
    pub fn entrust(
        self,
        roster: &Roster,
        (ledger, ceremony): (Digest, u32),
        rng: &mut impl rand_core::CryptoRng,
    ) -> Result<Entrusted, Error> {
        let mut sealed = Vec::new();
        let own = |part, secret: &[u8]| document::write(TITLE, &fields(ledger, ceremony, part), secret);
        let signing = own("signing", self.signing.expose())?;
        let administrators: Vec<&Person> = roster.administrators().collect();
        for administrator in &administrators {
            seal("signing", &signing, administrator, &mut sealed)?;
        }
        let mut keepers = Vec::new();
        if roster.policy().station_keepers == 1 {
            let identity = own("identity", self.identity.expose())?;
            for administrator in &administrators {
                seal("identity", &identity, administrator, &mut sealed)?;
            }
        } else {
            let terms = Terms {
                dealing: self.keys.fingerprint(),
                epoch: ceremony,
                authority: &authority()?,
                threshold: KEEPERS,
                holders: administrators.iter().map(|person| &person.name).collect(),
            };
            let dealt = dealer::split(&terms, &self.identity, rng)
                .map_err(|error| Error::problem(error.to_string(), "propose again"))?;
            for (administrator, share) in administrators.iter().zip(dealt) {
                let document = UnverifiedShare::write(&share.name, &share.secret)?;
                seal("identity", &document, administrator, &mut sealed)?;
                keepers
                    .push(Keeper { administrator: administrator.name.clone(), commitment: share.commitment });
            }
        }
        Ok(Entrusted { signing: self.signing, keepers, sealed })
    }
}

impl Entrusted {
    /// Keeps what is sealed, under the mark of the proposal that it is for.
    pub fn keep(
        &self,
        store: &mut dyn StationStore,
        (ledger, ceremony): (Digest, u32),
        proposal: Digest,
    ) -> Result<(), Error> {
        store.put(ledger, ceremony, &mark(proposal), &[])?;
        for (name, sealed) in &self.sealed {
            store.put(ledger, ceremony, name, sealed)?;
        }
        Ok(())
    }
}

/// The keepers whose shares open the releases, where one alone does not.
pub const KEEPERS: u8 = 2;

/// What the share of a station's keeper names as its authority.
pub(super) fn authority() -> Result<Name, Error> {
    Name::new(AUTHORITY).map_err(|error| Error::defect(error.to_string()))
}

/// What an administrator's share of a station is called, and what its dealer committed to; none where they are not one of those
/// among whom it is split.
pub(super) fn kept_share(
    (keys, keepers): (&StationKeys, &[Keeper]),
    ceremony: u32,
    administrator: &Name,
) -> Result<Option<(ShareName, Digest)>, Error> {
    let index = (1..=u8::MAX).zip(keepers).find(|(_, keeper)| keeper.administrator == *administrator);
    let Some((index, keeper)) = index else { return Ok(None) };
    let name = ShareName {
        dealing: keys.fingerprint(),
        epoch: ceremony,
        authority: authority()?,
        custodian: administrator.clone(),
        index,
        threshold: KEEPERS,
    };
    Ok(Some((name, keeper.commitment)))
}

/// To each card of an administrator: two cards of one person are one keeper.
fn seal(
    part: &str,
    document: &LockedBytes,
    administrator: &Person,
    sealed: &mut Vec<(String, Vec<u8>)>,
) -> Result<(), Error> {
    for card in &administrator.cards {
        let Some(recipient) = card.share_recipient() else { continue };
        sealed.push((name(part, card.keyid()), recipient.seal(document.expose())?));
    }
    Ok(())
}

fn fields(ledger: Digest, ceremony: u32, part: &str) -> [(&'static str, String); 3] {
    [("ledger", ledger.to_string()), ("ceremony", ceremony.to_string()), ("part", part.to_owned())]
}

/// The secret of a part that was sealed whole.
pub(super) fn read(
    plaintext: &LockedBytes,
    (ledger, ceremony): (Digest, u32),
    part: &str,
) -> Result<LockedBytes, DocumentError> {
    let mut reader = Reader::new(plaintext.expose(), TITLE)?;
    for (key, wanted) in fields(ledger, ceremony, part) {
        if reader.field(key)? != wanted {
            return Err(DocumentError::Line(key));
        }
    }
    let secret = reader.secret()?;
    reader.end()?;
    Ok(secret)
}

/// The name of the file that says for which proposal a station keeps secrets: number and nonce do not identify the ceremony, since anybody
/// can put them into a ledger of their own. It comes after all others in the order in which they are destroyed: what a crash
/// leaves of them is found by it.
pub fn mark(proposal: Digest) -> String {
    format!("station-of-{proposal}")
}

/// The name under which a part is kept for a card.
pub fn name(part: &str, keyid: Digest) -> String {
    format!("{part}-{keyid}")
}

/// Name of the directory in which a ceremony's program works.
pub(super) fn room(proposal: Digest) -> String {
    proposal.to_string().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encoding::dsse::Mode,
        memory::search,
        roster::card::CardKind,
        transcript::tests::forge::{member, refit, roster_document},
    };

    /// As `run` has it while approvals are gathered.
    #[test]
    fn nothing_that_opens_a_release_is_left_in_memory_once_it_is_entrusted() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        for keepers in [1, 2] {
            let mut document = roster_document(Mode::Production, Digest::of(b"ledger"), "station");
            document.administrators.push(member("heidi", &["heidi"], CardKind::Soft, true));
            document.policy.station_keepers = keepers;
            refit(&mut document);
            let roster = Roster::validate(document).unwrap();
            let secrets = StationSecrets::fresh(&mut rng).unwrap();
            let needle = LockedBytes::copy_of(secrets.identity.expose()).unwrap();
            let mut entrusted = None;
            let left = search::copies_after(&needle, || {
                entrusted = Some(secrets.entrust(&roster, (roster.deal().ledger, 1), &mut rng).unwrap());
            });
            assert_eq!(left, 0, "{keepers} keepers");
            let named = entrusted.unwrap().keepers.len();
            assert_eq!(named, if keepers == 1 { 0 } else { 2 });
        }
    }

    #[test]
    fn the_mark_is_the_last_to_go() {
        let digest = Digest::of(b"proposal");
        let others = [name("signing", digest), name("identity", digest), "rejection-of-zoe".into()];
        assert!(others.iter().all(|other| *other < mark(digest)));
        assert!(
            [super::super::commanding::STARTED, super::super::commanding::ENDED]
                .iter()
                .all(|n| **n < *mark(digest))
        );
    }
}
