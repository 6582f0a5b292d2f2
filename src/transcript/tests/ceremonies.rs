//! Whole ceremonies taken out, exchanged, renamed, and taken from a ledger of the other mode.

use std::borrow::Cow;

use crate::{
    encoding::dsse::Mode,
    proposal::document::Proposal,
    transcript::{
        ceremonies::Ceremonies,
        event::{Aborted, Closed},
        ledger::{self, CeremonyFiles, End},
    },
};

use super::forge::{Forge, TWO, Transcript};
use super::{finds, forged};

/// The genesis and three deletions that were given up.
fn honest() -> Forge {
    let mut forge = Forge::new();
    for _ in 0..3 {
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        let abort = forge.sign("frank", &forge.abort(&proposal, "frank"));
        lines.add(Aborted { abort });
        forge.push(&proposal, &lines);
    }
    drop(forge.state());
    forge
}

#[track_caller]
fn changed(change: impl FnOnce(&mut Vec<CeremonyFiles>), expected: &str) {
    let mut forge = honest();
    change(&mut forge.files);
    forged(&forge, expected);
}

/// What has not ended is open from the moment it is there, whatever is beside it.
#[test]
fn a_ceremony_without_an_end_is_open_until_it_has_one() {
    let forge = Forge::new();
    let proposal = forge.inventory();
    let state = forge.with(&proposal, |_, _| {}).state();
    let mut ceremonies = Ceremonies::default();
    let open = |ceremonies: &Ceremonies| ceremonies.last_open().map(|ceremony| ceremony.number());
    for ceremony in &state.ceremonies {
        assert_eq!(open(&ceremonies), None);
        ceremonies.push(ceremony.clone());
    }
    assert_eq!(open(&ceremonies), Some(1));
    ceremonies.change(1, |ceremony| ceremony.end = Some(End::Closed));
    assert_eq!(open(&ceremonies), None);
}

#[test]
fn a_ceremony_that_was_taken_out_is_missed() {
    changed(Vec::clear, "ledger-empty: no ceremony is in this ledger");
    changed(
        |files| drop(files.remove(0)),
        "ceremony-missing: ceremony 0 is missing: the next directory is 0001-delete",
    );
    changed(
        |files| drop(files.remove(2)),
        "ceremony-missing: ceremony 2 is missing: the next directory is 0003-delete",
    );
    // The later ones renamed over the gap.
    let over_the_gap = |files: &mut Vec<CeremonyFiles>| {
        files.remove(2);
        files[2].directory = "0002-delete".into();
    };
    changed(over_the_gap, "ceremony-number: it is ceremony 3, in the place of ceremony 2");
}

#[test]
fn a_directory_has_the_name_of_its_ceremony() {
    let exchange = |files: &mut Vec<CeremonyFiles>| {
        files.swap(1, 2);
        files[1].directory = "0001-delete".into();
        files[2].directory = "0002-delete".into();
    };
    changed(exchange, "ceremony-number: it is ceremony 2, in the place of ceremony 1");
    for other in ["0001-inventory", "0001-deletes"] {
        changed(
            |files| files[1].directory = other.into(),
            "ceremony-name: its directory should be called 0001-delete",
        );
    }
    for other in ["001-delete", "00001-delete", "delete"] {
        let expected = format!("ceremony-missing: ceremony 1 is missing: the next directory is {other}");
        changed(|files| files[1].directory = other.into(), &expected);
    }
}

#[test]
fn a_second_genesis_is_refused() {
    for carries_its_roster in [true, false] {
        let mut forge = Forge::new();
        let mut proposal = forge.genesis();
        proposal.new_roster = proposal.new_roster.filter(|_| carries_its_roster);
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forged(&forge, "genesis: a genesis is the first ceremony and carries its roster");
    }
}

#[test]
fn a_forger_with_all_keys_of_the_station_cannot_close_what_is_closed() {
    let after_the_end = |more: fn(&Forge, &Proposal, &mut Transcript)| {
        let mut forge = Forge::new();
        let (proposal, mut lines) = forge.complete_delete();
        forge.files.pop();
        more(&forge, &proposal, &mut lines);
        forge.push(&proposal, &lines);
        forge
    };
    let closed = after_the_end(|_, _, lines| {
        lines.add(Closed { releases_destroyed: 2 });
    });
    forged(&closed, "line-order: closed is not allowed here");
    let approved = after_the_end(|forge, proposal, lines| forge.approve(lines, proposal, &TWO));
    forged(&approved, "line-order: approved is not allowed here");
}

/// Nor is one that follows a genesis which was given up: its ledger is over.
#[test]
fn a_genesis_that_was_given_up_has_no_second_one() {
    let mut forge = Forge::empty(Mode::Production, "ledger");
    let proposal = forge.genesis();
    let mut lines = forge.begin(&proposal);
    lines.add(Aborted { abort: forge.sign("frank", &forge.abort(&proposal, "frank")) });
    forge.push(&proposal, &lines);
    let second = forge.genesis();
    forge.push(&second, &forge.begin(&second));
    forged(&forge, "genesis: a genesis is the first ceremony and carries its roster");
}

/// A genesis and a deletion in a rehearsal: the same people, cards, nonce and station keys as in production.
fn rehearsal() -> Forge {
    let mut rehearsal = Forge::of(Mode::Rehearsal);
    rehearsal.complete_delete();
    rehearsal
}

#[test]
fn a_ledger_is_of_one_mode() {
    let of_production = Forge::new();
    for (files, read_as, expected) in [
        (
            &rehearsal().files,
            Mode::Production,
            "the ledger of a rehearsal, and it was to be read as production",
        ),
        (
            &of_production.files,
            Mode::Rehearsal,
            "the ledger of a production, and it was to be read as rehearsal",
        ),
    ] {
        finds(files, read_as, &format!("mode-mismatch: this is {expected}"));
    }
    // It shows in the first ceremony alone.
    let first =
        |files: &[CeremonyFiles]| ledger::first(files).map(|first| first.map(Cow::into_owned)).unwrap();
    assert_eq!(first(&[]), None);
    assert_eq!(first(&rehearsal().files).as_ref(), rehearsal().files.first());
    // A whole ceremony of it.
    let mut forge = Forge::new();
    forge.files.push(rehearsal().files[1].clone());
    forged(&forge, "mode-mismatch: this is the ledger of a rehearsal, and it was to be read as production");
    // Some lines of it.
    let mut forge = Forge::new();
    forge.complete_delete();
    let lines = |forge: &Forge| -> Vec<Vec<u8>> {
        forge.files[1].transcript.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect()
    };
    forge.files[1].transcript = [&lines(&forge)[..2], &lines(&rehearsal())[2..]].concat().concat();
    assert_eq!(
        forged(&forge, "mode-mismatch: a line of a rehearsal, in a ledger read as production"),
        Some(3)
    );
}

#[test]
fn a_rehearsal_under_another_label_is_still_one() {
    let mut forge = Forge::of(Mode::Rehearsal);
    for file in &mut forge.files {
        let text = String::from_utf8(file.transcript.clone()).unwrap();
        file.transcript = text.replace("vnd.quorate-rehearsal.", "vnd.quorate.").into_bytes();
    }
    // The types of the lines were exchanged; the statements in them are those of the rehearsal.
    let refused =
        "statement-type: a statement of type \"application/vnd.quorate-rehearsal.proposal.v2+json\"";
    finds(&forge.files, Mode::Production, refused);
}
