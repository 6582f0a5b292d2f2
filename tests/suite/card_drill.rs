//! Drills: a holder alone tries their card, and what others try to make of the statements.

mod bad_shares;

use std::fs;

use crate::support::forgery::{self, name, sign, state_of};
use crate::support::founded::{
    self, at_time, found, genesis, genesis_text, practice_target, snapshot, tries,
};
use crate::support::quorum::{ADMIN, CUSTODIANS, Quorum, Ran};
use quorate::{
    approval::drill::Drill,
    encoding::{
        digest::Digest,
        dsse::Mode,
        strict,
        text::{Line, Remark},
        time::Timestamp,
    },
    transcript::drilled,
};
use serde_json::Value;

const OUTPUT: &str = "files/drill";

/// Somebody drills on a machine of their own, with the head from paper.
fn on_own_machine(quorum: &Quorum, who: &str, ledger: &str, more: &[&str]) -> Ran {
    let (ledger, output) = (quorum.at(ledger), quorum.at(OUTPUT));
    let card = quorum.with_card(who);
    let mut args = vec!["card", "drill", "--ledger", &ledger, "-o", &output];
    args.extend(more);
    args.extend(card.iter().map(String::as_str));
    quorum.run_as(who, &args)
}

/// The administrator takes a file in.
fn import(quorum: &Quorum) -> Ran {
    let (ledger, copy, file) = (quorum.at("ledger"), quorum.at("copy"), quorum.at(OUTPUT));
    quorum.run(&["card", "drill", "--ledger", &ledger, "--copy", &copy, "--import", &file])
}

/// What `status` says of one card.
fn standing(status: &Ran, quorum: &Quorum, who: &str, suffix: &str) -> Value {
    let serial = quorum.run(&["card", "show", &quorum.card(who, suffix)]).ok().text("serial");
    let cards = status.json["drills"]["cards"].as_array().unwrap();
    cards.iter().find(|c| c["serial"] == serial.as_str()).unwrap().clone()
}

fn status(quorum: &Quorum) -> Ran {
    quorum.run(&["status", &quorum.at("ledger")]).ok()
}

/// A genesis with a policy of 90 days.
fn with_policy() -> Quorum {
    let quorum = Quorum::of(5).everybody().enrolled();
    let plan =
        genesis(&quorum, &practice_target(&quorum.path("tokens/hsm.token"))).policy("drill_every_days = 90");
    quorum.ceremony(&plan.text(), &CUSTODIANS).ok();
    quorum
}

#[test]
fn a_custodian_drills_at_home_and_the_administrator_takes_it_in() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let head = quorum.head().unwrap();
    let before = snapshot(&quorum.path("ledger"));
    let ran = on_own_machine(&quorum, "alice", "ledger", &["--head", &head]).ok();
    assert!(before == snapshot(&quorum.path("ledger")), "a custodian's own machine wrote into the ledger");
    assert_eq!(ran.json["authorities"], serde_json::json!(["crypto-officer", "security-officer"]));
    assert_eq!(
        (ran.text("person"), ran.text("head"), ran.text("file")),
        ("alice".into(), head, quorum.at(OUTPUT))
    );
    // Nothing of the shares comes out: not in what is printed, not in what is signed.
    let file = fs::read_to_string(quorum.path(OUTPUT)).unwrap();
    assert!(file.len() < drilled::MAX_DRILL / 8);
    let opened = forgery::shares(
        &quorum,
        "alice",
        state_of(&quorum.path("ledger")).roster().unwrap(),
        &["crypto-officer", "security-officer"],
    );
    let payload = drilled::parse(file.as_bytes()).unwrap().payload.0;
    let everything = [&ran.stdout, &ran.stderr, &file, &String::from_utf8(payload).unwrap()]
        .map(String::as_str)
        .join("\n");
    for share in opened {
        let text = String::from_utf8(share.expose().to_vec()).unwrap();
        let secret = text.lines().find_map(|l| l.strip_prefix("secret ")).unwrap();
        assert_eq!(secret.len(), 64);
        assert!(!everything.contains(secret) && !everything.contains("secret "));
    }
    let kept = import(&quorum).ok();
    let place = kept.json["imported"][0]["file"].as_str().unwrap().to_owned();
    assert!(place.starts_with("0000-genesis/drills/alice-"), "{place}");
    for side in ["ledger", "copy"] {
        assert_eq!(fs::read_to_string(quorum.path(side).join(&place)).unwrap(), file);
    }
    // Once more changes nothing, and the head does not move.
    import(&quorum).ok();
    assert_eq!(quorum.head().as_deref(), Some(ran.text("head").as_str()));
    let card = standing(&status(&quorum), &quorum, "alice", "");
    assert_eq!((&card["last"], &card["by"]), (&ran.json["time"], &"drill".into()));
    let (genesis, head) = (status(&quorum).text("genesis"), ran.text("head"));
    let audit = quorum.audit(&genesis, &head).ok();
    assert!(!audit.stdout.contains("drill-bad"), "{}", audit.stdout);
}

