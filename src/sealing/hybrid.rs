//! age's hybrid recipients, `age1pq1…`: ML-KEM-768 and X25519 together, so that whoever opens without the secret has to break both.
//!
//! ```text
//! -> mlkem768x25519 B64(encapsulated key)
//! B64(HPKE's ciphertext of the file key)
//!
//! HPKE (RFC 9180): base mode, KEM X-Wing (0x647a, draft-connolly-cfrg-xwing-kem), KDF HKDF-SHA256, AEAD ChaCha20-Poly1305,
//!                  info "age-encryption.org/mlkem768x25519", no associated data
//! recipient        = ML-KEM-768 encapsulation key (1,184 bytes) ‖ X25519 point (32 bytes)
//! encapsulated key = ML-KEM-768 ciphertext (1,088 bytes) ‖ X25519 point (32 bytes)
//! secret           = a seed of 32 bytes; SHAKE256(seed, 96) = d ‖ z ‖ X25519 scalar (FIPS 203, 7.1; RFC 7748, 5)
//! ```
//!
//! The age crate has no such type yet. When it has, it replaces this file. The KEM is put together from the crates with which
//! age makes its own post-quantum recipients, and HPKE is theirs.

use std::{collections::HashSet, fmt, str::FromStr, sync::Arc};

use age_core::{
    format::{FILE_KEY_BYTES, FileKey, Stanza},
    primitives::{bech32_decode, bech32_encode_to_fmt},
    secrecy::ExposeSecret as _,
};
use base64::{Engine as _, engine::general_purpose::STANDARD_NO_PAD};
use hpke::{
    Deserializable, HpkeError, OpModeR, OpModeS, Serializable,
    aead::ChaCha20Poly1305,
    generic_array::typenum::{Sum, U32, U96, U192, U1024},
    kdf::HkdfSha256,
    kem::SharedSecret,
    rand_core::{CryptoRng, OsRng, RngCore},
};
use ml_kem::{
    B32, EncapsulateDeterministic as _, EncodedSizeUser as _, KemCore, MlKem768, kem::Decapsulate as _,
};
use sha3::{
    Sha3_256, Shake256,
    digest::{Digest as _, ExtendableOutput as _, Update as _, XofReader as _},
};
use x25519_dalek::{PublicKey, StaticSecret};
use zeroize::{Zeroize as _, Zeroizing};

use super::{
    curve25519,
    single::{self, SealError},
};
use crate::{
    encoding::{digest::Digest, strict::spelled},
    memory::{LockedBytes, MemoryError, scrubbed},
};

/// Stanza tag.
const MLKEM768X25519: &str = "mlkem768x25519";
const INFO: &[u8] = b"age-encryption.org/mlkem768x25519";
/// A file with this label has no recipient without it (age-encryption.org/v1).
const LABEL: &str = "postquantum";
const PREFIX: bech32::Hrp = bech32::Hrp::parse_unchecked("age1pq");
/// An ML-KEM-768 encapsulation key.
const ML_KEM: usize = 1184;
const POINT: usize = 32;
const RECIPIENT: usize = ML_KEM + POINT;
/// An ML-KEM-768 ciphertext.
const CIPHERTEXT: usize = 1088;
const ENCAPSULATED: usize = CIPHERTEXT + POINT;

type EncapsulationKey = <MlKem768 as KemCore>::EncapsulationKey;
type DecapsulationKey = <MlKem768 as KemCore>::DecapsulationKey;

/// `age1pq1…`: of an authority, a station, a soft card, a card's companion, a backup or an application.
#[derive(Clone, PartialEq, Eq)]
pub struct HybridRecipient(Arc<[u8; RECIPIENT]>);

impl HybridRecipient {
    /// The ML-KEM half, and the X25519 half as a u-coordinate, little-endian (RFC 7748).
    pub fn halves(&self) -> (&[u8], [u8; POINT]) {
        let (ml_kem, point) = self.0.split_at(ML_KEM);
        (ml_kem, point.try_into().unwrap_or_default())
    }

    /// SHA-256 of its spelling, by which it is named where 1,959 characters are too long.
    pub fn digest(&self) -> Digest {
        Digest::of(self.to_string().as_bytes())
    }

