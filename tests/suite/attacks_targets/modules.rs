//! Another file in the place of the module that the ledger has on record.

use std::{fs, path::Path};

use crate::support::{
    softhsm::{FaultyModule, MODULE},
    vault::{THREE, Target, Vault, delete, inventory},
};

/// A vault whose module is a copy of SoftHSM in the quorum.
fn with_own_module() -> (Vault, std::path::PathBuf) {
    let vault = Vault::in_use();
    let module = vault.quorum.path("module.so");
    fs::copy(MODULE, &module).unwrap();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module)]);
    (vault, module)
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
    let (vault, module) = with_own_module();
    append_a_byte(&module);
    let plan = vault.quorum.plan("inventory", &inventory("hsm"));
    let refused = vault.quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("another file than the pinned one"), "{}", refused.error());
    assert!(!vault.quorum.path("ledger/0001-inventory").exists());
    fs::copy(MODULE, &module).unwrap();
    vault.approved(&delete("01"), THREE);
    append_a_byte(&module);
    vault.execute::<&str>(&[]).expect(3);
    assert_eq!(vault.events("intended"), 0);
    fs::copy(MODULE, &module).unwrap();
    vault.execute::<&str>(&[]).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

#[test]
fn a_module_put_in_the_place_of_the_pinned_one_is_never_loaded_and_gets_no_pin() {
    let (vault, module) = with_own_module();
    vault.approved(&delete("01"), THREE);
    // It forwards, and notes each call: what a stolen PIN would look like.
    let foreign = FaultyModule::compile(vault.quorum.dir.path());
    fs::copy(&foreign.path, &module).unwrap();
    let foreign = FaultyModule { path: module.clone() };
    foreign.behave();
    vault.execute::<&str>(&[]).expect(3);
    assert_eq!(vault.events("intended"), 0);
    assert_eq!(foreign.calls("C_Initialize"), 0, "a foreign module was loaded");
    // The same between the intent and a second run.
    fs::copy(MODULE, &module).unwrap();
    let away = vault.hsm.dir.path().join("away");
    fs::rename(vault.hsm.tokens(), &away).unwrap();
    fs::create_dir(vault.hsm.tokens()).unwrap();
    vault.execute::<&str>(&[]).expect(1);
    fs::remove_dir(vault.hsm.tokens()).unwrap();
    fs::rename(&away, vault.hsm.tokens()).unwrap();
    vault.execute::<&str>(&[]).ok();
}

