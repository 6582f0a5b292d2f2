//! Another token in the place of the one that was proposed for, or none.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    tokens::{THREE, Target, delete, delete_one, inventory},
};

/// Has somebody who knows the SO PIN make the token new, under the same label. SoftHSM keeps the serial.
fn initialise_again(hsm: &SoftHsm) {
    let output = std::process::Command::new("softhsm2-util")
        .env("SOFTHSM2_CONF", hsm.conf())
        .args(["--init-token", "--serial", &hsm.serial("lab"), "--label", "lab"])
        .args(["--so-pin", SO_PIN, "--pin", USER_PIN])
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn a_twin_and_an_empty_slot_are_refused_and_the_approvals_wait() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    quorum.approved(&delete("01"), THREE);
    let before = quorum.last_transcript();
    quorum.unplug();
    let gone = quorum.execute().expect(1);
    assert!(gone.error().contains("no token \"lab\" with serial"), "{}", gone.error());
    // Same label, same objects, another serial.
    quorum.hsm().init_token("lab");
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "01");
    let twin = quorum.execute().expect(1);
    assert!(twin.error().contains("the module shows: \"lab\" with serial"), "{}", twin.error());
    assert_eq!(quorum.public("lab", "old"), 1);
    assert_eq!(quorum.last_transcript(), before, "a refusal before the intent wrote a line");
    quorum.plug_in();
    quorum.execute().ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn nothing_is_proposed_for_a_token_that_is_away() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    quorum.unplug();
    quorum.hsm().init_token("lab");
    let plan = quorum.plan("inventory", &inventory("hsm"));
    quorum.propose(&plan).expect(1);
    assert!(!quorum.path("ledger/0001-inventory").exists());
    quorum.plug_in();
    quorum.propose(&plan).ok();
}

#[test]
fn a_token_made_new_by_somebody_else_is_seen_before_the_intent_by_its_public_objects() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    quorum.approved(&delete("01"), THREE);
    initialise_again(quorum.hsm());
    let refused = quorum.execute_with(&quorum.present("user-pin", "user.pin")).expect(3);
    assert!(refused.error().contains("no longer shows"), "{}", refused.error());
    assert_eq!((quorum.events("intended"), quorum.events("attempted")), (0, 0));
}

#[test]
fn a_token_made_new_by_somebody_else_is_seen_after_the_login_where_nothing_is_public() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    quorum.approved(&delete_one("private-key", "01"), THREE);
    initialise_again(quorum.hsm());
    let present = quorum.present("user-pin", "user.pin");
    let failed = quorum.execute_with(&present).expect(4);
    assert!(failed.error().contains("is not in the token"), "{}", failed.error());
    // After an intent, what is gone may have been destroyed by a run that crashed; the transcript says both.
    let again = quorum.execute_with(&present).expect(0);
    let said = again.text("summary");
    assert!(said.contains("gone: 1 of 1 objects (1 found gone already, 0 deleted by this run)"), "{said}");
    assert_eq!(quorum.events("attempted"), 1);
}

#[test]
fn a_token_made_new_after_the_login_is_not_called_a_deletion() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    let target = Target { so_pin: None, user_pin: "borrowed", ..Target::in_use(quorum.hsm(), "lab") };
    quorum.found(&[target.module(&module.path)]);
    quorum.approved(&delete("01"), THREE);
    module.script(&format!(
        "SOFTHSM2_CONF='{}' softhsm2-util --init-token --serial {} --label lab --so-pin {SO_PIN} --pin another-1234",
        quorum.hsm().conf(),
        quorum.hsm().serial("lab")
    ));
    module.order("C_DestroyObject", 1, "remove");
    let ran = quorum.execute_with(&quorum.present("user-pin", "user.pin"));
    assert_eq!(ran.code, Some(5), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(quorum.events("attempted"), 1);
}
