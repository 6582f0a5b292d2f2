//! What is in the way of a plan is found before anybody signs: places that cannot be written to, or are not what they should be.

use std::{fs, path::Path, process::Command};

use crate::attacks_custodian::terminal::at_terminal;
use crate::crash_faults::{ReadOnly, media::spoiled};
use crate::support::founded::{INVENTORY, at_time, genesis_text, practice_target, snapshot};
use crate::support::quorum::{QUORATE, Quorum, Ran};

fn founded() -> Quorum {
    Quorum::of(5).everybody().practice().founded()
}

/// With and without the administrator's card, both find the same; nothing is written, and what is said of each thing is there.
#[track_caller]
fn in_the_way(quorum: &Quorum, args: &[&str], said: &[&str]) {
    let before = snapshot(quorum.dir.path());
    let check = quorum.run(&[&["propose", "--check"], args].concat());
    let propose = quorum.run_with("frank", &[&["propose"], args].concat());
    for ran in [check, propose] {
        assert!(matches!(ran.code, Some(1 | 3)), "{:?}: {}", ran.code, ran.stderr);
        let error = ran.error();
        for words in said {
            assert!(error.contains(words), "{words}: {error}");
        }
        if said.len() > 1 {
            assert!(error.contains(&format!("{} things are in the way", said.len())), "{error}");
        }
    }
    assert!(before == snapshot(quorum.dir.path()), "something was written");
}

/// A disk of so many KiB; none where this user may not mount one.
struct SmallDisk<'a>(&'a Path);

impl<'a> SmallDisk<'a> {
    fn make(place: &'a Path, kib: u32) -> Option<Self> {
        fs::create_dir(place).unwrap();
        let size = format!("size={kib}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(place).output();
        mounted.is_ok_and(|done| done.status.success()).then_some(Self(place))
    }
}

impl Drop for SmallDisk<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0).status();
    }
}

#[test]
fn a_copy_that_could_not_be_written_is_found_with_all_else() {
    let quorum = founded();
    let (ledger, plan) = (quorum.at("ledger"), quorum.plan("look", INVENTORY));
    let misspelt = quorum.plan("misspelt", &INVENTORY.replace("\"hsm\"", "\"hms\""));
    // The folder in which the copies are.
    fs::create_dir(quorum.path("media")).unwrap();
    fs::rename(quorum.path("copy"), quorum.path("media/copy")).unwrap();
    let (media, copy) = (quorum.at("media"), quorum.at("media/copy"));
    let near = format!("there is one in {copy}");
    in_the_way(&quorum, &[&misspelt, &ledger, "--copy", &media], &["no ledger in it", "did you mean hsm?"]);
    let hinted = quorum.run(&["propose", "--check", &plan, &ledger, "--copy", &media]).expect(1);
    assert!(hinted.json["error"]["hint"].as_str().unwrap().contains(&near), "{}", hinted.stderr);
    // A medium that is not there, and one that is read-only.
    let away = quorum.at("away/copy");
    in_the_way(&quorum, &[&misspelt, &ledger, "--copy", &away], &["no such file", "did you mean hsm?"]);
    fs::create_dir(quorum.path("fixed")).unwrap();
    if let Some(_mounted) = ReadOnly::make(&quorum.path("fixed")) {
        let fixed = quorum.at("fixed/copy");
        let both = [misspelt.as_str(), &ledger, "--copy", &copy, "--copy", &fixed];
        in_the_way(&quorum, &both, &["fixed: ", "did you mean hsm?"]);
    } else {
        println!("not tried: this user cannot make a directory read-only");
    }
    if let Some(_mounted) = ReadOnly::make(&quorum.path("ledger")) {
        in_the_way(&quorum, &[&plan, &ledger, "--copy", &copy], &["ledger: "]);
    }
    let small = quorum.path("small");
    if let Some(_mounted) = SmallDisk::make(&small, 64) {
        let small = quorum.at("small/copy");
        let said = ["no space left on the disk: it takes ", "did you mean hsm?"];
        in_the_way(&quorum, &[&misspelt, &ledger, "--copy", &small], &said);
    } else {
        println!("not tried: this user cannot mount a disk");
    }
    quorum.run_with("frank", &["propose", &plan, &ledger, "--copy", &copy]).ok();
}

