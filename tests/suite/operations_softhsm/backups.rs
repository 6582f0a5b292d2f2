//! Backup and restore.

use std::fs;

use crate::support::{
    quorum::{Quorum, Ran},
    softhsm::{SoftHsm, USER_PIN},
    tokens::{FOUR, THREE, Target, inventory, reset},
};

fn extractable(hsm: &SoftHsm, kind: &str, label: &str, id: &str) {
    let args = ["--keypairgen", "--key-type", kind, "--label", label, "--id", id, "--extractable"];
    hsm.user("lab", USER_PIN, &args);
}

/// A token `lab` with EC, RSA and AES keys that can leave it, not the quorum's yet.
pub fn exportable() -> Quorum {
    Quorum::once("backups-exportable", || {
        let hsm = SoftHsm::with_token("lab");
        extractable(&hsm, "EC:prime256v1", "ec", "01");
        extractable(&hsm, "rsa:2048", "rsa", "02");
        hsm.make_secret("lab", "AES:32", "aes", "03");
        Quorum::of(5).over(hsm)
    })
}

pub fn backup(quorum: &Quorum, file: &str, allow_partial: bool) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\n\
         allow_partial = {allow_partial}\n",
        quorum.at(file)
    )
}

pub fn restore(quorum: &Quorum, target: &str, backup: u32, file: &str) -> String {
    format!(
        "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nbackup = {backup}\n\
         input = \"{}\"\n",
        quorum.at(file)
    )
}

fn public_key(quorum: &Quorum, token: &str, id: &str) -> String {
    quorum.hsm().tool(&["--token-label", token, "--read-object", "--type", "pubkey", "--id", id])
}

fn restored(ran: &Ran) -> usize {
    ran.json["restored"].as_array().unwrap().len()
}

