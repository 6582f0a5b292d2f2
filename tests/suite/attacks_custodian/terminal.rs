//! A person at a real terminal (a pty of expect): what counts as an answer, and that nothing shows a PIN.

use std::{fs, process::Command};

use super::{ADMIN, INVENTORY, proposed, run_with_cards};
use crate::support::{
    founded::{genesis_text, practice_target, snapshot},
    quorum::{QUORATE, Quorum},
};

/// Runs a script of expect; gives its exit code and all that stood on the screen.
#[track_caller]
pub fn at_terminal(quorum: &Quorum, script: &str) -> (i32, String) {
    let (code, said) = at_terminal_of("dumb", 500, quorum, script);
    // Not even where the terminal could: what is asked needs no escape sequence.
    assert!(!said.contains('\u{1b}'), "an escape sequence: {said:?}");
    (code, said)
}

/// The same at a terminal of this kind with so many rows.
#[track_caller]
pub fn at_terminal_of(name: &str, rows: usize, quorum: &Quorum, script: &str) -> (i32, String) {
    let start = "set timeout 120\n\
                 proc hidden {} { global spawn_out\n while {![string match {* -echo *} [exec stty -a < $spawn_out(slave,name)]]} { after 20 } }\n\
                 proc shown {} { global spawn_out\n while {![string match {* echo *} [exec stty -a < $spawn_out(slave,name)]]} { after 20 } }\n\
                 proc upto {text} { expect {\n -ex $text {}\n eof { puts \"ended before <$text>\"; exit 90 }\n timeout { puts \"no <$text>\"; exit 91 }\n } }\n\
                 proc ended {} { expect {\n eof {}\n timeout { exit 92 }\n }\n set how [wait]\n \
                 if {[llength $how] > 4} { exit 130 }\n exit [lindex $how 3] }\n";
    let output = Command::new("expect")
        .args(["-c", &format!("set stty_init {{rows {rows} columns 100}}\n{start}{script}")])
        .envs([("TERM", name), ("NO_COLOR", "1")])
        .current_dir(quorum.dir.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    (output.status.code().unwrap(), said)
}

fn abort(quorum: &Quorum) -> String {
    let (ledger, state) = (quorum.at("ledger"), quorum.at("state-station"));
    let card = quorum.card(ADMIN, "");
    let copy = quorum.at("copy");
    format!(
        "spawn -noecho {QUORATE} abort {ledger} --reason again --card {card} --copy {copy} --state-dir {state}\n"
    )
}

#[test]
fn a_question_is_a_line() {
    let quorum = proposed();
    let before = fs::read(quorum.transcript("0001-inventory-inventory")).unwrap_or_default();
    // None of these is a yes, though most have a y or an n in them, and none of them is a no that ends it.
    let mut script = abort(&quorum);
    for answer in ["deny", "no way", "not yet", "maybe", "", "yn"] {
        script += &format!("upto {{? [yes/no] }}\nsend -- {{{answer}\r}}\nupto {{Please type yes or no}}\n")
            .replace("\\r", "\r");
    }
    // Ctrl-D is not an answer: it ends, and nothing was done.
    let (code, said) =
        at_terminal(&quorum, &format!("{script}upto {{? [yes/no] }}\nsend \"\\004\"\nended\n"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no answer was given"), "{said}");
    let (code, said) =
        at_terminal(&quorum, &format!("{}upto {{? [yes/no] }}\nsend \"NO\\r\"\nended\n", abort(&quorum)));
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not confirmed"), "{said}");
    assert_eq!(fs::read(quorum.transcript("0001-inventory-inventory")).unwrap_or_default(), before);
    assert!(!quorum.run(&["status", &quorum.at("ledger")]).ok().json["open"].is_null());
    // What was typed before the question stood there does not answer it either; yes does.
    let turns =
        "upto {? [yes/no] }\nsend \"yes\\r\"\nupto {PIN of}\nhidden\nsend \"frank-123456\\r\"\nended\n";
    let (code, said) = at_terminal(&quorum, &format!("{}{turns}", abort(&quorum)));
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("frank-123456"), "{said}");
}

fn enroll(quorum: &Quorum) -> String {
    let card = quorum.card("alice", "");
    format!("{QUORATE} card enroll --card {card} --name tom --full-name Tom -o tom.json --state-dir state")
}

fn one_card() -> Quorum {
    let quorum = Quorum::bare();
    quorum.new_card("alice", "");
    quorum
}

#[test]
fn a_wrong_pin_is_asked_for_again_unseen_until_enter_alone_gives_up() {
    let quorum = one_card();
    let start =
        format!("spawn -noecho {}\nupto {{PIN of}}\nhidden\nsend \"wrong-pin-1\\r\"\n", enroll(&quorum));
    let (code, said) = at_terminal(
        &quorum,
        &format!("{start}upto {{Enter alone gives up}}\nupto {{tries left)}}\nhidden\nsend \"\\r\"\nended\n"),
    );
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("error: wrong PIN") && said.contains("no PIN was typed"), "{said}");
    let (code, said) = at_terminal(
        &quorum,
        &format!(
            "{start}upto {{Enter alone gives up}}\nupto {{tries left)}}\nhidden\nsend \"alice-123456\\r\"\nended\n"
        ),
    );
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("alice-123456") && !said.contains("wrong-pin-1"), "{said}");
    assert!(quorum.path("tom.json").exists());
}

