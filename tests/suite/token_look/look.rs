//! What is shown of tokens that are there.

use std::{fs, os::unix::fs::symlink, path::Path};

use crate::support::{
    quorum::{Quorum, Ran},
    softhsm::{FaultyModule, MODULE, SO_PIN, SoftHsm, USER_PIN},
    tokens::Target,
};

fn list(quorum: &Quorum, module: &str) -> Ran {
    quorum.run(&["token", "list", "--module", module])
}

fn show(quorum: &Quorum, module: &Path, more: &[&str]) -> Ran {
    let module = module.to_str().unwrap();
    quorum.run(&[&["token", "show", "--module", module], more].concat())
}

#[test]
fn tokens_are_listed_and_shown_without_a_pin() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    let listed = list(&quorum, module.path.to_str().unwrap()).ok();
    let tokens = listed.json["tokens"].as_array().unwrap();
    assert_eq!(tokens.len(), 2, "{}", listed.stdout);
    let token = tokens.iter().find(|t| t["identity"]["label"] == "lab").unwrap();
    assert_eq!(token["identity"]["serial"], quorum.hsm().serial("lab"));
    assert_eq!(token["pin_length"], serde_json::json!([4, 255]));
    assert!(token["flags"].as_array().unwrap().contains(&"user PIN set".into()), "{token}");
    for select in [&["--label", "lab"][..], &["--serial", &quorum.hsm().serial("lab")]] {
        let shown = show(&quorum, &module.path, select).ok();
        assert_eq!(shown.json["objects"].as_array().unwrap().len(), 2);
        let names: Vec<&str> = shown.json["mechanisms"]
            .as_array()
            .unwrap()
            .iter()
            .map(|m| m["name"].as_str().unwrap())
            .collect();
        assert!(names.contains(&"CKM_AES_KEY_WRAP") && names.contains(&"CKM_ECDSA"), "{names:?}");
        let slot = shown.json["slot"].to_string();
        assert_eq!(show(&quorum, &module.path, &["--slot", &slot]).ok().json, shown.json);
    }
    // Nothing that could cost a try or change anything was called; keys and objects are as they were.
    for function in ["C_Login", "C_InitToken", "C_SetPIN"] {
        assert_eq!(module.calls(function), 0, "{function}");
    }
    assert!(quorum.hsm().can_log_in("lab", "so", SO_PIN) && quorum.hsm().can_log_in("lab", "user", USER_PIN));
    assert_eq!(quorum.hsm().user("lab", USER_PIN, &["-O"]).matches(" Object;").count(), 4);
    let prose = quorum.prose(&["token", "show", "--module", MODULE, "--label", "lab"]).ok();
    assert!(prose.stdout.contains("backup        yes"), "{}", prose.stdout);
}

/// What `..` leads to behind a link is known to the system only.
#[test]
fn a_module_is_found_where_its_path_goes_upwards_behind_a_link() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let real = fs::canonicalize(MODULE).unwrap();
    let real = real.to_str().unwrap();
    let (directory, file) = real.rsplit_once('/').unwrap();
    symlink(directory, quorum.path("files/vendor")).unwrap();
    let upwards = quorum.at("files/vendor/../");
    let module = format!("{upwards}{}/{file}", directory.rsplit_once('/').unwrap().1);
    assert_eq!(list(&quorum, &module).ok().json, list(&quorum, real).ok().json);
    let lab = ["--label", "lab"];
    let shown = show(&quorum, Path::new(&module), &lab).ok();
    assert_eq!(shown.json, show(&quorum, Path::new(real), &lab).ok().json);
    let absent = list(&quorum, &format!("{upwards}{file}")).expect(1);
    assert!(absent.error().contains("No such file or directory"), "{}", absent.error());
}

#[test]
fn a_mechanism_is_shown_that_the_library_has_no_name_for() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    module.orders(&[("C_GetMechanismList", 0, "kwp")]);
    let shown = show(&quorum, &module.path, &["--label", "lab"]).ok();
    let mechanisms = shown.json["mechanisms"].as_array().unwrap();
    let kwp = mechanisms.iter().find(|m| m["name"] == "CKM_AES_KEY_WRAP_KWP").unwrap();
    assert!(kwp["uses"].as_array().unwrap().contains(&"wrap".into()), "{kwp}");
    assert!(!mechanisms.iter().any(|m| m["name"] == "CKM_AES_KEY_WRAP_PAD"), "{mechanisms:?}");
}

