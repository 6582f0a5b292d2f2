//! `run` at a terminal: what is asked at a table, that nothing shows a PIN, and that whoever leaves is told how it goes on.

use super::{
    ADMIN, INVENTORY, run_with_cards,
    terminal::{at_terminal, at_terminal_of},
};
use crate::support::quorum::{QUORATE, Quorum};

fn founded() -> Quorum {
    Quorum::of(5).everybody().practice().founded()
}

/// The command, and the administrator's card at its first prompt.
fn start(quorum: &Quorum) -> String {
    let plan = quorum.plan("inventory", INVENTORY);
    format!(
        "spawn -noecho {QUORATE} run {plan} {} --copy {} --state-dir {} --head {}\n\
         upto {{Administrator's card}}\nsend \"{}\\r\"\n",
        quorum.at("ledger"),
        quorum.at("copy"),
        quorum.at("state-station"),
        quorum.head().unwrap(),
        quorum.card(ADMIN, "")
    )
}

/// Frank's PIN at its prompt.
const SIGNED: &str = "upto {PIN of}\nsend \"frank-123456\\r\"\n";
const PROPOSED: &str = "upto {Sign this proposal? [yes/no]}\nsend \"y\\r\"\n";
const EXECUTED: &str = "upto {Execute now? [yes/no]}\nsend \"yes\\r\"\n";

fn approves(quorum: &Quorum, who: &str) -> String {
    format!(
        "upto {{Next card}}\nsend \"{}\\r\"\nupto {{this proposal as}}\nsend \"y\\r\"\nupto {{PIN of}}\n\
         send \"{who}-123456\\r\"\nupto {{{who} approved.}}\n",
        quorum.card(who, "")
    )
}

/// Whoever makes the quorum, or comes after it, approves and releases in one step.
fn completes(quorum: &Quorum, who: &str) -> String {
    format!(
        "upto {{Next card}}\nsend \"{}\\r\"\nupto {{and release your shares}}\nsend \"y\\r\"\nupto {{PIN of}}\n\
         send \"{who}-123456\\r\"\nupto {{{who} approved, and released their shares.}}\n",
        quorum.card(who, "")
    )
}

/// Those before them release afterwards. Their cards were given, and their PINs typed.
fn releases(who: &str) -> String {
    format!("upto {{Release your shares}}\nsend \"y\\r\"\nupto {{{who} released their shares.}}\n")
}

fn three(quorum: &Quorum) -> String {
    let approve = ["alice", "bob"].map(|who| approves(quorum, who)).concat();
    approve + &completes(quorum, "carol") + &["alice", "bob"].map(releases).concat()
}

fn attests(quorum: &Quorum, who: &str) -> String {
    format!(
        "upto {{Card of {who} (}}\nsend \"{}\\r\"\nupto {{PIN of}}\nsend \"{who}-123456\\r\"\n\
         upto {{{who} attested the head of 0001-inventory.}}\n",
        quorum.card(who, "")
    )
}

/// `run`, in which alice approves and then somebody leaves in this way.
fn left(quorum: &Quorum, leave: &str) -> (i32, String) {
    let alice = approves(quorum, "alice");
    at_terminal(quorum, &format!("{}{PROPOSED}{SIGNED}{alice}{leave}ended\n", start(quorum)))
}

/// A PIN is typed wherever anything is asked: it is never shown, and answers nothing.
#[test]
fn a_pin_at_a_wrong_prompt_is_not_shown() {
    let quorum = founded();
    let plan = quorum.plan("inventory", INVENTORY);
    let first = format!(
        "spawn -noecho {QUORATE} run {plan} {} --copy {} --state-dir {} --head {}\n",
        quorum.at("ledger"),
        quorum.at("copy"),
        quorum.at("state-station"),
        quorum.head().unwrap()
    );
    for (name, pin) in
        [("dumb", "27!828"), ("xterm", "27!828"), ("xterm", "s27!828"), ("xterm", "done27!828")]
    {
        let wrong = format!("after 50\nsend \"{pin}\\r\"\n");
        let script = format!(
            "{first}upto {{soft:FILE) [yubikey]: }}\n{wrong}upto {{that is not a card}}\n\
             upto {{soft:FILE) [yubikey]: }}\nsend \"{}\\r\"\n\
             upto {{Enter goes on --}}\n{wrong}upto {{Enter goes on --}}\nsend \"\\r\"\n\
             expect {{\n -ex {{Enter goes on --}} {{ send \"\\r\"; exp_continue }}\n -ex {{[yes/no]}} {{}}\n}}\n\
             {wrong}upto {{Please type yes or no}}\nupto {{[yes/no]}}\nsend \"no\\r\"\nended\n",
            quorum.card(ADMIN, "")
        );
        let (code, said) = at_terminal_of(name, 24, &quorum, &script);
        assert_eq!(code, 3, "{name} {pin}: {said}");
        assert!(!said.contains("27!"), "{name} {pin}: {said}");
        // What answered is shown, once.
        assert!(said.contains("[yes/no] no"), "{name}: {said}");
        assert!(said.contains(&quorum.card(ADMIN, "")), "{name}: {said}");
    }
}

