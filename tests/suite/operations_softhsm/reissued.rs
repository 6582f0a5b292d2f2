//! User PINs that each ceremony takes from an application and gives back, another one.

use crate::support::{
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    vault::{Application, FOUR, Target, Vault, delete, inventory, reset},
};

/// A token in use, taken over with a reissued user PIN.
fn taken_over() -> (Vault, Application) {
    let vault = Vault::in_use();
    let application = Application::new(&vault.quorum, "application");
    vault.found(&[Target::in_use(&vault.hsm, "lab").reissued(&application)]);
    (vault, application)
}

/// The same behind a module that can be told to misbehave.
fn behind_a_module() -> (Vault, Application, FaultyModule) {
    let vault = Vault::in_use();
    let application = Application::new(&vault.quorum, "application");
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path).reissued(&application)]);
    (vault, application, module)
}

/// The application's new PIN opens the token, and none of the earlier ones does.
#[track_caller]
fn only_the_new_one_holds(vault: &Vault, application: &Application, label: &str, before: &mut Vec<String>) {
    let pin = application.takes(vault);
    assert!(vault.hsm.can_log_in(label, "user", &pin), "the PIN that was handed over does not log in");
    for old in before.iter() {
        assert!(!vault.hsm.can_log_in(label, "user", old), "an earlier PIN logs in");
    }
    assert!(!vault.is_stored(&pin), "the PIN is stored in clear");
    before.push(pin);
}

