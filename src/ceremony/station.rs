//! A station's two secrets for one ceremony, sealed to the cards of the administrator who proposes.

use std::sync::Arc;

use super::{Error, sign};
use crate::{
    encoding::digest::Digest,
    memory::{LockedBytes, StationSecret},
    ports::{
        card::{CardError, UnlockedCard},
        store::StationStore,
    },
    roster::{Person, deal::StationKeys},
    sealing::{
        document::{self, DocumentError, Reader},
        hybrid::HybridIdentity,
    },
};

const TITLE: &str = "quorate-station-v2";

/// The secrets of an open ceremony's station.
pub struct StationSecrets {
    /// Seed of the Ed25519 key that signs the lines.
    pub signing: Arc<StationSecret>,
    /// The age identity that opens the releases; destroyed before `closed` is written.
    pub identity: Option<StationSecret>,
}

impl StationSecrets {
    pub fn fresh(rng: &mut impl rand_core::CryptoRng) -> Result<Self, Error> {
        let mut secret = || -> Result<StationSecret, Error> {
            let mut bytes = LockedBytes::zeroed(32)?;
            rng.fill_bytes(bytes.expose_mut());
            Ok(StationSecret::new(bytes))
        };
        Ok(Self { signing: Arc::new(secret()?), identity: Some(secret()?) })
    }

    /// Their public halves.
    pub fn keys(&self) -> Result<StationKeys, Error> {
        let signing_key = sign::public_key(&self.signing)?;
        Ok(StationKeys { signing_key, recipient: self.age_identity()?.recipient() })
    }

    /// What opens the releases.
    pub fn age_identity(&self) -> Result<HybridIdentity, Error> {
        let identity = self.identity.as_ref().ok_or_else(|| {
            Error::refused(
                "the station's identity is destroyed: an abort of this ceremony was cut off",
                "run 'quorate abort' again; if nobody aborted it, the file is damaged: have the quorum recover the ceremony",
            )
        })?;
        let bytes = identity.expose().try_into().map_err(|_| damaged())?;
        Ok(HybridIdentity::from_seed(bytes)?)
    }

    /// Seals both to every card of the administrator and keeps them, under the mark of the proposal that they are for.
    pub fn keep(
        &self,
        store: &mut dyn StationStore,
        (ledger, ceremony): (Digest, u32),
        proposal: Digest,
        admin: &Person,
    ) -> Result<(), Error> {
        store.put(ledger, ceremony, &mark(proposal), &[])?;
        for card in &admin.cards {
            let Some(recipient) = &card.enrolment().share_recipient else { continue };
            for (part, secret) in [("signing", Some(&*self.signing)), ("identity", self.identity.as_ref())] {
                let Some(secret) = secret else { continue };
                let fields = fields(ledger, ceremony, part);
                let document = document::write(TITLE, &fields, secret.expose())?;
                let sealed = recipient.seal(document.expose())?;
                store.put(ledger, ceremony, &name(part, card.keyid()), &sealed)?;
            }
        }
        Ok(())
    }

    /// Opens what is kept for this card.
    pub fn open(
        store: &dyn StationStore,
        ledger: Digest,
        ceremony: u32,
        keyid: Digest,
        card: &mut dyn UnlockedCard,
    ) -> Result<Self, Error> {
        let mut part = |part: &'static str| -> Result<Option<StationSecret>, Error> {
            let Some(sealed) = store.take(ledger, ceremony, &name(part, keyid))? else { return Ok(None) };
            let plaintext = match card.open(&sealed) {
                // A crash cut off its destruction: its bytes are zeros by now. Closing does not need it.
                Err(CardError::Sealed { .. }) if part == "identity" => return Ok(None),
                opened => opened?,
            };
            let secret = read(&plaintext, ledger, ceremony, part).map_err(|_| damaged())?;
            Ok(Some(StationSecret::new(secret)))
        };
        let signing = part("signing")?.ok_or_else(|| {
            Error::refused(
                format!("{} has no station secrets of this ceremony that this card can open", store.whose()),
                "use the card, the machine and the account that proposed it; if they are lost, have the quorum recover the ceremony \
                 (a plan of kind \"recover\")",
            )
        })?;
        Ok(Self { signing: Arc::new(signing), identity: part("identity")? })
    }

    /// Refuses secrets that are not those of the station that the proposal names, for example of a proposal that
    /// never reached the ledger.
    pub fn check(&self, keys: &StationKeys) -> Result<(), Error> {
        let signing = sign::public_key(&self.signing)? == keys.signing_key;
        let recipient = match &self.identity {
            Some(_) => self.age_identity()?.recipient() == keys.recipient,
            None => true,
        };
        if signing && recipient { Ok(()) } else { Err(damaged()) }
    }
}

fn damaged() -> Error {
    Error::problem(
        "the station's secrets are damaged",
        "have the quorum recover the ceremony (a plan of kind \"recover\")",
    )
}

/// The name of the file that says for which proposal a station keeps secrets: number and nonce do not identify the ceremony, since anybody
/// can put them into a ledger of their own. It comes after all others in the order in which they are destroyed: what a crash
/// leaves of them is found by it.
pub fn mark(proposal: Digest) -> String {
    format!("station-of-{proposal}")
}

/// The name under which a part is kept for a card.
pub fn name(part: &str, keyid: Digest) -> String {
    format!("{part}-{}", keyid.short())
}

fn fields(ledger: Digest, ceremony: u32, part: &str) -> [(&'static str, String); 3] {
    [("ledger", ledger.to_string()), ("ceremony", ceremony.to_string()), ("part", part.to_owned())]
}

fn read(
    plaintext: &LockedBytes,
    ledger: Digest,
    ceremony: u32,
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

/// Name of the directory in which a ceremony's program works.
pub(super) fn room(proposal: Digest) -> String {
    proposal.to_string().chars().take(32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
