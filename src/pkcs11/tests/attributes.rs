//! Objects that a fixed list of attributes does not make again, and what restricts keys.

use super::{
    backup::{Player, Tape, backup_key},
    *,
};
use crate::{
    ports::token::{Export, Restoration},
    proposal::target::ObjectClass,
};

// A DSA pair with a modulus of 1,024 bits: for tests only.
const DSA_P: &str = "e3896ff3b74f8a26c217ac4c73c622ae0b33e791f6d8b2b1d276239734adb30a7d00813b031fe8c54b78f5ca0b5f1ee2f311\
    ed59760ed4bc44d3a259e1b0ebc6215240d84664e4feb90b4695533b3db442585c8ef1e60a9fb522c26bb84384edace90640\
    1a473459101bef68976ba9f93ff314daddebed3a08e6bd9575c88033";
const DSA_Q: &str = "ac104d704be4050c3a19a545474c736bdad378e15ea4a4f45a3d089d";
const DSA_G: &str = "7fb2459286419698988b6713d8a68d321516d57dc29754b198233d9f2aa0c794b2a89e97699d35e7497314ba7559d591cc9d\
    1dee642ec33a7ba859ce0801b820966756077943ea49a84dc88e2ed11e446930caefe64d52eec84d7c01a6b26da945a337c9\
    45f6e50aa09d92242dfdb6a27d70667f00744803ee2bc4bd316ac042";
const DSA_X: &str = "5d679098c1d2c81a5470bf57d6d0e26f04f0eeba629c9eef51c56811";
const DSA_Y: &str = "9207912c9bb6413d5a24ca3e47a5a2e5a963a80f901820af7e0803262c55ab639e224d240c74d28485b1242364776f0ca8ad\
    8322144a7167370fe024eb696457fba45d6c042e62fff812bfddb8bcb6a57f023c3a07883cd50df393d396dad3aefc4fce83\
    d296c6a8a8392dc45aba8fc7e5fef3dd37d0d1d9fcd18d9b487d9c1a";

const PRIVATE: &str = "0=n3";
const SECRET: &str = "0=n4";
const EXTRACTABLE: [&str; 4] = ["2=01", "103=01", "162=01", "100=n1f"];

/// An AES key that can leave the token.
fn aes(hsm: &SoftHsm, label: &str, id: &str, more: &[&str]) {
    let value = format!("11={}", id.repeat(32));
    let (label, id) =
        (format!("3={}", base16ct::lower::encode_string(label.as_bytes())), format!("102={id}"));
    let mut all = vec![SECRET, &label, &id, &value];
    all.extend(EXTRACTABLE);
    all.extend(more);
    hsm.make_object("ca", &all);
}

fn dsa_pair(hsm: &SoftHsm) {
    let domain = [format!("130={DSA_P}"), format!("131={DSA_Q}"), format!("132={DSA_G}")];
    let domain: Vec<&str> = domain.iter().map(String::as_str).collect();
    let (private, public) = (format!("11={DSA_X}"), format!("11={DSA_Y}"));
    let named = ["100=n1", "102=01", "3=647361"];
    hsm.make_object(
        "ca",
        &[&[PRIVATE, &private, "2=01", "103=01", "162=01", "108=01"], &named[..], &domain].concat(),
    );
    hsm.make_object("ca", &[&["0=n2", &public, "10a=01"], &named[..], &domain].concat());
}

fn backup(hsm: &SoftHsm) -> (Tape, Export) {
    let mut tape = Tape::default();
    let export =
        token(hsm, by_label("ca")).backup(right(), &pin(USER_PIN), &backup_key(7), &mut tape, &mut Silent);
    (tape, export.unwrap())
}

fn restore(hsm: &SoftHsm, tape: &Tape) -> Restoration {
    let mut player = Player(tape.0.clone().into_iter());
    let mut token = token(hsm, by_label("spare"));
    token.restore(right(), &pin(USER_PIN), &backup_key(7), &mut player, &mut Silent).unwrap()
}

