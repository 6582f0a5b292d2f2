//! Plans and enrolments that somebody wrote to get more than is theirs: one clear error each, and no ledger line.

use std::fs;

use crate::support::founded::{INVENTORY, genesis_text, practice_target, snapshot};
use crate::support::quorum::{Quorum, Ran};

/// A quorum and the text of a genesis plan that is good.
fn with_plan() -> (Quorum, String) {
    let quorum = Quorum::of(5).everybody().enrolled();
    let target = practice_target(&quorum.path("tokens/hsm.token"));
    let text = genesis_text(&quorum, &target);
    (quorum, text)
}

/// Proposes on a new ledger; nothing may be in it, and nothing raw on the screen.
fn propose_bytes(quorum: &Quorum, text: &[u8]) -> Ran {
    let path = quorum.at("plans/hostile.toml");
    fs::write(&path, text).unwrap();
    let ran = quorum.propose(&path);
    for printed in [&ran.stdout, &ran.stderr] {
        assert!(!printed.contains(['\x1b', '\x07', '\u{202e}', '\r']), "{printed:?}");
    }
    ran
}

#[track_caller]
fn refused(quorum: &Quorum, text: &str, reason: &str) -> Ran {
    let ran = propose_bytes(quorum, text.as_bytes()).expect(3);
    assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
    let ledger = quorum.path("ledger");
    assert!(!ledger.exists() || !snapshot(&ledger).iter().any(|(p, _)| p.ends_with("transcript.jsonl")));
    ran
}

/// The plan with one thing changed.
#[track_caller]
fn changed(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

#[test]
fn each_mistake_has_its_sentence() {
    let (quorum, good) = with_plan();
    let bob = "name = \"bob\"\nfull_name = \"Bob Example\"\n\
        enrolments = [\"../enrolments/bob.json\", \"../enrolments/bob-spare.json\"]";
    let cases: &[(&str, &str, &str)] = &[
        ("threshold = 3", "threshold = 1", "crypto-officer: threshold 1 is not between 2 and the 5"),
        ("threshold = 3", "threshold = 0", "threshold 0 is not between"),
        ("threshold = 3", "threshold = 6", "threshold 6 is not between 2 and the 5 custodians"),
        ("threshold = 3", "threshold = 259", "line LINE, column 13: "),
        ("threshold = 3", "threshold = -3", "line LINE, column 13: "),
        ("threshold = 3", "threshold = \"3\"", "line LINE, column 13: "),
        ("threshold = 3", "threshold = 3\nquorum = 1", "line NEXT, column 1: unknown field `quorum`"),
        ("copies = 2", "copies = 2\ncopies = 1", "line NEXT, column 1: duplicate key"),
        ("copies = 2", "copies = 0", "policy.copies is 0"),
        ("copies = 2", "copy = 2", "line LINE, column 1: unknown field `copy`"),
        (", custody = \"held\"", "", "missing field `custody`"),
        ("custody = \"held\"", "custody = \"shared\"", "unknown variant `shared`"),
        ("so-pin = {", "pin = {", "unknown variant `pin`"),
        ("authority = \"security-officer\"", "authority = \"nobody\"", "there is no authority nobody"),
        ("name = \"security-officer\"", "name = \"crypto-officer\"", "crypto-officer is named twice"),
        ("name = \"bob\"", "name = \"alice\"", "person alice is named twice"),
        ("name = \"wendy\"", "name = \"alice\"", "person alice is named twice"),
        (bob, "name = \"bob\"\nfull_name = \"Bob Example\"\nenrolments = []", "bob: enrolments is empty"),
        ("inventory = [\"crypto-officer\"]", "inventory = []", "operation inventory: needs at least one"),
        ("inventory = [\"crypto-officer\"]\n", "", "operation inventory: no authority is named"),
        ("reset = [\"security-officer\"]", "reset = [\"crypto-officer\"]", "only security-officer opens"),
        ("delete = [\"crypto-officer\"]", "delete = [\"crypto-officer\", \"crypto-officer\"]", "twice"),
        ("delete = ", "genesis = [\"crypto-officer\"]\ndelete = ", "its rule is fixed"),
        ("delete = ", "destroy = ", "unknown variant `destroy`"),
        ("kind = \"genesis\"", "kind = \"exfiltrate\"", "line 1, column 8: unknown variant"),
        ("expires_in_hours = 24", "expires_in_hours = 0", "expires_in_hours is 0"),
        ("expires_in_hours = 24", "expires_in_hours = 8761", "expires_in_hours is 8761"),
        ("title = \"Test genesis\"", "title = \" \"", "title is empty"),
        ("name = \"hsm\"", "name = \"../hsm\"", "is not a name"),
        ("name = \"alice\"", "name = \"Alice\"", "is not a name"),
        ("title = \"Test genesis\"", "title = \"a\\u001b[2Jb\"", "has control characters"),
        ("title = \"Test genesis\"", "title = \"a\\u202eb\"", "has control characters"),
        ("full_name = \"Bob Example\"", "full_name = \"Bob\\u0007\"", "has control characters"),
        ("label = \"lab\"", "label = \"l\\u001b[31mab\"", "has control characters"),
        ("label = \"lab\"", "label = \"123456789012345678901234567890123\"", "1 to 32 bytes"),
        ("path = \"/", "path = \"../../", "is not an absolute path without '..'"),
        ("path = \"/", "path = \"/../", "is not an absolute path without '..'"),
        ("kind = \"practice\"", "kind = \"practice\"\nmodule = \"/x\"", "has a 'path', but no 'module'"),
    ];
    for (from, to, reason) in cases {
        let line = good[..good.find(from).unwrap()].lines().count() + 1;
        let reason = reason.replace("LINE", &line.to_string()).replace("NEXT", &(line + 1).to_string());
        refused(&quorum, &changed(&good, from, to), &reason);
    }
    let practice = good.find("kind = \"practice\"").unwrap();
    let end = good[practice..].find("start =").unwrap() + practice;
    for module in ["../../x", "softhsm.so", "/usr/lib/../x.so", ""] {
        let pkcs11 = format!("kind = \"pkcs11\"\nmodule = \"{module}\"\n");
        let text = format!("{}{pkcs11}{}", &good[..practice], &good[end..]);
        refused(&quorum, &text, "is not an absolute path without '..'");
    }
    for list in ["custodians", "administrators", "authorities", "targets"] {
        let text = without_tables(&good, list);
        refused(&quorum, &format!("{list} = []\n{text}"), &format!("{list} is empty"));
        refused(&quorum, &text, &format!("missing field `{list}`"));
    }
    quorum.propose(&good).ok();
}

/// The text without the tables of this list.
fn without_tables(text: &str, list: &str) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == format!("[[{list}]]") || line.starts_with(&format!("[{list}."));
        }
        if !inside {
            kept += line;
            kept.push('\n');
        }
    }
    kept
}

