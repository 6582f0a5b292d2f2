//! Just enough DER to write certificates, the wrong ones too: a library would refuse those.

use crate::tlv::tlv;

pub(crate) fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

pub(crate) fn set(parts: &[Vec<u8>]) -> Vec<u8> {
    tlv(0x31, &parts.concat())
}

/// A non-negative integer from its big-endian bytes.
pub(crate) fn integer(bytes: &[u8]) -> Vec<u8> {
    let start = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    let mut value = bytes[start..].to_vec();
    if value.first().is_none_or(|first| first & 0x80 != 0) {
        value.insert(0, 0);
    }
    tlv(2, &value)
}

pub(crate) fn boolean_true() -> Vec<u8> {
    tlv(1, &[0xFF])
}

pub(crate) fn bit_string(bytes: &[u8]) -> Vec<u8> {
    tlv(3, &[&[0], bytes].concat())
}

pub(crate) fn octet_string(bytes: &[u8]) -> Vec<u8> {
    tlv(4, bytes)
}

pub(crate) fn utf8(text: &str) -> Vec<u8> {
    tlv(0x0C, text.as_bytes())
}

pub(crate) fn explicit(number: u8, content: &[u8]) -> Vec<u8> {
    tlv(0xA0 | number, content)
}

/// A time written `YYYYMMDDHHMMSSZ`: UTCTime until 2049, GeneralizedTime from then on, as RFC 5280 has it.
pub(crate) fn time(text: &str) -> Vec<u8> {
    match text.strip_prefix("20") {
        Some(short) if text < "2050" => tlv(0x17, short.as_bytes()),
        _ => tlv(0x18, text.as_bytes()),
    }
}

/// An object identifier from its dotted form.
pub(crate) fn oid(dotted: &str) -> Vec<u8> {
    let mut arcs = dotted.split('.').map(|arc| arc.parse::<u32>().expect("object identifiers are numbers"));
    let (first, second) = (arcs.next().unwrap_or(0), arcs.next().unwrap_or(0));
    let mut out = Vec::new();
    for arc in std::iter::once(first * 40 + second).chain(arcs) {
        let groups = (0..5).rev().map(|group| (arc >> (7 * group)) & 0x7F);
        let mut groups: Vec<u32> = groups.skip_while(|group| *group == 0).collect();
        if groups.is_empty() {
            groups.push(0);
        }
        let last = groups.len() - 1;
        let byte = |(index, group): (usize, u32)| (if index < last { group | 0x80 } else { group }) as u8;
        out.extend(groups.into_iter().enumerate().map(byte));
    }
    tlv(6, &out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_encodings() {
        assert_eq!(oid("1.2.840.10045.2.1"), [6, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1]);
        assert_eq!(oid("1.3.6.1.4.1.41482.3.3"), [6, 10, 0x2B, 6, 1, 4, 1, 0x82, 0xC4, 0x0A, 3, 3]);
        assert_eq!(integer(&[0, 0x80]), [2, 2, 0, 0x80]);
        assert_eq!(integer(&[0]), [2, 1, 0]);
        assert_eq!(time("20160314000000Z")[0], 0x17);
        assert_eq!(time("20520417000000Z")[0], 0x18);
    }
}
