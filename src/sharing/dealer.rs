//! The dealer: splits an authority's secret, and tries what it dealt.

use sharks::Sharks;
use zeroize::Zeroize as _;

use super::commitment::{ShareName, commitment};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{AuthoritySecret, MemoryError, ShareSecret, scrubbed},
    roster::deal::DealHeader,
};

/// At most this many subsets of M shares are tried at a dealing.
pub const MAX_TRIALS: usize = 10_000;

/// One trial costs about M² field multiplications for each byte: large quorums try fewer subsets, so that a dealing
/// stays within seconds. In lexicographic order N subsets are enough for every share to take part.
const TRIAL_BUDGET: usize = 4_000_000;

fn trials(m: usize, n: usize) -> usize {
    TRIAL_BUDGET.checked_div(m.saturating_mul(m)).unwrap_or(MAX_TRIALS).clamp(n, MAX_TRIALS)
}

/// One share, not yet sealed.
pub struct DealtShare {
    /// What binds it.
    pub name: ShareName,
    /// Its 32 bytes.
    pub secret: ShareSecret,
    /// Its commitment.
    pub commitment: Digest,
}

/// Why nothing was dealt.
#[derive(Debug, thiserror::Error)]
pub enum DealError {
    /// No locked memory.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// No such authority in the header.
    #[error("no authority {0} in the deal header")]
    NoAuthority(Name),
    /// A quorum of the shares just dealt did not give the secret back.
    #[error("a trial of the shares of {authority} failed: {threshold} of them did not give the secret back")]
    Trial {
        /// Of which authority.
        authority: Name,
        /// M.
        threshold: u8,
    },
}

/// Splits `secret` for the custodians of `header`, in the order of their indexes.
///
/// M-subsets of the shares are reconstituted and compared: all of them, up to [`MAX_TRIALS`], or fewer in a large
/// quorum, but never so few that a share takes no part.
pub fn deal(
    header: &DealHeader,
    authority: &Name,
    secret: &AuthoritySecret,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<DealtShare>, DealError> {
    scrubbed(|| split(header, authority, secret, rng))
}

fn split(
    header: &DealHeader,
    authority: &Name,
    secret: &AuthoritySecret,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<DealtShare>, DealError> {
    let entry = header.authority(authority).ok_or_else(|| DealError::NoAuthority(authority.clone()))?;
    let n = header.custodians.len();
    let shares: Vec<sharks::Share> =
        Sharks(entry.threshold).dealer_rng(secret.expose(), rng).take(n).collect();
    try_subsets(&shares, entry.threshold, secret)
        .ok_or(DealError::Trial { authority: authority.clone(), threshold: entry.threshold })?;
    let dealing = header.dealing_id();
    let mut dealt = Vec::with_capacity(n);
    for (custodian, share) in header.custodians.iter().zip(&shares) {
        let mut bytes = Vec::from(share);
        let index = bytes.first().copied().unwrap_or_default();
        let locked = ShareSecret::copy_of(bytes.get(1..).unwrap_or_default());
        bytes.zeroize();
        let secret = locked?;
        let name = ShareName {
            dealing,
            epoch: header.epoch,
            authority: authority.clone(),
            custodian: custodian.name.clone(),
            index,
            threshold: entry.threshold,
        };
        if header.index_of(&custodian.name) != Some(index) {
            return Err(DealError::Trial { authority: authority.clone(), threshold: entry.threshold });
        }
        let commitment = commitment(&name, &secret);
        dealt.push(DealtShare { name, secret, commitment });
    }
    Ok(dealt)
}

/// Tries M-subsets in lexicographic order; none as soon as one does not give the secret.
fn try_subsets(shares: &[sharks::Share], threshold: u8, secret: &AuthoritySecret) -> Option<()> {
    let m = usize::from(threshold);
    let n = shares.len();
    let mut places: Vec<usize> = (0..m).collect();
    for _ in 0..trials(m, n) {
        let subset: Vec<&sharks::Share> = places.iter().filter_map(|place| shares.get(*place)).collect();
        let mut result = Sharks(threshold).recover(subset).ok()?;
        let equal = result == secret.expose();
        result.zeroize();
        if !equal {
            return None;
        }
        if !next_subset(&mut places, n) {
            return Some(());
        }
    }
    Some(())
}

/// Steps to the next M-subset of 0..n; false after the last one.
fn next_subset(places: &mut [usize], n: usize) -> bool {
    let m = places.len();
    for i in (0..m).rev() {
        let last = n.saturating_sub(m).saturating_add(i);
        let Some(place) = places.get_mut(i) else { return false };
        if *place < last {
            *place = place.saturating_add(1);
            let mut next = *place;
            for later in places.iter_mut().skip(i.saturating_add(1)) {
                next = next.saturating_add(1);
                *later = next;
            }
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_subsets_are_visited_once() {
        let mut places = vec![0, 1, 2];
        let mut seen = std::collections::BTreeSet::from([places.clone()]);
        while next_subset(&mut places, 5) {
            assert!(seen.insert(places.clone()));
        }
        assert_eq!(seen.len(), 10);
    }
}
