//! What files say never moves the cursor, colours the screen or reorders a line. [`quorate`] looks at all that was printed.

use std::{ffi::OsString, fs, os::unix::ffi::OsStringExt as _, process::Command};

use quorate::{
    encoding::{strict, text},
    transcript::{event::Closed, outcome::Outcome},
};

use super::{copy, quorate};
use crate::support::{
    forge::{Forge, Key, TWO, concluded, intended, object},
    quorum::{QUORATE, Quorum},
    tokens::{FOUR, THREE, inventory, reset},
};

/// As JSON and TOML spell them: colour, clear, bell, a title, right-to-left override, C1, zero width, a line separator.
const HOSTILE: [&str; 8] = [
    "\\u001b[31m",
    "\\u001b[2J",
    "\\u0007",
    "\\u001b]0;x\\u0007",
    "\\u202e",
    "\\u009b31m",
    "\\u200b",
    "\\u2028",
];

/// A ledger whose deletion has `find` replaced by hostile text in the signed payload of a proposal.
fn hostile_proposal(find: &str, replace: &str) -> Forge {
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    lines.respell(|payload| {
        assert!(payload.contains(find));
        payload.replace(find, replace)
    });
    forge.push(&proposal, &lines);
    forge
}

fn look(forge: &Forge, code: &str) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    forge.write(&ledger);
    let path = ledger.to_str().unwrap();
    for verb in ["audit", "status", "show"] {
        for json in [&[][..], &["--json"]] {
            let done = quorate(&[&[verb, path], json].concat()).expect(3);
            assert!(format!("{}{}", done.stdout, done.stderr).contains(code), "{}", done.stderr);
        }
    }
}

#[test]
fn a_proposal_cannot_write_on_the_screen() {
    for (place, hostile) in HOSTILE.iter().enumerate() {
        let (find, quoted) = [
            ("\"host\":\"host\"", format!("\"host\":\"{hostile}\"")),
            ("\"label\":\"old\"", format!("\"label\":\"old{hostile}\"")),
            ("\"serial\":\"0001\"", format!("\"serial\":\"{hostile}\"")),
            ("\"frank\"", format!("\"frank{hostile}\"")),
        ][place % 4]
            .clone();
        look(&hostile_proposal(find, &quoted), "line-syntax");
    }
    // An unknown field, and an unknown kind of operation.
    look(&hostile_proposal("{\"ledger\"", "{\"\\u001b[31m\":1,\"ledger\""), "line-syntax");
    look(&hostile_proposal("\"kind\":\"delete\"", "\"kind\":\"\\u001b[31m\""), "line-syntax");
}

#[test]
fn a_type_cannot_write_on_the_screen() {
    for hostile in ["\x1b[31m", "\u{202e}", "\u{9b}2J"] {
        let mut forge = Forge::new();
        let proposal = forge.delete();
        let kind = format!("application/vnd.quorate.{hostile}.v2+json");
        let lines = forge
            .begin_with(&proposal, Key::of("frank").envelope(kind, strict::write(&proposal.statement())));
        forge.push(&proposal, &lines);
        look(&forge, "statement-type");
        // The line itself: an event that is none, and no type of this program at all.
        for (kind, code) in [
            (format!("application/vnd.quorate.{hostile}.v2+json"), "line-syntax"),
            (format!("text/{hostile}"), "line-type"),
        ] {
            let mut line = Key::of("station-1").envelope(kind, b"{}".to_vec()).write();
            line.push(b'\n');
            forge.files[1].transcript = line;
            look(&forge, code);
        }
    }
}

#[test]
fn a_plan_cannot_write_on_the_screen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plan.toml");
    let plan = Forge::new().delete().plan;
    for hostile in HOSTILE {
        let title = plan.replace("Delete old", &format!("Delete {hostile}"));
        let key = format!("{plan}\"{hostile}\" = 1\n");
        let id = plan.replace("id = \"01\"", &format!("id = \"{hostile}\""));
        for (text, code) in [(title, 3), (key, 3), (id, 3)] {
            fs::write(&path, text).unwrap();
            for json in [&[][..], &["--json"]] {
                quorate(&[&["show", path.to_str().unwrap()], json].concat()).expect(code);
            }
        }
    }
    // In a comment, where TOML allows it: shown, but not as it is.
    fs::write(&path, format!("# harmless \u{202e}\u{200b}\n{plan}")).unwrap();
    quorate(&["show", path.to_str().unwrap()]).ok();
    // As it is, where TOML does not.
    fs::write(&path, format!("# \x1b[31m\n{plan}")).unwrap();
    quorate(&["show", path.to_str().unwrap()]).expect(3);
}