#[test]
fn every_ceremony_takes_the_pin_and_hands_over_another() {
    let (vault, application) = taken_over();
    let stranger = Application::new(&vault.quorum, "stranger");
    let mut pins = vec![USER_PIN.to_owned()];
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    assert!(stranger.opens(&vault.quorum.at("files/handover.age")).is_none());
    assert!(!vault.hsm.can_log_in("lab", "so", SO_PIN));

    let plan = vault.quorum.plan("next", &inventory("hsm"));
    vault.quorum.propose(&plan).ok();
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
    assert!(shown.stdout.contains("THE APPLICATION STOPS"), "{}", shown.stdout);
    assert!(shown.stdout.contains(&application.recipient), "{}", shown.stdout);
    // Nothing is handed over before it holds.
    let early = vault.quorum.at("files/early.age");
    vault.quorum.run(&["show", &vault.quorum.at("ledger"), "--handover", "hsm", "-o", &early]).expect(3);
    for name in FOUR {
        vault.quorum.approve(name).ok();
    }
    let done = vault.execute::<&str>(&[]).ok();
    assert_eq!(done.json["pins"], serde_json::json!([{ "target": "hsm", "role": "so-pin", "version": 2 }]));
    assert_eq!(done.json["handovers"][0]["recipient"], application.recipient);
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);

    vault.ceremony(&delete("01"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));

    // The application goes on working with its keys, and with new ones.
    let pin = pins.last().unwrap().clone();
    vault.hsm.user(
        "lab",
        &pin,
        &["--keygen", "--key-type", "AES:32", "--label", "k", "--id", "07", "--extractable"],
    );
    vault.ceremony(&inventory("hsm"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    let file = vault.quorum.at("files/backup.age");
    let backup = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{file}\"\n\
         allow_partial = true\n"
    );
    let made = vault.ceremony(&backup, FOUR).ok().text("ceremony");
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    vault.ceremony(&crate::support::vault::delete_one("secret-key", "07"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    let restore = format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nbackup = {}\ninput = \"{file}\"\n",
        made[..4].parse::<u32>().unwrap()
    );
    vault.ceremony(&restore, FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    assert_eq!(vault.hsm.count("lab", pins.last().unwrap(), "k"), 1);
    vault.ceremony(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab-2", &mut pins);
    vault.ceremony(&inventory("hsm"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab-2", &mut pins);
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("application-pin-can-delete"), "{}", audit.stdout);
}

#[test]
fn an_empty_slot_gets_a_pin_for_its_application() {
    let vault = Vault::new(SoftHsm::new());
    let application = Application::new(&vault.quorum, "application");
    vault.found(&[Target::empty("lab").reissued(&application)]);
    only_the_new_one_holds(&vault, &application, "lab", &mut Vec::new());
}

#[test]
fn a_plan_that_could_not_set_the_pin_is_refused() {
    let vault = Vault::in_use();
    let application = Application::new(&vault.quorum, "application");
    let target = Target::in_use(&vault.hsm, "lab").reissued(&application).table();
    let propose = |target: &str, authority: &str| {
        let plan =
            vault.quorum.genesis(&crate::support::quorum::CUSTODIANS).looking_and_deleting(&[authority]);
        vault.quorum.propose(&vault.quorum.plan("genesis", &plan.targets(target).text()))
    };
    let refused = propose(&target, "crypto-officer").expect(3);
    assert!(refused.error().contains("needs the so-pin") || refused.error().contains("needs the user-pin"));
    let so = "security-officer";
    for (from, to) in [
        (application.recipient.as_str(), "age1nobody"),
        (application.recipient.as_str(), ""),
        (&*format!(", recipient = \"{}\"", application.recipient), ""),
        (
            "authority = \"security-officer\", custody = \"reissued\"",
            "authority = \"crypto-officer\", custody = \"reissued\"",
        ),
        ("so-pin = { authority = \"security-officer\", custody = \"held\" }\n", ""),
        (
            "so-pin = { authority = \"security-officer\", custody = \"held\" }",
            "so-pin = { authority = \"security-officer\", custody = \"borrowed\" }",
        ),
        ("custody = \"reissued\"", "custody = \"held\""),
    ] {
        assert!(target.contains(from), "{from}");
        propose(&target.replace(from, to), so).expect(3);
    }
    propose(&target, so).ok();
}

/// Wherever a ceremony is cut off, the next run ends it, and the application gets a PIN that holds.
#[test]
fn a_crash_between_the_two_pins_is_recovered() {
    const FAULTS: &[(&str, u32, &str, i32)] = &[
        ("C_Login", 1, "crash", 4),
        ("C_InitPIN", 1, "crash", 5),
        ("C_InitPIN", 1, "crash-after", 5),
        ("C_InitPIN", 1, "error", 5),
        ("C_InitPIN", 1, "late-error", 5),
        ("C_InitPIN", 1, "exit0", 5),
        ("C_SetPIN", 1, "crash", 5),
        ("C_SetPIN", 1, "crash-after", 5),
        ("C_SetPIN", 1, "error", 5),
        ("C_SetPIN", 1, "late-error", 5),
        ("C_SetPIN", 1, "hang", 5),
        ("C_OpenSession", 1, "exit0", 1),
    ];
    let (vault, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&vault)];
    for (function, nth, kind, code) in FAULTS {
        let what = format!("{function} {kind}");
        let limit = if *kind == "hang" { "1" } else { "60" };
        vault.approved(&inventory("hsm"), FOUR);
        module.order(function, *nth, kind);
        let ran = vault.execute(&["--module-timeout", limit]);
        assert_eq!(ran.code, Some(*code), "{what}: {}", ran.stderr);
        module.behave();
        if *code != 0 {
            let again = vault.execute::<&str>(&[]);
            assert_eq!(again.code, Some(0), "{what}: {}", again.stderr);
        }
        only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    }
}

/// A ceremony that is given up gives the application its PIN back, if the token answers; else the next one does.
#[test]
fn giving_up_does_not_leave_the_application_without_a_pin() {
    let (vault, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&vault)];
    vault.approved(&delete("01"), FOUR);
    module.order("C_DestroyObject", 1, "error");
    let failed = vault.execute::<&str>(&[]).expect(4);
    assert!(failed.stderr.contains("the application cannot log in until"), "{}", failed.stderr);
    assert!(!vault.hsm.can_log_in("lab", "user", &pins[0]));
    vault.execute(&["--give-up"]).expect(4);
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
    assert_eq!(vault.public("lab", "old"), 1);

    vault.approved(&delete("01"), FOUR);
    module.order("C_InitPIN", 1, "crash");
    vault.execute(&["--give-up"]).expect(5);
    let ledger = vault.quorum.at("ledger");
    vault
        .quorum
        .run(&["show", &ledger, "--handover", "hsm", "-o", &vault.quorum.at("files/none.age")])
        .expect(3);
    module.behave();
    vault.ceremony(&delete("01"), FOUR).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
}

/// The temporary PIN is set, and then the token cannot be looked at: that is no failure that left everything as it was.
#[test]
fn an_application_that_was_locked_out_is_told_of() {
    let (vault, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&vault)];
    for give_up in [&["--give-up"][..], &[]] {
        vault.approved(&delete("01"), FOUR);
        module.script(&format!("echo 'C_Login 1 error' > {}.fault", module.path.display()));
        module.order("C_InitPIN", 1, "remove");
        let cut = vault.execute(give_up).expect(5);
        let told = if give_up.is_empty() { cut.error() } else { cut.text("summary") };
        assert!(told.contains("the application cannot log in"), "{}", cut.stdout);
        assert!(!vault.hsm.can_log_in("lab", "user", &pins[0]));
        module.behave();
    }
    vault.execute::<&str>(&[]).ok();
    only_the_new_one_holds(&vault, &application, "lab", &mut pins);
}

/// Two SO PINs may hold, and then a reset is cut off after it has set a third.
#[test]
fn a_reset_goes_on_whichever_so_pin_holds() {
    let (vault, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&vault)];
    vault.approved(&inventory("hsm"), FOUR);
    module.order("C_SetPIN", 1, "crash");
    vault.execute(&["--give-up"]).expect(5);
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
    module.behave();
    vault.approved(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR);
    module.order("C_InitPIN", 1, "crash");
    vault.execute::<&str>(&[]).expect(5);
    module.behave();
    vault.execute::<&str>(&[]).ok();
    only_the_new_one_holds(&vault, &application, "lab-2", &mut pins);
}
