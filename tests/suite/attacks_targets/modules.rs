//! Another file in the place of the module that the ledger has on record.

use std::{fs, path::Path};

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, MODULE},
    tokens::{THREE, Target, delete, inventory},
};

/// A quorum whose module is a copy of SoftHSM in the quorum.
fn with_own_module() -> (Quorum, std::path::PathBuf) {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = quorum.path("module.so");
    fs::copy(MODULE, &module).unwrap();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module)]);
    (quorum, module)
}

fn sha256(file: &Path) -> String {
    let output = std::process::Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8(output.stdout).unwrap()[..64].to_owned()
}

fn append_a_byte(module: &Path) {
    let mut bytes = fs::read(module).unwrap();
    bytes.push(0);
    fs::write(module, bytes).unwrap();
}

#[test]
fn a_changed_module_is_refused_when_proposing_and_when_executing() {
    let (quorum, module) = with_own_module();
    append_a_byte(&module);
    let plan = quorum.plan("inventory", &inventory("hsm"));
    let refused = quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("another file than the pinned one"), "{}", refused.error());
    assert!(!quorum.path("ledger/0001-inventory").exists());
    fs::copy(MODULE, &module).unwrap();
    quorum.approved(&delete("01"), THREE);
    append_a_byte(&module);
    quorum.execute().expect(3);
    assert_eq!(quorum.events("intended"), 0);
    fs::copy(MODULE, &module).unwrap();
    quorum.execute().ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn a_module_put_in_the_place_of_the_pinned_one_is_never_loaded_and_gets_no_pin() {
    let (quorum, module) = with_own_module();
    quorum.approved(&delete("01"), THREE);
    // It forwards, and notes each call: what a stolen PIN would look like.
    let foreign = FaultyModule::compile(quorum.dir.path());
    fs::copy(&foreign.path, &module).unwrap();
    let foreign = FaultyModule { path: module.clone() };
    foreign.behave();
    quorum.execute().expect(3);
    assert_eq!(quorum.events("intended"), 0);
    assert_eq!(foreign.calls("C_Initialize"), 0, "a foreign module was loaded");
    // The same between the intent and a second run.
    fs::copy(MODULE, &module).unwrap();
    let away = quorum.hsm().dir.path().join("away");
    fs::rename(quorum.hsm().tokens(), &away).unwrap();
    fs::create_dir(quorum.hsm().tokens()).unwrap();
    quorum.execute().expect(1);
    fs::remove_dir(quorum.hsm().tokens()).unwrap();
    fs::rename(&away, quorum.hsm().tokens()).unwrap();
    quorum.execute().ok();
}

#[test]
fn a_module_exchanged_after_the_intent_gets_no_pin() {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    quorum.approved(&delete("01"), THREE);
    module.order("C_Login", 1, "crash");
    quorum.execute().expect(4);
    let good = fs::read(&module.path).unwrap();
    append_a_byte(&module.path);
    module.behave();
    let failed = quorum.execute().expect(5);
    assert!(failed.error().contains("another file than the pinned one"), "{}", failed.error());
    assert_eq!((module.calls("C_Initialize"), module.calls("C_Login")), (0, 0));
    fs::write(&module.path, good).unwrap();
    quorum.execute().ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn a_missing_module_leaves_the_approvals_good() {
    let (quorum, module) = with_own_module();
    quorum.approved(&delete("01"), THREE);
    fs::remove_file(&module).unwrap();
    let missing = quorum.execute().expect(1);
    assert!(missing.error().contains("No such file"), "{}", missing.error());
    fs::copy(MODULE, &module).unwrap();
    quorum.execute().ok();
}

#[test]
fn what_is_no_module_for_this_machine_begins_no_ledger() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let text = quorum.path("text.so");
    fs::write(&text, "not a library").unwrap();
    let foreign = quorum.path("foreign.so");
    let mut bytes = fs::read(MODULE).unwrap();
    bytes[18] ^= 0x55;
    fs::write(&foreign, bytes).unwrap();
    for (module, said) in [
        (text, "no ELF header"),
        (foreign, "another kind of machine"),
        (quorum.path("missing.so"), "No such file"),
        (quorum.path("plans"), "cannot read the module"),
    ] {
        let target = Target::in_use(quorum.hsm(), "lab").module(&module);
        let plan = quorum.genesis_text(&crate::support::quorum::CUSTODIANS, &target.table());
        let refused = quorum.propose(&plan).expect(1);
        assert!(refused.error().contains(said), "{}", refused.error());
        assert!(!quorum.path("ledger/0000-genesis").exists());
    }
}