/// The public half of a DSA pair is made of a prime, a subprime, a base and a value.
#[test]
fn keys_of_every_algorithm_come_back() {
    let hsm = SoftHsm::with_token("ca");
    dsa_pair(&hsm);
    // A public key for Diffie-Hellman.
    let (prime, value) = (format!("130={DSA_P}"), format!("11={DSA_Y}"));
    hsm.make_object("ca", &["0=n2", "100=n2", "102=02", "3=6468", "10c=01", &prime, "132=02", &value]);
    aes(&hsm, "good", "03", &["104=01", "105=01"]);
    let (tape, export) = backup(&hsm);
    assert_eq!((tape.0.len(), export), (4, Export::default()));
    hsm.init_token("spare");
    let restoration = restore(&hsm, &tape);
    assert_eq!((restoration.restored.len(), restoration.left_out, restoration.unkept), (4, vec![], vec![]));
    for (object, number, value) in [
        (&["0=n2", "3=647361"], "132", DSA_G),
        (&["0=n2", "3=647361"], "11", DSA_Y),
        (&["0=n2", "3=6468"], "130", DSA_P),
    ] {
        assert_eq!(hsm.attribute("spare", object, number), value);
    }
}

/// What no session object could be made of is not in a backup.
#[test]
fn a_copy_that_the_token_cannot_make_is_left_out() {
    let hsm = SoftHsm::with_token("ca");
    dsa_pair(&hsm);
    aes(&hsm, "good", "03", &[]);
    let module = faulty(&hsm);
    // The first two are the keys with which wrapping is tried.
    module.orders(&[("C_CreateObject", 0, "no-public-keys")]);
    let mut tape = Tape::default();
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    let export = token.backup(right(), &pin(USER_PIN), &backup_key(7), &mut tape, &mut Silent).unwrap();
    let [left] = &export.left_out[..] else { panic!("{export:?}") };
    assert_eq!(left.object.class, ObjectClass::PublicKey);
    assert!(left.reason.as_str().contains("CKR_ATTRIBUTE_VALUE_INVALID"), "{}", left.reason);
    assert_eq!(tape.0.len(), 2);
}

#[test]
fn restored_keys_keep_what_restricts_them() {
    let hsm = SoftHsm::with_token("ca");
    // CKM_AES_GCM and CKM_AES_KEY_WRAP; a template of what may be unwrapped.
    aes(&hsm, "narrow", "01", &["40000600=87100000000000000921000000000000", "171=00", "172=00"]);
    aes(&hsm, "careful", "02", &["106=01", "107=01", "40000212={103=01,162=00,100=n1f}"]);
    hsm.make_key("ca", "rsa:1024", "free", "03");
    let modulus = hsm.attribute("ca", &["0=n2", "102=03"], "120");
    let (modulus, exponent) = (format!("120={modulus}"), "122=010001");
    // SoftHSM's default of both is true.
    hsm.make_object("ca", &["0=n2", "100=n0", "3=7075", "102=04", &modulus, exponent, "10b=00", "170=00"]);
    let shown = |token: &str, object: &[&str], numbers: &[&str]| -> Vec<String> {
        numbers.iter().map(|number| hsm.attribute(token, object, number)).collect()
    };
    let asked: [(&[&str], &[&str]); 3] = [
        (&[SECRET, "102=01"], &["40000600", "171", "172"]),
        (&[SECRET, "102=02"], &["106"]),
        (&["0=n2", "102=04"], &["10b", "170"]),
    ];
    let before: Vec<_> = asked.iter().map(|(object, numbers)| shown("ca", object, numbers)).collect();
    assert_eq!(before[0][1..], ["00", "00"]);
    assert_eq!(before[2], ["00", "00"]);
    let (tape, export) = backup(&hsm);
    assert_eq!(export.unkept, []);
    let written = |id: &str| &tape.0.iter().find(|entry| entry.object.id == id).unwrap().attributes;
    assert_eq!(written("01")["CKA_ALLOWED_MECHANISMS"], "00000000000010870000000000002109");
    let number = |n: u64| base16ct::lower::encode_string(&n.to_be_bytes());
    let template = &written("02")["CKA_UNWRAP_TEMPLATE"];
    assert!(template.contains(&[number(0x162), number(1), "00".to_owned()].concat()), "{template}");
    assert!(template.contains(&[number(0x100), number(8), number(0x1f)].concat()), "{template}");
    hsm.init_token("spare");
    let restoration = restore(&hsm, &tape);
    assert_eq!((restoration.restored.len(), restoration.unkept), (tape.0.len(), vec![]));
    let after: Vec<_> = asked.iter().map(|(object, numbers)| shown("spare", object, numbers)).collect();
    assert_eq!(before, after);
    // The template too: it is read back, and a backup of the backup has it again.
    let mut again = Tape::default();
    token(&hsm, by_label("spare"))
        .backup(right(), &pin(USER_PIN), &backup_key(7), &mut again, &mut Silent)
        .unwrap();
    let again = again.0.iter().find(|entry| entry.object.id == "02").unwrap();
    assert_eq!(again.attributes["CKA_UNWRAP_TEMPLATE"], *template);
}

