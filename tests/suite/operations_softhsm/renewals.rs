//! Held PINs that a target has seen are changed at the end of the ceremony.

use std::fs;

use crate::support::{
    softhsm::{FaultyModule, SoftHsm},
    vault::{FOUR, THREE, Target, Vault, delete, inventory, reset},
};

/// A vault over a module that can be told to misbehave, taken over.
fn behind_a_module() -> (Vault, FaultyModule) {
    let vault = Vault::in_use();
    let module = FaultyModule::compile(vault.quorum.dir.path());
    module.behave();
    vault.found(&[Target::in_use(&vault.hsm, "lab").module(&module.path)]);
    (vault, module)
}

/// `(role, version)` of each changed PIN that the last output says to hold.
fn pins(json: &serde_json::Value) -> Vec<(String, u64)> {
    let pins = json["pins"].as_array().unwrap_or_else(|| panic!("{json}"));
    pins.iter().map(|p| (p["role"].as_str().unwrap().to_owned(), p["version"].as_u64().unwrap())).collect()
}

/// The bytes of the file in which SoftHSM keeps the token's PINs: they change with a PIN, and with nothing else here.
fn pin_blobs(hsm: &SoftHsm) -> Vec<u8> {
    let token = fs::read_dir(hsm.tokens()).unwrap().next().unwrap().unwrap().path();
    // Without the counter of changes, which every login moves.
    fs::read(token.join("token.object")).unwrap()[8..].to_vec()
}

#[test]
fn every_operation_leaves_another_user_pin_behind() {
    let vault = Vault::in_use();
    // It may leave, and SoftHSM cannot wrap it.
    let odd = ["--keypairgen", "--key-type", "EC:edwards25519", "--label", "odd", "--id", "08"];
    vault.hsm.user(
        "lab",
        crate::support::softhsm::USER_PIN,
        &[&odd[..], &["--usage-sign", "--extractable"]].concat(),
    );
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    let mut seen = vec![pin_blobs(&vault.hsm)];
    let backup = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\nallow_partial = true\n",
        vault.quorum.at("files/backup.age")
    );
    for (version, plan) in [(2, inventory("hsm")), (3, delete("01")), (4, inventory("hsm"))] {
        let done = vault.ceremony(&plan, THREE).ok();
        assert_eq!(pins(&done.json), [("user-pin".to_owned(), version)]);
        assert!(done.text("summary").contains("its user PIN is new"), "{}", done.stdout);
        let blobs = pin_blobs(&vault.hsm);
        assert!(!seen.contains(&blobs));
        seen.push(blobs);
    }
    // Nothing can be exported from it: the ceremony is given up, and the PIN that was seen is changed all the same.
    vault.approved(&backup, FOUR);
    vault.execute::<&str>(&[]).expect(4);
    let given_up = vault.execute(&["--give-up"]).expect(4);
    assert_eq!(pins(&given_up.json), [("user-pin".to_owned(), 5)]);
    // A reset sets both by itself.
    let done = vault.ceremony(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR).ok();
    assert_eq!(pins(&done.json), []);
    let done = vault.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!(pins(&done.json), [("user-pin".to_owned(), 7)]);
}

#[test]
fn a_borrowed_pin_is_left_alone() {
    let vault = Vault::borrowed();
    vault.approved(&inventory("hsm"), THREE);
    let done = vault.execute(&vault.present("user-pin", "user.pin")).ok();
    assert_eq!(pins(&done.json), []);
    assert!(vault.hsm.can_log_in("lab", "user", crate::support::softhsm::USER_PIN));
    let keep = vault.quorum.plan("keep", &(inventory("hsm") + "keep_pins = true\n"));
    let refused = vault.quorum.propose(&keep).expect(3);
    assert!(refused.error().contains("has no PIN of hsm"), "{}", refused.error());
}

