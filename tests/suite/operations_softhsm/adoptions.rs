//! Targets that join a quorum after its genesis, and targets that leave it.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    survival::Fault,
    tokens::{Application, FOUR, THREE, Target, adopt, delete, inventory, reset, retire},
};

fn second(label: &str) -> Target {
    Target { name: "hsm-2", ..Target::empty(label) }
}

fn backup(quorum: &Quorum, target: &str, file: &str) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"{target}\"\noutput = \"{}\"\n\
         allow_partial = true\n",
        quorum.at(file)
    )
}

fn restore(quorum: &Quorum, target: &str, number: u32, file: &str) -> String {
    format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nbackup = {number}\n\
         input = \"{}\"\n",
        quorum.at(file)
    )
}

/// The HSM broke, or is about to: another one takes its place.
#[test]
fn a_repaired_hsm_takes_the_place_of_the_broken_one() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    quorum.hsm().make_secret("lab", "AES:32", "kek", "07");
    let target = Target::in_use(quorum.hsm(), "lab");
    quorum.found(&[target]);
    let serial = quorum.hsm().serial("lab");
    quorum.ceremony(&backup(&quorum, "hsm", "files/1.age"), FOUR).ok();
    // All authorities are needed, since the roster names none for it.
    quorum.approved(&adopt(&second("lab-2")), THREE);
    let few = quorum.execute().expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    quorum.approve("dave").ok();
    quorum.execute().ok();
    for pin in [SO_PIN, USER_PIN] {
        assert!(
            !quorum.hsm().can_log_in("lab-2", "so", pin) && !quorum.hsm().can_log_in("lab-2", "user", pin)
        );
    }
    quorum.ceremony(&restore(&quorum, "hsm-2", 1, "files/1.age"), FOUR).ok();
    quorum.ceremony(&retire("hsm", &serial, "lab"), FOUR).ok();

    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert_eq!(status.json["targets"].as_array().unwrap().len(), 1);
    assert_eq!(status.json["targets"][0]["name"], "hsm-2");
    assert_eq!(
        (&status.json["retired"][0]["name"], &status.json["retired"][0]["by"]),
        (&"hsm".into(), &4.into())
    );
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("target-retired"), "{}", audit.stdout);
    for plan in
        [delete("01"), inventory("hsm"), reset(&serial, "lab", "lab-3"), retire("hsm", &serial, "lab")]
    {
        let refused = quorum.propose(&plan).expect(3);
        assert!(refused.error().contains("hsm was retired by ceremony 4"), "{}", refused.error());
    }
    // The old one was not touched.
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
    // The new one is a target like any other, and the old one's backup is still worth something.
    quorum.ceremony(&inventory("hsm-2"), THREE).ok();
    quorum.ceremony(&backup(&quorum, "hsm-2", "files/2.age"), FOUR).ok();
    quorum
        .ceremony(
            &reset(&quorum.hsm().serial("lab-2"), "lab-2", "lab-3").replace("\"hsm\"", "\"hsm-2\""),
            FOUR,
        )
        .ok();
    quorum.ceremony(&restore(&quorum, "hsm-2", 1, "files/1.age"), FOUR).ok();
    let objects = quorum.ceremony(&inventory("hsm-2"), THREE).ok();
    let labels = objects.json["targets"][0]["inventory"]["objects"].to_string();
    assert!(labels.contains("kek"), "{labels}");
}

#[test]
fn a_token_in_use_joins_and_its_old_pins_are_gone() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    quorum.hsm().init_token("other");
    quorum.hsm().make_key("other", "EC:prime256v1", "theirs", "11");
    let target = Target { name: "hsm-2", ..Target::in_use(quorum.hsm(), "other") };
    quorum.approved(&adopt(&target), FOUR);
    let shown = quorum.prose(&["show", &quorum.at("ledger")]);
    assert!(shown.stdout.contains("The target that joins the quorum"), "{}", shown.stdout);
    let missing = quorum.execute().expect(1);
    assert!(missing.error().contains("hsm-2:so-pin"), "{}", missing.error());
    let present = format!("hsm-2:so-pin={}", quorum.at("so.pin"));
    quorum.execute_with(&["--present-pin", &present]).ok();
    assert!(
        !quorum.hsm().can_log_in("other", "so", SO_PIN)
            && !quorum.hsm().can_log_in("other", "user", USER_PIN)
    );
    quorum.ceremony(&delete("11").replace("\"hsm\"", "\"hsm-2\""), THREE).ok();
    assert_eq!(quorum.public("other", "theirs"), 0);
}