#[test]
fn keys_go_out_and_come_back_to_the_same_token_and_to_another() {
    let quorum = exportable();
    let target = Target::in_use(quorum.hsm(), "lab");
    quorum.found(&[target, Target { name: "spare", ..Target::empty("spare") }]);
    let keys: Vec<String> = ["01", "02"].map(|id| public_key(&quorum, "lab", id)).into();
    quorum.approved(&backup(&quorum, "files/b.age", false), THREE);
    let few = quorum.execute().expect(6);
    assert!(few.error().contains("security-officer 3 of 4"), "{}", few.error());
    quorum.approve("dave").ok();
    let done = quorum.execute().ok();
    assert_eq!(done.json["backup"]["entries"].as_array().unwrap().len(), 5);
    let bytes = fs::read(quorum.path("files/b.age")).unwrap();
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    // A file is not written over, whoever approves.
    quorum.propose(&backup(&quorum, "files/b.age", false)).expect(3);

    quorum.ceremony(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR).ok();
    assert_eq!(quorum.public("lab-2", "ec"), 0);
    for (target, token) in [("hsm", "lab-2"), ("spare", "spare")] {
        let done = quorum.ceremony(&restore(&quorum, target, 1, "files/b.age"), FOUR).ok();
        assert_eq!(restored(&done), 5);
        for (id, key) in ["01", "02"].iter().zip(&keys) {
            assert_eq!(public_key(&quorum, token, id), *key);
        }
        // Once more: what is there is verified and kept.
        let again = quorum.ceremony(&restore(&quorum, target, 1, "files/b.age"), FOUR).ok();
        assert_eq!((restored(&again), quorum.public(token, "ec"), quorum.public(token, "rsa")), (5, 1, 1));
    }
    assert_eq!(fs::read(quorum.path("files/b.age")).unwrap(), bytes);
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn what_cannot_leave_is_named_and_only_a_partial_backup_goes_without() {
    let quorum = exportable();
    quorum.hsm().make_key("lab", "EC:prime256v1", "stays", "07");
    extractable(quorum.hsm(), "EC:edwards25519", "ed", "08");
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    // It is on record that one of them stays: nobody gathers for a whole backup.
    let refused = quorum.propose(&backup(&quorum, "files/b.age", false)).expect(3);
    assert!(refused.error().contains("\\\"stays\\\" id 07"), "{}", refused.error());
    assert!(!refused.error().contains("\\\"ed\\\""), "{}", refused.error());
    let done = quorum.ceremony(&backup(&quorum, "files/b.age", true), FOUR).ok();
    let left: Vec<String> = done.json["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["object"]["label"].as_str().unwrap().to_owned())
        .collect();
    assert!(left.contains(&"stays".to_owned()) && left.contains(&"ed".to_owned()), "{left:?}");
    assert!(quorum.path("files/b.age").exists());
}

#[test]
fn a_token_of_which_nothing_can_leave_makes_no_backup() {
    // Ed25519 may leave, and SoftHSM cannot wrap it: that shows when it is tried.
    let hsm = SoftHsm::with_token("lab");
    extractable(&hsm, "EC:edwards25519", "ed", "08");
    let quorum = Quorum::of(5).over(hsm);
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    for allow_partial in [false, true] {
        quorum.approved(&backup(&quorum, "files/b.age", allow_partial), FOUR);
        let failed = quorum.execute().expect(4);
        for said in ["0 keys could be exported", "\\\"ed\\\" id 08", "CKR_KEY"] {
            assert!(failed.error().contains(said), "{said}: {}", failed.error());
        }
        assert!(fs::read_dir(quorum.path("files")).unwrap().next().is_none(), "a file was left behind");
        quorum.execute_with(&["--give-up"]).expect(4);
    }
}

/// Where all keys on record stay, nobody gathers for a whole backup. One that may be partial is tried, and fails.
#[test]
fn a_backup_that_the_record_shows_to_be_vain_is_refused_when_it_is_proposed() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let refused = quorum.propose(&backup(&quorum, "files/b.age", false)).expect(3);
    for said in ["no key that may leave", "\\\"old\\\" id 01", "\\\"keep\\\" id 02"] {
        assert!(refused.error().contains(said), "{said}: {}", refused.error());
    }
    quorum.approved(&backup(&quorum, "files/b.age", true), FOUR);
    let failed = quorum.execute().expect(4);
    assert!(failed.error().contains("0 keys could be exported"), "{}", failed.error());
}

/// Flipped, cut, replaced or gone between the proposal and the execution: refused with nothing changed, and the
/// right file goes on.
#[test]
fn a_backup_that_is_not_the_recorded_one_changes_nothing() {
    let quorum = exportable();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab"), Target { name: "spare", ..Target::empty("spare") }]);
    quorum.ceremony(&backup(&quorum, "files/b.age", false), FOUR).ok();
    quorum.ceremony(&backup(&quorum, "files/later.age", false), FOUR).ok();
    let file = quorum.path("files/b.age");
    let good = fs::read(&file).unwrap();
    // The path is signed: what is wrong with it is found before anybody approves.
    for (input, code, said) in [
        ("files/absent.age", 1, "no such file"),
        ("files", 1, "not a regular file"),
        ("files/later.age", 3, "is not the backup that this ledger recorded"),
    ] {
        let plan = quorum.plan("restore", &restore(&quorum, "spare", 1, input));
        let check = ["propose", "--check", &plan, &quorum.at("ledger"), "--copy", &quorum.at("copy")];
        for refused in [quorum.run(&check), quorum.propose(&plan)] {
            let refused = refused.expect(code);
            assert!(refused.error().contains(said), "{said}: {}", refused.error());
            let hint = refused.json["error"]["hint"].as_str().unwrap();
            assert!(code == 3 || hint.contains("mount its medium"), "{hint}");
        }
    }
    quorum.approved(&restore(&quorum, "spare", 1, "files/b.age"), FOUR);
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    let mut header = good.clone();
    header[40] ^= 1;
    let cut = good[..good.len() - 100].to_vec();
    let longer = [good.clone(), vec![0]].concat();
    let later = fs::read(quorum.path("files/later.age")).unwrap();
    for (what, bad) in [
        ("flipped", flipped),
        ("header", header),
        ("cut", cut),
        ("longer", longer),
        ("later", later),
        ("empty", vec![]),
    ] {
        fs::write(&file, bad).unwrap();
        let refused = quorum.execute().expect(3);
        assert!(refused.error().contains("is not the backup"), "{what}: {}", refused.error());
        assert_eq!(quorum.events("intended"), 0);
        assert_eq!(quorum.public("spare", "ec"), 0, "{what}");
    }
    fs::remove_file(&file).unwrap();
    quorum.execute().expect(1);
    fs::write(&file, good).unwrap();
    assert_eq!(restored(&quorum.execute().ok()), 5);
    assert_eq!((quorum.public("spare", "ec"), quorum.public("spare", "rsa")), (1, 1));
}

#[test]
fn a_backup_of_another_ledger_is_not_restored() {
    let (ours, theirs) = (exportable(), exportable());
    for quorum in [&ours, &theirs] {
        quorum.found(&[
            Target::in_use(quorum.hsm(), "lab"),
            Target { name: "spare", ..Target::empty("spare") },
        ]);
        quorum.ceremony(&backup(quorum, "files/b.age", false), FOUR).ok();
    }
    let good = fs::read(ours.path("files/b.age")).unwrap();
    ours.approved(&restore(&ours, "spare", 1, "files/b.age"), FOUR);
    fs::copy(theirs.path("files/b.age"), ours.path("files/b.age")).unwrap();
    let failed = ours.execute().expect(3);
    assert!(failed.error().contains("is not the backup that this ledger recorded"), "{}", failed.error());
    assert_eq!(ours.public("spare", "ec"), 0);
    fs::write(ours.path("files/b.age"), good).unwrap();
    ours.execute().ok();
    assert_eq!(ours.public("spare", "ec"), 1);
    // A ceremony that made no backup is none.
    ours.propose(&restore(&ours, "spare", 2, "files/b.age")).expect(3);
}

/// A file in the ledger could pass for a part of it, and an unfinished one is replaced by the next.
#[test]
fn a_backup_has_a_place_of_its_own() {
    let quorum = exportable();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    for (file, said) in [
        ("ledger/0009-delete", "lies in the ledger"),
        ("ledger/0000-genesis/approvals/x.json", "lies in the ledger"),
        ("copy/b.age", "lies in the ledger"),
        ("files/../ledger/b.age", "without '..'"),
        ("files/b.age.partial", "the end of unfinished files"),
    ] {
        let refused = quorum.propose(&backup(&quorum, file, true)).expect(3);
        assert!(refused.error().contains(said), "{file}: {}", refused.error());
    }
    std::os::unix::fs::symlink(quorum.path("ledger"), quorum.path("files/elsewhere")).unwrap();
    let aside = backup(&quorum, "files/elsewhere/b.age", true);
    let refused = quorum.propose(&aside).expect(3);
    assert!(refused.error().contains("lies in the ledger"), "{}", refused.error());
    quorum.ceremony(&backup(&quorum, "files/b.age", true), FOUR).ok();
}