#[test]
fn every_card_is_its_holders_own() {
    let (quorum, good) = with_plan();
    let alice = "[\"../enrolments/alice.json\"]";
    let cases: &[(&str, &str, &str)] = &[
        // Alice's name, another's card.
        (alice, "[\"../enrolments/carol.json\"]", "carol.json is the enrolment of carol (\"Carol Example\")"),
        (alice, "[\"../enrolments/alice.json\", \"../enrolments/alice.json\"]", "is listed twice"),
        (alice, "[\"../enrolments/absent.json\"]", "absent.json"),
        (alice, "[\"../plans/hostile.toml\"]", "not an enrolment"),
        ("full_name = \"Alice Example\"", "full_name = \"Alice\"", "the plan says \"Alice\""),
    ];
    for (from, to, reason) in cases {
        let code = if to.contains("absent") { 1 } else { 3 };
        let ran = propose_bytes(&quorum, changed(&good, from, to).as_bytes()).expect(code);
        assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
    }
    // The same full name, so that the file passes for hers: the name inside tells.
    let pin = quorum.pin_file("mallory");
    let enroll = |name: &str, full_name: &str, card: &str, output: &str, more: &[&str]| {
        let (card, output) = (quorum.card(card, ""), quorum.at(&format!("enrolments/{output}.json")));
        let args = ["card", "enroll", "--card", &card, "--pin-file", &pin, "--name", name, "--full-name"];
        quorum.run(&[&args[..], &[full_name, "-o", &output], more].concat()).ok();
    };
    enroll("mallory", "Alice Example", "mallory", "posing", &[]);
    refused(
        &quorum,
        &changed(&good, alice, "[\"../enrolments/posing.json\"]"),
        "is the enrolment of mallory",
    );
    // One card enrolled for two people.
    enroll("alice", "Alice Example", "mallory", "alice-too", &[]);
    enroll("carol", "Carol Example", "mallory", "carol-too", &[]);
    let shared = changed(&good, alice, "[\"../enrolments/alice-too.json\"]");
    let shared = changed(&shared, "[\"../enrolments/carol.json\"]", "[\"../enrolments/carol-too.json\"]");
    refused(&quorum, &shared, "is listed twice (alice and carol)");
    // One person under two names. Blanks around a full name do not get into an enrolment.
    enroll("alicia", " alice EXAMPLE ", "mallory", "alicia", &[]);
    let twice = good.clone()
        + "[[custodians]]\nname = \"alicia\"\nfull_name = \"alice EXAMPLE\"\n\
           enrolments = [\"../enrolments/alicia.json\"]\n";
    refused(&quorum, &twice, "is listed twice: a person belongs to a quorum once");
    // A witness's card opens no share.
    enroll("alice", "Alice Example", "mallory", "alice-witness", &["--witness"]);
    refused(&quorum, &changed(&good, alice, "[\"../enrolments/alice-witness.json\"]"), "alice");
    // An enrolment that was changed afterwards.
    let text = fs::read_to_string(quorum.path("enrolments/alice.json")).unwrap();
    let at = text.find("\"payload\":\"").unwrap() + 40;
    let swapped = if &text[at..=at] == "A" { "B" } else { "A" };
    fs::write(quorum.path("enrolments/alice.json"), format!("{}{swapped}{}", &text[..at], &text[at + 1..]))
        .unwrap();
    refused(&quorum, &good, "alice");
}