/// What stops or ends a card's prompt, once some of the answer stands there: the terminal is as it was, and nobody needs to press a key first.
#[test]
fn a_card_prompt_that_is_stopped_or_ended_leaves_the_terminal_as_it_was() {
    let quorum = founded();
    let plan = quorum.plan("inventory", INVENTORY);
    let command = format!(
        "{QUORATE} run {plan} {} --copy {} --state-dir {} --head {}",
        quorum.at("ledger"),
        quorum.at("copy"),
        quorum.at("state-station"),
        quorum.head().unwrap()
    );
    let typed = "upto {[yubikey]: }\nsend \"soft:x\"\nupto {soft:x}\nafter 50\n";
    let as_it_was = |said: &str| {
        let on = [" echo ", "icanon", "isig"].iter().all(|mode| said.contains(mode));
        on && ![" -echo ", "-icanon", "-isig"].iter().any(|mode| said.contains(mode))
    };
    // Neither sh nor a bash that runs a script mends its terminal.
    for end in ["TERM", "HUP", "QUIT", "INT"] {
        let script = format!(
            "spawn -noecho sh -c \"trap '' INT; ( trap - INT; exec {command} ); stty -a; echo END\"\n{typed}\
             exec kill -{end} {{*}}[exec pgrep -P [exp_pid]]\nupto {{END}}\nended\n"
        );
        let (_, said) = at_terminal_of("xterm", 500, &quorum, &script);
        assert!(as_it_was(&said), "{end}: {said}");
    }
    let card = quorum.card(ADMIN, "");
    for stop in ["send \"\\032\"", "exec kill -TSTP {*}[exec pgrep -P [exp_pid]]"] {
        let script = format!(
            "spawn -noecho bash --norc --noprofile -c \"set -m; {command}; stty -a; echo STOPPED; fg\"\n{typed}{stop}\n\
             upto {{STOPPED}}\nupto {{[yubikey]: }}\nhidden\nsend \"{card}\\r\"\nupto {{Enter goes on --}}\nsend \"\\003\"\nended\n"
        );
        let (_, said) = at_terminal_of("xterm", 24, &quorum, &script);
        assert!(as_it_was(&said), "{stop}: {said}");
        assert!(said.contains(&format!("[yubikey]: {card}\r\n")), "{stop}: {said}");
    }
}

/// A card's place can be mended while it is typed, and what was typed by mistake before it is not shown.
#[test]
fn a_card_is_typed_with_mistakes() {
    let quorum = founded();
    let card = quorum.card(ADMIN, "");
    let start = start(&quorum).replace(&format!("send \"{card}\\r\"\n"), "upto {[yubikey]: }\n");
    for mistake in [
        "27!\\177\\177\\177",
        "27!828\\025",
        "soft:/mistake\\025",
        "soft:\u{e9}\u{5c71}\\177\\177\\177\\177\\177\\177\\177",
    ] {
        let script =
            format!("{start}send \"{mistake}{card}\\r\"\nupto {{Enter goes on --}}\nsend \"\\003\"\nended\n");
        let (code, said) = at_terminal_of("xterm", 24, &quorum, &script);
        assert_eq!(code, 130, "{mistake}: {said}");
        assert!(said.contains(&card) && !said.contains("27!"), "{mistake}: {said}");
    }
    // The end of the input is not an answer, whatever was typed before it.
    let (code, said) = at_terminal(&quorum, &format!("{start}send \"{card}\\004\"\nended\n"));
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("no answer was given"), "{said}");
}

