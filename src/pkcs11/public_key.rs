//! SubjectPublicKeyInfo out of PKCS#11 attributes (RFC 5480, RFC 8017, RFC 8410), in DER.
//!
//! Nothing is decoded further than needed: the bytes only serve to tell keys apart by their SHA-256, and
//! to verify signatures.

use der::{Decode as _, Reader as _, SliceReader};

/// A curve that has a name here.
pub(super) struct Curve {
    /// As in `ObjectRecord::key_type`.
    pub(super) name: &'static str,
    /// CKA_EC_PARAMS: the object identifier in DER.
    oid: &'static [u8],
    /// Bytes of a coordinate.
    field: usize,
}

const CURVES: &[Curve] = &[
    Curve { name: "ec-p256", oid: &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], field: 32 },
    Curve { name: "ec-p384", oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x22], field: 48 },
    Curve { name: "ec-p521", oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x23], field: 66 },
    Curve { name: "ec-secp256k1", oid: &[6, 5, 0x2b, 0x81, 4, 0, 0x0a], field: 32 },
];

/// The Edwards and Montgomery curves of RFC 8410: name, CKA_EC_PARAMS as identifier, as printable
/// string (older modules), bytes of a point.
const RFC_8410: &[(&str, &[u8], &[u8], usize)] = &[
    ("ed25519", &[6, 3, 0x2b, 0x65, 0x70], b"\x13\x0cedwards25519", 32),
    ("ed448", &[6, 3, 0x2b, 0x65, 0x71], b"\x13\x0aedwards448", 57),
    ("x25519", &[6, 3, 0x2b, 0x65, 0x6e], b"\x13\x0acurve25519", 32),
    ("x448", &[6, 3, 0x2b, 0x65, 0x6f], b"\x13\x08curve448", 56),
];

const EC_PUBLIC_KEY: &[u8] = &[6, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
const RSA_ENCRYPTION: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// The name of the curve that `ec_params` identifies.
pub(super) fn curve_name(ec_params: &[u8]) -> Option<&'static str> {
    let named = CURVES.iter().find(|c| c.oid == ec_params).map(|c| c.name);
    named.or_else(|| rfc_8410(ec_params).map(|(name, ..)| *name))
}

fn rfc_8410(ec_params: &[u8]) -> Option<&'static (&'static str, &'static [u8], &'static [u8], usize)> {
    RFC_8410.iter().find(|(_, oid, text, _)| *oid == ec_params || *text == ec_params)
}

/// Of an elliptic-curve key: `point` is CKA_EC_POINT, in an OCTET STRING (as the standard has it) or bare.
pub(super) fn of_ec(ec_params: &[u8], point: &[u8]) -> Option<Vec<u8>> {
    if let Some((_, oid, _, length)) = rfc_8410(ec_params) {
        let point = unwrapped(point, |p| p.len() == *length)?;
        return Some(spki(oid, point));
    }
    let field = CURVES.iter().find(|c| c.oid == ec_params).map(|c| c.field);
    let point = unwrapped(point, |p| match (p.first(), field) {
        (Some(4), Some(field)) => p.len() == 1 + 2 * field,
        (Some(2 | 3), Some(field)) => p.len() == 1 + field,
        (Some(2..=4), None) => true,
        _ => false,
    })?;
    Some(spki(&[EC_PUBLIC_KEY, ec_params].concat(), point))
}

/// The point in the SPKI of an elliptic-curve key; none of other keys.
pub(super) fn point(spki: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(spki).ok()?;
    let bits = reader.sequence(|spki| {
        spki.tlv_bytes()?;
        spki.tlv_bytes()
    });
    // BIT STRING, its length, no unused bits; a point begins with its form.
    let bits = der::asn1::BitStringRef::from_der(bits.ok()?).ok()?.as_bytes()?;
    (spki.windows(EC_PUBLIC_KEY.len()).any(|w| w == EC_PUBLIC_KEY) && matches!(bits.first(), Some(2..=4)))
        .then(|| bits.to_vec())
}

/// Of an RSA key: both numbers are big-endian and unsigned.
pub(super) fn of_rsa(modulus: &[u8], exponent: &[u8]) -> Option<Vec<u8>> {
    let numbers = [integer(modulus)?, integer(exponent)?].concat();
    Some(spki(RSA_ENCRYPTION, &tlv(0x30, &numbers)))
}

/// Bits of an RSA modulus.
pub(super) fn bits(modulus: &[u8]) -> usize {
    let significant = modulus.iter().skip_while(|b| **b == 0);
    let count = significant.clone().count();
    significant.clone().next().map_or(0, |first| count * 8 - first.leading_zeros() as usize)
}

