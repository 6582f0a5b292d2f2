//! Deletion of exactly what was pinned.

use super::*;
use crate::{encoding::digest::Digest, ports::token::Effect, proposal::target::ObjectClass};

fn delete(
    token: &mut Pkcs11Token,
    run: Attempt,
    pinned: &[ObjectRecord],
) -> Result<crate::ports::token::Deletion, TokenError> {
    token.delete(right(), &pin(USER_PIN), pinned, run, &mut Silent)
}

/// A token with three keys, and what its first key pair looks like.
fn three_keys() -> (SoftHsm, Vec<ObjectRecord>) {
    let hsm = SoftHsm::with_token("ca");
    hsm.make_key("ca", "EC:prime256v1", "old", "01");
    hsm.make_key("ca", "EC:prime256v1", "new", "02");
    hsm.make_secret("ca", "AES:32", "wrap", "03");
    let inventory = token(&hsm, by_label("ca")).inventory(&pin(USER_PIN)).unwrap();
    let pinned = labelled(&inventory, "old");
    assert_eq!(pinned.len(), 2);
    (hsm, pinned)
}

#[test]
fn the_pinned_pair_goes_and_nothing_else() {
    let (hsm, pinned) = three_keys();
    let mut token = token(&hsm, by_label("ca"));
    let deletion = delete(&mut token, Attempt::First, &pinned).unwrap();
    assert_eq!(deletion.destroyed, pinned);
    assert!(deletion.already_gone.is_empty() && deletion.remaining.is_empty());
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 0);
    assert_eq!((hsm.count("ca", USER_PIN, "new"), hsm.count("ca", USER_PIN, "wrap")), (2, 1));
    // A first run expects them; a resumed one finds its work done.
    assert_eq!(delete(&mut token, Attempt::First, &pinned).unwrap_err().effect, Effect::None);
    assert_eq!(delete(&mut token, Attempt::Resumed, &pinned).unwrap().already_gone, pinned);
}

#[test]
fn a_private_key_alone_loses_its_public_half_and_nothing_is_missed() {
    let (hsm, pinned) = three_keys();
    let public: Vec<_> = pinned.iter().filter(|o| o.class == ObjectClass::PublicKey).cloned().collect();
    let deletion = delete(&mut token(&hsm, by_label("ca")), Attempt::First, &public).unwrap();
    assert_eq!(deletion.destroyed, public);
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 1);
}

#[test]
fn a_private_key_whose_public_object_went_in_a_crashed_run_is_recognised() {
    let (hsm, pinned) = three_keys();
    hsm.user("ca", USER_PIN, &["--delete-object", "--type", "pubkey", "--id", "01"]);
    let mut token = token(&hsm, by_label("ca"));
    assert_eq!(delete(&mut token, Attempt::First, &pinned).unwrap_err().effect, Effect::None);
    let deletion = delete(&mut token, Attempt::Resumed, &pinned).unwrap();
    assert_eq!((deletion.destroyed.len(), deletion.already_gone.len()), (1, 1));
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 0);
}

#[test]
fn twins_go_together_or_not_at_all() {
    let (hsm, _) = three_keys();
    // The same public object twice: nothing tells the two apart.
    let file = hsm.dir.path().join("pub.der");
    let path = file.to_str().unwrap();
    hsm.user("ca", USER_PIN, &["--read-object", "--type", "pubkey", "--id", "02", "-o", path]);
    let import = ["--write-object", path, "--type", "pubkey", "--id", "02", "--label", "new"];
    hsm.user("ca", USER_PIN, &import);
    let mut token = token(&hsm, by_label("ca"));
    let inventory = token.inventory(&pin(USER_PIN)).unwrap();
    let pinned = labelled(&inventory, "new");
    assert_eq!(pinned.len(), 3);
    let error = delete(&mut token, Attempt::First, &pinned[1..2]).unwrap_err();
    assert_eq!(error.effect, Effect::None);
    assert!(error.message.contains("2 times, 1 of them approved"), "{error}");
    assert_eq!(hsm.count("ca", USER_PIN, "new"), 3);
    // Both of them, and the private key stays.
    assert_eq!(delete(&mut token, Attempt::First, &pinned[1..]).unwrap().destroyed, pinned[1..]);
    assert_eq!(hsm.count("ca", USER_PIN, "new"), 1);
}

#[test]
fn a_replaced_object_is_refused() {
    let (hsm, pinned) = three_keys();
    hsm.user("ca", USER_PIN, &["--delete-object", "--type", "privkey", "--id", "01"]);
    hsm.user("ca", USER_PIN, &["--delete-object", "--type", "pubkey", "--id", "01"]);
    hsm.make_key("ca", "EC:prime256v1", "old", "01");
    for run in [Attempt::First, Attempt::Resumed] {
        let error = delete(&mut token(&hsm, by_label("ca")), run, &pinned).unwrap_err();
        assert_eq!(error.effect, Effect::None);
        assert!(error.message.contains("is not there as pinned"), "{error}");
    }
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 2);
}

#[test]
fn an_added_look_alike_stays() {
    let (hsm, pinned) = three_keys();
    hsm.make_key("ca", "EC:prime256v1", "old", "77");
    let deletion = delete(&mut token(&hsm, by_label("ca")), Attempt::First, &pinned).unwrap();
    assert_eq!(deletion.destroyed, pinned);
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 2);
}

