//! A module that crashes, hangs, ends its process or lies in the middle of a genesis and of a deletion.
//!
//! Exit code 4 only where it was seen that nothing happened, 5 where that is unknown; the same approvals go on to the end.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    survival::Fault,
    tokens::{THREE, Target, delete},
};

#[test]
fn a_genesis_on_an_empty_slot_survives_its_module() {
    const FAULTS: &[Fault] = &[
        ("C_Login", 1, "crash", 5),
        ("C_Login", 1, "hang", 5),
        ("C_Login", 1, "exit0", 5),
        ("C_Login", 2, "crash", 5),
        ("C_InitToken", 1, "crash", 5),
        ("C_InitToken", 1, "crash-after", 5),
        ("C_InitToken", 1, "hang", 5),
        ("C_InitToken", 1, "exit0", 5),
        ("C_InitToken", 1, "error", 4),
        ("C_InitToken", 1, "late-error", 0),
        ("C_InitPIN", 1, "crash", 5),
        ("C_InitPIN", 1, "crash-after", 5),
        ("C_InitPIN", 1, "hang", 5),
        ("C_InitPIN", 1, "exit0", 5),
        ("C_InitPIN", 1, "error", 5),
        ("C_InitPIN", 1, "late-error", 5),
        ("C_OpenSession", 1, "crash", 5),
        ("C_OpenSession", 1, "hang", 5),
        ("C_OpenSession", 1, "exit0", 5),
    ];
    let quorum = Quorum::of(5).over(SoftHsm::new());
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved_genesis(&[Target::empty("lab").module(&module.path)]);
    quorum.survives(&module, FAULTS, &[], |fault| {
        let listed = quorum.hsm().tool(&["--list-token-slots"]);
        assert_eq!(listed.matches("token initialized").count(), 1, "{fault:?}\n{listed}");
    });
}

#[test]
fn a_take_over_survives_its_module() {
    const FAULTS: &[Fault] = &[
        ("C_Login", 1, "crash", 4),
        ("C_Login", 1, "hang", 4),
        ("C_Login", 1, "exit0", 4),
        ("C_SetPIN", 1, "crash", 5),
        ("C_SetPIN", 1, "crash-after", 5),
        ("C_SetPIN", 1, "hang", 5),
        ("C_SetPIN", 1, "exit0", 5),
        ("C_SetPIN", 1, "error", 5),
        ("C_SetPIN", 1, "late-error", 5),
        ("C_InitPIN", 1, "crash", 5),
        ("C_InitPIN", 1, "crash-after", 5),
        ("C_InitPIN", 1, "exit0", 5),
        ("C_OpenSession", 1, "crash", 1),
        ("C_OpenSession", 1, "hang", 1),
        ("C_OpenSession", 1, "exit0", 1),
        ("C_OpenSession", 2, "crash", 5),
    ];
    let quorum = Quorum::of(5).over(SoftHsm::with_token("lab"));
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.approved_genesis(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    quorum.survives(&module, FAULTS, &quorum.present("so-pin", "so.pin"), |fault| {
        for (who, pin) in [("so", SO_PIN), ("user", USER_PIN)] {
            assert!(
                !quorum.hsm().can_log_in("lab", who, pin),
                "the old PIN of {who} is valid after {fault:?}"
            );
        }
    });
}

#[test]
fn a_deletion_survives_its_module() {
    const FAULTS: &[Fault] = &[
        ("C_Login", 1, "crash", 4),
        ("C_Login", 1, "hang", 4),
        ("C_Login", 1, "exit0", 4),
        ("C_DestroyObject", 1, "crash", 4),
        ("C_DestroyObject", 1, "crash-after", 5),
        ("C_DestroyObject", 1, "hang", 4),
        ("C_DestroyObject", 1, "exit0", 4),
        ("C_DestroyObject", 1, "error", 4),
        ("C_DestroyObject", 1, "late-error", 5),
        ("C_DestroyObject", 2, "crash", 5),
        ("C_DestroyObject", 2, "crash-after", 5),
        ("C_OpenSession", 1, "crash", 1),
        ("C_OpenSession", 1, "hang", 1),
        ("C_OpenSession", 1, "exit0", 1),
    ];
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    quorum.approved(&delete("01"), THREE);
    quorum.survives(&module, FAULTS, &[], |fault| {
        assert_eq!((quorum.public("lab", "old"), quorum.public("lab", "keep")), (0, 1), "{fault:?}");
    });
}

/// A hint of the look afterwards says nothing of the deletion before it.
#[test]
fn a_module_that_dies_in_the_look_afterwards_does_not_make_the_deletion_undone() {
    let quorum = Quorum::of(5).over(SoftHsm::with_token("lab"));
    let looks = [("01", "C_Login"), ("02", "C_OpenSession"), ("03", "C_FindObjectsInit")];
    for (id, _) in looks {
        quorum.hsm().make_key("lab", "EC:prime256v1", id, id);
    }
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    for (id, function) in looks {
        quorum.approved(&delete(id), THREE);
        // From the deletion on, each process ends in the look.
        let faults = module.path.with_extension("so.fault");
        module.script(&format!("echo {function} 1 crash > '{}'", faults.display()));
        module.order("C_DestroyObject", 1, "remove");
        let ran = quorum.execute().expect(5);
        module.behave();
        let said = ran.error();
        let told = ["when it was looked at afterwards: ", "; and afterwards the token could not be read: "];
        assert!(told.iter().any(|told| said.contains(told)), "{function}: {said}");
        for untrue in ["nothing was", "was not changed", "no object"] {
            assert!(!said.contains(untrue), "{function}: {said}");
        }
        quorum.execute().ok();
    }
}
