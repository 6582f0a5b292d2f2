//! The programs of others, against this card: through libpcsclite, pcscd and vpcd, as they would against a real one.

use std::{fs, time::Instant};

use virtual_card::{Card, Daemon, Firmware, Manufacturer};

/// The program's standard output; it must succeed.
fn run(daemon: &Daemon, program: &str, args: &[&str]) -> String {
    let output =
        daemon.command(program).args(args).output().unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has(text: &str, part: &str) {
    assert!(text.contains(part), "no {part:?} in:\n{text}");
}

#[test]
fn ykman_knows_a_new_card_and_changes_it() {
    let maker = Manufacturer::new();
    for (firmware, management) in [(Firmware::V5_4_3, "TDES"), (Firmware::V5_7_1, "AES192")] {
        let card = Card::new(&maker, 12_345_678, firmware);
        let daemon = Daemon::with_cards(&[&card]);
        let ykman = |args: &[&str]| run(&daemon, "ykman", &[&["--device", "12345678"], args].concat());
        let info = ykman(&["info"]);
        has(&info, "Serial number: 12345678");
        has(&info, &format!("Firmware version: {firmware}"));

        let info = ykman(&["piv", "info"]);
        has(&info, &format!("PIV version: {firmware}"));
        has(&info, "PIN tries remaining: 3/3");
        has(&info, "Using default PIN");
        has(&info, &format!("Management key algorithm: {management}"));

        ykman(&["piv", "access", "change-pin", "--pin", "123456", "--new-pin", "7654321"]);
        let info = ykman(&["piv", "info"]);
        assert!(!info.contains("Using default PIN"), "{info}");

        ykman(&[
            "piv",
            "access",
            "change-management-key",
            "--protect",
            "--pin",
            "7654321",
            "--management-key",
            "010203040506070801020304050607080102030405060708",
        ]);
        has(&ykman(&["piv", "info"]), "Management key is stored on the YubiKey, protected by PIN");
        let key = ykman(&["piv", "keys", "generate", "--pin", "7654321", "-a", "ECCP256", "9a", "-"]);
        has(&key, "BEGIN PUBLIC KEY");
        ykman(&["piv", "reset", "--force"]);
        has(&ykman(&["piv", "info"]), "Using default PIN");
    }
}

#[test]
fn yubico_piv_tool_generates_attests_and_signs() {
    let maker = Manufacturer::with_intermediates();
    let card = Card::new(&maker, 7, Firmware::V5_4_3);
    let daemon = Daemon::with_cards(&[&card]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let tool = |args: &[&str]| run(&daemon, "yubico-piv-tool", args);

    has(&tool(&["-a", "status"]), "PIN tries left:\t3");
    tool(&["-a", "generate", "-s", "9c", "-A", "ECCP256", "-o", &path("public.pem"), "--pin-policy=always"]);
    fs::write(path("attestation.pem"), tool(&["-a", "attest", "-s", "9c"])).unwrap();
    fs::write(path("f9.pem"), tool(&["-a", "read-certificate", "-s", "f9"])).unwrap();
    let bundle = maker.bundle_pem();
    fs::write(path("chain.pem"), bundle + &fs::read_to_string(path("f9.pem")).unwrap()).unwrap();
    let verified =
        run(&daemon, "openssl", &["verify", "-CAfile", &path("chain.pem"), &path("attestation.pem")]);
    has(&verified, "OK");
    let attested = run(&daemon, "openssl", &["x509", "-in", &path("attestation.pem"), "-noout", "-pubkey"]);
    assert_eq!(attested, fs::read_to_string(path("public.pem")).unwrap());

    tool(&["-a", "import-certificate", "-s", "9c", "-i", &path("attestation.pem")]);
    has(&tool(&["-a", "status"]), "YubiKey PIV Attestation 9c");
    tool(&[
        "-a",
        "verify-pin",
        "-a",
        "test-signature",
        "-s",
        "9c",
        "-P",
        "123456",
        "-i",
        &path("attestation.pem"),
    ]);
    assert_eq!(card.count_of(0x87), 2 + 2 + 1, "two proofs of the management key, one signature");
}

#[test]
fn a_card_is_quick() {
    let maker = Manufacturer::new();
    let cards: Vec<Card> = (1..=5).map(|serial| Card::new(&maker, serial, Firmware::V5_7_1)).collect();
    let begin = Instant::now();
    let daemon = Daemon::with_cards(&cards.iter().collect::<Vec<_>>());
    println!("five cards are in after {:?}", begin.elapsed());
    let begin = Instant::now();
    daemon.eject(0);
    println!("one is out after {:?}", begin.elapsed());
    let begin = Instant::now();
    daemon.insert(0, &cards[0]);
    println!("and in again after {:?}", begin.elapsed());
    let begin = Instant::now();
    drop(daemon);
    println!("all is gone after {:?}", begin.elapsed());
}

/// Types a PIN as soon as the terminal shows no more what is typed. The prompt stands there a moment before that, and what
/// comes in between is thrown away.
const SECRETLY: &str = r#"
proc secretly {text} {
    global spawn_id spawn_out
    while {![string match "* -echo *" [exec stty -a < $spawn_out(slave,name)]]} { after 5 }
    send -- $text
}
"#;

/// A conversation on a terminal: the command, then what is waited for and which PIN is typed.
fn converse(daemon: &Daemon, command: &str, turns: &[(&str, &str)]) -> String {
    let mut script = format!("{SECRETLY}set timeout 180\nspawn {command}\n");
    for (prompt, answer) in turns {
        script += &format!(
            "expect {{\n  \"{prompt}\" {{ secretly \"{answer}\\r\" }}\n  eof {{ exit 90 }}\n  timeout {{ exit 91 }}\n}}\n"
        );
    }
    script += "expect {\n  eof {}\n  timeout { exit 92 }\n}\nexit [lindex [wait] 3]\n";
    run(daemon, "expect", &["-c", &script])
}

#[test]
fn age_plugin_yubikey_seals_and_opens() {
    let card = Card::new(&Manufacturer::new(), 9, Firmware::V5_4_3);
    let daemon = Daemon::with_cards(&[&card]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();

    run(&daemon, "ykman", &["--device", "9", "piv", "access", "change-pin", "-P", "123456", "-n", "246802"]);
    run(
        &daemon,
        "ykman",
        &["--device", "9", "piv", "access", "change-puk", "-p", "12345678", "-n", "87654321"],
    );
    let generate = "age-plugin-yubikey --generate --serial 9 --slot 1 --name test --pin-policy always --touch-policy always";
    // The key's policy wants the PIN again, for the signature over the certificate.
    let said = converse(
        &daemon,
        generate,
        &[("Enter PIN", "246802"), ("Generating certificate*Enter PIN", "246802")],
    );
    let identities = run(&daemon, "age-plugin-yubikey", &["--identity", "--serial", "9", "--slot", "1"]);
    fs::write(path("identity"), identities).unwrap();
    let recipient = run(&daemon, "age-plugin-yubikey", &["--list"]);
    let recipient =
        recipient.lines().find(|line| line.starts_with("age1yubikey1")).unwrap_or_else(|| panic!("{said}"));

    fs::write(path("plain"), "a share").unwrap();
    run(&daemon, "age", &["-r", recipient, "-o", &path("sealed"), &path("plain")]);
    card.reset_count();
    let open = format!("age -d -i {} -o {} {}", path("identity"), path("opened"), path("sealed"));
    converse(&daemon, &open, &[("Enter PIN", "246802")]);
    assert_eq!(fs::read_to_string(path("opened")).unwrap(), "a share");
    assert_eq!((card.count_of(0x20), card.count_of(0x87), card.touches()), (1, 1, 1));
    println!("age-plugin-yubikey opens with {} commands:", card.count());
    card.log().iter().for_each(|apdu| println!("  {apdu}"));
}

#[test]
fn opensc_lists_and_signs() {
    let card = Card::new(&Manufacturer::new(), 11, Firmware::V5_7_1);
    let daemon = Daemon::with_cards(&[&card]);
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let ykman = |args: &[&str]| run(&daemon, "ykman", &[&["--device", "11", "piv"], args].concat());
    let managed = ["-P", "123456", "-m", "010203040506070801020304050607080102030405060708"];

    ykman(&[&["keys", "generate", "-a", "ECCP256", "9c", &path("public.pem")], managed.as_slice()].concat());
    ykman(
        &[&["certificates", "generate", "-s", "test", "9c", &path("public.pem")], managed.as_slice()]
            .concat(),
    );
    let objects = run(&daemon, "pkcs11-tool", &["--list-objects"]);
    has(&objects, "SIGN pubkey");

    fs::write(path("message"), "what is signed").unwrap();
    card.reset_count();
    let sign = ["--sign", "--mechanism", "ECDSA-SHA256", "--id", "02", "--signature-format", "openssl"];
    let files = ["--input-file", &path("message"), "--output-file", &path("signature")];
    let pins = ["--login", "--pin", "123456", "--login-type", "user"];
    run(&daemon, "pkcs11-tool", &[sign.as_slice(), &files, &pins].concat());
    println!("pkcs11-tool signs with {} commands", card.count());
    let verified = run(
        &daemon,
        "openssl",
        &[
            "dgst",
            "-sha256",
            "-verify",
            &path("public.pem"),
            "-signature",
            &path("signature"),
            &path("message"),
        ],
    );
    has(&verified, "Verified OK");
}
