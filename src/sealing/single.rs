//! age files with one recipient.
//!
//! A share or a release that a second recipient could open too is no longer bound to its card or
//! station. Such a file is refused before anything is decrypted.

use std::{
    cell::Cell,
    io::{Read as _, Write as _},
    iter,
};

use age_core::format::{FileKey, Stanza};

use crate::memory::{LockedBytes, MemoryError, scrubbed};

/// Longest header of an age file that is looked at. The parser of the `age` crate starts again with each
/// line, so that its work grows with the square of this.
const MAX_HEADER: usize = 16 * 1024;

/// STREAM's chunks (age-encryption.org/v1): 64 KiB of plaintext and a tag of 16 bytes.
const SEALED_CHUNK: usize = 64 * 1024 + TAG;
const TAG: usize = 16;
const NONCE: usize = 16;

/// Why something was not sealed or opened.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    #[error("it is not sealed to this key")]
    NotOurs,
    /// Somebody else could open it, too.
    #[error("it has {found} recipients instead of exactly one")]
    ManyRecipients {
        /// Stanzas besides grease.
        found: usize,
    },
    /// Not an age file, cut short, or changed.
    #[error("it is damaged, or not an age file")]
    Damaged,
    #[error("it is longer than the {limit} bytes that are allowed")]
    TooLong {
        /// Most bytes of plaintext.
        limit: usize,
    },
    /// A recipient that is misspelled, or for which everybody could open.
    #[error("not an age recipient: {reason}")]
    Recipient { reason: &'static str },
    /// The recipient, or the card behind the identity, failed.
    #[error("{reason}")]
    Failed { reason: String },
    /// No locked memory for the plaintext.
    #[error(transparent)]
    Memory(#[from] MemoryError),
}

/// An identity that takes part only where there is exactly one stanza besides grease.
pub struct SingleRecipient<'a>(pub &'a dyn age::Identity);

impl age::Identity for SingleRecipient<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.0.unwrap_stanza(stanza)
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        match besides_grease(stanzas) {
            1 => self.0.unwrap_stanzas(stanzas),
            _ => Some(Err(age::DecryptError::InvalidHeader)),
        }
    }
}

/// Never opens anything, but looks at the header.
struct Reader<F>(F);

impl<F: Fn(&[Stanza])> age::Identity for Reader<F> {
    fn unwrap_stanza(&self, _stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        None
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        (self.0)(stanzas);
        None
    }
}

fn besides_grease(stanzas: &[Stanza]) -> usize {
    stanzas.iter().filter(|stanza| !is_grease(stanza)).count()
}

fn is_grease(stanza: &Stanza) -> bool {
    stanza.tag.ends_with("-grease")
}

/// Seals `plaintext` to one recipient.
///
/// The `age` crate copies the plaintext once, into a buffer that it does not wipe.
pub fn seal_to(recipient: &dyn age::Recipient, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    scrubbed(|| seal(recipient, plaintext))
}

fn seal(recipient: &dyn age::Recipient, plaintext: &[u8]) -> Result<Vec<u8>, SealError> {
    let failed = |e: &dyn std::fmt::Display| SealError::Failed { reason: e.to_string() };
    let encryptor = age::Encryptor::with_recipients(iter::once(recipient)).map_err(|e| failed(&e))?;
    let mut sealed = Vec::with_capacity(plaintext.len() + 1024);
    let mut writer = encryptor.wrap_output(&mut sealed).map_err(|e| failed(&e))?;
    writer.write_all(plaintext).and_then(|()| writer.finish().map(drop)).map_err(|e| failed(&e))?;
    Ok(sealed)
}

/// Opens a file with exactly one stanza besides grease, of at most `max_len` bytes of plaintext, straight into
/// locked memory.
pub fn open_with(
    identity: &dyn age::Identity,
    sealed: &[u8],
    max_len: usize,
) -> Result<LockedBytes, SealError> {
    // By the size of the file, before anything costs a person a touch or the machine an scrypt.
    let length = plaintext_length(sealed)?;
    if length > max_len {
        return Err(SealError::TooLong { limit: max_len });
    }
    match count_stanzas(sealed)? {
        0 => return Err(SealError::NotOurs),
        1 => {}
        found => return Err(SealError::ManyRecipients { found }),
    }
    scrubbed(|| open(identity, sealed, length))
}

fn open(identity: &dyn age::Identity, sealed: &[u8], length: usize) -> Result<LockedBytes, SealError> {
    // Counted again where the file is opened: the first count was for the error, this one decides.
    let single = SingleRecipient(identity);
    let mut reader = age::Decryptor::new_buffered(sealed)
        .map_err(|_| SealError::Damaged)?
        .decrypt(iter::once(&single as &dyn age::Identity))
        .map_err(|e| match e {
            age::DecryptError::NoMatchingKeys
            | age::DecryptError::DecryptionFailed
            | age::DecryptError::KeyDecryptionFailed => SealError::NotOurs,
            age::DecryptError::Io(e) => SealError::Failed { reason: e.to_string() },
            _ => SealError::Damaged,
        })?;
    let mut plaintext = LockedBytes::zeroed(length)?;
    reader.read_exact(plaintext.expose_mut()).map_err(|_| SealError::Damaged)?;
    // The end is authenticated only when it is read.
    match reader.read(&mut [0]) {
        Ok(0) => Ok(plaintext),
        _ => Err(SealError::Damaged),
    }
}

