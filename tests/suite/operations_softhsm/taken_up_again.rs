//! What was given up while its target was gone, and may have changed its PINs, is brought to its end when that is back.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    tokens::{Application, FOUR, THREE, Target, adopt, delete, inventory, recover, reset},
};

fn behind_a_module() -> (Quorum, FaultyModule) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    (quorum, module)
}

/// Cuts the open ceremony off in a call, takes the token away, gives the ceremony up, and puts the token back.
fn given_up(quorum: &Quorum, module: &FaultyModule, call: (&str, &str), present: &[String]) {
    module.order(call.0, 1, call.1);
    quorum.execute_with(present).expect(5);
    module.behave();
    let open = quorum.run(&["status", &quorum.at("ledger")]).ok();
    let next = open.json["next"]["reason"].as_str().unwrap();
    assert!(next.contains("'quorate execute --give-up' is refused while the target answers"), "{next}");
    quorum.unplug();
    let give_up = [present, &["--give-up".to_owned()]].concat();
    quorum.execute_with(&give_up).expect(5);
    quorum.plug_in();
    let status = quorum.prose(&["status", &quorum.at("ledger")]);
    assert!(status.stdout.contains("nobody knew which PINs"), "{}", status.stdout);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("pins-unsettled"), "{}", audit.stdout);
}

#[test]
fn a_reset_that_was_given_up_is_brought_to_its_end() {
    for call in [
        ("C_InitToken", "crash-after"),
        ("C_SetPIN", "crash-after"),
        ("C_InitPIN", "crash"),
        ("C_InitPIN", "crash-after"),
    ] {
        let (quorum, module) = behind_a_module();
        let application = Application::new(&quorum, "application");
        quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path).reissued(&application)]);
        quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
        given_up(&quorum, &module, call, &[]);
        // The ledger knows the token under its old label only.
        quorum.propose(&inventory("hsm")).expect(1);
        quorum.approved(&recover(1), FOUR);
        let shown = quorum.prose(&["show", &quorum.at("ledger")]);
        let shown = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for told in ["it is taken up again", "EVERYTHING in it will be destroyed", "THE APPLICATION STOPS"] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        quorum.execute().ok();
        let pin = application.takes(&quorum);
        assert!(quorum.hsm().can_log_in("lab-2", "user", &pin), "{call:?}");
        quorum.ceremony(&inventory("hsm"), FOUR).ok();
        let again = quorum.propose(&recover(1)).expect(3);
        assert!(again.error().contains("it is known which PINs are in force"), "{}", again.error());
    }
}

#[test]
fn an_adoption_that_was_given_up_is_brought_to_its_end() {
    let (quorum, module) = behind_a_module();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    quorum.hsm().init_token("other");
    quorum.hsm().make_key("other", "EC:prime256v1", "theirs", "11");
    let joining = Target { name: "hsm-2", ..Target::in_use(quorum.hsm(), "other").module(&module.path) };
    quorum.approved(&adopt(&joining), FOUR);
    let present = ["--present-pin".to_owned(), format!("hsm-2:so-pin={}", quorum.at("so.pin"))];
    given_up(&quorum, &module, ("C_InitPIN", "crash"), &present);
    assert!(!quorum.hsm().can_log_in("other", "so", SO_PIN));
    // To adopt it once more is no way: nobody has its SO PIN of today.
    let retry = Target { name: "hsm-3", ..Target::in_use(quorum.hsm(), "other").module(&module.path) };
    quorum.approved(&adopt(&retry), FOUR);
    let other = ["--present-pin".to_owned(), format!("hsm-3:so-pin={}", quorum.at("so.pin"))];
    quorum.execute_with(&[&other[..], &["--give-up".to_owned()]].concat()).expect(4);
    quorum.approved(&recover(1), FOUR);
    quorum.execute().expect(1);
    quorum.execute_with(&present).ok();
    assert!(!quorum.hsm().can_log_in("other", "user", USER_PIN));
    quorum.ceremony(&delete("11").replace("\"hsm\"", "\"hsm-2\""), THREE).ok();
    assert_eq!(quorum.public("other", "theirs"), 0);
}

#[test]
fn a_genesis_that_was_given_up_is_brought_to_its_end() {
    let (quorum, module) = behind_a_module();
    quorum.approved_genesis(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    let present = quorum.present("so-pin", "so.pin");
    given_up(&quorum, &module, ("C_InitPIN", "crash"), &present);
    quorum.propose(&inventory("hsm")).expect(3);
    quorum.approved(&recover(0), FOUR);
    quorum.execute_with(&present).ok();
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

/// It came back as it was: the quorum goes on with it, and then the reset cannot be taken up again.
#[test]
fn a_token_that_came_back_as_it_was_is_left_alone() {
    let (quorum, module) = behind_a_module();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
    given_up(&quorum, &module, ("C_InitToken", "hang"), &["--module-timeout".to_owned(), "1".to_owned()]);
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    let refused = quorum.propose(&recover(1)).expect(3);
    assert!(refused.error().contains("it is known which PINs are in force"), "{}", refused.error());
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
}
