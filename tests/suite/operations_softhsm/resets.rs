//! Inventory and reset.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, USER_PIN},
    tokens::{FOUR, THREE, Target, delete, inventory, recover, reset},
};

#[test]
fn an_inventory_records_what_is_there() {
    let quorum = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let present = quorum.present("user-pin", "user.pin");
    quorum.hsm().make_secret("lab", "AES:32", "wrap", "03");
    quorum.approved(&inventory("hsm"), THREE);
    let done = quorum.execute_with(&present).ok();
    let objects = done.json["targets"][0]["inventory"]["objects"].as_array().unwrap().clone();
    assert_eq!(objects.len(), 5);
    let wrap = objects.iter().find(|o| o["label"] == "wrap").unwrap();
    assert_eq!((&wrap["class"], &wrap["key_type"]), (&"secret-key".into(), &"aes-256".into()));
    assert_eq!(quorum.hsm().count("lab", USER_PIN, "wrap"), 1);
    // What an inventory recorded can be pinned.
    quorum.approved(&crate::support::tokens::delete_one("secret-key", "03"), THREE);
    quorum.execute_with(&present).ok();
    assert_eq!(quorum.hsm().count("lab", USER_PIN, "wrap"), 0);
}

#[test]
fn a_reset_leaves_an_empty_token_with_new_pins_and_the_ledger_goes_on() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let serial = quorum.hsm().serial("lab");
    quorum.approved(&reset(&serial, "lab", "lab-2"), THREE);
    let few = quorum.execute().expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    quorum.approve("dave").ok();
    quorum.execute().ok();
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(listed.contains("token label        : lab-2\n") && !listed.contains("label        : lab\n"));
    assert_eq!((quorum.public("lab-2", "old"), quorum.public("lab-2", "keep")), (0, 0));
    for pin in [SO_PIN, USER_PIN] {
        assert!(
            !quorum.hsm().can_log_in("lab-2", "so", pin) && !quorum.hsm().can_log_in("lab-2", "user", pin)
        );
    }
    let seen = quorum.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!(seen.json["targets"][0]["inventory"]["objects"].as_array().unwrap().len(), 0);
    // What is gone cannot be pinned, the old name is no name any more, and the next reset uses the new SO PIN.
    quorum.propose(&delete("01")).expect(3);
    quorum.propose(&reset(&serial, "lab", "lab-3")).expect(3);
    quorum.ceremony(&reset(&quorum.hsm().serial("lab-2"), "lab-2", "lab-3"), FOUR).ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn a_reset_under_a_label_that_is_taken_destroys_nothing() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "other"), FOUR);
    // Not a longer spelling of the old label: to the independent client that would be the same.
    quorum.hsm().init_token("other");
    let refused = quorum.execute().expect(3);
    assert!(refused.error().contains("is not as it was when it was proposed"), "{}", refused.error());
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
    assert!(quorum.hsm().can_log_in("other", "so", SO_PIN));
}

/// After C_InitToken, neither label nor PINs are the ones that the ledger has in force: given up, they would be lost.
#[test]
fn a_reset_that_may_have_changed_pins_is_not_given_up() {
    for (function, kind) in
        [("C_InitToken", "crash-after"), ("C_SetPIN", "crash-after"), ("C_InitPIN", "crash-after")]
    {
        let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
        let serial = quorum.hsm().serial("lab");
        quorum.approved(&reset(&serial, "lab", "lab-2"), FOUR);
        module.order(function, 1, kind);
        let refused = quorum.execute_with(&["--give-up"]).expect(3);
        assert!(refused.error().contains("cannot be given up"), "{}", refused.error());
        // A second run that changes nothing itself does not make it good.
        module.order("C_Login", 1, "crash");
        let refused = quorum.execute_with(&["--give-up"]).expect(3);
        assert!(refused.error().contains("cannot be given up"), "{}", refused.error());
        module.behave();
        quorum.execute().ok();
        quorum.ceremony(&inventory("hsm"), THREE).ok();
        quorum.ceremony(&reset(&serial, "lab-2", "lab-3"), FOUR).ok();
    }
}

