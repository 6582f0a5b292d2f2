//! Statements by cards, lines by the station.

use std::sync::Arc;

use ed25519_dalek::{Signer as _, SigningKey};

use super::Error;
use crate::{
    approval::statement::Statement,
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict,
        text::Name,
        time::Timestamp,
    },
    memory::{StationSecret, scrubbed},
    ports::card::UnlockedCard,
    roster::key::PublicKey,
    transcript::{
        event::{self, Entry, Event},
        ledger::Ceremony,
    },
};

/// The name of the file of a statement beside the transcript.
pub(super) fn beside_name(who: &Name, statement: &Envelope) -> String {
    format!("{who}-{}.json", statement.payload_digest().short())
}

/// The file of a statement alone: its envelope and a line feed.
pub fn to_file(statement: &Envelope) -> Vec<u8> {
    let mut bytes = statement.write();
    bytes.push(b'\n');
    bytes
}

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
    // A card that signs with another key, or something else, is found out here and not by the one who audits.
    key.verify_envelope(&envelope).map_err(|error| {
        Error::problem(format!("the card made a signature that does not verify: {error}"), "use another card")
    })?;
    Ok(envelope)
}

/// Writes a transcript's lines, each linked to the one before.
pub struct LineWriter {
    mode: Mode,
    seed: Arc<StationSecret>,
    keyid: Digest,
    seq: u32,
    prev: Option<Digest>,
    not_before: Timestamp,
}

impl LineWriter {
    /// Begins a transcript.
    pub fn begin(mode: Mode, seed: &Arc<StationSecret>) -> Result<Self, Error> {
        Self::new(mode, seed, 0, None, Timestamp::EPOCH)
    }

    pub fn resume(mode: Mode, seed: &Arc<StationSecret>, ceremony: &Ceremony) -> Result<Self, Error> {
        Self::new(mode, seed, ceremony.lines, Some(ceremony.last_line), ceremony.times.1)
    }

    fn new(
        mode: Mode,
        seed: &Arc<StationSecret>,
        seq: u32,
        prev: Option<Digest>,
        not_before: Timestamp,
    ) -> Result<Self, Error> {
        let keyid = public_key(seed)?.keyid();
        Ok(Self { mode, seed: Arc::clone(seed), keyid, seq, prev, not_before })
    }

    /// The next line, without line feed. What happened must be recorded even if the clock was set back in the meantime:
    /// then under the time of the line before.
    pub fn line<E: Event>(&mut self, time: Timestamp, event: E) -> Vec<u8> {
        let time = time.max(self.not_before);
        self.not_before = time;
        let entry = Entry { seq: self.seq, prev: self.prev, time, event };
        let (payload_type, payload) = event::payload(self.mode, &entry);
        let signature = sign(self.seed.expose(), &pae(&payload_type, &payload));
        let line = Envelope::new(payload_type, payload, self.keyid, signature).write();
        self.seq = self.seq.saturating_add(1);
        self.prev = Some(Digest::of(&line));
        line
    }

    pub fn last(&self) -> Option<Digest> {
        self.prev
    }
}

/// The public half of a station's Ed25519 seed.
pub fn public_key(seed: &StationSecret) -> Result<PublicKey, Error> {
    let key =
        scrubbed(|| seed.expose().try_into().ok().map(|seed| SigningKey::from_bytes(seed).verifying_key()));
    let key = key.ok_or_else(|| {
        Error::problem("the station's signing key is damaged", "recover the ceremony with the quorum")
    })?;
    PublicKey::from_ed25519(key).map_err(|error| Error::problem(error.to_string(), "run the command again"))
}

/// A signature of 64 bytes; empty, so that it verifies nowhere, for a seed of another length than [`public_key`] takes. The
/// seed stays where it is locked; the key that is made of it is on a stack that is overwritten.
fn sign(seed: &[u8], message: &[u8]) -> Vec<u8> {
    scrubbed(|| {
        let Ok(seed) = seed.try_into() else { return Vec::new() };
        SigningKey::from_bytes(seed).sign(message).to_bytes().to_vec()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        memory::{LockedBytes, search},
        transcript::event::Closed,
    };

    #[test]
    fn no_copy_of_the_seed_is_left_of_signing() {
        let mut seed = LockedBytes::zeroed(32).unwrap();
        getrandom::fill(seed.expose_mut()).unwrap();
        let needle = LockedBytes::copy_of(seed.expose()).unwrap();
        let seed = Arc::new(StationSecret::new(seed));
        let mut lines = LineWriter::begin(Mode::Rehearsal, &seed).unwrap();
        // The writer is still there when memory is searched, as it is while a ceremony runs.
        let left = search::copies_after(&needle, || {
            let line = lines.line(Timestamp::EPOCH, Closed { releases_destroyed: 0 });
            assert!(!line.is_empty());
        });
        assert_eq!(left, 0);
    }
}
