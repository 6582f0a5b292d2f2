//! One line: bytes, envelope, payload, signature, link.

use std::io::BufRead as _;

use super::{
    event::{AnyEvent, Entry},
    finding::Finding,
};
use crate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        strict::StrictError,
        text,
        time::Timestamp,
    },
    roster::{key::PublicKey, signatures::Signatures},
};

/// A line whose form was checked; its signature was not.
#[derive(Clone, Debug)]
pub struct ParsedLine {
    /// SHA-256 of the line without its line feed.
    pub digest: Digest,
    pub envelope: Envelope,
    pub entry: Entry<AnyEvent>,
}

/// Cuts a transcript into lines, one at a time: a hostile one can have more of them than there is memory for a list. A
/// last line without line feed was torn by a crash.
pub fn split(transcript: &[u8]) -> Result<impl Iterator<Item = &[u8]>, Finding> {
    match transcript.last() {
        None => Err(Finding::error("transcript-empty", "the transcript has no line")),
        Some(b'\n') => {
            let mut rest = transcript;
            Ok(std::iter::from_fn(move || {
                let whole = rest;
                // Many times as fast as a comparison of each byte.
                let length = rest.skip_until(b'\n').ok()?.checked_sub(1)?;
                whole.get(..length)
            }))
        }
        Some(_) => {
            let whole = transcript.iter().filter(|b| **b == b'\n').count();
            Err(Finding::error("line-torn", "the last line does not end: it was cut off, or torn by a crash")
                .at(whole.saturating_add(1)))
        }
    }
}

/// Parses a line and its payload in their canonical form. `at` is the line's number from 1.
pub fn parse(line: &[u8], mode: Mode, at: usize) -> Result<ParsedLine, Finding> {
    let spelled = |error: StrictError| {
        let code = match error {
            StrictError::TooLong { .. } => "line-too-long",
            StrictError::Syntax(_) => "line-syntax",
            StrictError::Spelling | StrictError::LineEnds => "line-spelling",
            StrictError::Version => "line-type",
        };
        Finding::error(code, error.to_string()).at(at)
    };
    let envelope = Envelope::parse(line).map_err(spelled)?;
    let Some((found, event)) = Mode::parse_payload_type(&envelope.payload_type) else {
        let shown = text::printable(&envelope.payload_type.chars().take(80).collect::<String>());
        return Err(
            Finding::error("line-type", format!("no line of a transcript has the type {shown:?}")).at(at)
        );
    };
    if found != mode {
        return Err(Finding::error(
            "mode-mismatch",
            format!("a line of a {found}, in a ledger read as {mode}"),
        )
        .at(at));
    }
    let entry = AnyEvent::parse(event, &envelope.payload).map_err(spelled)?;
    Ok(ParsedLine { digest: Digest::of(line), envelope, entry })
}

/// The mode that a transcript's first line claims, if its type has one; nothing of it was checked.
///
/// # Errors
/// Where it is not an envelope of this version.
pub fn claimed_mode(transcript: &[u8]) -> Result<Option<Mode>, StrictError> {
    let first = transcript.split(|b| *b == b'\n').next().unwrap_or_default();
    let envelope = Envelope::parse(first)?;
    Ok(Mode::parse_payload_type(&envelope.payload_type).map(|(mode, _)| mode))
}

/// The place that a line must have, and what it must connect to.
pub struct LinePlace {
    /// Place that it must have.
    pub seq: u32,
    pub prev: Option<Digest>,
    /// Time of the line before it, in this ceremony or the one before.
    pub not_before: Option<Timestamp>,
}

/// Checks place, link, time and signature.
pub fn verify(
    line: &ParsedLine,
    link: &LinePlace,
    station: &PublicKey,
    signatures: &Signatures<'_>,
    at: usize,
) -> Result<(), Finding> {
    let entry = &line.entry;
    if entry.seq != link.seq {
        let message = format!("its seq is {}, {} was expected", entry.seq, link.seq);
        return Err(Finding::error("line-sequence", message).at(at));
    }
    if entry.prev != link.prev {
        return Err(Finding::error(
            "line-link",
            "it does not follow the line before it: prev is a different digest",
        )
        .at(at));
    }
    signatures.check(station, &line.envelope).map_err(|error| {
        Finding::error("line-signature", format!("not signed by the station: {error}")).at(at)
    })?;
    if let Some(earlier) = link.not_before
        && entry.time < earlier
    {
        let message = format!("its time {} is before {earlier}, the time of the line before it", entry.time);
        return Err(Finding::error("time-backwards", message).at(at));
    }
    Ok(())
}