#[test]
fn a_module_exchanged_after_the_intent_gets_no_pin() {
    let vault = Vault::in_use();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    vault.approved(&delete("01"), THREE);
    module.order("C_Login", 1, "crash");
    vault.execute::<&str>(&[]).expect(4);
    let good = fs::read(&module.path).unwrap();
    append_a_byte(&module.path);
    module.behave();
    let failed = vault.execute::<&str>(&[]).expect(5);
    assert!(failed.error().contains("another file than the pinned one"), "{}", failed.error());
    assert_eq!((module.calls("C_Initialize"), module.calls("C_Login")), (0, 0));
    fs::write(&module.path, good).unwrap();
    vault.execute::<&str>(&[]).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

#[test]
fn a_missing_module_leaves_the_approvals_good() {
    let (vault, module) = with_own_module();
    vault.approved(&delete("01"), THREE);
    fs::remove_file(&module).unwrap();
    let missing = vault.execute::<&str>(&[]).expect(1);
    assert!(missing.error().contains("No such file"), "{}", missing.error());
    fs::copy(MODULE, &module).unwrap();
    vault.execute::<&str>(&[]).ok();
}

#[test]
fn what_is_no_module_for_this_machine_begins_no_ledger() {
    let vault = Vault::in_use();
    let text = vault.quorum.path("text.so");
    fs::write(&text, "not a library").unwrap();
    let foreign = vault.quorum.path("foreign.so");
    let mut bytes = fs::read(MODULE).unwrap();
    bytes[18] ^= 0x55;
    fs::write(&foreign, bytes).unwrap();
    for (module, said) in [
        (text, "no ELF header"),
        (foreign, "another kind of machine"),
        (vault.quorum.path("missing.so"), "No such file"),
        (vault.quorum.path("plans"), "cannot read the module"),
    ] {
        let target = Target::in_use(&vault.hsm, "lab").module(&module);
        let plan = vault.quorum.genesis_text(&crate::support::quorum::CUSTODIANS, &target.table());
        let refused = vault.quorum.propose(&vault.quorum.plan("genesis", &plan)).expect(1);
        assert!(refused.error().contains(said), "{}", refused.error());
        assert!(!vault.quorum.path("ledger/0000-genesis").exists());
    }
}

#[test]
fn an_updated_module_is_taken_only_when_the_quorum_approved_its_digest() {
    let (vault, module) = with_own_module();
    append_a_byte(&module);
    let digest = sha256(&module);
    let plan = |digest: &str| format!("{}module_sha256 = \"{digest}\"\n", inventory("hsm"));
    vault.quorum.propose(&vault.quorum.plan("next", &plan(&"0".repeat(64)))).expect(3);
    vault.approved(&plan(&digest), THREE);
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
    assert!(shown.stdout.contains("ANOTHER FILE IS USED AS ITS MODULE"), "{}", shown.stdout);
    // Not before it is executed, and not another one still.
    append_a_byte(&module);
    vault.execute::<&str>(&[]).expect(3);
    fs::copy(MODULE, &module).unwrap();
    vault.execute::<&str>(&[]).expect(3);
    append_a_byte(&module);
    let done = vault.execute::<&str>(&[]).ok();
    assert_eq!(done.json["targets"][0]["inventory"]["identity"]["module_sha256"], digest);
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
    vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
}

/// A plan for an inventory behind the module at this path.
fn moves(module: &Path) -> String {
    format!("{}module = \"{}\"\n", inventory("hsm"), module.display())
}

#[test]
fn a_module_that_moved_is_named_anew_by_an_inventory() {
    let (vault, old) = with_own_module();
    let old_sha256 = sha256(&old);
    let new = vault.quorum.path("moved.so");
    fs::rename(&old, &new).unwrap();
    append_a_byte(&new);
    let new_sha256 = sha256(&new);
    let lost = vault.quorum.propose(&vault.quorum.plan("next", &inventory("hsm"))).expect(1);
    assert!(lost.json["error"]["hint"].to_string().contains("module = "), "{}", lost.stdout);
    // Not without its token, and not where it is on record already.
    vault.quorum.propose(&vault.quorum.plan("next", &moves(&vault.quorum.path("missing.so")))).expect(1);
    fs::copy(&new, &old).unwrap();
    fs::write(&old, fs::read(&old).unwrap().split_last().unwrap().1).unwrap();
    let same = vault.quorum.propose(&vault.quorum.plan("next", &moves(&old))).expect(3);
    assert!(same.error().contains("is the one on record"), "{}", same.error());
    fs::remove_file(&old).unwrap();
    vault.approved(&moves(&new), THREE);
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]).stdout.replace("\n", " ");
    for said in [&old.display().to_string(), &new.display().to_string(), &old_sha256, &new_sha256] {
        assert!(shown.contains(said.as_str()), "{said}: {shown}");
    }
    // What was approved is that file, not whatever has its name.
    append_a_byte(&new);
    vault.execute::<&str>(&[]).expect(3);
    fs::write(&new, fs::read(&new).unwrap().split_last().unwrap().1).unwrap();
    let done = vault.execute::<&str>(&[]).ok();
    assert_eq!(done.json["targets"][0]["inventory"]["identity"]["module_sha256"], new_sha256);
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("module-changed"), "{}", audit.stdout);
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

#[test]
fn a_move_that_was_given_up_leaves_the_old_module_in_force() {
    let (vault, _) = with_own_module();
    let faulty = FaultyModule::compile(vault.quorum.dir.path());
    faulty.behave();
    vault.approved(&moves(&faulty.path), THREE);
    faulty.order("C_Login", 1, "crash");
    vault.execute::<&str>(&[]).expect(4);
    assert!(faulty.calls("C_Login") > 0, "it was not looked at behind the new module");
    fs::remove_file(&faulty.path).unwrap();
    vault.execute(&["--give-up"]).expect(4);
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}

#[test]
fn a_recovery_looks_behind_the_module_that_was_approved() {
    let (vault, old) = with_own_module();
    let faulty = FaultyModule::compile(vault.quorum.dir.path());
    faulty.behave();
    vault.approved(&moves(&faulty.path), THREE);
    faulty.order("C_Login", 1, "crash");
    vault.execute::<&str>(&[]).expect(4);
    faulty.behave();
    fs::remove_file(&old).unwrap();
    let recover = "kind = \"recover\"\ntitle = \"The station burnt\"\nexpires_in_hours = 1\nceremony = 1\n";
    let done = vault.ceremony(recover, crate::support::quorum::CUSTODIANS.as_slice()).ok();
    let seen = &done.json["targets"][0]["inventory"]["identity"];
    assert_eq!(seen["module_sha256"], sha256(&faulty.path), "{}", done.stdout);
    vault.ceremony(&delete("01"), THREE).ok();
    assert_eq!((vault.public("lab", "old"), vault.public("lab", "keep")), (0, 1));
}