#[test]
fn everybody_drills_beside_the_ledger_and_a_spare_card_counts_alone() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (ledger, copy, head) = (quorum.at("ledger"), quorum.at("copy"), quorum.head().unwrap());
    let drill = ["card", "drill", "--ledger", &ledger, "--copy", &copy, "--head", &head];
    for who in [ADMIN, "wendy"] {
        let ran = quorum.run_with(who, &drill).ok();
        assert_eq!(ran.json["authorities"], serde_json::json!([]), "{who}");
    }
    let first = status(&quorum);
    assert_eq!(standing(&first, &quorum, "bob", "")["by"], "confirmation");
    assert_eq!(standing(&first, &quorum, "bob", "-spare")["last"], Value::Null);
    assert_eq!(standing(&first, &quorum, ADMIN, "")["by"], "drill");
    assert_eq!(standing(&first, &quorum, "wendy", "")["by"], "drill");
    let (spare, pin) = (quorum.card("bob", "-spare"), quorum.pin_file("bob"));
    let ran = quorum.run(&[&drill[..], &["--card", &spare, "--pin-file", &pin]].concat()).ok();
    assert_eq!(ran.json["authorities"].as_array().unwrap().len(), 2);
    let now = status(&quorum);
    assert_eq!(standing(&now, &quorum, "bob", "-spare")["by"], "drill");
    assert_eq!(standing(&now, &quorum, "bob", "")["by"], "confirmation");
    assert!(first.json["drills"]["every_days"].is_null());
    assert!(now.json["drills"]["cards"].as_array().unwrap().iter().all(|c| c["overdue"] == false));
    // Ledger and copy are level: the next ceremony is not in the way.
    quorum.ceremony(founded::INVENTORY, &["alice", "bob", "carol"]).ok();
    assert_eq!(standing(&status(&quorum), &quorum, "bob", "-spare")["by"], "drill");
}

#[test]
fn a_card_is_overdue_by_the_policy_until_it_is_drilled() {
    let quorum = with_policy();
    let ledger = quorum.at("ledger");
    assert_eq!(status(&quorum).json["drills"]["every_days"], 90);
    let overdue = |offset: &str| {
        let ran = at_time(&quorum, offset, &["status", &ledger]).ok();
        let cards = ran.json["drills"]["cards"].as_array().unwrap().clone();
        let late = cards.iter().filter(|c| c["overdue"] == true);
        (late.map(|c| c["person"].as_str().unwrap().to_owned()).collect::<Vec<_>>(), ran.stderr)
    };
    assert_eq!(overdue("+89d").0.len(), 0);
    let (late, said) = overdue("+91d");
    // Bob has two cards.
    assert_eq!(late, ["alice", "bob", "bob", "carol", "dave", "erin", ADMIN, "wendy"]);
    assert!(said.contains("OVERDUE since") && said.contains("quorate card drill"), "{said}");
    let head = quorum.head().unwrap();
    let card = quorum.with_card("carol");
    let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", &head];
    args.extend(card.iter().map(String::as_str));
    at_time(&quorum, "+60d", &args).ok();
    let late = overdue("+91d").0;
    assert!(!late.contains(&"carol".to_owned()) && late.len() == 7, "{late:?}");
    assert!(overdue("+151d").0.contains(&"carol".to_owned()));
    // Today that drill lies in the future: it does not count, and is named.
    let today = status(&quorum);
    assert_eq!(standing(&today, &quorum, "carol", "")["by"], "confirmation");
    assert!(today.json["drills"]["set_aside"][0].as_str().unwrap().contains("in the future"));
}