    /// As a person reads it: nobody compares so many characters.
    pub fn told(&self) -> String {
        format!("the age1pq1 recipient with SHA-256 {}", self.digest())
    }

    fn from_bytes(bytes: Vec<u8>) -> Result<Self, &'static str> {
        let bytes: Box<[u8; RECIPIENT]> = bytes.try_into().map_err(|_| "it has another length")?;
        let recipient = Self(Arc::from(bytes));
        let (ml_kem, point) = recipient.halves();
        if !is_ml_kem_key(ml_kem) {
            return Err("its ML-KEM half is not an encapsulation key");
        }
        curve25519::check(&point)?;
        Ok(recipient)
    }
}

/// Refuses a file that is not sealed to exactly one recipient of this kind. This needs no secret, and tells no two of them
/// apart: the stanza has no tag.
pub fn check_sealed(sealed: &[u8]) -> Result<(), SealError> {
    single::check_stanza(sealed, |stanza| matches!(read(stanza), Some(Some(_))))
}

/// The check of an encapsulation key's coefficients (FIPS 203, 7.2): each is below the modulus, 3329. The seed at the end is
/// any 32 bytes. The length was checked.
fn is_ml_kem_key(key: &[u8]) -> bool {
    const MODULUS: u16 = 3329;
    let (coefficients, _) = key.split_at(ML_KEM - 32);
    coefficients.chunks_exact(3).all(|three| match *three {
        [low, middle, high] => {
            let (low, middle, high) = (u16::from(low), u16::from(middle), u16::from(high));
            (low | (middle & 0xf) << 8) < MODULUS && (middle >> 4 | high << 4) < MODULUS
        }
        _ => false,
    })
}

impl FromStr for HybridRecipient {
    type Err = SealError;

    /// Parses its only spelling.
    fn from_str(text: &str) -> Result<Self, SealError> {
        const WANTED: &str = "it needs age1pq1 and 1,952 more characters, with their checksum";
        let recipient = bech32_decode(
            text,
            |_| WANTED,
            |prefix| if prefix == PREFIX { Ok(()) } else { Err(WANTED) },
            |_, bytes| Self::from_bytes(bytes.collect()),
        );
        match recipient {
            Ok(recipient) if recipient.to_string() == text => Ok(recipient),
            Ok(_) => Err(SealError::Recipient { reason: "it has another spelling" }),
            Err(reason) => Err(SealError::Recipient { reason }),
        }
    }
}

impl fmt::Display for HybridRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        bech32_encode_to_fmt(f, PREFIX, &*self.0)
    }
}

impl fmt::Debug for HybridRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

spelled! {
    HybridRecipient, str::parse;
}

impl age::Recipient for HybridRecipient {
    fn wrap_file_key(&self, file_key: &FileKey) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let sealed = hpke::single_shot_seal::<ChaCha20Poly1305, HkdfSha256, XWing, _>(
            &OpModeS::Base,
            self,
            INFO,
            file_key.expose_secret(),
            &[],
            &mut OsRng,
        );
        let (encapsulated, body) =
            sealed.map_err(|error| age::EncryptError::Io(std::io::Error::other(error.to_string())))?;
        let args = vec![STANDARD_NO_PAD.encode(*encapsulated.0)];
        let stanza = Stanza { tag: MLKEM768X25519.into(), args, body };
        Ok((vec![stanza], HashSet::from([LABEL.to_owned()])))
    }
}

/// The encapsulated key of a stanza of this kind, whoever it is for: none for one of another kind, or of another form.
fn read(stanza: &Stanza) -> Option<Option<Encapsulated>> {
    let form = || {
        let [text] = stanza.args.as_slice() else { return None };
        let encapsulated = Encapsulated::from_bytes(&STANDARD_NO_PAD.decode(text).ok()?).ok()?;
        (stanza.body.len() == FILE_KEY_BYTES + 16).then_some(encapsulated)
    };
    (stanza.tag == MLKEM768X25519).then(form)
}

/// The identity of a seed. Only the seed is kept, in locked memory; what is made of it lives in frames that are overwritten.
/// That costs one key generation for each file.
pub struct HybridIdentity(Seed);

