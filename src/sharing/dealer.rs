//! The dealer: splits an authority's secret, and tries what it dealt.

use std::ops::Range;

use sharks::Sharks;
use zeroize::Zeroizing;

use super::{
    codeword::is_codeword,
    commitment::{ShareName, commitment},
};
use crate::{
    encoding::{digest::Digest, text::Name},
    memory::{AuthoritySecret, MemoryError, ShareSecret, scrubbed},
    roster::deal::DealHeader,
};

/// Multiplications that the trials of one dealing may take. Above it, each recovers one byte of the secret only, so that a
/// dealing stays within seconds.
const TRIAL_BUDGET: usize = 4_000_000;

/// One share, not yet sealed.
pub struct DealtShare {
    /// What binds it.
    pub name: ShareName,
    pub secret: ShareSecret,
    pub commitment: Digest,
}

/// Why nothing was dealt.
#[derive(Debug, thiserror::Error)]
pub enum DealError {
    #[error(transparent)]
    Memory(#[from] MemoryError),
    #[error("no authority {0} in the deal header")]
    NoAuthority(Name),
    /// A quorum of the shares just dealt did not give the secret back.
    #[error("a trial of the shares of {authority} failed: {threshold} of them did not give the secret back")]
    Trial { authority: Name, threshold: u8 },
}

/// For whom a secret is split, and what tells this dealing from every other.
pub struct Terms<'a> {
    /// The dealing id.
    pub dealing: Digest,
    /// Number of the dealing.
    pub epoch: u32,
    pub authority: &'a Name,
    pub threshold: u8,
    /// In the order of their indexes, the first having index 1.
    pub holders: Vec<&'a Name>,
}

