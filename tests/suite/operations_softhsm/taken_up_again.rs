//! What was given up while its target was gone, and may have changed its PINs, is brought to its end when that is back.

use crate::support::{
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    vault::{Application, FOUR, THREE, Target, Vault, adopt, delete, inventory, reset},
};

/// A plan to recover one ceremony.
fn recover(number: u32) -> String {
    format!("kind = \"recover\"\ntitle = \"Take it up again\"\nexpires_in_hours = 1\nceremony = {number}\n")
}

fn behind_a_module() -> (Vault, FaultyModule) {
    let vault = Vault::in_use();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    (vault, module)
}

/// Cuts the open ceremony off in a call, takes the token away, gives the ceremony up, and puts the token back.
fn given_up(vault: &Vault, module: &FaultyModule, call: (&str, &str), present: &[String]) {
    module.order(call.0, 1, call.1);
    vault.execute(present).expect(5);
    module.behave();
    let open = vault.quorum.run(&["status", &vault.quorum.at("ledger")]).ok();
    let next = open.json["next"]["reason"].as_str().unwrap();
    assert!(next.contains("'quorate execute --give-up' is refused while the target answers"), "{next}");
    vault.unplug();
    let give_up = [present, &["--give-up".to_owned()]].concat();
    vault.execute(&give_up).expect(5);
    vault.plug_in();
    let status = vault.prose(&["status", &vault.quorum.at("ledger")]);
    assert!(status.stdout.contains("nobody knew which PINs"), "{}", status.stdout);
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
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
        let (vault, module) = behind_a_module();
        let application = Application::new(&vault.quorum, "application");
        vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path).reissued(&application)]);
        vault.approved(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR);
        given_up(&vault, &module, call, &[]);
        // The ledger knows the token under its old label only.
        vault.quorum.propose(&vault.quorum.plan("blind", &inventory("hsm"))).expect(1);
        vault.approved(&recover(1), FOUR);
        let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
        let shown = shown.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
        for told in ["it is taken up again", "EVERYTHING in it will be destroyed", "THE APPLICATION STOPS"] {
            assert!(shown.contains(told), "{told}: {shown}");
        }
        vault.execute::<&str>(&[]).ok();
        let pin = application.takes(&vault);
        assert!(vault.hsm.can_log_in("lab-2", "user", &pin), "{call:?}");
        vault.ceremony(&inventory("hsm"), FOUR).ok();
        let again = vault.quorum.propose(&vault.quorum.plan("again", &recover(1))).expect(3);
        assert!(again.error().contains("it is known which PINs are in force"), "{}", again.error());
    }
}

#[test]
fn an_adoption_that_was_given_up_is_brought_to_its_end() {
    let (vault, module) = behind_a_module();
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    vault.hsm.init_token("other");
    vault.hsm.make_key("other", "EC:prime256v1", "theirs", "11");
    let joining = Target { name: "hsm-2", ..Target::in_use(&vault.hsm, "other").module(&module.path) };
    vault.approved(&adopt(&joining), FOUR);
    let present = ["--present-pin".to_owned(), format!("hsm-2:so-pin={}", vault.quorum.at("so.pin"))];
    given_up(&vault, &module, ("C_InitPIN", "crash"), &present);
    assert!(!vault.hsm.can_log_in("other", "so", SO_PIN));
    // To adopt it once more is no way: nobody has its SO PIN of today.
    let retry = Target { name: "hsm-3", ..Target::in_use(&vault.hsm, "other").module(&module.path) };
    vault.approved(&adopt(&retry), FOUR);
    let other = ["--present-pin".to_owned(), format!("hsm-3:so-pin={}", vault.quorum.at("so.pin"))];
    vault.execute(&[&other[..], &["--give-up".to_owned()]].concat()).expect(4);
    vault.approved(&recover(1), FOUR);
    vault.execute::<&str>(&[]).expect(1);
    vault.execute(&present).ok();
    assert!(!vault.hsm.can_log_in("other", "user", USER_PIN));
    vault.ceremony(&delete("11").replace("\"hsm\"", "\"hsm-2\""), THREE).ok();
    assert_eq!(vault.public("other", "theirs"), 0);
}

#[test]
fn a_genesis_that_was_given_up_is_brought_to_its_end() {
    let (vault, module) = behind_a_module();
    vault.approved_genesis(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    let present = vault.present("so-pin", "so.pin");
    given_up(&vault, &module, ("C_InitPIN", "crash"), &present);
    vault.quorum.propose(&vault.quorum.plan("early", &inventory("hsm"))).expect(3);
    vault.approved(&recover(0), FOUR);
    vault.execute(&present).ok();
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

/// It came back as it was: the quorum goes on with it, and then the reset cannot be taken up again.
#[test]
fn a_token_that_came_back_as_it_was_is_left_alone() {
    let (vault, module) = behind_a_module();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    vault.approved(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR);
    given_up(&vault, &module, ("C_InitToken", "hang"), &["--module-timeout".to_owned(), "1".to_owned()]);
    vault.ceremony(&inventory("hsm"), THREE).ok();
    let refused = vault.quorum.propose(&vault.quorum.plan("late", &recover(1))).expect(3);
    assert!(refused.error().contains("it is known which PINs are in force"), "{}", refused.error());
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (1, 1));
}
