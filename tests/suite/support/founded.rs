//! What is made once for each test program and copied for each test, and the genesis over a practice token.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock},
};

use quorate::practice::PracticeToken;

use crate::support::genesis_plan::GenesisPlan;
use crate::support::quorum::{CUSTODIANS, Quorum, ran};

/// A ceremony that changes nothing, not even the PIN: the quorums of one program share their token. 3 of 5.
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

/// Runs the genesis over these targets.
pub fn found(quorum: &Quorum, targets: &str) {
    quorum.ceremony(&genesis_text(quorum, targets), &CUSTODIANS).ok();
}

/// The quorum's plan, with Wendy as a witness.
pub fn genesis(quorum: &Quorum, targets: &str) -> GenesisPlan {
    quorum.genesis(&CUSTODIANS).witness(quorum, "wendy").targets(targets)
}

/// The same as TOML.
pub fn genesis_text(quorum: &Quorum, targets: &str) -> String {
    genesis(quorum, targets).text()
}

/// Makes something in a directory of this name once for this test program, whoever asks first.
pub fn once(name: &str, make: impl FnOnce(&Path)) -> PathBuf {
    static MADE: Mutex<BTreeMap<String, Arc<OnceLock<PathBuf>>>> = Mutex::new(BTreeMap::new());
    let made = Arc::clone(MADE.lock().unwrap().entry(name.to_owned()).or_default());
    made.get_or_init(|| {
        let path = kept_directory(name);
        make(&path);
        path
    })
    .clone()
}

/// A directory of this process's own, which is there until another process of this test program starts.
pub fn kept_directory(name: &str) -> PathBuf {
    let path = own_directory().join(name);
    fs::create_dir_all(&path).unwrap();
    path
}

/// Two runs from one target directory do not meet in it: each has its directory and the lock of that, and removes those that
/// nobody has locked. One lock is taken for that by all, lest a new directory be removed before it is locked.
fn own_directory() -> &'static Path {
    static OWN: OnceLock<(PathBuf, File)> = OnceLock::new();
    let (path, _) = OWN.get_or_init(|| {
        let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(env!("CARGO_CRATE_NAME"));
        fs::create_dir_all(&root).unwrap();
        let starting = File::create(root.join("starting")).unwrap();
        starting.lock().unwrap();
        for entry in fs::read_dir(&root).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && File::create(path.join("lock")).unwrap().try_lock().is_ok() {
                fs::remove_dir_all(path).unwrap();
            }
        }
        let path = tempfile::Builder::new().prefix("run-").tempdir_in(&root).unwrap().keep();
        let lock = File::create(path.join("lock")).unwrap();
        lock.lock().unwrap();
        (path, lock)
    });
    path
}

/// Keeps a quorum as a template.
pub fn keep(name: &str, quorum: &Quorum) -> PathBuf {
    let path = kept_directory(name);
    copy(quorum.dir.path(), &path);
    path
}

/// Where a file system in memory has room, temporary files lie there: hundreds of thousands of fsyncs cost minutes on a disk,
/// and what is killed does not see the difference.
pub fn in_memory() {
    let memory = Path::new("/dev/shm");
    let is_fit = rustix::fs::statvfs(memory).is_ok_and(|fs| {
        let may_execute = !fs.f_flag.contains(rustix::fs::StatVfsMountFlags::NOEXEC);
        may_execute && fs.f_bavail * fs.f_frsize > 1 << 30
    });
    if is_fit && tempfile::tempdir_in(memory).is_ok() {
        // An error says that it is so already.
        let _ = tempfile::env::override_temp_dir(memory);
    }
}

/// A quorum like the template.
pub fn copy_of(template: &Path) -> Quorum {
    in_memory();
    let quorum = Quorum::at_home(tempfile::tempdir().unwrap());
    copy(template, quorum.dir.path());
    quorum
}

/// With modes: state directories are private.
pub fn copy(from: &Path, to: &Path) {
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
pub fn tries(quorum: &Quorum, name: &str) -> u64 {
    quorum.run(&["card", "show", &quorum.card(name, "")]).ok().json["tries_left"].as_u64().unwrap()
}

/// Runs a command at the station at another time: `+3d`, `-2h`.
pub fn at_time(quorum: &Quorum, offset: &str, args: &[&str]) -> crate::support::quorum::Ran {
    let inner = quorum.command(args);
    let mut command = virtual_card::at_time(offset, crate::support::quorum::QUORATE);
    command.args(inner.get_args());
    command.current_dir(quorum.dir.path());
    ran(&mut command)
}
