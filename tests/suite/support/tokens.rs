//! Quorums over PKCS#11 tokens: targets, plans for them, and what a test asks of a quorum's SoftHSM.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{
    quorum::{CUSTODIANS, QUORATE, Quorum, Ran, ran},
    softhsm::{MODULE, SoftHsm},
};

/// Custodians enough for a deletion, and for a reset, backup or restore.
pub const THREE: &[&str] = &["alice", "bob", "carol"];
pub const FOUR: &[&str] = &["alice", "bob", "carol", "dave"];

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

impl Quorum {
    /// `--present-pin` of the target `hsm`: `so-pin` or `user-pin` from one of its files.
    pub fn present(&self, role: &str, file: &str) -> [String; 2] {
        ["--present-pin".into(), format!("hsm:{role}={}", self.at(file))]
    }

    /// Proposes a genesis over these targets, and has everybody approve it. The fingerprint.
    pub fn approved_genesis(&self, targets: &[Target]) -> String {
        let tables: String = targets.iter().map(Target::table).collect();
        let mut plan = self.genesis(&CUSTODIANS).targets(&tables);
        if targets.iter().any(|t| t.recipient.is_some()) {
            plan = plan.looking_and_deleting(&["security-officer"]);
        }
        let plan = self.plan("genesis", &plan.text());
        self.approved(&plan, &CUSTODIANS).text("proposal")
    }

    /// A genesis that completes; whatever PIN is present is handed over. The fingerprint.
    pub fn found(&self, targets: &[Target]) -> String {
        let genesis = self.approved_genesis(targets);
        self.execute_with(&self.presents(targets)).ok();
        genesis
    }

    /// The options that hand over to a genesis what the tokens were used with so far.
    pub fn presents(&self, targets: &[Target]) -> Vec<String> {
        let mut args = Vec::new();
        for target in targets {
            let mut present = |role: &str, file: &str| {
                args.extend(["--present-pin".into(), format!("{}:{role}={}", target.name, self.at(file))]);
            };
            let held = target.so_pin == Some("held") || target.user_pin != "borrowed";
            if target.serial.is_some() && held && !self.presents_so_pin {
                present("so-pin", "so.pin");
            }
            if target.user_pin == "borrowed" {
                present("user-pin", "user.pin");
            }
        }
        args
    }

    /// The transcript of the last ceremony as text.
    pub fn last_transcript(&self) -> String {
        let mut names: Vec<PathBuf> =
            fs::read_dir(self.path("ledger")).unwrap().map(|e| e.unwrap().path()).collect();
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
        self.hsm()
            .tool(&["--token-label", token, "--list-objects"])
            .lines()
            .filter(|l| l.trim() == format!("label:      {label}"))
            .count()
    }

    /// A command in prose, without `--json`.
    pub fn prose(&self, args: &[&str]) -> Ran {
        let mut command = Command::new(QUORATE);
        command.args(args).args(["--yes", "--state-dir", &self.at("state-station")]);
        command.envs(self.environment.iter().cloned()).stdin(Stdio::null()).current_dir(self.dir.path());
        ran(&mut command)
    }

    /// The same with the administrator's card.
    pub fn prose_with_card(&self, name: &str, args: &[&str]) -> Ran {
        let card = self.with_card(name);
        let all: Vec<&str> = args.iter().copied().chain(card.iter().map(String::as_str)).collect();
        self.prose(&all)
    }

    /// Whether a text stands in any file of the ledger, its copy or a state directory.
    pub fn is_stored(&self, text: &str) -> bool {
        let mut left: Vec<PathBuf> =
            ["ledger", "copy", "state-station"].iter().map(|d| self.path(d)).collect();
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
        fs::rename(self.hsm().tokens(), self.hsm().dir.path().join("unplugged")).unwrap();
        fs::create_dir(self.hsm().tokens()).unwrap();
    }

    pub fn plug_in(&self) {
        fs::remove_dir_all(self.hsm().tokens()).unwrap();
        fs::rename(self.hsm().dir.path().join("unplugged"), self.hsm().tokens()).unwrap();
    }
}

/// A plan to recover one ceremony.
pub fn recover(number: u32) -> String {
    format!("kind = \"recover\"\ntitle = \"Take it up again\"\nexpires_in_hours = 1\nceremony = {number}\n")
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
    /// With the key of this name in the quorum's folder, made by `age-keygen` where it is not there.
    pub fn new(quorum: &Quorum, name: &str) -> Self {
        let key = quorum.path(&format!("{name}.key"));
        if !key.exists() {
            let made = Command::new("age-keygen").arg("-o").arg(&key).output().unwrap();
            assert!(made.status.success(), "{made:?}");
        }
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
    pub fn takes(&self, quorum: &Quorum) -> String {
        let file = quorum.at("files/handover.age");
        let _ = fs::remove_file(&file);
        let ledger = quorum.at("ledger");
        let shown = quorum.run(&["show", &ledger, "--handover", "hsm", "-o", &file]).ok();
        assert_eq!(shown.text("recipient"), self.recipient);
        self.opens(&file).unwrap()
    }
}