#[test]
fn a_prompt_that_is_stopped_or_ended_leaves_the_terminal_as_it_was() {
    let quorum = one_card();
    let shell = "spawn -noecho bash --norc --noprofile -i\nsend \"PS1='READY''> '; bind 'set enable-bracketed-paste off'\\r\"\nupto {READY> }\n";
    // From the keyboard, and from elsewhere, where no shell puts the terminal right.
    let mut script = shell.to_owned();
    for stop in [
        "send \"\\032\"",
        "exec kill -TSTP {*}[exec pgrep -P [exp_pid]]",
        "exec kill -STOP {*}[exec pgrep -P [exp_pid]]",
    ] {
        script += &format!(
            "send \"{}\\r\"\nupto {{PIN of}}\nhidden\n{stop}\nupto {{READY> }}\nsend \"fg\\r\"\nupto {{PIN of}}\nhidden\n\
             send \"\\003\"\nupto {{READY> }}\n",
            enroll(&quorum)
        );
    }
    script += "send \"exit\\r\"\nended\n";
    let (_, said) = at_terminal(&quorum, &script);
    assert_eq!(said.matches("Stopped").count(), 3, "{said}");
    // A script is not a shell that mends its terminal.
    for end in [
        "send \"\\003\"",
        "exec kill -TERM {*}[exec pgrep -P [exp_pid]]",
        "exec kill -HUP {*}[exec pgrep -P [exp_pid]]",
    ] {
        let script = format!(
            "spawn -noecho sh -c \"trap '' INT; ( trap - INT; exec {} ); stty -a; trap - INT; echo END\"\nupto {{PIN of}}\nhidden\n{end}\n\
             upto {{END}}\nended\n",
            enroll(&quorum)
        );
        let (_, said) = at_terminal(&quorum, &script);
        assert!(said.contains(" echo ") && !said.contains(" -echo "), "{end}: {said}");
    }
    // What the process was started to ignore is ignored, and the prompt stands there still.
    let script = format!(
        "spawn -noecho sh -c \"trap '' INT; exec {}\"\nupto {{PIN of}}\nhidden\nsend \"\\003\"\nupto {{PIN of}}\nhidden\n\
         send \"alice-123456\\r\"\nended\n",
        enroll(&quorum)
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("alice-123456"), "{said}");
}