#[test]
fn a_policy_that_makes_no_sense_is_refused() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let target = practice_target(&quorum.path("tokens/hsm.token"));
    for (days, code, reason) in [
        ("0", 3, "drill_every_days is 0"),
        ("3651", 3, "1 to 3650"),
        ("-1", 3, "invalid value"),
        ("\"x\"", 3, "invalid type"),
    ] {
        let plan = genesis(&quorum, &target).policy(&format!("drill_every_days = {days}"));
        let ran = quorum.propose(&plan.text()).expect(code);
        assert!(ran.error().contains(reason), "{days}: {}", ran.error());
        assert!(!quorum.path("ledger/0000-genesis").exists());
    }
}

/// Refused with this reason and exit code 3; no try was spent, nothing was written.
#[track_caller]
fn refused(quorum: &Quorum, who: &str, ran: Ran, reason: &str) {
    let ran = ran.expect(3);
    assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
    assert!(!ran.json["error"]["hint"].as_str().unwrap().is_empty());
    assert!(!quorum.path(OUTPUT).exists());
    assert_eq!(tries(quorum, who), 8);
}

#[test]
fn a_strangers_card_and_a_ledger_without_roster_cost_no_try() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let head = quorum.head().unwrap();
    fs::write(quorum.pin_file("mallory"), "000000\n").unwrap();
    let ran = on_own_machine(&quorum, "mallory", "ledger", &["--head", &head]);
    refused(&quorum, "mallory", ran, "belongs to nobody in this quorum");
    let quorum = Quorum::of(5).everybody().enrolled();
    let plan =
        quorum.plan("genesis", &genesis_text(&quorum, &practice_target(&quorum.path("tokens/hsm.token"))));
    quorum.propose(&plan).ok();
    fs::write(quorum.pin_file("alice"), "000000\n").unwrap();
    refused(&quorum, "alice", on_own_machine(&quorum, "alice", "ledger", &[]), "no roster is in force");
}

#[test]
fn an_old_ledger_is_refused() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let old_head = quorum.head().unwrap();
    let copy =
        std::process::Command::new("cp").arg("-a").args([quorum.at("ledger"), quorum.at("old")]).status();
    assert!(copy.unwrap().success());
    quorum.propose(founded::INVENTORY).ok();
    let (ledger, file) = (quorum.at("ledger"), quorum.at("files/alice.approval"));
    let card = quorum.with_card("alice");
    let mut args = vec!["approve", &ledger, "-o", &file, "--head", &old_head];
    args.extend(card.iter().map(String::as_str));
    quorum.run_as("alice", &args).ok();
    fs::write(quorum.pin_file("bob"), "000000\n").unwrap();
    // Her machine knows of ceremony 1; neither the old head nor a right PIN helps the old copy.
    for more in [&[][..], &["--head", &old_head]] {
        refused(&quorum, "alice", on_own_machine(&quorum, "alice", "old", more), "it is an old copy");
    }
    let zeros = "00".repeat(32);
    let wrong = on_own_machine(&quorum, "bob", "ledger", &["--head", &zeros]);
    refused(&quorum, "bob", wrong, "does not have the head that you gave");
    refused(&quorum, "bob", on_own_machine(&quorum, "bob", "ledger", &[]), "remembers nothing of the ledger");
    on_own_machine(&quorum, "alice", "ledger", &[]).ok();
}

#[test]
fn nothing_is_overwritten_and_a_clock_that_went_back_is_refused() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let head = quorum.head().unwrap();
    fs::write(quorum.path(OUTPUT), "precious").unwrap();
    let ran = on_own_machine(&quorum, "alice", "ledger", &["--head", &head]).expect(1);
    assert!(ran.error().contains("exists"));
    assert_eq!(fs::read(quorum.path(OUTPUT)).unwrap(), b"precious");
    let card = quorum.with_card("alice");
    let ledger = quorum.at("ledger");
    let mut args = vec!["card", "drill", "--ledger", &ledger, "--head", &head];
    args.extend(card.iter().map(String::as_str));
    let ran = at_time(&quorum, "-2d", &args).expect(3);
    assert!(ran.error().contains("clock says"), "{}", ran.error());
    for bad in [&["--import", "x", "--card", "soft:x"][..], &[], &["--import", "x", "-o", "y"]] {
        quorum.run(&[&["card", "drill", "--ledger", &ledger], bad].concat()).expect(2);
    }
}

