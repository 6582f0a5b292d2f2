//! A quorum of three over a SoftHSM that can be copied as it stands, and commands that are cut off at one system call.
//!
//! strace(1) follows the ceremony's own process only: the module's process is another one, and SoftHSM does not survive
//! a kill in a login, whoever uses it.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test stops where its ground gives way, and a sweep shows its table"
)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::process::ExitStatusExt as _,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::Mutex,
};

use tempfile::TempDir;

use crate::{
    lab::{ADMIN, EMPTY_SOFTHSM, Lab, Ran, ran, softhsm_in_use},
    softhsm::{self, FaultyModule, SoftHsm},
};

/// The custodians: two of three for the crypto officer, all three for the security officer.
pub const THREE: [&str; 3] = ["alice", "bob", "carol"];
/// The pair of keys `old` in the token.
pub const DELETE: &str = "kind = \"delete\"\ntitle = \"Delete old\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
    [[objects]]\nclass = \"private-key\"\nid = \"01\"\n[[objects]]\nclass = \"public-key\"\nid = \"01\"\n";
/// What is on the token.
pub const INVENTORY: &str =
    "kind = \"inventory\"\ntitle = \"Look\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n";

/// Calls that change a file system or make a change durable.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,\
                     symlink,mkdir,mkdirat,ftruncate,fallocate,copy_file_range,sendfile,chmod,fchmod";
/// Calls that start the module's process.
const STARTS: &str = "vfork,fork,clone,clone3";

/// A lab and its token.
pub struct Stand {
    pub lab: Lab,
    pub hsm: SoftHsm,
    module: Option<TempDir>,
}

impl Stand {
    fn over(hsm: SoftHsm) -> Self {
        let mut lab = Lab::bare();
        for name in THREE.iter().chain([&ADMIN]) {
            lab.enroll(name, "");
        }
        lab.environment = hsm.environment();
        fs::write(lab.path("so.pin"), softhsm::SO_PIN).unwrap();
        lab.plan("delete", DELETE);
        lab.plan("inventory", INVENTORY);
        Self { lab, hsm, module: None }
    }

    fn with_genesis(self, targets: &str) -> Self {
        let text = self.lab.genesis_text(&THREE, targets).replace("threshold = 3", "threshold = 2");
        self.lab.plan("genesis", &text.replace("threshold = 4", "threshold = 3"));
        self
    }

    /// An empty slot, a genesis plan, no ledger.
    pub fn empty() -> Self {
        in_memory();
        Self::over(SoftHsm::new()).with_genesis(EMPTY_SOFTHSM)
    }

    /// A token with the pairs `old` (01) and `keep` (02), a genesis plan that takes it over, no ledger.
    pub fn in_use() -> Self {
        Self::in_use_through(softhsm::MODULE)
    }

    /// The same, the quorum's module being another file.
    pub fn in_use_through(module: &str) -> Self {
        in_memory();
        let hsm = SoftHsm::with_token("lab");
        hsm.make_key("lab", "EC:prime256v1", "old", "01");
        hsm.make_key("lab", "EC:prime256v1", "keep", "02");
        let target = softhsm_in_use("lab", &hsm.serial("lab")).replace(softhsm::MODULE, module);
        Self::over(hsm).with_genesis(&target)
    }

