//! From exactly M verified shares back to an authority's secret.

use sharks::Sharks;
use zeroize::Zeroizing;

use super::{identity, share::Share};
use crate::{
    encoding::text::Name,
    memory::{AuthoritySecret, LockedBytes, MemoryError, scrubbed},
    roster::deal::Authority,
};

/// Why nothing was reconstituted.
#[derive(Debug, thiserror::Error)]
pub enum ReconstitutionError {
    /// Not exactly M distinct shares of this authority.
    #[error("{authority}: {found} usable shares, exactly {wanted} distinct ones are combined")]
    Count {
        authority: Name,
        /// Distinct shares given.
        found: usize,
        wanted: u8,
    },
    #[error("{0}: the shares do not combine")]
    Combine(Name),
    /// The result is not a clamped X25519 scalar: it cannot be what was dealt.
    #[error("{0}: the result is not a key of the kind that was dealt")]
    NotClamped(Name),
    /// The result is another key than the authority's.
    #[error("{0}: the result is another key: it does not give the authority's recipient")]
    OtherKey(Name),
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// Combines exactly M shares and checks that the result is the authority's key. The shares are consumed
/// and wiped.
pub fn reconstitute(
    authority: &Authority,
    shares: Vec<Share>,
) -> Result<AuthoritySecret, ReconstitutionError> {
    let name = || authority.name.clone();
    let mut indexes: Vec<u8> = shares
        .iter()
        .filter(|share| *share.authority() == authority.name && share.index() != 0)
        .map(Share::index)
        .collect();
    indexes.sort_unstable();
    indexes.dedup();
    // The library takes a share at 0, which is the secret itself, and answers a share that it is given twice with a wrong
    // secret and no error. Exactly M: it uses whatever it is given.
    if indexes.len() != usize::from(authority.threshold) || shares.len() != indexes.len() {
        return Err(ReconstitutionError::Count {
            authority: name(),
            found: indexes.len(),
            wanted: authority.threshold,
        });
    }
    scrubbed(|| combine(authority, shares))
}

fn combine(authority: &Authority, shares: Vec<Share>) -> Result<AuthoritySecret, ReconstitutionError> {
    let name = || authority.name.clone();
    let mut points = Vec::with_capacity(shares.len());
    for share in &shares {
        let bytes = Zeroizing::new([&[share.index()], share.secret().expose()].concat());
        let point = sharks::Share::try_from(bytes.as_slice());
        points.push(point.map_err(|_| ReconstitutionError::Combine(name()))?);
    }
    let result =
        Sharks(authority.threshold).recover(&points).map_err(|_| ReconstitutionError::Combine(name()))?;
    drop(points);
    drop(shares);
    check(authority, LockedBytes::take(result)?)
}

/// A result counts only if it is clamped and gives the authority's recipient.
fn check(authority: &Authority, result: LockedBytes) -> Result<AuthoritySecret, ReconstitutionError> {
    if !identity::is_clamped(result.expose()) {
        return Err(ReconstitutionError::NotClamped(authority.name.clone()));
    }
    let secret = AuthoritySecret::new(result);
    match identity::recipient(&secret) {
        Ok(recipient) if recipient == authority.recipient => Ok(secret),
        _ => Err(ReconstitutionError::OtherKey(authority.name.clone())),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::sealing::{recipient::X25519Recipient, single};

    fn authority(recipient: X25519Recipient) -> Authority {
        Authority {
            name: Name::new("crypto-officer").unwrap(),
            threshold: 2,
            groups: BTreeMap::new(),
            recipient,
        }
    }

    #[test]
    fn a_result_that_is_not_clamped_is_refused() {
        let mut bytes = [0x55; 32];
        bytes[0] |= 1;
        let result = LockedBytes::copy_of(&bytes).unwrap();
        let other = X25519Recipient::of(&single::x25519_identity(&[7; 32]).unwrap()).unwrap();
        assert!(matches!(check(&authority(other), result), Err(ReconstitutionError::NotClamped(_))));
    }

    /// From the shares to an opened credential: what libraries copied to their frames is gone when each is done.
    #[test]
    fn no_copy_of_the_secret_is_left_of_reconstituting_and_opening() {
        use crate::memory::search;
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = identity::fresh(&mut rng).unwrap();
        let needle = LockedBytes::copy_of(secret.expose()).unwrap();
        let recipient = identity::recipient(&secret).unwrap();
        drop(secret);
        let sealed = single::seal_to(&recipient, b"pin").unwrap();
        let result = LockedBytes::copy_of(needle.expose()).unwrap();
        let authority = authority(recipient);
        let left = search::copies_after(&needle, || {
            let secret = scrubbed(|| check(&authority, result)).unwrap();
            let key = identity::age_identity(&secret).unwrap();
            assert_eq!(single::open_with(&key, &sealed, 100).unwrap().expose(), b"pin");
        });
        assert_eq!(left, 0);
    }

    #[test]
    fn another_key_is_refused() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = identity::fresh(&mut rng).unwrap();
        let other = identity::recipient(&identity::fresh(&mut rng).unwrap()).unwrap();
        let copy = LockedBytes::copy_of(secret.expose()).unwrap();
        assert!(matches!(check(&authority(other), copy), Err(ReconstitutionError::OtherKey(_))));
        let own = identity::recipient(&secret).unwrap();
        let copy = LockedBytes::copy_of(secret.expose()).unwrap();
        assert!(check(&authority(own), copy).is_ok());
    }
}
