//! Stations: their keys are their own, and the ones that the administrator signed.

use crate::{
    encoding::digest::Digest, proposal::document::Keeper, roster::card::CardKind, transcript::event::Proposed,
};

use super::forge::{Forge, Key, environment, member, name, recipient, refit, station_keys};
use super::{
    forged,
    proposals::{delete, genesis, roster},
};

#[test]
fn the_lines_are_of_the_station_that_the_administrator_signed() {
    delete(|p| p.station.keys = station_keys("another station"), "line-signature: not signed by the station");
    genesis(
        |p| p.station.keys = station_keys("another station"),
        "station-keys: its shares were dealt by a station other than the one that is",
    );
    roster(
        |r| r.deal.station = station_keys("another station"),
        "station-keys: its shares were dealt by a station other than the one that is",
    );
}

#[test]
fn a_station_has_keys_of_its_own() {
    // Those of the genesis once more; the administrator's; a custodian's share key; an authority's.
    delete(
        |p| p.station.keys.recipient = station_keys("station-0").recipient,
        "station-keys: its station's keys are in use elsewhere",
    );
    for whose in ["frank", "alice", "alice-spare", "crypto-officer"] {
        delete(
            |p| p.station.keys.recipient = recipient(whose),
            "station-keys: its station's keys are in use elsewhere",
        );
    }
    // What is not a recipient is refused where it is read.
    let forge = Forge::new();
    let proposal = forge.delete();
    let own = recipient("station-1").to_string();
    for bad in ["age1nobody".to_owned(), own.to_uppercase(), "a".repeat(4097), String::new()] {
        let mut forge = forge.clone();
        let mut lines = forge.begin(&proposal);
        lines.respell(|line| line.replace(&own, &bad));
        forge.push(&proposal, &lines);
        forged(&forge, "line-syntax: not an age recipient");
    }
    let mut forge = Forge::new();
    let mut proposal = forge.delete();
    proposal.station.keys.signing_key = Key::of("frank").public();
    let mut lines = forge.begin(&proposal);
    lines = {
        let envelope = forge.sign("frank", &proposal.statement());
        let mut own = Forge::empty(forge.mode, "own").begin_with(&proposal, envelope.clone());
        own.clear();
        own.at(proposal.created.unix()).add_by(
            &Key::of("frank"),
            Proposed { proposal: envelope, body: proposal.clone(), environment: environment() },
        );
        drop(lines);
        own
    };
    forge.push(&proposal, &lines);
    forged(&forge, "station-keys: its station's keys are in use elsewhere");
}

#[test]
fn the_keepers_of_a_station_are_those_whom_the_policy_demands() {
    let keeper = |who: &str| Keeper { administrator: name(who), commitment: Digest::of(b"share") };
    delete(
        |p| p.station.keepers = vec![keeper("frank")],
        "station-keepers: its station has keepers, and the policy demands none",
    );
    for (keepers, administrators, error) in [
        (0, 1, "roster: policy.station_keepers is 0, and there is one administrator"),
        (2, 1, "roster: policy.station_keepers is 2, and there is one administrator"),
        (3, 2, "roster: policy.station_keepers is 3, and there are 2 administrators"),
    ] {
        roster(
            |r| {
                r.policy.station_keepers = keepers;
                let heidi = member("heidi", &["heidi"], CardKind::Soft, true);
                r.administrators.extend((administrators == 2).then_some(heidi));
            },
            error,
        );
    }
    let two = |named: &[&str], error: &str| {
        genesis(
            |p| {
                let document = p.new_roster.as_mut().unwrap();
                document.administrators.push(member("heidi", &["heidi"], CardKind::Soft, true));
                document.policy.station_keepers = 2;
                p.roster = refit(document);
                p.station.keepers = named.iter().map(|who| keeper(who)).collect();
            },
            error,
        );
    };
    let others = "station-keepers: the keepers of its station are not the administrators of the roster";
    for named in [
        &[][..],
        &["frank"],
        &["heidi", "frank"],
        &["frank", "frank"],
        &["frank", "alice"],
        &["frank", "heidi", "heidi"],
    ] {
        two(named, others);
    }
    // Where they are, the next thing is wrong: its plan names another number of administrators.
    two(&["frank", "heidi"], "plan-mismatch: the proposal differs from its plan");
}