#[test]
fn a_genesis_among_other_files_or_beside_another_ledger_is_refused_with_all_else() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let target = practice_target(&quorum.path("tokens/hsm.token"));
    let text = genesis_text(&quorum, &target);
    let plan = quorum.plan("genesis", &text);
    let other = founded();
    let (taken, ledger, copy) = (quorum.at("files"), quorum.at("ledger"), quorum.at("copy"));
    fs::write(quorum.path("files/notes"), "of somebody").unwrap();
    in_the_way(&quorum, &[&plan, &taken], &["the directory is not empty", "the policy requires 2"]);
    let foreign = other.at("ledger");
    let said = format!("opening the copy {foreign}: a ledger is in it, and there is none yet in {ledger}");
    in_the_way(&quorum, &[&plan, &ledger, "--copy", &foreign], &[&said]);
    fs::create_dir(quorum.path("ledger")).unwrap();
    in_the_way(&quorum, &[&plan, &ledger, "--copy", &foreign], &[&said]);
    quorum.run_with("frank", &["propose", &plan, &ledger, "--copy", &copy]).ok();
}

/// The medium fails between the look and the write: what was done is said, so that nobody does it again, and the next command
/// is one that works.
#[test]
fn what_was_done_before_a_copy_failed_is_said() {
    let quorum = founded();
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let fails = |place: &str, command: &Command, done: &str| {
        let failed = spoiled(&quorum, ("fsync", libc::EIO), &quorum.at(place), command).expect(1);
        let error = failed.error();
        assert!(error.contains(&format!("{done}, but not written everywhere: ")), "{error}");
        assert!(error.contains("the medium fails"), "{error}");
        let next = failed.json["error"]["commands"][0].as_str().unwrap();
        assert!(next.starts_with("quorate status "), "{next}");
    };
    fails("copy", &quorum.step("propose", &[INVENTORY]), "0001-inventory is proposed and open");
    for name in ["alice", "bob", "carol"] {
        quorum.approve(name).ok();
    }
    quorum.execute().ok();
    let (card, pin) = (quorum.card("alice", ""), quorum.pin_file("alice"));
    let by_alice = ["--copy", &copy, "--card", &card, "--pin-file", &pin];
    let attest = quorum.command(&[&["attest", &ledger], &by_alice[..]].concat());
    fails("copy/0001-inventory/attestations", &attest, "alice attested the head of 0001-inventory");
    let head = quorum.head().unwrap();
    let drill = ["card", "drill", "--ledger", &ledger, "--head", &head];
    let drill = quorum.command(&[&drill, &by_alice[..]].concat());
    fails("copy/0001-inventory/drills", &drill, "the drill of alice is beside the ledger");
    quorum.propose(INVENTORY).ok();
    let (card, pin) = (quorum.card("frank", ""), quorum.pin_file("frank"));
    let abort = ["abort", &ledger, "--reason", "no", "--copy", &copy, "--card", &card, "--pin-file", &pin];
    fails("copy/0002-inventory", &quorum.command(&abort), "0002-inventory has ended (aborted)");
    quorum.propose(INVENTORY).ok();
}

/// Whoever writes the plan of a genesis is told of all their mistakes at once.
#[test]
fn the_mistakes_of_a_genesis_are_listed_at_once() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let text = genesis_text(&quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    let mut wrong = text.clone();
    for (right, instead) in [
        ("\"Alice Example\"", "\"Alicia Example\""),
        ("\"Carol Example\"", "\"Carola Example\""),
        ("enrolments/dave.json", "enrolments/david.json"),
        ("so-pin = { authority = \"security-officer\"", "so-pin = { authority = \"security-oficer\""),
        ("delete = [\"crypto-officer\"]", "delete = [\"crypto-oficer\"]"),
    ] {
        assert!(wrong.contains(right), "{right}: {wrong}");
        wrong = wrong.replace(right, instead);
    }
    let (plan, ledger) = (quorum.plan("wrong", &wrong), quorum.at("ledger"));
    let said = [
        "Alicia Example",
        "Carola Example",
        "david.json: no such file",
        "no authority security-oficer; did you mean security-officer?",
        "no authority crypto-oficer; did you mean crypto-officer?",
        "the policy requires 2",
    ];
    in_the_way(&quorum, &[&plan, &ledger], &said);
    let good = quorum.plan("genesis", &text);
    quorum.run_with("frank", &["propose", &good, &ledger, "--copy", &quorum.at("copy")]).ok();
}

