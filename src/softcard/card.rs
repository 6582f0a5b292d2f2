//! The soft card at work.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use ed25519_dalek::{Signer as _, SigningKey};

use super::file::{CardFile, Format, TRIES};
use crate::{
    durable::{self, DirectoryLock},
    encoding::{digest::Digest, strict::Base64, text::Line, time::Timestamp},
    memory::{LockedBytes, Pin, scrubbed},
    ports::card::{Card, CardDescription, CardError, CardKind, EnrolledKeys, FinalTry, Rescue, UnlockedCard},
    roster::key::PublicKey,
    sealing::{
        hybrid::{HybridIdentity, HybridRecipient},
        recipient::ShareRecipient,
        single::{self, SealError},
        under_pin::{self, WorkFactor},
    },
};

/// Lengths of a PIN, in printable ASCII characters.
const PIN_LENGTH: std::ops::RangeInclusive<usize> = 6..=64;

/// Longest plaintext that a soft card opens: shares have about 150 bytes, a station's state some thousands.
const MAX_OPENED: usize = 256 * 1024;

/// How long to wait for another process that uses the card.
const PATIENCE: Duration = Duration::from_secs(10);

/// A card that is a file.
pub struct SoftCard {
    /// Canonical, so that replacing it replaces the file and not a symbolic link to it.
    path: PathBuf,
    serial: Line,
    kept: Option<Kept>,
}

/// What stays unlocked within this process: the card's secrets, and the PIN and the file by which they were had.
struct Kept {
    pin: Pin,
    sealed_sha256: Digest,
    secrets: LockedBytes,
}

impl SoftCard {
    /// Refuses what cannot be the PIN of a new card.
    pub fn check_new_pin(pin: &Pin) -> Result<(), CardError> {
        check_pin(pin)
    }

    /// Makes a new card at `path`, where nothing is yet.
    pub fn create(path: &Path, pin: &Pin, created: Timestamp) -> Result<Self, CardError> {
        Ok(Self { kept: None, ..Self::create_unlocked(path, pin, created)? })
    }

    /// The same for a rehearsal: the card stays unlocked in this process, in locked memory. The PIN is asked for and compared each
    /// time, but scrypt does not run again, which would be three quarters of a rehearsal.
    pub fn create_unlocked(path: &Path, pin: &Pin, created: Timestamp) -> Result<Self, CardError> {
        let serial = random_serial(path)?;
        let failed = |reason: String| CardError::Failed { serial: serial.clone(), reason };
        check_pin(pin)?;
        let mut secrets = LockedBytes::zeroed(64).map_err(|e| failed(e.to_string()))?;
        getrandom::fill(secrets.expose_mut()).map_err(|e| failed(e.to_string()))?;
        let (seed, share_secret) = halves(&secrets).map_err(failed)?;
        let sealed =
            under_pin::seal(pin, WorkFactor::CARD, secrets.expose()).map_err(|e| failed(e.to_string()))?;
        let signing_key = public_half(seed).map_err(failed)?;
        let share_recipient = recipient_half(share_secret).map_err(failed)?;
        let file = CardFile {
            format: Format::V2,
            serial: serial.clone(),
            created,
            signing_key,
            share_recipient,
            tries_left: TRIES,
            tries_max: TRIES,
            sealed_sha256: Digest::of(&sealed),
            sealed: Base64(sealed),
        };
        let pin = Pin::copy_of(pin.expose()).map_err(|e| failed(e.to_string()))?;
        let kept = Kept { pin, sealed_sha256: file.sealed_sha256, secrets };
        durable::create_whole(durable::Access::PRIVATE, path, &file.write()).map_err(|e| medium(path, &e))?;
        Ok(Self { kept: Some(kept), ..Self::open(path)? })
    }

    /// A card that is there already.
    pub fn open(path: &Path) -> Result<Self, CardError> {
        let path = fs::canonicalize(path).map_err(|e| CardError::NoFile {
            place: path.display().to_string(),
            reason: durable::reason(&e),
        })?;
        let serial = CardFile::read(&path)?.serial;
        Ok(Self { path, serial, kept: None })
    }

    fn failed(&self, reason: impl ToString) -> CardError {
        CardError::Failed { serial: self.serial.clone(), reason: reason.to_string() }
    }

    fn read(&self) -> Result<CardFile, CardError> {
        let file = CardFile::read(&self.path)?;
        if file.serial != self.serial {
            return Err(self.failed(format!("another card, {}, has taken its place", file.serial)));
        }
        Ok(file)
    }

    fn write(&self, file: &CardFile) -> Result<(), CardError> {
        durable::replace(durable::Access::PRIVATE, &self.path, &file.write())
            .map_err(|e| medium(&self.path, &e))
    }

    fn check(&self, tries_left: u32, final_try: FinalTry) -> Result<(), CardError> {
        match (tries_left, final_try) {
            (0, _) => Err(CardError::Blocked { serial: self.serial.clone(), rescue: Rescue::None }),
            (1, FinalTry::Keep) => Err(CardError::FinalTry { serial: self.serial.clone() }),
            _ => Ok(()),
        }
    }