    /// With a genesis that completed by take-over.
    pub fn taken_over() -> Self {
        let stand = Self::in_use();
        stand.proposed("genesis", &THREE);
        stand.execute(&[]).ok();
        stand
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
            self.lab.approve(name).ok();
        }
    }

    /// Proposes a plan of this name.
    pub fn propose(&self, plan: &str) -> Ran {
        self.lab.propose(&self.lab.at(&format!("plans/{plan}.toml")))
    }

    /// Executes with the SO PIN that the token had before the quorum: whoever needs none takes no notice.
    pub fn execute(&self, more: &[&str]) -> Ran {
        ran(&mut self.command("execute", more))
    }

    /// One of the commands that are cut off.
    pub fn command(&self, verb: &str, more: &[&str]) -> Command {
        let (ledger, copy) = (self.lab.at("ledger"), self.lab.at("copy"));
        let present = format!("hsm:so-pin={}", self.lab.at("so.pin"));
        let mut args = vec![verb];
        match verb {
            "propose" => args.extend([more[0], &ledger, "--copy", &copy]),
            "execute" => args.extend([&ledger, "--copy", &copy, "--present-pin", &present]),
            _ => args.push(&ledger),
        }
        args.extend(more.iter().skip(usize::from(verb == "propose")));
        let card = self.lab.with_card(ADMIN);
        args.extend(card.iter().map(String::as_str));
        self.lab.command(&args)
    }

    /// A copy of everything at another place.
    pub fn twin(&self) -> Self {
        let lab = Lab {
            dir: copied(self.lab.dir.path()),
            environment: self.lab.environment.clone(),
            rehearsal: self.lab.rehearsal,
        };
        let hsm = SoftHsm { dir: copied(self.hsm.dir.path()) };
        let conf = fs::read_to_string(hsm.conf()).unwrap();
        fs::write(hsm.conf(), conf.replace(path(self.hsm.dir.path()), path(hsm.dir.path()))).unwrap();
        Self { lab: Lab { environment: hsm.environment(), ..lab }, hsm, module: None }
    }

    /// How many lines of one kind a ceremony's transcript has.
    pub fn lines(&self, directory: &str, event: &str) -> usize {
        let text = fs::read_to_string(self.lab.transcript(directory)).unwrap_or_default();
        text.lines().filter(|l| l.contains(&format!("application/vnd.quorate.{event}.v1+json"))).count()
    }

    /// Public objects with this label, as the independent client sees them.
    pub fn public(&self, label: &str) -> usize {
        let listed = self.hsm.tool(&["--token-label", "lab", "--list-objects"]);
        listed.lines().filter(|l| l.contains(&format!("label:      {label}"))).count()
    }

    /// Ledger and copy verify, as far as they are there.
    #[track_caller]
    pub fn audits(&self) {
        for place in ["ledger", "copy"] {
            if self.lab.path(place).join("0000-genesis").exists() {
                self.lab.run(&["audit", &self.lab.at(place)]).expect(6);
            }
        }
    }

    /// The ceremony ran to `completed` once, the copy is level, and nothing is left that should not be.
    #[track_caller]
    pub fn ended(&self, directory: &str) {
        for event in ["intended", "concluded", "closed"] {
            assert_eq!(self.lines(directory, event), 1, "{event} lines in {directory}");
        }
        self.lab.run(&["audit", &self.lab.at("ledger")]).expect(6);
        self.level();
        let left: Vec<String> = tree(self.lab.dir.path())
            .into_keys()
            .filter(|name| {
                name.contains("/.") || name.contains("state-station/stations/") || name.ends_with(".approval")
            })
            .collect();
        assert!(left.is_empty(), "left behind: {left:?}");
    }

    /// The copy has the same bytes, and neither has a hidden file left.
    #[track_caller]
    pub fn level(&self) {
        let places = [self.lab.at("ledger"), self.lab.at("copy")];
        let apart = Command::new("diff").arg("-r").args(&places).output().unwrap();
        assert!(apart.status.success(), "{}", String::from_utf8_lossy(&apart.stdout));
        let hidden = Command::new("find").args(&places).args(["-name", ".*"]).output().unwrap();
        assert!(hidden.stdout.is_empty(), "{}", String::from_utf8_lossy(&hidden.stdout));
    }

    /// What lies on the disk, told by names and lengths: digests are made alike, zeros are told apart.
    fn shape(&self) -> String {
        let mut shape = String::new();
        for (name, bytes) in tree(self.lab.dir.path()) {
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

/// The thousands of fsyncs cost minutes on a disk, and a process that is killed does not see the difference.
fn in_memory() {
    let memory = Path::new("/dev/shm");
    if tempfile::tempdir_in(memory).is_ok() {
        let _ = tempfile::env::override_temp_dir(memory);
    }
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

/// One system call of a command, in the order of the trace.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Which call of this name, from 1.
    pub nth: usize,
    /// On what, without the stand's own path.
    pub on: String,
    /// Files or directories on disk, and not a pipe.
    pub is_on_disk: bool,
    /// Whether the kernel did it.
    pub succeeded: bool,
}

/// A command that ran under strace.
pub struct Traced {
    pub ran: Ran,
    pub killed: bool,
    pub calls: Vec<Call>,
}

/// Runs a command under strace, with an injection (`write:signal=KILL:when=3`) or none.
pub fn traced(stand: &Stand, command: &Command, inject: Option<&str>) -> Traced {
    let log = tempfile::NamedTempFile::new().unwrap();
    let mut strace = Command::new("strace");
    strace
        .args(["-qq", "-y", "-s", "0", "-o"])
        .arg(log.path())
        .args(["-e", &format!("trace={CALLS},{STARTS}")]);
    if let Some(inject) = inject {
        strace.args(["-e", &format!("inject={inject}")]);
    }
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        strace.env(name, value.unwrap());
    }
    let output = strace
        .current_dir(command.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|e| panic!("strace is needed for these tests: {e}"));
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Traced {
        killed: output.status.signal() == Some(9),
        ran: Ran {
            code: output.status.code(),
            json: serde_json::from_str(&stdout).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            stdout,
        },
        calls: parse(&fs::read_to_string(log.path()).unwrap(), path(stand.lab.dir.path())),
    }
}

fn parse(log: &str, home: &str) -> Vec<Call> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((name, rest)) = line.split_once('(') else { continue };
        let nth = seen.entry(name.to_owned()).or_default();
        *nth += 1;
        let on = rest.rsplit_once(") ").map_or(rest, |(on, _)| on).replace(home, "");
        let succeeded = !rest.contains(" = -1 ");
        calls.push(Call { name: name.into(), nth: *nth, on, is_on_disk: rest.contains(home), succeeded });
    }
    calls
}

