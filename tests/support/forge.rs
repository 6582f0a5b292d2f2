//! Ledgers made by a hostile station: every key belongs to the test, so that any lie can be signed properly.
//!
//! A [`Forge`] holds four custodians (`alice` with two cards), the administrator `frank` and the witness `grace`, and
//! two authorities: `crypto-officer` 2 of 4 and `security-officer` 3 of 4. [`Forge::genesis`] and [`Forge::complete`] write
//! what an honest station writes; tests change a proposal, a statement or a line before it is signed.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops where its ground gives way")]

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    approval::statement::{Abort, Approval, Attestation, Rejection, Statement},
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode, pae},
        strict::{self, Base64},
        text::{Line, Name},
        time::Timestamp,
    },
    proposal::{
        document::{Proposal, Station},
        environment::EnvironmentReading,
        operation::{CredentialRule, GenesisTarget, Operation, Place, SealedCredential, Start},
        target::{Custody, Inventory, ObjectClass, ObjectRecord, Role, TokenIdentity},
    },
    roster::{
        Member, OperationKind, Policy, RosterDocument,
        card::{CardKind, ENROLMENT_TYPE, Enrolment},
        deal::{Authority, Commitment, DealHeader, DealtCard, DealtCustodian, SealedShare, StationKeys},
        key::PublicKey,
    },
    sealing::single,
    transcript::{
        event::{
            Approved, Closed, Concluded, Entry, Event, Intended, ObservedTarget, Proposed, TargetState,
            payload,
        },
        ledger::{CeremonyFiles, LedgerState},
        outcome::Outcome,
        verification::{self, Verified},
    },
};

/// All custodians, in the order of their indexes.
pub const ALL: [&str; 4] = ["alice", "bob", "carol", "dave"];
/// Enough for `crypto-officer`.
pub const TWO: [&str; 2] = ["alice", "bob"];
/// When the genesis is proposed: 2026-01-01.
pub const START: u64 = 1_767_225_600;
/// What a minute is.
pub const MINUTE: u64 = 60;

pub fn name(text: &str) -> Name {
    Name::new(text).unwrap()
}

pub fn text(text: &str) -> Line {
    Line::new(text).unwrap()
}

pub fn time(seconds: u64) -> Timestamp {
    Timestamp::from_unix(seconds).unwrap()
}

/// A key that only the test has.
#[derive(Clone)]
pub struct Key(SigningKey);

impl Key {
    pub fn of(seed: &str) -> Self {
        Self(SigningKey::from_bytes(Digest::of(seed.as_bytes()).as_bytes()))
    }

    pub fn public(&self) -> PublicKey {
        PublicKey::from_ed25519(self.0.verifying_key()).unwrap()
    }

    pub fn envelope(&self, payload_type: String, payload: Vec<u8>) -> Envelope {
        let signature = self.0.sign(&pae(&payload_type, &payload)).to_bytes().to_vec();
        Envelope::new(payload_type, payload, self.public().keyid(), signature)
    }
}

/// `age1…` of a secret made from this seed.
pub fn recipient(seed: &str) -> String {
    let identity = single::x25519_identity(Digest::of(seed.as_bytes()).as_bytes()).unwrap();
    single::x25519_recipient_of(&identity)
}

/// An age file to these recipients.
pub fn sealed_to(recipients: &[&str]) -> Base64 {
    use std::io::Write as _;
    let parsed: Vec<_> = recipients.iter().map(|r| single::parse_x25519_recipient(r).unwrap()).collect();
    let all = parsed.iter().map(|r| r as &dyn age::Recipient);
    let mut sealed = Vec::new();
    let mut writer = age::Encryptor::with_recipients(all).unwrap().wrap_output(&mut sealed).unwrap();
    writer.write_all(b"sealed by a forger").unwrap();
    writer.finish().unwrap();
    Base64(sealed)
}

fn full_name(who: &str) -> String {
    format!("{} Example", who.to_uppercase())
}

fn member(who: &str, cards: &[&str], kind: CardKind, shares: bool) -> Member {
    let full_name = text(&full_name(who));
    let enrol = |card: &&str| {
        let key = Key::of(card);
        let enrolment = Enrolment {
            holder: name(who),
            full_name: full_name.clone(),
            kind,
            serial: text(card),
            signing_key: key.public(),
            share_recipient: shares.then(|| recipient(card)),
            created: time(START - MINUTE),
            attestation: Vec::new(),
        };
        key.envelope(ENROLMENT_TYPE.into(), strict::write(&enrolment))
    };
    Member { name: name(who), full_name: full_name.clone(), cards: cards.iter().map(enrol).collect() }
}

