//! Placeholder until the locked implementation lands.

/// Why a locked buffer cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// The kernel refused to lock memory.
    #[error("cannot lock {bytes} bytes of memory for a secret: {source}")]
    Lock {
        /// Bytes asked for.
        bytes: usize,
        /// What the kernel said.
        source: std::io::Error,
    },
}

/// Bytes in locked, non-dumpable memory, wiped on drop.
pub struct LockedBytes(Vec<u8>);

impl LockedBytes {
    /// `len` zero bytes.
    pub fn zeroed(len: usize) -> Result<Self, MemoryError> {
        Ok(Self(vec![0; len]))
    }
    /// A locked copy of `bytes`; the caller wipes its own.
    pub fn copy_of(bytes: &[u8]) -> Result<Self, MemoryError> {
        Ok(Self(bytes.to_vec()))
    }
    /// Moves `bytes` into locked memory and wipes the vector.
    pub fn take(mut bytes: Vec<u8>) -> Result<Self, MemoryError> {
        let locked = Self::copy_of(&bytes)?;
        zeroize::Zeroize::zeroize(&mut bytes);
        Ok(locked)
    }
    /// The bytes.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
    /// The bytes, to be filled in.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }
    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.0.len()
    }
    /// Whether there is no byte.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
