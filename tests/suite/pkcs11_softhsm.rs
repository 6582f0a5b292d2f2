//! What can be read from a PKCS#11 token, against SoftHSM 2 and its independent client.

use std::{path::PathBuf, process::Command, time::Instant};

use crate::support::softhsm::{FaultyModule, MODULE, SoftHsm, TIME_LIMIT, USER_PIN};
use quorate::{
    encoding::{digest::Digest, text::Name},
    memory::Pin,
    pkcs11::{AbsentTokens, Meter, Pkcs11Settings, Pkcs11Token, Select, list},
    ports::{
        cause::Cause,
        token::{Effect, Target as _, Token as _},
    },
    proposal::target::{Inventory, ObjectClass, Tries},
};

fn settings(hsm: &SoftHsm, label: &str) -> Pkcs11Settings {
    Pkcs11Settings {
        module: MODULE.parse().unwrap(),
        select: Select::Label { label: label.to_owned() },
        time_limit: TIME_LIMIT,
        module_sha256: None,
        environment: hsm.environment(),
        meter: Meter::default(),
        waited: AbsentTokens::default(),
        worker: Some(PathBuf::from(env!("CARGO_BIN_EXE_quorate"))),
    }
}

fn token(hsm: &SoftHsm, label: &str) -> Pkcs11Token {
    Pkcs11Token::open(Name::new("hsm").unwrap(), settings(hsm, label)).unwrap()
}

fn inventory(hsm: &SoftHsm) -> Inventory {
    token(hsm, "ca").inventory(&Pin::copy_of(USER_PIN.as_bytes()).unwrap()).unwrap()
}

#[test]
fn public_keys_hash_to_what_another_client_exports() {
    let hsm = SoftHsm::with_token("ca");
    for (kind, id, key_type) in [
        ("EC:prime256v1", "01", "ec-p256"),
        ("EC:secp384r1", "02", "ec-p384"),
        ("rsa:2048", "03", "rsa-2048"),
        ("EC:edwards25519", "04", "ed25519"),
    ] {
        hsm.make_key("ca", kind, key_type, id);
    }
    let inventory = inventory(&hsm);
    for (id, key_type) in [("01", "ec-p256"), ("02", "ec-p384"), ("03", "rsa-2048"), ("04", "ed25519")] {
        let spki = exported(&hsm, id, key_type);
        let pair: Vec<_> = inventory.objects.iter().filter(|o| o.id == id).collect();
        assert_eq!(pair.len(), 2);
        for object in pair {
            assert_eq!(object.key_type, key_type);
            // SoftHSM shows no public half of a private EC key itself: the public key beside it does.
            let beside = object.evidence.as_ref().map(|evidence| evidence.public_key_sha256);
            assert_eq!(object.public_key_sha256.or(beside), Some(Digest::of(&spki)), "{object}");
        }
    }
}

