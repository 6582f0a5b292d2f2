//! A quorum in a folder of its own, driven through the real binary.
//!
//! Cards are soft cards with known PINs, the station's state directory and each custodian's are separate. Every command runs
//! with `--json`, so that a test reads facts and not prose.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{founded, genesis_plan::GenesisPlan, recipe::Recipe, schema, soft_cards, softhsm::SoftHsm};
use quorate::encoding::{digest::Digest, dsse::Envelope, strict::Base64};
use serde_json::Value;
use tempfile::TempDir;

/// The binary under test.
pub const QUORATE: &str = env!("CARGO_BIN_EXE_quorate");

/// The custodians, in order.
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
    /// Where its tokens are, if it has a SoftHSM.
    pub hsm: Option<SoftHsm>,
    /// Every `execute` gets the SO PIN that the token had before the quorum: a ceremony that needs none takes no notice.
    pub presents_so_pin: bool,
}

impl Quorum {
    /// With so many custodians: what it is to be is said next.
    pub fn of(custodians: usize) -> Recipe {
        Recipe::of(custodians)
    }

    /// Nobody enrolled yet.
    pub fn bare() -> Self {
        founded::in_memory();
        let dir = tempfile::tempdir().unwrap();
        for sub in ["cards", "enrolments", "plans", "tokens", "files"] {
            fs::create_dir(dir.path().join(sub)).unwrap();
        }
        Self::at_home(dir)
    }

    /// What there is in a folder.
    pub fn at_home(dir: TempDir) -> Self {
        Self { dir, environment: Vec::new(), rehearsal: false, hsm: None, presents_so_pin: false }
    }

    /// The same over these tokens.
    pub fn with_hsm(self, hsm: SoftHsm) -> Self {
        Self { environment: hsm.environment(), hsm: Some(hsm), ..self }
    }

