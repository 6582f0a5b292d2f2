//! A rehearsal's ledger that has as many ceremonies as a bench wants: inventories of its token, signed by its own cards.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    approval::{
        release::{Basis, Release},
        statement::Approval,
    },
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict,
        text::{Name, Prose},
        time::Timestamp,
    },
    memory::Pin,
    ports::card::{Card as _, FinalTry, UnlockedCard},
    proposal::{
        document::{Keeper, Proposal, Station},
        environment::EnvironmentReading,
        operations::{InventoryOperation, Operation},
        target::Inventory,
    },
    roster::{OperationKind, Roster, Standing, deal::StationKeys, key::PublicKey},
    sealing::hybrid::HybridIdentity,
    softcard::SoftCard,
    storage,
    transcript::{
        event::{
            Approved, Closed, Concluded, Entry, Event, Intended, ObservedTarget, Proposed, Released,
            TargetState, payload,
        },
        ledger::{CeremonyFiles, LedgerState},
        outcome::Outcome,
        verification,
    },
};

pub const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

fn text<const MAX: usize>(text: &str) -> Prose<MAX> {
    Prose::new(text).unwrap()
}

/// A rehearsal in a folder: its ledger, cards, token and state.
pub struct Rehearsal {
    pub folder: PathBuf,
    pub files: Vec<CeremonyFiles>,
}