#[test]
fn what_a_token_does_not_keep_is_named() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    aes(&hsm, "narrow", "01", &["171=00"]);
    aes(&hsm, "free", "02", &[]);
    let through = |label: &str| faulty_token(&hsm, &module, by_label(label));
    // It takes CKA_COPYABLE and does not keep it.
    module.orders(&[("C_CreateObject", 0x171, "forget"), ("C_UnwrapKey", 0x171, "forget")]);
    let mut tape = Tape::default();
    let export =
        through("ca").backup(right(), &pin(USER_PIN), &backup_key(7), &mut tape, &mut Silent).unwrap();
    let named = |unkept: &[crate::ports::token::LeftOut]| -> Vec<(String, String)> {
        unkept.iter().map(|u| (u.object.label.as_str().to_owned(), u.reason.as_str().to_owned())).collect()
    };
    let lost = [("narrow".to_owned(), "the token does not keep CKA_COPYABLE".to_owned())];
    assert_eq!((tape.0.len(), named(&export.unkept)), (2, lost.to_vec()));
    // It refuses to be told.
    hsm.init_token("spare");
    module
        .orders(&[("C_CreateObject", 0x171, "refuse-attribute"), ("C_UnwrapKey", 0x171, "refuse-attribute")]);
    let mut player = Player(tape.0.clone().into_iter());
    let restoration =
        through("spare").restore(right(), &pin(USER_PIN), &backup_key(7), &mut player, &mut Silent).unwrap();
    assert_eq!((restoration.restored.len(), named(&restoration.unkept)), (2, lost.to_vec()));
}

/// A certificate is nothing without its subject, whatever else a token does not take: CKA_TRUSTED of the security officer, say.
#[test]
fn a_certificate_comes_back_without_what_a_token_does_not_take() {
    let hsm = SoftHsm::with_token("ca");
    let module = faulty(&hsm);
    aes(&hsm, "good", "01", &[]);
    hsm.make_object("ca", &["0=n1", "80=n0", "3=6361", "102=02", "101=3000", "11=3000", "87=n2"]);
    module.orders(&[("C_CreateObject", 0x87, "refuse-attribute")]);
    let mut tape = Tape::default();
    let mut token = faulty_token(&hsm, &module, by_label("ca"));
    let export = token.backup(right(), &pin(USER_PIN), &backup_key(7), &mut tape, &mut Silent).unwrap();
    assert_eq!((tape.0.len(), export.left_out), (2, vec![]));
    let [unkept] = &export.unkept[..] else { panic!("{:?}", export.unkept) };
    assert!(unkept.reason.as_str().ends_with("CKA_CERTIFICATE_CATEGORY"), "{}", unkept.reason);
}

/// Domain parameters are objects of the token like any other, and no backup takes them.
#[test]
fn objects_of_other_classes_are_left_out_by_name() {
    let hsm = SoftHsm::with_token("ca");
    aes(&hsm, "good", "01", &[]);
    let domain = [format!("130={DSA_P}"), format!("131={DSA_Q}"), format!("132={DSA_G}")];
    let domain: Vec<&str> = domain.iter().map(String::as_str).collect();
    hsm.make_object("ca", &[&["0=n6", "100=n1", "3=646f6d61696e", "2=00"], &domain[..]].concat());
    let (tape, export) = backup(&hsm);
    assert_eq!(tape.0.len(), 1);
    let [left] = &export.left_out[..] else { panic!("{export:?}") };
    assert_eq!(left.object.to_string(), "other \"domain\" id - (domain-parameters)");
    assert!(left.reason.as_str().contains("not backed up"), "{}", left.reason);
}
