//! What a quorum does to a token of many objects, by our own processor time: the practice token is a part of the process.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::Duration,
};

use quorate::{
    encoding::{
        digest::Digest,
        strict::{self, Base64},
        text::Line,
    },
    practice::PracticeToken,
    proposal::target::{ObjectClass, ObjectRecord},
    roster::key::PublicKey,
};
use rustix::process::{Pid, WaitId, WaitIdOptions};

use crate::ledger::{QUORATE, Rehearsal};

/// What is measured, in this order.
pub const WORK: [&str; 6] = [
    "inventory",
    "backup",
    "restore onto another token",
    "compare of the two",
    "propose --check of their deletion",
    "deletion",
];

const TURNS: u32 = 5;

/// A rehearsal whose token has many objects.
struct Large {
    rehearsal: Rehearsal,
    objects: Vec<ObjectRecord>,
}

/// Our processor time for each of [`WORK`] on a token that has `count` objects more than a rehearsal's.
pub fn times(folder: PathBuf, count: usize) -> [Duration; 6] {
    let rehearsal = Rehearsal::new(folder);
    let token = rehearsal.folder.join("tokens/root-hsm.token");
    let large = Large { rehearsal, objects: fill(&token, count) };
    let spare = large.rehearsal.folder.join("tokens/spare.token");
    PracticeToken::create_empty(&spare, None).unwrap();
    let backup = large.rehearsal.folder.join("large.age");
    let on = |target: &str| format!("target = \"{target}\"\nkeep_pins = true\n");
    let inventory = large.hold("inventory", &on("root-hsm"));
    let backed_up =
        large.hold("backup", &format!("{}output = {backup:?}\nallow_partial = false\n", on("root-hsm")));
    large.hold("adopt", &adopted(&spare));
    let number = large.count() - 2;
    let restored = large.hold("restore", &format!("{}backup = {number}\ninput = {backup:?}\n", on("spare")));
    let ledger = large.ledger();
    let compared = large.spent(&["compare", "--ledger", &ledger, "root-hsm", "spare"]);
    let deletion = format!("{}{}", on("root-hsm"), selectors(&large.objects));
    let plan = large.plan("delete", &deletion);
    let checked = large.spent(&["propose", "--check", &plan, &ledger, "--copy", &large.copy()]);
    let deleted = large.hold("delete", &deletion);
    [inventory, backed_up, restored, compared, checked, deleted]
}

impl Large {
    fn ledger(&self) -> String {
        shown(&self.rehearsal.ledger())
    }

    fn copy(&self) -> String {
        shown(&self.rehearsal.folder.join("second-medium"))
    }

    /// Ceremonies of the ledger.
    fn count(&self) -> usize {
        fs::read_dir(self.rehearsal.ledger())
            .unwrap()
            .filter(|entry| !entry.as_ref().unwrap().file_name().to_string_lossy().starts_with('.'))
            .count()
    }

    fn plan(&self, kind: &str, rest: &str) -> String {
        let path = self.rehearsal.folder.join(format!("plans/large-{kind}.toml"));
        let text = format!("kind = \"{kind}\"\ntitle = \"Bench\"\nexpires_in_hours = 1\n{rest}");
        fs::write(&path, text).unwrap();
        shown(&path)
    }

    /// Holds a ceremony, and returns what its execution took.
    fn hold(&self, kind: &str, rest: &str) -> Duration {
        let head = self.rehearsal.head();
        let people = ["frank", "alice", "bob", "carol", "dave"];
        let plan = self.plan(kind, rest);
        let (ledger, copy) = (self.ledger(), self.copy());
        let said = self.rehearsal.run(&people, &["run", &plan, &ledger, "--copy", &copy, "--head", &head]);
        let said: serde_json::Value = serde_json::from_str(&said).unwrap();
        Duration::from_millis(said["executed"]["time"]["in_quorate_ms"].as_u64().unwrap())
    }

    /// Our processor time for a command, which the system counts in hundredths of a second: the mean of some turns.
    fn spent(&self, arguments: &[&str]) -> Duration {
        (0..TURNS).map(|_| self.spent_once(arguments)).sum::<Duration>() / TURNS
    }

    /// That of its process, without those that it starts.
    fn spent_once(&self, arguments: &[&str]) -> Duration {
        let said = self.rehearsal.folder.join("said.json");
        let mut child = Command::new(QUORATE)
            .args(arguments)
            .args(["--rehearsal", "--json"])
            .stdout(File::create(&said).unwrap())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&child);
        // It stays there to be looked at until it is waited for.
        rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT).unwrap();
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        let ended = child.wait().unwrap();
        assert!(ended.success(), "{arguments:?} {ended} {}", fs::read_to_string(&said).unwrap());
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        // utime and stime, in hundredths of a second (proc_pid_stat(5)).
        let ticks: u64 = fields[11..13].iter().map(|ticks| ticks.parse::<u64>().unwrap()).sum();
        Duration::from_millis(ticks * 10)
    }
}

fn shown(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

fn adopted(token: &Path) -> String {
    let rule = |role: &str, authority: &str| {
        format!("{role} = {{ authority = \"{authority}\", custody = \"held\" }}\n")
    };
    let rules = [
        rule("so-pin", "security-officer"),
        rule("user-pin", "crypto-officer"),
        rule("backup-key", "security-officer"),
    ];
    format!(
        "[target]\nname = \"spare\"\nkind = \"practice\"\npath = {token:?}\nstart = \"initialise\"\nlabel = \"spare\"\n[target.credentials]\n{}",
        rules.concat()
    )
}

fn selectors(objects: &[ObjectRecord]) -> String {
    let selector = |object: &ObjectRecord| {
        format!("[[objects]]\nclass = \"{}\"\nlabel = \"{}\"\n", object.class, object.label)
    };
    objects.iter().map(selector).collect()
}

/// Puts objects into a token's file: public keys and data in turns, no two alike.
fn fill(token: &Path, count: usize) -> Vec<ObjectRecord> {
    let mut text = fs::read_to_string(token).unwrap();
    assert_eq!(text.split_off(text.len() - 2), "]}");
    let mut made = Vec::new();
    for number in 0..count {
        let seed = Digest::of(&number.to_be_bytes());
        let key = ed25519_dalek::SigningKey::from_bytes(seed.as_bytes()).verifying_key();
        let key = PublicKey::from_ed25519(key).unwrap();
        let (class, key_type, value) = match number % 2 {
            0 => (ObjectClass::PublicKey, "ed25519", key.spki_der()),
            _ => (ObjectClass::Data, "data", &seed.as_bytes()[..]),
        };
        let of = |other| (class == other).then(|| Digest::of(value));
        let record = ObjectRecord {
            public_key_sha256: of(ObjectClass::PublicKey),
            value_sha256: of(ObjectClass::Data),
            ..ObjectRecord::named(
                class,
                if class == ObjectClass::Data { String::new() } else { format!("{number:08x}") },
                Line::new(&format!("object-{number}")).unwrap(),
                key_type,
            )
        };
        let [record_text, content] = [strict::write(&record), strict::write(&Base64(value.to_vec()))]
            .map(|bytes| String::from_utf8(bytes).unwrap());
        text += &format!(
            ",{{\"record\":{record_text},\"attributes\":{{}},\"content\":{{\"public\":{content}}}}}"
        );
        made.push(record);
    }
    fs::write(token, text + "]}").unwrap();
    made
}