    /// Spends a try, then opens the secrets. The lock keeps a second process from reading the counter between
    /// our reading and our writing it.
    fn open_secrets(&self, pin: &Pin, final_try: FinalTry) -> Result<LockedBytes, CardError> {
        let _lock = DirectoryLock::acquire(&self.path, PATIENCE).map_err(|e| medium(&self.path, &e))?;
        let mut file = self.read()?;
        self.check(file.tries_left, final_try)?;
        if let Some(kept) = &self.kept
            && file.tries_left == file.tries_max
            && kept.sealed_sha256 == file.sealed_sha256
            && kept.pin.expose() == pin.expose()
        {
            self.check_halves(&file, &kept.secrets)?;
            return LockedBytes::copy_of(kept.secrets.expose()).map_err(|e| self.failed(e));
        }
        // On disk before the PIN is tried: a process that is killed in between has lost a try, and has not gained one.
        file.tries_left = file.tries_left.saturating_sub(1);
        self.write(&file)?;
        let secrets = match under_pin::open(pin, WorkFactor::CARD, &file.sealed.0, 64) {
            Ok(secrets) => secrets,
            Err(SealError::NotOurs) if file.tries_left == 0 => {
                return Err(CardError::Blocked { serial: self.serial.clone(), rescue: Rescue::None });
            }
            Err(SealError::NotOurs) => {
                return Err(CardError::WrongPin { serial: self.serial.clone(), tries_left: file.tries_left });
            }
            Err(e) => return Err(self.failed(e)),
        };
        file.tries_left = file.tries_max;
        self.write(&file)?;
        self.check_halves(&file, &secrets)?;
        Ok(secrets)
    }

    /// The public part is not under the PIN: it must be that of the secrets.
    fn check_halves(&self, file: &CardFile, secrets: &LockedBytes) -> Result<(), CardError> {
        let (seed, share_secret) = halves(secrets).map_err(|e| self.failed(e))?;
        let same = public_half(seed).is_ok_and(|key| key == file.signing_key)
            && recipient_half(share_secret).is_ok_and(|recipient| recipient == file.share_recipient);
        if same {
            return Ok(());
        }
        Err(CardError::Unreadable {
            place: self.path.display().to_string(),
            reason: "its public keys are not those of its secrets".into(),
        })
    }
}

impl Card for SoftCard {
    fn describe(&mut self, _enrolled: &[EnrolledKeys]) -> Result<CardDescription, CardError> {
        let file = self.read()?;
        Ok(CardDescription {
            kind: CardKind::Soft,
            serial: file.serial,
            signing_key: file.signing_key,
            share_recipient: Some(ShareRecipient::Hybrid(file.share_recipient)),
            tries_left: Some(file.tries_left),
            touches: (0, 0),
        })
    }

    fn check_tries(&mut self, final_try: FinalTry) -> Result<(), CardError> {
        self.check(self.read()?.tries_left, final_try)
    }

    fn unlock(&mut self, pin: Pin, final_try: FinalTry) -> Result<Box<dyn UnlockedCard + '_>, CardError> {
        check_pin(&pin)?;
        let secrets = self.open_secrets(&pin, final_try)?;
        Ok(Box::new(UnlockedSoftCard { card: self, secrets }))
    }
}

struct UnlockedSoftCard<'a> {
    card: &'a SoftCard,
    secrets: LockedBytes,
}

impl UnlockedCard for UnlockedSoftCard<'_> {
    fn sign(&mut self, message: &[u8]) -> Result<Vec<u8>, CardError> {
        let (seed, _) = halves(&self.secrets).map_err(|e| self.card.failed(e))?;
        let signature = scrubbed(|| SigningKey::from_bytes(seed).sign(message).to_vec());
        let public = public_half(seed).map_err(|e| self.card.failed(e))?;
        public.verify(message, &signature).map_err(|e| self.card.failed(e))?;
        Ok(signature)
    }

    fn open(&mut self, sealed: &[u8]) -> Result<LockedBytes, CardError> {
        let (_, share_secret) = halves(&self.secrets).map_err(|e| self.card.failed(e))?;
        HybridIdentity::from_seed(share_secret)
            .map_err(SealError::from)
            .and_then(|identity| single::open_with(&identity, sealed, MAX_OPENED))
            .map_err(|e| CardError::Sealed { serial: self.card.serial.clone(), reason: e.to_string() })
    }
}

/// Where the file lies failed, and not the card.
fn medium(path: &Path, error: &std::io::Error) -> CardError {
    CardError::Medium { place: path.display().to_string(), reason: durable::reason(error) }
}

/// Seeds of the Ed25519 key and of the age identity.
fn halves(secrets: &LockedBytes) -> Result<(&[u8; 32], &[u8; 32]), String> {
    match secrets.expose().split_first_chunk::<32>() {
        Some((seed, rest)) => match rest.try_into() {
            Ok(share_secret) => Ok((seed, share_secret)),
            Err(_) => Err("the sealed part has another length".into()),
        },
        None => Err("the sealed part has another length".into()),
    }
}

fn public_half(seed: &[u8; 32]) -> Result<PublicKey, String> {
    PublicKey::from_ed25519(scrubbed(|| SigningKey::from_bytes(seed).verifying_key()))
        .map_err(|e| e.to_string())
}

fn recipient_half(share_secret: &[u8; 32]) -> Result<HybridRecipient, String> {
    let identity = HybridIdentity::from_seed(share_secret).map_err(|e| e.to_string())?;
    Ok(identity.recipient())
}

fn random_serial(path: &Path) -> Result<Line, CardError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|e| CardError::Medium {
        place: path.display().to_string(),
        reason: format!("no random numbers: {e}"),
    })?;
    Ok(Line::lossy(&base16ct::lower::encode_string(&bytes)))
}

fn check_pin(pin: &Pin) -> Result<(), CardError> {
    let printable = pin.expose().iter().all(|b| (b' '..=b'~').contains(b));
    if printable && PIN_LENGTH.contains(&pin.expose().len()) {
        return Ok(());
    }
    Err(CardError::PinForm {
        reason: format!(
            "a soft card's PIN has {} to {} printable ASCII characters",
            PIN_LENGTH.start(),
            PIN_LENGTH.end()
        ),
    })
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
