//! Self-signed certificates (RFC 5280) of P-256 keys for the slots, by which other programs find the keys.
//!
//! They prove nothing: what a key is and where it was made, its attestation says.

use super::{
    slots::SlotKey,
    tlv::{read_tlv, tlv},
};
use crate::encoding::{text, time::Timestamp};

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const OBJECT_IDENTIFIER: u8 = 0x06;
const UTF8_STRING: u8 = 0x0c;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

const ORGANIZATION: &[u8] = &[0x55, 4, 10];
const ORGANIZATIONAL_UNIT: &[u8] = &[0x55, 4, 11];
const COMMON_NAME: &[u8] = &[0x55, 4, 3];
/// 1.2.840.10045.4.3.2
const ECDSA_WITH_SHA256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2];
/// 1.3.6.1.4.1.41482.3.8: PIN and touch policy, two bytes, as attestations have it.
const POLICIES: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0xc4, 0x0a, 3, 8];

/// The plugin whose certificates the share keys have, and the version that was followed.
const PLUGIN: &str = "age-plugin-yubikey";
const PLUGIN_VERSION: &str = "0.5.1";

/// The owner of the key, as a certificate names it.
pub(super) struct CertificateSubject {
    organization: &'static str,
    unit: &'static str,
    name: String,
}

impl CertificateSubject {
    /// As age-plugin-yubikey writes and looks for it.
    pub(super) fn share_key(name: &str) -> Self {
        Self { organization: PLUGIN, unit: PLUGIN_VERSION, name: name.to_owned() }
    }

    pub(super) fn signing_key(name: &str) -> Self {
        Self { organization: "quorate", unit: env!("CARGO_PKG_VERSION"), name: name.to_owned() }
    }
}

/// What is signed, and then `finish`ed with its signature.
pub(super) struct Unsigned {
    tbs: Vec<u8>,
    algorithm: Vec<u8>,
}

impl Unsigned {
    pub(super) fn new(key: &SlotKey, subject: &CertificateSubject, serial: [u8; 16], now: Timestamp) -> Self {
        let algorithm = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[ECDSA_WITH_SHA256])]);
        let name = name(subject);
        let validity = tlv(SEQUENCE, &[&time(now), &tlv(GENERALIZED_TIME, &[b"99991231235959Z"])]);
        let policies = tlv(
            SEQUENCE,
            &[&tlv(OBJECT_IDENTIFIER, &[POLICIES]), &tlv(0x04, &[&[key.pin.into(), key.touch.into()]])],
        );
        let extensions = tlv(0xa3, &[&tlv(SEQUENCE, &[&policies])]);
        // [0] version 3; a serial of 17 bytes whose first is 1 is positive and minimal.
        let version = [0xa0, 3, 2, 1, 2];
        let serial = tlv(0x02, &[&[1], &serial]);
        let tbs =
            tlv(SEQUENCE, &[&version, &serial, &algorithm, &name, &validity, &name, &key.spki, &extensions]);
        Self { tbs, algorithm }
    }

    /// What the key signs.
    pub(super) fn message(&self) -> &[u8] {
        &self.tbs
    }

    /// The certificate in DER.
    pub(super) fn finish(&self, signature: &[u8]) -> Vec<u8> {
        tlv(SEQUENCE, &[&self.tbs, &self.algorithm, &tlv(0x03, &[&[0], signature])])
    }
}

/// A certificate as a PIV data object (SP 800-73-4, part 1, appendix A): certificate, not compressed, no error code.
pub(super) fn object(certificate: &[u8]) -> Vec<u8> {
    [tlv(0x70, &[certificate]), vec![0x71, 1, 0, 0xfe, 0]].concat()
}

/// The certificate in a data object; none where there is none, or a compressed one.
pub(super) fn from_object(object: &[u8]) -> Option<Vec<u8>> {
    match read_tlv(object)? {
        (0x70, certificate, _) if !certificate.is_empty() => Some(certificate.to_vec()),
        _ => None,
    }
}