/// Errors that go into a file take the questions with them no more.
#[test]
fn a_person_is_asked_though_standard_error_goes_elsewhere() {
    let quorum = one_card();
    let script = format!(
        "spawn -noecho sh -c \"exec {} 2> errors\"\nupto {{PIN of}}\nhidden\nsend \"alice-123456\\r\"\nended\n",
        enroll(&quorum)
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    assert!(!fs::read_to_string(quorum.path("errors")).unwrap().contains("alice-123456"));
}

#[test]
fn a_decision_is_for_the_proposal_that_was_reviewed() {
    let quorum = proposed();
    let (ledger, head) = (quorum.at("ledger"), quorum.head().unwrap());
    let open = quorum.run(&["status", &ledger]).ok().json["open"]["proposal"].as_str().unwrap().to_owned();
    let other = "00".repeat(32);
    let decisions: [(&str, &[&str]); 4] = [
        ("alice", &["approve", &ledger, "--head", &head]),
        ("alice", &["reject", &ledger, "--head", &head, "--reason", "no"]),
        (ADMIN, &["execute", &ledger]),
        (ADMIN, &["abort", &ledger, "--reason", "no"]),
    ];
    for (who, args) in decisions {
        let ran = quorum.run_with(who, &[args, &["--proposal", &other]].concat()).expect(3);
        assert_eq!(ran.json["error"]["code"], "other-proposal", "{}", ran.stderr);
    }
    let done = quorum.run_with("alice", &["approve", &ledger, "--head", &head, "--proposal", &open]).ok();
    assert!(done.json["file"].is_null(), "the station keeps it, which is not a path");
}

#[test]
fn run_goes_on_with_the_open_ceremony_of_its_plan() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let (ledger, copy, head) = (quorum.at("ledger"), quorum.at("copy"), quorum.head().unwrap());
    let run = |people: &[&str]| run_with_cards(&quorum, &head, people);
    let few = run(&[ADMIN, "alice", "bob"]).expect(6);
    let execute = few.json["error"]["commands"][1].as_str().unwrap();
    assert!(execute.contains(&format!("--copy {copy} --state-dir ")), "{execute}");
    let few = run(&[ADMIN, "carol"]).expect(6);
    assert!(
        few.error().contains("too few have released their shares: crypto-officer 1 of 3"),
        "{}",
        few.stderr
    );
    let done = run(&[ADMIN, "alice", "bob"]).ok();
    assert_eq!(done.json["executed"]["outcome"], "completed");
    assert_eq!(quorum.run(&["status", &ledger]).ok().json["ceremonies"].as_array().unwrap().len(), 2);
}

/// What is on paper is compared, and what nobody could compare is found, while nothing is proposed yet.
#[test]
fn run_proposes_nothing_in_a_ledger_that_may_be_an_old_copy() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = quorum.plan("inventory", INVENTORY);
    let (ledger, copy, head) = (quorum.at("ledger"), quorum.at("copy"), quorum.head().unwrap());
    let before = snapshot(&quorum.path("ledger"));
    let run = |people: &[&str], paper: &[&str]| {
        let cards: Vec<String> = people.iter().flat_map(|who| quorum.with_card(who)).collect();
        let args = ["run", &plan, &ledger, "--copy", &copy];
        let args = args.iter().chain(paper).copied().chain(cards.iter().map(String::as_str));
        quorum.run_as("new-station", &args.collect::<Vec<_>>())
    };
    let other = "00".repeat(32);
    let papers: [(&[&str], &str); 3] = [
        (&["--head", &other], "does not have the head that you gave"),
        (&["--genesis", &other], "the genesis of this ledger has the fingerprint"),
        (&[], "this machine remembers nothing of the ledger"),
    ];
    for (paper, said) in papers {
        let ran = run(&[ADMIN, "alice", "bob", "carol"], paper).expect(3);
        assert!(ran.error().contains(said), "{}", ran.stderr);
        assert!(before == snapshot(&quorum.path("ledger")), "something was proposed: {said}");
    }
    let nowhere = quorum.at("nowhere");
    let genesis = quorum.plan("another", &genesis_text(&quorum, &practice_target(&quorum.path("tokens/b"))));
    let begin = ["run", &genesis, &nowhere, "--copy", &copy, "--head", &head];
    let ran = quorum.run_with(ADMIN, &begin).expect(3);
    assert!(ran.error().contains("no ledger is there yet"), "{}", ran.stderr);
    // Those who bring no card now decide later, each with their own paper.
    run(&[ADMIN], &[]).expect(6);
}

