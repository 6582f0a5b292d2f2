//! What was approved is what runs, or nothing does.

use std::{fs, os::unix::fs::PermissionsExt as _};

use crate::{
    programs::quorum::{Programs, by, input, output, puppet, sha256},
    support::tokens::inventory,
};

#[test]
fn a_program_that_was_swapped_is_not_started_and_an_update_needs_the_quorum() {
    let programs = Programs::new();
    let mark = programs.quorum.path("mark");
    let plan = programs.plan(&["note", mark.to_str().unwrap()], &by("secret", "stdin"));
    programs.approved(&plan);
    let good = fs::read(&programs.puppet).unwrap();
    let mut other = good.clone();
    other.push(0);
    fs::remove_file(&programs.puppet).unwrap();
    fs::write(&programs.puppet, &other).unwrap();
    let refused = programs.quorum.execute().expect(3);
    assert!(refused.error().contains("is not the program"), "{}", refused.error());
    assert!(!mark.exists());
    fs::write(&programs.puppet, &good).unwrap();
    programs.quorum.execute().ok();
    assert_eq!(fs::read(&mark).unwrap(), b"x");
    // The updated program is taken with approvals that name it, and from then on.
    fs::write(&programs.puppet, &other).unwrap();
    let refused = programs.quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("is not the program"), "{}", refused.error());
    let updated = format!("sha256 = \"{}\"\n---\n{}", sha256(&programs.puppet), by("secret", "stdin"));
    let path = programs.quorum.plan("next", &programs.plan(&["note", mark.to_str().unwrap()], &updated));
    let proposed = programs.quorum.propose(&path).ok();
    assert!(proposed.stderr.contains("ANOTHER FILE IS TAKEN FOR ITS PROGRAM"), "{}", proposed.stderr);
    for name in crate::support::tokens::THREE {
        programs.quorum.approve(name).ok();
    }
    programs.quorum.execute().ok();
    programs.ceremony(&plan).ok();
    assert_eq!(fs::read(&mark).unwrap(), b"xxx");
}

/// The file is exchanged while the ceremony is in its act: what runs was read once, and hashed as it was read.
#[test]
fn a_program_swapped_after_it_was_hashed_does_not_run() {
    let programs = Programs::new();
    let (mark, evil) = (programs.quorum.path("mark"), programs.quorum.path("evil"));
    // The puppet replaces its own file by another, and goes on as itself: the image in memory is what runs.
    let plan = programs.plan(
        &["note", mark.to_str().unwrap(), "copy-file", "/proc/self/exe", evil.to_str().unwrap()],
        &by("secret", "stdin"),
    );
    programs.ceremony(&plan).ok();
    assert_eq!(sha256(&evil), sha256(puppet()), "the image is the pinned program");
}

#[test]
fn an_input_that_was_swapped_is_refused_and_what_is_read_is_a_copy() {
    let programs = Programs::new();
    let (document, out) = (programs.file("document"), programs.file("out"));
    fs::write(&document, "approved").unwrap();
    let rest = by("secret", "stdin") + &input("document", &document) + &output("out", &out);
    // It writes to its input: to the copy.
    let arguments = ["note", "{input:document}", "copy-file", "{input:document}", "{output:out}"];
    programs.approved(&programs.plan(&arguments, &rest));
    fs::write(&document, "swapped!").unwrap();
    let refused = programs.quorum.execute().expect(3);
    assert!(refused.error().contains("is not the input that is pinned"), "{}", refused.error());
    fs::write(&document, "approved").unwrap();
    programs.quorum.execute().ok();
    assert_eq!(fs::read_to_string(&out).unwrap(), "approvedx");
    assert_eq!(fs::read_to_string(&document).unwrap(), "approved");
    // A digest in the plan is held to as well.
    let pinned = rest.replace("[[outputs]]", &format!("sha256 = \"{}\"\n[[outputs]]", sha256(puppet())));
    let plan =
        programs.quorum.plan("next", &programs.plan(&arguments, &pinned).replace("files/out", "files/out-2"));
    programs.quorum.propose(&plan).expect(3);
}

#[test]
fn scripts_and_what_is_no_program_are_refused() {
    let programs = Programs::new();
    let script = programs.file("script");
    fs::write(&script, "#!/bin/sh\nexit 0\n").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    let check = |path: &std::path::Path| {
        format!(
            "{}[check]\nprogram = \"{}\"\nsha256 = \"{}\"\narguments = []\nenvironment = {{}}\ntime_limit_seconds = 5\n",
            by("secret", "stdin"),
            path.display(),
            sha256(path)
        )
    };
    let refused = programs.quorum.propose(&programs.plan(&["say", "x"], &check(&script))).expect(1);
    assert!(refused.error().contains("is a script"), "{}", refused.error());
    fs::write(&script, "text").unwrap();
    let refused = programs.quorum.propose(&programs.plan(&["say", "x"], &check(&script))).expect(1);
    assert!(refused.error().contains("is not a program"), "{}", refused.error());
}

#[test]
fn plans_that_cannot_be_meant_are_refused() {
    let programs = Programs::new();
    let stdin = by("secret", "stdin");
    for (plan, said) in [
        (programs.plan(&["{input:none}"], &stdin), "{input:none} names nothing"),
        (programs.plan(&["{fd:secret}"], &stdin), "{fd:secret} names nothing"),
        (
            programs.plan(&["say"], &(stdin.clone() + &by("second-secret", "prompt PIN:"))),
            "either a pipe or a terminal",
        ),
        (programs.plan(&["say"], &by("user-pin", "stdin")), "user-pin is for a token"),
        (programs.plan(&["say"], "credentials = []\n"), "credentials is empty"),
        (
            programs.plan(&["say"], &format!("environment = {{ LD_PRELOAD = \"/x.so\" }}\n---\n{stdin}")),
            "LD_PRELOAD cannot be set",
        ),
        (
            programs.plan(&["say"], &(stdin.clone() + &output("out", std::path::Path::new("../x")))),
            "is not an absolute path",
        ),
        // One output would take the place where the other is written first.
        (
            programs.plan(&["say"], &(stdin.clone() + &output("out", &programs.file("made.partial")))),
            "the end of unfinished files",
        ),
        (
            programs.plan(&["say"], &(stdin.clone() + &input("in", &programs.file("made.partial")))),
            "the end of unfinished files",
        ),
        (
            programs.plan(
                &["say"],
                &(stdin.clone() + &output("out", &programs.quorum.path("ledger/0009-delete"))),
            ),
            "lies in the ledger",
        ),
        (
            programs.plan(
                &["say"],
                &(stdin.clone() + &output("out", &programs.quorum.path("copy/0000-genesis/x.json"))),
            ),
            "lies in the ledger",
        ),
        (programs.plan(&["say"], &by("third-secret", "stdin")), "keeps no third-secret"),
        (programs.plan(&["say"], &stdin).replace("seconds = 20", "seconds = 0"), "time_limit_seconds is 0"),
        (inventory("box"), "box is a program, not a token"),
        (
            inventory("box").replace("\"inventory\"", "\"reset\"")
                + "serial = \"\"\nlabel = \"box\"\nnew_label = \"new\"\n",
            "box is a program",
        ),
    ] {
        let refused = programs.quorum.propose(&plan).expect(3);
        assert!(refused.error().contains(said), "{said}: {}\n{plan}", refused.error());
    }
}
