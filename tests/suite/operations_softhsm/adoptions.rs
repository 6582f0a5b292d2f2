//! Targets that join a quorum after its genesis, and targets that leave it.

use crate::support::{
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    vault::{Application, FOUR, THREE, Target, Vault, adopt, delete, inventory, reset, retire},
};

fn second(label: &str) -> Target {
    Target { name: "hsm-2", ..Target::empty(label) }
}

fn backup(vault: &Vault, target: &str, file: &str) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"{target}\"\noutput = \"{}\"\n\
         allow_partial = true\n",
        vault.quorum.at(file)
    )
}

fn restore(vault: &Vault, target: &str, number: u32, file: &str) -> String {
    format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nbackup = {number}\n\
         input = \"{}\"\n",
        vault.quorum.at(file)
    )
}

/// The HSM broke, or is about to: another one takes its place.
#[test]
fn a_repaired_hsm_takes_the_place_of_the_broken_one() {
    let vault = Vault::in_use();
    vault.hsm.make_secret("lab", "AES:32", "kek", "07");
    let target = Target::in_use(&vault.hsm, "lab");
    vault.found(&[target]);
    let serial = vault.hsm.serial("lab");
    vault.ceremony(&backup(&vault, "hsm", "files/1.age"), FOUR).ok();
    // All authorities are needed, since the roster names none for it.
    vault.approved(&adopt(&second("lab-2")), THREE);
    let few = vault.execute::<&str>(&[]).expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    vault.quorum.approve("dave").ok();
    vault.execute::<&str>(&[]).ok();
    for pin in [SO_PIN, USER_PIN] {
        assert!(!vault.hsm.can_log_in("lab-2", "so", pin) && !vault.hsm.can_log_in("lab-2", "user", pin));
    }
    vault.ceremony(&restore(&vault, "hsm-2", 1, "files/1.age"), FOUR).ok();
    vault.ceremony(&retire("hsm", &serial, "lab"), FOUR).ok();

    let status = vault.quorum.run(&["status", &vault.quorum.at("ledger")]).ok();
    assert_eq!(status.json["targets"].as_array().unwrap().len(), 1);
    assert_eq!(status.json["targets"][0]["name"], "hsm-2");
    assert_eq!(
        (&status.json["retired"][0]["name"], &status.json["retired"][0]["by"]),
        (&"hsm".into(), &4.into())
    );
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("target-retired"), "{}", audit.stdout);
    for plan in
        [delete("01"), inventory("hsm"), reset(&serial, "lab", "lab-3"), retire("hsm", &serial, "lab")]
    {
        let refused = vault.quorum.propose(&vault.quorum.plan("gone", &plan)).expect(3);
        assert!(refused.error().contains("hsm was retired by ceremony 4"), "{}", refused.error());
    }
    // The old one was not touched.
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (1, 1));
    // The new one is a target like any other, and the old one's backup is still worth something.
    vault.ceremony(&inventory("hsm-2"), THREE).ok();
    vault.ceremony(&backup(&vault, "hsm-2", "files/2.age"), FOUR).ok();
    vault
        .ceremony(&reset(&vault.hsm.serial("lab-2"), "lab-2", "lab-3").replace("\"hsm\"", "\"hsm-2\""), FOUR)
        .ok();
    vault.ceremony(&restore(&vault, "hsm-2", 1, "files/1.age"), FOUR).ok();
    let objects = vault.ceremony(&inventory("hsm-2"), THREE).ok();
    let labels = objects.json["targets"][0]["inventory"]["objects"].to_string();
    assert!(labels.contains("kek"), "{labels}");
}

#[test]
fn a_token_in_use_joins_and_its_old_pins_are_gone() {
    let vault = Vault::taken_over();
    vault.hsm.init_token("other");
    vault.hsm.make_key("other", "EC:prime256v1", "theirs", "11");
    let target = Target { name: "hsm-2", ..Target::in_use(&vault.hsm, "other") };
    vault.approved(&adopt(&target), FOUR);
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
    assert!(shown.stdout.contains("The target that joins the quorum"), "{}", shown.stdout);
    let missing = vault.execute::<&str>(&[]).expect(1);
    assert!(missing.error().contains("hsm-2:so-pin"), "{}", missing.error());
    let present = format!("hsm-2:so-pin={}", vault.quorum.at("so.pin"));
    vault.execute(&["--present-pin", &present]).ok();
    assert!(!vault.hsm.can_log_in("other", "so", SO_PIN) && !vault.hsm.can_log_in("other", "user", USER_PIN));
    vault.ceremony(&delete("11").replace("\"hsm\"", "\"hsm-2\""), THREE).ok();
    assert_eq!(vault.public("other", "theirs"), 0);
}