/// No card helps a plan that is wrong.
#[test]
fn run_finds_what_is_in_the_way_before_it_asks_for_a_card() {
    let quorum = founded();
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let misspelt = quorum.plan("misspelt", &INVENTORY.replace("\"hsm\"", "\"hms\""));
    let run = |plan: &str, copies: &str| {
        let state = quorum.at("state-station");
        at_terminal(
            &quorum,
            &format!("spawn -noecho {QUORATE} run {plan} {ledger} {copies} --state-dir {state}\nended\n"),
        )
    };
    let (code, said) = run(&misspelt, "");
    assert_eq!(code, 3, "{said}");
    for words in ["2 things are in the way", "did you mean hsm?", "the policy requires 2"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let genesis = genesis_text(&quorum, &practice_target(&quorum.path("tokens/other.token")));
    let genesis = quorum.plan("genesis", &genesis.replace("Alice Example", "Alicia Example"));
    let new = quorum.at("new");
    let script = format!("spawn -noecho {QUORATE} run {genesis} {new} --copy {new}-copy\nended\n");
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("by \"Alice Example\", the plan says \"Alicia Example\""), "{said}");
    assert!(!quorum.path("new").exists());
    // Another ceremony is open.
    quorum.propose(INVENTORY).ok();
    let plan = quorum.plan("again", &INVENTORY.replace("Look at hsm", "Look again"));
    let (code, said) = run(&plan, &format!("--copy {copy}"));
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("ceremony 1 (inventory) is still"), "{said}");
}

/// A folder that is not the ledger has one answer, whatever was to be done there.
#[test]
fn every_verb_gives_the_parent_folder_the_same_answer() {
    let quorum = founded();
    let (folder, ledger) = (quorum.at(""), quorum.at("ledger"));
    let plan = quorum.plan("look", INVENTORY);
    let card = quorum.with_card("frank");
    let card: Vec<&str> = card.iter().map(String::as_str).collect();
    let answers = |place: &str, said: &str, meant: &str| {
        let with = |args: &[&str]| quorum.run(&[args, &card].concat());
        for (ran, begins) in [
            (quorum.run(&["status", place]), "quorate status"),
            (quorum.run(&["propose", "--check", &plan, place]), "quorate propose --check"),
            (with(&["propose", &plan, place]), "quorate propose"),
            (with(&["run", &plan, place]), "quorate run"),
            (with(&["approve", place]), "quorate approve"),
            (with(&["reject", place, "--reason", "no"]), "quorate reject"),
            (with(&["execute", place]), "quorate execute"),
            (with(&["attest", place]), "quorate attest"),
            (with(&["abort", place, "--reason", "no"]), "quorate abort"),
            (with(&["card", "drill", "--ledger", place]), "quorate card drill"),
            (quorum.run(&["card", "drill", "--ledger", place, "--import", &plan]), "quorate card drill"),
        ] {
            let ran = ran.expect(3);
            assert_eq!(ran.error(), format!("{said} []"), "{begins}");
            let command = ran.json["error"]["commands"][0].as_str().unwrap_or_default();
            assert!(command.starts_with(begins) || meant.is_empty(), "{command}");
            assert!(command.contains(meant), "{command}");
        }
    };
    answers(&folder, &format!("{folder} is not a ledger: no ceremony is in it"), &format!(" {ledger} "));
    let empty = quorum.at("empty");
    fs::create_dir(&empty).unwrap();
    answers(&empty, &format!("{empty} is not a ledger: no ceremony is in it"), "");
    let mut rehearsal = Quorum::at_home(tempfile::tempdir().unwrap());
    rehearsal.rehearsal = true;
    let played = rehearsal.at("played");
    rehearsal.run(&["rehearse", "--dir", &played]).ok();
    let other = format!("{played}/ledger");
    answers(&other, &format!("{other} is the ledger of a rehearsal"), " --rehearsal");
}

