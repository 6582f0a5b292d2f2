//! Resets, backups and restores whose token, module or PIN is not what it was: refused or failed with nothing claimed, and
//! the same approvals serve once all is as it was.

use std::fs;

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, MODULE, SO_PIN, SoftHsm, USER_PIN},
    tokens::{FOUR, THREE, Target, delete, inventory, reset},
};

/// CKF_USER_PIN_FINAL_TRY, CKF_USER_PIN_LOCKED, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED.
const USER_FINAL: u32 = 0x2_0000;
const USER_LOCKED: u32 = 0x4_0000;
const SO_FINAL: u32 = 0x20_0000;
const SO_LOCKED: u32 = 0x40_0000;

fn backup(quorum: &Quorum, file: &str) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\n\
         allow_partial = false\n",
        quorum.at(file)
    )
}

fn restore(quorum: &Quorum, number: u32, file: &str) -> String {
    format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nbackup = {number}\ninput = \"{}\"\n",
        quorum.at(file)
    )
}

/// A token with the extractable pairs `old` (01) and `keep` (02).
fn extractable() -> SoftHsm {
    let hsm = SoftHsm::with_token("lab");
    for (label, id) in [("old", "01"), ("keep", "02")] {
        let args = ["--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id];
        hsm.user("lab", USER_PIN, &[&args[..], &["--extractable", "--usage-sign"]].concat());
    }
    hsm
}

/// Founded on the token behind a module of its own; ceremony 1 made the backup `files/b.age`, ceremony 2 deleted `old`.
fn backed_up(target: impl Fn(Target) -> Target, present: &[&str]) -> (Quorum, FaultyModule, Vec<String>) {
    let quorum = Quorum::of(5).over(extractable());
    let module = FaultyModule::compile(quorum.dir.path());
    let present: Vec<String> = present.iter().map(|p| p.replace("DIR", &quorum.at(""))).collect();
    quorum.found(&[target(Target::in_use(quorum.hsm(), "lab").module(&module.path))]);
    quorum.approved(&backup(&quorum, "files/b.age"), FOUR);
    quorum.execute_with(&present).ok();
    quorum.approved(&delete("01"), THREE);
    quorum.execute_with(&present).ok();
    (quorum, module, present)
}

fn held() -> (Quorum, FaultyModule) {
    let (quorum, module, _) = backed_up(|target| target, &[]);
    (quorum, module)
}

#[test]
fn a_token_away_another_in_its_place_and_another_module_stop_each_operation_before_it_begins() {
    let (quorum, module) = held();
    let plans = [restore(&quorum, 1, "files/b.age"), backup(&quorum, "files/c.age"), {
        reset(&quorum.hsm().serial("lab"), "lab", "lab-2")
    }];
    let good = fs::read(&module.path).unwrap();
    for plan in plans {
        quorum.approved(&plan, FOUR);
        let before = quorum.last_transcript();
        quorum.unplug();
        quorum.execute().expect(1);
        quorum.hsm().init_token("lab");
        quorum.hsm().make_key("lab", "EC:prime256v1", "keep", "02");
        quorum.execute().expect(1);
        assert!(quorum.hsm().can_log_in("lab", "so", SO_PIN), "somebody else's token was touched");
        assert_eq!(quorum.public("lab", "keep"), 1);
        quorum.plug_in();
        for (bad, code) in [
            ([&good[..], &[0]].concat(), 3),
            (fs::read(MODULE).unwrap(), 3),
            (b"not a library".to_vec(), 1),
            (good.iter().enumerate().map(|(at, b)| if at == 18 { b ^ 0x55 } else { *b }).collect(), 1),
        ] {
            fs::write(&module.path, bad).unwrap();
            quorum.execute().expect(code);
        }
        fs::remove_file(&module.path).unwrap();
        quorum.execute().expect(1);
        assert_eq!(quorum.last_transcript(), before, "a refusal before the intent wrote a line");
        fs::write(&module.path, &good).unwrap();
        quorum.execute().ok();
    }
}

/// An object that the token does not take is named, and keeps no other from being restored.
#[test]
fn one_bad_object_does_not_take_the_others_with_it() {
    let (quorum, module) = held();
    quorum.approved(&restore(&quorum, 1, "files/b.age"), FOUR);
    // CKR_FUNCTION_FAILED, as SoftHSM 2.6.1 says of the Ed25519 keys of SoftHSM 2.7.
    module.order("C_UnwrapKey", 0, "rv=0x06");
    let failed = quorum.execute().expect(4);
    let said = failed.error();
    for part in [
        "looked at afterwards, 3 of 4 objects are there",
        "not restored: private-key \"old\" id 01",
        "CKR_FUNCTION_FAILED",
        "restored and proven: public-key \\\"old\\\" id 01",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(
        failed.json["error"]["hint"].as_str().unwrap().contains("allow_partial = true"),
        "{}",
        failed.stderr
    );
    // What stands behind it in the file is back, and the record has what is there and what is not.
    quorum.execute_with(&["--give-up"]).expect(4);
    let plan = format!("{}allow_partial = true\n", restore(&quorum, 1, "files/b.age"));
    let partial = quorum.ceremony(&plan, FOUR).ok();
    assert_eq!(partial.json["restored"].as_array().unwrap().len(), 3);
    let left = &partial.json["left_out"][0];
    assert_eq!((&left["object"]["class"], &left["object"]["id"]), (&"private-key".into(), &"01".into()));
    assert_eq!(partial.json["left_out"].as_array().unwrap().len(), 1);
    module.behave();
    let whole = quorum.ceremony(&restore(&quorum, 1, "files/b.age"), FOUR).ok();
    assert_eq!(whole.json["restored"].as_array().unwrap().len(), 4);
}

/// Taken out while we are logged in, and put back.
#[test]
fn a_token_taken_away_in_the_middle_is_nowhere_called_done() {
    let (quorum, module) = held();
    let away = quorum.hsm().dir.path().join("unplugged");
    module.script(&format!("mv '{}' '{}'; mkdir '{0}'", quorum.hsm().tokens().display(), away.display()));
    let cases = [
        ("C_WrapKey", 5, backup(&quorum, "files/c.age"), 4),
        ("C_UnwrapKey", 2, restore(&quorum, 1, "files/b.age"), 5),
        ("C_InitPIN", 1, reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), 5),
    ];
    for (function, nth, plan, code) in cases {
        quorum.approved(&plan, FOUR);
        module.order(function, nth, "remove");
        let ran = quorum.execute().expect(code);
        assert!(!ran.error().is_empty());
        assert_eq!((quorum.events("attempted"), quorum.events("concluded")), (1, 0), "{function}");
        assert!(!quorum.path("files/c.age").exists() || function != "C_WrapKey");
        // Still away: nothing is known, and nothing is done.
        module.behave();
        quorum.execute().expect(code);
        quorum.plug_in();
        quorum.execute().ok();
    }
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn the_last_try_of_a_pin_is_spent_by_no_operation() {
    let (quorum, module) = held();
    let cases = [
        (backup(&quorum, "files/c.age"), "user PIN", [(USER_FINAL, 4), (USER_LOCKED, 4)]),
        (restore(&quorum, 1, "files/b.age"), "user PIN", [(USER_FINAL, 4), (USER_LOCKED, 5)]),
        (reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), "SO PIN", [(SO_FINAL, 4), (SO_LOCKED, 5)]),
    ];
    for (plan, pin, flags) in cases {
        quorum.approved(&plan, FOUR);
        for ((flag, code), said) in
            flags.into_iter().zip([format!("one try of the {pin}"), format!("{pin} is locked")])
        {
            module.order("C_GetTokenInfo", flag, "flags");
            let failed = quorum.execute().expect(code);
            assert!(failed.error().contains(&said), "{}", failed.error());
            assert_eq!((module.calls("C_Login"), module.calls("C_InitToken")), (0, 0));
        }
        module.behave();
        quorum.execute().ok();
    }
    // A locked PIN is known before anybody is asked to approve.
    module.order("C_GetTokenInfo", USER_LOCKED, "flags");
    let refused = quorum.propose(&inventory("hsm")).expect(3);
    assert!(refused.error().contains("the user PIN is locked"), "{}", refused.error());
}

#[test]
fn a_wrong_borrowed_pin_costs_one_try_of_a_backup_and_of_a_restore() {
    let (quorum, module, right) = backed_up(
        |target| Target { so_pin: None, user_pin: "borrowed", ..target },
        &["--present-pin", "hsm:user-pin=DIR/user.pin"],
    );
    let wrong = quorum.present("user-pin", "wrong.pin");
    for (plan, code) in [(backup(&quorum, "files/c.age"), 4), (restore(&quorum, 1, "files/b.age"), 4)] {
        quorum.approved(&plan, FOUR);
        module.behave();
        let failed = quorum.execute_with(&wrong).expect(code);
        assert!(failed.error().contains("user PIN is wrong"), "{}", failed.error());
        assert_eq!(module.calls("C_Login"), 1);
        assert!(!quorum.path("files/c.age").exists() || quorum.public("lab", "old") == 0);
        quorum.execute_with(&right).ok();
    }
    for pin in [USER_PIN, "nobody-knows-it"] {
        assert!(!quorum.is_stored(pin), "a borrowed PIN was stored");
    }
}

/// Somebody with the application's PIN puts keys that they know where the restored ones belong.
#[test]
fn a_key_that_an_attacker_knows_is_not_taken_for_the_restored_one() {
    let (quorum, _, present) = backed_up(
        |target| Target { so_pin: None, user_pin: "borrowed", ..target },
        &["--present-pin", "hsm:user-pin=DIR/user.pin"],
    );
    let count = || quorum.hsm().count("lab", USER_PIN, "old");
    let remove = |class: &str| {
        quorum.hsm().user("lab", USER_PIN, &["--delete-object", "--type", class, "--id", "01"]);
    };
    // Under the original label and id, with its own public key.
    quorum.hsm().make_key("lab", "EC:prime256v1", "old", "01");
    quorum.approved(&restore(&quorum, 1, "files/b.age"), FOUR);
    let failed = quorum.execute_with(&present).expect(4);
    assert!(failed.error().contains("has its place"), "{}", failed.error());
    // The original public key, which is another one than that beside it, came back.
    assert_eq!((count(), quorum.events("concluded")), (3, 0));
    // With the original public key beside it, so that it looks right from outside.
    remove("privkey");
    remove("pubkey");
    remove("pubkey");
    quorum.execute_with(&present).ok();
    let spki = quorum.at("files/old.der");
    quorum.hsm().user("lab", USER_PIN, &["--read-object", "--type", "pubkey", "--id", "01", "-o", &spki]);
    remove("privkey");
    let forged = quorum.at("files/forged.der");
    let made = std::process::Command::new("openssl")
        .args([
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-outform",
            "DER",
            "-out",
            &forged,
        ])
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let write =
        ["--write-object", &forged, "--type", "privkey", "--label", "old", "--id", "01", "--usage-sign"];
    quorum.hsm().user("lab", USER_PIN, &[&write[..], &["--extractable"]].concat());
    assert_eq!(count(), 2);
    quorum.approved(&restore(&quorum, 1, "files/b.age"), FOUR);
    let failed = quorum.execute_with(&present).expect(4);
    assert!(failed.error().contains("did not come back as it was"), "{}", failed.error());
    assert_eq!(quorum.events("concluded"), 0, "a forged key was reported restored");
    remove("privkey");
    quorum.execute_with(&present).ok();
    assert_eq!(count(), 2);
}