#[test]
fn a_target_that_is_gone_is_retired() {
    let vault = Vault::taken_over();
    let serial = vault.hsm.serial("lab");
    vault.unplug();
    for (serial, label) in [("0000000000000000", "lab"), (&*serial, "other")] {
        vault.quorum.propose(&vault.quorum.plan("wrong", &retire("hsm", serial, label))).expect(3);
    }
    vault.approved(&retire("hsm", &serial, "lab"), FOUR);
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
    assert!(shown.stdout.contains("its credentials stay in this ledger"), "{}", shown.stdout);
    vault.execute::<&str>(&[]).ok();
    vault.plug_in();
    vault.quorum.propose(&vault.quorum.plan("gone", &inventory("hsm"))).expect(3);
}

#[test]
fn what_the_quorum_has_or_had_is_not_adopted_again() {
    let vault = Vault::taken_over();
    let serial = vault.hsm.serial("lab");
    let propose = |target: &Target| vault.quorum.propose(&vault.quorum.plan("twice", &adopt(target)));
    let refused = propose(&Target::empty("lab-2")).expect(3);
    assert!(refused.error().contains("has or had"), "{}", refused.error());
    let same = Target { name: "hsm-2", ..Target::in_use(&vault.hsm, "lab") };
    let refused = propose(&same).expect(3);
    assert!(refused.error().contains("already a target of the quorum"), "{}", refused.error());
    let strange = second("lab-2").table().replace("crypto-officer", "nobody");
    let plan = adopt(&second("lab-2")).replace("crypto-officer", "nobody");
    assert!(strange.contains("nobody"));
    let refused = vault.quorum.propose(&vault.quorum.plan("strange", &plan)).expect(3);
    assert!(refused.error().contains("no authority nobody"), "{}", refused.error());
    // Its user PIN would be out of the reach of the operations that need it.
    let plan = adopt(&second("lab-2")).replace("crypto-officer", "security-officer");
    let refused = vault.quorum.propose(&vault.quorum.plan("unreachable", &plan)).expect(3);
    assert!(refused.error().contains("not required for it"), "{}", refused.error());
    vault.ceremony(&retire("hsm", &serial, "lab"), FOUR).ok();
    let refused = propose(&Target::empty("lab-2")).expect(3);
    assert!(refused.error().contains("has or had"), "{}", refused.error());
}

#[test]
fn the_roster_says_who_adopts_and_retires() {
    let vault = Vault::in_use();
    let target = Target::in_use(&vault.hsm, "lab").table();
    let plan = vault
        .quorum
        .genesis(&crate::support::quorum::CUSTODIANS)
        .operation("adopt", &["crypto-officer"])
        .operation("retire", &["crypto-officer"])
        .targets(&target);
    vault.quorum.propose(&vault.quorum.plan("genesis", &plan.text())).ok();
    for name in crate::support::quorum::CUSTODIANS {
        vault.quorum.approve(name).ok();
    }
    vault.execute(&vault.present("so-pin", "so.pin")).ok();
    // The authority that adopts must be able to open what it installs.
    let refused = vault.quorum.propose(&vault.quorum.plan("adopt", &adopt(&second("lab-2")))).expect(3);
    assert!(refused.error().contains("nobody could install it"), "{}", refused.error());
    vault.ceremony(&retire("hsm", &vault.hsm.serial("lab"), "lab"), THREE).ok();
}

#[test]
fn an_adoption_hands_over_a_reissued_pin() {
    let vault = Vault::in_use();
    let application = Application::new(&vault.quorum, "application");
    vault.found(&[Target::in_use(&vault.hsm, "lab").reissued(&application)]);
    vault.ceremony(&adopt(&second("lab-2").reissued(&application)), FOUR).ok();
    let file = vault.quorum.at("files/second.age");
    vault.quorum.run(&["show", &vault.quorum.at("ledger"), "--handover", "hsm-2", "-o", &file]).ok();
    assert!(vault.hsm.can_log_in("lab-2", "user", &application.opens(&file).unwrap()));
}

#[test]
fn an_adoption_survives_its_module() {
    const FAULTS: &[(&str, &str, i32)] = &[
        ("C_InitToken", "crash", 5),
        ("C_InitToken", "crash-after", 5),
        ("C_InitToken", "late-error", 0),
        ("C_InitPIN", "crash", 5),
        ("C_InitPIN", "crash-after", 5),
        ("C_InitPIN", "exit0", 5),
    ];
    let vault = Vault::taken_over();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    for (number, (function, kind, code)) in FAULTS.iter().enumerate() {
        module.behave();
        let (name, label) = (format!("hsm-{number}"), format!("lab-{number}"));
        let target = Target { name: name.leak(), ..Target::empty(&label).module(&module.path) };
        vault.approved(&adopt(&target), FOUR);
        module.order(function, 1, kind);
        let ran = vault.execute::<&str>(&[]);
        assert_eq!(ran.code, Some(*code), "{function} {kind}: {}", ran.stderr);
        module.behave();
        if *code != 0 {
            vault.execute::<&str>(&[]).ok();
        }
        vault.ceremony(&inventory(target.name), THREE).ok();
    }
}
