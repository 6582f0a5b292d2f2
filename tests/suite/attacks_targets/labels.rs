//! Labels that would move a cursor, colour a screen or turn a line round.

use crate::support::{
    quorum::{ADMIN, Quorum, Ran},
    softhsm::{SoftHsm, USER_PIN},
    tokens::{THREE, Target, delete, inventory},
};

const NASTY: &str = "a\u{1b}[2J\u{1b}[31mb\u{7}\rc\u{202e}d";

/// Nothing that was printed can do more than print.
#[track_caller]
fn plain(ran: &Ran) {
    for text in [&ran.stdout, &ran.stderr] {
        let bad =
            text.chars().find(|c| (c.is_control() && *c != '\n') || ('\u{202a}'..='\u{202e}').contains(c));
        assert_eq!(bad, None, "{text:?}");
    }
}

#[test]
fn labels_of_objects_never_reach_the_terminal_raw() {
    let hsm = SoftHsm::with_token("lab");
    hsm.make_key("lab", "EC:prime256v1", NASTY, "01");
    hsm.make_key("lab", "EC:prime256v1", "keep", "02");
    let quorum = Quorum::of(5).over(hsm);
    let target = Target { so_pin: None, user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    quorum.found(&[target]);
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let plan = quorum.plan("next", &delete("01"));
    let proposed = quorum.prose_with_card(ADMIN, &["propose", &plan, &ledger, "--copy", &copy]).ok();
    plain(&proposed);
    for name in THREE {
        let head = quorum.head().unwrap();
        plain(&quorum.prose_with_card(name, &["approve", &ledger, "--head", &head]).ok());
    }
    for args in [&["show", &ledger][..], &["show", &ledger, "0"], &["status", &ledger], &["audit", &ledger]] {
        plain(&quorum.prose(args));
        plain(&quorum.run(args));
    }
    for name in THREE {
        let head = quorum.head().unwrap();
        plain(&quorum.prose_with_card(name, &["release", &ledger, "--head", &head]).ok());
    }
    // An error that names the object.
    quorum.hsm().user("lab", USER_PIN, &["--delete-object", "--type", "pubkey", "--id", "01"]);
    let pin = format!("hsm:user-pin={}", quorum.at("user.pin"));
    let args = ["execute", &ledger, "--copy", &copy, "--present-pin", &pin];
    let refused = quorum.prose_with_card(ADMIN, &args).expect(3);
    assert!(refused.stderr.contains("no longer shows"), "{}", refused.stderr);
    plain(&refused);
}

#[test]
fn labels_of_tokens_never_reach_the_terminal_raw() {
    let hsm = SoftHsm::with_token(NASTY);
    hsm.init_token("lab");
    let quorum = Quorum::of(5).over(hsm);
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    quorum.approved(&inventory("hsm"), THREE);
    // The neighbour is named in the error that says what is there instead.
    let away = quorum.hsm().dir.path().join("away");
    let ours = quorum.hsm().serial("lab");
    let ours = std::fs::read_dir(quorum.hsm().tokens())
        .unwrap()
        .map(|e| e.unwrap().path())
        .find(|p| p.to_string_lossy().replace('-', "").contains(&ours))
        .unwrap();
    std::fs::rename(&ours, &away).unwrap();
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let refused = quorum.prose_with_card(ADMIN, &["execute", &ledger, "--copy", &copy]).expect(1);
    assert!(refused.stderr.contains("no token \"lab\" with serial"), "{}", refused.stderr);
    plain(&refused);
    plain(&quorum.execute().expect(1));
    std::fs::rename(&away, &ours).unwrap();
    quorum.execute().ok();
}