/// Ctrl-C and Ctrl-D at a card's prompt say what `done` says: the ceremony is open, and how it goes on.
#[test]
fn whoever_leaves_is_told_how_it_goes_on() {
    for (leave, code, how) in [
        (
            "upto {soft:FILE, done)}\nsend \"\\003\"\n",
            130,
            "interrupted: too few have approved: crypto-officer 1 of 3",
        ),
        (
            "upto {soft:FILE, done)}\nsend \"\\004\"\n",
            6,
            "error: too few have approved: crypto-officer 1 of 3",
        ),
        (
            "upto {soft:FILE, done)}\nsend \"done\\r\"\nupto {Stop here}\nsend \"y\\r\"\n",
            6,
            "error: too few have approved: crypto-officer 1 of 3",
        ),
        (
            "upto {soft:FILE, done)}\nsend \"done\\r\"\nupto {Stop here}\nsend \"\\003\"\n",
            130,
            "interrupted: too few have approved: crypto-officer 1 of 3",
        ),
    ] {
        let quorum = founded();
        let (ended, said) = left(&quorum, leave);
        assert_eq!(ended, code, "{said}");
        let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains(how) && words.contains("the ceremony stays open"), "{said}");
        // The administrator's card was typed, and stands in the commands.
        let (ledger, card) = (quorum.at("ledger"), quorum.card(ADMIN, ""));
        for command in [
            format!("  quorate approve {ledger} --card CARD"),
            format!("  quorate execute {ledger} --card {card} --copy {}", quorum.at("copy")),
            format!("  quorate abort {ledger} --card {card} --reason TEXT"),
        ] {
            assert!(said.contains(&command), "{command}: {said}");
        }
    }
    // The same where the terminal lets the answer be edited, before and after it has begun.
    for typed in ["\\003", "soft:\\003"] {
        let quorum = founded();
        let script = format!(
            "{}{PROPOSED}{SIGNED}upto {{soft:FILE, done)}}\nafter 50\nsend \"{typed}\"\nended\n",
            start(&quorum)
        );
        let (ended, said) = at_terminal_of("xterm", 500, &quorum, &script);
        assert_eq!(ended, 130, "{said}");
        assert!(
            said.contains("interrupted: too few have approved: crypto-officer 0 of 3")
                && said.contains("  quorate abort"),
            "{said}"
        );
    }
}

