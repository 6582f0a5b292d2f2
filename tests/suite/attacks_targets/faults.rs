//! A module that crashes, hangs, ends its process or lies in the middle of a genesis and of a deletion.
//!
//! Exit code 4 only where it was seen that nothing happened, 5 where that is unknown; the same approvals go on to the end.

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SoftHsm},
    tokens::{THREE, Target, delete},
};

/// Function, which of its calls in a process, kind of fault, and the exit code.
type Fault = (&'static str, u32, &'static str, i32);

/// Orders a fault, executes, looks at what is said and recorded, executes again.
fn go_through(quorum: &Quorum, module: &FaultyModule, fault: Fault, present: &[String]) {
    let (function, nth, kind, code) = fault;
    let what = format!("{kind} in call {nth} of {function}");
    let limit = if kind == "hang" { "1" } else { "60" };
    let mut args = vec!["--module-timeout".to_owned(), limit.to_owned()];
    args.extend_from_slice(present);
    module.order(function, nth, kind);
    let ran = quorum.execute_with(&args);
    module.behave();
    assert_eq!(ran.code, Some(code), "{what}: {}{}", ran.stdout, ran.stderr);
    if ran.code == Some(0) {
        return;
    }
    let attempted = usize::from(matches!(ran.code, Some(4 | 5)));
    assert_eq!(quorum.events("attempted"), attempted, "{what}");
    let again = quorum.execute_with(present).ok();
    assert_eq!(again.text("outcome"), "completed", "{what}");
}

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
    for (number, fault) in FAULTS.iter().enumerate() {
        let label = format!("lab-{number}");
        module.behave();
        quorum.approved_genesis(&[Target::empty(&label).module(&module.path)]);
        go_through(&quorum, &module, *fault, &[]);
        let listed = quorum.hsm().tool(&["--list-token-slots"]);
        assert_eq!(listed.matches("token initialized").count(), number + 1, "{fault:?}\n{listed}");
        quorum.forget();
    }
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
    let quorum = Quorum::of(5).over(SoftHsm::new());
    let module = FaultyModule::compile(quorum.dir.path());
    for (number, fault) in FAULTS.iter().enumerate() {
        let label = format!("lab-{number}");
        quorum.hsm().init_token(&label);
        module.behave();
        quorum.approved_genesis(&[Target::in_use(quorum.hsm(), &label).module(&module.path)]);
        go_through(&quorum, &module, *fault, &quorum.present("so-pin", "so.pin"));
        for (who, pin) in
            [("so", crate::support::softhsm::SO_PIN), ("user", crate::support::softhsm::USER_PIN)]
        {
            assert!(!quorum.hsm().can_log_in(&label, who, pin), "the old PIN of {who} holds after {fault:?}");
        }
        quorum.forget();
    }
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
    let hsm = SoftHsm::with_token("lab");
    for number in 1..=FAULTS.len() {
        hsm.make_key("lab", "EC:prime256v1", &format!("key-{number}"), &format!("{number:02x}"));
    }
    hsm.make_key("lab", "EC:prime256v1", "keep", "ff");
    let quorum = Quorum::of(5).over(hsm);
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path)]);
    for (number, fault) in (1..).zip(FAULTS) {
        module.behave();
        quorum.approved(&delete(&format!("{number:02x}")), THREE);
        go_through(&quorum, &module, *fault, &[]);
        assert_eq!(quorum.public("lab", &format!("key-{number}")), 0);
        assert_eq!(quorum.public("lab", "keep"), 1);
    }
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
