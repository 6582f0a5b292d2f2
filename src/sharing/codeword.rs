//! Whether the shares that were dealt are points of one polynomial of degree M - 1 that has the secret at 0. If they are, every M
//! of them give the secret back: one check instead of one for each of the subsets.
//!
//! Such values are a word of a (generalised) Reed-Solomon code, and they are one exactly if they are orthogonal to its dual code:
//! for points x_j, v_j = 1 / Π (x_j - x_i) over i ≠ j, and every k < points - M, the sum of v_j x_j^k y_j is 0 (MacWilliams and Sloane,
//! *The Theory of Error-Correcting Codes*, chapters 10 and 12).
//!
//! The points are public, the values are secret: no branch and no address depends on a value.

/// Bytes of a secret and of each share. Each byte is dealt by a polynomial of its own.
const BYTES: usize = 32;

type Value = [u8; BYTES];

/// Whether `secret`, at 0, and `shares`, at 1, 2, 3 and so on, are values of one polynomial with `threshold` coefficients.
pub(super) fn is_codeword(secret: &Value, shares: &[Value], threshold: u8) -> bool {
    let points: Vec<u8> = (0..=u8::MAX).take(shares.len().saturating_add(1)).collect();
    // 255 shares at most: there are no more points than elements.
    let Some(checks) =
        points.len().checked_sub(usize::from(threshold)).filter(|_| points.len() > shares.len())
    else {
        return false;
    };
    let others = |x: &u8| points.iter().filter(|other| *other != x).fold(1, |p, other| times(p, x ^ other));
    let mut factors: Vec<u8> = points.iter().map(|x| inverse(others(x))).collect();
    let mut differs = 0;
    for _ in 0..checks {
        let mut sum = [0; BYTES];
        for (factor, value) in factors.iter().zip(std::iter::once(secret).chain(shares)) {
            add_product(&mut sum, *factor, value);
        }
        differs = sum.iter().fold(differs, |differs, byte| differs | byte);
        for (factor, x) in factors.iter_mut().zip(&points) {
            *factor = times(*factor, *x);
        }
    }
    differs == 0
}

/// Adds `factor`, which is public, times `value` to `sum`.
fn add_product(sum: &mut Value, factor: u8, value: &Value) {
    let mut multiple = *value;
    for bit in 0..8 {
        if factor >> bit & 1 == 1 {
            sum.iter_mut().zip(&multiple).for_each(|(sum, byte)| *sum ^= byte);
        }
        multiple.iter_mut().for_each(|byte| *byte = double(*byte));
    }
}

/// x times an element of GF(2^8) modulo x^8 + x^4 + x^3 + x^2 + 1, the field of the library that deals.
const fn double(element: u8) -> u8 {
    element << 1 ^ (0x1d & (element >> 7).wrapping_neg())
}

/// The product of two public elements.
fn times(a: u8, b: u8) -> u8 {
    let (product, _) = (0..8).fold((0, a), |(product, multiple), bit| {
        (product ^ if b >> bit & 1 == 1 { multiple } else { 0 }, double(multiple))
    });
    product
}

/// a^254: the inverse of a public element that is not 0.
fn inverse(a: u8) -> u8 {
    (0..6).fold(times(a, a), |power, _| times(times(power, power), times(a, a)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sharks::Sharks;

    /// Shares as the library deals them.
    fn dealt(secret: &Value, threshold: u8, n: usize) -> Vec<Value> {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        let shares = Sharks(threshold).dealer_rng(secret, &mut rng).take(n);
        shares.map(|share| Vec::from(&share)[1..].try_into().unwrap()).collect()
    }

    #[test]
    fn every_element_has_an_inverse() {
        assert!((1..=u8::MAX).all(|a| times(a, inverse(a)) == 1));
    }

    #[test]
    fn what_the_library_deals_is_a_codeword_of_its_threshold_and_of_no_lower_one() {
        let secret = [0xa5; BYTES];
        for (threshold, n) in [(2, 2), (2, 3), (3, 5), (11, 20), (128, 255), (255, 255), (2, 255)] {
            let shares = dealt(&secret, threshold, n);
            assert!(is_codeword(&secret, &shares, threshold), "{threshold} of {n}");
            assert!(!is_codeword(&secret, &shares, threshold - 1), "{threshold} of {n}");
        }
    }

    /// Each byte of each share, and of the secret, counts.
    #[test]
    fn one_wrong_bit_is_seen() {
        let secret = [7; BYTES];
        let shares = dealt(&secret, 3, 5);
        for place in 0..BYTES {
            let mut other = secret;
            other[place] ^= 0x80;
            assert!(!is_codeword(&other, &shares, 3));
            for share in 0..shares.len() {
                let mut shares = shares.clone();
                shares[share][place] ^= 1;
                assert!(!is_codeword(&secret, &shares, 3));
            }
        }
    }

    /// There are 255 points besides 0: more shares than that are of no polynomial, not even of the one that is 0 everywhere.
    #[test]
    fn more_shares_than_points_are_not_a_codeword() {
        let zero = [0; BYTES];
        for (shares, is_one) in [(255, true), (256, false), (300, false)] {
            assert_eq!(is_codeword(&zero, &vec![zero; shares], 2), is_one, "{shares}");
        }
    }

    /// Shares of two dealings: many subsets are whole, others are not.
    #[test]
    fn mixed_dealings_are_seen() {
        let secret = [9; BYTES];
        let (mut shares, others) = (dealt(&secret, 2, 4), dealt(&secret, 2, 4));
        shares[2..].copy_from_slice(&others[2..]);
        assert!(!is_codeword(&secret, &shares, 2));
    }
}
