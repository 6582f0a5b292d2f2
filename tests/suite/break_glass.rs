//! With quorate lost: the script of the manual page, stock age and age-plugin-yubikey open what a quorum holds. The script has
//! its own arithmetic, in Python, for what is sealed to hybrid identities.
//!
//! The script and the command that takes it out of the page are run as they stand there.

use std::{
    fs,
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
};

use crate::station_keepers::{APPROVING, two_keepers};
use crate::support::founded::{INVENTORY, copy};
use crate::support::quorum::{ADMIN, CUSTODIANS, Quorum};
use crate::support::softhsm::{self, SoftHsm};
use crate::support::tokens::Target;
use crate::support::yubikeys::{PIN, PUK, YubiKeys};
use virtual_card::{Card, Daemon, Firmware, Manufacturer, Touch};

const PAGE: &str = "man/quorate-break-glass.7";

/// The command that the page gives for taking the script out of it.
fn extraction(page: &str) -> String {
    let lines: Vec<&str> = page.lines().filter(|line| line.contains("/^import/")).collect();
    assert_eq!(lines.len(), 1);
    lines[0].replace("\\-", "-").replace("\\e", "\\")
}

/// A directory outside of the quorum in which nothing of quorate is used.
struct Glass {
    dir: tempfile::TempDir,
    environment: Vec<(String, String)>,
}

impl Glass {
    fn new(environment: &[(String, String)]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let page = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
        fs::copy(&page, dir.path().join("quorate-break-glass.7")).unwrap();
        let glass = Self { dir, environment: environment.to_vec() };
        glass.run(&extraction(&fs::read_to_string(page).unwrap()));
        glass
    }

    fn command(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", line]).current_dir(self.dir.path()).envs(self.environment.iter().cloned());
        command
    }

