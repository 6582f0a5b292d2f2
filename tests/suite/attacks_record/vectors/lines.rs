//! Lines by themselves: their spelling, their type, and the signature of the station, whose key is in the index.

use std::{fs, path::Path};

use quorate::{
    encoding::dsse::Mode,
    roster::{key::PublicKey, signatures::Signatures},
    transcript::line::{self, LinePlace},
};
use serde_json::{Value, json};

use super::{Refused, told};
use crate::support::forge::{Forge, Key, vectors::add};

pub(super) fn make(dir: &Path) {
    let mut forge = Forge::new();
    let (_, lines) = forge.complete_delete();
    let lines: Vec<String> =
        String::from_utf8(lines.bytes()).unwrap().lines().map(|line| format!("{line}\n")).collect();
    let closed = lines.last().unwrap();
    let (own, stranger) = (Key::of("station-1").public(), Key::of("stranger").public());
    let spoiled = |from: &str, to: &str| {
        assert!(closed.contains(from), "{closed}");
        closed.replacen(from, to, 1)
    };
    let bad = [
        ("line_without_line_feed", closed.trim_end().to_owned()),
        ("line_that_is_no_json", "null\n".into()),
        ("line_with_a_blank", spoiled(":", ": ")),
        ("line_of_another_system", spoiled("\n", "\r\n")),
        ("line_with_a_field_more", spoiled("{", "{\"more\":1,")),
        ("line_of_no_type", spoiled("application/vnd.quorate.closed.v2+json", "text/plain")),
        ("line_of_a_rehearsal", spoiled("vnd.quorate.", "vnd.quorate-rehearsal.")),
        ("line_under_another_type", spoiled("quorate.closed.", "quorate.attempted.")),
        ("line_by_a_stranger", closed.replace(&own.keyid().to_string(), &stranger.keyid().to_string())),
        ("line_of_another_ceremony", {
            let first = String::from_utf8(forge.files[0].transcript.clone()).unwrap();
            format!("{}\n", first.lines().last().unwrap())
        }),
    ];
    let honest = lines.iter().map(|line| ("honest_line", line.clone()));
    for (name, line) in honest.chain(bad) {
        let mut entry = json!({ "kind": "line", "mode": forge.mode.to_string(), "station": own.to_pem() });
        entry["errors"] = told(parse(line.as_bytes(), forge.mode, &own));
        let is_honest = entry["errors"] == json!([]);
        assert_eq!(is_honest, name == "honest_line", "{name}: {entry}");
        add(name, dir, entry, |path| fs::write(path, &line).unwrap());
    }
}

pub(super) fn read(vector: &Value, file: &Path) -> Result<(), Refused> {
    let mode = if vector["mode"] == "rehearsal" { Mode::Rehearsal } else { Mode::Production };
    let station = PublicKey::from_pem(vector["station"].as_str().unwrap()).unwrap();
    parse(&fs::read(file).unwrap(), mode, &station)
}

/// One line as a transcript has it, wherever its place is.
fn parse(bytes: &[u8], mode: Mode, station: &PublicKey) -> Result<(), Refused> {
    let line = line::split(bytes).and_then(|mut lines| {
        let line = line::parse(lines.next().unwrap(), mode, 1)?;
        let place = LinePlace { seq: line.entry.seq, prev: line.entry.prev, not_before: None };
        line::verify(&line, &place, station, &Signatures::AT_ONCE, 1)
    });
    line.map_err(|finding| (Some(finding.code), finding.message))
}
