//! Backup and restore.

use std::fs;

use crate::support::{
    quorum::Ran,
    softhsm::{SoftHsm, USER_PIN},
    vault::{FOUR, THREE, Target, Vault, inventory, reset},
};

fn extractable(hsm: &SoftHsm, kind: &str, label: &str, id: &str) {
    let args = ["--keypairgen", "--key-type", kind, "--label", label, "--id", id, "--extractable"];
    hsm.user("lab", USER_PIN, &args);
}

/// A token `lab` with EC, RSA and AES keys that can leave it, not the quorum's yet.
pub fn exportable() -> Vault {
    Vault::once("vault-exportable", || {
        let hsm = SoftHsm::with_token("lab");
        extractable(&hsm, "EC:prime256v1", "ec", "01");
        extractable(&hsm, "rsa:2048", "rsa", "02");
        hsm.make_secret("lab", "AES:32", "aes", "03");
        Vault::new(hsm)
    })
}

pub fn backup(vault: &Vault, file: &str, allow_partial: bool) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\n\
         allow_partial = {allow_partial}\n",
        vault.quorum.at(file)
    )
}

pub fn restore(vault: &Vault, target: &str, backup: u32, file: &str) -> String {
    format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nbackup = {backup}\n\
         input = \"{}\"\n",
        vault.quorum.at(file)
    )
}

fn public_key(vault: &Vault, token: &str, id: &str) -> String {
    vault.hsm.tool(&["--token-label", token, "--read-object", "--type", "pubkey", "--id", id])
}

fn restored(ran: &Ran) -> usize {
    ran.json["restored"].as_array().unwrap().len()
}