/// The number of stanzas besides grease, which needs no secret.
pub fn count_stanzas(sealed: &[u8]) -> Result<usize, SealError> {
    let count = Cell::new(None);
    read_header(sealed, |stanzas| count.set(Some(besides_grease(stanzas))))?;
    count.get().ok_or(SealError::Damaged)
}

/// Refuses a file that is not sealed to exactly one recipient of the wanted kind: its stanza besides grease is `fits`. This
/// needs no secret, and tells no two recipients of a kind apart that has no tag.
pub(super) fn check_stanza(sealed: &[u8], fits: impl Fn(&Stanza) -> bool) -> Result<(), SealError> {
    let found = Cell::new(None);
    read_header(sealed, |stanzas| {
        let mut own = stanzas.iter().filter(|stanza| !is_grease(stanza));
        found.set(Some((besides_grease(stanzas), own.next().is_some_and(&fits))));
    })?;
    match found.get() {
        Some((1, true)) => Ok(()),
        Some((1, false)) => Err(SealError::NotOurs),
        Some((found, _)) => Err(SealError::ManyRecipients { found }),
        None => Err(SealError::Damaged),
    }
}

/// Shows a header's stanzas. Nothing of it is authenticated.
fn read_header(sealed: &[u8], read: impl Fn(&[Stanza])) -> Result<(), SealError> {
    header_length(sealed)?;
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(|_| SealError::Damaged)?;
    // It ends with NoMatchingKeys.
    drop(decryptor.decrypt(iter::once(&Reader(read) as &dyn age::Identity)));
    Ok(())
}

/// Bytes up to the payload's nonce. Neither stanzas nor base64 have a line that begins with `---`.
fn header_length(sealed: &[u8]) -> Result<usize, SealError> {
    const MAC_LINE: &[u8] = b"\n--- ";
    const MAC_AND_LINE_FEED: usize = 44;
    let head = sealed.get(..MAX_HEADER).unwrap_or(sealed);
    let start =
        head.windows(MAC_LINE.len()).position(|window| window == MAC_LINE).ok_or(SealError::Damaged)?;
    Ok(start + MAC_LINE.len() + MAC_AND_LINE_FEED)
}

fn plaintext_length(sealed: &[u8]) -> Result<usize, SealError> {
    let payload = sealed.len().checked_sub(header_length(sealed)? + NONCE).ok_or(SealError::Damaged)?;
    let chunks = payload.div_ceil(SEALED_CHUNK).max(1);
    payload.checked_sub(chunks * TAG).ok_or(SealError::Damaged)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sealing::hybrid::{HybridIdentity, HybridRecipient};

    fn identity(byte: u8) -> HybridIdentity {
        HybridIdentity::from_seed(&[byte; 32]).unwrap()
    }

    fn sealed_to_all(recipients: &[HybridRecipient], plaintext: &[u8]) -> Vec<u8> {
        let all = recipients.iter().map(|r| r as &dyn age::Recipient);
        let mut sealed = Vec::new();
        let mut writer = age::Encryptor::with_recipients(all).unwrap().wrap_output(&mut sealed).unwrap();
        writer.write_all(plaintext).unwrap();
        writer.finish().unwrap();
        sealed
    }

    #[test]
    fn what_is_sealed_is_opened_at_every_chunk_boundary() {
        let key = identity(7);
        for length in [1, 31, 65_535, 65_536, 65_537, 131_072, 200_000] {
            let plaintext = vec![0x5a; length];
            let sealed = seal_to(&key.recipient(), &plaintext).unwrap();
            assert_eq!(count_stanzas(&sealed).unwrap(), 1);
            assert!(open_with(&key, &sealed, length).unwrap().expose() == plaintext, "{length}");
            assert!(matches!(open_with(&key, &sealed, length - 1), Err(SealError::TooLong { .. })));
        }
    }

    #[test]
    fn a_second_recipient_is_refused() {
        let sealed = sealed_to_all(&[identity(1).recipient(), identity(2).recipient()], b"share");
        assert_eq!(count_stanzas(&sealed).unwrap(), 2);
        assert!(matches!(open_with(&identity(1), &sealed, 100), Err(SealError::ManyRecipients { found: 2 })));
        let key = identity(1);
        let single = SingleRecipient(&key);
        let refused = age::Decryptor::new_buffered(&sealed[..])
            .unwrap()
            .decrypt(iter::once(&single as &dyn age::Identity));
        assert!(matches!(refused, Err(age::DecryptError::InvalidHeader)));
    }

    #[test]
    fn another_key_does_not_open() {
        let sealed = seal_to(&identity(1).recipient(), b"share").unwrap();
        assert!(matches!(open_with(&identity(2), &sealed, 100), Err(SealError::NotOurs)));
    }

    #[test]
    fn no_changed_bit_and_no_cut_goes_unseen() {
        let key = identity(3);
        let sealed = seal_to(&key.recipient(), b"thirty-two bytes of a share 1234").unwrap();
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open_with(&key, &changed, 1000).is_err(), "byte {at}");
            assert!(open_with(&key, &sealed[..at], 1000).is_err(), "cut at {at}");
            let _ = count_stanzas(&changed);
        }
        let mut longer = sealed.clone();
        longer.push(0);
        assert!(open_with(&key, &longer, 1000).is_err());
    }

    #[test]
    fn a_long_header_is_not_parsed() {
        let mut hostile = b"age-encryption.org/v1\n".to_vec();
        hostile.extend(b"-> a\n\n".repeat(100_000));
        assert!(matches!(count_stanzas(&hostile), Err(SealError::Damaged)));
    }
}