/// Splits `secret` for the custodians of `header`, in the order of their indexes.
pub fn deal(
    header: &DealHeader,
    authority: &Name,
    secret: &AuthoritySecret,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<DealtShare>, DealError> {
    let entry = header.authority(authority).ok_or_else(|| DealError::NoAuthority(authority.clone()))?;
    let terms = Terms {
        dealing: header.dealing_id(),
        epoch: header.epoch,
        authority,
        threshold: entry.threshold,
        holders: header.custodians.iter().map(|custodian| &custodian.name).collect(),
    };
    split(&terms, secret, rng)
}

/// Splits `secret` for the holders.
///
/// All shares together are proven to give the secret back in every M-subset, and N subsets, in which each share takes part M
/// times, are tried as they will be used.
pub fn split(
    terms: &Terms<'_>,
    secret: &AuthoritySecret,
    rng: &mut impl rand_core::CryptoRng,
) -> Result<Vec<DealtShare>, DealError> {
    scrubbed(|| {
        let fails = || DealError::Trial { authority: terms.authority.clone(), threshold: terms.threshold };
        let dealer = Sharks(terms.threshold).dealer_rng(secret.expose(), rng);
        let shares: Vec<sharks::Share> = dealer.take(terms.holders.len()).collect();
        // Before any share leaves: one that cannot be combined would show only when its authority is needed.
        try_out(&shares, terms.threshold, secret).ok_or_else(fails)?;
        let mut dealt = Vec::with_capacity(shares.len());
        for ((holder, share), index) in terms.holders.iter().zip(&shares).zip(1..=u8::MAX) {
            let bytes = Zeroizing::new(Vec::from(share));
            // The library chooses the points: an index that is not the point of its share would give a wrong secret. Nor has one
            // holder two of them.
            let place = terms.holders.iter().zip(1..=u8::MAX).find(|(named, _)| *named == holder);
            if bytes.first() != Some(&index) || place.is_none_or(|(_, place)| place != index) {
                return Err(fails());
            }
            let secret = ShareSecret::copy_of(bytes.get(1..).unwrap_or_default())?;
            let name = ShareName {
                dealing: terms.dealing,
                epoch: terms.epoch,
                authority: terms.authority.clone(),
                custodian: (*holder).clone(),
                index,
                threshold: terms.threshold,
            };
            let commitment = commitment(&name, &secret);
            dealt.push(DealtShare { name, secret, commitment });
        }
        Ok(dealt)
    })
}

/// None unless every M-subset gives the secret.
fn try_out(shares: &[sharks::Share], threshold: u8, secret: &AuthoritySecret) -> Option<()> {
    let secret: &[u8; 32] = secret.expose().try_into().ok()?;
    let mut values = Zeroizing::new(Vec::with_capacity(shares.len()));
    for share in shares {
        let bytes = Zeroizing::new(Vec::from(share));
        values.push(bytes.get(1..)?.try_into().ok()?);
    }
    // The proof is our own arithmetic; the trials show that the library, which will combine the shares, agrees with it.
    if is_codeword(secret, &values, threshold) { try_subsets(shares, threshold, secret) } else { None }
}

/// Has the library recover from M shares in a row, beginning with each.
fn try_subsets(shares: &[sharks::Share], threshold: u8, secret: &[u8; 32]) -> Option<()> {
    let m = usize::from(threshold);
    let whole = shares.len().saturating_mul(m).saturating_mul(m).saturating_mul(secret.len()) <= TRIAL_BUDGET;
    for (first, byte) in (0..shares.len()).zip((0..secret.len()).cycle()) {
        let part = if whole { 0..secret.len() } else { byte..byte.saturating_add(1) };
        let row = shares.iter().cycle().skip(first).take(m);
        let subset = row.map(|share| part_of(share, &part)).collect::<Option<Vec<_>>>()?;
        let result = Zeroizing::new(Sharks(threshold).recover(&subset).ok()?);
        if secret.get(part) != Some(result.as_slice()) {
            return None;
        }
    }
    Some(())
}

/// A share of these bytes of the secret alone.
fn part_of(share: &sharks::Share, part: &Range<usize>) -> Option<sharks::Share> {
    let bytes = Zeroizing::new(Vec::from(share));
    let of_part = bytes.first().into_iter().chain(bytes.get(1..)?.get(part.clone())?);
    let of_part: Zeroizing<Vec<u8>> = Zeroizing::new(of_part.copied().collect());
    sharks::Share::try_from(of_part.as_slice()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sharing::identity;

    /// Each share of so large a quorum is tried in 23 of its 32 bytes; that all of them fit is proven apart from that.
    #[test]
    fn what_the_trials_of_a_large_quorum_do_not_see_is_seen_by_the_proof() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = identity::fresh(&mut rng).unwrap();
        let mut shares: Vec<_> = Sharks(23).dealer_rng(secret.expose(), &mut rng).take(255).collect();
        assert!(try_out(&shares, 23, &secret).is_some());
        // That of the custodian with index 101: byte 6 is tried in rows that begin at 6, 38, 70, 102 and so on.
        let mut bytes = Vec::from(&shares[100]);
        bytes[1 + 6] ^= 1;
        shares[100] = sharks::Share::try_from(bytes.as_slice()).unwrap();
        assert!(try_subsets(&shares, 23, secret.expose().try_into().unwrap()).is_some());
        assert!(try_out(&shares, 23, &secret).is_none());
    }

    /// Up to a dealing that takes the whole budget, every byte of every share is tried.
    #[test]
    fn trials_within_their_budget_see_every_byte() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = identity::fresh(&mut rng).unwrap();
        let bytes: &[u8; 32] = secret.expose().try_into().unwrap();
        assert_eq!(200 * 25 * 25 * bytes.len(), TRIAL_BUDGET);
        for (threshold, n) in [(3_u8, 5), (25, 200)] {
            let mut shares: Vec<_> = Sharks(threshold).dealer_rng(bytes, &mut rng).take(n).collect();
            assert!(try_subsets(&shares, threshold, bytes).is_some());
            // One byte alone would be tried in turn, and this one in no row that has this share.
            let mut bad = Vec::from(&shares[n / 2]);
            bad[1 + 8] ^= 1;
            shares[n / 2] = sharks::Share::try_from(bad.as_slice()).unwrap();
            assert!(try_subsets(&shares, threshold, bytes).is_none(), "{threshold} of {n}");
        }
    }

    /// A quorum so large that each trial is of one byte.
    #[test]
    fn a_share_of_another_dealing_is_seen_by_the_trials_too() {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let secret = identity::fresh(&mut rng).unwrap();
        for (threshold, n) in [(3_u8, 5), (100, 200)] {
            let mut deal =
                || Sharks(threshold).dealer_rng(secret.expose(), &mut rng).take(n).collect::<Vec<_>>();
            let (mut shares, other) = (deal(), deal());
            let bytes: &[u8; 32] = secret.expose().try_into().unwrap();
            assert!(try_out(&shares, threshold, &secret).is_some());
            shares[n / 2] = other[n / 2].clone();
            assert!(try_out(&shares, threshold, &secret).is_none());
            assert!(try_subsets(&shares, threshold, bytes).is_none());
        }
    }
}
