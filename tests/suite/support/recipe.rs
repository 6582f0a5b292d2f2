//! How a quorum under test comes to be: `Quorum::of(5).softhsm_in_use().borrowed().founded()`.
//!
//! What a recipe makes is made once for the test program and copied for each test: the same people with the same cards.
//! The copies of a quorum over a practice token share that token, on which only inventories are run.

use std::{fs, thread};

use super::{
    founded::{self, practice_target},
    genesis_plan::GenesisPlan,
    quorum::{ADMIN, CUSTODIANS, Quorum},
    softhsm::{FaultyModule, SO_PIN, SoftHsm, USER_PIN},
    tokens::{Application, Target},
};

/// What the target `hsm` is before the genesis.
#[derive(Clone, Copy, Debug)]
enum Token {
    /// There is none, or the test makes its own.
    None,
    Practice,
    EmptySoftHsm,
    SoftHsmInUse,
    /// Its keys may leave it.
    ExportableSoftHsm,
}

/// What a quorum is to be.
#[derive(Clone)]
pub struct Recipe {
    custodians: usize,
    everybody: bool,
    thresholds: Vec<(&'static str, u8)>,
    token: Token,
    user_pin: &'static str,
    presents_so_pin: bool,
}

impl Recipe {
    pub(super) fn of(custodians: usize) -> Self {
        Self {
            custodians,
            everybody: false,
            thresholds: Vec::new(),
            token: Token::None,
            user_pin: "held",
            presents_so_pin: false,
        }
    }

    /// With those who are no custodians too: the witness Wendy, the stranger Mallory, and a spare card of Bob.
    pub fn everybody(self) -> Self {
        Self { everybody: true, ..self }
    }

    /// With another threshold of an authority; else it is 3 for the crypto officer and 4 for the security officer.
    pub fn threshold(mut self, authority: &'static str, threshold: u8) -> Self {
        self.thresholds.push((authority, threshold));
        self
    }

    /// Every `execute` gets the SO PIN that the token had before.
    pub fn presenting_the_so_pin(self) -> Self {
        Self { presents_so_pin: true, ..self }
    }

    /// Its target is a practice token, initialised by the genesis.
    pub fn practice(self) -> Self {
        Self { token: Token::Practice, ..self }
    }

    /// Its target is an empty slot of a SoftHSM.
    pub fn empty_softhsm(self) -> Self {
        Self { token: Token::EmptySoftHsm, ..self }
    }

    /// Its target is a SoftHSM's token `lab` with the EC pairs `old` (01) and `keep` (02), which the genesis takes over.
    pub fn softhsm_in_use(self) -> Self {
        Self { token: Token::SoftHsmInUse, ..self }
    }

    /// The same, and the keys may leave the token.
    pub fn exportable(self) -> Self {
        Self { token: Token::ExportableSoftHsm, ..self }
    }

    /// An application goes on living with the user PIN, and knows it; the quorum keeps out of the SO PIN.
    pub fn borrowed(self) -> Self {
        Self { user_pin: "borrowed", ..self }
    }

    /// Each ceremony hands a new user PIN to the [`Application`] `app`.
    pub fn reissued(self) -> Self {
        Self { user_pin: "reissued", ..self }
    }

    /// The people and the token, the plan of the genesis in `plans/genesis.toml`, and no ledger.
    pub fn enrolled(&self) -> Quorum {
        match self.token {
            Token::None | Token::Practice => self.people(),
            Token::EmptySoftHsm | Token::SoftHsmInUse | Token::ExportableSoftHsm => {
                self.once("enrolled", || {
                    let quorum = self.over(self.hsm());
                    let target = self.target(&quorum);
                    quorum.plan("genesis", &self.genesis(&quorum, &target.table()).text());
                    quorum
                })
            }
        }
    }

    /// After its genesis.
    pub fn founded(&self) -> Quorum {
        self.once("founded", || match self.token {
            Token::None => panic!("a quorum without a target has no genesis"),
            Token::Practice => {
                let quorum = self.people();
                // Where the token is stands in the ledger: it must outlive this quorum.
                let token = founded::kept_directory(&self.name("token")).join("hsm.token");
                let plan = self.genesis(&quorum, &practice_target(&token)).text();
                quorum.ceremony(&plan, self.custodians()).ok();
                quorum
            }
            Token::EmptySoftHsm | Token::SoftHsmInUse | Token::ExportableSoftHsm => {
                let quorum = self.enrolled();
                let target = self.target(&quorum);
                self.found(quorum, &target)
            }
        })
    }

    /// The same through a module that misbehaves on order.
    pub fn behind_a_faulty_module(&self) -> (Quorum, FaultyModule) {
        let quorum = self.enrolled();
        let module = FaultyModule::compile(quorum.hsm().dir.path());
        let target = self.target(&quorum).module(&module.path);
        (self.found(quorum, &target), module)
    }

