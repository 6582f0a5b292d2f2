//! A quorum of three over a SoftHSM, that can be copied as it stands.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use tempfile::TempDir;

use super::{
    founded,
    genesis_plan::GenesisPlan,
    quorum::{ADMIN, EMPTY_SOFTHSM, Quorum, Ran, ran, softhsm_in_use},
    softhsm::{self, FaultyModule, SoftHsm},
    vault::people,
};

mod interruption;
pub use interruption::{Call, Interruption, KILL, sweep, traced, unsafe_moments};

/// The custodians: two of three for the crypto officer, all three for the security officer.
pub const THREE: [&str; 3] = ["alice", "bob", "carol"];
/// The pair of keys `old` in the token.
pub const DELETE: &str = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    [[objects]]\nclass = \"private-key\"\nid = \"01\"\n[[objects]]\nclass = \"public-key\"\nid = \"01\"\n";
/// What is on the token.
pub const INVENTORY: &str =
    "kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

/// A backup at a place that every copy of a stand has for itself.
pub const BACKUP: &str = "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    output = \"/proc/self/cwd/files/b.age\"\nallow_partial = false\n";
/// The restore of that backup, made by ceremony 1.
pub const RESTORE: &str = "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    backup = 1\ninput = \"/proc/self/cwd/files/b.age\"\n";

/// A quorum and its token.
pub struct Stand {
    pub quorum: Quorum,
    pub hsm: SoftHsm,
    module: Option<TempDir>,
}

impl Stand {
    /// A copy of what is made once.
    fn once(name: &'static str, make: impl FnOnce() -> Self) -> Self {
        let made = founded::once(name, |kept| {
            let stand = make();
            for (part, dir) in [("lab", &stand.quorum.dir), ("hsm", &stand.hsm.dir)] {
                fs::create_dir(kept.join(part)).unwrap();
                founded::copy(dir.path(), &kept.join(part));
            }
        });
        let mut quorum = founded::copy_of(&made.join("lab"));
        let hsm = SoftHsm::copy_of(&made.join("hsm"));
        quorum.environment = hsm.environment();
        Self { quorum, hsm, module: None }
    }

    fn over(hsm: SoftHsm) -> Self {
        let mut quorum = people();
        quorum.environment = hsm.environment();
        fs::write(quorum.path("so.pin"), softhsm::SO_PIN).unwrap();
        quorum.plan("delete", DELETE);
        quorum.plan("inventory", INVENTORY);
        Self { quorum, hsm, module: None }
    }

    fn with_genesis(self, targets: &str) -> Self {
        self.quorum.plan("genesis", &self.genesis(targets).text());
        self
    }

    fn genesis(&self, targets: &str) -> GenesisPlan {
        self.quorum
            .genesis(&THREE)
            .threshold("crypto-officer", 2)
            .threshold("security-officer", 3)
            .targets(targets)
    }

    /// An empty slot, a genesis plan, no ledger.
    pub fn empty() -> Self {
        Self::over(SoftHsm::new()).with_genesis(EMPTY_SOFTHSM)
    }

    /// A token with the pairs `old` (01) and `keep` (02), a genesis plan that takes it over, no ledger.
    pub fn in_use() -> Self {
        Self::in_use_through(softhsm::MODULE)
    }

    /// The same, the quorum's module being another file.
    pub fn in_use_through(module: &str) -> Self {
        let hsm = SoftHsm::with_token("lab");
        hsm.make_key("lab", "EC:prime256v1", "old", "01");
        hsm.make_key("lab", "EC:prime256v1", "keep", "02");
        let target = softhsm_in_use("lab", &hsm.serial("lab")).replace(softhsm::MODULE, module);
        Self::over(hsm).with_genesis(&target)
    }

    /// Like [`Stand::taken_over`], and the keys may leave the token.
    pub fn exportable() -> Self {
        Self::once("stand-exportable", Self::make_exportable)
    }

    fn make_exportable() -> Self {
        let hsm = SoftHsm::with_token("lab");
        for (label, id) in [("old", "01"), ("keep", "02")] {
            let args = ["--keypairgen", "--key-type", "EC:prime256v1", "--label", label, "--id", id];
            hsm.user("lab", softhsm::USER_PIN, &[&args[..], &["--extractable", "--usage-sign"]].concat());
        }
        let serial = hsm.serial("lab");
        let target = softhsm_in_use("lab", &serial);
        let stand = Self::over(hsm).with_genesis(&target);
        stand.quorum.plan("backup", BACKUP);
        stand.quorum.plan("restore", RESTORE);
        let reset = format!(
            "kind = \"reset\"\ntitle = \"Reset\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nserial = \"{serial}\"\n\
             label = \"lab\"\nnew_label = \"again\"\n"
        );
        stand.quorum.plan("reset", &reset);
        stand.proposed("genesis", &THREE);
        stand.execute(&[]).ok();
        stand
    }