/// A PIN that a card does not take is typed once more where it is not seen, and not into the shell.
#[test]
fn the_pin_of_a_new_card_is_asked_for_until_it_is_one() {
    let quorum = Quorum::bare();
    let once = |pin: &str| format!("hidden\nsend \"{pin}\\r\"\n");
    let script = format!(
        "spawn -noecho {QUORATE} card new \"soft:tim's new.card\"\nupto {{PIN for}}\n{}upto {{type another one; Enter alone gives up}}\nupto {{PIN for}}\n{}\
         upto {{The same again: }}\n{}ended\n",
        once("27!"),
        once("27!828"),
        once("27!828")
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    // No digest and no serial number can have these characters by chance.
    assert!(!said.contains("27!"), "{said}");
    // The next command stands on one line, as a shell takes it.
    let next = r"  quorate card enroll --card 'soft:tim'\''s new.card' --name NAME --full-name TEXT -o FILE";
    assert!(said.lines().any(|line| line.trim_end() == next), "{said}");
    // Where nobody is asked the command has ended.
    fs::write(quorum.path("short"), "271\n").unwrap();
    let ran =
        quorum.run(&["card", "new", &quorum.card("tom", ""), "--pin-file", &quorum.at("short")]).expect(1);
    let hint = &ran.json["error"]["hint"];
    assert_eq!(hint, "run the same command again with another PIN; no try was spent");
}

/// What stands on a narrow terminal of this kind.
fn on_screen(quorum: &Quorum, name: &str, no_colour: &str, args: &[&str]) -> String {
    let script = format!(
        "set stty_init {{rows 50 columns 40}}\nspawn -noecho {QUORATE} {}\nexpect eof\n",
        args.join(" ")
    );
    let output = Command::new("expect")
        .args(["-c", &script])
        .envs([("TERM", name), ("NO_COLOR", no_colour)])
        .env_remove("CLICOLOR_FORCE")
        .current_dir(quorum.dir.path())
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Colour is for a terminal that takes it, or where somebody wants it; the object of `--json` has none in any case.
#[test]
fn colour_goes_where_it_is_taken_and_lines_are_as_wide_as_the_terminal() {
    let quorum = proposed();
    let ledger = quorum.at("ledger");
    let audit = ["audit", ledger.as_str()];
    let verdict = "\u{1b}[1m\u{1b}[33mINCOMPLETE:\u{1b}[0m";
    let screen = on_screen(&quorum, "xterm", "", &audit);
    assert!(screen.contains(verdict), "{screen:?}");
    for (name, no_colour, option) in [("dumb", "", "auto"), ("xterm", "1", "auto"), ("xterm", "", "never")] {
        let screen = on_screen(&quorum, name, no_colour, &["audit", &ledger, "--color", option]);
        assert!(screen.contains("INCOMPLETE: ") && !screen.contains('\u{1b}'), "{name} {option}: {screen:?}");
        // The verdict is as wide as the rest.
        let verdict = &screen[screen.rfind("INCOMPLETE: ").unwrap()..];
        assert!(verdict.lines().all(|line| line.trim_end().len() <= 38), "{screen}");
    }
    // Only what cannot be broken is wider.
    let status = on_screen(&quorum, "dumb", "", &["status", &ledger]);
    let prose =
        status.lines().filter(|line| line.starts_with("  proposed by") || line.starts_with("    at "));
    assert!(prose.clone().count() > 0 && prose.clone().all(|line| line.trim_end().len() <= 38), "{status}");
    let piped = |option: &str| {
        let args = ["audit", &ledger, "--color", option, "--state-dir", &quorum.at("state-station")];
        Command::new(QUORATE).args(args).env("TERM", "xterm").output().unwrap()
    };
    assert!(!piped("auto").stdout.contains(&0x1b));
    assert!(String::from_utf8_lossy(&piped("always").stdout).contains(verdict));
    let object = quorum.run(&["audit", &ledger, "--color", "always"]);
    assert!(!object.stdout.contains('\u{1b}') && object.stderr.contains(verdict), "{}", object.stderr);
}

/// The plan of a ceremony that has ended is proposed again only if somebody says so.
#[test]
fn run_asks_before_it_begins_another_ceremony_of_a_plan_that_has_just_ended() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    let plan = quorum.plan("inventory", INVENTORY);
    quorum.ceremony(&plan, &["alice", "bob", "carol"]).ok();
    let script = format!(
        "spawn -noecho {QUORATE} run {plan} {} --copy {} --state-dir {} --head {}\n\
         upto {{0001-inventory was this very plan, and ended: completed}}\n\
         upto {{Begin another ceremony of it? [yes/no] }}\nsend \"n\\r\"\nended\n",
        quorum.at("ledger"),
        quorum.at("copy"),
        quorum.at("state-station"),
        quorum.head().unwrap()
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not attested yet by alice, bob, carol"), "{said}");
    assert!(said.contains("  quorate attest "), "{said}");
    assert_eq!(
        quorum.run(&["status", &quorum.at("ledger")]).ok().json["ceremonies"].as_array().unwrap().len(),
        2
    );
}

/// In `run` as in `status`: a rejection cancels the approval of the same person, which then cannot be given again.
#[test]
fn run_does_not_count_an_approval_that_was_followed_by_a_rejection() {
    let quorum = proposed();
    let (ledger, head) = (quorum.at("ledger"), quorum.head().unwrap());
    quorum.approve("alice").ok();
    quorum.run_with("alice", &["reject", &ledger, "--reason", "no", "--head", &head]).ok();
    let again = quorum.approve("alice").expect(3);
    assert_eq!(again.json["error"]["code"], "rejected", "{}", again.stderr);
    quorum.approve("bob").ok();
    assert_eq!(quorum.approve("bob").expect(3).json["error"]["code"], "already-decided");
    let plan = quorum.plan("inventory", INVENTORY);
    let few = quorum.run_with(ADMIN, &["run", &plan, &ledger, "--copy", &quorum.at("copy"), "--head", &head]);
    let few = few.expect(6);
    assert!(few.error().contains("too few have approved: crypto-officer 1 of 3"), "{}", few.stderr);
}

/// A file with a PIN that is given as a card, an enrolment or anything else is not repeated.
#[test]
fn a_pin_file_in_the_wrong_place_is_not_shown() {
    let quorum = Quorum::bare();
    fs::write(quorum.path("pin"), "314159\n").unwrap();
    let (pin, card) = (quorum.at("pin"), format!("soft:{}", quorum.at("pin")));
    for (args, code) in
        [(&["card", "show", pin.as_str()][..], 3), (&["card", "show", &card], 1), (&["show", &pin], 3)]
    {
        let ran = quorum.run(args).expect(code);
        assert!(!ran.stderr.contains("314159") && !ran.json.to_string().contains("314159"), "{}", ran.stderr);
    }
}

/// A soft card is a file, and a file is not inserted.
#[test]
fn a_soft_card_that_is_not_there_is_a_file_that_is_not_there() {
    let quorum = Quorum::bare();
    let ran = quorum.run(&["card", "show", &quorum.card("nobody", "")]).expect(1);
    assert_eq!(ran.json["error"]["hint"], "check the file's name, and that its medium is mounted");
    assert_eq!(ran.json["error"]["code"], "card-absent");
}

#[test]
fn a_question_that_was_stopped_is_asked_again() {
    let quorum = proposed();
    let command = abort(&quorum).replace("spawn -noecho ", "").replace('\n', "");
    let script = format!(
        "spawn -noecho bash --norc --noprofile -i\nsend \"PS1='READY''> '; bind 'set enable-bracketed-paste off'\\r\"\nupto {{READY> }}\n\
         send \"{command}\\r\"\nupto {{? [yes/no] }}\nsend \"yes\\032\"\nupto {{READY> }}\n\
         send \"{command}\\r\"\nupto {{which is stopped}}\nupto {{fg in its shell}}\nupto {{READY> }}\n\
         send \"fg\\r\"\nupto {{? [yes/no] }}\n\
         send \"n\\r\"\nupto {{READY> }}\nsend \"exit\\r\"\nended\n"
    );
    let (_, said) = at_terminal(&quorum, &script);
    assert!(said.contains("not confirmed: nothing was done"), "{said}");
}

#[test]
fn a_ledger_that_is_in_use_is_found_before_a_pin_is_asked_for() {
    let quorum = proposed();
    let ledger = quorum.at("ledger");
    let head = quorum.head().unwrap();
    let held = fs::File::open(&ledger).unwrap();
    held.lock().unwrap();
    let missing = quorum.at("no.pin");
    let card = quorum.card("alice", "");
    let args = ["approve", &ledger, "--head", &head, "--card", &card, "--pin-file", &missing];
    let ran = quorum.run(&args).expect(1);
    assert!(ran.error().contains("another quorate is working on this ledger"), "{}", ran.error());
}
