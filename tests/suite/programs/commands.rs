//! What commands are for.

use std::{fs, path::Path, process::Command};

use crate::{
    programs::quorum::{Programs, SECOND, SECRET, by, exists, genesis, input, output, program_table},
    support::{
        quorum::{CUSTODIANS, Quorum},
        tokens::THREE,
    },
};

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap()
}

#[test]
fn credentials_come_in_order_on_standard_input_and_by_descriptor_and_nowhere_else() {
    let programs = Programs::new();
    // What it is handed it keeps where only this test looks: the program may, and the record may not.
    let kept = programs.quorum.dir.path().join("kept");
    let (saved, copied) = (kept.join("stdin"), kept.join("descriptor"));
    fs::create_dir(&kept).unwrap();
    let arguments = [
        "say",
        "hello",
        "save",
        saved.to_str().unwrap(),
        "copy-file",
        "{file:secret}",
        copied.to_str().unwrap(),
        "environment",
        "descriptors",
        "session",
    ];
    let rest = "environment = { LC_ALL = \"C\" }\n---\n".to_owned()
        + &by("second-secret", "stdin")
        + &by("secret", "stdin")
        + &by("secret", "descriptor")
        + &output("stdout", &programs.file("said"));
    let done = programs.ceremony(&programs.plan(&arguments, &rest)).ok();
    assert_eq!(text(&saved), format!("{SECOND}\n{SECRET}\n"));
    assert_eq!(text(&copied), SECRET, "by descriptor its bytes alone");
    let said = text(&programs.file("said"));
    let lines: Vec<&str> = said.lines().collect();
    assert_eq!(lines[0], "hello");
    let mut environment: Vec<&str> =
        lines.iter().filter(|l| l.contains('=')).map(|l| l.split('=').next().unwrap()).collect();
    environment.sort_unstable();
    assert_eq!(environment, ["HOME", "LC_ALL", "TMPDIR"], "{said}");
    assert_eq!(lines.iter().filter(|l| l.starts_with("open ")).count(), 1, "{said}");
    assert!(said.contains("session own, no new privileges: NoNewPrivs:\t1"), "{said}");
    let run = &done.json["program"]["run"];
    assert_eq!((run["exit_code"].as_u64(), run["handed"].as_u64()), (Some(0), Some(3)), "{run}");
    assert_eq!(run["stdout"]["length"].as_u64().unwrap(), said.len() as u64);
    programs.has_no_secret(&[&done]);
    assert!(fs::read_dir(programs.quorum.path("state-station/programs")).unwrap().next().is_none());
}

#[test]
fn a_terminal_gets_each_credential_once_at_its_prompt() {
    let programs = Programs::new();
    let kept = programs.quorum.path("kept");
    let arguments = [
        "say",
        "PIN: is not asked for here",
        "ask",
        "First PIN: ",
        "save-answer",
        kept.to_str().unwrap(),
        "ask",
        "Second PIN: ",
        "save-answer",
        kept.to_str().unwrap(),
    ];
    let rest = by("secret", "prompt First PIN:")
        + &by("second-secret", "prompt Second PIN:")
        + &output("stdout", &programs.file("terminal"));
    let done = programs.ceremony(&programs.plan(&arguments, &rest)).ok();
    assert_eq!(text(&kept), format!("{SECRET}{SECOND}"));
    assert_eq!(text(&programs.file("terminal")), "PIN: is not asked for here\nFirst PIN: \nSecond PIN: \n");
    assert_eq!(done.json["program"]["run"]["handed"].as_u64(), Some(2));
    programs.has_no_secret(&[&done]);
}