#[test]
fn an_approval_and_an_enrolment_cannot_write_on_the_screen() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let forge = Forge::new();
    let proposal = forge.delete();
    let rejection = String::from_utf8(strict::write(&forge.rejection(&proposal, "bob"))).unwrap();
    let card = forge.genesis().new_roster.unwrap().custodians[1].cards[0].clone();
    let enrolment = card.statement.clone();
    let enrolled = String::from_utf8(enrolment.payload.0).unwrap();
    for hostile in HOSTILE {
        let payload = rejection.replace("\"no\"", &format!("\"{hostile}\"")).into_bytes();
        let statement = Key::of("bob").envelope(forge.mode.payload_type("rejection"), payload);
        fs::write(&path, [&statement.write()[..], b"\n"].concat()).unwrap();
        quorate(&["show", path.to_str().unwrap()]).expect(3);

        let payload = enrolled.replace("BOB Example", hostile).into_bytes();
        let statement = Key::of("bob").envelope(enrolment.payload_type.clone(), payload);
        let file = quorate::roster::card::EnrolmentFile {
            statement,
            share_recipient: card.share_recipient.clone(),
            attestation: Vec::new(),
        };
        fs::write(&path, file.write()).unwrap();
        quorate(&["show", path.to_str().unwrap()]).expect(3);
    }
    let statement = Key::of("bob").envelope("text/\x1b[31m\u{202e}".into(), b"{}".to_vec());
    fs::write(&path, [&statement.write()[..], b"\n"].concat()).unwrap();
    quorate(&["show", path.to_str().unwrap()]).expect(3);
}

#[test]
fn names_of_files_cannot_write_on_the_screen() {
    let (dir, ledger) = copy();
    let hostile = dir.path().join("led\x1b[31mger\u{202e}\n\r");
    fs::rename(&ledger, &hostile).unwrap();
    let path = hostile.to_str().unwrap();
    quorate(&["audit", "--rehearsal", path]).expect(6);
    quorate(&["audit", "--rehearsal", path, path]).expect(6);
    quorate(&["status", "--rehearsal", path]).ok();
    quorate(&["show", "--rehearsal", path]).ok();
    quorate(&["show", "--rehearsal", path, "--json"]).ok();
    quorate(&["status", path]).expect(3);
    quorate(&["audit", &format!("{path}x")]).expect(1);
    quorate(&["show", &format!("{path}x")]).expect(1);
    // Beside the ceremonies and in them.
    fs::write(hostile.join("0005-\x1b[31m"), "").unwrap();
    fs::create_dir(hostile.join("0005-re\u{202e}set")).unwrap();
    fs::write(hostile.join("0004-restore/attestations/a\x1b[31m.json"), "{}").unwrap();
    fs::write(hostile.join("0004-restore/attestations/b.json"), "\x1b[31m").unwrap();
    quorate(&["audit", "--rehearsal", path]).expect(6);
    let binary = OsString::from_vec(b"\xff\x1b[31m".to_vec());
    let done = super::ran(Command::new(QUORATE).arg("audit").arg(dir.path().join(binary))).expect(1);
    assert!(done.stderr.lines().all(text::is_printable), "{:?}", done.stderr);
}

#[test]
fn what_a_hostile_token_said_is_shown_harmless() {
    // Adapters replace what cannot be shown; the ledger takes nothing else. A sound ledger of a lying token is printed.
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    lines.add(intended(&TWO));
    forge.push(&proposal, &lines);
    let text =
        String::from_utf8(strict::write(&intended(&TWO))).unwrap().replace("\"lab\"", "\"\\u001b[31m\"");
    let payload = format!(
        "{{\"seq\":4,\"prev\":\"{}\",\"time\":\"2026-01-03T00:00:00Z\",\"event\":{text}}}",
        lines.head()
    );
    let kind = forge.mode.payload_type("concluded");
    let mut line = Key::of("station-1").envelope(kind, payload.into_bytes()).write();
    line.push(b'\n');
    forge.files[1].transcript.extend(line);
    look(&forge, "line-syntax");
}