/// A private key of which SoftHSM shows no public half: what lies beside it is told, and is not what it is.
#[test]
fn what_lies_beside_a_key_is_evidence_and_not_identity() {
    let (hsm, pinned) = three_keys();
    let private = pinned.iter().find(|o| o.class == ObjectClass::PrivateKey).unwrap();
    let public = pinned.iter().find(|o| o.class == ObjectClass::PublicKey).unwrap();
    let evidence = private.evidence.unwrap();
    assert_eq!((private.public_key_sha256, evidence.source), (None, ObjectClass::PublicKey));
    assert_eq!(Some(evidence.public_key_sha256), public.public_key_sha256);
    hsm.user("ca", USER_PIN, &["--delete-object", "--type", "pubkey", "--id", "01"]);
    let now = labelled(&token(&hsm, by_label("ca")).inventory(&pin(USER_PIN)).unwrap(), "old");
    assert!(now[0].is_same_object(private) && now[0].evidence.is_none());
}

/// Two data objects with nothing in them are two that are known to be alike, not two of which nothing is known.
#[test]
fn an_empty_value_has_a_digest_and_a_long_label_too() {
    let hsm = SoftHsm::with_token("ca");
    let (file, long) = (hsm.dir.path().join("empty"), "x".repeat(300));
    std::fs::write(&file, "").unwrap();
    let path = file.to_str().unwrap();
    hsm.user("ca", USER_PIN, &["--write-object", path, "--type", "data", "--label", &long]);
    let found = token(&hsm, by_label("ca")).inventory(&pin(USER_PIN)).unwrap();
    assert_eq!(found.objects[0].value_sha256, Some(Digest::of(b"")));
    assert_eq!(found.objects[0].label_sha256, Some(Digest::of(long.as_bytes())));
}

#[test]
fn another_token_with_the_same_label_is_not_touched() {
    let (hsm, pinned) = three_keys();
    let serial = hsm.serial("ca");
    hsm.init_token("ca");
    let error = delete(&mut token(&hsm, by_label("ca")), Attempt::First, &pinned).unwrap_err();
    assert!(error.message.contains("2 tokens answer"), "{error}");
    let by_serial = Select::Serial { serial: serial.clone(), label: "ca".to_owned() };
    assert_eq!(delete(&mut token(&hsm, by_serial), Attempt::First, &pinned).unwrap().destroyed.len(), 2);
    // The label alone, with another serial, is another token.
    let other = Select::Serial { serial: "0123456789abcdef".to_owned(), label: "ca".to_owned() };
    let error = token(&hsm, other).observe().unwrap_err();
    assert!(error.message.contains(&serial), "{error}");
}

#[test]
fn errors_before_and_after_the_effect_are_told_apart_by_looking() {
    for (kind, gone) in [("error", false), ("late-error", true)] {
        let (hsm, pinned) = three_keys();
        let module = faulty(&hsm);
        module.order("C_DestroyObject", 2, kind);
        let deletion =
            delete(&mut faulty_token(&hsm, &module, by_label("ca")), Attempt::First, &pinned).unwrap();
        assert_eq!(deletion.destroyed.len(), if gone { 2 } else { 1 }, "{kind}");
        assert_eq!(deletion.remaining.len(), if gone { 0 } else { 1 });
        if let Some(left) = deletion.remaining.first() {
            assert!(left.reason.as_str().contains("CKR_DEVICE_ERROR"));
        }
        assert_eq!(hsm.count("ca", USER_PIN, "old"), deletion.remaining.len());
        module.behave();
        let again =
            delete(&mut faulty_token(&hsm, &module, by_label("ca")), Attempt::Resumed, &pinned).unwrap();
        assert_eq!(again.destroyed.len() + again.already_gone.len(), 2);
        assert_eq!(hsm.count("ca", USER_PIN, "old"), 0);
    }
}

#[test]
fn a_token_that_vanishes_is_not_a_token_without_objects() {
    let (hsm, pinned) = three_keys();
    let module = faulty(&hsm);
    let aside = hsm.dir.path().join("aside");
    module.script(&format!("mkdir {0} && mv {1}/* {0}/", aside.display(), hsm.tokens().display()));
    module.order("C_DestroyObject", 1, "remove");
    let error =
        delete(&mut faulty_token(&hsm, &module, by_label("ca")), Attempt::First, &pinned).unwrap_err();
    assert_eq!(error.effect, Effect::Unknown, "{error}");
    // And a resumed run on the missing token says so, instead of "already gone".
    module.behave();
    let error =
        delete(&mut faulty_token(&hsm, &module, by_label("ca")), Attempt::Resumed, &pinned).unwrap_err();
    assert_eq!(error.effect, Effect::None, "{error}");
    assert!(error.message.contains("no token \"ca\""), "{error}");
}

#[test]
fn an_authorisation_for_another_target_is_refused() {
    let (hsm, pinned) = three_keys();
    let other = Authorization::for_test(Name::new("other").unwrap());
    let result =
        token(&hsm, by_label("ca")).delete(other, &pin(USER_PIN), &pinned, Attempt::First, &mut Silent);
    assert_eq!(result.unwrap_err().function, "authorization");
    assert_eq!(hsm.count("ca", USER_PIN, "old"), 2);
}
