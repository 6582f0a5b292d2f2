//! A quorum in a folder of its own, driven through the real binary.
//!
//! Cards are soft cards with known PINs, the station's state directory and each custodian's are separate. Every command runs
//! with `--json`, so that a test reads facts and not prose.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{founded, genesis_plan::GenesisPlan, schema, soft_cards};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// Custodians of [`Quorum::new`], in order.
pub const CUSTODIANS: [&str; 5] = ["alice", "bob", "carol", "dave", "erin"];
/// The administrator.
pub const ADMIN: &str = "frank";

/// What a command did.
#[derive(Debug)]
pub struct Ran {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The `--json` object, or null.
    pub json: Value,
    /// Prose.
    pub stderr: String,
    /// Standard output as it was.
    pub stdout: String,
}

impl Ran {
    /// Panics with everything that was printed unless the exit code is this one.
    #[track_caller]
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "\nstdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Exit code 0.
    #[track_caller]
    pub fn ok(self) -> Self {
        self.expect(0)
    }

    /// The error's message and details in one string.
    pub fn error(&self) -> String {
        let error = &self.json["error"];
        format!("{} {}", error["message"].as_str().unwrap_or_default(), error["details"])
    }

    /// A string of the object.
    #[track_caller]
    pub fn text(&self, key: &str) -> String {
        self.json[key].as_str().unwrap_or_else(|| panic!("no {key} in {}", self.json)).to_owned()
    }
}

/// A folder with cards, plans, tokens and a ledger.
pub struct Quorum {
    /// Gone with the test.
    pub dir: TempDir,
    /// Variables for every command, such as SOFTHSM2_CONF.
    pub environment: Vec<(String, String)>,
    /// `--rehearsal` on every command.
    pub rehearsal: bool,
}

impl Quorum {
    /// Five custodians and an administrator, enrolled, each with one card. Production mode, soft cards.
    pub fn new() -> Self {
        let quorum = Self::bare();
        for name in CUSTODIANS.iter().chain([&ADMIN]) {
            quorum.enroll(name, "");
        }
        quorum
    }

    /// Nobody enrolled yet.
    pub fn bare() -> Self {
        founded::in_memory();
        let dir = tempfile::tempdir().unwrap();
        for sub in ["cards", "enrolments", "plans", "tokens", "files"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        Self { dir, environment: Vec::new(), rehearsal: false }
    }

    /// A path in the folder.
    pub fn path(&self, relative: &str) -> PathBuf {
        self.dir.path().join(relative)
    }

    /// The same as text.
    pub fn at(&self, relative: &str) -> String {
        self.path(relative).to_str().unwrap().to_owned()
    }

    /// Makes and enrolls a card; `suffix` tells spare cards apart ("" for the first).
    pub fn enroll(&self, name: &str, suffix: &str) {
        self.enroll_as(name, suffix, &[]);
    }

    /// The same with more options of `card enroll`.
    pub fn enroll_as(&self, name: &str, suffix: &str, more: &[&str]) {
        let card = self.new_card(name, suffix);
        let pin = self.pin_file(name);
        let full_name = format!("{}{} Example", name[..1].to_uppercase(), &name[1..]);
        let output = self.at(&format!("enrolments/{name}{suffix}.json"));
        let names = ["--name", name, "--full-name", &full_name, "-o", &output];
        self.run(&[&["card", "enroll", "--card", &card, "--pin-file", &pin], &names[..], more].concat()).ok();
    }

    /// Makes a card, under the PIN in the person's file.
    pub fn new_card(&self, name: &str, suffix: &str) -> String {
        let (card, pin_file, pin) = (self.card(name, suffix), self.pin_file(name), format!("{name}-123456"));
        if !Path::new(&pin_file).exists() {
            fs::write(&pin_file, format!("{pin}\n")).unwrap();
        }
        self.run(&["card", "new", &card, "--pin-file", &pin_file]).ok();
        soft_cards::make_cheap(card.trim_start_matches("soft:"), &pin);
        card
    }

    /// `soft:…`
    pub fn card(&self, name: &str, suffix: &str) -> String {
        format!("soft:{}", self.at(&format!("cards/{name}{suffix}.card")))
    }

    /// The file with a person's PIN.
    pub fn pin_file(&self, name: &str) -> String {
        self.at(&format!("cards/{name}.pin"))
    }

    /// `--card … --pin-file …` of a person.
    pub fn with_card(&self, name: &str) -> Vec<String> {
        vec!["--card".into(), self.card(name, ""), "--pin-file".into(), self.pin_file(name)]
    }

    /// A command with the station's state directory.
    pub fn command(&self, args: &[&str]) -> Command {
        self.command_as("station", args)
    }

    /// A command with the state directory of one machine.
    pub fn command_as(&self, machine: &str, args: &[&str]) -> Command {
        let mut command = Command::new(QUORATE);
        command.args(args).args(["--json", "--yes", "--state-dir", &self.at(&format!("state-{machine}"))]);
        if self.rehearsal {
            command.arg("--rehearsal");
        }
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null()).current_dir(self.dir.path());
        command
    }

    /// Runs a command at the station.
    pub fn run(&self, args: &[&str]) -> Ran {
        ran(&mut self.command(args))
    }

