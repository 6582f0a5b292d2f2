//! What could not be printed is an error; a reader that went away is not.

use std::{
    fs::File,
    io::{Read as _, Write as _},
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use super::program;
use crate::support::quorum::{QUORATE, Quorum};

fn output(quorum: &Quorum, args: &[&str], stdout: Stdio) -> Output {
    Command::new(QUORATE)
        .args(args)
        .args(["--state-dir", &quorum.at("state-station")])
        .current_dir(quorum.dir.path())
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
        .wait_with_output()
        .unwrap()
}

/// What was said, without the breaks of its lines.
fn unwrapped(said: &[u8]) -> String {
    String::from_utf8_lossy(said).split_whitespace().collect::<Vec<_>>().join(" ")
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").unwrap().into()
}

const LOOKS: [&[&str]; 8] = [
    &["--help"],
    &["execute", "--help"],
    &["completions", "bash"],
    &["status", "ledger"],
    &["status", "ledger", "--json"],
    &["show", "ledger", "0"],
    &["audit", "ledger"],
    &["card", "show", "soft:cards/alice.card"],
];

#[test]
fn a_report_that_a_full_disk_does_not_take_is_an_error() {
    let quorum = program::proposed();
    for args in LOOKS {
        let ran = output(&quorum, args, full());
        let said = unwrapped(&ran.stderr);
        assert_eq!(ran.status.code(), Some(1), "{args:?}: {said}");
        let wanted = "error: not everything could be written to standard output: no space left on device";
        assert!(said.contains(wanted) && said.contains("hint: "), "{args:?}: {said}");
        // A reader that went away wants no more.
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let ran = output(&quorum, args, writer.into());
        let said = unwrapped(&ran.stderr);
        // An audit without its pins from paper is incomplete, whoever reads it.
        let code = if args[0] == "audit" && args.len() == 2 { 6 } else { 0 };
        assert_eq!(ran.status.code(), Some(code), "{args:?}: {said}");
        assert!(!said.contains("written to"), "{args:?}: {said}");
    }
    // Nothing is signed that was not shown.
    let (card, pin) = (quorum.card("alice", ""), quorum.pin_file("alice"));
    let approve = ["approve", "ledger", "--yes", "--card", &card, "--pin-file", &pin];
    let ran = output(&quorum, &approve, full());
    let said = unwrapped(&ran.stderr);
    assert!(ran.status.code() == Some(1) && said.contains("not everything could be written"), "{said}");
    assert!(said.contains("nothing was decided"), "{said}");
    assert!(
        quorum.run(&["status", &quorum.at("ledger")]).ok().json["open"]["approved"]
            .as_array()
            .unwrap()
            .is_empty()
    );
}

/// A pipe that takes a part of what was written and is not ready for more: the object arrives whole.
#[test]
fn a_pipe_that_is_not_ready_gets_the_whole_object() {
    const BEFORE: usize = 60_000;
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b' '; BEFORE]).unwrap();
    rustix::io::ioctl_fionbio(&writer, true).unwrap();
    let mut command = Command::new(QUORATE);
    command.args(["completions", "bash", "--json"]).stdin(Stdio::null()).stdout(writer);
    let mut child = command.spawn().unwrap();
    drop(command);
    // Until it has begun to write, and found the pipe full: the object is longer than what was left.
    while rustix::io::ioctl_fionread(&reader).unwrap() <= BEFORE as u64 && child.try_wait().unwrap().is_none()
    {
        thread::sleep(Duration::from_millis(2));
    }
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(child.wait().unwrap().success() && all.len() > 1 << 16, "{} bytes", all.len());
    let object: serde_json::Value = serde_json::from_slice(&all).unwrap();
    assert_eq!(object["exit"], 0);
}

/// Without a handler the signal of that limit ends the process, with it the write fails.
#[test]
fn a_file_that_may_not_grow_is_an_error_and_not_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let script = "ulimit -f 1; \"$0\" completions bash > out 2>err; echo $?; cat err";
    let ran = Command::new("bash").args(["-c", script, QUORATE]).current_dir(dir.path()).output().unwrap();
    let said = String::from_utf8(ran.stdout).unwrap();
    assert!(said.starts_with("1\n") && said.contains("standard output: file too large"), "{said}");
}
