//! A thousand objects: operations that show how far they are, whose time it was, and that need no more memory for more.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use crate::support::founded;
use crate::support::quorum::{ADMIN, Quorum, Ran};
use crate::support::softhsm::{MODULE, SoftHsm, USER_PIN};
use crate::support::tokens::{FOUR, Target, reset};

/// Makes AES keys (size 0) or data objects of a size, by a program of a few lines of C.
fn fill(hsm: &SoftHsm, count: usize, size: usize) {
    let program: PathBuf = hsm.dir.path().join("fill");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite/support/fill.c");
    let built = Command::new("cc").args(["-O1", "-w", "-o"]).arg(&program).arg(source).arg("-ldl").output();
    assert!(built.as_ref().unwrap().status.success(), "{built:?}");
    let filled = Command::new(&program)
        .env("SOFTHSM2_CONF", hsm.conf())
        .args([MODULE, "lab", USER_PIN, &count.to_string(), &size.to_string()])
        .output()
        .unwrap();
    assert!(filled.status.success(), "{filled:?}");
}

fn backup(quorum: &Quorum, file: &str) -> String {
    format!(
        "kind = \"backup\"\ntitle = \"Backup\"\nexpires_in_hours = 1\ntarget = \"hsm\"\noutput = \"{}\"\n\
         allow_partial = false\n",
        quorum.at(file)
    )
}

fn timed(what: &str, ran: impl FnOnce() -> Ran) -> Ran {
    let begun = Instant::now();
    let ran = ran().ok();
    println!("{what}: {:.1} s; {}", begun.elapsed().as_secs_f64(), ran.json["time"]);
    ran
}

/// A token that was filled before the quorum took it over.
fn with_objects(count: usize, size: usize) -> Quorum {
    founded::in_memory();
    let hsm = SoftHsm::with_token("lab");
    fill(&hsm, count, size);
    let quorum = Quorum::of(5).over(hsm);
    let target = Target::in_use(quorum.hsm(), "lab");
    quorum.found(&[target]);
    quorum
}

#[test]
fn a_thousand_keys_are_backed_up_and_reset_and_it_shows_how_far_that_is() {
    let quorum = with_objects(1000, 0);
    quorum.approved(&backup(&quorum, "files/b.age"), FOUR);
    let done = timed("backup of 1,000 keys", || quorum.execute());
    assert_eq!(done.json["backup"]["entries"].as_array().unwrap().len(), 1000);
    for said in
        ["objects backed up: 0 of 1000", "objects backed up: 500 of 1000", "objects backed up: 1000 of 1000"]
    {
        assert!(done.stderr.contains(said), "{said}: {}", done.stderr);
    }
    let calls = done.json["time"]["module_calls"].as_u64().unwrap();
    assert!(calls >= 1000, "each key is a call at least: {calls}");
    assert!(done.json["time"]["in_module_ms"].as_u64().unwrap() > 0);
    quorum.approved(&reset(&quorum.hsm().serial("lab"), "lab", "lab-2"), FOUR);
    timed("reset of 1,000 keys", || quorum.execute());
    assert!(quorum.hsm().tool(&["--list-token-slots"]).contains("token label        : lab-2\n"));
}

/// VmHWM of a process in KiB.
fn high_water(pid: &str) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// The most memory that a backup of so many objects of 1 MiB had at once, in KiB: the tool, and the modules' processes.
fn peaks(count: usize) -> (u64, u64) {
    founded::in_memory();
    let hsm = SoftHsm::with_token("lab");
    fill(&hsm, count, 1 << 20);
    // A backup without any key is none.
    hsm.make_secret("lab", "AES:32", "key", "77");
    let quorum = Quorum::of(5).over(hsm);
    quorum.found(&[Target::in_use(quorum.hsm(), "lab")]);
    quorum.approved(&backup(&quorum, "files/b.age"), FOUR);
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    let mut args = vec!["execute".to_owned(), ledger, "--copy".to_owned(), copy];
    args.extend(quorum.with_card(ADMIN));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut command = quorum.command(&args);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let (own, mut tool, mut module) = (child.id().to_string(), 0, 0);
    loop {
        tool = tool.max(high_water(&own).unwrap_or(0));
        let children = fs::read_to_string(format!("/proc/{own}/task/{own}/children")).unwrap_or_default();
        module = children.split_whitespace().filter_map(high_water).fold(module, u64::max);
        if let Some(status) = child.try_wait().unwrap() {
            assert!(status.success());
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let written = fs::metadata(quorum.path("files/b.age")).unwrap().len();
    assert!(written > (count << 20) as u64, "{written} bytes of backup");
    (tool, module)
}

#[test]
fn memory_does_not_grow_with_the_backup() {
    let ((small, small_module), (large, large_module)) = (peaks(4), peaks(32));
    println!(
        "backup of 4 MiB: tool {small} KiB, module's process {small_module} KiB; of 32 MiB: {large} KiB, {large_module} KiB"
    );
    assert!(
        small > 0 && large < small + 8 * 1024,
        "the tool needs {small} KiB for 4 MiB, {large} KiB for 32 MiB"
    );
}
