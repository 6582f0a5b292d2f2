//! PINs: what a wrong one costs, how they come, and that no secret comes out.

use std::{fs, process::Command};

use crate::support::founded::{self, INVENTORY, snapshot, tries};
use crate::support::quorum::{ADMIN, CUSTODIANS, QUORATE, Quorum, Ran, ran};
use crate::support::soft_cards::work_factor;

/// Enrolls once more: the cheapest use of a card's PIN.
fn enroll(quorum: &Quorum, pin_options: &[&str]) -> Ran {
    let output = quorum.path("files/again.json");
    let _ = fs::remove_file(&output);
    let card = quorum.card("alice", "");
    let mut args = vec!["card", "enroll", "--card", &card, "--name", "alice", "--full-name", "Alice Example"];
    let output = output.to_str().unwrap().to_owned();
    args.extend(["-o", &output]);
    args.extend(pin_options);
    quorum.run(&args)
}

/// Nobody counts the tries of somebody who has a copy of the file. The cards of the other tests are cheaper.
#[test]
fn a_guess_at_the_pin_of_a_stolen_soft_card_costs_16_mib() {
    let quorum = Quorum::bare();
    fs::write(quorum.pin_file("alice"), "alice-123456\n").unwrap();
    let card = quorum.card("alice", "");
    quorum.run(&["card", "new", &card, "--pin-file", &quorum.pin_file("alice")]).ok();
    assert_eq!(work_factor(card.trim_start_matches("soft:")), 14);
}

#[test]
fn a_wrong_pin_costs_one_try_and_the_last_is_kept() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let (wrong, right) = (quorum.at("wrong.pin"), quorum.pin_file("alice"));
    fs::write(&wrong, "000000\n").unwrap();
    for left in (1..8).rev() {
        let ran = enroll(&quorum, &["--pin-file", &wrong]).expect(1);
        assert!(
            ran.error().contains(&format!("{left} {} left", if left == 1 { "try" } else { "tries" })),
            "{}",
            ran.error()
        );
        assert_eq!(tries(&quorum, "alice"), left);
        assert!(!quorum.path("files/again.json").exists());
        if left == 6 {
            // A right PIN gives all tries back.
            enroll(&quorum, &["--pin-file", &right]).ok();
            assert_eq!(tries(&quorum, "alice"), 8);
            enroll(&quorum, &["--pin-file", &wrong]).expect(1);
            enroll(&quorum, &["--pin-file", &wrong]).expect(1);
        }
    }
    for pin in [&wrong, &right] {
        let ran = enroll(&quorum, &["--pin-file", pin]).expect(1);
        assert!(ran.error().contains("one PIN try left; it was not spent"), "{}", ran.error());
        assert!(ran.json["error"]["hint"].as_str().unwrap().contains("--final-try"));
        assert_eq!(tries(&quorum, "alice"), 1);
    }
    let blocked = enroll(&quorum, &["--pin-file", &wrong, "--final-try"]).expect(1);
    assert!(blocked.error().contains("is blocked: no PIN try left"), "{}", blocked.error());
    assert_eq!(tries(&quorum, "alice"), 0);
    enroll(&quorum, &["--pin-file", &right, "--final-try"]).expect(1);
    assert_eq!(tries(&quorum, "alice"), 0);
}

#[test]
fn the_last_try_is_confirmed_and_a_right_pin_frees_the_card() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let (wrong, right) = (quorum.at("wrong.pin"), quorum.pin_file("alice"));
    fs::write(&wrong, "000000\n").unwrap();
    for _ in 0..7 {
        enroll(&quorum, &["--pin-file", &wrong]).expect(1);
    }
    // Without --yes and without a terminal nobody confirms.
    let card = quorum.card("alice", "");
    let output = quorum.at("files/again.json");
    let mut command = Command::new(QUORATE);
    command.args(["card", "enroll", "--json", "--card", &card, "--pin-file", &right, "--final-try"]);
    command.args(["--name", "alice", "--full-name", "Alice Example", "-o", &output]);
    let unasked = ran(&mut command).expect(2);
    assert!(unasked.error().contains("One try is left"), "{}", unasked.error());
    assert_eq!(tries(&quorum, "alice"), 1);
    enroll(&quorum, &["--pin-file", &right, "--final-try"]).ok();
    assert_eq!(tries(&quorum, "alice"), 8);
}

