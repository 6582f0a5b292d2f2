//! Points on Curve25519 to which anything may be sealed.

/// Refuses a u-coordinate, little-endian (RFC 7748, section 5), that has another, shorter spelling, or small order.
pub(super) fn check(point: &[u8; 32]) -> Result<(), &'static str> {
    if !is_canonical(point) {
        return Err("the point has another, shorter spelling");
    }
    if has_small_order(point) {
        return Err("a point of small order, for which everybody could open");
    }
    Ok(())
}

/// Whether it is below 2^255 - 19.
fn is_canonical(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    match high {
        0x7f => *low < 0xed || middle.iter().any(|byte| *byte != 0xff),
        _ => *high < 0x7f,
    }
}

/// The u-coordinates, little-endian, of all points of small order on Curve25519 and its twist: 0, 1, -1, and two of order 8.
/// With each of them every shared secret is zero (RFC 7748, section 6.1).
const SMALL_ORDER: [&str; 5] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
];

/// Whether the shared secret with `point`, in its shortest spelling, is zero for every identity.
fn has_small_order(point: &[u8; 32]) -> bool {
    SMALL_ORDER.contains(&base16ct::lower::encode_string(point).as_str())
}

#[cfg(test)]
mod tests {
    use x25519_dalek::{PublicKey, StaticSecret};

    use super::*;

    /// Points that nothing may be sealed to: of small order, or not below 2^255 - 19.
    #[test]
    fn a_second_spelling_is_refused() {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        let mut p_and_nine = p;
        p_and_nine[0] += 9;
        let mut high_bit = [9; 32];
        high_bit[31] |= 0x80;
        for bad in [p, p_and_nine, high_bit] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
        let mut largest = p;
        largest[0] = 0xeb;
        assert_eq!(check(&largest), Ok(()));
        assert_eq!(check(&[9; 32]), Ok(()));
    }

    /// Asked of the arithmetic itself, near each of them.
    #[test]
    fn the_points_of_small_order_are_those_whose_shared_secret_is_zero() {
        let secret = StaticSecret::from([1; 32]);
        let is_zero = |point: &[u8; 32]| !secret.diffie_hellman(&PublicKey::from(*point)).was_contributory();
        let listed = SMALL_ORDER.map(|hex| {
            let mut point = [0; 32];
            base16ct::lower::decode(hex, &mut point).unwrap();
            assert!(is_canonical(&point) && is_zero(&point), "{hex}");
            point
        });
        let near = listed.iter().flat_map(|point| {
            (0..=255).map(move |low| {
                let mut near = *point;
                near[0] = low;
                near
            })
        });
        for point in near.filter(is_canonical) {
            assert_eq!(has_small_order(&point), is_zero(&point), "{point:?}");
        }
    }
}