#[test]
fn production_takes_no_soft_cards_and_no_practice_token_unless_the_plan_says_so() {
    let (quorum, good) = with_plan();
    let strict = changed(&good, "allow_soft_cards = true\n", "");
    refused(&quorum, &strict, "the practice token protects nothing");
    let practice = strict.find("kind = \"practice\"").unwrap();
    let end = strict[practice..].find("start =").unwrap() + practice;
    let module = "kind = \"pkcs11\"\nmodule = \"/usr/lib/softhsm/libsofthsm2.so\"\n";
    let mut quorum = quorum;
    let tokens = quorum.path("softhsm-tokens");
    fs::create_dir(&tokens).unwrap();
    let config = quorum.path("softhsm2.conf");
    fs::write(&config, format!("directories.tokendir = {}\n", tokens.display())).unwrap();
    quorum.environment.push(("SOFTHSM2_CONF".into(), config.to_str().unwrap().into()));
    let cards = refused(&quorum, &format!("{}{module}{}", &strict[..practice], &strict[end..]), "soft card");
    assert!(cards.stderr.contains("allow_soft_cards = true under [policy]"), "{}", cards.stderr);
}

#[test]
fn hostile_files_are_refused_and_harmless() {
    let (quorum, good) = with_plan();
    let deep = format!("{good}x = {}\n", "[".repeat(200_000));
    let dotted = format!("{good}{} = 1\n", vec!["a"; 200_000].join("."));
    let tables = format!("{good}[{}]\n", vec!["a"; 200_000].join("."));
    for (text, code) in [
        (deep.as_bytes(), 3),
        (dotted.as_bytes(), 3),
        (tables.as_bytes(), 3),
        (b"\xff\xfe kind = 1", 3),
        (b"", 3),
        (b"\0\0\0", 3),
        ("kind = \"\x1b[2J\"".as_bytes(), 3),
        ("\x1b]0;t\x07 = 1\r\n".as_bytes(), 3),
        (&[b'#'; 1024 * 1024 + 1], 1),
    ] {
        propose_bytes(&quorum, text).expect(code);
    }
    let sparse = quorum.at("plans/sparse.toml");
    fs::File::create(&sparse).unwrap().set_len(2 << 30).unwrap();
    assert!(quorum.propose(&sparse).expect(1).error().contains("more than 1048576 bytes"));
    for (path, code) in [("/dev/zero", 1), (&*quorum.at("plans"), 2), (&*quorum.at("plans/none.toml"), 1)] {
        quorum.propose(path).expect(code);
    }
    assert!(!quorum.path("ledger").exists());
}

#[test]
fn weak_thresholds_are_said_in_the_briefing() {
    let (quorum, good) = with_plan();
    let all = changed(&good, "threshold = 4", "threshold = 5");
    let all = changed(&all, "reset = [", "reset = [\"crypto-officer\", ");
    let ran = quorum.propose(&all).ok();
    let words = |ran: &Ran| ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words(&ran).contains("security-officer: M = N = 5: one lost or blocked card"), "{}", ran.stderr);
    assert!(words(&ran).contains("deviation: soft cards are allowed"), "{}", ran.stderr);
    let custodian = quorum.approve("alice").ok();
    assert!(words(&custodian).contains("M = N = 5"), "{}", custodian.stderr);

    // The backup key is the crypto officers', who are fewer than a reset takes.
    let (quorum, good) = with_plan();
    let weak = changed(
        &good,
        "backup-key = { authority = \"security-officer\"",
        "backup-key = { authority = \"crypto-officer\"",
    );
    let both = "backup = [\"crypto-officer\", \"security-officer\"]";
    let weak = changed(&weak, both, "backup = [\"crypto-officer\"]");
    let ran = quorum.propose(&weak).ok();
    assert!(words(&ran).contains("backup needs 3 custodians and reset 4"), "{}", ran.stderr);
}

