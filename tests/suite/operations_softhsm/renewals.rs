//! Held PINs that a target has seen are changed at the end of the ceremony.

use std::fs;

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SoftHsm},
    tokens::{FOUR, THREE, Target, delete, inventory, reset},
};

/// A quorum over a module that can be told to misbehave, taken over.
fn behind_a_module() -> (Quorum, FaultyModule) {
    Quorum::of(5).softhsm_in_use().behind_a_faulty_module()
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
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    // It may leave, and SoftHSM cannot wrap it.
    let odd = ["--keypairgen", "--key-type", "EC:edwards25519", "--label", "odd", "--id", "08"];
    quorum.hsm().user(
        "lab",
        crate::support::softhsm::USER_PIN,
        &[&odd[..], &["--usage-sign", "--extractable"]].concat(),
    );
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    let mut seen = vec![pin_blobs(quorum.hsm())];
    let backup = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\nallow_partial = true\n",
        quorum.at("files/backup.age")
    );
    for (version, plan) in [(2, inventory("hsm")), (3, delete("01")), (4, inventory("hsm"))] {
        let done = quorum.ceremony(&plan, THREE).ok();
        assert_eq!(pins(&done.json), [("user-pin".to_owned(), version)]);
        assert!(done.text("summary").contains("its user PIN is new"), "{}", done.stdout);
        let blobs = pin_blobs(quorum.hsm());
        assert!(!seen.contains(&blobs));
        seen.push(blobs);
    }
    // Nothing can be exported from it: the ceremony is given up, and the PIN that was seen is changed all the same.
    quorum.approved(&backup, FOUR);
    quorum.execute().expect(4);
    let given_up = quorum.execute_with(&["--give-up"]).expect(4);
    assert_eq!(pins(&given_up.json), [("user-pin".to_owned(), 5)]);
    // A reset sets both by itself.
    let done = quorum.ceremony(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR).ok();
    assert_eq!(pins(&done.json), []);
    let done = quorum.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!(pins(&done.json), [("user-pin".to_owned(), 7)]);
}

#[test]
fn a_borrowed_pin_is_left_alone() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    quorum.approved(&inventory("hsm"), THREE);
    let done = quorum.execute_with(&quorum.present("user-pin", "user.pin")).ok();
    assert_eq!(pins(&done.json), []);
    assert!(quorum.hsm().can_log_in("lab", "user", crate::support::softhsm::USER_PIN));
    let keep = quorum.plan("keep", &(inventory("hsm") + "keep_pins = true\n"));
    let refused = quorum.propose(&keep).expect(3);
    assert!(refused.error().contains("has no PIN of hsm"), "{}", refused.error());
}

/// A token without C_SetPIN: the operation is done, the PIN is not changed, and the quorum may decide to live with that.
#[test]
fn a_token_that_cannot_change_pins_needs_a_plan_that_says_so() {
    let (quorum, module) = behind_a_module();
    quorum.approved(&delete("01"), THREE);
    module.order("C_SetPIN", 1, "error");
    let failed = quorum.execute().expect(5);
    assert!(failed.error().contains("the old one is still in force"), "{}", failed.error());
    assert_eq!(quorum.public("lab", "old"), 0);
    module.order("C_SetPIN", 1, "error");
    let given_up = quorum.execute_with(&["--give-up"]).expect(5);
    assert_eq!(pins(&given_up.json), [("user-pin".to_owned(), 1)]);
    let blobs = pin_blobs(quorum.hsm());
    module.behave();
    let done = quorum.ceremony(&(inventory("hsm") + "keep_pins = true\n"), THREE).ok();
    assert_eq!((pins(&done.json), module.calls("C_SetPIN")), (vec![], 0));
    assert_eq!(pin_blobs(quorum.hsm()), blobs);
    let shown = quorum.prose(&["show", &quorum.at("ledger")]);
    assert!(shown.stdout.contains("NOT CHANGED"), "{}", shown.stdout);
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("pins-kept"), "{}", audit.stdout);
}

/// Whatever C_SetPIN does, the next run, and the next ceremony, find the PIN that holds.
#[test]
fn a_renewal_survives_its_module() {
    // What the first run ends with; then what is known when it is given up instead.
    const FAULTS: &[(&str, i32)] =
        &[("error", 5), ("late-error", 0), ("crash", 5), ("crash-after", 0), ("hang", 5), ("exit0", 5)];
    let (quorum, module) = behind_a_module();
    quorum.approved(&inventory("hsm"), THREE);
    let approved = quorum.moment();
    for (kind, code) in FAULTS {
        let limit = if *kind == "hang" { "1" } else { "60" };
        for give_up in [false, true] {
            let what = format!("C_SetPIN {kind}, give up: {give_up}");
            module.order("C_SetPIN", 1, kind);
            let mut args = vec!["--module-timeout", limit];
            args.extend(give_up.then_some("--give-up"));
            let ran = quorum.execute_with(&args);
            assert_eq!(ran.code, Some(*code), "{what}: {}", ran.stderr);
            // One attempt for each PIN, and no more.
            assert!(module.calls("C_Login") <= 5, "{what}: {} logins", module.calls("C_Login"));
            module.behave();
            if !give_up && *code != 0 {
                quorum.execute().ok();
            }
            let next = quorum.ceremony(&inventory("hsm"), THREE);
            assert_eq!(next.code, Some(0), "{what}: {}", next.stderr);
            quorum.back_to(&approved);
        }
    }
}

/// Two versions may hold: the next ceremony tries each once, and an audit says so meanwhile.
#[test]
fn a_pin_that_is_not_known_is_found_by_the_next_ceremony() {
    for after in [false, true] {
        let (quorum, module) = behind_a_module();
        quorum.approved(&inventory("hsm"), THREE);
        // The token is gone in the middle of the change, so that nobody can look.
        module.script(&format!(
            "mv '{0}' '{1}'; mkdir '{0}'",
            quorum.hsm().tokens().display(),
            quorum.hsm().dir.path().join("unplugged").display()
        ));
        if after {
            // The process that changes the PIN is the only one that logs out.
            module.order("C_Logout", 1, "remove");
        } else {
            module.order("C_SetPIN", 1, "remove");
        }
        let given_up = quorum.execute_with(&["--give-up"]).expect(5);
        assert_eq!(pins(&given_up.json), []);
        quorum.plug_in();
        module.behave();
        let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
        assert!(audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
        let done = quorum.ceremony(&inventory("hsm"), THREE).ok();
        assert_eq!(pins(&done.json), [("user-pin".to_owned(), 3)]);
        let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
        assert!(!audit.stdout.contains("pin-unknown"), "{}", audit.stdout);
    }
}

#[test]
fn the_last_try_is_not_spent_on_a_guess() {
    const USER_FINAL: u32 = 0x2_0000;
    let (quorum, module) = behind_a_module();
    quorum.approved(&inventory("hsm"), THREE);
    module.order("C_SetPIN", 1, "crash");
    quorum.execute().expect(5);
    module.order("C_GetTokenInfo", USER_FINAL, "flags");
    quorum.execute().expect(4);
    assert_eq!(module.calls("C_Login"), 0);
    module.behave();
    quorum.execute().ok();
}
