//! A custodian's share, opened with their card and compared with the roster.

use super::Error;
use crate::{
    encoding::{digest::Digest, text::Name},
    ports::card::{CardError, UnlockedCard},
    roster::Roster,
    sharing::share::{Share, UnverifiedShare},
};

/// Why a share did not come out as it was dealt.
pub(super) enum OpeningError {
    /// The roster has none for this card.
    NotSealed(Name),
    /// The card did not open it.
    Card(CardError),
    /// It is not the one that was dealt.
    Share(String),
}

/// Opens the share of an authority that is sealed to the card with this key, and verifies that it is the one that
/// the dealer committed to.
pub(super) fn open_share(
    roster: &Roster,
    authority: &Name,
    custodian: &Name,
    keyid: Digest,
    card: &mut dyn UnlockedCard,
) -> Result<Share, OpeningError> {
    let sealed =
        roster.sealed_share(authority, keyid).ok_or_else(|| OpeningError::NotSealed(authority.clone()))?;
    let opened = card.open(sealed).map_err(OpeningError::Card)?;
    let (unverified, rest) =
        UnverifiedShare::read(opened.expose()).map_err(|error| OpeningError::Share(error.to_string()))?;
    if !rest.is_empty() {
        return Err(OpeningError::Share("something follows the share".into()));
    }
    unverified.verify(roster, authority, custodian).map_err(|error| OpeningError::Share(error.to_string()))
}

impl From<OpeningError> for Error {
    fn from(error: OpeningError) -> Self {
        match error {
            OpeningError::NotSealed(authority) => Self::refused(
                format!("no share of {authority} is sealed to this card"),
                "use the card that was enrolled",
            ),
            OpeningError::Card(error) => error.into(),
            OpeningError::Share(what) => Self::refused(
                format!("the share for this card is not valid: {what}"),
                "nothing was signed; tell the administrator: nobody should go on with a genesis, and later a spare card can be tried",
            ),
        }
    }
}
