//! A share: as it comes out of a file, and as it is known to be the dealer's.

use super::commitment::{ShareName, commitment};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{LockedBytes, MemoryError, ShareSecret},
    roster::Roster,
    sealing::document::{self, DocumentError, Reader},
};

const TITLE: &str = "quorate-share-v2";

/// The most bytes that one share document can have.
pub const MAX_SHARE: usize = 1024;

/// A share that somebody handed over. What it says about itself was not checked.
pub struct UnverifiedShare {
    name: ShareName,
    secret: ShareSecret,
}

/// A share that is the dealer's, of the roster that checked it. The only kind that is ever combined.
#[must_use = "a verified share that is dropped counts for nobody"]
pub struct Share {
    dealing: Digest,
    authority: Name,
    custodian: Name,
    index: u8,
    secret: ShareSecret,
}

/// Why a share does not count. Each says whose it is.
#[derive(Debug, thiserror::Error)]
pub enum ShareError {
    #[error("{0}")]
    Document(#[from] DocumentError),
    #[error("{custodian}'s share of {authority} belongs to epoch {found}, this roster is at epoch {wanted}")]
    Epoch { custodian: Name, authority: Name, found: u32, wanted: u32 },
    /// Of another ledger, mode, membership or threshold.
    #[error(
        "{custodian}'s share of {authority} belongs to another dealing (another ledger, a rehearsal, or another roster)"
    )]
    Dealing { custodian: Name, authority: Name },
    /// It names another custodian or authority, another index or threshold than the roster has.
    #[error("{custodian}'s share says it is {said}, the roster has {wanted}")]
    Name {
        /// Who handed it over.
        custodian: Name,
        said: String,
        /// What the roster says.
        wanted: String,
    },
    #[error("{custodian}'s share of {authority} has {length} bytes, not 32")]
    Length { custodian: Name, authority: Name, length: usize },
    /// The bytes are not those that the dealer committed to.
    #[error(
        "{custodian}'s share of {authority} is not the one that was dealt: it does not match its commitment"
    )]
    Commitment { custodian: Name, authority: Name },
}

impl UnverifiedShare {
    /// The document that is sealed to a card.
    pub fn write(name: &ShareName, secret: &ShareSecret) -> Result<LockedBytes, MemoryError> {
        let fields = [
            ("dealing", name.dealing.to_string()),
            ("epoch", name.epoch.to_string()),
            ("authority", name.authority.to_string()),
            ("custodian", name.custodian.to_string()),
            ("index", name.index.to_string()),
            ("threshold", name.threshold.to_string()),
        ];
        document::write(TITLE, &fields, secret.expose())
    }

    /// Reads the first share document of `bytes` and returns what follows it.
    pub fn read(bytes: &[u8]) -> Result<(Self, &[u8]), DocumentError> {
        let mut reader = Reader::new(bytes, TITLE)?;
        let dealing =
            Digest::from_hex(reader.field("dealing")?).map_err(|_| DocumentError::Line("dealing"))?;
        let epoch = reader.parsed("epoch")?;
        let authority =
            Name::new(reader.field("authority")?).map_err(|_| DocumentError::Line("authority"))?;
        let custodian =
            Name::new(reader.field("custodian")?).map_err(|_| DocumentError::Line("custodian"))?;
        let index = reader.parsed("index")?;
        let threshold = reader.parsed("threshold")?;
        let secret = ShareSecret::new(reader.secret()?);
        let name = ShareName { dealing, epoch, authority, custodian, index, threshold };
        Ok((Self { name, secret }, reader.rest()))
    }

    /// Checks that this is the share that the roster's dealer gave `custodian` of `authority`.
    pub fn verify(self, roster: &Roster, authority: &Name, custodian: &Name) -> Result<Share, ShareError> {
        let dealt = share_name(roster, authority, custodian);
        match (dealt, roster.commitment(authority, custodian)) {
            (Some(dealt), Some(commitment)) => self.verify_dealt(dealt, commitment),
            _ => Err(ShareError::Name {
                custodian: custodian.clone(),
                said: describe(&self.name),
                wanted: "no such share".into(),
            }),
        }
    }

    /// Checks that this is the share that was dealt under this name, to which its dealer committed.
    pub fn verify_dealt(self, dealt: ShareName, committed: Digest) -> Result<Share, ShareError> {
        let (custodian, authority) = (dealt.custodian.clone(), dealt.authority.clone());
        // The dealing id covers the epoch too; it comes first so that the owner of an older card is told that it is older.
        if self.name.epoch != dealt.epoch {
            let (found, wanted) = (self.name.epoch, dealt.epoch);
            return Err(ShareError::Epoch { custodian, authority, found, wanted });
        }
        if self.name.dealing != dealt.dealing {
            return Err(ShareError::Dealing { custodian, authority });
        }
        if self.name != dealt {
            return Err(ShareError::Name { custodian, said: describe(&self.name), wanted: describe(&dealt) });
        }
        if self.secret.expose().len() != 32 {
            return Err(ShareError::Length { custodian, authority, length: self.secret.expose().len() });
        }
        // Not in constant time: the commitment is public, and anybody who can choose the share knows it.
        if committed != commitment(&self.name, &self.secret) {
            return Err(ShareError::Commitment { custodian, authority });
        }
        Ok(Share {
            dealing: self.name.dealing,
            authority,
            custodian,
            index: self.name.index,
            secret: self.secret,
        })
    }
}

fn describe(name: &ShareName) -> String {
    format!(
        "{}'s share {} of {} with threshold {}",
        name.custodian, name.index, name.authority, name.threshold
    )
}

/// What the roster says a custodian's share is called; none where it has no such custodian or authority.
pub fn share_name(roster: &Roster, authority: &Name, custodian: &Name) -> Option<ShareName> {
    let deal = roster.deal();
    Some(ShareName {
        dealing: roster.dealing_id(),
        epoch: deal.epoch,
        authority: authority.clone(),
        custodian: custodian.clone(),
        index: deal.index_of(custodian)?,
        threshold: deal.authority(authority)?.threshold,
    })
}

impl Share {
    pub fn dealing(&self) -> Digest {
        self.dealing
    }

    pub fn authority(&self) -> &Name {
        &self.authority
    }

    pub fn custodian(&self) -> &Name {
        &self.custodian
    }

    /// 1..=N.
    pub fn index(&self) -> u8 {
        self.index
    }

    pub fn secret(&self) -> &ShareSecret {
        &self.secret
    }

    /// The document again, to be sealed to a station.
    pub fn to_document(&self, roster: &Roster) -> Result<Option<LockedBytes>, MemoryError> {
        share_name(roster, &self.authority, &self.custodian)
            .map(|name| UnverifiedShare::write(&name, &self.secret))
            .transpose()
    }
}