#[test]
fn an_offline_key_is_made_and_signs_under_a_passphrase_that_nobody_has() {
    let quorum = Quorum::of(5).enrolled();
    let openssl = fs::canonicalize("/usr/bin/openssl").unwrap();
    let table = program_table("offline-key", &openssl, &[("secret", "generated")]);
    let plan = quorum.plan("genesis", &genesis(&quorum, &table));
    quorum.ceremony(&plan, &CUSTODIANS).ok();
    let command = |arguments: &str, rest: &str| {
        format!(
            "kind = \"command\"\ntitle = \"Key\"\nexpires_in_hours = 1\ntarget = \"offline-key\"\n\
             arguments = [{arguments}]\ntime_limit_seconds = 60\n{rest}"
        )
    };
    let key = quorum.path("files/key.pem");
    let make = command(
        "\"genpkey\", \"-algorithm\", \"EC\", \"-pkeyopt\", \"ec_paramgen_curve:P-256\", \"-aes-256-cbc\", \
         \"-pass\", \"stdin\", \"-out\", \"{output:key}\"",
        &(by("secret", "stdin") + &output("key", &key)),
    );
    quorum.ceremony(&make, THREE).ok();
    assert!(text(&key).contains("ENCRYPTED PRIVATE KEY"));
    let document = quorum.path("files/document");
    fs::write(&document, "the document").unwrap();
    let signature = quorum.path("files/signature");
    let sign = command(
        "\"dgst\", \"-sha256\", \"-sign\", \"{input:key}\", \"-passin\", \"stdin\", \"-out\", \"{output:signature}\", \
         \"{input:document}\"",
        &(by("secret", "stdin")
            + &input("key", &key)
            + &input("document", &document)
            + &output("signature", &signature)),
    );
    quorum.ceremony(&sign, THREE).ok();
    // The public half comes out with the passphrase as well, and the signature holds under it.
    let public = quorum.path("files/public.pem");
    let show = command(
        "\"pkey\", \"-in\", \"{input:key}\", \"-passin\", \"stdin\", \"-pubout\", \"-out\", \"{output:public}\"",
        &(by("secret", "stdin") + &input("key", &key) + &output("public", &public)),
    );
    quorum.ceremony(&show, THREE).ok();
    let verified = Command::new("openssl")
        .args(["dgst", "-sha256", "-verify"])
        .arg(&public)
        .arg("-signature")
        .arg(&signature)
        .arg(&document)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn age_asks_for_its_passphrase_on_the_terminal() {
    let quorum = Quorum::of(5).enrolled();
    let age = fs::canonicalize("/usr/bin/age").unwrap();
    let table = program_table("safe", &age, &[("secret", "generated")]);
    quorum.ceremony(&genesis(&quorum, &table), &CUSTODIANS).ok();
    let (plain, sealed, opened) =
        (quorum.path("files/plain"), quorum.path("files/sealed"), quorum.path("files/opened"));
    fs::write(&plain, "what is in the safe").unwrap();
    let command = |arguments: &str, rest: &str| {
        format!(
            "kind = \"command\"\ntitle = \"Safe\"\nexpires_in_hours = 1\ntarget = \"safe\"\n\
             arguments = [{arguments}]\ntime_limit_seconds = 60\n{rest}"
        )
    };
    let seal = command(
        "\"-p\", \"-o\", \"{output:sealed}\", \"{input:plain}\"",
        &(by("secret", "prompt Enter passphrase (leave empty to autogenerate a secure one):")
            + &by("secret", "prompt Confirm passphrase:")
            + &input("plain", &plain)
            + &output("sealed", &sealed)),
    );
    quorum.ceremony(&seal, THREE).ok();
    assert!(fs::read(&sealed).unwrap().starts_with(b"age-encryption.org/v1\n-> scrypt "));
    let open = command(
        "\"-d\", \"-o\", \"{output:opened}\", \"{input:sealed}\"",
        &(by("secret", "prompt Enter passphrase:") + &input("sealed", &sealed) + &output("opened", &opened)),
    );
    quorum.ceremony(&open, THREE).ok();
    assert_eq!(text(&opened), "what is in the safe");
}

#[test]
fn a_check_looks_whether_it_was_carried_out() {
    let programs = Programs::new();
    let mark = programs.quorum.path("mark");
    let mark_text = mark.to_str().unwrap();
    // It says that it failed, and yet it was done.
    let rest = by("secret", "stdin") + &exists(&mark);
    let done = programs.ceremony(&programs.plan(&["note", mark_text, "exit", "7"], &rest)).ok();
    assert_eq!(done.json["program"]["check_exit_code"].as_u64(), Some(0));
    assert_eq!(done.json["program"]["run"]["exit_code"].as_u64(), Some(7));
    // It says nothing, and it was not done: seen not to have happened.
    let nowhere = programs.quorum.path("nowhere");
    let rest = by("secret", "stdin") + &exists(&nowhere);
    let failed =
        programs.ceremony(&programs.plan(&["complain", "no such box", "exit", "7"], &rest)).expect(4);
    assert!(failed.error().contains("exit code 7") && failed.error().contains("it said: no such box"));
    programs.quorum.execute_with(&["--give-up"]).expect(4);
    // It says that it did, and the check sees that it did not.
    let lied = programs.ceremony(&programs.plan(&["say", "done"], &rest)).expect(5);
    assert!(lied.error().contains("but the check sees that it was not carried out"), "{}", lied.error());
    programs.quorum.execute_with(&["--give-up"]).expect(5);
    // Without a check a failure leaves everything open, and it is not run again.
    let count = programs.quorum.path("count");
    let plan = programs.plan(&["note", count.to_str().unwrap(), "exit", "1"], &by("secret", "stdin"));
    programs.ceremony(&plan).expect(5);
    programs.quorum.execute().expect(5);
    programs.quorum.execute_with(&["--give-up"]).expect(5);
    assert_eq!(text(&count), "x", "it was run twice");
    let status = programs.quorum.run(&["status", &programs.quorum.at("ledger")]).ok();
    let outcomes: Vec<&str> = status.json["ceremonies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["outcome"].as_str().unwrap())
        .collect();
    assert_eq!(outcomes, ["completed", "completed", "failed", "indeterminate", "indeterminate"]);
    // A program has neither label nor serial.
    assert!(
        status.stderr.contains(": program /") && !status.stderr.contains("serial \n"),
        "{}",
        status.stderr
    );
}

#[test]
fn a_repeatable_command_is_run_until_it_succeeds() {
    let programs = Programs::new();
    let (count, wanted) = (programs.quorum.path("count"), programs.quorum.path("wanted"));
    let arguments = ["note", count.to_str().unwrap(), "cat-file", wanted.to_str().unwrap()];
    let rest = "repeatable = true\n---\n".to_owned() + &by("secret", "stdin");
    programs.ceremony(&programs.plan(&arguments, &rest)).expect(5);
    fs::write(&wanted, "there").unwrap();
    programs.quorum.execute().ok();
    assert_eq!(text(&count), "xx");
}

#[test]
fn the_briefing_says_what_is_run_and_what_it_gets() {
    let programs = Programs::new();
    let rest = by("secret", "stdin") + &exists(&programs.file("x"));
    let path = programs.quorum.plan(
        "next",
        &programs
            .plan(&["say", "a word", "{file:second-secret}"], &(rest + &by("second-secret", "descriptor"))),
    );
    let path = {
        // Tables of credentials stand before the check.
        let plan = fs::read_to_string(&path).unwrap();
        let (head, check) = plan.split_once("[check]").unwrap();
        let (check, second) = check.split_once("[[credentials]]").unwrap();
        programs.quorum.plan("next", &format!("{head}[[credentials]]{second}[check]{check}"))
    };
    let proposed = programs.quorum.propose(&path).ok();
    for said in [
        "argument 2: a word",
        "THE secret is written to its standard input",
        "THE second-secret is on a descriptor of its own: {fd:second-secret} is its",
        "it is started once, whatever happens",
        "exit code 0: it was carried out; 1: it was not",
    ] {
        assert!(proposed.stderr.contains(said), "{said}: {}", proposed.stderr);
    }
}

/// What a program did not read it was not handed, however well it ended.
#[test]
fn a_credential_that_was_not_read_was_not_handed() {
    let programs = Programs::new();
    let file = programs.file("note");
    let rest = by("secret", "stdin") + &by("second-secret", "stdin") + &by("secret", "descriptor");
    for (arguments, taken) in [
        (vec!["leave"], 0),
        (vec!["skip-line", "leave"], 1),
        (vec!["cat-file", "/dev/null"], 2),
        (vec!["leave", "cat-file", "{file:secret}"], 1),
    ] {
        let plan = programs.plan(&[&arguments[..], &["note", file.to_str().unwrap()]].concat(), &rest);
        let ended = programs.ceremony(&plan).expect(5);
        let told = format!("{taken} of 3 credentials taken");
        assert!(ended.error().contains(&told), "{arguments:?}: {}", ended.error());
        let closed = programs.quorum.execute_with(&["--give-up"]).expect(5);
        assert_eq!(closed.json["program"]["run"]["handed"].as_u64(), Some(taken), "{arguments:?}");
    }
}

/// `{fd:ROLE}` is what gpg takes, `{file:ROLE}` what most others take; what takes the number for a path finds it too.
#[test]
fn a_descriptor_has_a_number_and_a_path() {
    let programs = Programs::new();
    let kept = |name: &str| programs.quorum.dir.path().join(name).to_str().unwrap().to_owned();
    let (number, path, name) = (kept("number"), kept("path"), kept("name"));
    let arguments = [
        "copy-file",
        "{file:secret}",
        &path,
        "copy-file",
        "{fd:secret}",
        &name,
        "copy-descriptor",
        "{fd:secret}",
        &number,
    ];
    programs.ceremony(&programs.plan(&arguments, &by("secret", "descriptor"))).ok();
    for copy in [number, path, name] {
        assert_eq!(text(Path::new(&copy)), SECRET, "{copy}");
    }
}

/// Binary is binary: a key may end with the byte of a line feed, and is held as it is.
#[test]
fn all_bytes_of_what_is_handed_over_are_held_and_counted() {
    let quorum = Quorum::of(5).enrolled();
    let (program, file) = (quorum.path("files/puppet"), quorum.path("files/key"));
    fs::copy(crate::programs::quorum::puppet(), &program).unwrap();
    let key = [[0x80_u8; 31].as_slice(), b"\n"].concat();
    fs::write(&file, &key).unwrap();
    let table = program_table("box", &program, &[("secret", "handed-over")]);
    let plan = quorum.plan("genesis", &genesis(&quorum, &table));
    let (ledger, copy, given) =
        (quorum.at("ledger"), quorum.at("copy"), format!("box:secret={}", file.display()));
    quorum.run_with("frank", &["propose", &plan, &ledger, "--copy", &copy, "--hand-over", &given]).ok();
    let shown = quorum.run(&["show", &ledger]).ok();
    assert!(shown.stderr.contains("secret of box, 32 bytes HANDED OVER"), "{}", shown.stderr);
    for name in CUSTODIANS {
        quorum.approve(name).ok();
    }
    let done = quorum.execute().ok();
    assert!(done.text("summary").contains("secret of box: 32 bytes"), "{}", done.text("summary"));
    let programs = Programs { quorum, puppet: program };
    let kept = programs.quorum.dir.path().join("kept");
    let arguments = ["copy-file", "{file:secret}", kept.to_str().unwrap()];
    programs.ceremony(&programs.plan(&arguments, &by("secret", "descriptor"))).ok();
    assert_eq!(fs::read(&kept).unwrap(), key);
}
