//! The management key: one block cipher, used to prove that one has it.

use cipher::{BlockCipherEncrypt, KeyInit};
use serde::{Deserialize, Serialize};

use crate::memory::Hex;

/// The key that Yubico ships, of 24 bytes.
pub(crate) const DEFAULT: [u8; 24] = [1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8];

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ManagementKey {
    pub(crate) algorithm: u8,
    pub(crate) key: Hex,
    pub(crate) touch: u8,
}

pub(crate) const TDES: u8 = 0x03;
pub(crate) const AES_192: u8 = 0x0A;

impl ManagementKey {
    pub(crate) fn factory(algorithm: u8) -> Self {
        Self { algorithm, key: Hex(DEFAULT.to_vec()), touch: 1 }
    }

    pub(crate) fn is_default(&self) -> bool {
        self.key.0 == DEFAULT
    }

    /// Length of a key of this algorithm; none if there is no such algorithm.
    pub(crate) fn length(algorithm: u8) -> Option<usize> {
        match algorithm {
            TDES | AES_192 => Some(24),
            0x08 => Some(16),
            0x0C => Some(32),
            _ => None,
        }
    }

    pub(crate) fn block_length(&self) -> usize {
        if self.algorithm == TDES { 8 } else { 16 }
    }

    pub(crate) fn encrypt(&self, block: &[u8]) -> Option<Vec<u8>> {
        match self.algorithm {
            TDES => encrypted::<des::TdesEde3>(&self.key.0, block),
            0x08 => encrypted::<aes::Aes128>(&self.key.0, block),
            AES_192 => encrypted::<aes::Aes192>(&self.key.0, block),
            _ => encrypted::<aes::Aes256>(&self.key.0, block),
        }
    }
}

fn encrypted<C: KeyInit + BlockCipherEncrypt>(key: &[u8], block: &[u8]) -> Option<Vec<u8>> {
    let cipher = C::new_from_slice(key).ok()?;
    let mut block = cipher::Block::<C>::try_from(block).ok()?;
    cipher.encrypt_block(&mut block);
    Some(block.to_vec())
}