/// The medium is not mounted, or its name is misspelt: that a new copy begins is asked, and else said.
#[test]
fn a_copy_that_is_yet_to_begin_is_asked_about() {
    let quorum = founded();
    let (ledger, typo) = (quorum.at("ledger"), quorum.at("cpoy"));
    let plan = quorum.plan("look", INVENTORY);
    let check = quorum.run(&["propose", "--check", &plan, &ledger, "--copy", &typo]).ok();
    assert_eq!(check.json["new_copies"], serde_json::json!([typo]));
    let state = quorum.at("state-station");
    let script = format!(
        "spawn -noecho {QUORATE} propose {plan} {ledger} --copy {typo} --state-dir {state} --card {} --pin-file {}\n\
         upto {{No copy of the ledger is in}}\nupto {{[yes/no] }}\nsend \"n\\r\"\nended\n",
        quorum.card("frank", ""),
        quorum.pin_file("frank")
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(!quorum.path("cpoy").exists());
    // An empty directory is where a medium is mounted, or not.
    fs::create_dir(quorum.path("mounted")).unwrap();
    let mounted = quorum.at("mounted");
    let said = |ran: Ran| {
        let words = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("yet: a new one begins there"), "{words}");
    };
    said(quorum.run_with("frank", &["propose", &plan, &ledger, "--copy", &mounted]).ok());
    quorum.approve("alice").ok();
    said(quorum.run_with("frank", &["abort", &ledger, "--reason", "no", "--copy", &typo]).ok());
    fs::remove_dir_all(quorum.path("cpoy")).unwrap();
    said(quorum.run_with("alice", &["attest", &ledger, "--copy", &typo]).ok());
    let again = quorum.run_with("bob", &["attest", &ledger, "--copy", &typo]).ok();
    assert!(!again.stderr.contains("a new one begins"), "{}", again.stderr);
}

/// Nothing goes on before the time of a line that is ahead: both times are named, no card is asked for, and what is printed works.
#[test]
fn a_proposal_that_is_ahead_of_the_clock_is_waited_for_or_recovered() {
    let quorum = founded();
    let (ledger, copy, state) = (quorum.at("ledger"), quorum.at("copy"), quorum.at("state-station"));
    let plan = quorum.plan("look", INVENTORY);
    let (card, pin) = (quorum.card("frank", ""), quorum.pin_file("frank"));
    let early = ["propose", &plan, &ledger, "--copy", &copy, "--card", &card, "--pin-file", &pin];
    at_time(&quorum, "+1h", &early).ok();
    let status = quorum.run(&["status", &ledger]).ok();
    let (next, line) = (&status.json["next"], status.json["open"]["created"].as_str().unwrap());
    let reason = next["reason"].as_str().unwrap();
    assert_eq!(next["verb"], "propose", "{reason}");
    for words in ["This machine's clock says 20", line, "nothing goes on before that time", "\"recover\""] {
        assert!(reason.contains(words), "{words}: {reason}");
    }
    assert!(next["command"].as_str().unwrap().starts_with("quorate propose PLAN "), "{next}");
    let script =
        format!("spawn -noecho {QUORATE} run {plan} {ledger} --copy {copy} --state-dir {state}\nended\n");
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("this machine's clock says"), "{said}");
    assert_eq!(quorum.approve("alice").expect(3).json["error"]["code"], "clock-behind");
    // Nor is a PIN.
    let by_frank = ["--copy", &copy, "--card", &card, "--pin-file", "no.pin"];
    for verb in [&["execute", ledger.as_str()][..], &["abort", &ledger, "--reason", "no"]] {
        let ran = quorum.run(&[verb, &by_frank].concat()).expect(3);
        assert_eq!(ran.json["error"]["code"], "clock-behind", "{}", ran.stderr);
    }
    let recover = "kind = \"recover\"\ntitle = \"Its clock was wrong\"\nexpires_in_hours = 1\nceremony = 1\n";
    let recovered = quorum.plan("recover", recover);
    quorum.run(&["propose", "--check", &recovered, &ledger, "--copy", &copy]).ok();
    quorum.ceremony(recover, &["alice", "bob", "carol", "dave"]).ok();
    quorum.propose(&plan).ok();
}