impl HybridIdentity {
    /// Of a copy of this seed. Every seed is one.
    pub fn from_seed(seed: &[u8; 32]) -> Result<Self, MemoryError> {
        Ok(Self(Seed(Arc::new(LockedBytes::copy_of(seed)?))))
    }

    pub fn recipient(&self) -> HybridRecipient {
        scrubbed(|| self.0.recipient())
    }
}

impl age::Identity for HybridIdentity {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        let Some(encapsulated) = read(stanza)? else { return Some(Err(age::DecryptError::InvalidHeader)) };
        scrubbed(|| {
            // A failure is a stanza for somebody else, as with X25519.
            let mut opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, XWing>(
                &OpModeR::Base,
                &self.0,
                &encapsulated,
                INFO,
                &stanza.body,
                &[],
            )
            .ok()?;
            let file_key = FileKey::init_with_mut(|key| {
                key.copy_from_slice(&opened);
                opened.zeroize();
            });
            Some(Ok(file_key))
        })
    }
}

/// X-Wing as HPKE takes it.
struct XWing;

/// A private key is its seed. A clone shares the locked bytes.
#[derive(Clone)]
struct Seed(Arc<LockedBytes>);

/// What a seed stands for. The crates wipe both when they are dropped.
struct Expanded {
    ml_kem: DecapsulationKey,
    scalar: StaticSecret,
}

impl Seed {
    fn expand(&self) -> Expanded {
        let mut reader = Shake256::default().chain(self.0.expose()).finalize_xof();
        let (mut d, mut z) = (B32::default(), B32::default());
        let mut scalar = Zeroizing::new([0; POINT]);
        reader.read(&mut d);
        reader.read(&mut z);
        reader.read(&mut *scalar);
        let (ml_kem, _) = MlKem768::generate_deterministic(&d, &z);
        d.zeroize();
        z.zeroize();
        Expanded { ml_kem, scalar: StaticSecret::from(*scalar) }
    }

    fn recipient(&self) -> HybridRecipient {
        let Expanded { ml_kem, scalar } = self.expand();
        let mut bytes = Box::new([0; RECIPIENT]);
        let (first, second) = bytes.split_at_mut(ML_KEM);
        first.copy_from_slice(&ml_kem.encapsulation_key().as_bytes());
        second.copy_from_slice(PublicKey::from(&scalar).as_bytes());
        HybridRecipient(Arc::from(bytes))
    }
}

/// HPKE asks for it: told by what is public.
impl PartialEq for Seed {
    fn eq(&self, other: &Self) -> bool {
        self.recipient() == other.recipient()
    }
}

impl Eq for Seed {}

/// An encapsulated key, its X25519 half checked.
#[derive(Clone)]
struct Encapsulated(Box<[u8; ENCAPSULATED]>);

impl hpke::Kem for XWing {
    type PublicKey = HybridRecipient;
    type PrivateKey = Seed;
    type EncappedKey = Encapsulated;
    type NSecret = U32;
    const KEM_ID: u16 = 0x647a;

    fn sk_to_pk(seed: &Seed) -> HybridRecipient {
        seed.recipient()
    }

    /// Not that of the standard, which has one more step: nothing here derives a key from other keying material.
    fn derive_keypair(_: &[u8]) -> (Seed, HybridRecipient) {
        unreachable!("keys are made from seeds")
    }

    fn encap<R: CryptoRng + RngCore>(
        recipient: &HybridRecipient,
        sender: Option<(&Seed, &HybridRecipient)>,
        rng: &mut R,
    ) -> Result<(SharedSecret<Self>, Encapsulated), HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::EncapError);
        }
        let mut m = B32::default();
        let mut scalar = Zeroizing::new([0; POINT]);
        rng.try_fill_bytes(&mut m)
            .and_then(|()| rng.try_fill_bytes(&mut *scalar))
            .map_err(|_| HpkeError::EncapError)?;
        let encapsulated = encapsulate(recipient, &m, StaticSecret::from(*scalar));
        m.zeroize();
        encapsulated
    }

    fn decap(
        seed: &Seed,
        sender: Option<&HybridRecipient>,
        encapsulated: &Encapsulated,
    ) -> Result<SharedSecret<Self>, HpkeError> {
        if sender.is_some() {
            return Err(HpkeError::DecapError);
        }
        let Expanded { ml_kem, scalar } = seed.expand();
        let (ciphertext, ephemeral) = encapsulated.halves();
        let ciphertext = ciphertext.try_into().map_err(|_| HpkeError::DecapError)?;
        let mut shared_ml_kem = ml_kem.decapsulate(ciphertext).map_err(|()| HpkeError::DecapError)?;
        let shared_point = scalar.diffie_hellman(&PublicKey::from(ephemeral));
        let point = PublicKey::from(&scalar).to_bytes();
        let secret = combined(&shared_ml_kem, shared_point.as_bytes(), &ephemeral, &point);
        shared_ml_kem.zeroize();
        Ok(secret)
    }
}