    /// With a genesis that completed by take-over.
    pub fn taken_over() -> Self {
        Self::once("stand-taken-over", || {
            let stand = Self::in_use();
            stand.proposed("genesis", &THREE);
            stand.execute(&[]).ok();
            stand
        })
    }

    /// The same, the user PIN being handed to an application anew in each ceremony.
    pub fn reissued() -> Self {
        let stand = Self::in_use();
        let made = Command::new("age-keygen").arg("-o").arg(stand.quorum.path("app.key")).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let key = fs::read_to_string(stand.quorum.path("app.key")).unwrap();
        let recipient = key.lines().find_map(|l| l.strip_prefix("# public key: ")).unwrap();
        let held = "user-pin = { authority = \"crypto-officer\", custody = \"held\" }";
        let reissued = format!(
            "user-pin = {{ authority = \"security-officer\", custody = \"reissued\", recipient = \"{recipient}\" }}"
        );
        let target = softhsm_in_use("lab", &stand.hsm.serial("lab"));
        assert!(target.contains(held));
        let plan =
            stand.genesis(&target.replace(held, &reissued)).looking_and_deleting(&["security-officer"]);
        stand.quorum.plan("genesis", &plan.text());
        stand.proposed("genesis", &THREE);
        stand.execute(&[]).ok();
        stand
    }

    /// The application's PIN as the last ceremony handed it over.
    pub fn handed_over(&self) -> String {
        let file = self.quorum.at("files/handover.age");
        let _ = fs::remove_file(&file);
        self.quorum.run(&["show", &self.quorum.at("ledger"), "--handover", "hsm", "-o", &file]).ok();
        let key = self.quorum.at("app.key");
        let opened = Command::new("age").args(["-d", "-i", &key, &file]).output().unwrap();
        assert!(opened.status.success(), "{opened:?}");
        String::from_utf8(opened.stdout).unwrap()
    }

    /// The same through a module that misbehaves on order.
    pub fn through_faulty() -> (Self, FaultyModule) {
        let dir = tempfile::tempdir().unwrap();
        let module = FaultyModule::compile(dir.path());
        module.behave();
        let mut stand = Self::in_use_through(module.path.to_str().unwrap());
        stand.module = Some(dir);
        stand.proposed("genesis", &THREE);
        stand.execute(&[]).ok();
        (stand, module)
    }

    /// Proposes a plan and has these custodians approve at the station.
    pub fn proposed(&self, plan: &str, approving: &[&str]) {
        self.propose(plan).ok();
        for name in approving {
            self.quorum.approve(name).ok();
        }
    }

    /// Approves at the station, which remembers the ledger.
    pub fn approve(&self, name: &str) -> Ran {
        self.quorum.run_with(name, &["approve", &self.quorum.at("ledger")])
    }

    /// Proposes a plan of this name.
    pub fn propose(&self, plan: &str) -> Ran {
        self.quorum.propose(&self.quorum.at(&format!("plans/{plan}.toml")))
    }

    /// Executes with the SO PIN that the token had before the quorum: whoever needs none takes no notice.
    pub fn execute(&self, more: &[&str]) -> Ran {
        ran(&mut self.command("execute", more))
    }

