//! Statements by cards, lines by the station.

use ed25519_dalek::{Signer as _, SigningKey};

use super::Error;
use crate::{
    approval::statement::Statement,
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict,
        time::Timestamp,
    },
    memory::StationSecret,
    ports::card::UnlockedCard,
    roster::key::PublicKey,
    transcript::{
        event::{self, Entry, Event},
        ledger::Ceremony,
    },
};

/// Has a card sign a statement.
pub fn statement<S: Statement>(
    card: &mut dyn UnlockedCard,
    key: &PublicKey,
    mode: Mode,
    statement: &S,
) -> Result<Envelope, Error> {
    let payload_type = mode.payload_type(S::EVENT);
    let payload = strict::write(statement);
    let signature = card.sign(&pae(&payload_type, &payload))?;
    let envelope = Envelope::new(payload_type, payload, key.keyid(), signature);
    key.verify_envelope(&envelope).map_err(|error| {
        Error::problem(format!("the card made a signature that does not verify: {error}"), "use another card")
    })?;
    Ok(envelope)
}

/// Writes a transcript's lines, each linked to the one before.
pub struct LineWriter {
    mode: Mode,
    key: SigningKey,
    keyid: Digest,
    seq: u32,
    prev: Option<Digest>,
    not_before: Timestamp,
}

impl LineWriter {
    /// Begins a transcript.
    pub fn begin(mode: Mode, seed: &StationSecret) -> Result<Self, Error> {
        Self::new(mode, seed, 0, None, Timestamp::EPOCH)
    }

    /// Goes on with a ceremony's transcript.
    pub fn resume(mode: Mode, seed: &StationSecret, ceremony: &Ceremony) -> Result<Self, Error> {
        Self::new(mode, seed, ceremony.lines, Some(ceremony.last_line), ceremony.times.1)
    }

    fn new(
        mode: Mode,
        seed: &StationSecret,
        seq: u32,
        prev: Option<Digest>,
        not_before: Timestamp,
    ) -> Result<Self, Error> {
        let key = signing_key(seed)?;
        let keyid = public_key(&key)?.keyid();
        Ok(Self { mode, key, keyid, seq, prev, not_before })
    }

    /// The next line, without line feed. What happened must be recorded even if the clock was set back meanwhile:
    /// then under the time of the line before.
    pub fn line<E: Event>(&mut self, time: Timestamp, event: E) -> Vec<u8> {
        let time = time.max(self.not_before);
        self.not_before = time;
        let entry = Entry { seq: self.seq, prev: self.prev, time, event };
        let (payload_type, payload) = event::payload(self.mode, &entry);
        let signature = self.key.sign(&pae(&payload_type, &payload)).to_bytes().to_vec();
        let line = Envelope::new(payload_type, payload, self.keyid, signature).write();
        self.seq = self.seq.saturating_add(1);
        self.prev = Some(Digest::of(&line));
        line
    }

    /// Digest of the last line.
    pub fn last(&self) -> Option<Digest> {
        self.prev
    }
}

/// The station's Ed25519 key. ed25519-dalek wipes its copy on drop.
pub fn signing_key(seed: &StationSecret) -> Result<SigningKey, Error> {
    let bytes: &[u8; 32] = seed.expose().try_into().map_err(|_| {
        Error::problem("the station's signing key is damaged", "recover the ceremony with the quorum")
    })?;
    Ok(SigningKey::from_bytes(bytes))
}

/// Its public half.
pub fn public_key(key: &SigningKey) -> Result<PublicKey, Error> {
    PublicKey::from_ed25519(key.verifying_key())
        .map_err(|error| Error::problem(error.to_string(), "run the command again"))
}
