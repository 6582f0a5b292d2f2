//! A module that crashes, before or after the effect of a call, in a reset, a backup and a restore.

use std::path::Path;

use crate::support::{
    quorum::Quorum,
    softhsm::{FaultyModule, SoftHsm, USER_PIN},
    survival::Fault,
    tokens::{FOUR, THREE, Target, inventory, reset},
};

#[test]
fn a_reset_survives_its_module() {
    const FAULTS: &[Fault] = &[
        ("C_InitToken", 1, "crash", 5),
        ("C_InitToken", 1, "crash-after", 5),
        ("C_InitToken", 1, "error", 4),
        ("C_InitToken", 1, "late-error", 0),
        ("C_InitToken", 1, "hang", 5),
        ("C_InitToken", 1, "exit0", 5),
        ("C_OpenSession", 1, "crash", 1),
        ("C_OpenSession", 1, "hang", 1),
        ("C_OpenSession", 1, "exit0", 1),
        ("C_OpenSession", 1, "error", 1),
        ("C_OpenSession", 2, "crash", 5),
        ("C_Login", 1, "crash", 5),
        ("C_Login", 1, "hang", 5),
        ("C_Login", 1, "exit0", 5),
        ("C_Login", 1, "error", 5),
        ("C_Login", 1, "late-error", 5),
        ("C_SetPIN", 1, "crash", 5),
        ("C_SetPIN", 1, "crash-after", 5),
        ("C_SetPIN", 1, "hang", 5),
        ("C_SetPIN", 1, "exit0", 5),
        ("C_SetPIN", 1, "error", 5),
        ("C_SetPIN", 1, "late-error", 5),
        ("C_InitPIN", 1, "crash", 5),
        ("C_InitPIN", 1, "crash-after", 5),
        ("C_InitPIN", 1, "hang", 5),
        ("C_InitPIN", 1, "exit0", 5),
        ("C_InitPIN", 1, "error", 5),
        ("C_InitPIN", 1, "late-error", 5),
    ];
    let (quorum, module) = Quorum::of(5).softhsm_in_use().behind_a_faulty_module();
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "reset-1"), FOUR);
    quorum.survives(&module, FAULTS, &[], |fault| {
        let listed = quorum.hsm().tool(&["--list-token-slots"]);
        assert!(listed.contains("label        : reset-1\n"), "{fault:?}\n{listed}");
    });
    quorum.execute().ok();
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn a_backup_and_a_restore_survive_their_module() {
    const BACKUP: &[Fault] = &[
        ("C_Login", 1, "crash", 4),
        ("C_Login", 1, "hang", 4),
        ("C_Login", 1, "exit0", 4),
        ("C_OpenSession", 1, "error", 1),
        ("C_WrapKey", 1, "crash", 4),
        ("C_WrapKey", 1, "hang", 4),
        ("C_WrapKey", 3, "exit0", 4),
        ("C_WrapKey", 3, "error", 4),
        ("C_WrapKey", 7, "late-error", 4),
        ("C_UnwrapKey", 1, "crash-after", 4),
        ("C_UnwrapKey", 1, "error", 4),
        ("C_WrapKey", 2, "crash-after", 4),
        ("C_CreateObject", 1, "crash", 4),
    ];
    const RESTORE: &[Fault] = &[
        ("C_Login", 1, "crash", 4),
        ("C_OpenSession", 1, "exit0", 1),
        // Each object is made in the session first, where nothing stays.
        ("C_UnwrapKey", 1, "crash", 4),
        ("C_UnwrapKey", 2, "crash", 5),
        ("C_UnwrapKey", 2, "hang", 5),
        ("C_UnwrapKey", 2, "exit0", 5),
        ("C_UnwrapKey", 2, "error", 5),
        ("C_UnwrapKey", 2, "crash-after", 5),
        ("C_WrapKey", 9, "crash", 5),
        ("C_UnwrapKey", 2, "late-error", 5),
        // The backup key and three keys for trials come before, and the object in the session: those are gone with it.
        ("C_CreateObject", 6, "crash-after", 5),
        ("C_Sign", 3, "crash", 5),
    ];
    let hsm = SoftHsm::with_token("lab");
    for (kind, label, id) in [("EC:prime256v1", "ec", "01"), ("rsa:2048", "rsa", "02")] {
        let args = ["--keypairgen", "--key-type", kind, "--label", label, "--id", id, "--extractable"];
        hsm.user("lab", USER_PIN, &args);
    }
    hsm.make_secret("lab", "AES:32", "aes", "03");
    let quorum = Quorum::of(5).over(hsm);
    let module = FaultyModule::compile(quorum.dir.path());
    let spare = Target { name: "spare", ..Target::empty("spare") };
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module.path), spare.module(&module.path)]);
    let file = quorum.at("files/b.age");
    let plan = format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{file}\"\n\
         allow_partial = false\n"
    );
    quorum.approved(&plan, FOUR);
    quorum.survives(&module, BACKUP, &[], |fault| assert!(Path::new(&file).exists(), "{fault:?}"));
    quorum.execute().ok();
    let keys = ["01", "02"].map(|id| public_key(&quorum, "lab", id));
    let plan = format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"spare\"\nbackup = 1\n\
         input = \"{file}\"\n"
    );
    quorum.approved(&plan, FOUR);
    quorum.survives(&module, RESTORE, &[], |fault| {
        assert_eq!(["01", "02"].map(|id| public_key(&quorum, "spare", id)), keys, "{fault:?}");
        assert_eq!((quorum.public("spare", "ec"), quorum.public("spare", "rsa")), (1, 1), "{fault:?}");
    });
}

fn public_key(quorum: &Quorum, token: &str, id: &str) -> String {
    quorum.hsm().tool(&["--token-label", token, "--read-object", "--type", "pubkey", "--id", id])
}

/// The disk of the ledger is lost after the PINs were set, in the middle of the reset or at its end: the second medium has
/// all that is needed to go on.
#[test]
fn the_second_medium_has_all_when_the_ledgers_disk_is_lost() {
    let quorum = Quorum::of(5).over(SoftHsm::with_token("lab-0"));
    let module = FaultyModule::compile(quorum.dir.path());
    quorum.found(&[Target::in_use(quorum.hsm(), "lab-0").module(&module.path)]);
    let (ledger, copy) = (quorum.path("ledger"), quorum.path("copy"));
    let lose = || {
        std::fs::remove_dir_all(&ledger).unwrap();
        let copied = std::process::Command::new("cp").arg("-r").args([&copy, &ledger]).status().unwrap();
        assert!(copied.success());
    };
    let serial = quorum.hsm().serial("lab-0");
    for (number, fault) in
        (1..).zip([("C_SetPIN", "crash-after"), ("C_InitPIN", "crash-after"), ("none", "none")])
    {
        let (old, new) = (format!("lab-{}", number - 1), format!("lab-{number}"));
        quorum.approved(&reset(&serial, &old, &new), FOUR);
        module.order(fault.0, 1, fault.1);
        let ran = quorum.execute();
        assert_eq!(ran.code, Some(if fault.0 == "none" { 0 } else { 5 }), "{}", ran.stderr);
        lose();
        module.behave();
        if ran.code == Some(5) {
            quorum.execute().ok();
        }
        // With the PINs that only the copy had.
        quorum.ceremony(&inventory("hsm"), THREE).ok();
    }
    quorum.run(&["audit", &quorum.at("ledger"), &quorum.at("copy")]).expect(6);
}
