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

/// A result counts only if the whole recipient that it gives is the authority's.
fn check(authority: &Authority, result: LockedBytes) -> Result<AuthoritySecret, ReconstitutionError> {
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
    use crate::sealing::{
        hybrid::{HybridIdentity, HybridRecipient},
        single,
    };

    fn authority(recipient: HybridRecipient) -> Authority {
        Authority {
            name: Name::new("crypto-officer").unwrap(),
            threshold: 2,
            groups: BTreeMap::new(),
            recipient,
        }
    }

    /// Nothing about 32 bytes tells a seed that was dealt from another: the recipient does.
    #[test]
    fn a_seed_with_one_bit_wrong_is_another_key() {
        let seed = [0x55; 32];
        let own = HybridIdentity::from_seed(&seed).unwrap().recipient();
        assert!(check(&authority(own.clone()), LockedBytes::copy_of(&seed).unwrap()).is_ok());
        for bit in [0, 7, 100, 254, 255] {
            let mut changed = seed;
            changed[bit / 8] ^= 1 << (bit % 8);
            let refused = check(&authority(own.clone()), LockedBytes::copy_of(&changed).unwrap());
            assert!(matches!(refused, Err(ReconstitutionError::OtherKey(_))), "bit {bit}");
        }
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