#[test]
fn a_plan_for_what_is_not_there_is_refused() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let before = snapshot(&quorum.path("ledger"));
    let object = "[[objects]]\nclass = \"private-key\"\nid = \"01\"\n";
    let delete =
        format!("kind = \"delete\"\ntitle = \"t\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n{object}");
    for (text, reason) in [
        (changed(INVENTORY, "\"hsm\"", "\"other\""), "other is not a target of this quorum"),
        (delete.clone(), "no object of the last inventory"),
        (changed(&delete, "id = \"01\"\n", ""), "so that one object is meant"),
        (changed(&delete, "\"01\"", "\"0G\""), "is not in lower-case hex"),
        (genesis_text(&quorum, "targets = []\n"), ""),
        ("kind = \"recover\"\ntitle = \"t\"\nexpires_in_hours = 1\nceremony = 0\n".into(), "is not open"),
    ] {
        let ran = propose_bytes(&quorum, text.as_bytes()).expect(3);
        assert!(ran.error().contains(reason), "{reason}: {}", ran.error());
    }
    assert!(before == snapshot(&quorum.path("ledger")));
}

/// What would stop the execution is found before anybody has gathered, all of it at once; to look, no card is needed, and
/// nothing is written.
#[test]
fn everything_that_stands_in_the_way_of_a_plan_is_listed_at_once() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let good = quorum.plan("good", INVENTORY);
    let bad = quorum.plan("bad", &changed(INVENTORY, "target = \"hsm\"", "target = \"hms\""));
    for verb in [vec!["propose", "--check"], vec!["propose"]] {
        let args = [&verb[..], &[bad.as_str(), &ledger]].concat();
        let ran = if verb.len() > 1 { quorum.run(&args) } else { quorum.run_with("frank", &args) }.expect(3);
        assert!(ran.error().contains("2 things are in the way"), "{}", ran.error());
        for said in ["the policy requires 2 before a target", "--copy DIR", "did you mean hsm?"] {
            assert!(ran.stderr.contains(said), "{said}: {}", ran.stderr);
        }
    }
    quorum.propose(&good).ok();
    let before = snapshot(&quorum.path("ledger"));
    let fine = quorum.run(&["propose", "--check", &good, &ledger, "--copy", &copy]).ok();
    assert_eq!(fine.text("open"), "0001-inventory");
    assert!(fine.stderr.contains("it can be proposed when 0001-inventory has ended"), "{}", fine.stderr);
    assert_eq!(snapshot(&quorum.path("ledger")), before);
    let other = quorum.at("files/none.toml");
    let refused = quorum.run(&["propose", "--check", &other, &ledger, "--copy", &copy]).expect(1);
    assert_eq!(refused.json["error"]["code"], "file-unusable");
    let alone = quorum.run(&["propose", "--check", &good, &ledger]).expect(3);
    assert_eq!(alone.json["error"]["code"], "copies-missing", "one reason is told as itself");
    let card = quorum.card("frank", "");
    quorum.run(&["propose", "--check", &good, &ledger, "--card", &card]).expect(2);
}

/// The place of a mistake is shown, but not a line of what may be no plan at all.
#[test]
fn a_mistake_in_a_plan_is_shown_in_its_line() {
    let (quorum, good) = with_plan();
    let text = changed(&good, "threshold = 3", "treshold = 3");
    let ran = refused(&quorum, &text, "unknown field `treshold`; did you mean `threshold`?");
    assert!(ran.stderr.contains("| treshold = 3\n"), "{}", ran.stderr);
    assert!(ran.stderr.contains("| ^^^^^^^^\n"), "{}", ran.stderr);
    let pin = propose_bytes(&quorum, b"8273645\n").expect(3);
    assert!(!pin.stderr.contains("8273645") && !pin.stdout.contains("8273645"), "{}", pin.stderr);
}

/// What somebody typed in the wrong place may be a PIN.
#[test]
fn a_pin_that_nothing_asks_for_is_refused_and_never_repeated() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.propose(INVENTORY).ok();
    fs::write(quorum.path("some.pin"), "8273645").unwrap();
    let file = quorum.at("some.pin");
    let ledger = quorum.at("ledger");
    for (given, said) in [
        (format!("hsm:user-pni={file}"), "did you mean user-pin?"),
        (format!("8273645:user_pin={file}"), "did you mean user-pin?"),
        ("8273645".to_owned(), "not of the form TARGET:ROLE=FILE"),
        (format!("HSM:user-pin={file}"), "the target is not a name"),
        (format!("hms:user-pin={file}"), "did you mean hsm?"),
    ] {
        let ran = quorum.run_with("frank", &["execute", &ledger, "--present-pin", &given]).expect(2);
        assert!(ran.stderr.contains(said), "{given}: {}", ran.stderr);
        assert!(!format!("{}{}", ran.stdout, ran.stderr).contains("8273645"), "{}", ran.stderr);
    }
}