    /// The people over a SoftHSM that a test has prepared.
    pub fn over(&self, hsm: SoftHsm) -> Quorum {
        let quorum = self.people().with_hsm(hsm);
        for (file, pin) in [("so.pin", SO_PIN), ("user.pin", USER_PIN), ("wrong.pin", "nobody-knows-it")] {
            fs::write(quorum.path(file), pin).unwrap();
        }
        quorum
    }

    fn found(&self, quorum: Quorum, target: &Target) -> Quorum {
        quorum.approved(&self.genesis(&quorum, &target.table()).text(), self.custodians());
        quorum.execute_with(&quorum.presents(std::slice::from_ref(target))).ok();
        quorum
    }

    fn custodians(&self) -> &'static [&'static str] {
        &CUSTODIANS[..self.custodians]
    }

    fn people(&self) -> Quorum {
        let everybody = self.everybody;
        let name = if everybody { "everybody" } else { "people" };
        let template = founded::once(name, |kept| founded::copy(enroll(everybody).dir.path(), kept));
        Quorum { presents_so_pin: self.presents_so_pin, ..founded::copy_of(&template) }
    }

    fn hsm(&self) -> SoftHsm {
        let more: &[&str] = match self.token {
            Token::EmptySoftHsm => return SoftHsm::new(),
            Token::ExportableSoftHsm => &["--extractable", "--usage-sign"],
            _ => &[],
        };
        let hsm = SoftHsm::with_token("lab");
        for (label, id) in [("old", "01"), ("keep", "02")] {
            let args = ["--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id];
            hsm.user("lab", USER_PIN, &[&args[..], more].concat());
        }
        hsm
    }

    fn target(&self, quorum: &Quorum) -> Target {
        if matches!(self.token, Token::EmptySoftHsm) {
            return Target::empty("lab");
        }
        let target = Target::in_use(quorum.hsm(), "lab");
        match self.user_pin {
            "borrowed" => Target { so_pin: None, user_pin: "borrowed", ..target },
            "reissued" => target.reissued(&Application::new(quorum, "app")),
            _ => target,
        }
    }

    fn genesis(&self, quorum: &Quorum, tables: &str) -> GenesisPlan {
        let mut plan = quorum.genesis(self.custodians());
        if self.everybody {
            plan = plan.witness(quorum, "wendy");
        }
        for (authority, threshold) in &self.thresholds {
            plan = plan.threshold(authority, *threshold);
        }
        if self.user_pin == "reissued" {
            plan = plan.looking_and_deleting(&["security-officer"]);
        }
        plan.targets(tables)
    }

    /// What differs between recipes stands in the name.
    fn name(&self, stage: &str) -> String {
        let people = if self.everybody { "everybody" } else { "custodians" };
        let thresholds: String = self.thresholds.iter().map(|(name, n)| format!("-{name}-{n}")).collect();
        format!("{}-{people}{thresholds}-{:?}-{}-{stage}", self.custodians, self.token, self.user_pin)
    }

    fn once(&self, stage: &str, make: impl FnOnce() -> Quorum) -> Quorum {
        let quorum = Quorum::once(&self.name(stage), make);
        Quorum { presents_so_pin: self.presents_so_pin, ..quorum }
    }
}

impl Quorum {
    /// A copy of what is made once for this test program, with its SoftHSM.
    pub fn once(name: &str, make: impl FnOnce() -> Self) -> Self {
        let made = founded::once(name, |kept| {
            let quorum = make();
            let hsm = quorum.hsm.as_ref().map(|hsm| ("hsm", hsm.dir.path()));
            for (part, dir) in [("folder", quorum.dir.path())].into_iter().chain(hsm) {
                fs::create_dir(kept.join(part)).unwrap();
                founded::copy(dir, &kept.join(part));
            }
        });
        let (folder, hsm) = (founded::copy_of(&made.join("folder")), made.join("hsm"));
        if hsm.exists() { folder.with_hsm(SoftHsm::copy_of(&hsm)) } else { folder }
    }
}

fn enroll(everybody: bool) -> Quorum {
    let quorum = Quorum::bare();
    thread::scope(|scope| {
        for name in CUSTODIANS.iter().chain([&ADMIN]) {
            scope.spawn(|| quorum.enroll(name, ""));
        }
        if everybody {
            scope.spawn(|| quorum.enroll("mallory", ""));
            scope.spawn(|| quorum.enroll_as("wendy", "", &["--witness"]));
        }
    });
    if everybody {
        quorum.enroll("bob", "-spare");
    }
    quorum
}
