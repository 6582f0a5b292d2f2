//! Every verb's `--json` objects are as `quorate schema` describes them, and each of them is seen.

use crate::support;
use crate::support::certificates;
use crate::support::softhsm;
use crate::support::yubikeys;
use std::{collections::BTreeSet, fs};

use crate::support::lab::{ADMIN, CUSTODIANS, Lab, Ran};
use quorate::{
    account::schema,
    cli::verbs::{FAILED, VERBS, VerbTable},
    practice::PracticeToken,
};
use serde_json::Value;

/// An application's age recipient.
const RECIPIENT: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";

/// What was seen of each verb: which of its objects.
#[derive(Default)]
struct Seen(BTreeSet<(String, String)>);

impl Seen {
    /// Compares one output with the object that `when` names.
    #[track_caller]
    fn check(&mut self, verb: &str, when: &str, ran: Ran) -> Value {
        let table = VerbTable::of(verb).unwrap();
        let (_, object) = table.accounts.iter().find(|(occasion, _)| *occasion == when).unwrap();
        let alone = schema::of_verb(verb, &[(when, object())]);
        support::schema::matches(&alone, &ran.json).unwrap_or_else(|why| panic!("{verb} {when}: {why}"));
        let code = ran.code.unwrap();
        assert!(table.exits.iter().any(|e| i32::from(e.code()) == code), "{verb} does not document {code}");
        self.0.insert((verb.to_owned(), when.to_owned()));
        ran.json
    }
}

fn practice_table(name: &str, path: &str) -> String {
    format!(
        "[[targets]]\nname = \"{name}\"\nkind = \"practice\"\npath = \"{path}\"\nstart = \"initialise\"\nlabel = \"{name}\"\n\
         [targets.credentials]\nso-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"crypto-officer\", custody = \"held\" }}\n"
    )
}

