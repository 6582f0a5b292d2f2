//! Commands that are cut off at one system call.
//!
//! strace(1) follows the ceremony's own process only: the module's process is another one, and SoftHSM does not survive
//! a kill in a login, whoever uses it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    process::{Command, Stdio},
    sync::Mutex,
};

use super::path;
use crate::support::quorum::{Quorum, Ran};

/// Calls that change a file system or make a change durable.
const CALLS: &str = "write,writev,pwrite64,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,link,linkat,\
                     symlink,mkdir,mkdirat,ftruncate,fallocate,copy_file_range,sendfile,chmod,fchmod";
/// Calls that start the module's process.
const STARTS: &str = "vfork,fork,clone,clone3";

/// One system call of a command, in the order of the trace.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Which call of this name, from 1.
    pub nth: usize,
    /// On what, without the quorum's own path.
    pub on: String,
    /// Files or directories on disk, and not a pipe.
    pub is_on_disk: bool,
    /// Whether the kernel did it.
    pub succeeded: bool,
}

/// With this variable a sweep cuts at every call (`make sweep`); without it once for each kind of call between any two
/// starts of the module's process.
const EVERY: &str = "QUORATE_SWEEP_EVERY_CALL";

impl Call {
    /// The call, the tree in which it happens, and what is written there, without what differs from one file of a kind to
    /// the next: digests and random names.
    pub fn kind(&self) -> String {
        let path = self.on.split(['<', '>', '"']).find(|part| part.starts_with('/')).unwrap_or_default();
        let words: Vec<&str> = path.split('/').collect();
        let kinds = [words.get(1), words.iter().rev().nth(1), words.last()].map(|word| {
            let plain = |word: &&&str| word.len() < 40 && !word.starts_with(".tmp");
            word.filter(plain).copied().unwrap_or("*")
        });
        format!("{} {}", self.name, kinds.join("/"))
    }

    /// What a process that is killed before it leaves on the disk: an fsync changes nothing of that, so that one is as good
    /// as another.
    fn kind_for_a_kill(&self) -> String {
        if self.name.ends_with("sync") { self.name.clone() } else { self.kind() }
    }
}

/// A command that ran under strace.
pub struct Traced {
    pub ran: Ran,
    pub calls: Vec<Call>,
}

