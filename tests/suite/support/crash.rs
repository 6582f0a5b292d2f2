//! A quorum of three over a SoftHSM, that can be copied as it stands.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use super::{
    founded,
    quorum::{Quorum, Ran},
    recipe::Recipe,
    softhsm::SoftHsm,
};

mod interruption;
pub use interruption::{Call, Interruption, KILL, sweep, traced, unsafe_moments};

/// The pair of keys `old` in the token.
pub const DELETE: &str = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    [[objects]]\nclass = \"private-key\"\nid = \"01\"\n[[objects]]\nclass = \"public-key\"\nid = \"01\"\n";
/// What is on the token.
pub const INVENTORY: &str =
    "kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

/// A backup at a place that every copy of a quorum has for itself.
pub const BACKUP: &str = "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    output = \"/proc/self/cwd/files/b.age\"\nallow_partial = false\n";
/// The restore of that backup, made by ceremony 1.
pub const RESTORE: &str = "kind = \"restore\"\ntitle = \"Restore\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    backup = 1\ninput = \"/proc/self/cwd/files/b.age\"\n";

/// A quorum of three over a SoftHSM: two of them for the crypto officer, all three for the security officer.
pub fn three() -> Recipe {
    Quorum::of(3).threshold("crypto-officer", 2).threshold("security-officer", 3).presenting_the_so_pin()
}

impl Quorum {
    /// A copy of everything at another place.
    pub fn twin(&self) -> Self {
        let twin = Self { presents_so_pin: self.presents_so_pin, ..founded::copy_of(self.dir.path()) };
        twin.with_hsm(SoftHsm::copy_of(self.hsm().dir.path()))
    }

    /// How many lines of one kind a ceremony's transcript has.
    pub fn lines(&self, directory: &str, event: &str) -> usize {
        let text = fs::read_to_string(self.transcript(directory)).unwrap_or_default();
        text.lines().filter(|l| l.contains(&format!("application/vnd.quorate.{event}.v2+json"))).count()
    }

    /// Public objects labelled `old` and `keep`, as the independent client sees them.
    pub fn old_and_keep(&self) -> (usize, usize) {
        let listed = self.hsm().tool(&["--token-label", "lab", "--list-objects"]);
        let count = |label| listed.lines().filter(|l| l.contains(&format!("label:      {label}"))).count();
        (count("old"), count("keep"))
    }

    /// Ledger and copy verify, as far as they are there, and tell one story.
    #[track_caller]
    pub fn audits(&self) {
        let there = |place: &&str| self.path(place).join("0000-genesis").exists();
        let places: Vec<String> =
            ["ledger", "copy"].iter().filter(|p| there(p)).map(|p| self.at(p)).collect();
        if !places.is_empty() {
            let args: Vec<&str> = ["audit"].into_iter().chain(places.iter().map(String::as_str)).collect();
            self.run(&args).expect(6);
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
            name.contains("/.")
                || name.contains("state-station/stations/")
                || name.ends_with(".approval")
                || name.ends_with(".release")
        };
        // What tells git not to touch line ends belongs to every ledger.
        let stays = |name: &String| !name.ends_with("/.gitattributes");
        let all = tree(self.dir.path()).into_keys();
        let left: Vec<String> = all.filter(is_left).filter(stays).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The copy has the same bytes, and neither has a hidden file left.
    #[track_caller]
    pub fn level(&self) {
        let places = [self.at("ledger"), self.at("copy")];
        let apart = Command::new("diff").arg("-r").args(&places).output().unwrap();
        assert!(apart.status.success(), "{}", String::from_utf8_lossy(&apart.stdout));
        let looked_for = ["-name", ".*", "!", "-name", ".gitattributes"];
        let hidden = Command::new("find").args(&places).args(looked_for).output().unwrap();
        assert!(hidden.stdout.is_empty(), "{}", String::from_utf8_lossy(&hidden.stdout));
    }

    /// What lies on the disk, told by names and lengths: digests are made alike, zeros are told apart.
    fn shape(&self) -> String {
        let mut shape = String::new();
        for (name, bytes) in tree(self.dir.path()) {
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
