//! Every byte of every transcript, changed one at a time.
//!
//! Verifying a whole ceremony for each of more than a hundred thousand bytes takes minutes; what refuses a changed byte is the
//! check of its line, so bytes are put to that check alone, and a sample of them to the whole verification. Short lines
//! are tried byte by byte. In the payload of a long one every seventh byte is: all of it is base64 under one
//! signature, and seven has no factor in common with the four characters and three bytes of a group, so that every
//! place of a group is met in every field. QUORATE_EVERY_BYTE=1 tries them all.

use std::{sync::OnceLock, thread};

use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
    },
    roster::{key::PublicKey, signatures::Signatures},
    transcript::{
        ceremony,
        context::Context,
        event::AnyEvent,
        ledger::{CeremonyFiles, LedgerState},
        line::{self, LinePlace},
        verification,
    },
};

use super::{rehearsed, split};

/// The state after each number of ceremonies.
fn states() -> &'static [Option<LedgerState>] {
    static ONCE: OnceLock<Vec<Option<LedgerState>>> = OnceLock::new();
    ONCE.get_or_init(|| {
        let files = &rehearsed().files;
        let state = |upto| verification::verify(&files[..upto], Mode::Rehearsal).sound().ok();
        (0..files.len()).map(state).collect()
    })
}

/// Verifies one ceremony after the unchanged ones before it.
fn holds(number: usize, transcript: Vec<u8>) -> bool {
    let state = states()[number].as_ref();
    let signatures = &Signatures::AT_ONCE;
    let context =
        Context { mode: Mode::Rehearsal, number: u32::try_from(number).unwrap(), state, signatures };
    let file = CeremonyFiles { transcript, ..rehearsed().files[number].clone() };
    ceremony::verify(&file, &context).is_ok()
}

/// The key that the station of a ceremony signed with.
fn station_of(file: &CeremonyFiles) -> PublicKey {
    let parsed = line::parse(split(&file.transcript)[0].trim_ascii_end(), Mode::Rehearsal, 1).unwrap();
    let AnyEvent::Proposed(proposed) = parsed.entry.event else { panic!() };
    proposed.body.station.keys.signing_key
}

/// Tries all positions on two threads and returns those that passed unseen.
fn unseen(positions: &[usize], refused: impl Fn(usize) -> bool + Sync) -> Vec<usize> {
    let (left, right) = positions.split_at(positions.len() / 2);
    let check = |part: &[usize]| part.iter().copied().filter(|at| !refused(*at)).collect::<Vec<_>>();
    thread::scope(|scope| {
        let other = scope.spawn(|| check(right));
        let mut found = check(left);
        found.extend(other.join().unwrap());
        found
    })
}

fn changed(bytes: &[u8], at: usize) -> Vec<u8> {
    let mut changed = bytes.to_vec();
    changed[at] ^= 1 << ((at + at / 7) % 7);
    changed
}

/// The bytes of a line that are tried.
fn positions(length: usize) -> Vec<usize> {
    let every = length < 4096 || std::env::var_os("QUORATE_EVERY_BYTE").is_some();
    // What is not payload: type and field names before it, key and signature after it.
    let frame = |at: usize| at < 128 || at + 384 > length;
    (0..length).filter(|at| every || frame(*at) || at % 7 == 0).collect()
}

#[test]
fn no_changed_byte_of_a_line_goes_unseen() {
    let mut tried = 0;
    for file in &rehearsed().files {
        let station = station_of(file);
        let mut prev = None;
        for (seq, line) in (0_u32..).zip(split(&file.transcript)) {
            let line = line.trim_ascii_end();
            let link = LinePlace { seq, prev, not_before: None };
            let holds = |bytes: &[u8]| {
                let whole = || {
                    line::parse(bytes, Mode::Rehearsal, 1)
                        .map(|l| line::verify(&l, &link, &station, &Signatures::AT_ONCE, 1))
                };
                // The signature first: it is cheap, and a first line is long.
                Envelope::parse(bytes).is_ok_and(|e| station.verify_envelope(&e).is_ok())
                    && matches!(whole(), Ok(Ok(())))
            };
            assert!(holds(line));
            let positions = positions(line.len());
            let found = unseen(&positions, |at| !holds(&changed(line, at)));
            assert_eq!(found, Vec::<usize>::new(), "{} line {}", file.directory, seq + 1);
            tried += positions.len();
            prev = Some(Digest::of(line));
        }
    }
    assert!(tried > 40_000, "{tried}");
}

#[test]
fn a_changed_byte_anywhere_breaks_the_ceremony() {
    for (number, file) in rehearsed().files.iter().enumerate() {
        assert!(holds(number, file.transcript.clone()));
        // A prime stride, so that all places of a base64 group are met; and every line feed.
        let ends = file.transcript.iter().enumerate().filter(|(_, b)| **b == b'\n').map(|(at, _)| at);
        let positions: Vec<usize> = (0..file.transcript.len()).step_by(509).chain(ends).collect();
        let found = unseen(&positions, |at| !holds(number, changed(&file.transcript, at)));
        assert_eq!(found, Vec::<usize>::new(), "{}", file.directory);
    }
}