/// The last question comes when all approvals are there, and no to it leaves the ceremony as it is.
#[test]
fn nothing_is_executed_before_somebody_says_so() {
    let quorum = founded();
    let three = three(&quorum);
    let script = format!(
        "{}{PROPOSED}{SIGNED}{three}upto {{All approvals and releases are there.}}\nupto {{Execute now? [yes/no]}}\nsend \"no\\r\"\nended\n",
        start(&quorum)
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    assert!(said.contains("not confirmed: the ceremony stays open, and nothing was tried"), "{said}");
    assert!(said.contains("  quorate execute ") && said.contains("  quorate abort "), "{said}");
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert_eq!(status.json["next"]["verb"], "execute", "{}", status.stdout);
    let (code, said) = at_terminal(
        &quorum,
        &format!(
            "{}{EXECUTED}{SIGNED}upto {{attest this head? [yes/no]}}\nsend \"no\\r\"\nended\n",
            start(&quorum)
        ),
    );
    assert_eq!(code, 0, "{said}");
}

/// `run`, interrupted and taken up again: those who approved before give their cards once more, and all attest.
#[test]
fn those_who_approved_before_an_interruption_attest_too() {
    let quorum = founded();
    // Whoever gave up typing a PIN may still type it: it is not shown.
    let gives_up = format!(
        "upto {{Next card}}\nsend \"{}\\r\"\nupto {{this proposal as Bob}}\nsend \"y\\r\"\nupto {{PIN of}}\nsend \"\\r\"\n\
         upto {{Enter alone gives up}}\nupto {{PIN of}}\nsend \"\\r\"\nupto {{Next card}}\nsend \"bob-123456\\r\"\nupto {{that is not a card}}\n\
         upto {{soft:FILE, done)}}\nsend \"done\\r\"\nupto {{Stop here}}\nsend \"y\\r\"\n",
        quorum.card("bob", "")
    );
    let (code, said) = left(&quorum, &gives_up);
    assert_eq!(code, 6, "{said}");
    assert!(!said.contains("bob-123456"), "{said}");
    let again = start(&quorum);
    // Dave, who had not approved, stands in for Alice, who approved and does not release.
    let three = approves(&quorum, "bob")
        + &completes(&quorum, "carol")
        + &releases("bob")
        + &completes(&quorum, "dave");
    // Another's card is not taken for it.
    let wrong = format!(
        "upto {{Card of alice (}}\nsend \"{}\\r\"\nupto {{that is the card of bob, not of alice}}\n",
        quorum.card("bob", "")
    );
    let script = format!(
        "{again}{three}{EXECUTED}{SIGNED}upto {{Do all who approved attest this head? [yes/no]}}\nsend \"y\\r\"\n{wrong}{}\
         upto {{bob attested}}\nupto {{carol attested}}\nupto {{dave attested}}\nended\n",
        attests(&quorum, "alice")
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 0, "{said}");
    let audit = quorum.run(&["audit", &quorum.at("ledger")]).expect(6);
    assert_eq!(audit.json["record"][1]["attested"].as_array().map(Vec::len), Some(4), "{}", audit.json);
}

/// Where the cards are given, the same command again takes all of them: those that approved before attest.
#[test]
fn the_same_cards_again_are_as_good_as_without_a_cut() {
    let quorum = founded();
    let head = quorum.head().unwrap();
    let run = |people: &[&str]| run_with_cards(&quorum, &head, people);
    run(&[ADMIN, "alice", "bob"]).expect(6);
    let done = run(&[ADMIN, "alice", "bob", "carol"]).ok();
    assert!(done.stderr.contains("alice has approved before."), "{}", done.stderr);
    for who in ["alice", "bob", "carol"] {
        assert!(
            done.stderr.contains(&format!("{who} attested the head of 0001-inventory.")),
            "{who}: {}",
            done.stderr
        );
    }
}

/// The ceremony has ended when it is attested: whoever does not answer then changes nothing.
#[test]
fn no_answer_to_the_last_question_does_not_undo_a_ceremony() {
    for (leave, code) in [("\\004", 0), ("\\003", 130)] {
        let quorum = founded();
        let three = three(&quorum);
        let script = format!(
            "{}{PROPOSED}{SIGNED}{three}{EXECUTED}upto {{attest this head? [yes/no]}}\nsend \"{leave}\"\nended\n",
            start(&quorum)
        );
        let (ended, said) = at_terminal(&quorum, &script);
        assert_eq!(ended, code, "{said}");
        assert!(
            said.contains("the ceremony has ended all the same") && !said.contains("same command"),
            "{said}"
        );
    }
}

/// What is attested is what was shown: a ledger that changes at the last question is attested by nobody.
#[test]
fn a_ledger_that_changes_at_the_last_question_is_not_attested() {
    let went_back = "it lacks what this command read or wrote before";
    let invalid = "the ledger does not verify";
    for (change, why) in [
        ("exec sed -i {$d} ledger/0001-inventory/transcript.jsonl\n", went_back),
        (
            "exec sed -i {$d} ledger/0001-inventory/transcript.jsonl copy/0001-inventory/transcript.jsonl\n",
            went_back,
        ),
        ("exec sed -i {$a #} ledger/0000-genesis/plan.toml copy/0000-genesis/plan.toml\n", invalid),
    ] {
        let quorum = founded();
        let before = attestations(&quorum);
        let three = three(&quorum);
        let script = format!(
            "{}{PROPOSED}{SIGNED}{three}{EXECUTED}upto {{attest this head? [yes/no]}}\n{change}send \"yes\\r\"\nended\n",
            start(&quorum)
        );
        let (code, said) = at_terminal(&quorum, &script);
        assert_eq!(code, 3, "{said}");
        let words: Vec<&str> = said.split_whitespace().collect();
        assert!(words.join(" ").contains(why), "{said}");
        assert!(said.contains("quorate audit") && !said.contains("attested the head"), "{said}");
        assert_eq!(attestations(&quorum), before, "{said}");
    }
}

/// Where nobody attests, the end of the command still looks: 0 is not said over a ledger that changed meanwhile.
#[test]
fn a_run_does_not_end_well_over_a_ledger_that_changed() {
    let quorum = founded();
    let three = three(&quorum);
    let script = format!(
        "{}{PROPOSED}{SIGNED}{three}{EXECUTED}upto {{attest this head? [yes/no]}}\n\
         exec sed -i {{$a #}} ledger/0000-genesis/plan.toml\nsend \"no\\r\"\nended\n",
        start(&quorum)
    );
    let (code, said) = at_terminal(&quorum, &script);
    assert_eq!(code, 3, "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("it was changed by somebody else after this command verified it"), "{said}");
    quorum.run(&["audit", &quorum.at("copy")]).expect(6);
}

/// The attestations in the ledger, of the genesis and of what follows it.
fn attestations(quorum: &Quorum) -> [usize; 2] {
    ["0000-genesis", "0001-inventory"].map(|directory| {
        std::fs::read_dir(quorum.at(&format!("ledger/{directory}/attestations"))).map_or(0, Iterator::count)
    })
}