/// What happens to a call, and what must be true of every command to which it happened.
#[derive(Clone, Copy)]
pub struct Cut {
    pub inject: fn(&Call) -> String,
    pub check: fn(&Ran),
}

/// The process is killed before the call.
pub const KILL: Cut = Cut {
    inject: |call| format!("{}:signal=KILL:when={}", call.name, call.nth),
    check: |ran| assert_eq!(ran.code, None, "{}", ran.stderr),
};

/// Cuts a command off before each of its calls on the disk, on a copy of the stand each time.
///
/// After each cut the ledger must audit, and `go_on` is run, unless the disk looks as after an earlier cut with as many
/// workers started: between fsync and rename nothing differs that survives a process.
pub fn sweep(
    what: &str,
    stand: &Stand,
    command: &(dyn Fn(&Stand) -> Command + Sync),
    go_on: &(dyn Fn(&Stand, &Ran) + Sync),
    cut: Cut,
) {
    let begun = std::time::Instant::now();
    let rehearsed = stand.twin();
    let whole = traced(&rehearsed, &command(&rehearsed), None);
    assert_eq!(whole.ran.code, Some(0), "{what}: {}", whole.ran.stderr);
    let mut workers = 0;
    let mut points: Vec<(usize, Call)> = Vec::new();
    for call in whole.calls {
        workers += usize::from(STARTS.split(',').any(|start| start == call.name));
        if call.is_on_disk && call.succeeded {
            points.push((workers, call));
        }
    }
    points.reverse();
    let total = points.len();
    let mut table: BTreeMap<String, usize> = BTreeMap::new();
    for (_, call) in &points {
        *table.entry(call.name.clone()).or_default() += 1;
    }
    let (queue, shapes, failures) = (Mutex::new(points), Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((workers, call)) = queue.lock().unwrap().pop() else { return };
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let stand = stand.twin();
                let ran = traced(&stand, &command(&stand), Some(&(cut.inject)(&call))).ran;
                (cut.check)(&ran);
                let shape = (workers, ran.code, stand.shape());
                if !shapes.lock().unwrap().insert(shape) {
                    return;
                }
                stand.audits();
                go_on(&stand, &ran);
            }));
            if tried.is_err() {
                failures.lock().unwrap().push(format!("{} {} ({})", call.name, call.nth, call.on));
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    let table: Vec<String> = table.iter().map(|(name, count)| format!("{name} {count}")).collect();
    println!(
        "{what}: {total} points, {} states of the disk, {:.1} s: {}",
        shapes.lock().unwrap().len(),
        begun.elapsed().as_secs_f64(),
        table.join(", ")
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{what}: cut off at {failures:#?}");
}