#[test]
fn keys_go_out_and_come_back_to_the_same_token_and_to_another() {
    let vault = exportable();
    let target = Target::in_use(&vault.hsm, "lab");
    vault.found(&[target, Target { name: "spare", ..Target::empty("spare") }]);
    let keys: Vec<String> = ["01", "02"].map(|id| public_key(&vault, "lab", id)).into();
    vault.approved(&backup(&vault, "files/b.age", false), THREE);
    let few = vault.execute::<&str>(&[]).expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    vault.quorum.approve("dave").ok();
    let done = vault.execute::<&str>(&[]).ok();
    assert_eq!(done.json["backup"]["entries"].as_array().unwrap().len(), 5);
    let bytes = fs::read(vault.quorum.path("files/b.age")).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    // A file is not written over, whoever approves.
    vault.quorum.propose(&vault.quorum.plan("next", &backup(&vault, "files/b.age", false))).expect(3);

    vault.ceremony(&reset(&vault.hsm.serial("lab"), "lab", "lab-2"), FOUR).ok();
    assert_eq!(vault.public("lab-2", "ec"), 0);
    for (target, token) in [("hsm", "lab-2"), ("spare", "spare")] {
        let done = vault.ceremony(&restore(&vault, target, 1, "files/b.age"), FOUR).ok();
        assert_eq!(restored(&done), 5);
        for (id, key) in ["01", "02"].iter().zip(&keys) {
            assert_eq!(public_key(&vault, token, id), *key);
        }
        // Once more: what is there is verified and kept.
        let again = vault.ceremony(&restore(&vault, target, 1, "files/b.age"), FOUR).ok();
        assert_eq!((restored(&again), vault.public(token, "ec"), vault.public(token, "rsa")), (5, 1, 1));
    }
    assert_eq!(fs::read(vault.quorum.path("files/b.age")).unwrap(), bytes);
    vault.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn what_cannot_leave_is_named_and_only_a_partial_backup_goes_without() {
    let vault = exportable();
    vault.hsm.make_key("lab", "EC:prime256v1", "stays", "07");
    extractable(&vault.hsm, "EC:edwards25519", "ed", "08");
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    // It is on record that one of them stays: nobody gathers for a whole backup.
    let refused =
        vault.quorum.propose(&vault.quorum.plan("whole", &backup(&vault, "files/b.age", false))).expect(3);
    assert!(refused.error().contains("\\\"stays\\\" id 07"), "{}", refused.error());
    assert!(!refused.error().contains("\\\"ed\\\""), "{}", refused.error());
    let done = vault.ceremony(&backup(&vault, "files/b.age", true), FOUR).ok();
    let left: Vec<String> = done.json["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["object"]["label"].as_str().unwrap().to_owned())
        .collect();
    assert!(left.contains(&"stays".to_owned()) && left.contains(&"ed".to_owned()), "{left:?}");
    assert!(vault.quorum.path("files/b.age").exists());
}

#[test]
fn a_token_of_which_nothing_can_leave_makes_no_backup() {
    // Ed25519 may leave, and SoftHSM cannot wrap it: that shows when it is tried.
    let hsm = SoftHsm::with_token("lab");
    extractable(&hsm, "EC:edwards25519", "ed", "08");
    let vault = Vault::new(hsm);
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    for allow_partial in [false, true] {
        vault.approved(&backup(&vault, "files/b.age", allow_partial), FOUR);
        let failed = vault.execute::<&str>(&[]).expect(4);
        for said in ["0 keys could be exported", "\\\"ed\\\" id 08", "CKR_KEY"] {
            assert!(failed.error().contains(said), "{said}: {}", failed.error());
        }
        assert!(fs::read_dir(vault.quorum.path("files")).unwrap().next().is_none(), "a file was left behind");
        vault.execute(&["--give-up"]).expect(4);
    }
}

/// Where all keys on record stay, nobody gathers for a whole backup. One that may be partial is tried, and fails.
#[test]
fn a_backup_that_the_record_shows_to_be_vain_is_refused_when_it_is_proposed() {
    let vault = Vault::taken_over();
    let refused =
        vault.quorum.propose(&vault.quorum.plan("vain", &backup(&vault, "files/b.age", false))).expect(3);
    for said in ["no key that may leave", "\\\"old\\\" id 01", "\\\"keep\\\" id 02"] {
        assert!(refused.error().contains(said), "{said}: {}", refused.error());
    }
    vault.approved(&backup(&vault, "files/b.age", true), FOUR);
    let failed = vault.execute::<&str>(&[]).expect(4);
    assert!(failed.error().contains("0 keys could be exported"), "{}", failed.error());
}

/// Flipped, cut, replaced or gone between the proposal and the execution: refused with nothing changed, and the
/// right file goes on.
#[test]
fn a_backup_that_is_not_the_recorded_one_changes_nothing() {
    let vault = exportable();
    vault.found(&[Target::in_use(&vault.hsm, "lab"), Target { name: "spare", ..Target::empty("spare") }]);
    vault.ceremony(&backup(&vault, "files/b.age", false), FOUR).ok();
    vault.ceremony(&backup(&vault, "files/later.age", false), FOUR).ok();
    let file = vault.quorum.path("files/b.age");
    let good = fs::read(&file).unwrap();
    vault.approved(&restore(&vault, "spare", 1, "files/b.age"), FOUR);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut header = good.clone();
    header[40] ^= 1;
    let cut = good[..good.len() - 100].to_vec();
    let longer = [good.clone(), vec![0]].concat();
    let later = fs::read(vault.quorum.path("files/later.age")).unwrap();
    for (what, bad) in [
        ("flipped", flipped),
        ("header", header),
        ("cut", cut),
        ("longer", longer),
        ("later", later),
        ("empty", vec![]),
    ] {
        fs::write(&file, bad).unwrap();
        let refused = vault.execute::<&str>(&[]).expect(3);
        assert!(refused.error().contains("is not the backup"), "{what}: {}", refused.error());
        assert_eq!(vault.events("intended"), 0);
        assert_eq!(vault.public("spare", "ec"), 0, "{what}");
    }
    fs::remove_file(&file).unwrap();
    vault.execute::<&str>(&[]).expect(1);
    fs::write(&file, good).unwrap();
    assert_eq!(restored(&vault.execute::<&str>(&[]).ok()), 5);
    assert_eq!((vault.public("spare", "ec"), vault.public("spare", "rsa")), (1, 1));
}

#[test]
fn a_backup_of_another_ledger_is_not_restored() {
    let (ours, theirs) = (exportable(), exportable());
    for vault in [&ours, &theirs] {
        vault.found(&[Target::in_use(&vault.hsm, "lab"), Target { name: "spare", ..Target::empty("spare") }]);
        vault.ceremony(&backup(vault, "files/b.age", false), FOUR).ok();
    }
    let good = fs::read(ours.quorum.path("files/b.age")).unwrap();
    fs::copy(theirs.quorum.path("files/b.age"), ours.quorum.path("files/b.age")).unwrap();
    ours.approved(&restore(&ours, "spare", 1, "files/b.age"), FOUR);
    let failed = ours.execute::<&str>(&[]).expect(3);
    assert!(failed.error().contains("is not the backup that this ledger recorded"), "{}", failed.error());
    assert_eq!(ours.public("spare", "ec"), 0);
    fs::write(ours.quorum.path("files/b.age"), good).unwrap();
    ours.execute::<&str>(&[]).ok();
    assert_eq!(ours.public("spare", "ec"), 1);
    // A ceremony that made no backup is none.
    ours.quorum.propose(&ours.quorum.plan("next", &restore(&ours, "spare", 2, "files/b.age"))).expect(3);
}

/// A file in the ledger could pass for a part of it, and an unfinished one is replaced by the next.
#[test]
fn a_backup_has_a_place_of_its_own() {
    let vault = exportable();
    vault.found(&[Target::in_use(&vault.hsm, "lab")]);
    for (file, said) in [
        ("ledger/0009-delete", "lies in the ledger"),
        ("ledger/0000-genesis/approvals/x.json", "lies in the ledger"),
        ("copy/b.age", "lies in the ledger"),
        ("files/../ledger/b.age", "without '..'"),
        ("files/b.age.partial", "the end of unfinished files"),
    ] {
        let refused = vault.quorum.propose(&vault.quorum.plan("next", &backup(&vault, file, true))).expect(3);
        assert!(refused.error().contains(said), "{file}: {}", refused.error());
    }
    std::os::unix::fs::symlink(vault.quorum.path("ledger"), vault.quorum.path("files/elsewhere")).unwrap();
    let aside = backup(&vault, "files/elsewhere/b.age", true);
    let refused = vault.quorum.propose(&vault.quorum.plan("next", &aside)).expect(3);
    assert!(refused.error().contains("lies in the ledger"), "{}", refused.error());
    vault.ceremony(&backup(&vault, "files/b.age", true), FOUR).ok();
}
