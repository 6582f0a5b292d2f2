//! A quorum of five over SoftHSM tokens: the quorum, the HSM, and what a test asks of both.
//!
//! The root of a test that has this module has `lab` and `softhsm` as well. Cards are made once for a whole test
//! program: they are the same people in each test, and only their ledgers differ.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    founded,
    quorum::{CUSTODIANS, Quorum, Ran},
    softhsm::{MODULE, SO_PIN, SoftHsm, USER_PIN},
};

/// Custodians enough for a deletion, and for a reset, backup or restore.
pub const THREE: &[&str] = &["alice", "bob", "carol"];
pub const FOUR: &[&str] = &["alice", "bob", "carol", "dave"];

/// A quorum whose people hold the cards of [`Quorum::new`].
pub fn people() -> Quorum {
    founded::copy_of(&founded::once("people", |kept| founded::copy(Quorum::new().dir.path(), kept)))
}

/// How a target's table is written.
#[derive(Clone)]
pub struct Target {
    pub name: &'static str,
    pub module: String,
    pub label: String,
    /// Taken over where there is one, else initialised.
    pub serial: Option<String>,
    /// Custody of the SO PIN and of the user PIN; without one, the quorum keeps out of it.
    pub so_pin: Option<&'static str>,
    pub user_pin: &'static str,
    /// Of a reissued user PIN.
    pub recipient: Option<String>,
}

impl Target {
    pub fn empty(label: &str) -> Self {
        Self {
            name: "hsm",
            module: MODULE.into(),
            label: label.into(),
            serial: None,
            so_pin: Some("held"),
            user_pin: "held",
            recipient: None,
        }
    }

    /// With a user PIN that each ceremony hands to this application.
    pub fn reissued(self, application: &Application) -> Self {
        Self { user_pin: "reissued", recipient: Some(application.recipient.clone()), ..self }
    }

    pub fn in_use(hsm: &SoftHsm, label: &str) -> Self {
        Self { serial: Some(hsm.serial(label)), ..Self::empty(label) }
    }

    pub fn module(self, module: &Path) -> Self {
        Self { module: module.to_str().unwrap().into(), ..self }
    }

    pub fn table(&self) -> String {
        let start = match &self.serial {
            Some(serial) => format!("start = \"take-over\"\nserial = \"{serial}\"\n"),
            None => "start = \"initialise\"\n".into(),
        };
        let credential = |role: &str, authority: &str, custody: &str| {
            format!("{role} = {{ authority = \"{authority}\", custody = \"{custody}\" }}\n")
        };
        let mut text = format!(
            "[[targets]]\nname = \"{}\"\nkind = \"pkcs11\"\nmodule = \"{}\"\nlabel = \"{}\"\n{start}[targets.credentials]\n",
            self.name, self.module, self.label
        );
        if let Some(custody) = self.so_pin {
            text += &credential("so-pin", "security-officer", custody);
        }
        match &self.recipient {
            Some(recipient) => {
                text += &format!(
                    "user-pin = {{ authority = \"security-officer\", custody = \"{}\", recipient = \"{recipient}\" }}\n",
                    self.user_pin
                );
            }
            None => text += &credential("user-pin", "crypto-officer", self.user_pin),
        }
        text + &credential("backup-key", "security-officer", "held")
    }
}

/// A quorum and its SoftHSM.
pub struct Vault {
    pub quorum: Quorum,
    pub hsm: SoftHsm,
}

impl Vault {
    /// No ledger yet.
    pub fn new(hsm: SoftHsm) -> Self {
        let mut quorum = people();
        quorum.environment = hsm.environment();
        for (file, pin) in [("so.pin", SO_PIN), ("user.pin", USER_PIN), ("wrong.pin", "nobody-knows-it")] {
            fs::write(quorum.path(file), pin).unwrap();
        }
        Self { quorum, hsm }
    }

    /// A token `lab` with the EC pairs `old` (01) and `keep` (02), not the quorum's yet.
    pub fn in_use() -> Self {
        Self::once("vault-in-use", || {
            let hsm = SoftHsm::with_token("lab");
            hsm.make_key("lab", "EC:prime256v1", "old", "01");
            hsm.make_key("lab", "EC:prime256v1", "keep", "02");
            Self::new(hsm)
        })
    }

    /// The same, taken over.
    pub fn taken_over() -> Self {
        Self::once("vault-taken-over", || {
            let vault = Self::in_use();
            let target = Target::in_use(&vault.hsm, "lab");
            vault.found(&[target]);
            vault
        })
    }