    /// A shell line that must succeed; its standard output.
    #[track_caller]
    fn run(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// A shell line that must fail; what it says.
    #[track_caller]
    fn fails(&self, line: &str) -> String {
        let output = self.command(line).output().unwrap();
        assert!(!output.status.success(), "{line}: {output:?}");
        String::from_utf8(output.stderr).unwrap()
    }

    /// A line that asks for a PIN at its terminal.
    #[track_caller]
    fn run_with_pin(&self, line: &str, pin: &str) {
        let mut child = self
            .command(&format!("script -qec '{line}' /dev/null"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut keyboard = child.stdin.take().unwrap();
        keyboard.write_all(format!("{pin}\n").as_bytes()).unwrap();
        let output: Output = child.wait_with_output().unwrap();
        drop(keyboard);
        assert!(output.status.success(), "{line}: {output:?}");
    }

    fn file_of(&self, custodian: &str, card: &str, authority: &str) -> String {
        format!("sealed/share.{authority}.{custodian}.{card}.age")
    }

    /// A soft card's identity, as the page says.
    fn soft_identity(&self, quorum: &Quorum, name: &str) {
        fs::copy(quorum.path(&format!("cards/{name}.card")), self.dir.path().join(format!("{name}.card")))
            .unwrap();
        self.run(&format!("python3 break-glass.py soft {name}.card > {name}.sealed"));
        self.run_with_pin(&format!("age -d -o {name}.keys {name}.sealed"), &format!("{name}-123456"));
        self.run(&format!("python3 break-glass.py identity {name}.keys > {name}.identity"));
    }

    fn read(&self, file: &str) -> String {
        fs::read_to_string(self.dir.path().join(file)).unwrap()
    }
}

/// The first digits of the key of a person's card, as `card show` prints them.
fn card_of(quorum: &Quorum, place: &str) -> String {
    quorum.run(&["card", "show", place]).ok().text("keyid")[..8].to_owned()
}

/// A quorum of five with soft cards, Alice with a YubiKey beside hers; the token is a SoftHSM.
fn with_yubikey_and_softhsm() -> (YubiKeys, SoftHsm) {
    let maker = Manufacturer::new();
    let card = Card::new(&maker, 12_345_678, Firmware::V5_7_1);
    card.set_touch(Touch::Now);
    let daemon = Daemon::with_cards(&[&card]);
    let hsm = SoftHsm::with_token("lab");
    let mut quorum = Quorum::bare();
    quorum.environment = hsm.environment();
    quorum.environment.extend(daemon.environment());
    for name in CUSTODIANS.iter().chain([&ADMIN]) {
        quorum.enroll(name, "");
    }
    for (file, text) in [("cards/pin", PIN), ("cards/puk", PUK)] {
        fs::write(quorum.path(file), format!("{text}\n")).unwrap();
    }
    fs::write(quorum.path("plans/roots.pem"), maker.bundle_pem()).unwrap();
    let yubikeys = YubiKeys { quorum, maker, daemon, cards: [("alice-spare".to_owned(), card)].into() };
    yubikeys.enroll("alice-spare", &[]).ok();
    let target = Target::in_use(&hsm, "lab").table();
    let text = yubikeys.genesis(&CUSTODIANS, "roots.pem").targets(&target).text();
    yubikeys.quorum.propose(&text).ok();
    for name in CUSTODIANS {
        yubikeys.quorum.approve(name).ok();
    }
    fs::write(yubikeys.quorum.path("so.pin"), softhsm::SO_PIN).unwrap();
    yubikeys
        .quorum
        .execute_with(&["--present-pin", &format!("hsm:so-pin={}", yubikeys.quorum.at("so.pin"))])
        .ok();
    (yubikeys, hsm)
}

#[test]
fn a_quorum_opens_its_credentials_without_quorate() {
    let (yubikeys, hsm) = with_yubikey_and_softhsm();
    let quorum = &yubikeys.quorum;
    let glass = Glass::new(&quorum.environment);
    fs::rename(quorum.path("ledger"), glass.dir.path().join("ledger")).unwrap();
    let authorities = glass.run("python3 break-glass.py unpack ledger sealed");

    // Alice with her YubiKey, two others with soft cards.
    let yubikey = card_of(quorum, &yubikeys.place("alice-spare"));
    glass.run("age-plugin-yubikey --identity --serial 12345678 --slot 1 > alice.identity");
    let sealed = glass.file_of("alice", &yubikey, "crypto-officer");
    glass.run_with_pin(&format!("age -d -i alice.identity -o alice.inner {sealed}"), PIN);
    // The page has it asked for; ykman throws away what is typed before it asks.
    glass.run(&format!("ykman --device 12345678 piv objects export -P {PIN} 0x5fc121 alice.companion"));
    glass.run("python3 break-glass.py open alice.companion alice.inner > alice.share");
    for name in ["bob", "erin"] {
        glass.soft_identity(quorum, name);
        let sealed = glass.file_of(name, &card_of(quorum, &quorum.card(name, "")), "crypto-officer");
        glass.run(&format!("python3 break-glass.py open {name}.identity {sealed} > {name}.share"));
    }
    glass.run("python3 break-glass.py combine ledger alice.share bob.share erin.share > authority.identity");
    let recipient = glass.run("python3 break-glass.py recipient authority.identity");
    let line = format!("authority crypto-officer threshold 3 recipient {}", recipient.trim());
    assert!(authorities.lines().any(|l| l == line), "{authorities}{line}");
    for role in ["backup-key", "so-pin", "user-pin"] {
        let line = format!("in force: hsm {role} v1");
        assert!(authorities.lines().any(|l| l == line), "{authorities}{line}");
    }

    // The user PIN is the token's.
    let credential =
        glass.run("python3 break-glass.py open authority.identity sealed/hsm.user-pin.v1.crypto-officer.age");
    let hex = credential.lines().last().unwrap().strip_prefix("secret ").unwrap();
    let pin: String = (0..hex.len())
        .step_by(2)
        .map(|at| char::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()))
        .collect();
    assert!(hsm.can_log_in("lab", "user", &pin));
    assert!(!hsm.can_log_in("lab", "user", "0000"));
    // The other authority's credential stays shut.
    let said = glass
        .fails("python3 break-glass.py open authority.identity sealed/hsm.so-pin.v1.security-officer.age");
    assert!(said.contains("no identity matched"), "{said}");

    // What is not enough, or not right, is refused and named.
    let said = glass.fails("python3 break-glass.py combine ledger alice.share bob.share bob.share");
    assert!(said.contains("2 shares of distinct custodians, and 3 are needed"), "{said}");
    let share = glass.read("bob.share");
    let (last, rest) = (share.trim_end().chars().last().unwrap(), share.trim_end());
    let changed = format!("{}{}\n", &rest[..rest.len() - 1], if last == '0' { '1' } else { '0' });
    fs::write(glass.dir.path().join("changed.share"), changed).unwrap();
    let said = glass.fails("python3 break-glass.py combine ledger alice.share changed.share erin.share");
    assert!(said.contains("changed.share: not the share that was dealt to bob"), "{said}");
}

#[test]
fn two_keepers_open_what_was_released_without_quorate() {
    let quorum = two_keepers();
    quorum.approved(INVENTORY, &APPROVING);
    let glass = Glass::new(&[]);
    for (from, to) in [("ledger", "ledger"), ("state-station/stations", "stations")] {
        fs::create_dir(glass.dir.path().join(to)).unwrap();
        copy(&quorum.path(from), &glass.dir.path().join(to));
    }
    for name in ["ivan", "frank"] {
        glass.soft_identity(&quorum, name);
        let card = card_of(&quorum, &quorum.card(name, ""));
        glass.run(&format!(
            "python3 break-glass.py open {name}.identity stations/*/identity-{card}*.age > {name}.share"
        ));
    }
    let said = glass.fails("python3 break-glass.py combine ledger frank.share frank.share");
    assert!(said.contains("1 shares of distinct custodians, and 2 are needed"), "{said}");
    glass.run("python3 break-glass.py combine ledger frank.share ivan.share > station.identity");
    glass.run("jq -r .sealed stations/*/release-of-alice.age | base64 -d > alice.sealed");
    let opened = glass.run("python3 break-glass.py open station.identity alice.sealed");
    assert!(opened.starts_with("quorate-release-v2\n") && opened.contains("\ncustodian alice\n"), "{opened}");
    // Nor does what one of them has open it.
    let said = glass.fails("python3 break-glass.py open frank.identity alice.sealed");
    assert!(said.contains("no identity matched"), "{said}");
}
