//! A quorum that has had its genesis, copied for each test; its target is a practice token.
//!
//! Five custodians (Bob with a spare card), the administrator Frank, the witness Wendy, the stranger Mallory. The
//! genesis is run once for each test program. The copies share its token, on which only inventories are run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
    thread,
};

use quorate::practice::PracticeToken;

use crate::support::lab::{ADMIN, CUSTODIANS, Lab, ran};

/// A ceremony that changes nothing, not even the PIN: the labs of one program share their token. 3 of 5.
pub const INVENTORY: &str = "kind = \"inventory\"\ntitle = \"Look at hsm\"\nexpires_in_hours = 24\ntarget = \"hsm\"\n\
    keep_pins = true\n";

/// Makes an empty practice token and returns its `[[targets]]` table.
pub fn practice_target(file: &Path) -> String {
    PracticeToken::create_empty(file, None).unwrap();
    format!(
        "[[targets]]\nname = \"hsm\"\nkind = \"practice\"\npath = \"{}\"\nstart = \"initialise\"\nlabel = \"lab\"\n\
         [targets.credentials]\nso-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"crypto-officer\", custody = \"held\" }}\n\
         backup-key = {{ authority = \"security-officer\", custody = \"held\" }}\n",
        file.display()
    )
}

/// Everybody is enrolled, nothing is proposed yet.
pub fn enrolled() -> Lab {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    copy_of(TEMPLATE.get_or_init(|| keep("enrolled", &enroll_all())))
}

/// The genesis is closed.
pub fn founded() -> Lab {
    static TEMPLATE: OnceLock<PathBuf> = OnceLock::new();
    copy_of(TEMPLATE.get_or_init(|| {
        let lab = enrolled();
        // Where the token is stands in the ledger: it must outlive this lab.
        let token = kept_directory("founded-token").join("hsm.token");
        found(&lab, &practice_target(&token));
        keep("founded", &lab)
    }))
}

/// Runs the genesis over these targets.
pub fn found(lab: &Lab, targets: &str) {
    let plan = lab.plan("genesis", &genesis_text(lab, targets));
    lab.propose(&plan).ok();
    for name in CUSTODIANS {
        lab.approve(name).ok();
    }
    lab.execute(&[]).ok();
}

/// The lab's plan, with Wendy as a witness.
pub fn genesis_text(lab: &Lab, targets: &str) -> String {
    lab.genesis_text(&CUSTODIANS, targets)
        + "[[witnesses]]\nname = \"wendy\"\nfull_name = \"Wendy Example\"\n\
           enrolments = [\"../enrolments/wendy.json\"]\n"
}

fn enroll_all() -> Lab {
    let lab = Lab::bare();
    thread::scope(|scope| {
        for name in CUSTODIANS.iter().chain([&ADMIN, &"mallory"]) {
            scope.spawn(|| lab.enroll(name, ""));
        }
        scope.spawn(|| enroll_witness(&lab));
    });
    lab.enroll("bob", "-spare");
    lab
}

fn enroll_witness(lab: &Lab) {
    let pin = lab.pin_file("wendy");
    fs::write(&pin, "wendy-123456\n").unwrap();
    let card = lab.card("wendy", "");
    lab.run(&["card", "new", &card, "--pin-file", &pin]).ok();
    let output = lab.at("enrolments/wendy.json");
    let names = ["--name", "wendy", "--full-name", "Wendy Example", "--witness", "-o", &output];
    lab.run(&[&["card", "enroll", "--card", &card, "--pin-file", &pin], &names[..]].concat()).ok();
}

/// A directory that lives as long as this test program's results.
pub fn kept_directory(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME")).join(name);
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Keeps a lab as a template.
pub fn keep(name: &str, lab: &Lab) -> PathBuf {
    let path = kept_directory(name);
    copy(lab.dir.path(), &path);
    path
}

/// A lab like the template.
pub fn copy_of(template: &Path) -> Lab {
    let lab = Lab { dir: tempfile::tempdir().unwrap(), environment: Vec::new(), rehearsal: false };
    copy(template, lab.dir.path());
    lab
}

/// With modes: state directories are private.
fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from.join(".")).arg(to).status().unwrap();
    assert!(done.success());
}

/// All files of a directory with their bytes, to see that nothing changed.
pub fn snapshot(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(snapshot(&path));
        } else {
            files.push((path.clone(), fs::read(&path).unwrap()));
        }
    }
    files.sort();
    files
}

/// The tries left on a card, from `card show`.
pub fn tries(lab: &Lab, name: &str) -> u64 {
    lab.run(&["card", "show", &lab.card(name, "")]).ok().json["tries_left"].as_u64().unwrap()
}

/// Runs a command at the station at another time: `+3d`, `-2h`.
pub fn at_time(lab: &Lab, offset: &str, args: &[&str]) -> crate::support::lab::Ran {
    let inner = lab.command(args);
    let mut command = virtual_card::at_time(offset, crate::support::lab::QUORATE);
    command.args(inner.get_args());
    command.current_dir(lab.dir.path());
    ran(&mut command)
}