/// The SubjectPublicKeyInfo inside an X.509 certificate (RFC 5280, section 4.1).
pub(super) fn of_certificate(certificate: &[u8]) -> Option<Vec<u8>> {
    let mut reader = SliceReader::new(certificate).ok()?;
    reader
        .sequence(|certificate| {
            let spki = certificate.sequence(|tbs| {
                // version [0] is optional; then serialNumber, signature, issuer, validity, subject.
                let mut fields_before = 5;
                if tbs.peek_byte() == Some(0xa0) {
                    fields_before += 1;
                }
                for _ in 0..fields_before {
                    tbs.tlv_bytes()?;
                }
                let spki = tbs.tlv_bytes()?.to_vec();
                while !tbs.is_finished() {
                    tbs.tlv_bytes()?;
                }
                Ok::<_, der::Error>(spki)
            })?;
            while !certificate.is_finished() {
                certificate.tlv_bytes()?;
            }
            Ok::<_, der::Error>(spki)
        })
        .ok()
}

/// Whether an SPKI is of the same family as a key type (`ec-p256`, `rsa-2048` …).
pub(super) fn fits(spki: &[u8], key_type: &str) -> bool {
    let contains = |oid: &[u8]| spki.windows(oid.len()).take(12).any(|window| window == oid);
    if key_type.starts_with("rsa-") {
        return contains(RSA_ENCRYPTION.get(..11).unwrap_or_default());
    }
    if let Some((_, oid, ..)) = RFC_8410.iter().find(|(name, ..)| *name == key_type) {
        return contains(oid);
    }
    match CURVES.iter().find(|c| c.name == key_type) {
        Some(curve) => contains(EC_PUBLIC_KEY) && spki.windows(curve.oid.len()).any(|w| w == curve.oid),
        None => key_type.starts_with("ec") && contains(EC_PUBLIC_KEY),
    }
}

/// The point as it is or, where that does not pass `good`, out of its OCTET STRING.
fn unwrapped(point: &[u8], good: impl Fn(&[u8]) -> bool) -> Option<&[u8]> {
    let mut reader = SliceReader::new(point).ok()?;
    let inner = der::asn1::AnyRef::try_from(point).ok();
    if let Some(inner) = inner
        && reader.read_byte().ok() == Some(4)
        && good(inner.value())
    {
        return Some(inner.value());
    }
    good(point).then_some(point)
}

fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = [&[0][..], key].concat();
    tlv(0x30, &[tlv(0x30, algorithm), tlv(3, &bits)].concat())
}

fn integer(number: &[u8]) -> Option<Vec<u8>> {
    let start = number.iter().position(|b| *b != 0)?;
    let number = number.get(start..)?;
    let sign: &[u8] = if number.first()? & 0x80 == 0 { &[] } else { &[0] };
    Some(tlv(2, &[sign, number].concat()))
}

fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    match u8::try_from(value.len()) {
        Ok(short) if short < 0x80 => out.push(short),
        _ => {
            let length = value.len().to_be_bytes();
            let length: Vec<u8> = length.into_iter().skip_while(|b| *b == 0).collect();
            out.push(0x80 | length.len() as u8);
            out.extend(length);
        }
    }
    out.extend_from_slice(value);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roster::key::PublicKey;

    #[test]
    fn points_are_taken_bare_and_wrapped() {
        let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
        let bare = key.verifying_key().to_sec1_point(false).as_bytes().to_vec();
        let wrapped = tlv(4, &bare);
        let wanted = PublicKey::from_p256(*key.verifying_key()).unwrap();
        let params = CURVES[0].oid;
        assert_eq!(of_ec(params, &bare).as_deref(), Some(wanted.spki_der()));
        assert_eq!(of_ec(params, &wrapped).as_deref(), Some(wanted.spki_der()));
        assert_eq!(of_ec(params, &wrapped[1..]), None);
        assert!(fits(wanted.spki_der(), "ec-p256") && !fits(wanted.spki_der(), "ec-p384"));
        assert_eq!(point(wanted.spki_der()), Some(bare));
    }

    #[test]
    fn edwards_points_are_those_of_rfc_8410() {
        let key = ed25519_dalek::SigningKey::from_bytes(&[9; 32]).verifying_key();
        let wanted = PublicKey::from_ed25519(key).unwrap();
        for params in [RFC_8410[0].1, RFC_8410[0].2] {
            assert_eq!(of_ec(params, key.as_bytes()).as_deref(), Some(wanted.spki_der()));
            assert_eq!(of_ec(params, &tlv(4, key.as_bytes())).as_deref(), Some(wanted.spki_der()));
        }
        assert!(fits(wanted.spki_der(), "ed25519") && !fits(wanted.spki_der(), "rsa-2048"));
        assert_eq!((point(wanted.spki_der()), point(b""), point(&[0x30, 0])), (None, None, None));
    }

    #[test]
    fn moduli_are_counted_in_bits() {
        assert_eq!(bits(&[0, 0x80, 0]), 16);
        assert_eq!(bits(&[1]), 1);
        assert_eq!(bits(&[]), 0);
    }

    #[test]
    fn garbage_is_no_certificate() {
        assert_eq!(of_certificate(b""), None);
        assert_eq!(of_certificate(&[0x30, 0x82, 0xff, 0xff, 1]), None);
    }
}