fn encapsulate(
    recipient: &HybridRecipient,
    m: &B32,
    scalar: StaticSecret,
) -> Result<(SharedSecret<XWing>, Encapsulated), HpkeError> {
    let (ml_kem, point) = recipient.halves();
    let ml_kem = EncapsulationKey::from_bytes(ml_kem.try_into().map_err(|_| HpkeError::EncapError)?);
    let (ciphertext, mut shared_ml_kem) =
        ml_kem.encapsulate_deterministic(m).map_err(|()| HpkeError::EncapError)?;
    let ephemeral = PublicKey::from(&scalar).to_bytes();
    let shared_point = scalar.diffie_hellman(&PublicKey::from(point));
    let secret = combined(&shared_ml_kem, shared_point.as_bytes(), &ephemeral, &point);
    shared_ml_kem.zeroize();
    let mut encapsulated = Box::new([0; ENCAPSULATED]);
    let (first, second) = encapsulated.split_at_mut(CIPHERTEXT);
    first.copy_from_slice(&ciphertext);
    second.copy_from_slice(&ephemeral);
    Ok((secret, Encapsulated(encapsulated)))
}

/// X-Wing's combiner.
fn combined(
    ml_kem: &[u8],
    shared_point: &[u8],
    ephemeral: &[u8; POINT],
    point: &[u8; POINT],
) -> SharedSecret<XWing> {
    let hash = Sha3_256::new().chain(ml_kem).chain(shared_point).chain(ephemeral).chain(point);
    SharedSecret(hash.chain(br"\.//^\").finalize())
}

impl Encapsulated {
    fn halves(&self) -> (&[u8], [u8; POINT]) {
        let (ciphertext, point) = self.0.split_at(CIPHERTEXT);
        (ciphertext, point.try_into().unwrap_or_default())
    }
}

impl Serializable for Encapsulated {
    type OutputSize = Sum<U1024, U96>;

    fn write_exact(&self, to: &mut [u8]) {
        to.copy_from_slice(&*self.0);
    }
}

impl Deserializable for Encapsulated {
    /// Refuses an ephemeral point that gives the same shared secret with every key: age's other implementations do, too.
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let bytes = bytes.to_vec().try_into().map_err(|_| HpkeError::ValidationError)?;
        let encapsulated = Self(bytes);
        curve25519::check(&encapsulated.halves().1).map_err(|_| HpkeError::ValidationError)?;
        Ok(encapsulated)
    }
}

impl Serializable for HybridRecipient {
    type OutputSize = Sum<U1024, U192>;

    fn write_exact(&self, to: &mut [u8]) {
        to.copy_from_slice(&*self.0);
    }
}

impl Deserializable for HybridRecipient {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        Self::from_bytes(bytes.to_vec()).map_err(|_| HpkeError::ValidationError)
    }
}

impl Serializable for Seed {
    type OutputSize = U32;

    fn write_exact(&self, to: &mut [u8]) {
        to.copy_from_slice(self.0.expose());
    }
}

impl Deserializable for Seed {
    fn from_bytes(bytes: &[u8]) -> Result<Self, HpkeError> {
        let seed: &[u8; 32] = bytes.try_into().map_err(|_| HpkeError::ValidationError)?;
        LockedBytes::copy_of(seed).map(|seed| Self(Arc::new(seed))).map_err(|_| HpkeError::ValidationError)
    }
}

#[cfg(test)]
mod tests;