/// A token without C_SetPIN: the operation is done, the PIN is not changed, and the quorum may decide to live with that.
#[test]
fn a_token_that_cannot_change_pins_needs_a_plan_that_says_so() {
    let (vault, module) = behind_a_module();
    vault.approved(&delete("01"), THREE);
    module.order("C_SetPIN", 1, "error");
    let failed = vault.execute::<&str>(&[]).expect(5);
    assert!(failed.error().contains("the old one is still in force"), "{}", failed.error());
    assert_eq!(vault.public("lab", "old"), 0);
    module.order("C_SetPIN", 1, "error");
    let given_up = vault.execute(&["--give-up"]).expect(5);
    assert_eq!(pins(&given_up.json), [("user-pin".to_owned(), 1)]);
    let blobs = pin_blobs(&vault.hsm);
    module.behave();
    let done = vault.ceremony(&(inventory("hsm") + "keep_pins = true\n"), THREE).ok();
    assert_eq!((pins(&done.json), module.calls("C_SetPIN")), (vec![], 0));
    assert_eq!(pin_blobs(&vault.hsm), blobs);
    let shown = vault.prose(&["show", &vault.quorum.at("ledger")]);
    assert!(shown.stdout.contains("NOT CHANGED"), "{}", shown.stdout);
    let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("pins-kept"), "{}", audit.stdout);
}

/// Whatever C_SetPIN does, the next run, and the next ceremony, find the PIN that holds.
#[test]
fn a_renewal_survives_its_module() {
    // What the first run ends with; then what is known when it is given up instead.
    const FAULTS: &[(&str, i32)] =
        &[("error", 5), ("late-error", 0), ("crash", 5), ("crash-after", 0), ("hang", 5), ("exit0", 5)];
    let (vault, module) = behind_a_module();
    for (kind, code) in FAULTS {
        let limit = if *kind == "hang" { "1" } else { "60" };
        for give_up in [false, true] {
            let what = format!("C_SetPIN {kind}, give up: {give_up}");
            vault.approved(&inventory("hsm"), THREE);
            module.order("C_SetPIN", 1, kind);
            let mut args = vec!["--module-timeout", limit];
            args.extend(give_up.then_some("--give-up"));
            let ran = vault.execute(&args);
            assert_eq!(ran.code, Some(*code), "{what}: {}", ran.stderr);
            // One attempt for each PIN, and no more.
            assert!(module.calls("C_Login") <= 5, "{what}: {} logins", module.calls("C_Login"));
            module.behave();
            if !give_up && *code != 0 {
                vault.execute::<&str>(&[]).ok();
            }
            let next = vault.ceremony(&inventory("hsm"), THREE);
            assert_eq!(next.code, Some(0), "{what}: {}", next.stderr);
        }
    }
}

/// Two versions may hold: the next ceremony tries each once, and an audit says so meanwhile.
#[test]
fn a_pin_that_is_not_known_is_found_by_the_next_ceremony() {
    for after in [false, true] {
        let (vault, module) = behind_a_module();
        vault.approved(&inventory("hsm"), THREE);
        // The token is gone in the middle of the change, so that nobody can look.
        module.script(&format!(
            "mv '{0}' '{1}'; mkdir '{0}'",
            vault.hsm.tokens().display(),
            vault.hsm.dir.path().join("unplugged").display()
        ));
        if after {
            // The process that changes the PIN is the only one that logs out.
            module.order("C_Logout", 1, "remove");
        } else {
            module.order("C_SetPIN", 1, "remove");
        }
        let given_up = vault.execute(&["--give-up"]).expect(5);
        assert_eq!(pins(&given_up.json), []);
        vault.plug_in();
        module.behave();
        let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
        assert!(audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
        let done = vault.ceremony(&inventory("hsm"), THREE).ok();
        assert_eq!(pins(&done.json), [("user-pin".to_owned(), 3)]);
        let audit = vault.quorum.run(&["audit", &vault.quorum.at("ledger")]).expect(6);
        assert!(!audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
    }
}

#[test]
fn the_last_try_is_not_spent_on_a_guess() {
    const USER_FINAL: u32 = 0x2_0000;
    let (vault, module) = behind_a_module();
    vault.approved(&inventory("hsm"), THREE);
    module.order("C_SetPIN", 1, "crash");
    vault.execute::<&str>(&[]).expect(5);
    module.order("C_GetTokenInfo", USER_FINAL, "flags");
    vault.execute::<&str>(&[]).expect(4);
    assert_eq!(module.calls("C_Login"), 0);
    module.behave();
    vault.execute::<&str>(&[]).ok();
}
