//! People with virtual YubiKeys behind a pcscd of their own, and the folder of a quorum.
//!
//! Everything but the card itself is real: the binary, the `yubikey` crate, libpcsclite, pcscd, the reader's driver.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead as _, BufReader, Read as _},
    process::{Child, Command, Stdio},
};

use virtual_card::{Card, Daemon, Firmware, Manufacturer, Touch};

use super::genesis_plan::GenesisPlan;
use super::quorum::{Quorum, Ran};

/// The PIN that every card of these tests gets.
pub const PIN: &str = "27182818";
/// The PUK.
pub const PUK: &str = "31415926";

/// For `expect`: types what is not to be seen, as soon as the terminal shows no more what is typed. A prompt stands there
/// a moment before that, and what comes in between is shown and thrown away.
pub const SECRETLY: &str = r#"
proc secretly {text} {
    global spawn_id spawn_out
    while {![string match "* -echo *" [exec stty -a < $spawn_out(slave,name)]]} { after 5 }
    send -- $text
}
"#;

/// Runs a command; when these words stand on its standard error, and not before, something happens. Then its standard
/// input ends.
#[track_caller]
pub fn when_it_says(command: &mut Command, words: &str, then: impl FnOnce(&mut Child)) -> Ran {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut prose = BufReader::new(child.stderr.take().unwrap());
    let mut stderr = String::new();
    // Lines are broken where they are long.
    while !stderr.split_whitespace().collect::<Vec<_>>().join(" ").contains(words) {
        assert!(prose.read_line(&mut stderr).unwrap() > 0, "it did not say {words:?}: {stderr}");
    }
    then(&mut child);
    drop(child.stdin.take());
    prose.read_to_string(&mut stderr).unwrap();
    let output = child.wait_with_output().unwrap();
    let stdout = String::from_utf8(output.stdout).unwrap();
    let json = serde_json::from_str(&stdout).unwrap_or(serde_json::Value::Null);
    Ran { code: output.status.code(), json, stderr, stdout }
}

/// A quorum whose people have YubiKeys, and the readers that these are in.
pub struct YubiKeys {
    /// Plans, enrolments, ledger.
    pub quorum: Quorum,
    /// Who made the cards: a root of the test's own.
    pub maker: Manufacturer,
    /// The pcscd with all the cards in it.
    pub daemon: Daemon,
    /// Cards by the person's name, spare cards as `alice-spare`.
    pub cards: BTreeMap<String, Card>,
}

impl YubiKeys {
    /// Each gets a card as it is delivered, which is touched whenever it asks.
    pub fn new(people: &[(&str, Firmware)]) -> Self {
        let maker = Manufacturer::new();
        let mut cards = BTreeMap::new();
        for (number, (name, firmware)) in people.iter().enumerate() {
            let card = Card::new(&maker, 10_000_001 + u32::try_from(number).unwrap(), *firmware);
            card.set_touch(Touch::Now);
            cards.insert((*name).to_owned(), card);
        }
        let daemon = Daemon::with_cards(&cards.values().collect::<Vec<_>>());
        let mut quorum = Quorum::bare();
        quorum.environment.extend(daemon.environment());
        for (file, text) in [("cards/pin", PIN), ("cards/puk", PUK)] {
            fs::write(quorum.path(file), format!("{text}\n")).unwrap();
        }
        Self { quorum, maker, daemon, cards }
    }

    /// `yubikey:SERIAL` of a person.
    pub fn place(&self, name: &str) -> String {
        format!("yubikey:{}", self.cards[name].serial())
    }

    /// `--card … --pin-file …` of a person.
    pub fn with_card(&self, name: &str) -> Vec<String> {
        vec!["--card".into(), self.place(name), "--pin-file".into(), self.quorum.at("cards/pin")]
    }

    /// Runs a command with a person's card added.
    pub fn run(&self, name: &str, args: &[&str]) -> Ran {
        let card = self.with_card(name);
        let all: Vec<&str> = args.iter().copied().chain(card.iter().map(String::as_str)).collect();
        self.quorum.run(&all)
    }

    /// The plan of a genesis that trusts the maker of these cards; the file of its authorities is in `plans`.
    pub fn genesis(&self, custodians: &[&str], authorities: &str) -> GenesisPlan {
        self.quorum
            .genesis(custodians)
            .policy(&format!("attestation_roots = [\"{}\"]", self.maker.root_sha256().to_lowercase()))
            .policy(&format!("attestation_certificates = \"{authorities}\""))
    }

    /// Enrolls a person's card into `enrolments/NAME.json`.
    pub fn enroll(&self, name: &str, more: &[&str]) -> Ran {
        let person = name.strip_suffix("-spare").unwrap_or(name);
        let full_name = format!("{}{} Example", person[..1].to_uppercase(), &person[1..]);
        let (output, puk) = (self.quorum.at(&format!("enrolments/{name}.json")), self.quorum.at("cards/puk"));
        let args = [
            "card",
            "enroll",
            "--name",
            person,
            "--full-name",
            &full_name,
            "--puk-file",
            &puk,
            "-o",
            &output,
        ];
        self.run(name, &[&args, more].concat())
    }
}

/// The plan of a genesis in which these cards count, with the targets' tables given as TOML.
pub fn genesis_text(yubikeys: &YubiKeys, custodians: &[&str], targets: &str) -> String {
    fs::write(yubikeys.quorum.path("plans/authorities.pem"), yubikeys.maker.bundle_pem()).unwrap();
    yubikeys.genesis(custodians, "authorities.pem").policy("min_firmware = \"5.4.3\"").targets(targets).text()
}