#[test]
fn a_pin_that_cannot_be_read_costs_no_try() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let at = |name: &str| quorum.at(name);
    fs::write(at("empty"), "").unwrap();
    fs::write(at("blank"), "\n123456\n").unwrap();
    fs::write(at("short"), "12345\n").unwrap();
    fs::write(at("long"), "1".repeat(65)).unwrap();
    fs::write(at("binary"), [0xff; 8]).unwrap();
    fs::write(at("marked"), "\u{feff}alice-123456\n").unwrap();
    fs::write(at("utf-16"), "alice\n".replace('e', "\0e\0")).unwrap();
    fs::write(at("pasted"), "\u{1b}[200~alice-123456\u{1b}[201~\n").unwrap();
    fs::write(at("umlaut"), "schlüssel-123456\n").unwrap();
    fs::File::create(at("sparse")).unwrap().set_len(2 << 30).unwrap();
    for (file, code, reason) in [
        ("absent", 1, "cannot be read"),
        ("empty", 2, "has no PIN on its first line"),
        ("blank", 2, "has no PIN on its first line"),
        ("short", 1, "6 to 64 printable"),
        ("long", 1, "6 to 64 printable"),
        ("binary", 2, "not UTF-8"),
        ("marked", 2, "byte order mark"),
        ("utf-16", 2, "NUL byte"),
        ("pasted", 2, "control character"),
        ("umlaut", 1, "6 to 64 printable"),
        ("sparse", 1, "more than 4096 bytes"),
        (".", 1, "not a regular file"),
        ("/dev/zero", 1, "not a regular file"),
    ] {
        let path = if file.starts_with('/') { file.to_owned() } else { at(file) };
        let ran = enroll(&quorum, &["--pin-file", &path]).expect(code);
        assert!(ran.error().contains(reason), "{file}: {}", ran.error());
    }
    let nobody = enroll(&quorum, &[]).expect(2);
    assert!(nobody.error().contains("nobody can be asked for the PIN"), "{}", nobody.error());
    enroll(&quorum, &["--pin-fd", "77"]).expect(1);
    enroll(&quorum, &["--pin-file", &quorum.pin_file("alice"), "--pin-fd", "3"]).expect(2);
    assert_eq!(tries(&quorum, "alice"), 8);
}

#[test]
fn a_pin_comes_from_a_descriptor_a_file_or_a_pipe() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let (card, pin) = (quorum.card("alice", ""), quorum.pin_file("alice"));
    for (number, redirection) in
        ["3<\"$PIN\"", "3< <(cat \"$PIN\")", "3<<<\"$(cat \"$PIN\")\""].iter().enumerate()
    {
        let output = quorum.at(&format!("files/fd-{number}.json"));
        let mut command = Command::new("bash");
        let script = format!(
            "exec \"$Q\" card enroll --json --card \"$CARD\" --pin-fd 3 --name alice --full-name 'Alice Example' \
             -o \"$OUT\" {redirection}"
        );
        command.args(["-c", &script]);
        command.env("Q", QUORATE).env("CARD", &card).env("PIN", &pin).env("OUT", &output);
        ran(&mut command).ok();
    }
    for (number, arguments) in
        ["--pin-file <(cat \"$PIN\")", "--pin-file /dev/stdin <\"$PIN\""].iter().enumerate()
    {
        bash(&quorum, &format!("{} {arguments}", enrolling(&format!("file-{number}")))).ok();
    }
    let zero =
        "exec \"$Q\" card enroll --json --card \"$CARD\" --pin-fd 3 --name a --full-name A -o x 3</dev/zero";
    let mut command = Command::new("bash");
    command.args(["-c", zero]).env("Q", QUORATE).env("CARD", &card).current_dir(quorum.dir.path());
    ran(&mut command).expect(1);
    assert_eq!(tries(&quorum, "alice"), 8);
}

fn enrolling(output: &str) -> String {
    format!("\"$Q\" card enroll --json --card \"$CARD\" --name alice --full-name A -o files/{output}.json")
}

fn bash(quorum: &Quorum, script: &str) -> Ran {
    let mut command = Command::new("bash");
    command.args(["-c", script]).current_dir(quorum.dir.path());
    command.env("Q", QUORATE).env("CARD", quorum.card("alice", "")).env("PIN", quorum.pin_file("alice"));
    ran(&mut command)
}

/// One line from where it stands: neither what was read before nor what comes after is of this PIN.
#[test]
fn a_descriptor_gives_its_next_line_and_keeps_the_rest() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let enroll = enrolling("rest");
    fs::write(quorum.path("pins"), "not-this-one\nalice-123456\nnor-this-one\n").unwrap();
    let read = bash(&quorum, &format!("exec 4<pins; read -r a <&4; {enroll} --pin-fd 4 >&2 && read -r b <&4 && echo \"{{\\\"rest\\\": \\\"$b\\\"}}\"")).ok();
    assert_eq!(read.text("rest"), "nor-this-one");
    assert_eq!(tries(&quorum, "alice"), 8);
}

/// What may be read need not be opened again: a socket cannot be, nor a file whose rights are gone; and a pipe whose
/// writer stays has no end to wait for.
#[test]
fn a_descriptor_is_not_opened_again_and_its_end_not_waited_for() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    std::io::Write::write_all(&mut &ours, b"alice-123456\n").unwrap();
    let mut command = quorum.command(&["card", "enroll", "--card", &quorum.card("alice", "")]);
    command.args(["--pin-fd", "0", "--name", "alice", "--full-name", "A", "-o", "files/socket.json"]);
    let output = command.stdin(std::os::fd::OwnedFd::from(theirs)).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The writer of the socket was there until now.
    drop(ours);
}