    /// The same, but an application goes on living with the user PIN, and knows it.
    pub fn borrowed() -> Self {
        Self::once("vault-borrowed", || {
            let vault = Self::in_use();
            let target = Target { so_pin: None, user_pin: "borrowed", ..Target::in_use(&vault.hsm, "lab") };
            vault.found(&[target]);
            vault
        })
    }

    /// A copy of what is made once for this test program.
    pub fn once(name: &'static str, make: impl FnOnce() -> Self) -> Self {
        let made = founded::once(name, |kept| {
            let vault = make();
            for (part, dir) in [("lab", &vault.quorum.dir), ("hsm", &vault.hsm.dir)] {
                fs::create_dir(kept.join(part)).unwrap();
                founded::copy(dir.path(), &kept.join(part));
            }
        });
        let mut quorum = founded::copy_of(&made.join("lab"));
        let hsm = SoftHsm::copy_of(&made.join("hsm"));
        quorum.environment = hsm.environment();
        Self { quorum, hsm }
    }

    /// `--present-pin` of the target `hsm`: `so-pin` or `user-pin` from one of the quorum's files.
    pub fn present(&self, role: &str, file: &str) -> [String; 2] {
        ["--present-pin".into(), format!("hsm:{role}={}", self.quorum.at(file))]
    }

    /// Proposes a genesis over these targets, and has everybody approve it. The fingerprint.
    pub fn approved_genesis(&self, targets: &[Target]) -> String {
        let tables: String = targets.iter().map(Target::table).collect();
        let mut plan = self.quorum.genesis(&CUSTODIANS).targets(&tables);
        if targets.iter().any(|t| t.recipient.is_some()) {
            plan = plan.looking_and_deleting(&["security-officer"]);
        }
        let plan = self.quorum.plan("genesis", &plan.text());
        let proposed = self.quorum.propose(&plan).ok();
        for name in CUSTODIANS {
            self.quorum.approve(name).ok();
        }
        proposed.text("proposal")
    }

    /// A genesis that completes; whatever PIN is present is handed over. The fingerprint.
    pub fn found(&self, targets: &[Target]) -> String {
        let genesis = self.approved_genesis(targets);
        let mut args = Vec::new();
        for target in targets {
            let held = target.so_pin == Some("held") || target.user_pin != "borrowed";
            if target.serial.is_some() && held {
                args.extend([
                    "--present-pin".into(),
                    format!("{}:so-pin={}", target.name, self.quorum.at("so.pin")),
                ]);
            }
            if target.user_pin == "borrowed" {
                args.extend([
                    "--present-pin".into(),
                    format!("{}:user-pin={}", target.name, self.quorum.at("user.pin")),
                ]);
            }
        }
        self.execute(&args).ok();
        genesis
    }

    /// Proposes a plan and has these custodians approve it.
    pub fn approved(&self, plan: &str, approving: &[&str]) {
        let path = self.quorum.plan("next", plan);
        self.quorum.propose(&path).ok();
        for name in approving {
            self.quorum.approve(name).ok();
        }
    }

    /// Executes with these options.
    pub fn execute<S: AsRef<str>>(&self, more: &[S]) -> Ran {
        let more: Vec<&str> = more.iter().map(AsRef::as_ref).collect();
        self.quorum.execute(&more)
    }

    /// A whole ceremony.
    pub fn ceremony(&self, plan: &str, approving: &[&str]) -> Ran {
        self.approved(plan, approving);
        self.quorum.execute(&[])
    }