#[test]
fn a_target_that_is_gone_is_retired() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let serial = quorum.hsm().serial("lab");
    quorum.unplug();
    for (serial, label) in [("0000000000000000", "lab"), (&*serial, "other")] {
        quorum.propose(&retire("hsm", serial, label)).expect(3);
    }
    quorum.approved(&retire("hsm", &serial, "lab"), FOUR);
    let shown = quorum.prose(&["show", &quorum.at("ledger")]);
    assert!(shown.stdout.contains("its credentials stay in this ledger"), "{}", shown.stdout);
    quorum.execute().ok();
    quorum.plug_in();
    quorum.propose(&inventory("hsm")).expect(3);
}

#[test]
fn what_the_quorum_has_or_had_is_not_adopted_again() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let serial = quorum.hsm().serial("lab");
    let propose = |target: &Target| quorum.propose(&adopt(target));
    let refused = propose(&Target::empty("lab-2")).expect(3);
    assert!(refused.error().contains("has or had"), "{}", refused.error());
    let same = Target { name: "hsm-2", ..Target::in_use(quorum.hsm(), "lab") };
    let refused = propose(&same).expect(3);
    assert!(refused.error().contains("already a target of the quorum"), "{}", refused.error());
    let strange = second("lab-2").table().replace("crypto-officer", "nobody");
    let plan = adopt(&second("lab-2")).replace("crypto-officer", "nobody");
    assert!(strange.contains("nobody"));
    let refused = quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("no authority nobody"), "{}", refused.error());
    // Its user PIN would be out of the reach of the operations that need it.
    let plan = adopt(&second("lab-2")).replace("crypto-officer", "security-officer");
    let refused = quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("not required for it"), "{}", refused.error());
    quorum.ceremony(&retire("hsm", &serial, "lab"), FOUR).ok();
    let refused = propose(&Target::empty("lab-2")).expect(3);
    assert!(refused.error().contains("has or had"), "{}", refused.error());
}

#[test]
fn the_roster_says_who_adopts_and_retires() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let target = Target::in_use(quorum.hsm(), "lab").table();
    let plan = quorum
        .genesis(&crate::support::quorum::CUSTODIANS)
        .operation("adopt", &["crypto-officer"])
        .operation("retire", &["crypto-officer"])
        .targets(&target);
    quorum.propose(&plan.text()).ok();
    for name in crate::support::quorum::CUSTODIANS {
        quorum.approve(name).ok();
    }
    quorum.execute_with(&quorum.present("so-pin", "so.pin")).ok();
    // The authority that adopts must be able to open what it installs.
    let refused = quorum.propose(&adopt(&second("lab-2"))).expect(3);
    assert!(refused.error().contains("nobody could install it"), "{}", refused.error());
    quorum.ceremony(&retire("hsm", &quorum.hsm().serial("lab"), "lab"), THREE).ok();
}

#[test]
fn an_adoption_hands_over_a_reissued_pin() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let application = Application::new(&quorum, "application");
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").reissued(&application)]);
    quorum.ceremony(&adopt(&second("lab-2").reissued(&application)), FOUR).ok();
    let file = quorum.at("files/second.age");
    quorum.run(&["show", &quorum.at("ledger"), "--handover", "hsm-2", "-o", &file]).ok();
    assert!(quorum.hsm().can_log_in("lab-2", "user", &application.opens(&file).unwrap()));
}

#[test]
fn an_adoption_survives_its_module() {
    const FAULTS: &[Fault] = &[
        ("C_InitToken", 1, "crash", 5),
        ("C_InitToken", 1, "crash-after", 5),
        ("C_InitToken", 1, "late-error", 0),
        ("C_InitPIN", 1, "crash", 5),
        ("C_InitPIN", 1, "crash-after", 5),
        ("C_InitPIN", 1, "exit0", 5),
    ];
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved(&adopt(&second("lab-2").module(&module.path)), FOUR);
    quorum.survives(&module, FAULTS, &[], |_| {
        quorum.ceremony(&inventory("hsm-2"), THREE).ok();
    });
}
