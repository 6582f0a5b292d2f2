//! Programs that do what they should not.

use std::{fs, thread, time::Duration};

use crate::{
    programs::quorum::{Programs, SECRET, by, output},
    support::quorum::QUORATE,
};

#[test]
fn a_program_that_prints_a_credential_is_not_quoted() {
    let programs = Programs::new();
    let said = programs.file("said");
    let rest = by("secret", "stdin") + &output("stdout", &said);
    let leaked = programs.ceremony(&programs.plan(&["say", "before", "cat"], &rest)).expect(5);
    assert!(leaked.error().contains("IT WROTE A CREDENTIAL"), "{}", leaked.error());
    let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
    let run = &closed.json["program"]["run"];
    assert!(run["stdout"].is_null() && run["stderr"].is_null() && run["credential_written"] == true, "{run}");
    assert!(!said.exists());
    programs.has_no_secret(&[&leaked, &closed]);
    let audit = programs.quorum.run(&["audit", &programs.quorum.at("ledger")]);
    assert!(audit.stdout.contains("credential-written"), "{}", audit.stdout);
}

/// What comes beside the transcript during the act keeps no outcome from the record.
#[test]
fn a_statement_that_comes_during_the_act_does_not_keep_the_outcome_from_the_record() {
    let programs = Programs::new();
    let late = programs.quorum.at("ledger/0001-command/approvals/late.json");
    let done = programs.ceremony(&programs.plan(&["note", &late], &by("secret", "stdin"))).ok();
    assert_eq!(done.json["outcome"], "completed");
    let audit = programs.quorum.run(&["audit", &programs.quorum.at("ledger")]).expect(6);
    assert!(audit.stdout.contains("statement-unread"), "{}", audit.stdout);
}

/// Of a record that the program damages nobody is told that all is well; the outcome is on record, and the copy is whole.
#[test]
fn a_program_that_damages_the_record_is_noticed_and_spoils_no_copy() {
    let programs = Programs::new();
    let plan = programs.quorum.at("ledger/0000-genesis/plan.toml");
    let done = programs.ceremony(&programs.plan(&["note", &plan], &by("secret", "stdin"))).expect(3);
    assert_eq!(done.json["outcome"], "completed");
    assert!(done.stderr.contains("0000-genesis: it was changed by"), "{}", done.stderr);
    programs.quorum.run(&["audit", &programs.quorum.at("ledger")]).expect(3);
    let audit = programs.quorum.run(&["audit", &programs.quorum.at("copy")]).expect(6);
    assert_eq!(audit.json["ceremonies"], 2, "{}", audit.json);
}

#[test]
fn a_program_that_writes_a_credential_to_its_output_gets_nothing_published() {
    let programs = Programs::new();
    let rest = by("secret", "stdin")
        + &output("out", &programs.file("out"))
        + &output("more", &programs.file("more"));
    let plan = programs.plan(&["note", "{output:more}", "save", "{output:out}"], &rest);
    let leaked = programs.ceremony(&plan).expect(5);
    let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
    assert!(!programs.file("out").exists() && !programs.file("more").exists());
    programs.has_no_secret(&[&leaked, &closed]);
}

#[test]
fn a_terminal_that_echoes_gets_no_credential() {
    let programs = Programs::new();
    let kept = programs.quorum.path("kept");
    let arguments = ["ask-echoing", "PIN: ", "save-answer", kept.to_str().unwrap()];
    let stopped = programs.ceremony(&programs.plan(&arguments, &by("secret", "prompt PIN:"))).expect(5);
    assert!(stopped.error().contains("would have shown the credential"), "{}", stopped.error());
    assert!(!kept.exists(), "it was typed");
    // Echoed by the program itself: seen, and dropped.
    programs.quorum.execute_with(&["--give-up"]).expect(5);
    let leaked = programs
        .ceremony(&programs.plan(&["ask", "PIN: ", "show-answer"], &by("secret", "prompt PIN:")))
        .expect(5);
    assert!(leaked.error().contains("IT WROTE A CREDENTIAL"), "{}", leaked.error());
    let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
    programs.has_no_secret(&[&stopped, &leaked, &closed]);
}

#[test]
fn another_prompt_gets_no_credential_and_the_same_one_only_one() {
    let programs = Programs::new();
    let kept = programs.quorum.path("kept");
    let arguments = ["ask", "SO PIN: ", "save-answer", kept.to_str().unwrap()];
    let plan = programs.plan(&arguments, &by("secret", "prompt PIN:")).replace("seconds = 20", "seconds = 2");
    let stopped = programs.ceremony(&plan).expect(5);
    assert!(stopped.error().contains("longer than 2 s") && stopped.error().contains("0 of 1 credentials"));
    assert!(!kept.exists());
    programs.quorum.execute_with(&["--give-up"]).expect(5);
    let arguments = ["ask", "PIN: ", "ask", "PIN: "];
    let again = programs.ceremony(&programs.plan(&arguments, &by("secret", "prompt PIN:"))).expect(5);
    assert!(again.error().contains("asked for a credential once more"), "{}", again.error());
    // One that ends well without having asked was not handed what it needs.
    programs.quorum.execute_with(&["--give-up"]).expect(5);
    let unasked = programs.ceremony(&programs.plan(&["say", "done"], &by("secret", "prompt PIN:"))).expect(5);
    assert!(unasked.error().contains("exit code 0, 0 of 1 credentials taken"), "{}", unasked.error());
}