    /// The transcript of the last ceremony as text.
    pub fn last_transcript(&self) -> String {
        let mut names: Vec<PathBuf> =
            fs::read_dir(self.quorum.path("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
        names.retain(|p| p.is_dir());
        names.sort();
        fs::read_to_string(names.last().unwrap().join("transcript.jsonl")).unwrap()
    }

    /// How many lines of the last transcript are of this event.
    pub fn events(&self, event: &str) -> usize {
        let kind = format!("vnd.quorate.{event}.");
        self.last_transcript().lines().filter(|line| line.contains(&kind)).count()
    }

    /// Public objects of this label as the independent client sees them without login.
    pub fn public(&self, token: &str, label: &str) -> usize {
        self.hsm
            .tool(&["--token-label", token, "--list-objects"])
            .lines()
            .filter(|l| l.trim() == format!("label:      {label}"))
            .count()
    }

    /// A command in prose, without `--json`.
    pub fn prose(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(crate::support::quorum::QUORATE);
        command.args(args).args(["--yes", "--state-dir", &self.quorum.at("state-station")]);
        command
            .envs(self.quorum.environment.iter().cloned())
            .stdin(Stdio::null())
            .current_dir(self.quorum.dir.path());
        crate::support::quorum::ran(&mut command)
    }

    /// The same with the administrator's card.
    pub fn prose_with_card(&self, name: &str, args: &[&str]) -> Ran {
        let card = self.quorum.with_card(name);
        let all: Vec<&str> = args.iter().copied().chain(card.iter().map(String::as_str)).collect();
        self.prose(&all)
    }

    /// Removes the ledger, its copy and everything that machines remember of it.
    pub fn forget(&self) {
        for entry in fs::read_dir(self.quorum.dir.path()).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name == "ledger" || name == "copy" || name.starts_with("state-") {
                fs::remove_dir_all(path).unwrap();
            }
        }
    }

    /// Whether a text stands in any file of the ledger, its copy or a state directory.
    pub fn is_stored(&self, text: &str) -> bool {
        let mut left: Vec<PathBuf> =
            ["ledger", "copy", "state-station"].iter().map(|d| self.quorum.path(d)).collect();
        while let Some(path) = left.pop() {
            if path.is_dir() {
                left.extend(fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            } else if fs::read(&path).unwrap_or_default().windows(text.len()).any(|w| w == text.as_bytes()) {
                return true;
            }
        }
        false
    }

    /// Moves all tokens of the HSM out of its reach, or back.
    pub fn unplug(&self) {
        fs::rename(self.hsm.tokens(), self.hsm.dir.path().join("unplugged")).unwrap();
        fs::create_dir(self.hsm.tokens()).unwrap();
    }

    pub fn plug_in(&self) {
        fs::remove_dir_all(self.hsm.tokens()).unwrap();
        fs::rename(self.hsm.dir.path().join("unplugged"), self.hsm.tokens()).unwrap();
    }
}

/// A plan to delete the pair of one id.
pub fn delete(id: &str) -> String {
    format!(
        "kind = \"delete\"\ntitle = \"Delete {id}\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
         [[objects]]\nclass = \"private-key\"\nid = \"{id}\"\n[[objects]]\nclass = \"public-key\"\nid = \"{id}\"\n"
    )
}

/// A plan to delete one object.
pub fn delete_one(class: &str, id: &str) -> String {
    format!(
        "kind = \"delete\"\ntitle = \"Delete {class} {id}\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
         [[objects]]\nclass = \"{class}\"\nid = \"{id}\"\n"
    )
}

/// A plan to adopt a target.
pub fn adopt(target: &Target) -> String {
    let table = target.table().replace("[[targets]]", "[target]").replace("[targets.", "[target.");
    format!("kind = \"adopt\"\ntitle = \"Adopt\"\nexpires_in_hours = 1\n{table}")
}

/// A plan to retire a target.
pub fn retire(target: &str, serial: &str, label: &str) -> String {
    format!(
        "kind = \"retire\"\ntitle = \"Retire\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nserial = \"{serial}\"\n\
         label = \"{label}\"\n"
    )
}

/// A plan to take an inventory.
pub fn inventory(target: &str) -> String {
    format!("kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"{target}\"\n")
}

/// A plan to reset the target `hsm`.
pub fn reset(serial: &str, label: &str, new_label: &str) -> String {
    format!(
        "kind = \"reset\"\ntitle = \"Reset\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nserial = \"{serial}\"\n\
         label = \"{label}\"\nnew_label = \"{new_label}\"\n"
    )
}

/// An application's owner, with their age key.
pub struct Application {
    key: PathBuf,
    pub recipient: String,
}

impl Application {
    /// With a key made by `age-keygen`, in the quorum.
    pub fn new(quorum: &Quorum, name: &str) -> Self {
        let key = quorum.path(&format!("{name}.key"));
        let made = Command::new("age-keygen").arg("-o").arg(&key).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let text = fs::read_to_string(&key).unwrap();
        let line = text.lines().find_map(|l| l.strip_prefix("# public key: ")).unwrap();
        Self { recipient: line.trim().to_owned(), key }
    }

    /// What `age` finds in a file that is sealed to them.
    pub fn opens(&self, file: &str) -> Option<String> {
        let output = Command::new("age").args(["-d", "-i"]).arg(&self.key).arg(file).output().unwrap();
        output.status.success().then(|| String::from_utf8(output.stdout).unwrap())
    }

    /// The user PIN of `hsm` that the last ceremony handed over.
    pub fn takes(&self, vault: &Vault) -> String {
        let file = vault.quorum.at("files/handover.age");
        let _ = fs::remove_file(&file);
        let ledger = vault.quorum.at("ledger");
        let shown = vault.quorum.run(&["show", &ledger, "--handover", "hsm", "-o", &file]).ok();
        assert_eq!(shown.text("recipient"), self.recipient);
        self.opens(&file).unwrap()
    }
}
