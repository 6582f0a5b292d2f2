//! Which keys belong to which kind of target.

use super::*;

const TOKEN: &str = "name = \"hsm\"\nkind = \"pkcs11\"\nmodule = \"/m.so\"\nstart = \"initialise\"\nlabel = \"ca\"\n\
    [credentials]\nso-pin = { authority = \"so\", custody = \"held\" }\nuser-pin = { authority = \"co\", custody = \"held\" }\n";
const PROGRAM: &str = "name = \"disk\"\nkind = \"command\"\nprogram = \"/p\"\n\
    sha256 = \"0000000000000000000000000000000000000000000000000000000000000000\"\n\
    [credentials]\nsecret = { authority = \"co\", custody = \"held\" }\n";

fn read(text: &str) -> Result<TargetTable, String> {
    toml::from_str(text).map_err(|error| error.message().to_owned())
}

#[test]
fn a_target_has_the_keys_of_its_kind() {
    let token = read(TOKEN).unwrap();
    assert_eq!(token.place, Place::Pkcs11 { module: "/m.so".parse().unwrap(), slot: None });
    assert!(matches!(token.start, JoiningAs::Empty { .. }));
    let in_use = read(&TOKEN.replace("\"initialise\"", "\"take-over\"\nserial = \"7\"")).unwrap();
    assert!(matches!(in_use.start, JoiningAs::InUse { serial, .. } if serial.as_str() == "7"));
    let program = read(PROGRAM).unwrap();
    assert_eq!((program.label().as_str(), program.start()), ("disk", StartKind::TakeOver));
    assert!(program.place.is_program());
}

#[test]
fn a_target_with_keys_of_another_kind_is_refused() {
    let practice = ("kind = \"pkcs11\"\nmodule = \"/m.so\"", "kind = \"practice\"\npath = \"/t\"\nslot = 1");
    let held = "custody = \"held\"";
    let cases = [
        (
            TOKEN,
            "module = \"/m.so\"",
            "program = \"/m.so\"",
            "'program' and 'sha256' are for targets of kind",
        ),
        (TOKEN, "module = \"/m.so\"\n", "", "a pkcs11 target has a 'module', but no 'path'"),
        (TOKEN, practice.0, practice.1, "a practice target has a 'path', but no 'module' or 'slot'"),
        (TOKEN, "label = \"ca\"\n", "", "a token needs 'start' and 'label'"),
        (TOKEN, "\"initialise\"", "\"take-over\"", "a token in use also needs its 'serial'"),
        (
            TOKEN,
            "\"initialise\"",
            "\"initialise\"\nserial = \"7\"",
            "an empty token does not have a 'serial' yet",
        ),
        (TOKEN, "user-pin = {", "secret = {", "credentials.secret: that is for targets of kind \"command\""),
        (
            TOKEN,
            "user-pin = {",
            "backup-key = {",
            "an empty token needs credentials.so-pin and credentials.user-pin",
        ),
        (
            TOKEN,
            "\"so\", custody = \"held\"",
            "\"so\", custody = \"borrowed\"",
            "credentials.so-pin of an empty token must be 'held'",
        ),
        (
            TOKEN,
            "\"co\", custody = \"held\"",
            "\"co\", custody = \"held\", source = \"handed-over\"",
            "is handed over",
        ),
        (
            TOKEN,
            "\"co\", custody = \"held\"",
            "\"co\", custody = \"held\", pin_length = 3",
            "pin_length is 3: 4 to 255",
        ),
        (
            TOKEN,
            "\"co\", custody = \"held\"",
            "\"co\", custody = \"reissued\"",
            "is sealed to its application's 'recipient'",
        ),
        (
            PROGRAM,
            "program = \"/p\"",
            "program = \"/p\"\nlabel = \"x\"",
            "a command target needs 'program', 'sha256' and 'credentials'",
        ),
        (PROGRAM, "secret = {", "user-pin = {", "credentials.user-pin: those of a program are secret"),
        (
            PROGRAM,
            held,
            "custody = \"reissued\"",
            "credentials.secret: that of a program must be 'held' or 'borrowed'",
        ),
        (PROGRAM, held, "custody = \"held\", pin_length = 9", "'pin_length' is for the PINs of tokens"),
        (PROGRAM, held, "custody = \"borrowed\", source = \"handed-over\"", "only a held one is handed over"),
        (
            PROGRAM,
            "secret = { authority = \"co\", custody = \"held\" }\n",
            "",
            "the quorum would keep nothing",
        ),
    ];
    for (good, from, to, reason) in cases {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from}");
        let said = read(&text).map(|_| ()).expect_err(&text);
        assert!(said.starts_with("target ") && said.contains(reason), "{text}\n{said}");
    }
}

#[test]
fn what_is_not_a_path_or_a_label_is_refused() {
    for (from, to, reason) in [
        ("\"/m.so\"", "\"m.so\"", "\"m.so\" is not an absolute path without '..'"),
        ("\"ca\"", "\"ca \"", "label \"ca \": 1 to 32 bytes, no blank at either end"),
    ] {
        assert_eq!(read(&TOKEN.replace(from, to)).map(drop), Err(reason.to_owned()));
    }
}