    /// Runs a command on another machine.
    pub fn run_as(&self, machine: &str, args: &[&str]) -> Ran {
        ran(&mut self.command_as(machine, args))
    }

    /// Runs a command with a person's card added.
    pub fn run_with(&self, name: &str, args: &[&str]) -> Ran {
        let card = self.with_card(name);
        let all: Vec<&str> = args.iter().copied().chain(card.iter().map(String::as_str)).collect();
        self.run(&all)
    }

    /// Writes a plan and returns its path.
    pub fn plan(&self, name: &str, text: &str) -> String {
        let path = self.at(&format!("plans/{name}.toml"));
        fs::write(&path, text).unwrap();
        path
    }

    /// The plan of a genesis for these custodians, to be completed.
    pub fn genesis(&self, custodians: &[&str]) -> GenesisPlan {
        GenesisPlan::of(self, custodians, ADMIN)
    }

    /// The same over these `[[targets]]` tables, with nothing else to it.
    pub fn genesis_text(&self, custodians: &[&str], targets: &str) -> String {
        self.genesis(custodians).targets(targets).text()
    }

    /// Proposes a plan on `ledger` with the copy `copy`.
    pub fn propose(&self, plan: &str) -> Ran {
        self.run_with(ADMIN, &["propose", plan, &self.at("ledger"), "--copy", &self.at("copy")])
    }

    /// A custodian approves at the station.
    pub fn approve(&self, name: &str) -> Ran {
        let status = self.run(&["status", &self.at("ledger")]);
        let ledger = self.at("ledger");
        let mut args = vec!["approve", &ledger];
        for (option, key) in [("--head", "head"), ("--genesis", "genesis")] {
            args.extend(status.json[key].as_str().into_iter().flat_map(|paper| [option, paper]));
        }
        self.run_with(name, &args)
    }

    /// A custodian approves on a machine of their own, into `files/NAME.approval`.
    pub fn approve_to_file(&self, name: &str) -> Ran {
        let (ledger, output) = (self.at("ledger"), self.at(&format!("files/{name}.approval")));
        let card = self.with_card(name);
        let head = self.head();
        let mut args = vec!["approve", &ledger, "-o", &output];
        if let Some(head) = &head {
            args.extend(["--head", head.as_str()]);
        }
        args.extend(card.iter().map(String::as_str));
        self.run_as(name, &args)
    }

    /// The head of the last closed ceremony, from `status`.
    pub fn head(&self) -> Option<String> {
        let status = self.run(&["status", &self.at("ledger")]);
        status.json["head"].as_str().map(str::to_owned)
    }

    /// Executes at the station, with files and options.
    pub fn execute(&self, more: &[&str]) -> Ran {
        let (ledger, copy) = (self.at("ledger"), self.at("copy"));
        let mut args = vec!["execute", &ledger, "--copy", &copy];
        args.extend(more);
        self.run_with(ADMIN, &args)
    }

    /// Proposes, has the first custodians approve at the station, and executes.
    pub fn ceremony(&self, plan: &str, approving: &[&str], more: &[&str]) -> Ran {
        self.propose(plan).ok();
        for name in approving {
            self.approve(name).ok();
        }
        self.execute(more)
    }

    /// Audits with both pins.
    pub fn audit(&self, genesis: &str, head: &str) -> Ran {
        self.run(&["audit", &self.at("ledger"), "--genesis", genesis, "--head", head])
    }

    /// The transcript of the ceremony in this directory.
    pub fn transcript(&self, directory: &str) -> PathBuf {
        self.path(&format!("ledger/{directory}/transcript.jsonl"))
    }
}

/// Runs a command to its end.
pub fn ran(command: &mut Command) -> Ran {
    let output = command.stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    let json = serde_json::from_str(&stdout).unwrap_or(Value::Null);
    if !json.is_null() {
        schema::check(command.get_args(), &json);
    }
    Ran {
        code: output.status.code(),
        json,
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        stdout,
    }
}

/// A `[[targets]]` table: an empty SoftHSM slot that becomes `hsm` with the label `lab`, all credentials held.
pub const EMPTY_SOFTHSM: &str = "[[targets]]\nname = \"hsm\"\nkind = \"pkcs11\"\n\
     module = \"/usr/lib/softhsm/libsofthsm2.so\"\nstart = \"initialise\"\nlabel = \"lab\"\n\
     [targets.credentials]\nso-pin = { authority = \"security-officer\", custody = \"held\" }\n\
     user-pin = { authority = \"crypto-officer\", custody = \"held\" }\n\
     backup-key = { authority = \"security-officer\", custody = \"held\" }\n";

/// A `[[targets]]` table: a SoftHSM token in use, taken over, all credentials held.
pub fn softhsm_in_use(label: &str, serial: &str) -> String {
    format!(
        "[[targets]]\nname = \"hsm\"\nkind = \"pkcs11\"\n\
         module = \"/usr/lib/softhsm/libsofthsm2.so\"\nstart = \"take-over\"\nlabel = \"{label}\"\nserial = \"{serial}\"\n\
         [targets.credentials]\nso-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"crypto-officer\", custody = \"held\" }}\n\
         backup-key = {{ authority = \"security-officer\", custody = \"held\" }}\n"
    )
}
