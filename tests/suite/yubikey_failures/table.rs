//! A table with readers on it, at which a proposal that was approved waits for releases.

use std::{
    fs,
    path::PathBuf,
    process::Command,
    sync::{Arc, OnceLock},
};

use virtual_card::{Card, Daemon, Firmware};

use crate::support::{
    founded::{self, INVENTORY, practice_target, snapshot},
    quorum::{self, CUSTODIANS, Quorum, Ran},
    yubikeys::{PIN, YubiKeys, genesis_text},
};

/// VERIFY, which presents the PIN.
pub const VERIFY: u8 = 0x20;
/// GENERAL AUTHENTICATE, which uses a key.
pub const AUTHENTICATE: u8 = 0x87;

/// Who has YubiKeys: two custodians, somebody who is on nobody's list, and the administrator, beside a soft card. The
/// others have soft cards.
const YUBIKEYS: [(&str, Firmware); 4] = [
    ("alice", Firmware::V5_7_1),
    ("bob", Firmware::V5_4_3),
    ("mallory", Firmware::V5_7_1),
    ("frank-spare", Firmware::V5_7_1),
];

pub const ALICE: &str = "yubikey:10000001";
pub const BOB: &str = "yubikey:10000002";
pub const MALLORY: &str = "yubikey:10000003";
pub const FRANK: &str = "yubikey:10000004";

/// What a command should say when it fails.
#[derive(Clone, Copy, Debug)]
pub struct Said<'s> {
    pub code: i32,
    pub message: &'s str,
    pub hint: &'s str,
}

/// The quorum's folder, its cards, and a pcscd.
pub struct Table {
    pub quorum: Quorum,
    pub alice: Card,
    pub bob: Card,
    pub mallory: Card,
    pub frank: Card,
    pub daemon: Arc<Daemon>,
}

/// A genesis and an open proposal, made once.
fn template() -> PathBuf {
    let mut yubikeys = YubiKeys::new(&YUBIKEYS);
    for (name, _) in YUBIKEYS {
        let more: &[&str] = if name == "frank-spare" { &["--administrator"] } else { &[] };
        yubikeys.enroll(name, more).ok();
    }
    for name in ["carol", "dave", "erin", quorum::ADMIN] {
        yubikeys.quorum.enroll(name, "");
    }
    // Where the token is stands in the ledger: it must outlive this quorum.
    let target = practice_target(&founded::kept_directory("token").join("hsm.token"));
    let genesis = genesis_text(&yubikeys, &CUSTODIANS, &target);
    yubikeys.quorum.propose(&genesis).ok();
    let ledger = yubikeys.quorum.at("ledger");
    for name in CUSTODIANS {
        match yubikeys.cards.contains_key(name) {
            true => yubikeys.run(name, &["approve", &ledger]).ok(),
            false => yubikeys.quorum.approve(name).ok(),
        };
    }
    yubikeys.quorum.execute().ok();
    yubikeys.quorum.propose(INVENTORY).ok();
    let head = yubikeys.quorum.head().unwrap();
    fs::write(yubikeys.quorum.path("files/head"), &head).unwrap();
    // Enough have approved, and nobody has released.
    for name in ["alice", "bob"] {
        yubikeys.run(name, &["approve", &ledger, "--head", &head]).ok();
    }
    yubikeys.quorum.approve_only("carol").ok();
    for (name, card) in &yubikeys.cards {
        card.save(&yubikeys.quorum.path(&format!("cards/{name}.json")));
    }
    // What may be said: all that is printed of a release that succeeds.
    let output = yubikeys.quorum.at("files/release");
    let said = yubikeys.run("alice", &["release", &ledger, "-o", &output, "--head", &head]).ok();
    fs::write(yubikeys.quorum.path("files/public"), said.stdout + &said.stderr).unwrap();
    fs::remove_file(output).unwrap();
    yubikeys.quorum.environment.clear();
    founded::keep("proposed", &yubikeys.quorum)
}

impl Table {
    /// With these people's cards in their readers: `alice`, `bob`, `mallory`, `frank`.
    pub fn with(people: &[&str]) -> Self {
        Self::with_readers(people.len(), people)
    }