    /// One of the commands that are cut off.
    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let (ledger, copy) = (self.quorum.at("ledger"), self.quorum.at("copy"));
        let present = format!("hsm:so-pin={}", self.quorum.at("so.pin"));
        let mut args = vec![verb];
        match verb {
            "propose" => args.extend([more[0], &ledger, "--copy", &copy]),
            "execute" => args.extend([&ledger, "--copy", &copy, "--present-pin", &present]),
            _ => args.push(&ledger),
        }
        args.extend(more.iter().skip(usize::from(verb == "propose")));
        let card = self.quorum.with_card(ADMIN);
        args.extend(card.iter().map(String::as_str));
        self.quorum.command(&args)
    }

    /// A copy of everything at another place.
    pub fn twin(&self) -> Self {
        let quorum = Quorum {
            dir: copied(self.quorum.dir.path()),
            environment: self.quorum.environment.clone(),
            rehearsal: self.quorum.rehearsal,
        };
        let hsm = SoftHsm::copy_of(self.hsm.dir.path());
        Self { quorum: Quorum { environment: hsm.environment(), ..quorum }, hsm, module: None }
    }

    /// How many lines of one kind a ceremony's transcript has.
    pub fn lines(&self, directory: &str, event: &str) -> usize {
        let text = fs::read_to_string(self.quorum.transcript(directory)).unwrap_or_default();
        text.lines().filter(|l| l.contains(&format!("application/vnd.quorate.{event}.v1+json"))).count()
    }

    /// Public objects labelled `old` and `keep`, as the independent client sees them.
    pub fn public(&self) -> (usize, usize) {
        let listed = self.hsm.tool(&["--token-label", "lab", "--list-objects"]);
        let count = |label| listed.lines().filter(|l| l.contains(&format!("label:      {label}"))).count();
        (count("old"), count("keep"))
    }

    /// Ledger and copy verify, as far as they are there, and tell one story.
    #[track_caller]
    pub fn audits(&self) {
        let there = |place: &&str| self.quorum.path(place).join("0000-genesis").exists();
        let places: Vec<String> =
            ["ledger", "copy"].iter().filter(|p| there(p)).map(|p| self.quorum.at(p)).collect();
        if !places.is_empty() {
            let args: Vec<&str> = ["audit"].into_iter().chain(places.iter().map(String::as_str)).collect();
            self.quorum.run(&args).expect(6);
        }
    }

    /// The ceremony ran to its end once, ledger and copy verify and are level, and nothing is left over.
    #[track_caller]
    pub fn ended(&self, directory: &str) {
        for event in ["intended", "concluded", "closed"] {
            assert_eq!(self.lines(directory, event), 1, "{event} lines in {directory}");
        }
        self.audits();
        self.level();
        self.nothing_is_left();
    }

    /// No hidden file, no release, no key of a station.
    #[track_caller]
    pub fn nothing_is_left(&self) {
        let is_left = |name: &String| {
            name.contains("/.") || name.contains("state-station/stations/") || name.ends_with(".approval")
        };
        // What tells git not to touch line ends belongs to every ledger.
        let stays = |name: &String| !name.ends_with("/.gitattributes");
        let all = tree(self.quorum.dir.path()).into_keys();
        let left: Vec<String> = all.filter(is_left).filter(stays).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The copy has the same bytes, and neither has a hidden file left.
    #[track_caller]
    pub fn level(&self) {
        let places = [self.quorum.at("ledger"), self.quorum.at("copy")];
        let apart = Command::new("diff").arg("-r").args(&places).output().unwrap();
        assert!(apart.status.success(), "{}", String::from_utf8_lossy(&apart.stdout));
        let looked_for = ["-name", ".*", "!", "-name", ".gitattributes"];
        let hidden = Command::new("find").args(&places).args(looked_for).output().unwrap();
        assert!(hidden.stdout.is_empty(), "{}", String::from_utf8_lossy(&hidden.stdout));
    }

    /// What lies on the disk, told by names and lengths: digests are made alike, zeros are told apart.
    fn shape(&self) -> String {
        let mut shape = String::new();
        for (name, bytes) in tree(self.quorum.dir.path()) {
            if name.starts_with("cards/") {
                continue;
            }
            let name: Vec<&str> =
                name.split('/').map(|part| if part.len() > 64 { &part[64..] } else { part }).collect();
            let zeros = !bytes.is_empty() && bytes.iter().all(|b| *b == 0);
            shape += &format!("{} {} {zeros}\n", name.join("/"), bytes.len());
        }
        shape
    }
}

/// What a second run says of the file that it makes: it is made, or was whole under its name already.
#[track_caller]
pub fn is_made(again: &Ran) {
    let was_there = again.code == Some(1) && again.error().contains("exists");
    assert!(again.code == Some(0) || was_there, "{:?}: {}", again.code, again.stderr);
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn copied(from: &Path) -> TempDir {
    let to = tempfile::tempdir().unwrap();
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to.path()).status().unwrap();
    assert!(done.success());
    to
}

/// All files, by their paths.
fn tree(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut left: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(directory) = left.pop() {
        for entry in fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            let name = path(entry.path().strip_prefix(root).unwrap()).to_owned();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
                // A directory counts where it is there and should not be.
                found.insert(name + "/", Vec::new());
            } else {
                found.insert(name, fs::read(entry.path()).unwrap());
            }
        }
    }
    found.remove("state-station/stations/");
    found
}