/// The cards of a custodian.
pub fn cards_of(who: &str) -> Vec<String> {
    let mut cards = vec![who.to_owned()];
    cards.extend((who == "alice").then(|| "alice-spare".to_owned()));
    cards
}

/// The station's keys for the ceremony of this number.
pub fn station_keys(seed: &str) -> StationKeys {
    StationKeys { signing_key: Key::of(seed).public(), recipient: recipient(seed) }
}

/// A roster that can be relied on, for this ledger and this station.
pub fn roster_document(mode: Mode, ledger: Digest, station: &str) -> RosterDocument {
    let dealt = |who: &&str| DealtCustodian {
        name: name(who),
        cards: cards_of(who)
            .iter()
            .map(|c| DealtCard { keyid: Key::of(c).public().keyid(), share_recipient: recipient(c) })
            .collect(),
    };
    let authority =
        |who: &str, threshold| Authority { name: name(who), threshold, recipient: recipient(who) };
    let deal = DealHeader {
        mode,
        ledger,
        epoch: 1,
        custodians: ALL.iter().map(dealt).collect(),
        authorities: vec![authority("crypto-officer", 2), authority("security-officer", 3)],
        station: station_keys(station),
    };
    let (mut commitments, mut sealed_shares) = (Vec::new(), Vec::new());
    for authority in &deal.authorities {
        for custodian in ALL {
            commitments.push(Commitment {
                authority: authority.name.clone(),
                custodian: name(custodian),
                commitment: Digest::of(format!("{} {custodian}", authority.name).as_bytes()),
            });
            for card in cards_of(custodian) {
                sealed_shares.push(SealedShare {
                    authority: authority.name.clone(),
                    custodian: name(custodian),
                    card: Key::of(&card).public().keyid(),
                    file: sealed_to(&[&recipient(&card)]),
                });
            }
        }
    }
    let custodian = |who: &&str| {
        let cards = cards_of(who);
        member(who, &cards.iter().map(String::as_str).collect::<Vec<_>>(), CardKind::Soft, true)
    };
    let both = || vec![name("crypto-officer"), name("security-officer")];
    RosterDocument {
        custodians: ALL.iter().map(custodian).collect(),
        administrators: vec![member("frank", &["frank"], CardKind::Soft, true)],
        witnesses: vec![member("grace", &["grace"], CardKind::Soft, false)],
        operations: BTreeMap::from([
            (OperationKind::Inventory, vec![name("crypto-officer")]),
            (OperationKind::Delete, vec![name("crypto-officer")]),
            (OperationKind::Reset, vec![name("security-officer")]),
            (OperationKind::Backup, both()),
            (OperationKind::Restore, both()),
        ]),
        policy: Policy {
            allow_soft_cards: true,
            copies: 2,
            allow_same_medium: true,
            allow_short_pins: false,
        },
        deal,
        commitments,
        sealed_shares,
    }
}

/// An object of the token.
pub fn object(label: &str, id: &str) -> ObjectRecord {
    ObjectRecord {
        class: ObjectClass::PrivateKey,
        id: id.into(),
        label: text(label),
        key_type: "ec-p256".into(),
        public_key_sha256: Some(Digest::of(label.as_bytes())),
        check_value: None,
        unique_id: None,
        value_sha256: None,
        extractable: Some(true),
    }
}

pub fn identity() -> TokenIdentity {
    TokenIdentity {
        manufacturer: text("maker"),
        model: text("model"),
        serial: text("0001"),
        label: text("lab"),
        module_sha256: Some(Digest::of(b"module")),
    }
}

/// `hsm` with these objects.
pub fn seen(objects: &[ObjectRecord]) -> Vec<TargetState> {
    let inventory = Inventory { identity: identity(), objects: objects.to_vec() };
    vec![TargetState { name: name("hsm"), inventory: Some(inventory) }]
}