/// Runs a command under strace, with an injection (`write:signal=KILL:when=3`) or none.
pub fn traced(quorum: &Quorum, command: &Command, inject: Option<&str>) -> Traced {
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
    let output =
        strace.current_dir(command.get_current_dir().unwrap()).stdin(Stdio::null()).output().unwrap();
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    Traced {
        ran: Ran {
            code: output.status.code(),
            json: serde_json::from_str(&stdout).unwrap_or_default(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            stdout,
        },
        calls: parse(&fs::read_to_string(log.path()).unwrap(), path(quorum.dir.path())),
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
        // A plan in a quorum that is copied names its files by the working directory.
        let is_on_disk = rest.contains(home) || rest.contains("/proc/self/cwd/");
        calls.push(Call { name: name.into(), nth: *nth, on, is_on_disk, succeeded });
    }
    calls
}

/// What happens to a call, and what must be true of every command to which it happened.
#[derive(Clone, Copy)]
pub struct Interruption {
    pub inject: fn(&Call) -> String,
    pub check: fn(&Ran),
    /// Calls of one kind may stand for each other.
    pub kind: fn(&Call) -> String,
}

/// The process is killed before the call.
pub const KILL: Interruption = Interruption {
    inject: |call| format!("{}:signal=KILL:when={}", call.name, call.nth),
    check: |ran| assert_eq!(ran.code, None, "{}", ran.stderr),
    kind: Call::kind_for_a_kill,
};

/// Cuts a command off before its calls on the disk, on a copy of the quorum each time.
///
/// After each cut the ledger must audit, and `go_on` is run, unless the disk looks as after an earlier cut with as many
/// workers started: between fsync and rename nothing differs that survives a process.
pub fn sweep(
    what: &str,
    quorum: &Quorum,
    command: &(dyn Fn(&Quorum) -> Command + Sync),
    go_on: &(dyn Fn(&Quorum, &Ran) + Sync),
    interruption: Interruption,
) {
    let begun = std::time::Instant::now();
    let rehearsed = quorum.twin();
    let whole = traced(&rehearsed, &command(&rehearsed), None);
    assert_eq!(whole.ran.code, Some(0), "{what}: {}", whole.ran.stderr);
    let mut workers = 0;
    let mut moments: Vec<(usize, Call)> = Vec::new();
    for call in whole.calls {
        workers += usize::from(STARTS.split(',').any(|start| start == call.name));
        if call.is_on_disk && call.succeeded {
            moments.push((workers, call));
        }
    }
    let all = moments.len();
    if std::env::var_os(EVERY).is_none() {
        let mut seen = BTreeSet::new();
        moments.retain(|(workers, call)| seen.insert((*workers, (interruption.kind)(call))));
    }
    moments.reverse();
    let total = moments.len();
    let mut table: BTreeMap<String, usize> = BTreeMap::new();
    for (_, call) in &moments {
        *table.entry(call.name.clone()).or_default() += 1;
    }
    let (queue, shapes, failures) =
        (Mutex::new(moments), Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let work = || {
        loop {
            let Some((workers, call)) = queue.lock().unwrap().pop() else { return };
            let tried = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                let quorum = quorum.twin();
                let ran = traced(&quorum, &command(&quorum), Some(&(interruption.inject)(&call))).ran;
                (interruption.check)(&ran);
                let shape = (workers, ran.code, quorum.shape());
                if !shapes.lock().unwrap().insert(shape) {
                    return;
                }
                quorum.audits();
                go_on(&quorum, &ran);
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
        "{what}: {total} of {all} calls, {} states of the disk, {:.1} s: {}",
        shapes.lock().unwrap().len(),
        begun.elapsed().as_secs_f64(),
        table.join(", ")
    );
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{what}: cut off at {failures:#?}");
}

/// What a power cut could take back of what was done, whenever a module is started and at the end: a kill does not show
/// that an fsync is missing. Also files that got their name before their bytes were safe.
pub fn unsafe_moments(calls: &[Call]) -> Vec<String> {
    let mut dirty: BTreeSet<String> = BTreeSet::new();
    let mut found = Vec::new();
    let parent = |path: &str| path.rsplit_once('/').map_or("", |(above, _)| above).to_owned();
    for call in calls.iter().filter(|call| call.succeeded) {
        if STARTS.split(',').any(|start| start == call.name) {
            found.extend(dirty.iter().map(|path| format!("{path} is not safe when a module is started")));
        }
        if !call.is_on_disk {
            continue;
        }
        let opened = call.on.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        let named: Vec<&str> = call.on.split('"').filter(|part| part.starts_with('/')).collect();
        match (call.name.as_str(), named.as_slice()) {
            ("write" | "pwrite64" | "ftruncate", _) => _ = dirty.insert(opened),
            ("fsync" | "fdatasync", _) => _ = dirty.remove(&opened),
            ("rename" | "renameat" | "renameat2" | "link" | "linkat", [from, to]) => {
                let within = |path: &&String| *path == from || path.starts_with(&format!("{from}/"));
                found.extend(
                    dirty.iter().filter(within).map(|path| format!("{path} is not safe and renamed")),
                );
                dirty.extend([parent(from), parent(to)]);
            }
            ("mkdir" | "mkdirat", [path, ..]) => _ = dirty.insert(parent(path)),
            ("unlink" | "unlinkat" | "rmdir", [path, ..]) => {
                dirty.retain(|other| other != path);
                dirty.insert(parent(path));
            }
            (name, _) => found.push(format!("nobody knows what {name}({}) does", call.on)),
        }
    }
    found.extend(dirty.iter().map(|path| format!("{path} is not safe at the end")));
    found
}
