//! Keys that are taken under RSA-OAEP only, and the proof that a key came back.

use std::time::Duration;

use super::{
    backup::{Player, Tape, backup_key, extractable, filled},
    *,
};
use crate::{
    ports::token::{Export, Restoration},
    proposal::target::{BackupEntry, ObjectClass},
};

/// A busy machine takes its time to make an RSA pair.
const PATIENT: Duration = Duration::from_secs(60);

fn patient(hsm: &SoftHsm, module: &FaultyModule, label: &str) -> Pkcs11Token {
    let settings = Pkcs11Settings { time_limit: PATIENT, ..settings(hsm, &module.path, by_label(label)) };
    Pkcs11Token::open(name(), settings).unwrap()
}

pub(super) fn backup_through(hsm: &SoftHsm, module: &FaultyModule) -> (Tape, Result<Export, TokenError>) {
    let mut tape = Tape::default();
    let mut token = patient(hsm, module, "ca");
    let left = token.backup(right(), &pin(USER_PIN), &backup_key(7), &mut tape, &mut Silent);
    (tape, left)
}

pub(super) fn restore_through(
    hsm: &SoftHsm,
    module: &FaultyModule,
    tape: &Tape,
) -> Result<Restoration, TokenError> {
    let mut player = Player(tape.0.clone().into_iter());
    let mut token = patient(hsm, module, "spare");
    token.restore(right(), &pin(USER_PIN), &backup_key(7), &mut player, &mut Silent)
}

/// Why nothing of it was restored.
pub(super) fn refused_through(hsm: &SoftHsm, module: &FaultyModule, tape: &Tape) -> String {
    let restoration = restore_through(hsm, module, tape).unwrap();
    assert_eq!(
        (restoration.restored.len(), restoration.left_out.len()),
        (0, tape.0.len()),
        "{restoration:?}"
    );
    restoration.left_out[0].reason.as_str().to_owned()
}

/// All of it is restored, as it was.
pub(super) fn restored_through(hsm: &SoftHsm, module: &FaultyModule, tape: &Tape) {
    let restoration = restore_through(hsm, module, tape).unwrap();
    assert_eq!(restoration.restored.len(), tape.0.len(), "{restoration:?}");
    assert_eq!((restoration.left_out, restoration.unkept), (Vec::new(), Vec::new()));
}

#[test]
fn a_token_that_takes_no_key_in_clear_gets_it_under_oaep() {
    let hsm = filled();
    let module = faulty(&hsm);
    let (in_clear, left_in_clear) = backup_through(&hsm, &module);
    assert_eq!(module.calls("C_GenerateKeyPair"), 0);
    module.orders(&[("C_CreateObject", 0, "no-secrets")]);
    let (under_oaep, left) = backup_through(&hsm, &module);
    assert_eq!(left.unwrap(), left_in_clear.unwrap());
    assert_eq!(module.calls("C_GenerateKeyPair"), 1);
    // Both RFCs are deterministic: the same bytes come of the same backup key, so that it got there unchanged.
    assert_eq!(in_clear.0, under_oaep.0);
    hsm.init_token("spare");
    restored_through(&hsm, &module, &under_oaep);
    assert_eq!(hsm.count("spare", USER_PIN, "p384"), 2);
    // Neither way: said, with both reasons, and nothing is changed.
    module.orders(&[("C_CreateObject", 0, "no-secrets"), ("C_GenerateKeyPair", 0, "rv=0x54")]);
    let error = backup_through(&hsm, &module).1.unwrap_err();
    assert!(error.message.contains("neither as it is") && error.message.contains("RSA-OAEP"), "{error}");
}

#[test]
fn each_kind_of_key_signs_before_it_counts_as_restored() {
    let hsm = filled();
    let module = faulty(&hsm);
    let (tape, left) = backup_through(&hsm, &module);
    left.unwrap();
    let private = |label: &str| {
        let found = tape
            .0
            .iter()
            .find(|e| e.object.class == ObjectClass::PrivateKey && e.object.label.as_str() == label);
        Tape(vec![found.unwrap().clone()], false)
    };
    hsm.init_token("spare");
    for label in ["p256", "p384", "p521", "rsa"] {
        module.orders(&[("C_Sign", 0, "spoil")]);
        let error = refused_through(&hsm, &module, &private(label));
        assert!(error.contains("does not verify with the recorded public key"), "{label}: {error}");
        // What was made and did not prove itself does not stay.
        assert_eq!(hsm.count("spare", USER_PIN, label), 0);
        module.behave();
        restored_through(&hsm, &module, &private(label));
        // Once to ask for the length, once to sign; in the session, and in the token.
        assert_eq!((module.calls("C_Sign"), hsm.count("spare", USER_PIN, label)), (4, 1), "{label}");
    }
    // A token that has no PKCS#1 v1.5 signatures has the RSA key prove itself by PSS.
    module.orders(&[("C_SignInit", 0x40, "refuse"), ("C_Sign", 0, "spoil")]);
    hsm.user("spare", USER_PIN, &["--delete-object", "--type", "privkey", "--id", "03"]);
    let error = refused_through(&hsm, &module, &private("rsa"));
    assert!(error.contains("does not verify with the recorded public key"), "{error}");
    module.orders(&[("C_SignInit", 0x40, "refuse")]);
    restored_through(&hsm, &module, &private("rsa"));
    assert_eq!((module.calls("C_SignInit"), module.calls("C_Sign")), (4, 4));
    // A backup does not count a key that does not prove itself either.
    module.orders(&[("C_Sign", 0, "spoil")]);
    let (_, left) = backup_through(&hsm, &module);
    let left = left.unwrap().left_out;
    for label in ["p256", "p384", "p521", "rsa"] {
        assert!(left.iter().any(|l| l.object.label.as_str() == label), "{label}: {left:?}");
    }
}

#[test]
fn a_key_that_wants_the_pin_at_each_use_is_given_it_once_more() {
    let hsm = SoftHsm::with_token("ca");
    for (kind, label, id) in [("rsa:2048", "careful", "01"), ("EC:prime256v1", "careful-ec", "03")] {
        let args = ["--keypairgen", "--key-type", kind, "--label", label, "--id", id, "--usage-sign"];
        hsm.user("ca", USER_PIN, &[&args[..], &["--extractable", "--always-auth"]].concat());
    }
    extractable(&hsm, "EC:prime256v1", "p256", "02");
    let module = faulty(&hsm);
    let (tape, left) = backup_through(&hsm, &module);
    assert_eq!(left.unwrap(), Export::default());
    // The user's login, and those of the keys; to sign at once is to ask for the length first.
    assert_eq!((module.calls("C_Login"), module.calls("C_Sign")), (3, 4));
    hsm.init_token("spare");
    for label in ["careful", "careful-ec"] {
        let is_it = |entry: &&BackupEntry| entry.object.label.as_str() == label;
        let one = tape.0.iter().filter(is_it).filter(|entry| entry.object.class == ObjectClass::PrivateKey);
        let one = Tape(one.cloned().collect(), false);
        module.orders(&[("C_Sign", 0, "spoil")]);
        let error = refused_through(&hsm, &module, &one);
        assert!(error.contains("does not verify"), "{label}: {error}");
        module.behave();
        restored_through(&hsm, &module, &one);
        assert_eq!(hsm.count("spare", USER_PIN, label), 1);
    }
    let listed = hsm.user("spare", USER_PIN, &["-O", "--type", "privkey"]).to_lowercase();
    assert_eq!(listed.matches("always auth").count(), 2, "{listed}");
}