// ---- Statements that nobody honest makes ----

fn honest(quorum: &Quorum, who: &str) -> Drill {
    let state = state_of(&quorum.path("ledger"));
    let roster = state.roster().unwrap();
    let person = roster.person(&name(who.trim_end_matches("-spare"))).unwrap();
    let serial = quorum.run(&["card", "show", &quorum.card(who, "")]).ok().text("serial");
    let last = state.ceremonies.last().unwrap();
    Drill {
        ledger: state.nonce,
        ceremony: last.number(),
        head: last.last_line,
        epoch: roster.deal().epoch,
        dealing: roster.dealing_id(),
        person: person.name.clone(),
        serial: Line::new(&serial).unwrap(),
        opened: u8::try_from(drilled::tried(roster, person).len()).unwrap(),
        time: last.times.1,
    }
}

/// Neither is it taken in, nor does it count where somebody put it beside the ledger: there it is named.
#[track_caller]
fn does_not_count(quorum: &Quorum, bytes: &[u8], reason: &str) {
    fs::write(quorum.path(OUTPUT), bytes).unwrap();
    let before = snapshot(&quorum.path("ledger"));
    let ran = import(quorum).expect(3);
    assert!(
        ran.error().contains("is not a drill that counts here") && ran.error().contains(reason),
        "{reason}: {}",
        ran.error()
    );
    assert!(before == snapshot(&quorum.path("ledger")));
    let place = quorum.path("ledger/0000-genesis/drills");
    let by = status(quorum).json["drills"]["cards"].clone();
    fs::create_dir_all(&place).unwrap();
    fs::write(place.join("forged.json"), bytes).unwrap();
    let now = status(quorum);
    assert_eq!(now.json["drills"]["cards"], by, "{reason}");
    let aside = now.json["drills"]["set_aside"][0].as_str().unwrap().to_owned();
    assert!(aside.contains("0000-genesis: ") && aside.contains("forged.json"), "{aside}");
    assert!(now.stderr.contains("not counted"), "{}", now.stderr);
    let audit = quorum.audit(&now.text("genesis"), &now.text("head"));
    // Signed by a member, over a head that the ledger does not have: that is more than a bad file.
    let objects = aside.contains("it names another head");
    let audit = if objects { audit.expect(3) } else { audit.ok() };
    let findings = audit.json["findings"].as_array().unwrap();
    let found = findings.iter().find(|f| f["code"] == "drill-bad");
    assert_eq!(found.unwrap_or_else(|| panic!("{reason}: {findings:?}"))["severity"], "warning");
    fs::remove_dir_all(place).unwrap();
}

#[test]
fn a_statement_that_is_not_of_this_ledger_epoch_and_card_does_not_count() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let cases: [(&str, &str, &dyn Fn(&mut Drill), &str); 13] = [
        ("alice", "alice", &|d| d.ledger = Digest::of(b"another"), "another ledger"),
        ("alice", "alice", &|d| d.head = Digest::of(b"another"), "head"),
        ("alice", "alice", &|d| d.ceremony = 1, "another head"),
        ("alice", "alice", &|d| d.epoch = 2, "it is of epoch 2, the roster is at epoch 1"),
        ("alice", "alice", &|d| d.dealing = Digest::of(b"another"), "another dealing"),
        ("alice", "bob", &|_| {}, "on none of alice's cards"),
        ("alice", "mallory", &|_| {}, "on none of alice's cards"),
        ("alice", "alice", &|d| d.person = name("mallory"), "mallory is no"),
        ("bob", "bob-spare", &|_| {}, "it names card"),
        ("alice", "alice", &|d| d.serial = Line::new("0").unwrap(), "it names card 0"),
        ("alice", "alice", &|d| d.opened = 1, "it opened 1 shares"),
        ("wendy", "wendy", &|d| d.opened = 1, "it opened 1 shares"),
        ("alice", "alice", &|d| d.time = Timestamp::EPOCH, "before the head that it names"),
    ];
    for (who, signer, change, reason) in cases {
        let mut said = honest(&quorum, who);
        change(&mut said);
        let envelope = sign(&quorum, signer, Mode::Production, &said);
        does_not_count(&quorum, &[envelope.write(), b"\n".to_vec()].concat(), reason);
    }
}

