//! User PINs that each ceremony takes from an application and gives back, another one.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    survival::Fault,
    tokens::{Application, FOUR, Target, delete, inventory, reset},
};

/// A token in use, taken over with a reissued user PIN.
fn taken_over() -> (Quorum, Application) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let application = Application::new(&quorum, "application");
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").reissued(&application)]);
    (quorum, application)
}

/// The same behind a module that can be told to misbehave.
fn behind_a_module() -> (Quorum, Application, FaultyModule) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let application = Application::new(&quorum, "application");
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path).reissued(&application)]);
    (quorum, application, module)
}

/// The application's new PIN opens the token, and none of the earlier ones does.
#[track_caller]
fn only_the_new_one_holds(quorum: &Quorum, application: &Application, label: &str, before: &mut Vec<String>) {
    let pin = application.takes(quorum);
    assert!(quorum.hsm().can_log_in(label, "user", &pin), "the PIN that was handed over does not log in");
    for old in before.iter() {
        assert!(!quorum.hsm().can_log_in(label, "user", old), "an earlier PIN logs in");
    }
    assert!(!quorum.is_stored(&pin), "the PIN is stored in clear");
    before.push(pin);
}

#[test]
fn every_ceremony_takes_the_pin_and_hands_over_another() {
    let (quorum, application) = taken_over();
    let stranger = Application::new(&quorum, "stranger");
    let mut pins = vec![USER_PIN.to_owned()];
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    assert!(stranger.opens(&quorum.at("files/handover.age")).is_none());
    assert!(!quorum.hsm().can_log_in("lab", "so", SO_PIN));

    let plan = quorum.plan("next", &inventory("hsm"));
    quorum.propose(&plan).ok();
    let shown = quorum.prose(&["show", &quorum.at("ledger")]);
    assert!(shown.stdout.contains("THE APPLICATION STOPS"), "{}", shown.stdout);
    assert!(shown.stdout.contains(&application.recipient), "{}", shown.stdout);
    // Nothing is handed over before it holds.
    let early = quorum.at("files/early.age");
    quorum.run(&["show", &quorum.at("ledger"), "--handover", "hsm", "-o", &early]).expect(3);
    for name in FOUR {
        quorum.approve(name).ok();
    }
    let done = quorum.execute().ok();
    assert_eq!(done.json["pins"], serde_json::json!([{ "target": "hsm", "role": "so-pin", "version": 2 }]));
    assert_eq!(done.json["handovers"][0]["recipient"], application.recipient);
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);

    quorum.ceremony(&delete("01"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));

    // The application goes on working with its keys, and with new ones.
    let pin = pins.last().unwrap().clone();
    quorum.hsm().user(
        "lab",
        &pin,
        &["--keygen", "--key-type", "AES:32", "--label", "k", "--id", "07", "--extractable"],
    );
    quorum.ceremony(&inventory("hsm"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    let file = quorum.at("files/backup.age");
    let backup = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{file}\"\n\
         allow_partial = true\n"
    );
    let made = quorum.ceremony(&backup, FOUR).ok().text("ceremony");
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    quorum.ceremony(&crate::support::tokens::delete_one("secret-key", "07"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    let restore = format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nbackup = {}\ninput = \"{file}\"\n",
        made[..4].parse::<u32>().unwrap()
    );
    quorum.ceremony(&restore, FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    assert_eq!(quorum.hsm().count("lab", pins.last().unwrap(), "k"), 1);
    quorum.ceremony(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab-2", &mut pins);
    quorum.ceremony(&inventory("hsm"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab-2", &mut pins);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("application-pin-can-delete"), "{}", audit.stdout);
}

#[test]
fn an_empty_slot_gets_a_pin_for_its_application() {
    let quorum = Quorum::of(5).over(SoftHsm::new());
    let application = Application::new(&quorum, "application");
    quorum.found(&[Target::empty("lab").reissued(&application)]);
    only_the_new_one_holds(&quorum, &application, "lab", &mut Vec::new());
}

#[test]
fn a_plan_that_could_not_set_the_pin_is_refused() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let application = Application::new(&quorum, "application");
    let target = Target::in_use(quorum.hsm(), "lab").reissued(&application).table();
    let propose = |target: &str, authority: &str| {
        let plan = quorum.genesis(&crate::support::quorum::CUSTODIANS).looking_and_deleting(&[authority]);
        quorum.propose(&plan.targets(target).text())
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
    const FAULTS: &[Fault] = &[
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
    let (quorum, application, module) = behind_a_module();
    let first = application.takes(&quorum);
    quorum.approved(&inventory("hsm"), FOUR);
    quorum.survives(&module, FAULTS, &[], |_| {
        only_the_new_one_holds(&quorum, &application, "lab", &mut vec![first.clone()]);
    });
}

/// A ceremony that is given up gives the application its PIN back, if the token answers; else the next one does.
#[test]
fn giving_up_does_not_leave_the_application_without_a_pin() {
    let (quorum, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&quorum)];
    quorum.approved(&delete("01"), FOUR);
    module.order("C_DestroyObject", 1, "error");
    let failed = quorum.execute().expect(4);
    assert!(failed.stderr.contains("the application cannot log in until"), "{}", failed.stderr);
    assert!(!quorum.hsm().can_log_in("lab", "user", &pins[0]));
    quorum.execute_with(&["--give-up"]).expect(4);
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
    assert_eq!(quorum.public("lab", "old"), 1);

    quorum.approved(&delete("01"), FOUR);
    module.order("C_InitPIN", 1, "crash");
    quorum.execute_with(&["--give-up"]).expect(5);
    let ledger = quorum.at("ledger");
    quorum.run(&["show", &ledger, "--handover", "hsm", "-o", &quorum.at("files/none.age")]).expect(3);
    module.behave();
    quorum.ceremony(&delete("01"), FOUR).ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
}

/// The temporary PIN is set, and then the token cannot be looked at: that is no failure that left everything as it was.
#[test]
fn an_application_that_was_locked_out_is_told_of() {
    let (quorum, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&quorum)];
    for give_up in [&["--give-up"][..], &[]] {
        quorum.approved(&delete("01"), FOUR);
        module.script(&format!("echo 'C_Login 1 error' > {}.fault", module.path.display()));
        module.order("C_InitPIN", 1, "remove");
        let cut = quorum.execute_with(give_up).expect(5);
        let told = if give_up.is_empty() { cut.error() } else { cut.text("summary") };
        assert!(told.contains("the application cannot log in"), "{}", cut.stdout);
        assert!(!quorum.hsm().can_log_in("lab", "user", &pins[0]));
        module.behave();
    }
    quorum.execute().ok();
    only_the_new_one_holds(&quorum, &application, "lab", &mut pins);
}

/// Two SO PINs may hold, and then a reset is cut off after it has set a third.
#[test]
fn a_reset_goes_on_whichever_so_pin_holds() {
    let (quorum, application, module) = behind_a_module();
    let mut pins = vec![application.takes(&quorum)];
    quorum.approved(&inventory("hsm"), FOUR);
    module.order("C_SetPIN", 1, "crash");
    quorum.execute_with(&["--give-up"]).expect(5);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
    module.behave();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
    module.order("C_InitPIN", 1, "crash");
    quorum.execute().expect(5);
    module.behave();
    quorum.execute().ok();
    only_the_new_one_holds(&quorum, &application, "lab-2", &mut pins);
}