#[test]
fn an_updated_module_is_taken_only_when_the_quorum_approved_its_digest() {
    let (quorum, module) = with_own_module();
    append_a_byte(&module);
    let digest = sha256(&module);
    let plan = |digest: &str| format!("{}module_sha256 = \"{digest}\"\n", inventory("hsm"));
    quorum.propose(&plan(&"0".repeat(64))).expect(3);
    quorum.approved(&plan(&digest), THREE);
    let shown = quorum.prose(&["show", &quorum.at("ledger")]);
    assert!(shown.stdout.contains("ANOTHER FILE IS USED AS ITS MODULE"), "{}", shown.stdout);
    // Not before it is executed, and not another one still.
    append_a_byte(&module);
    quorum.execute().expect(3);
    fs::copy(MODULE, &module).unwrap();
    quorum.execute().expect(3);
    append_a_byte(&module);
    let done = quorum.execute().ok();
    assert_eq!(done.json["targets"][0]["inventory"]["identity"]["module_sha256"], digest);
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
    quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
}

/// A plan for an inventory behind the module at this path.
fn moves(module: &Path) -> String {
    format!("{}module = \"{}\"\n", inventory("hsm"), module.display())
}

#[test]
fn a_module_that_moved_is_named_anew_by_an_inventory() {
    let (quorum, old) = with_own_module();
    let old_sha256 = sha256(&old);
    let new = quorum.path("moved.so");
    fs::rename(&old, &new).unwrap();
    append_a_byte(&new);
    let new_sha256 = sha256(&new);
    let lost = quorum.propose(&inventory("hsm")).expect(1);
    assert!(lost.json["error"]["hint"].to_string().contains("module = "), "{}", lost.stdout);
    // Not without its token, and not where it is on record already.
    quorum.propose(&moves(&quorum.path("missing.so"))).expect(1);
    fs::copy(&new, &old).unwrap();
    fs::write(&old, fs::read(&old).unwrap().split_last().unwrap().1).unwrap();
    let same = quorum.propose(&moves(&old)).expect(3);
    assert!(same.error().contains("is the one on record"), "{}", same.error());
    fs::remove_file(&old).unwrap();
    quorum.approved(&moves(&new), THREE);
    let shown = quorum.prose(&["show", &quorum.at("ledger")]).stdout.replace("\n", " ");
    for said in [&old.display().to_string(), &new.display().to_string(), &old_sha256, &new_sha256] {
        assert!(shown.contains(said.as_str()), "{said}: {shown}");
    }
    // What was approved is that file, not whatever has its name.
    append_a_byte(&new);
    quorum.execute().expect(3);
    fs::write(&new, fs::read(&new).unwrap().split_last().unwrap().1).unwrap();
    let done = quorum.execute().ok();
    assert_eq!(done.json["targets"][0]["inventory"]["identity"]["module_sha256"], new_sha256);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("module-changed"), "{}", audit.stdout);
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn a_move_that_was_given_up_leaves_the_old_module_in_force() {
    let (quorum, _) = with_own_module();
    let faulty = FaultyModule::compile(quorum.dir.path());
    quorum.approved(&moves(&faulty.path), THREE);
    faulty.order("C_Login", 1, "crash");
    quorum.execute().expect(4);
    assert!(faulty.calls("C_Login") > 0, "it was not looked at behind the new module");
    fs::remove_file(&faulty.path).unwrap();
    quorum.execute_with(&["--give-up"]).expect(4);
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn a_recovery_looks_behind_the_module_that_was_approved() {
    let (quorum, old) = with_own_module();
    let faulty = FaultyModule::compile(quorum.dir.path());
    quorum.approved(&moves(&faulty.path), THREE);
    faulty.order("C_Login", 1, "crash");
    quorum.execute().expect(4);
    faulty.behave();
    fs::remove_file(&old).unwrap();
    let recover = "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = 1\n";
    let done = quorum.ceremony(recover, crate::support::quorum::CUSTODIANS.as_slice()).ok();
    let seen = &done.json["targets"][0]["inventory"]["identity"];
    assert_eq!(seen["module_sha256"], sha256(&faulty.path), "{}", done.stdout);
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}
