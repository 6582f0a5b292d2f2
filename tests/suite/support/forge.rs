//! Ledgers made by a hostile station: every key belongs to the test, so that any lie can be signed properly.
//!
//! A [`Forge`] holds four custodians (`alice` with two cards), the administrator `frank` and the witness `grace`, and
//! two authorities: `crypto-officer` 2 of 4 and `security-officer` 3 of 4. [`Forge::genesis`] and [`Forge::complete`] write
//! what an honest station writes; tests change a proposal, a statement or a line before it is signed.

#[path = "forge/adopting.rs"]
mod adopting;
#[path = "forge/backing_up.rs"]
mod backing_up;
#[path = "forge/parts.rs"]
mod parts;
#[path = "forge/releasing.rs"]
mod releasing;
#[path = "forge/vectors.rs"]
pub mod vectors;

use std::{fs, path::Path, sync::OnceLock};

pub use adopting::*;
pub use backing_up::*;
pub use parts::*;
use quorate::{
    approval::statement::{Abort, Attestation, Rejection, Statement},
    encoding::{
        digest::Digest,
        dsse::{Envelope, Mode},
        strict,
    },
    proposal::{
        document::{Proposal, Station},
        joining::{CredentialRule, GenesisTarget, StartKind},
        operations::{DeleteOperation, GenesisOperation, InventoryOperation, Operation, RecoverOperation},
        place::Place,
        target::{Custody, ObjectRecord, Role},
    },
    roster::{OperationKind, signatures::Signatures},
    transcript::{
        event::{Closed, Entry, Event, PinInForce, Proposed, payload},
        ledger::{CeremonyFiles, LedgerState},
        outcome::Outcome,
        verification::{self, Verified},
    },
};

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

    /// The last line with its payload spelled otherwise, signed again.
    pub fn respell(&mut self, change: impl FnOnce(String) -> String) -> &mut Self {
        let line = Envelope::parse(&self.lines.pop().unwrap()).unwrap();
        let payload = change(String::from_utf8(line.payload.0).unwrap()).into_bytes();
        self.lines.push(self.station.envelope(line.payload_type, payload).write());
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
        made.get_or_init(|| Self::founded(mode, |_| {})).clone()
    }

    /// After a genesis that was changed before it was signed.
    pub fn founded(mode: Mode, change: impl FnOnce(&mut Proposal)) -> Self {
        let forge = Self::empty(mode, "ledger");
        let mut proposal = forge.genesis();
        change(&mut proposal);
        let approvers = proposal.new_roster.iter().flat_map(|roster| &roster.approvers);
        let by: Vec<&str> = ALL.into_iter().chain(approvers.map(|approver| approver.name.as_str())).collect();
        forge.with(&proposal, |forge, lines| {
            forge.approve(lines, &proposal, &by);
            lines.add(intended(&by)).add(concluded(Outcome::Completed, &[], &forge.objects()));
            lines.add(Closed { releases_destroyed: 4 });
        })
    }

    /// A deletion after the genesis, as far as the test drives it.
    pub fn deletion(drive: impl FnOnce(&Self, &Proposal, &mut Transcript)) -> Self {
        let forge = Self::new();
        let proposal = forge.delete();
        forge.with(&proposal, |forge, lines| drive(forge, &proposal, lines))
    }

    /// The same ledger with one more ceremony, as far as the test drives it.
    pub fn with(&self, proposal: &Proposal, drive: impl FnOnce(&Self, &mut Transcript)) -> Self {
        let mut forge = self.clone();
        let mut lines = self.begin(proposal);
        drive(self, &mut lines);
        forge.push(proposal, &lines);
        forge
    }

    pub fn objects(&self) -> Vec<ObjectRecord> {
        vec![object("old", "01"), object("keep", "02")]
    }

    pub fn verify(&self) -> Verified {
        verified(&self.files, self.mode)
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
            false => self.state().roster().map_or(Digest::of(b""), |r| r.digest()),
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
            station: Station { keys: station_keys(&self.station()), host: text("host"), keepers: Vec::new() },
            plan,
            roster,
            new_roster: None,
            operation,
            credentials: Vec::new(),
            handovers: Vec::new(),
        }
    }

    /// An honest genesis.
    pub fn genesis(&self) -> Proposal {
        let rule = |role, authority| CredentialRule {
            role,
            authority: name(authority),
            custody: Custody::Held,
            recipient: None,
            pin_length: None,
        };
        let target = GenesisTarget {
            name: name("hsm"),
            place: Place::Pkcs11 { module: "/nowhere/module.so".parse().unwrap(), slot: None },
            start: StartKind::TakeOver,
            identity: identity(),
            label: text("lab"),
            credentials: vec![
                rule(Role::SoPin, "security-officer"),
                rule(Role::UserPin, "crypto-officer"),
                rule(Role::BackupKey, "security-officer"),
            ],
        };
        let operation = Operation::Genesis(GenesisOperation { targets: vec![target] });
        let mut proposal = self.proposal("Genesis", genesis_plan(), operation);
        let document = roster_document(self.mode, self.nonce, &self.station());
        proposal.roster = Digest::of(&strict::write(&document));
        proposal.new_roster = Some(document);
        proposal.credentials = vec![
            credential(Role::SoPin, "security-officer", 1),
            credential(Role::UserPin, "crypto-officer", 1),
            credential(Role::BackupKey, "security-officer", 1),
        ];
        proposal
    }

    /// An honest deletion of `old`, which keeps the user PIN.
    pub fn delete(&self) -> Proposal {
        let plan = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
                    keep_pins = true\n[[objects]]\nclass = \"private-key\"\nid = \"01\"\n";
        let objects = vec![object("old", "01")];
        let operation =
            Operation::Delete(DeleteOperation { target: name("hsm"), identity: identity(), objects });
        self.proposal("Delete old", plan.into(), operation)
    }

    /// The same with a new user PIN of this version.
    pub fn renewing_delete(&self, version: u32) -> Proposal {
        let mut proposal = self.delete();
        proposal.plan = proposal.plan.replace("keep_pins = true\n", "");
        proposal.credentials = vec![credential(Role::UserPin, "crypto-officer", version)];
        proposal
    }

    /// An honest inventory.
    pub fn inventory(&self) -> Proposal {
        let plan = "kind = \"inventory\"\ntitle = \"Inventory\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
                    keep_pins = true\n";
        let operation = Operation::Inventory(InventoryOperation {
            target: name("hsm"),
            identity: identity(),
            module: None,
        });
        self.proposal("Inventory", plan.into(), operation)
    }

    /// The recovery of the ceremony of this number, which was a deletion.
    pub fn recover(&self, ceremony: u32, last_line: Digest, intended: bool) -> Proposal {
        let plan =
            format!("kind = \"recover\"\ntitle = \"Recover\"\nexpires_in_hours = 1\nceremony = {ceremony}\n");
        let operation = Operation::Recover(RecoverOperation {
            ceremony,
            last_line,
            interrupted: OperationKind::Delete,
            intended,
        });
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
        self.begin_with(proposal, self.sign(proposal.proposer.as_str(), &proposal.statement()))
    }

    /// The first line, with any envelope.
    pub fn begin_with(&self, proposal: &Proposal, envelope: Envelope) -> Transcript {
        let mut lines = Transcript {
            mode: self.mode,
            station: Key::of(&self.station()),
            lines: Vec::new(),
            now: proposal.created.unix(),
        };
        lines.add(Proposed { proposal: envelope, body: proposal.clone(), environment: environment() });
        lines
    }

    pub fn rejection(&self, proposal: &Proposal, who: &str) -> Rejection {
        Rejection {
            proposal: proposal.digest(),
            person: name(who),
            reason: text("no"),
            time: time(proposal.created.unix() + 1),
        }
    }

    pub fn abort(&self, proposal: &Proposal, who: &str) -> Abort {
        Abort {
            proposal: proposal.digest(),
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
            basis: None,
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
            drills: Vec::new(),
            unread: Vec::new(),
        });
    }

    /// An honest deletion, from beginning to end.
    pub fn complete_delete(&mut self) -> (Proposal, Transcript) {
        let version = self.state().next_version(&name("hsm"), Role::UserPin);
        let proposal = self.renewing_delete(version);
        let mut lines = self.begin(&proposal);
        self.approve(&mut lines, &proposal, &TWO);
        let mut told = concluded(Outcome::Completed, &[object("old", "01")], &[object("keep", "02")]);
        told.pins = vec![PinInForce { target: name("hsm"), role: Role::UserPin, version }];
        lines.add(intended(&TWO)).add(told);
        lines.add(Closed { releases_destroyed: 2 });
        self.push(&proposal, &lines);
        (proposal, lines)
    }

    /// Writes it as a directory.
    pub fn write(&self, ledger: &Path) {
        write_ledger(&self.files, ledger);
    }
}