    /// With so many readers.
    pub fn with_readers(readers: usize, people: &[&str]) -> Self {
        static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
        let mut quorum = founded::copy_of(TEMPLATE.get_or_init(template));
        let card = |name: &str| Card::load(&quorum.path(&format!("cards/{name}.json")));
        let (alice, bob, mallory, frank) = (card("alice"), card("bob"), card("mallory"), card("frank-spare"));
        let daemon = Daemon::start(readers);
        for (reader, name) in people.iter().enumerate() {
            let card = [("alice", &alice), ("bob", &bob), ("mallory", &mallory), ("frank", &frank)];
            let (_, card) = card.iter().find(|(known, _)| known == name).unwrap();
            daemon.insert(reader, card);
        }
        quorum.environment.extend(daemon.environment());
        Self { quorum, alice, bob, mallory, frank, daemon: Arc::new(daemon) }
    }

    /// A file with this PIN.
    pub fn pin_file(&self, pin: &str) -> String {
        let path = self.quorum.at(&format!("cards/pin-{pin}"));
        fs::write(&path, format!("{pin}\n")).unwrap();
        path
    }

    /// Where a release goes.
    pub fn output(&self) -> PathBuf {
        self.quorum.path("files/release")
    }

    /// Releases with this card on a machine of one's own, into a file.
    pub fn release(&self, place: &str) -> Ran {
        self.release_with(place, &["--pin-file", &self.quorum.at("cards/pin")])
    }

    /// The same, with the PIN and other things as told.
    pub fn release_with(&self, place: &str, more: &[&str]) -> Ran {
        quorum::ran(&mut self.releasing(place, more))
    }

    /// The command for it.
    pub fn releasing(&self, place: &str, more: &[&str]) -> Command {
        let head = fs::read_to_string(self.quorum.path("files/head")).unwrap();
        let (ledger, output) = (self.quorum.at("ledger"), self.output());
        let args = ["release", &ledger, "-o", output.to_str().unwrap(), "--head", &head, "--card", place];
        self.quorum.command_as("own", &[&args, more].concat())
    }

    /// The release succeeds; its file is taken away.
    #[track_caller]
    pub fn releases(&self, place: &str) {
        self.release(place).ok();
        fs::remove_file(self.output()).unwrap();
    }

    /// Runs what fails, and sees that it fails in these words and leaves no trace.
    #[track_caller]
    pub fn fails(&self, said: Said<'_>, run: impl FnOnce(&Self) -> Ran) {
        let tries = self.tries();
        self.fails_and_costs(said, tries, run);
    }

    /// The same where tries are lost.
    #[track_caller]
    pub fn fails_and_costs(&self, said: Said<'_>, tries: [(u8, u8); 3], run: impl FnOnce(&Self) -> Ran) {
        let ran = self.fails_with(said.code, tries, run);
        let error = &ran.json["error"];
        assert_eq!(
            (error["message"].as_str(), error["hint"].as_str()),
            (Some(said.message), Some(said.hint)),
            "{}",
            ran.stderr
        );
    }

    /// Whatever it says.
    #[track_caller]
    pub fn fails_with(&self, code: i32, tries: [(u8, u8); 3], run: impl FnOnce(&Self) -> Ran) -> Ran {
        let before = snapshot(self.quorum.dir.path());
        let ran = run(self).expect(code);
        for card in [&self.alice, &self.bob, &self.mallory] {
            assert!(!card.is_unlocked(), "card {} was left unlocked", card.serial());
            assert_eq!(card.times_left_unlocked(), 0, "card {} was left unlocked", card.serial());
        }
        assert_eq!(self.tries(), tries, "tries were lost: {}", ran.stderr);
        assert!(snapshot(self.quorum.dir.path()) == before, "something was left behind: {}", ran.stderr);
        self.told_no_secret(&ran);
        ran
    }

    /// Neither the PIN nor anything as long as a part of a share, but for what a release prints in any case.
    #[track_caller]
    fn told_no_secret(&self, ran: &Ran) {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains(PIN), "the PIN is in the output: {said}");
        let public = fs::read_to_string(self.quorum.path("files/public")).unwrap();
        let words = said.split(|c: char| !c.is_ascii_alphanumeric() && !"+_-".contains(c));
        for word in words.filter(|word| word.len() >= 20) {
            assert!(public.contains(word), "{word} is in the output: {said}");
        }
    }

    /// Of the PIN and of the PUK, of each card.
    pub fn tries(&self) -> [(u8, u8); 3] {
        [self.alice.tries(), self.bob.tries(), self.mallory.tries()]
    }
}
