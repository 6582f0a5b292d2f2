//! The tool is killed while its program runs.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::programs::quorum::{Programs, by, exists, output};

fn wait_for(path: &Path) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !path.exists() {
        assert!(Instant::now() < deadline, "{} does not come", path.display());
        thread::sleep(Duration::from_millis(10));
    }
}

/// Executes, and kills the tool when this file has come.
fn killed_when(programs: &Programs, path: &Path) {
    let (ledger, copy) = (programs.quorum.at("ledger"), programs.quorum.at("copy"));
    let mut args = vec!["execute".to_owned(), ledger, "--copy".into(), copy];
    args.extend(programs.quorum.with_card("frank"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let mut child =
        programs.quorum.command(&args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    wait_for(path);
    child.kill().unwrap();
    child.wait().unwrap();
}

fn running(program: &Path) -> bool {
    let listed = Command::new("ps").args(["-eo", "args"]).output().unwrap();
    String::from_utf8_lossy(&listed.stdout).lines().any(|line| line.starts_with(program.to_str().unwrap()))
}

#[test]
fn a_killed_tool_leaves_no_program_behind_and_runs_nothing_twice() {
    let programs = Programs::new();
    let (mark, late) = (programs.quorum.path("mark"), programs.quorum.path("late"));
    let arguments = ["note", mark.to_str().unwrap(), "sleep", "3", "note", late.to_str().unwrap()];
    programs.approved(&programs.plan(&arguments, &by("secret", "stdin")));
    killed_when(&programs, &mark);
    let deadline = Instant::now() + Duration::from_secs(60);
    while running(&programs.puppet) {
        assert!(Instant::now() < deadline, "the program outlives the tool");
        thread::sleep(Duration::from_millis(20));
    }
    let again = programs.quorum.execute().expect(5);
    assert!(again.error().contains("it is never run twice"), "{}", again.error());
    thread::sleep(Duration::from_secs(3));
    assert_eq!(fs::read_to_string(&mark).unwrap(), "x");
    assert!(!late.exists());
    let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
    assert!(closed.json["program"]["run"].is_null(), "{}", closed.json["program"]);
    programs.has_no_secret(&[&again, &closed]);
    assert!(is_tidy(&programs));
    programs.ceremony(&programs.plan(&["say", "on it goes"], &by("secret", "stdin"))).ok();
}

/// Whether no working directory of a program is left.
fn is_tidy(programs: &Programs) -> bool {
    fs::read_dir(programs.quorum.path("state-station/programs")).unwrap().next().is_none()
}

/// Nobody executes a ceremony again that was recovered: what its program had left goes with the station's secrets.
#[test]
fn a_recovered_ceremony_leaves_no_working_directory_behind() {
    let programs = Programs::new();
    let mark = programs.quorum.path("mark");
    programs.approved(&programs.plan(&["note", mark.to_str().unwrap(), "hang"], &by("secret", "stdin")));
    killed_when(&programs, &mark);
    assert!(!is_tidy(&programs));
    let recover = "kind = \"recover\"\ntitle = \"Recover\"\nexpires_in_hours = 1\nceremony = 1\n";
    programs.quorum.ceremony(recover, &crate::support::quorum::CUSTODIANS).ok();
    // The next one who looks finds nothing to do, and clears up.
    programs.quorum.execute().expect(3);
    assert!(is_tidy(&programs));
}

#[test]
fn after_a_kill_the_check_says_whether_it_was_done() {
    let programs = Programs::new();
    for (arguments, code) in
        [(&["note", "MARK", "note", "WANTED", "hang"][..], 0), (&["note", "MARK", "hang"], 4)]
    {
        let (mark, wanted) = (programs.quorum.path("mark"), programs.quorum.path("wanted"));
        let arguments: Vec<String> = arguments
            .iter()
            .map(|a| a.replace("MARK", mark.to_str().unwrap()).replace("WANTED", wanted.to_str().unwrap()))
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        programs.approved(&programs.plan(&arguments, &(by("secret", "stdin") + &exists(&wanted))));
        killed_when(&programs, if code == 0 { &wanted } else { &mark });
        programs.quorum.execute().expect(code);
        if code != 0 {
            programs.quorum.execute_with(&["--give-up"]).expect(code);
        }
        assert_eq!(fs::read_to_string(&mark).unwrap(), "x");
        fs::remove_file(&mark).unwrap();
        let _ = fs::remove_file(&wanted);
    }
}

/// What an execution changes, put back as it was after the approvals.
fn restore(programs: &Programs, kept: &Path) {
    for part in ["ledger", "copy", "state-station"] {
        let there = programs.quorum.path(part);
        fs::remove_dir_all(&there).unwrap();
        assert!(Command::new("cp").arg("-a").arg(kept.join(part)).arg(&there).status().unwrap().success());
    }
    for file in ["count", "files/out"] {
        let _ = fs::remove_file(programs.quorum.path(file));
    }
}

/// Executes, and is killed at the `at`th call of this name; only the tool itself, its children go free. Whether it came to
/// its end before.
fn cut_off(programs: &Programs, call: &str, at: usize) -> bool {
    let (ledger, copy) = (programs.quorum.at("ledger"), programs.quorum.at("copy"));
    let mut args = vec!["execute".to_owned(), ledger, "--copy".into(), copy];
    args.extend(programs.quorum.with_card("frank"));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let inner = programs.quorum.command(&args);
    let cut = Command::new("strace")
        .args(["-qq", "-o", "/dev/null", "-e", &format!("trace={call}")])
        .args(["-e", &format!("inject={call}:signal=KILL:when={at}")])
        .arg(inner.get_program())
        .args(inner.get_args())
        .current_dir(programs.quorum.dir.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    cut.status.success()
}

/// Killed at every fsync, rename, link and unlink of an execution in which a program makes an output: the next run never
/// starts it twice, and the output is there when the ceremony completes.
#[test]
fn killed_at_every_write_a_program_is_started_once() {
    let programs = Programs::new();
    let (count, out) = (programs.quorum.path("count"), programs.file("out"));
    let arguments = ["note", count.to_str().unwrap(), "note", "{output:out}"];
    programs.approved(&programs.plan(&arguments, &(by("secret", "stdin") + &output("out", &out))));
    let kept = tempfile::tempdir().unwrap();
    for part in ["ledger", "copy", "state-station"] {
        let copied =
            Command::new("cp").arg("-a").arg(programs.quorum.path(part)).arg(kept.path()).status().unwrap();
        assert!(copied.success());
    }
    let (mut points, mut completed, mut open) = (0, 0, 0);
    for call in ["fsync", "rename", "link", "linkat", "unlink"] {
        for at in 1.. {
            restore(&programs, kept.path());
            if cut_off(&programs, call, at) {
                break;
            }
            points += 1;
            let next = programs.quorum.execute();
            match next.code {
                Some(0) => completed += 1,
                Some(5) => open += 1,
                // It had been closed already.
                Some(3) => {
                    assert!(next.error().contains("ended: completed"), "{call} {at}: {}", next.error())
                }
                _ => panic!("{call} {at}: {}{}", next.stdout, next.stderr),
            }
            let ran = fs::read_to_string(&count).unwrap_or_default();
            assert!(ran.len() <= 1, "{call} {at}: it was started {} times", ran.len());
            if next.code != Some(5) {
                assert!(is_tidy(&programs), "{call} {at}: its working directory is still there");
                assert_eq!(
                    (ran.as_str(), fs::read_to_string(&out).unwrap().as_str()),
                    ("x", "x"),
                    "{call} {at}"
                );
            }
        }
    }
    eprintln!("{points} kills: {completed} completed by the next run, {open} left open by it");
    assert!(points > 20 && completed > 10 && open > 0, "{points} {completed} {open}");
}
