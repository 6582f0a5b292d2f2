//! BER-TLV as PIV uses it: tags of one byte, `7F49` being the only exception, and definite lengths.

/// A tag, the length of `value`, and `value`.
pub(crate) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let mut out = vec![tag];
    push_length(&mut out, value.len());
    out.extend_from_slice(value);
    out
}

/// The answer of GENERATE: its tag has two bytes.
pub(crate) fn public_key_template(value: &[u8]) -> Vec<u8> {
    let mut out = vec![0x7F];
    out.extend(tlv(0x49, value));
    out
}

fn push_length(out: &mut Vec<u8>, length: usize) {
    let bytes = u32::try_from(length).expect("a card's objects are short").to_be_bytes();
    match length {
        0..0x80 => out.push(bytes[3]),
        0x80..0x100 => out.extend([0x81, bytes[3]]),
        0x100..0x1_0000 => out.extend([0x82, bytes[2], bytes[3]]),
        _ => out.extend([0x83, bytes[1], bytes[2], bytes[3]]),
    }
}

/// The first element of `input` and what follows it.
pub(crate) fn split(input: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = input.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        ..=0x7F => (usize::from(first), rest),
        0x81 => (usize::from(*rest.first()?), rest.get(1..)?),
        0x82 => (usize::from(u16::from_be_bytes([*rest.first()?, *rest.get(1)?])), rest.get(2..)?),
        _ => return None,
    };
    Some((tag, rest.get(..length)?, rest.get(length..)?))
}

/// All elements of `input`, if it is nothing but elements.
pub(crate) fn elements(mut input: &[u8]) -> Option<Vec<(u8, &[u8])>> {
    let mut found = Vec::new();
    while !input.is_empty() {
        let (tag, value, rest) = split(input)?;
        found.push((tag, value));
        input = rest;
    }
    Some(found)
}

/// The value of the first element with `tag`.
pub(crate) fn find<'a>(elements: &[(u8, &'a [u8])], tag: u8) -> Option<&'a [u8]> {
    elements.iter().find(|(found, _)| *found == tag).map(|(_, value)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_length_comes_back() {
        for length in [0, 1, 0x7F, 0x80, 0xFF, 0x100, 3000] {
            let value = vec![7; length];
            let encoded = tlv(0x53, &value);
            assert_eq!(split(&encoded), Some((0x53, value.as_slice(), [].as_slice())));
            assert_eq!(split(&encoded[..encoded.len() - 1]), None, "{length}");
        }
    }
}