impl Rehearsal {
    /// Rehearses into `folder`, which must not exist.
    pub fn new(folder: PathBuf) -> Self {
        let output =
            Command::new(QUORATE).args(["rehearse", "--json", "--dir"]).arg(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let files = storage::ledger::read(&folder.join("ledger")).unwrap();
        Self { folder, files }
    }

    pub fn ledger(&self) -> PathBuf {
        self.folder.join("ledger")
    }

    pub fn state(&self) -> LedgerState {
        verification::verify(&self.files, Mode::Rehearsal)
            .sound()
            .unwrap_or_else(|found| panic!("{found:#?}"))
    }

    /// A person's card and the file with its PIN.
    pub fn card(&self, name: &str) -> (PathBuf, PathBuf) {
        let card = self.folder.join("cards").join(format!("{name}-1.card"));
        (card.clone(), card.with_extension("pin"))
    }

    /// The head on paper.
    pub fn head(&self) -> String {
        let files = storage::ledger::read(&self.ledger()).unwrap();
        verification::verify(&files, Mode::Rehearsal).sound().unwrap().head().unwrap().to_string()
    }

    /// Runs a command with the cards of these people, and returns what it said.
    pub fn run(&self, names: &[&str], arguments: &[&str]) -> String {
        let mut command = Command::new(QUORATE);
        command.args(arguments).args(["--rehearsal", "--json", "--yes"]);
        for (card, pin) in names.iter().map(|name| self.card(name)) {
            command.arg("--card").arg(format!("soft:{}", card.display())).arg("--pin-file").arg(pin);
        }
        let output = command.arg("--state-dir").arg(self.folder.join("state")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{arguments:?} {said} {}", String::from_utf8_lossy(&output.stderr));
        said
    }

    /// Adds inventories until there are `count` ceremonies, and writes those that are new.
    pub fn grow(&mut self, count: usize) {
        let state = self.state();
        let roster = state.roster().cloned().unwrap();
        let people: Vec<&str> = roster.people().iter().map(|person| person.name.as_str()).collect();
        let mut cards: BTreeMap<&str, SoftCard> = BTreeMap::new();
        let mut pins: BTreeMap<&str, Pin> = BTreeMap::new();
        for name in people {
            let (card, pin) = self.card(name);
            cards.insert(name, SoftCard::open(&card).unwrap());
            let pin = fs::read(pin).unwrap();
            pins.insert(name, Pin::copy_of(pin.strip_suffix(b"\n").unwrap_or(&pin)).unwrap());
        }
        let mut unlocked: Cards<'_> = cards
            .iter_mut()
            .map(|(name, card)| (*name, card.unlock(pins.remove(name).unwrap(), FinalTry::Keep).unwrap()))
            .collect();
        let (target, in_force) = state.targets.iter().next().unwrap();
        let told = Token { name: target, inventory: in_force.inventory.as_ref().unwrap() };
        let first = self.files.len();
        let last = state.ceremonies.last().unwrap();
        let (mut head, now) = (last.last_line, last.times.1);
        for number in first..count {
            let (files, line) = inventory(&mut unlocked, &state, &roster, &told, number, (head, now));
            self.files.push(files);
            head = line;
        }
        let new = self.files.get(first..).unwrap();
        for ledger in [self.ledger(), self.folder.join("second-medium")] {
            new.iter().for_each(|ceremony| write(&ledger, ceremony));
        }
    }
}

type Cards<'c> = BTreeMap<&'c str, Box<dyn UnlockedCard + 'c>>;

struct Token<'a> {
    name: &'a Name,
    inventory: &'a Inventory,
}

fn write(ledger: &Path, ceremony: &CeremonyFiles) {
    let directory = ledger.join(&ceremony.directory);
    fs::create_dir_all(&directory).unwrap();
    fs::write(directory.join("transcript.jsonl"), &ceremony.transcript).unwrap();
    fs::write(directory.join("plan.toml"), &ceremony.plan).unwrap();
}

/// The lines of one ceremony in the making.
struct Lines {
    station: SigningKey,
    now: Timestamp,
    bytes: Vec<u8>,
    count: u32,
    last: Option<Digest>,
}

impl Lines {
    fn add<E: Event>(&mut self, event: E) {
        let entry = Entry { seq: self.count, prev: self.last, time: self.now, event };
        let (payload_type, payload) = payload(Mode::Rehearsal, &entry);
        let signature = self.station.sign(&pae(&payload_type, &payload)).to_vec();
        let line = Envelope::new(payload_type, payload, public(&self.station).keyid(), signature).write();
        self.last = Some(Digest::of(&line));
        self.count += 1;
        self.bytes.extend(line);
        self.bytes.push(b'\n');
    }
}

fn public(key: &SigningKey) -> PublicKey {
    PublicKey::from_ed25519(key.verifying_key()).unwrap()
}

fn environment() -> EnvironmentReading {
    serde_json::from_str(r#"{"tool_version":"0","interfaces_up":null,"swap":null,"hardened":true}"#).unwrap()
}

/// A completed inventory, and the digest of its last line.
fn inventory(
    cards: &mut Cards<'_>,
    state: &LedgerState,
    roster: &Roster,
    token: &Token<'_>,
    number: usize,
    (head, now): (Digest, Timestamp),
) -> (CeremonyFiles, Digest) {
    let seed = Digest::of(format!("station {number}").as_bytes());
    let station = SigningKey::from_bytes(seed.as_bytes());
    // Of another secret than the signing key: a key in two roles is refused.
    let secret = Digest::of(seed.as_bytes());
    let recipient = HybridIdentity::from_seed(secret.as_bytes()).unwrap().recipient();
    let admin = roster.people().iter().find(|p| p.standing == Standing::Administrator).unwrap();
    let mut sign = |who: &str, payload_type: String, payload: Vec<u8>| {
        let person = roster.people().iter().find(|p| p.name.as_str() == who).unwrap();
        let signature = cards.get_mut(who).unwrap().sign(&pae(&payload_type, &payload)).unwrap();
        Envelope::new(payload_type, payload, person.cards.first().unwrap().keyid(), signature)
    };
    let plan = format!(
        "kind = \"inventory\"\ntitle = \"Inventory\"\nexpires_in_hours = 1\ntarget = \"{}\"\nkeep_pins = true\n",
        token.name
    );
    let proposal = Proposal {
        ledger: state.nonce,
        ceremony: u32::try_from(number).unwrap(),
        predecessor: Some(head),
        nonce: seed,
        title: text("Inventory"),
        proposer: admin.name.clone(),
        created: now,
        expires: now.plus(3600),
        station: Station {
            keys: StationKeys { signing_key: public(&station), recipient },
            host: text("bench"),
            keepers: roster
                .people()
                .iter()
                .filter(|person| person.standing == Standing::Administrator)
                .map(|person| Keeper { administrator: person.name.clone(), commitment: seed })
                .collect(),
        },
        plan: plan.clone(),
        roster: roster.digest(),
        new_roster: None,
        operation: Operation::Inventory(InventoryOperation {
            target: token.name.clone(),
            identity: token.inventory.identity.clone(),
            module: None,
        }),
        credentials: Vec::new(),
        handovers: Vec::new(),
    };
    let bytes = strict::write(&proposal.statement());
    let digest = proposal.digest();
    let directory = proposal.directory();
    let mut lines = Lines { station, now, bytes: Vec::new(), count: 0, last: None };
    lines.add(Proposed {
        proposal: sign(admin.name.as_str(), Mode::Rehearsal.payload_type("proposal"), bytes),
        body: proposal,
        environment: environment(),
    });
    let quorum: Vec<Name> = roster.custodians().map(|custodian| custodian.name.clone()).collect();
    let mut approvals = Vec::new();
    for custodian in &quorum {
        let approval =
            Approval { proposal: digest, roster: roster.digest(), person: custodian.clone(), time: now };
        let payload = strict::write(&approval);
        approvals.push(Digest::of(&payload));
        lines.add(Approved {
            approval: sign(custodian.as_str(), Mode::Rehearsal.payload_type("approval"), payload),
        });
    }
    approvals.sort();
    let requirement = roster.requirement(OperationKind::Inventory);
    let authorities = requirement.authorities().map(|authority| authority.name.clone()).collect();
    let basis = Basis { authorities, approvals };
    for person in roster.custodians() {
        let release = Release {
            proposal: digest,
            roster: roster.digest(),
            dealing: roster.dealing_id(),
            custodian: person.name.clone(),
            card: person.cards.first().unwrap().keyid(),
            basis: basis.digest(),
            file: seed,
            time: now,
        };
        let payload = strict::write(&release);
        let signed = sign(person.name.as_str(), Mode::Rehearsal.payload_type("release"), payload);
        lines.add(Released { release: signed, basis: basis.clone() });
    }
    let identity = token.inventory.identity.clone();
    lines.add(Intended {
        quorum,
        targets: vec![ObservedTarget { name: token.name.clone(), identity }],
        copies: 2,
        same_medium: true,
        environment: environment(),
    });
    lines.add(Concluded {
        outcome: Outcome::Completed,
        summary: text("read"),
        targets: vec![TargetState { name: token.name.clone(), inventory: Some(token.inventory.clone()) }],
        deleted: Vec::new(),
        restored: Vec::new(),
        left_out: Vec::new(),
        unkept: Vec::new(),
        backup: None,
        pins: Vec::new(),
        program: None,
        handovers: Vec::new(),
    });
    lines.add(Closed { releases_destroyed: 1 });
    let files = CeremonyFiles {
        directory,
        transcript: lines.bytes,
        plan: plan.into_bytes(),
        ..CeremonyFiles::default()
    };
    (files, lines.last.unwrap())
}