/// A ledger verified on all processors. One processor alone must find the same.
pub fn verified(files: &[CeremonyFiles], mode: Mode) -> Verified {
    let verified = verification::verify(files, mode);
    let Ok((alone, _)) = Verified::default().walk(files, 0..files.len(), mode, &Signatures::AT_ONCE);
    if !files.is_empty() {
        assert_eq!(verified.findings, alone.findings);
    }
    let told = |verified: &Verified| {
        let state = verified.state.as_ref();
        state.map(|state| format!("{:?} {:?}", state.targets, state.ceremonies.iter().collect::<Vec<_>>()))
    };
    assert_eq!(told(&verified), told(&alone));
    verified
}

/// Writes a ledger as a directory.
pub fn write_ledger(files: &[CeremonyFiles], ledger: &Path) {
    for file in files {
        let dir = ledger.join(&file.directory);
        fs::create_dir_all(dir.join("attestations")).unwrap();
        fs::write(dir.join("transcript.jsonl"), &file.transcript).unwrap();
        fs::write(dir.join("plan.toml"), &file.plan).unwrap();
        fs::create_dir_all(dir.join("approvals")).unwrap();
        for (beside, statements) in [("attestations", &file.attestations), ("approvals", &file.approvals)] {
            for (name, bytes) in statements {
                fs::write(dir.join(beside).join(name), bytes).unwrap();
            }
        }
    }
}