#[test]
fn a_target_is_shown_by_its_name_in_the_ledger() {
    let quorum = Quorum::of(5).softhsm_in_use().founded();
    let (ledger, serial) = (quorum.at("ledger"), quorum.hsm().serial("lab"));
    let shown = quorum.run(&["token", "show", "--ledger", &ledger, "hsm"]).ok();
    assert_eq!(shown.json["identity"]["serial"], serial);
    quorum.run(&["token", "show", "--ledger", &ledger, "nobody"]).expect(3);
    quorum.run(&["token", "show", "--ledger", &ledger]).expect(2);
    quorum.run(&["token", "show"]).expect(2);
    quorum.unplug();
    let gone = quorum.run(&["token", "show", "--ledger", &ledger, "hsm"]).expect(1);
    assert!(gone.error().contains("no such token"), "{}", gone.error());
}

#[test]
fn another_file_than_the_pinned_module_is_not_loaded_for_a_target() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = quorum.path("module.so");
    fs::copy(MODULE, &module).unwrap();
    quorum.found(&[Target::in_use(quorum.hsm(), "lab").module(&module)]);
    let mut bytes = fs::read(&module).unwrap();
    bytes.push(0);
    fs::write(&module, bytes).unwrap();
    quorum.run(&["token", "show", "--ledger", &quorum.at("ledger"), "hsm"]).expect(3);
}

#[test]
fn several_tokens_or_none_are_an_error_that_names_them() {
    let hsm = SoftHsm::with_token("one");
    hsm.init_token("two");
    let quorum = Quorum::of(5).over(hsm);
    let several = show(&quorum, Path::new(MODULE), &[]).expect(1);
    assert!(
        several.error().contains("3 tokens match") && several.error().contains("one"),
        "{}",
        several.error()
    );
    show(&quorum, Path::new(MODULE), &["--label", "three"]).expect(1);
    show(&quorum, Path::new(MODULE), &["--label", "one", "--serial", "0"]).expect(1);
}

#[test]
fn what_is_no_module_says_so() {
    let quorum = Quorum::of(5).over(SoftHsm::new());
    fs::write(quorum.path("text.so"), "not a library").unwrap();
    let mut foreign = fs::read(MODULE).unwrap();
    foreign[18] ^= 0x55;
    fs::write(quorum.path("foreign.so"), foreign).unwrap();
    let library = "/lib/x86_64-linux-gnu/libc.so.6";
    for (module, said) in [
        (quorum.at("text.so"), "no ELF header"),
        (quorum.at("foreign.so"), "another kind of machine"),
        (quorum.at("missing.so"), "No such file"),
        (library.to_owned(), "not a PKCS#11 module"),
    ] {
        if module == library && !Path::new(library).exists() {
            continue;
        }
        let ran = list(&quorum, &module).expect(1);
        assert!(ran.error().contains(said), "{}", ran.error());
    }
}

#[test]
fn a_module_that_crashes_or_hangs_while_it_is_looked_at_is_said_to() {
    let quorum = Quorum::of(5).softhsm_in_use().enrolled();
    let module = FaultyModule::compile(quorum.dir.path());
    for (function, kind, said) in [
        ("C_Initialize", "crash", "crashed (signal 11) during C_Initialize"),
        ("C_GetMechanismList", "crash", "crashed (signal 11) during C_GetMechanismList"),
        ("C_WrapKey", "hang", "no answer for 1 s during C_WrapKey"),
    ] {
        module.order(function, 1, kind);
        let path = module.path.to_str().unwrap();
        let args = ["token", "show", "--module", path, "--label", "lab", "--module-timeout", "1"];
        let ran = quorum.run(&args).expect(1);
        assert!(ran.error().contains(said), "{}", ran.error());
    }
}