#[test]
fn every_object_has_the_documented_keys_and_no_other() {
    let mut seen = Seen::default();
    let mut lab = Lab::bare();
    lab.rehearsal = true;
    for name in CUSTODIANS.iter().chain([&ADMIN]) {
        lab.enroll(name, "");
    }
    let (card, pin) = (lab.card("zoe", ""), lab.pin_file("alice"));
    seen.check("card new", "", lab.run(&["card", "new", &card, "--pin-file", &pin]));
    let enrolment = lab.at("enrolments/zoe.json");
    let enroll =
        ["card", "enroll", "--card", &card, "--pin-file", &pin, "--name", "zoe", "--full-name", "Zoe", "-o"];
    seen.check("card enroll", "", lab.run(&[&enroll[..], &[&enrolment]].concat()));
    seen.check("card show", "of a soft card", lab.run(&["card", "show", &card]));
    let hands = yubikeys::Hands::new(&[("alice", virtual_card::Firmware::V5_7_1)]);
    hands.enroll("alice", &[]).ok();
    seen.check("card show", "of a YubiKey", hands.lab.run(&["card", "show", "yubikey"]));
    seen.check("card list", "", hands.lab.run(&["card", "list"]));
    seen.check("card show", "of an enrolment", lab.run(&["card", "show", &enrolment]));
    seen.check("show", "of an enrolment", lab.run(&["show", &enrolment]));
    let root = certificates::Issuer::root("Root", certificates::Pair::p256("root"));
    let yubikey = certificates::Yubikey::made_by(&root, 7, [5, 7, 1]);
    let slot = yubikey.attest("9c", &certificates::Pair::p256("key"));
    let chain = [slot.as_slice(), &yubikey.f9.certificate, &root.certificate];
    let chain: String = chain.iter().map(|der| certificates::pem("CERTIFICATE", der)).collect();
    fs::write(lab.path("files/chain.pem"), chain).unwrap();
    let trusted = root.digest().to_string();
    let attestation = ["card", "attestation", &lab.at("files/chain.pem"), "--trust", &trusted];
    seen.check("card attestation", "", lab.run(&attestation));

    let hsm = softhsm::SoftHsm::with_token("lab");
    lab.environment = hsm.environment();
    seen.check("token list", "", lab.run(&["token", "list", "--module", softhsm::MODULE]));
    let show = ["token", "show", "--module", softhsm::MODULE, "--label", "lab"];
    seen.check("token show", "", lab.run(&show));

    let table = |name: &str| {
        PracticeToken::create_empty(&lab.path(&format!("tokens/{name}")), None).unwrap();
        practice_table(name, &lab.at(&format!("tokens/{name}")))
    };
    let target = table("hsm") + &table("spare");
    let reissued = lab.path("tokens/application");
    PracticeToken::create_empty(&reissued, None).unwrap();
    let application = format!(
        "[[targets]]\nname = \"application\"\nkind = \"practice\"\npath = \"{}\"\nstart = \"initialise\"\n\
         label = \"application\"\n[targets.credentials]\n\
         so-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"security-officer\", custody = \"reissued\", recipient = \"{RECIPIENT}\" }}\n",
        lab.at("tokens/application")
    );
    let plan = lab
        .genesis(&CUSTODIANS)
        .without_policy("allow_soft_cards")
        .looking_and_deleting(&["crypto-officer", "security-officer"])
        .targets(&(target + &application));
    let genesis = lab.plan("genesis", &plan.text());
    let ledger = lab.at("ledger");
    seen.check("show", "of a plan", lab.run(&["show", &genesis]));
    let look = ["propose", "--check", &genesis, &ledger, "--copy", &lab.at("copy")];
    seen.check("propose", "with --check", lab.run(&look).ok());
    seen.check("propose", "", lab.propose(&genesis).ok());
    for name in CUSTODIANS {
        seen.check("approve", "", lab.approve(name).ok());
    }
    let open = seen.check("status", "", lab.run(&["status", &ledger]));
    assert!(open["open"].is_object());
    seen.check("execute", "", lab.execute(&[]).ok());
    let handover = ["show", &ledger, "--handover", "application", "-o", &lab.at("files/handover.age")];
    seen.check("show", "of a handover", lab.run(&handover).ok());
    let closed = seen.check("status", "", lab.run(&["status", &ledger]));
    assert!(closed["targets"][0].is_object());
    let compared = seen.check("compare", "", lab.run(&["compare", "hsm", "spare", "--ledger", &ledger]).ok());
    assert!(compared["objects"].is_array());
    seen.check("attest", "", lab.run_with("alice", &["attest", &ledger]));
    let (head, file) = (lab.head().unwrap(), lab.at("files/alice.drill"));
    let drill = ["card", "drill", "--ledger", &ledger, "--head", &head, "-o", &file];
    seen.check("card drill", "of a card", lab.run_with("alice", &drill));
    let import = ["card", "drill", "--ledger", &ledger, "--import", &file];
    seen.check("card drill", "with --import", lab.run(&import));
    seen.check("show", "of a drill", lab.run(&["show", &file]));
    let beside = fs::read_dir(lab.path("ledger/0000-genesis/attestations")).unwrap().next().unwrap().unwrap();
    seen.check("show", "of an attestation", lab.run(&["show", beside.path().to_str().unwrap()]));
    let beside = fs::read_dir(lab.path("ledger/0000-genesis/approvals")).unwrap().next().unwrap().unwrap();
    seen.check("show", "of an approval", lab.run(&["show", beside.path().to_str().unwrap()]));
    seen.check("show", "of a ceremony", lab.run(&["show", &ledger]));
    seen.check("audit", "", lab.run(&["audit", &ledger]).expect(6));

    let inventory = "kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";
    let inventory = lab.plan("inventory", inventory);
    lab.propose(&inventory).ok();
    lab.approve_to_file("alice").ok();
    seen.check("show", "of an approval", lab.run(&["show", &lab.at("files/alice.approval")]));
    let no = lab.at("files/bob.rejection");
    seen.check(
        "reject",
        "",
        lab.run_with(
            "bob",
            &["reject", &ledger, "--reason", "no", "-o", &no, "--head", &lab.head().unwrap()],
        ),
    );
    seen.check("show", "of a rejection", lab.run(&["show", &no]));
    let failed = schema::of_verb("execute", &[(FAILED.0, FAILED.1())]);
    support::schema::matches(&failed, &lab.execute(&[]).expect(6).json).unwrap();
    let copy = lab.at("copy");
    seen.check("abort", "", lab.run_with(ADMIN, &["abort", &ledger, "--reason", "done", "--copy", &copy]));

    let mut run = vec!["run".to_owned(), inventory, ledger, "--copy".into(), copy];
    for name in [ADMIN, "alice", "bob", "carol", "dave"] {
        run.extend(lab.with_card(name));
    }
    let run: Vec<&str> = run.iter().map(String::as_str).collect();
    seen.check("run", "", lab.run(&run).ok());
    seen.check("completions", "", lab.run(&["completions", "fish"]).ok());
    let printed = seen.check("schema", "", lab.run(&["schema", "card", "show"]).ok());
    assert_eq!(printed["schema"], VerbTable::of("card show").unwrap().schema());
    assert!(lab.run(&["schema", "nothing"]).expect(2).error().contains("not a verb"));
    let plans = [lab.plan("own", &plan.text())];
    seen.check("rehearse", "", lab.run(&["rehearse", &plans[0], "--dir", &lab.at("rehearsal")]).ok());

    for table in VERBS {
        for (when, _) in table.accounts {
            let key = (table.verb.to_owned(), (*when).to_owned());
            assert!(seen.0.contains(&key), "{key:?} was not tried");
        }
    }
}
