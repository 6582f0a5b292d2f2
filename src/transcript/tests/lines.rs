//! Lines taken out, doubled, swapped, added, cut off and misspelt by somebody who has no key of the station.

use crate::{
    encoding::dsse::Mode,
    transcript::{
        event::{Approved, Closed},
        outcome::Outcome,
    },
};

use super::forge::{Forge, Key, TWO, concluded, intended, object};
use super::forged;

/// The ceremony whose lines are changed.
const NUMBER: usize = 1;

/// An honest ledger of three ceremonies.
pub(crate) fn honest() -> Forge {
    let mut forge = Forge::new();
    forge.complete_delete();
    let proposal = forge.inventory();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    lines.add(intended(&TWO)).add(concluded(Outcome::Completed, &[], &[object("keep", "02")]));
    lines.add(Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    forge
}

/// The lines of a transcript, with their line feeds.
fn split(transcript: &[u8]) -> Vec<Vec<u8>> {
    transcript.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
}

fn count() -> usize {
    split(&honest().files[NUMBER].transcript).len()
}

/// What is found, and in which line, where the lines of a ceremony are changed.
#[track_caller]
fn changed(change: impl FnOnce(&mut Vec<Vec<u8>>), expected: &str, line: Option<usize>) {
    let mut forge = honest();
    let mut lines = split(&forge.files[NUMBER].transcript);
    change(&mut lines);
    forge.files[NUMBER].transcript = lines.concat();
    assert_eq!(forged(&forge, expected), line);
}

fn out_of_sequence(is: usize, should_be: usize) -> String {
    format!("line-sequence: its seq is {is}, {should_be} was expected")
}

const NOT_PROPOSED: &str = "line-order: it begins with approved, not with proposed";

#[test]
fn a_line_taken_out_is_missed() {
    changed(|lines| drop(lines.remove(0)), NOT_PROPOSED, Some(1));
    for at in 1..count() - 1 {
        changed(|lines| drop(lines.remove(at)), &out_of_sequence(at + 1, at), Some(at + 1));
    }
    // The last one is missed by the ceremony after it, which the one before it is open for.
    changed(|lines| drop(lines.pop()), "predecessor: it does not follow the head of the ceremony", Some(1));
}

#[test]
fn a_doubled_line_is_found() {
    for at in 0..count() {
        changed(|lines| lines.insert(at, lines[at].clone()), &out_of_sequence(at, at + 1), Some(at + 2));
    }
}

#[test]
fn swapped_lines_are_found() {
    changed(|lines| lines.swap(0, 1), NOT_PROPOSED, Some(1));
    for at in 1..count() - 1 {
        changed(|lines| lines.swap(at, at + 1), &out_of_sequence(at + 1, at), Some(at + 1));
    }
}

#[test]
fn a_line_of_another_ceremony_is_found() {
    let foreign = split(&honest().files[NUMBER + 1].transcript);
    for at in 1..count() {
        let link = "line-link: it does not follow the line before it: prev is a different digest";
        changed(|lines| lines[at].clone_from(&foreign[at]), link, Some(at + 1));
    }
}

#[test]
fn a_stranger_adds_no_line() {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    // In the right place, well linked, but by another key; the administrator's own card is not a station either.
    for stranger in ["stranger", "frank", "alice", "station-0"] {
        let mut forge = forge.clone();
        let mut lines = forge.begin(&proposal);
        let approval = forge.sign("alice", &forge.approval(&proposal, "alice"));
        lines.add_by(&Key::of(stranger), Approved { approval });
        forge.push(&proposal, &lines);
        assert_eq!(forged(&forge, "line-signature: not signed by the station: "), Some(2));
    }
    // Named as the station's, signed by the stranger.
    let mut lines = forge.begin(&proposal);
    lines.add_by(&Key::of("stranger"), Closed { releases_destroyed: 0 });
    let keyid = |whose: &str| Key::of(whose).public().keyid().to_string();
    let text = String::from_utf8(lines.bytes()).unwrap().replace(&keyid("stranger"), &keyid("station-1"));
    forge.push(&proposal, &lines);
    forge.files[1].transcript = text.into_bytes();
    let refused = "line-signature: not signed by the station: the signature does not verify";
    assert_eq!(forged(&forge, refused), Some(2));
}

#[test]
fn a_line_that_was_cut_is_torn() {
    let (honest, torn) =
        (honest(), "line-torn: the last line does not end: it was cut off, or torn by a crash");
    let last = honest.files.len() - 1;
    let with = |bytes: Vec<u8>, expected: &str| {
        let mut forge = honest.clone();
        forge.files[last].transcript = bytes;
        forged(&forge, expected)
    };
    let lines = split(&honest.files[last].transcript);
    for (at, line) in lines.iter().enumerate() {
        for keep in [line.len() / 2, line.len() - 1] {
            assert_eq!(with([&lines[..at].concat(), &line[..keep]].concat(), torn), Some(at + 1));
        }
    }
    assert_eq!(with(Vec::new(), "transcript-empty: the transcript has no line"), None);
}

#[test]
fn a_line_has_one_spelling() {
    let last = || split(&honest().files[NUMBER].transcript).pop().unwrap();
    let instead = |line: Vec<u8>, expected: &str| {
        let at = count();
        changed(|lines| lines[at - 1].clone_from(&line), expected, Some(at));
    };
    for bytes in ["", "\0", "null", "{}", "[[[[", "\u{feff}{}", "{\"payloadType\":{\"payloadType\":"] {
        instead(format!("{bytes}\n").into_bytes(), "line-syntax: ");
    }
    instead(b"\xff\xfe\n".to_vec(), "line-syntax: ");
    let text = String::from_utf8(last()).unwrap();
    instead(
        text.replace('\n', " \n").into_bytes(),
        "line-spelling: spelled in another way than the format allows",
    );
    instead(
        text.replace(':', ": ").into_bytes(),
        "line-spelling: spelled in another way than the format allows",
    );
    instead(text.replace('\n', "\r\n").into_bytes(), "line-spelling: its lines end with CR LF");
    let long = [vec![b'a'; (16 << 20) + 1], b"\n".to_vec()].concat();
    instead(long, "line-too-long: ");
    let own = Mode::Production.payload_type("closed");
    let old = text.replace(&own, "application/vnd.quorate.closed.v1+json");
    instead(old.into_bytes(), "line-type: made by version 0.1; this program does not read it");
    for other in ["text/plain", "application/vnd.quorate.closed.v3+json"] {
        assert!(text.contains(&own), "{text}");
        let expected = format!("line-type: no line of a transcript has the type {other:?}");
        instead(text.replace(&own, other).into_bytes(), &expected);
    }
}