    /// The SoftHSM of a quorum that has one.
    #[track_caller]
    pub fn hsm(&self) -> &SoftHsm {
        self.hsm.as_ref().unwrap()
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

    /// The file of a plan that is given as text, which has line feeds, or as its file already.
    fn plan_file(&self, plan: &str) -> String {
        if plan.contains('\n') { self.plan("next", plan) } else { plan.to_owned() }
    }

    /// One step of a ceremony, by the administrator: what follows `propose` begins with the plan, as text or as a file.
    pub fn step(&self, verb: &str, more: &[&str]) -> Command {
        let (ledger, copy, card) = (self.at("ledger"), self.at("copy"), self.with_card(ADMIN));
        let present = format!("hsm:so-pin={}", self.at("so.pin"));
        let (mut args, mut more) = (vec![verb], more.to_vec());
        let plan;
        match verb {
            "propose" => {
                plan = self.plan_file(more.remove(0));
                args.extend([&plan, &ledger, "--copy", &copy]);
            }
            "execute" => args.extend([&ledger, "--copy", &copy]),
            _ => args.push(&ledger),
        }
        if verb == "execute" && self.presents_so_pin {
            args.extend(["--present-pin", &present]);
        }
        args.extend(more);
        args.extend(card.iter().map(String::as_str));
        self.command(&args)
    }

    /// Proposes a plan, given as text or as a file.
    pub fn propose(&self, plan: &str) -> Ran {
        ran(&mut self.step("propose", &[plan]))
    }

    /// The same, and has these custodians approve it at the station and, once they are enough, release their shares. What was proposed.
    pub fn approved(&self, plan: &str, approving: &[&str]) -> Ran {
        let proposed = self.propose(plan).ok();
        for name in approving {
            self.approve(name).ok();
        }
        proposed
    }

    /// A custodian approves at the station; at a genesis that confirms their shares. Once enough have approved, all of them release.
    pub fn approve(&self, name: &str) -> Ran {
        let ran = self.approve_only(name);
        if ran.json["unfinished"] == "release" {
            self.release_outstanding();
        }
        ran
    }

    /// A custodian approves at the station, and nobody releases.
    pub fn approve_only(&self, name: &str) -> Ran {
        self.decide(name, "approve", &[])
    }

    /// All who approved release their shares, where that comes next.
    pub fn release_outstanding(&self) {
        let status = self.run(&["status", &self.at("ledger")]).ok().json;
        let people = status["next"]["people"].as_array().filter(|_| status["next"]["verb"] == "release");
        for name in people.into_iter().flatten() {
            self.release(name.as_str().unwrap()).ok();
        }
    }

    /// A custodian releases their shares at the station.
    pub fn release(&self, name: &str) -> Ran {
        self.decide(name, "release", &[])
    }

    /// A custodian's verb at the station, with all that is on paper.
    pub fn decide(&self, name: &str, verb: &str, more: &[&str]) -> Ran {
        let ledger = self.at("ledger");
        let mut args = vec![verb, &ledger];
        args.extend(more);
        let (head, genesis) = (self.head(), self.genesis_fingerprint());
        for (option, paper) in [("--head", &head), ("--genesis", &genesis)] {
            args.extend(paper.iter().flat_map(|paper| [option, paper.as_str()]));
        }
        self.run_with(name, &args)
    }

    /// A custodian approves on a machine of their own, into `files/NAME.approval`.
    pub fn approve_to_file(&self, name: &str) -> Ran {
        self.decide_to_file(name, "approve", &format!("files/{name}.approval"), &[])
    }

    /// A custodian releases on a machine of their own, into `files/NAME.release`, with the approvals in these files.
    pub fn release_to_file(&self, name: &str, approvals: &[&str]) -> Ran {
        let files: Vec<String> = approvals.iter().map(|file| self.at(&format!("files/{file}"))).collect();
        let files: Vec<&str> = files.iter().map(String::as_str).collect();
        self.decide_to_file(name, "release", &format!("files/{name}.release"), &files)
    }

    fn decide_to_file(&self, name: &str, verb: &str, file: &str, more: &[&str]) -> Ran {
        let (ledger, output) = (self.at("ledger"), self.at(file));
        let card = self.with_card(name);
        let head = self.head();
        let mut args = vec![verb, &ledger, "-o", &output];
        args.extend(more);
        if let Some(head) = &head {
            args.extend(["--head", head.as_str()]);
        }
        args.extend(card.iter().map(String::as_str));
        self.run_as(name, &args)
    }

    /// The head of the last ceremony that ended, as everybody has it on paper: the digest of its last line.
    pub fn head(&self) -> Option<String> {
        let mut ceremonies: Vec<PathBuf> = fs::read_dir(self.path("ledger"))
            .ok()?
            .map(|entry| entry.unwrap().path().join("transcript.jsonl"))
            .filter(|transcript| transcript.exists())
            .collect();
        ceremonies.sort();
        ceremonies.iter().rev().find_map(|transcript| {
            let bytes = fs::read(transcript).unwrap();
            let line = bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n').next()?;
            let kind = Envelope::parse(line).ok()?.payload_type;
            let has_ended = [".closed.", ".aborted."].iter().any(|event| kind.contains(event));
            has_ended.then(|| Digest::of(line).to_string())
        })
    }

    /// The fingerprint of the genesis: the digest of its proposal.
    fn genesis_fingerprint(&self) -> Option<String> {
        let bytes = fs::read(self.transcript("0000-genesis")).ok()?;
        let line = Envelope::parse(bytes.split(|byte| *byte == b'\n').next()?).ok()?;
        let mut line: Value = serde_json::from_slice(&line.payload.0).ok()?;
        let proposal: Base64 = serde_json::from_value(line["event"]["proposal"]["payload"].take()).ok()?;
        Some(Digest::of(&proposal.0).to_string())
    }

    /// Executes at the station.
    pub fn execute(&self) -> Ran {
        ran(&mut self.step("execute", &[]))
    }

    /// The same, with files of approvals and options.
    pub fn execute_with<S: AsRef<str>>(&self, more: &[S]) -> Ran {
        let more: Vec<&str> = more.iter().map(AsRef::as_ref).collect();
        ran(&mut self.step("execute", &more))
    }

    /// A whole ceremony.
    pub fn ceremony(&self, plan: &str, approving: &[&str]) -> Ran {
        self.approved(plan, approving);
        self.execute()
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
