//! Lines taken out, doubled, swapped, added and cut off by somebody who has no key.

use quorate::{encoding::dsse::Mode, transcript::event::Closed};

use super::{audit, codes, copy, errors, forged, pinned, rehearsed, split};
use crate::support::forge::{Forge, Key};

const NUMBER: usize = 3;

/// The honest ledger with the lines of one ceremony changed.
fn with_lines(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> Vec<quorate::transcript::ledger::CeremonyFiles> {
    let mut files = rehearsed().files.clone();
    let mut lines = split(&files[NUMBER].transcript);
    change(&mut lines);
    files[NUMBER].transcript = lines.concat();
    files
}

/// The code of the first error, and its line.
fn first(change: impl FnOnce(&mut Vec<Vec<u8>>)) -> (&'static str, Option<usize>) {
    let found = errors(&with_lines(change), Mode::Rehearsal);
    (found[0].code, found[0].line)
}

fn count() -> usize {
    split(&rehearsed().files[NUMBER].transcript).len()
}

#[test]
fn a_line_taken_out_is_missed() {
    for at in 0..count() - 1 {
        let wanted = if at == 0 { "line-order" } else { "line-sequence" };
        assert_eq!(first(|lines| drop(lines.remove(at))), (wanted, Some(at + 1)));
    }
    // The last one is missed by the ceremony after it.
    assert_eq!(first(|lines| drop(lines.pop())).0, "predecessor");
}

#[test]
fn a_doubled_line_is_found() {
    for at in 0..count() {
        let found = first(|lines| lines.insert(at, lines[at].clone()));
        assert_eq!(found, ("line-sequence", Some(at + 2)));
    }
}

#[test]
fn swapped_lines_are_found() {
    for at in 0..count() - 1 {
        let wanted = if at == 0 { "line-order" } else { "line-sequence" };
        assert_eq!(first(|lines| lines.swap(at, at + 1)), (wanted, Some(at + 1)));
    }
}

#[test]
fn a_line_of_another_ceremony_is_found() {
    let foreign = split(&rehearsed().files[4].transcript);
    for at in 1..count() - 1 {
        let found = first(|lines| lines[at] = foreign[at].clone());
        assert_eq!(found, ("line-link", Some(at + 1)));
    }
}

#[test]
fn a_stranger_adds_no_line() {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    // In the right place, well linked, but by another key; the administrator's own card is no station either.
    for stranger in ["stranger", "frank", "alice", "station-0"] {
        let mut forge = forge.clone();
        let mut more = forge.begin(&proposal);
        let approval = forge.sign("alice", &forge.approval(&proposal, "alice"));
        more.add_by(&Key::of(stranger), quorate::transcript::event::Approved { approval });
        forge.push(&proposal, &more);
        forged(&forge, "line-signature");
    }
    // Named as the station's, signed by the stranger.
    let mut other = forge.begin(&proposal);
    other.add_by(&Key::of("stranger"), Closed { releases_destroyed: 0 });
    let honest = Key::of("station-1").public().keyid().to_string();
    let strange = Key::of("stranger").public().keyid().to_string();
    let text = String::from_utf8(other.bytes()).unwrap().replace(&strange, &honest);
    forge.push(&proposal, lines.at(0));
    forge.files[1].transcript = text.into_bytes();
    forged(&forge, "line-signature");
}

#[test]
fn a_cut_tail_is_seen_with_the_head_and_said_to_be_possible_without() {
    let honest = rehearsed();
    let last = honest.files.last().unwrap();
    let lines = split(&last.transcript);
    let (_dir, ledger) = copy();
    let path = ledger.join(&last.directory).join("transcript.jsonl");
    std::fs::remove_dir_all(ledger.join(&last.directory).join("attestations")).unwrap();
    for keep in 1..lines.len() {
        std::fs::write(&path, lines[..keep].concat()).unwrap();
        let done = pinned(&ledger).expect(3);
        assert_eq!(codes(&done, "error"), ["head-mismatch"], "{keep} lines");
        let done = audit(&[&ledger], &["--genesis", &honest.genesis]).expect(6);
        assert!(codes(&done, "warning").contains(&"unpinned-head".to_owned()));
        assert!(codes(&done, "note").contains(&"ceremony-open".to_owned()));
        assert!(done.stderr.contains("it may be cut short"), "{}", done.stderr);
    }
    // Without any line, and in the middle of one.
    std::fs::write(&path, b"").unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["transcript-empty"]);
    for keep in 0..lines.len() {
        let mut bytes = lines[..keep].concat();
        bytes.extend(&lines[keep][..lines[keep].len() / 2]);
        std::fs::write(&path, &bytes).unwrap();
        let done = audit(&[&ledger], &["--genesis", &honest.genesis]).expect(3);
        assert_eq!(codes(&done, "error"), ["line-torn"], "in line {}", keep + 1);
        let torn =
            done.json["findings"].as_array().unwrap().iter().find(|f| f["code"] == "line-torn").unwrap();
        assert_eq!(torn["line"], keep + 1);
    }
    // Only the last line feed.
    std::fs::write(&path, last.transcript.trim_ascii_end()).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["line-torn"]);
}