/// A number that nobody handed over is not one that the program opened itself in the meantime.
#[test]
fn a_descriptor_of_the_program_itself_is_not_read() {
    let quorum = Quorum::of(5).everybody().enrolled();
    for number in 3..9 {
        let closed = "exec 3>&- 4>&- 5>&- 6>&- 7>&- 8>&-; exec";
        let script = format!("{closed} {} --pin-fd {number}", enrolling("own"));
        let refused = bash(&quorum, &script).expect(1);
        assert!(refused.error().contains("it is not open for reading"), "{number}: {}", refused.error());
    }
}

#[test]
fn no_pin_comes_from_the_command_line_or_the_environment() {
    let quorum = Quorum::of(5).everybody().enrolled();
    for option in ["--pin", "--pin=alice-123456", "--password", "--so-pin"] {
        let ran = enroll(&quorum, &[option, "alice-123456"]).expect(2);
        assert!(ran.stderr.contains("unexpected argument"), "{}", ran.stderr);
    }
    let mut quorum = quorum;
    for variable in ["PIN", "QUORATE_PIN", "PIN_FILE", "QUORATE_PIN_FILE"] {
        quorum.environment.push((variable.into(), "alice-123456".into()));
    }
    enroll(&quorum, &[]).expect(2);
    assert_eq!(tries(&quorum, "alice"), 8);
}

#[test]
fn no_secret_comes_out_of_a_ceremony() {
    let quorum = Quorum::of(5).everybody().enrolled();
    let target = founded::practice_target(&quorum.path("tokens/hsm.token"));
    let mut printed = String::new();
    let mut keep = |ran: Ran, code| {
        let ran = ran.expect(code);
        printed += &ran.stdout;
        printed += &ran.stderr;
    };
    keep(quorum.propose(&founded::genesis_text(&quorum, &target)), 0);
    for name in CUSTODIANS {
        keep(quorum.approve(name), 0);
    }
    keep(quorum.execute(), 0);
    keep(quorum.propose(INVENTORY), 0);
    let (ledger, wrong) = (quorum.at("ledger"), quorum.at("wrong.pin"));
    fs::write(&wrong, "not-the-pin\n").unwrap();
    let card = quorum.card("alice", "");
    let head = quorum.head().unwrap();
    keep(quorum.run(&["approve", &ledger, "--head", &head, "--card", &card, "--pin-file", &wrong]), 1);
    keep(quorum.approve("alice"), 0);
    keep(quorum.approve_to_file("bob"), 0);
    keep(quorum.approve_to_file("carol"), 0);
    keep(quorum.run(&["show", &quorum.at("files/bob.approval")]), 0);
    let approvals = ["bob.approval", "carol.approval"];
    let paths = approvals.map(|file| quorum.at(&format!("files/{file}")));
    keep(quorum.decide("alice", "release", &paths.each_ref().map(String::as_str)), 0);
    keep(quorum.release_to_file("bob", &approvals), 0);
    keep(quorum.release_to_file("carol", &approvals), 0);
    keep(quorum.run(&["show", &quorum.at("files/bob.release")]), 0);
    keep(quorum.execute_with(&[quorum.at("files/bob.release"), quorum.at("files/carol.release")]), 0);
    keep(quorum.run_with("dave", &["attest", &ledger, "--copy", &quorum.at("copy")]), 0);
    keep(quorum.run(&["status", &ledger]), 0);
    keep(quorum.run(&["show", &ledger]), 0);
    keep(quorum.run(&["audit", &ledger]), 6);
    let mut everything = printed.into_bytes();
    for (_, bytes) in snapshot(&quorum.path("ledger")).into_iter().chain(snapshot(&quorum.path("copy"))) {
        everything.extend(bytes);
    }
    let mut secrets: Vec<String> = vec!["AGE-SECRET-KEY".into(), "not-the-pin".into()];
    secrets.extend(CUSTODIANS.iter().chain([&ADMIN]).map(|name| format!("{name}-123456")));
    secrets.extend(["quorate-share-v2", "quorate-release-v2", "quorate-credential-v2"].map(Into::into));
    let text = String::from_utf8_lossy(&everything);
    for secret in &secrets {
        assert!(!text.contains(secret.as_str()), "{secret} came out");
    }
    // Nothing of a closed ceremony's station is left.
    let states = snapshot(&quorum.path("state-station"));
    let names: Vec<_> =
        states.iter().filter(|(path, _)| path.extension().is_some_and(|e| e == "age")).collect();
    assert!(names.is_empty(), "{names:?}");
}