#[test]
fn a_statement_that_was_changed_or_is_of_another_kind_does_not_count() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let said = honest(&quorum, "alice");
    let honest_envelope = sign(&quorum, "alice", Mode::Production, &said);
    // Dated anew, under the old signature.
    let mut redated = honest_envelope.clone();
    let later = Drill { time: said.time.plus(1), ..said.clone() };
    redated.payload.0 = strict::write(&later);
    does_not_count(&quorum, &redated.write(), "does not verify");
    // From a rehearsal; an attestation; garbage.
    does_not_count(&quorum, &sign(&quorum, "alice", Mode::Rehearsal, &said).write(), "rehearsal");
    let attestation = quorate::approval::statement::Attestation {
        ledger: said.ledger,
        ceremony: 0,
        head: said.head,
        person: name("alice"),
        agrees: true,
        basis: None,
        remark: Remark::none(),
        time: said.time,
    };
    does_not_count(
        &quorum,
        &sign(&quorum, "alice", Mode::Production, &attestation).write(),
        "a statement of type",
    );
    does_not_count(&quorum, b"{}", "missing field");
    does_not_count(&quorum, b"\xff\xfe", "");
    does_not_count(&quorum, &[honest_envelope.write(), b" ".to_vec()].concat(), "spelled in another way");
    // In the future: nothing is wrong with it but its date.
    let ahead = Drill { time: Timestamp::parse("2999-01-01T00:00:00Z").unwrap(), ..said };
    fs::write(quorum.path(OUTPUT), sign(&quorum, "alice", Mode::Production, &ahead).write()).unwrap();
    let ran = import(&quorum).expect(3);
    assert!(ran.error().contains("is dated 2999"), "{}", ran.error());
    // The honest one counts, with a line feed or without.
    fs::write(quorum.path(OUTPUT), honest_envelope.write()).unwrap();
    import(&quorum).ok();
    assert_eq!(standing(&status(&quorum), &quorum, "alice", "")["by"], "drill");
}

#[test]
fn a_statement_from_a_twin_ledger_of_the_same_people_does_not_count() {
    let (one, other) = (Quorum::of(5).everybody().enrolled(), Quorum::of(5).everybody().enrolled());
    for quorum in [&one, &other] {
        found(quorum, &practice_target(&quorum.path("tokens/hsm.token")));
    }
    let head = other.head().unwrap();
    // The cards are copies of the same: the keys are those of both rosters.
    on_own_machine(&other, "alice", "ledger", &["--head", &head]).ok();
    does_not_count(&one, &fs::read(other.path(OUTPUT)).unwrap(), "a head that this ledger does not have");
}

#[test]
fn a_sealed_share_that_was_replaced_in_the_ledger_is_found_before_the_pin() {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let quorum = Quorum::of(5).everybody().practice().founded();
    let head = quorum.head().unwrap();
    let transcript = quorum.transcript("0000-genesis");
    let state = state_of(&quorum.path("ledger"));
    let shares = &state.roster().unwrap().document().sealed_shares;
    let of = |who: &str| base64.encode(&shares.iter().find(|s| s.custodian == name(who)).unwrap().file.0);
    // The roster lies in the proposal's body, and that in the line: base64 in base64.
    let text = fs::read_to_string(&transcript).unwrap();
    let (first, rest) = text.split_once('\n').unwrap();
    let line: Value = serde_json::from_str(first).unwrap();
    let payload = line["payload"].as_str().unwrap();
    let entry = String::from_utf8(base64.decode(payload).unwrap()).unwrap();
    assert!(entry.contains(&of("alice")));
    let changed = base64.encode(entry.replace(&of("alice"), &of("bob")));
    fs::write(&transcript, format!("{}\n{rest}", first.replace(payload, &changed))).unwrap();
    fs::write(quorum.pin_file("alice"), "000000\n").unwrap();
    let ran = on_own_machine(&quorum, "alice", "ledger", &["--head", &head]);
    assert!(ran.error().contains("proposal-frame"), "{}", ran.error());
    refused(&quorum, "alice", ran, "the ledger does not verify");
}