/// The SubjectPublicKeyInfo by `pkcs11-tool`: as it exports it or, for curves that it cannot export, from
/// the point that it prints and the fixed bytes before it (RFC 5480, RFC 8410).
fn exported(hsm: &SoftHsm, id: &str, key_type: &str) -> Vec<u8> {
    let prefix = match key_type {
        "ec-p384" => "3076301006072a8648ce3d020106052b81040022036200",
        "ed25519" => "302a300506032b6570032100",
        _ => {
            let file = hsm.dir.path().join("pub.der");
            let path = file.to_str().unwrap();
            hsm.user("ca", USER_PIN, &["--read-object", "--type", "pubkey", "--id", id, "-o", path]);
            return std::fs::read(file).unwrap();
        }
    };
    let listed = hsm.user("ca", USER_PIN, &["-O", "--type", "pubkey"]);
    let object = listed.split("Public Key Object").find(|o| o.contains(&format!("ID:         {id}\n")));
    let point =
        object.unwrap().lines().find_map(|line| line.trim().strip_prefix("EC_POINT:")).unwrap().trim();
    // The OCTET STRING around it has a header of two bytes.
    let hex = format!("{prefix}{}", point.get(4..).unwrap());
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

#[test]
fn secret_keys_certificates_and_data_are_recorded() {
    let hsm = SoftHsm::with_token("ca");
    hsm.make_secret("ca", "AES:32", "wrap", "05");
    hsm.make_secret("ca", "GENERIC:20", "mac", "06");
    hsm.make_key("ca", "EC:prime256v1", "root", "07");
    let dir = hsm.dir.path();
    let (key, cert) = (dir.join("key.pem"), dir.join("cert.der"));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
        .args(["-subj", "/CN=test", "-outform", "DER", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&cert)
        .output()
        .unwrap();
    assert!(made.status.success());
    let path = cert.to_str().unwrap();
    hsm.user("ca", USER_PIN, &["--write-object", path, "--type", "cert", "--label", "cert", "--id", "08"]);
    let spki = Command::new("openssl").args(["pkey", "-pubout", "-outform", "DER", "-in"]).arg(&key).output();
    let inventory = inventory(&hsm);
    let one = |label: &str| inventory.objects.iter().find(|o| o.label.as_str() == label).unwrap();
    assert_eq!(one("wrap").key_type, "aes-256");
    assert!(one("wrap").check_value.is_some());
    assert_eq!(one("mac").key_type, "generic-160");
    assert_eq!(one("cert").class, ObjectClass::Certificate);
    assert_eq!(one("cert").value_sha256, Some(Digest::of(&std::fs::read(&cert).unwrap())));
    assert_eq!(one("cert").public_key_sha256, Some(Digest::of(&spki.unwrap().stdout)));
    assert_eq!(one("root").extractable, Some(false));
    assert!(inventory.objects.is_sorted());
}

#[test]
fn all_slots_are_listed_without_login() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    let slots = list(&settings(&hsm, "one")).unwrap();
    let labels: Vec<String> =
        slots.iter().map(|s| s.token.as_ref().unwrap().identity.label.to_string()).collect();
    assert!(labels.contains(&"one".to_owned()) && labels.contains(&"two".to_owned()));
    assert_eq!(slots.iter().filter(|s| !s.token.as_ref().unwrap().initialised).count(), 1);
    let observed = token(&hsm, "two").observe().unwrap();
    assert_eq!(observed.identity.serial.as_str(), hsm.serial("two"));
    assert_eq!(observed.identity.module_sha256, Some(Digest::of(&std::fs::read(MODULE).unwrap())));
    assert_eq!((observed.pin_length, observed.so_tries), ((4, 255), Tries::Full));
}

#[test]
fn a_wrong_user_pin_is_tried_once_and_shown() {
    let hsm = SoftHsm::with_token("ca");
    let mut token = token(&hsm, "ca");
    let error = token.inventory(&Pin::copy_of(b"wrong-pin").unwrap()).unwrap_err();
    assert_eq!((&error.cause, error.effect), (&Cause::PinIncorrect, Effect::None));
    assert!(!format!("{error} {}", error.hint).contains("wrong-pin"));
    assert_eq!(token.observe().unwrap().user_tries, Tries::Low);
}

#[test]
fn a_bad_configuration_is_the_modules_error() {
    let hsm = SoftHsm::with_token("ca");
    let mut settings = settings(&hsm, "ca");
    settings.environment = vec![("SOFTHSM2_CONF".to_owned(), "/nonexistent/softhsm2.conf".to_owned())];
    let mut token = Pkcs11Token::open(Name::new("hsm").unwrap(), settings).unwrap();
    let error = token.observe().unwrap_err();
    assert_eq!((error.function.as_str(), error.cause), ("C_Initialize", Cause::GeneralError));
}

#[test]
fn one_worker_after_the_other_sees_the_same() {
    let hsm = SoftHsm::with_token("ca");
    let mut token = token(&hsm, "ca");
    let first = token.observe().unwrap();
    let begin = Instant::now();
    for _ in 0..10 {
        assert_eq!(token.observe().unwrap(), first);
    }
    println!("{} ms for start and observation", begin.elapsed().as_millis() / 10);
}

#[test]
fn the_hidden_verb_is_of_no_use_to_a_person() {
    let output = Command::new(env!("CARGO_BIN_EXE_quorate"))
        .arg("pkcs11-worker")
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(output.stdout.is_empty());
}

/// A token that should be there may be hidden for a moment, while another application works with it: that is looked into again.
/// That nothing bears a new label is what everybody hopes for.
#[test]
fn only_a_token_that_should_be_there_is_looked_for_again() {
    let hsm = SoftHsm::with_token("ca");
    let module = FaultyModule::compile(hsm.dir.path());
    let label = "another".to_owned();
    for (select, looks) in
        [(Select::Namesake { label: label.clone() }, 1), (Select::Label { label: label.clone() }, 7)]
    {
        module.behave();
        let settings = Pkcs11Settings {
            module: module.path.to_str().unwrap().parse().unwrap(),
            select,
            ..settings(&hsm, "ca")
        };
        let mut token = Pkcs11Token::open(Name::new("hsm").unwrap(), settings).unwrap();
        assert_eq!(token.observe().unwrap_err().cause, Cause::TokenAbsent);
        assert_eq!(module.calls("C_Initialize"), looks);
    }
    let namesake = Select::Namesake { label: "ca".to_owned() };
    let settings = Pkcs11Settings { select: namesake, ..settings(&hsm, "ca") };
    let mut token = Pkcs11Token::open(Name::new("hsm").unwrap(), settings).unwrap();
    assert!(token.observe().unwrap().initialised);
}