/// Whether what is in a data object says of itself that it is compressed (the second element, bit 0), so that whom it names
/// cannot be seen here.
pub(super) fn is_compressed(object: &[u8]) -> bool {
    let info = read_tlv(object).and_then(|(_, _, rest)| read_tlv(rest));
    matches!(info, Some((0x71, [info], _)) if info & 1 != 0)
}

/// Whether it is a certificate of this key, as far as those care who look for the key by it: nothing is believed for it.
pub(super) fn is_of(certificate: &[u8], spki: &[u8]) -> bool {
    let whole = matches!(read_tlv(certificate), Some((SEQUENCE, _, [])));
    whole && !spki.is_empty() && certificate.windows(spki.len()).any(|part| part == spki)
}

/// Whom a certificate names, for people to recognise it: `O=…, CN=…`. Nothing is believed for it; none if it is not an
/// X.509 certificate.
pub(super) fn subject(certificate: &[u8]) -> Option<String> {
    let (SEQUENCE, outer, _) = read_tlv(certificate)? else { return None };
    let (SEQUENCE, mut fields, _) = read_tlv(outer)? else { return None };
    // version (if it is named), serial, algorithm, issuer, validity; then the subject.
    let mut left = if fields.first() == Some(&0xa0) { 5 } else { 4 };
    while left > 0 {
        fields = read_tlv(fields)?.2;
        left -= 1;
    }
    let (SEQUENCE, mut names, _) = read_tlv(fields)? else { return None };
    let mut parts = Vec::new();
    while let Some((SET, set, rest)) = read_tlv(names) {
        names = rest;
        let Some((SEQUENCE, pair, _)) = read_tlv(set) else { continue };
        let Some((OBJECT_IDENTIFIER, oid, value)) = read_tlv(pair) else { continue };
        let Some((_, value, _)) = read_tlv(value) else { continue };
        let kind = match oid {
            COMMON_NAME => "CN",
            ORGANIZATION => "O",
            ORGANIZATIONAL_UNIT => "OU",
            _ => continue,
        };
        let text: String = String::from_utf8_lossy(value).chars().take(64).collect();
        parts.push(format!("{kind}={}", text::printable(&text)));
    }
    Some(if parts.is_empty() { "nobody".into() } else { parts.join(", ") })
}

fn name(subject: &CertificateSubject) -> Vec<u8> {
    let part = |oid: &[u8], text: &str| {
        let pair = tlv(SEQUENCE, &[&tlv(OBJECT_IDENTIFIER, &[oid]), &tlv(UTF8_STRING, &[text.as_bytes()])]);
        tlv(SET, &[&pair])
    };
    // RFC 5280: a common name has 64 characters at most.
    let common: String = subject.name.chars().take(64).collect();
    tlv(
        SEQUENCE,
        &[
            &part(ORGANIZATION, subject.organization),
            &part(ORGANIZATIONAL_UNIT, subject.unit),
            &part(COMMON_NAME, &common),
        ],
    )
}

/// UTCTime until 2049, then GeneralizedTime.
fn time(time: Timestamp) -> Vec<u8> {
    let digits: String = time.to_string().chars().filter(char::is_ascii_digit).collect();
    match digits.strip_prefix("20") {
        Some(short) if digits.as_str() < "2050" => tlv(UTC_TIME, &[short.as_bytes(), b"Z"]),
        _ => tlv(GENERALIZED_TIME, &[digits.as_bytes(), b"Z"]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_object_makes_the_reader_stumble() {
        let good = object(&[7; 300]);
        assert_eq!(from_object(&good), Some(vec![7; 300]));
        for at in 0..good.len() {
            let _ = from_object(&good[..at]);
        }
        for bad in
            [&[][..], &[0x70], &[0x70, 0], &[0x70, 0x82, 1], &[0x70, 0x84, 0, 0, 0, 1, 9], &[0x53, 1, 1]]
        {
            assert_eq!(from_object(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn times_after_2049_are_spelled_in_full() {
        let at = |text: &str| time(Timestamp::parse(text).unwrap());
        assert_eq!(at("2026-11-23T16:00:00Z"), b"\x17\x0d261123160000Z");
        assert_eq!(at("2050-01-01T00:00:00Z"), b"\x18\x0f20500101000000Z");
    }
}
