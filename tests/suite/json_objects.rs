//! Every verb's `--json` objects are as `quorate schema` describes them, and each of them is seen.

use crate::support;
use crate::support::certificates;
use crate::support::softhsm;
use crate::support::yubikeys;
use std::{collections::BTreeSet, fs};

use crate::support::quorum::{ADMIN, CUSTODIANS, Quorum, Ran};
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
    let mut quorum = Quorum::bare();
    quorum.rehearsal = true;
    for name in CUSTODIANS.iter().chain([&ADMIN]) {
        quorum.enroll(name, "");
    }
    let (card, pin) = (quorum.card("zoe", ""), quorum.pin_file("alice"));
    seen.check("card new", "", quorum.run(&["card", "new", &card, "--pin-file", &pin]));
    let enrolment = quorum.at("enrolments/zoe.json");
    let enroll =
        ["card", "enroll", "--card", &card, "--pin-file", &pin, "--name", "zoe", "--full-name", "Zoe", "-o"];
    seen.check("card enroll", "", quorum.run(&[&enroll[..], &[&enrolment]].concat()));
    seen.check("card show", "of a soft card", quorum.run(&["card", "show", &card]));
    let yubikeys = yubikeys::YubiKeys::new(&[("alice", virtual_card::Firmware::V5_7_1)]);
    yubikeys.enroll("alice", &[]).ok();
    seen.check("card show", "of a YubiKey", yubikeys.quorum.run(&["card", "show", "yubikey"]));
    seen.check("card list", "", yubikeys.quorum.run(&["card", "list"]));
    seen.check("card show", "of an enrolment", quorum.run(&["card", "show", &enrolment]));
    seen.check("show", "of an enrolment", quorum.run(&["show", &enrolment]));
    let root = certificates::Issuer::root("Root", certificates::Pair::p256("root"));
    let yubikey = certificates::Yubikey::made_by(&root, 7, [5, 7, 1]);
    let slot = yubikey.attest("9c", &certificates::Pair::p256("key"));
    let chain = [slot.as_slice(), &yubikey.f9.certificate, &root.certificate];
    let chain: String = chain.iter().map(|der| certificates::pem("CERTIFICATE", der)).collect();
    fs::write(quorum.path("files/chain.pem"), chain).unwrap();
    let trusted = root.digest().to_string();
    let attestation = ["card", "attestation", &quorum.at("files/chain.pem"), "--trust", &trusted];
    seen.check("card attestation", "", quorum.run(&attestation));

    let hsm = softhsm::SoftHsm::with_token("lab");
    quorum.environment = hsm.environment();
    seen.check("token list", "", quorum.run(&["token", "list", "--module", softhsm::MODULE]));
    let show = ["token", "show", "--module", softhsm::MODULE, "--label", "lab"];
    seen.check("token show", "", quorum.run(&show));

    let table = |name: &str| {
        PracticeToken::create_empty(&quorum.path(&format!("tokens/{name}")), None).unwrap();
        practice_table(name, &quorum.at(&format!("tokens/{name}")))
    };
    let target = table("hsm") + &table("spare");
    let reissued = quorum.path("tokens/application");
    PracticeToken::create_empty(&reissued, None).unwrap();
    let application = format!(
        "[[targets]]\nname = \"application\"\nkind = \"practice\"\npath = \"{}\"\nstart = \"initialise\"\n\
         label = \"application\"\n[targets.credentials]\n\
         so-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"security-officer\", custody = \"reissued\", recipient = \"{RECIPIENT}\" }}\n",
        quorum.at("tokens/application")
    );
    let plan = quorum
        .genesis(&CUSTODIANS)
        .without_policy("allow_soft_cards")
        .looking_and_deleting(&["crypto-officer", "security-officer"])
        .targets(&(target + &application));
    let genesis = quorum.plan("genesis", &plan.text());
    let ledger = quorum.at("ledger");
    seen.check("show", "of a plan", quorum.run(&["show", &genesis]));
    let look = ["propose", "--check", &genesis, &ledger, "--copy", &quorum.at("copy")];
    seen.check("propose", "with --check", quorum.run(&look).ok());
    seen.check("propose", "", quorum.propose(&genesis).ok());
    for name in CUSTODIANS {
        seen.check("approve", "", quorum.approve(name).ok());
    }
    let open = seen.check("status", "", quorum.run(&["status", &ledger]));
    assert!(open["open"].is_object());
    seen.check("execute", "", quorum.execute().ok());
    let handover = ["show", &ledger, "--handover", "application", "-o", &quorum.at("files/handover.age")];
    seen.check("show", "of a handover", quorum.run(&handover).ok());
    let closed = seen.check("status", "", quorum.run(&["status", &ledger]));
    assert!(closed["targets"][0].is_object());
    let compared =
        seen.check("compare", "", quorum.run(&["compare", "hsm", "spare", "--ledger", &ledger]).ok());
    assert!(compared["objects"].is_array());
    seen.check("attest", "", quorum.run_with("alice", &["attest", &ledger]));
    let (head, file) = (quorum.head().unwrap(), quorum.at("files/alice.drill"));
    let drill = ["card", "drill", "--ledger", &ledger, "--head", &head, "-o", &file];
    seen.check("card drill", "of a card", quorum.run_with("alice", &drill));
    let import = ["card", "drill", "--ledger", &ledger, "--import", &file];
    seen.check("card drill", "with --import", quorum.run(&import));
    seen.check("show", "of a drill", quorum.run(&["show", &file]));
    let beside =
        fs::read_dir(quorum.path("ledger/0000-genesis/attestations")).unwrap().next().unwrap().unwrap();
    seen.check("show", "of an attestation", quorum.run(&["show", beside.path().to_str().unwrap()]));
    let beside = fs::read_dir(quorum.path("ledger/0000-genesis/approvals")).unwrap().next().unwrap().unwrap();
    seen.check("show", "of a confirmation", quorum.run(&["show", beside.path().to_str().unwrap()]));
    seen.check("show", "of a ceremony", quorum.run(&["show", &ledger]));
    seen.check("audit", "", quorum.run(&["audit", &ledger]).expect(6));

    let inventory = "kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";
    let inventory = quorum.plan("inventory", inventory);
    quorum.propose(&inventory).ok();
    quorum.approve_to_file("alice").ok();
    seen.check("show", "of an approval", quorum.run(&["show", &quorum.at("files/alice.approval")]));
    for name in ["bob", "carol", "dave"] {
        quorum.approve_only(name).ok();
    }
    seen.check("release", "", quorum.release_to_file("carol", &["alice.approval"]).ok());
    seen.check("show", "of a release", quorum.run(&["show", &quorum.at("files/carol.release")]));
    let no = quorum.at("files/bob.rejection");
    seen.check(
        "reject",
        "",
        quorum.run_with(
            "bob",
            &["reject", &ledger, "--reason", "no", "-o", &no, "--head", &quorum.head().unwrap()],
        ),
    );
    seen.check("show", "of a rejection", quorum.run(&["show", &no]));
    let failed = schema::of_verb("execute", &[(FAILED.0, FAILED.1())]);
    support::schema::matches(&failed, &quorum.execute().expect(6).json).unwrap();
    let copy = quorum.at("copy");
    seen.check("abort", "", quorum.run_with(ADMIN, &["abort", &ledger, "--reason", "done", "--copy", &copy]));

    let mut run = vec!["run".to_owned(), inventory, ledger, "--copy".into(), copy];
    for name in [ADMIN, "alice", "bob", "carol", "dave"] {
        run.extend(quorum.with_card(name));
    }
    let run: Vec<&str> = run.iter().map(String::as_str).collect();
    seen.check("run", "", quorum.run(&run).ok());
    seen.check("completions", "", quorum.run(&["completions", "fish"]).ok());
    let printed = seen.check("schema", "", quorum.run(&["schema", "card", "show"]).ok());
    assert_eq!(printed["schema"], VerbTable::of("card show").unwrap().schema());
    assert!(quorum.run(&["schema", "nothing"]).expect(2).error().contains("not a verb"));
    let plans = [quorum.plan("own", &plan.text())];
    seen.check("rehearse", "", quorum.run(&["rehearse", &plans[0], "--dir", &quorum.at("rehearsal")]).ok());

    for table in VERBS {
        for (when, _) in table.accounts {
            let key = (table.verb.to_owned(), (*when).to_owned());
            assert!(seen.0.contains(&key), "{key:?} was not tried");
        }
    }
}
