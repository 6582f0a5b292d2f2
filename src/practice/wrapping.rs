//! Keys under the backup key: RFC 5649 when wrapping, RFC 3394 also when unwrapping.

use aes_kw::{KeyInit as _, KwAes256, KwpAes256};
use zeroize::Zeroizing;

use crate::{
    memory::CredentialSecret,
    ports::{cause::Cause, token::TokenError},
};

/// AES key wrap with padding (RFC 5649, CKM_AES_KEY_WRAP_KWP).
pub(super) const KWP: &str = "aes-key-wrap-kwp";
/// AES key wrap (RFC 3394, CKM_AES_KEY_WRAP): what other tokens may have used.
const KW: &str = "aes-key-wrap";
/// Public values, not wrapped.
pub(super) const COPY: &str = "copy";

pub(super) fn wrap(backup_key: &CredentialSecret, plain: &[u8]) -> Result<Vec<u8>, String> {
    let kek = KwpAes256::new_from_slice(backup_key.expose()).map_err(|_| NOT_A_KEY)?;
    let mut wrapped = vec![0; plain.len().next_multiple_of(8) + 8];
    kek.wrap_key(plain, &mut wrapped).map_err(|e| e.to_string())?;
    Ok(wrapped)
}

/// Unwraps `blob`; fails unless it was wrapped under this key and is unchanged.
pub(super) fn unwrap(
    backup_key: &CredentialSecret,
    mechanism: &str,
    blob: &[u8],
) -> Result<Zeroizing<Vec<u8>>, String> {
    let mut plain = Zeroizing::new(vec![0; blob.len().saturating_sub(8)]);
    let length = match mechanism {
        KWP => KwpAes256::new_from_slice(backup_key.expose())
            .map_err(|_| NOT_A_KEY)?
            .unwrap_key(blob, &mut plain)
            .map(<[u8]>::len),
        KW => KwAes256::new_from_slice(backup_key.expose())
            .map_err(|_| NOT_A_KEY)?
            .unwrap_key(blob, &mut plain)
            .map(<[u8]>::len),
        other => return Err(format!("the practice token does not unwrap with {other}")),
    }
    .map_err(|_| "not wrapped under this backup key, or changed since")?;
    plain.truncate(length);
    Ok(plain)
}

const NOT_A_KEY: &str = "the backup key is not an AES-256 key";

/// AES-256, as the credential's format has it.
pub(super) fn check_backup_key(backup_key: &CredentialSecret) -> Result<(), TokenError> {
    if backup_key.expose().len() == 32 {
        return Ok(());
    }
    let message = "the backup key is not an AES-256 key";
    Err(TokenError::before("C_CreateObject", Cause::KeySizeRange, message, "give the quorum's backup key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wraps_as_rfc_5649_and_notices_every_changed_bit() {
        let key = CredentialSecret::copy_of(&[0x11; 32]).unwrap();
        for length in [1, 7, 8, 9, 32, 138] {
            let plain = vec![0xab; length];
            let wrapped = wrap(&key, &plain).unwrap();
            assert_eq!(wrapped.len(), length.div_ceil(8) * 8 + 8);
            assert_eq!(*unwrap(&key, KWP, &wrapped).unwrap(), plain);
            for bit in 0..wrapped.len() * 8 {
                let mut changed = wrapped.clone();
                changed[bit / 8] ^= 1 << (bit % 8);
                assert!(unwrap(&key, KWP, &changed).is_err());
            }
        }
        assert!(unwrap(&key, KWP, b"").is_err());
        assert!(unwrap(&key, KW, &[0; 8]).is_err());
        assert!(wrap(&CredentialSecret::copy_of(&[1; 16]).unwrap(), b"x").is_err());
    }
}