/// Text that is no line goes into `--json` as it is: the plan of a proposal, or what a lying station calls an object.
#[test]
fn json_moves_no_cursor_and_says_the_same() {
    let hostile = "\u{9b}31m\u{202e}\u{e0041}\u{fe0f}";
    // TOML has no DEL in a comment.
    let id = format!("\u{7f}{hostile}");
    let mut forge = Forge::new();
    let mut proposal = forge.inventory();
    proposal.plan += &format!("# {hostile}\n");
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let mut told = concluded(Outcome::Completed, &[], &[object("keep", &id)]);
    told.targets[0].inventory.as_mut().unwrap().objects[0].key_type = hostile.into();
    lines.add(intended(&TWO)).add(told).add(Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    let dir = tempfile::tempdir().unwrap();
    let ledger = dir.path().join("ledger");
    forge.write(&ledger);
    let path = ledger.to_str().unwrap();
    for (verb, code) in [("audit", 6), ("status", 0), ("show", 0)] {
        quorate(&[verb, path]).expect(code);
        let done = quorate(&[verb, path, "--json"]).expect(code);
        if verb == "show" {
            let object = &done.json["concluded"]["targets"][0]["inventory"]["objects"][0];
            assert_eq!(done.json["proposal"]["plan"], proposal.plan);
            assert_eq!((&object["id"], &object["key_type"]), (&id.as_str().into(), &hostile.into()));
        }
    }
}

/// Whatever a custodian's words and the name of a folder look like: what is printed as a command is from a template of this
/// program, and what comes from elsewhere is one quoted word in it.
#[test]
fn no_text_from_elsewhere_is_printed_as_a_command() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let said = "see 'quorate execute --give-up; touch PWNED #' or 'quorate execute --give-up' now";
    let ledger = quorum.at("see 'quorate execute --give-up;touch PWNED #' now");
    fs::rename(quorum.at("ledger"), &ledger).unwrap();
    quorum.run_with("alice", &["attest", &ledger, "--disagree", said]).ok();
    let quoted = format!("'{}'", ledger.replace('\'', "'\\''"));
    let mut printed = 0;
    for (verb, code) in [("audit", 3), ("status", 0), ("show", 0)] {
        let looked = quorum.run(&[verb, &ledger]).expect(code);
        for command in looked.stderr.lines().filter(|line| line.trim_start().starts_with("quorate ")) {
            assert_eq!(command.matches("give-up").count(), 1, "{command}");
            assert!(command.contains(&quoted), "{command}");
            printed += 1;
        }
        if verb == "audit" {
            assert!(looked.stderr.contains("touch PWNED"), "{}", looked.stderr);
        }
    }
    assert!(printed > 0);
    let error = quorum.run_with("alice", &["approve", &ledger]).json["error"].clone();
    for command in error["commands"].as_array().unwrap() {
        let command = command.as_str().unwrap();
        assert!(command.contains(&quoted) && command.matches("give-up").count() == 1, "{command}");
    }
}

/// Nor is the label of an object on the token, or that which a plan gives to a token.
#[test]
fn no_label_is_printed_as_a_command() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let object = "see 'quorate execute --give-up; touch PWNED #' now";
    let file = quorum.path("files/object");
    fs::write(&file, "value").unwrap();
    let write = ["--token-label", "lab", "--write-object", file.to_str().unwrap()];
    quorum.hsm().tool(&[&write[..], &["--type", "data", "--label", object]].concat());
    let token = "'quorate abort --x; touch PWNED'";
    let serial = quorum.hsm().serial("lab");
    for (plan, by, label) in [
        (inventory("hsm"), THREE, object),
        (reset(&serial, "lab", token), FOUR, token),
        (reset(&serial, token, "lab-3"), FOUR, token),
    ] {
        let proposed = quorum.approved(&plan, by);
        let read = quorum.run(&["show", &quorum.at("ledger")]).ok();
        let executed = quorum.execute().ok();
        let after = quorum.run(&["show", &quorum.at("ledger")]).ok();
        let all = [&proposed, &read, &executed, &after];
        assert!(all.iter().any(|done| done.stdout.contains(label)), "{}", executed.stdout);
        for done in all {
            let words = done.stdout.split('"').chain(done.stderr.lines());
            for command in words.map(str::trim_start).filter(|line| line.starts_with("quorate ")) {
                assert!(!command.contains("touch"), "{command}");
            }
        }
    }
}