#[test]
fn a_program_that_hangs_floods_or_dies_is_brought_to_an_end() {
    let programs = Programs::new();
    for (arguments, said) in [
        (&["hang"][..], "longer than 2 s"),
        (&["fill"], "wrote too much"),
        (&["die"], "signal 11"),
        (&["exit", "9"], "exit code 9"),
        (&["say", "done"], "0 of 1 outputs"),
        (&["link", "/etc/passwd", "{output:out}"], "0 of 1 outputs"),
    ] {
        let rest = by("secret", "stdin") + &output("out", &programs.file("out"));
        let limit = if arguments == ["hang"] { "seconds = 2" } else { "seconds = 100" };
        let plan = programs.plan(arguments, &rest).replace("seconds = 20", limit);
        let ended = programs.ceremony(&plan).expect(5);
        assert!(ended.error().contains(said), "{arguments:?}: {}", ended.error());
        let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
        programs.has_no_secret(&[&ended, &closed]);
        assert!(!programs.file("out").exists());
    }
}

#[test]
fn nothing_of_a_program_outlives_it() {
    let programs = Programs::new();
    let alive = programs.quorum.path("alive");
    let arguments =
        ["copy-file", "{file:secret}", "/dev/null", "daemon", alive.to_str().unwrap(), "say", "done"];
    let done = programs.ceremony(&programs.plan(&arguments, &by("secret", "descriptor"))).ok();
    assert_eq!(done.json["program"]["run"]["left_behind"].as_u64(), Some(1), "{}", done.json["program"]);
    assert!(done.text("summary").contains("1 processes that it left behind were killed"));
    thread::sleep(Duration::from_secs(4));
    assert!(!alive.exists(), "a daemon kept the descriptor");
}

#[test]
fn outputs_are_not_written_over_and_follow_no_link() {
    let programs = Programs::new();
    let out = programs.file("out");
    let plan = programs.plan(&["note", "{output:out}"], &(by("secret", "stdin") + &output("out", &out)));
    let path = programs.quorum.plan("next", &plan);
    for link in [false, true] {
        if link {
            std::os::unix::fs::symlink(programs.quorum.path("elsewhere"), &out).unwrap();
        } else {
            fs::write(&out, "mine").unwrap();
        }
        let refused = programs.quorum.propose(&path).expect(3);
        assert!(refused.error().contains("exists already"), "{}", refused.error());
        fs::remove_file(&out).unwrap();
    }
    // Put there after the approvals: refused before the intent, and good again when it is gone.
    programs.approved(&plan);
    std::os::unix::fs::symlink(programs.quorum.path("elsewhere"), &out).unwrap();
    programs.quorum.execute().expect(3);
    fs::remove_file(&out).unwrap();
    programs.quorum.execute().ok();
    assert_eq!(fs::read_to_string(&out).unwrap(), "x");
    assert!(!programs.quorum.path("elsewhere").exists());
    // Put there by the program itself, while it runs: what was there is not touched, and it goes on when it is gone.
    let late = programs.file("late");
    let arguments = ["note", "{output:late}", "note", late.to_str().unwrap()];
    let ended =
        programs.ceremony(&programs.plan(&arguments, &(by("secret", "stdin") + &output("late", &late))));
    // The same bytes are the very output.
    ended.ok();
    let arguments = [
        "note",
        "{output:later}",
        "note",
        "{output:later}",
        "note",
        programs.quorum.path("files/later").to_str().unwrap(),
    ]
    .map(str::to_owned);
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let rest = by("secret", "stdin") + &output("later", &programs.file("later"));
    let exists = programs.ceremony(&programs.plan(&arguments, &rest)).expect(5);
    assert!(exists.error().contains("exists, and is not this program's output"), "{}", exists.error());
    fs::remove_file(programs.file("later")).unwrap();
    programs.quorum.execute().ok();
    assert_eq!(fs::read_to_string(programs.file("later")).unwrap(), "xx");
    assert!(!SECRET.is_empty());
}

/// The process that watches over a program dies at the worst time: before the program has asked to die with it.
#[test]
fn a_program_that_nobody_watches_is_not_started() {
    let dir = tempfile::tempdir().unwrap();
    let (report, mark) = (dir.path().join("report"), dir.path().join("mark"));
    let launch = |supervisor: u32| {
        let script = format!(
            "exec 3</usr/bin/touch 4>'{}'; exec '{QUORATE}' program-launcher {supervisor} pipe 3 4 0 touch '{}'",
            report.display(),
            mark.display()
        );
        std::process::Command::new("sh").args(["-c", &script]).output().unwrap()
    };
    launch(1);
    assert!(fs::read_to_string(&report).unwrap().contains("the process that watches it has ended"));
    assert!(!mark.exists());
    launch(std::process::id());
    assert_eq!(fs::read_to_string(&report).unwrap(), "");
    assert!(mark.exists());
}