#[test]
fn a_take_over_that_may_have_changed_pins_is_not_given_up() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved_genesis(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    let present = quorum.present("so-pin", "so.pin");
    let give_up = [&present[..], &["--give-up".to_owned()]].concat();
    module.order("C_SetPIN", 1, "crash-after");
    quorum.execute_with(&give_up).expect(3);
    assert!(!quorum.hsm().can_log_in("lab", "so", SO_PIN));
    module.order("C_Login", 1, "crash");
    quorum.execute_with(&give_up).expect(3);
    module.behave();
    quorum.execute_with(&present).ok();
    quorum.ceremony(&delete("01"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1));
}

#[test]
fn a_reset_that_changed_nothing_is_given_up_and_the_ledger_goes_on() {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    let serial = quorum.hsm().serial("lab");
    quorum.approved(&reset(&serial, "lab", "lab-2"), FOUR);
    module.order("C_InitToken", 1, "error");
    quorum.execute().expect(4);
    module.order("C_InitToken", 1, "error");
    quorum.execute_with(&["--give-up"]).expect(5);
    module.behave();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
    quorum.ceremony(&reset(&serial, "lab", "lab-3"), FOUR).ok();
}

/// Between two runs somebody gives the new label to another token: it is presented no PIN, and the reset completes without it.
#[test]
fn a_reset_does_not_go_on_with_a_stranger_that_has_the_new_label() {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    let serial = quorum.hsm().serial("lab");
    quorum.approved(&reset(&serial, "lab", "other"), FOUR);
    module.order("C_InitToken", 1, "crash");
    quorum.execute().expect(5);
    module.behave();
    quorum.hsm().init_token("other");
    let stranger = quorum.hsm().serial("other");
    let names_both = |said: &str| said.contains(&serial) && said.contains(&stranger);
    let refused = quorum.execute().expect(5).stderr;
    let hint = format!("take the token with serial {stranger} out");
    assert!(names_both(&refused) && refused.contains(&hint), "{refused}");
    let kept = quorum.execute_with(&["--give-up"]).expect(3);
    assert!(kept.error().contains("cannot be given up") && names_both(&kept.error()), "{}", kept.error());
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
    assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (1, 1));
    quorum.hsm().delete_token(&stranger);
    quorum.execute().ok();
    assert_eq!(quorum.hsm().serial("other"), serial);
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// An approved reset that initialised nothing; its token is away, and another one has the new label.
fn never_began_beside_a_stranger() -> Quorum {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    let serial = quorum.hsm().serial("lab");
    quorum.approved(&reset(&serial, "lab", "other"), FOUR);
    module.order("C_InitToken", 1, "error");
    quorum.execute().expect(4);
    module.behave();
    quorum.unplug();
    quorum.hsm().init_token("other");
    quorum
}