pub fn environment() -> EnvironmentReading {
    serde_json::from_str(r#"{"tool_version":"0","hardened":true}"#).unwrap()
}

/// A credential of `hsm`, sealed to its authority.
pub fn credential(role: Role, authority: &str, version: u32) -> SealedCredential {
    SealedCredential {
        authority: name(authority),
        target: name("hsm"),
        role,
        version,
        bits: 256,
        file: sealed_to(&[&recipient(authority)]),
    }
}

pub fn intended(by: &[&str]) -> Intended {
    Intended {
        quorum: by.iter().map(|who| name(who)).collect(),
        targets: vec![ObservedTarget { name: name("hsm"), identity: identity() }],
        copies: 2,
        same_medium: false,
        environment: environment(),
    }
}

pub fn concluded(outcome: Outcome, deleted: &[ObjectRecord], objects: &[ObjectRecord]) -> Concluded {
    Concluded {
        outcome,
        summary: text("as told by the forger"),
        targets: seen(objects),
        deleted: deleted.to_vec(),
        restored: Vec::new(),
        left_out: Vec::new(),
        backup: None,
    }
}

/// A transcript as a station writes it, a minute between two lines.
pub struct Transcript {
    mode: Mode,
    station: Key,
    lines: Vec<Vec<u8>>,
    now: u64,
}

impl Transcript {
    /// The next line.
    pub fn add<E: Event>(&mut self, event: E) -> &mut Self {
        let station = self.station.clone();
        self.add_by(&station, event)
    }

    /// The next line, signed by any key.
    pub fn add_by<E: Event>(&mut self, station: &Key, event: E) -> &mut Self {
        let entry = Entry {
            seq: u32::try_from(self.lines.len()).unwrap(),
            prev: self.lines.last().map(|line| Digest::of(line)),
            time: time(self.now),
            event,
        };
        let (payload_type, payload) = payload(self.mode, &entry);
        self.lines.push(station.envelope(payload_type, payload).write());
        self.now += MINUTE;
        self
    }

    /// Sets the clock of the next line.
    pub fn at(&mut self, now: u64) -> &mut Self {
        self.now = now;
        self
    }

    pub fn now(&self) -> u64 {
        self.now
    }

    /// Begins again.
    pub fn clear(&mut self) {
        self.lines.clear();
    }

    pub fn head(&self) -> Digest {
        Digest::of(self.lines.last().unwrap())
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect()
    }
}

/// A ledger in the making.
#[derive(Clone)]
pub struct Forge {
    pub mode: Mode,
    pub nonce: Digest,
    pub files: Vec<CeremonyFiles>,
}

impl Forge {
    /// Nothing yet.
    pub fn empty(mode: Mode, nonce: &str) -> Self {
        Self { mode, nonce: Digest::of(nonce.as_bytes()), files: Vec::new() }
    }

    /// A production ledger with a completed genesis: the token holds `old` (01) and `keep` (02).
    pub fn new() -> Self {
        Self::of(Mode::Production)
    }

    /// The same, of either mode. It is made once, since sealing is random: copies of it are copies of one ledger.
    pub fn of(mode: Mode) -> Self {
        static PRODUCTION: OnceLock<Forge> = OnceLock::new();
        static REHEARSAL: OnceLock<Forge> = OnceLock::new();
        let made = if mode == Mode::Production { &PRODUCTION } else { &REHEARSAL };
        made.get_or_init(|| Self::make(mode)).clone()
    }

    fn make(mode: Mode) -> Self {
        let mut forge = Self::empty(mode, "ledger");
        let proposal = forge.genesis();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &ALL);
        lines.add(intended(&ALL)).add(concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(Closed { releases_destroyed: 4 });
        forge.push(&proposal, &lines);
        forge
    }

    pub fn objects(&self) -> Vec<ObjectRecord> {
        vec![object("keep", "02"), object("old", "01")]
    }

    pub fn verify(&self) -> Verified {
        verification::verify(&self.files, self.mode)
    }

    /// The state of a ledger without errors.
    #[track_caller]
    pub fn state(&self) -> LedgerState {
        self.verify().sound().unwrap_or_else(|findings| panic!("{findings:#?}"))
    }

    fn number(&self) -> u32 {
        u32::try_from(self.files.len()).unwrap()
    }

    fn station(&self) -> String {
        format!("station-{}", self.files.len())
    }

    fn head(&self) -> Option<Digest> {
        let last = &self.files.last()?.transcript;
        let line = last.strip_suffix(b"\n").unwrap().rsplit(|b| *b == b'\n').next().unwrap();
        Some(Digest::of(line))
    }

    /// A day for each ceremony.
    pub fn now(&self) -> u64 {
        START + 86_400 * u64::from(self.number())
    }

    fn proposal(&self, title: &str, plan: String, operation: Operation) -> Proposal {
        let roster = match self.files.is_empty() {
            true => Digest::of(b""),
            false => self.state().roster.map_or(Digest::of(b""), |r| r.digest()),
        };
        Proposal {
            ledger: self.nonce,
            ceremony: self.number(),
            predecessor: self.head(),
            nonce: Digest::of(title.as_bytes()),
            title: text(title),
            proposer: name("frank"),
            created: time(self.now()),
            expires: time(self.now() + 3600),
            station: Station { keys: station_keys(&self.station()), host: text("host") },
            plan,
            roster,
            new_roster: None,
            operation,
            credentials: Vec::new(),
        }
    }

    /// An honest genesis.
    pub fn genesis(&self) -> Proposal {
        let rule =
            |role, authority| CredentialRule { role, authority: name(authority), custody: Custody::Held };
        let target = GenesisTarget {
            name: name("hsm"),
            place: Place::Pkcs11 { module: "/nowhere/module.so".into(), slot: None },
            start: Start::TakeOver,
            identity: identity(),
            label: text("lab"),
            credentials: vec![rule(Role::SoPin, "security-officer"), rule(Role::UserPin, "crypto-officer")],
        };
        let operation = Operation::Genesis { targets: vec![target] };
        let mut proposal = self.proposal("Genesis", genesis_plan(), operation);
        let document = roster_document(self.mode, self.nonce, &self.station());
        proposal.roster = Digest::of(&strict::write(&document));
        proposal.new_roster = Some(document);
        proposal.credentials = vec![
            credential(Role::SoPin, "security-officer", 1),
            credential(Role::UserPin, "crypto-officer", 1),
        ];
        proposal
    }

    /// An honest deletion of `old`.
    pub fn delete(&self) -> Proposal {
        let plan = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
                    [[objects]]\nclass = \"private-key\"\nid = \"01\"\n";
        let objects = vec![object("old", "01")];
        let operation = Operation::Delete { target: name("hsm"), identity: identity(), objects };
        self.proposal("Delete old", plan.into(), operation)
    }

    /// An honest inventory.
    pub fn inventory(&self) -> Proposal {
        let plan = "kind = \"inventory\"\ntitle = \"Inventory\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";
        let operation = Operation::Inventory { target: name("hsm"), identity: identity() };
        self.proposal("Inventory", plan.into(), operation)
    }

    /// The recovery of the ceremony of this number, which was a deletion.
    pub fn recover(&self, ceremony: u32, last_line: Digest, intended: bool) -> Proposal {
        let plan =
            format!("kind = \"recover\"\ntitle = \"Recover\"\nexpires_in_hours = 1\nceremony = {ceremony}\n");
        let operation =
            Operation::Recover { ceremony, last_line, interrupted: OperationKind::Delete, intended };
        self.proposal("Recover", plan, operation)
    }

    /// Any other proposal.
    pub fn other(&self, title: &str, plan: &str, operation: Operation) -> Proposal {
        self.proposal(title, plan.into(), operation)
    }

    /// A statement signed by a card.
    pub fn sign<S: Statement>(&self, card: &str, statement: &S) -> Envelope {
        Key::of(card).envelope(self.mode.payload_type(S::EVENT), strict::write(statement))
    }

    /// The first line, with the proposal signed by its proposer's first card.
    pub fn begin(&self, proposal: &Proposal) -> Transcript {
        self.begin_with(proposal, self.sign(proposal.proposer.as_str(), proposal))
    }

    /// The first line, with any envelope.
    pub fn begin_with(&self, proposal: &Proposal, envelope: Envelope) -> Transcript {
        let mut lines = Transcript {
            mode: self.mode,
            station: Key::of(&self.station()),
            lines: Vec::new(),
            now: proposal.created.unix(),
        };
        lines.add(Proposed {
            ledger: proposal.ledger,
            ceremony: proposal.ceremony,
            predecessor: proposal.predecessor,
            proposal: envelope,
            environment: environment(),
        });
        lines
    }

    pub fn approval(&self, proposal: &Proposal, who: &str) -> Approval {
        Approval {
            proposal: Digest::of(&strict::write(proposal)),
            roster: proposal.roster,
            custodian: name(who),
            release: Digest::of(b"release"),
            time: time(proposal.created.unix() + 1),
        }
    }

    pub fn approve(&self, lines: &mut Transcript, proposal: &Proposal, by: &[&str]) {
        for who in by {
            let approval = self.sign(who, &self.approval(proposal, who));
            lines.add(Approved { approval });
        }
    }

    pub fn rejection(&self, proposal: &Proposal, who: &str) -> Rejection {
        Rejection {
            proposal: Digest::of(&strict::write(proposal)),
            custodian: name(who),
            reason: text("no"),
            time: time(proposal.created.unix() + 1),
        }
    }

    pub fn abort(&self, proposal: &Proposal, who: &str) -> Abort {
        Abort {
            proposal: Digest::of(&strict::write(proposal)),
            administrator: name(who),
            reason: text("no"),
            time: time(proposal.created.unix() + 1),
        }
    }

    pub fn attestation(
        &self,
        proposal: &Proposal,
        lines: &Transcript,
        who: &str,
        agrees: bool,
    ) -> Attestation {
        Attestation {
            ledger: self.nonce,
            ceremony: proposal.ceremony,
            head: lines.head(),
            person: name(who),
            agrees,
            remark: text(if agrees { "" } else { "it smoked" }),
            time: time(lines.now()),
        }
    }

    /// Puts a ceremony into the ledger.
    pub fn push(&mut self, proposal: &Proposal, lines: &Transcript) {
        self.files.push(CeremonyFiles {
            directory: proposal.directory(),
            transcript: lines.bytes(),
            plan: proposal.plan.clone().into_bytes(),
            attestations: Vec::new(),
            approvals: Vec::new(),
        });
    }

    /// An honest deletion, from beginning to end.
    pub fn complete_delete(&mut self) -> (Proposal, Transcript) {
        let proposal = self.delete();
        let mut lines = self.begin(&proposal);
        self.approve(&mut lines, &proposal, &TWO);
        let gone = [object("old", "01")];
        lines.add(intended(&TWO)).add(concluded(Outcome::Completed, &gone, &[object("keep", "02")]));
        lines.add(Closed { releases_destroyed: 2 });
        self.push(&proposal, &lines);
        (proposal, lines)
    }

    /// Writes it as a directory.
    pub fn write(&self, ledger: &Path) {
        write_ledger(&self.files, ledger);
    }
}

/// Writes a ledger as a directory.
pub fn write_ledger(files: &[CeremonyFiles], ledger: &Path) {
    for file in files {
        let dir = ledger.join(&file.directory);
        fs::create_dir_all(dir.join("attestations")).unwrap();
        fs::write(dir.join("transcript.jsonl"), &file.transcript).unwrap();
        fs::write(dir.join("plan.toml"), &file.plan).unwrap();
        for (name, bytes) in &file.attestations {
            fs::write(dir.join("attestations").join(name), bytes).unwrap();
        }
    }
}

fn genesis_plan() -> String {
    let member = |kind: &str, who: &str| {
        let full_name = full_name(who);
        let enrolments: Vec<String> = cards_of(who).iter().map(|card| format!("\"{card}.json\"")).collect();
        let enrolments = enrolments.join(", ");
        format!("[[{kind}]]\nname = \"{who}\"\nfull_name = \"{full_name}\"\nenrolments = [{enrolments}]\n")
    };
    let mut plan = String::from(
        "kind = \"genesis\"\ntitle = \"Genesis\"\nexpires_in_hours = 1\n\
         [policy]\nallow_soft_cards = true\ncopies = 2\nallow_same_medium = true\n",
    );
    for who in ALL {
        plan += &member("custodians", who);
    }
    plan += &member("administrators", "frank");
    plan += &member("witnesses", "grace");
    plan += "[[authorities]]\nname = \"crypto-officer\"\nthreshold = 2\n\
             [[authorities]]\nname = \"security-officer\"\nthreshold = 3\n\
             [operations]\ninventory = [\"crypto-officer\"]\ndelete = [\"crypto-officer\"]\n\
             reset = [\"security-officer\"]\nbackup = [\"crypto-officer\", \"security-officer\"]\n\
             restore = [\"crypto-officer\", \"security-officer\"]\n\
             [[targets]]\nname = \"hsm\"\nkind = \"pkcs11\"\nmodule = \"/nowhere/module.so\"\n\
             start = \"take-over\"\nlabel = \"lab\"\nserial = \"0001\"\n[targets.credentials]\n\
             so-pin = { authority = \"security-officer\", custody = \"held\" }\n\
             user-pin = { authority = \"crypto-officer\", custody = \"held\" }\n";
    plan
}