/// The same while the token that is to be reset is away: the station knows that it was not initialised.
#[test]
fn a_reset_that_never_began_takes_no_stranger_for_its_token_that_is_away() {
    let quorum = never_began_beside_a_stranger();
    let stranger = quorum.hsm().serial("other");
    let refused = quorum.execute().expect(5).stderr;
    assert!(refused.contains(&format!("take the token with serial {stranger} out")), "{refused}");
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
    quorum.plug_in();
    quorum.execute().ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// Nor does whoever plugs a stranger in keep such a reset open.
#[test]
fn a_stranger_under_the_new_label_does_not_keep_a_reset_open_that_never_began() {
    let quorum = never_began_beside_a_stranger();
    let refused = quorum.execute().expect(5).stderr;
    assert!(refused.contains("'quorate execute --give-up'") && refused.contains("\"recover\""), "{refused}");
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    let next = status.json["next"]["reason"].as_str().unwrap();
    assert!(next.contains("'quorate execute --give-up' records what is known and closes it"), "{next}");
    quorum.execute_with(&["--give-up"]).expect(5);
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
    quorum.plug_in();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// The mark of the station is gone, say with its state restored from before the reset, but the serial is the pinned one.
#[test]
fn a_reset_whose_mark_was_lost_goes_on_with_the_very_token() {
    for function in ["C_InitToken", "C_SetPIN"] {
        let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
        let serial = quorum.hsm().serial("lab");
        quorum.approved(&reset(&serial, "lab", "lab-2"), FOUR);
        module.order(function, 1, "crash-after");
        quorum.execute().expect(5);
        let stations = quorum.path("state-station/stations");
        let station = std::fs::read_dir(stations).unwrap().next().unwrap().unwrap().path();
        let mark = station.join("pin-so-pin-hsm.age");
        std::fs::remove_file(&mark).unwrap();
        // The run makes it again, and loses it before it is asked whether the target answers.
        module.script(&format!("rm '{}'; kill -SEGV $PPID", mark.display()));
        module.order("C_Login", 1, "remove");
        let kept = quorum.execute_with(&["--give-up"]).expect(3);
        assert!(kept.error().contains("cannot be given up"), "{}", kept.error());
        assert!(!mark.exists());
        module.behave();
        quorum.execute().ok();
        assert_eq!(quorum.hsm().serial("lab-2"), serial);
        quorum.ceremony(&inventory("hsm"), THREE).ok();
    }
}

/// Nor does its recovery at the same station, which knows it still.
#[test]
fn the_recovery_of_a_reset_that_never_began_takes_no_stranger_for_its_token() {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "other"), FOUR);
    module.order("C_InitToken", 1, "error");
    quorum.execute().expect(4);
    module.behave();
    quorum.unplug();
    quorum.hsm().init_token("other");
    let stranger = quorum.hsm().serial("other");
    quorum.approved(&recover(1), FOUR);
    for _ in 0..2 {
        let refused = quorum.execute();
        let listed = quorum.hsm().tool(&["--list-token-slots"]);
        assert!(!listed.contains("count low"), "{listed}");
        assert!(
            refused.stderr.contains(&format!("take the token with serial {stranger} out")),
            "{}",
            refused.stderr
        );
    }
    quorum.plug_in();
    quorum.execute().ok();
    assert!(!quorum.hsm().can_log_in("other", "so", SO_PIN));
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// The same with a token that is yet to be initialised, and its recovery.
#[test]
fn a_genesis_does_not_go_on_with_a_stranger_that_has_its_label() {
    let quorum = Quorum::of(5).empty_softhsm().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved_genesis(&[Target::empty("root").module(&module.path)]);
    module.order("C_InitToken", 1, "error");
    quorum.execute().expect(4);
    module.behave();
    quorum.hsm().init_token("root");
    let stranger = quorum.hsm().serial("root");
    let refused = quorum.execute().expect(5).stderr;
    assert!(refused.contains(&format!("take the token with serial {stranger} out")), "{refused}");
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
    quorum.approved(&recover(0), FOUR);
    let refused = quorum.execute().stderr;
    assert!(refused.contains(&format!("take the token with serial {stranger} out")), "{refused}");
    let listed = quorum.hsm().tool(&["--list-token-slots"]);
    assert!(!listed.contains("count low"), "{listed}");
    quorum.hsm().delete_token(&stranger);
    quorum.execute().ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// What a station knows of its ceremony is out of date once a recovery at another station has acted.
#[test]
fn a_station_does_not_go_by_its_own_marks_after_a_recovery_elsewhere() {
    let quorum = Quorum::of(5).empty_softhsm().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved_genesis(&[Target::empty("root").module(&module.path)]);
    module.order("C_InitToken", 1, "error");
    quorum.execute().expect(4);
    let (first, station) = (quorum.path("state-first"), quorum.path("state-station"));
    std::fs::rename(&station, &first).unwrap();
    quorum.approved(&recover(0), FOUR);
    module.order("C_InitToken", 1, "crash-after");
    quorum.execute().expect(5);
    module.behave();
    std::fs::remove_dir_all(&station).unwrap();
    std::fs::rename(&first, &station).unwrap();
    quorum.ceremony(&recover(1), FOUR).ok();
    quorum.ceremony(&recover(0), FOUR).ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

/// C_InitToken was cut off so that the slot is empty afterwards: which empty slot it was cannot be told from outside, so
/// that no other is initialised in its place. The ceremony can be given up, and the ledger goes on without the token.
#[test]
fn a_reset_that_lost_its_token_takes_no_other_slot_for_it() {
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
    module.order("C_InitToken", 1, "crash");
    quorum.execute().expect(5);
    module.behave();
    quorum.unplug();
    quorum.execute().expect(5);
    assert!(
        std::fs::read_dir(quorum.hsm().tokens()).unwrap().next().is_none(),
        "another slot was initialised"
    );
    quorum.execute_with(&["--give-up"]).expect(5);
    quorum.propose(&inventory("hsm")).expect(1);
    quorum.plug_in();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}
