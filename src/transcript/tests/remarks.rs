//! What is worth knowing of a ledger whose lines are all in order, what an auditor's pins say of it, and copies that differ.

use crate::{
    encoding::{digest::Digest, dsse::Mode},
    proposal::target::Role,
    transcript::{
        event::{Closed, Concluded, Intended},
        finding::{Finding, Severity},
        outcome::Outcome,
        verification::{self, Pins, check_pins, compare_copies, remarks},
    },
};

use super::forge::{
    Forge, TWO, Transcript, concluded, credential, intended, object, proposed, reading, text,
};
use super::handovers;

/// The remarks on a ledger of this code.
fn said(forge: &Forge, code: &str) -> Vec<Finding> {
    remarks(&forge.state(), reading()).into_iter().filter(|f| f.code == code).collect()
}

/// Fails unless there is one, of this severity, with these words.
#[track_caller]
fn says(forge: &Forge, severity: Severity, expected: &str) {
    let (code, words) = expected.split_once(": ").unwrap();
    let found = said(forge, code);
    let is_expected = matches!(found.as_slice(), [f] if f.severity == severity && f.message.contains(words));
    assert!(is_expected, "{expected}\n{found:#?}");
}

/// A deletion that keeps the PINs, as far as the test drives it.
fn deletion(drive: impl FnOnce(&mut Transcript)) -> Forge {
    Forge::deletion(|forge, proposal, lines| {
        forge.approve(lines, proposal, &TWO);
        drive(lines);
    })
}

#[test]
fn what_has_not_ended_is_told() {
    let (open, unfinished) =
        ("ceremony-open: ceremony 1 is open", "ceremony-unfinished: it has begun to act");
    let only_proposed = proposed(Forge::new(), &Forge::new().delete());
    says(&only_proposed, Severity::Note, open);
    assert_eq!(only_proposed.state().open().unwrap().standing(), text("open"));
    assert!(said(&only_proposed, "ceremony-unfinished").is_empty());
    let acting = deletion(|lines| {
        lines.add(intended(&TWO));
    });
    says(&acting, Severity::Note, "ceremony-open: ceremony 1 is open: intended, outcome not recorded");
    says(&acting, Severity::Warning, unfinished);
    let mut ended = Forge::new();
    ended.complete_delete();
    assert!(ended.state().open().is_none());
    assert!(said(&ended, "ceremony-open").is_empty() && said(&ended, "ceremony-unfinished").is_empty());
}

#[test]
fn what_weakens_the_quorum_is_told() {
    let warnings: Vec<_> = said(&Forge::new(), "roster-warning").into_iter().map(|f| f.message).collect();
    for words in ["soft cards are allowed", "may reach swap", "may lie on one medium"] {
        assert!(warnings.iter().any(|warning| warning.contains(words)), "{words}: {warnings:?}");
    }
    assert!(said(&Forge::new(), "application-pin-can-delete").is_empty());
    says(
        &handovers::founded(),
        Severity::Warning,
        "application-pin-can-delete: the user PIN of hsm is reissued: anyone who has it can delete keys",
    );
    for (same_medium, count) in [(true, 1), (false, 0)] {
        let forge = deletion(|lines| {
            lines.add(Intended { same_medium, ..intended(&TWO) });
        });
        assert_eq!(said(&forge, "same-medium").len(), count);
    }
}

#[test]
fn a_pin_that_was_kept_or_is_unknown_or_short_is_told() {
    let acting = deletion(|lines| {
        lines.add(intended(&TWO));
    });
    says(&acting, Severity::Warning, "pins-kept: deviation: the PIN that the target and its module saw");
    assert!(said(&deletion(|_| {}), "pins-kept").is_empty());
    let mut renewed = Forge::new();
    renewed.complete_delete();
    assert!(said(&renewed, "pins-kept").is_empty() && said(&renewed, "pin-unknown").is_empty());

    let mut unknown = Forge::new();
    let proposal = unknown.renewing_delete(2);
    let mut lines = unknown.begin(&proposal);
    unknown.approve(&mut lines, &proposal, &TWO);
    lines.add(intended(&TWO)).add(concluded(Outcome::Indeterminate, &[], &unknown.objects()));
    lines.add(Closed { releases_destroyed: 2 });
    unknown.push(&proposal, &lines);
    says(&unknown, Severity::Warning, "pin-unknown: which of 2 versions of the user-pin of hsm");

    let of = |bits: u32| {
        Forge::founded(Mode::Production, |p| {
            p.credentials[1] = credential(Role::UserPin, "crypto-officer", 1);
            p.credentials[1].bits = bits;
        })
    };
    says(&of(0), Severity::Note, "handed-over: the user-pin of hsm (64 bytes) was handed over by its owner");
    assert!(said(&of(0), "short-pin").is_empty());
    for short in [1, 127] {
        let expected = format!("short-pin: the user-pin of hsm has {short} bits only");
        says(&of(short), Severity::Warning, &expected);
        assert!(said(&of(short), "handed-over").is_empty());
    }
    for long in [128, 512] {
        assert!(said(&of(long), "short-pin").is_empty());
    }
}

#[test]
fn what_follows_a_broken_ceremony_is_counted() {
    let mut forge = Forge::new();
    for _ in 0..2 {
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        let abort = forge.sign("frank", &forge.abort(&proposal, "frank"));
        lines.add(crate::transcript::event::Aborted { abort });
        forge.push(&proposal, &lines);
    }
    let last = forge.files.len() - 1;
    for (broken, left) in [(0, 2), (1, 1), (last, 0)] {
        let mut files = forge.files.clone();
        files[broken].plan.push(b'#');
        let verified = verification::verify(&files, forge.mode);
        let found = verified.findings.clone();
        assert_eq!(found[0].code, "plan-mismatch");
        let notes: Vec<_> = found[1..].iter().map(|f| (f.code, f.severity, f.message.clone())).collect();
        let later = if left == 1 { "ceremony was" } else { "ceremonies were" };
        let told = format!("{left} later {later} not verified, since this one is broken");
        let expected = (left > 0).then_some(("not-verified", Severity::Note, told));
        assert_eq!(notes, expected.into_iter().collect::<Vec<_>>());
        assert_eq!(verified.sound().unwrap_err(), found);
    }
}

#[test]
fn a_pin_is_of_this_ledger_and_of_its_last_head() {
    let mut forge = Forge::new();
    forge.complete_delete();
    let proposal = forge.inventory();
    let mut lines = forge.begin(&proposal);
    let abort = forge.sign("frank", &forge.abort(&proposal, "frank"));
    lines.add(crate::transcript::event::Aborted { abort });
    forge.push(&proposal, &lines);
    let state = forge.state();
    let (genesis, head) = (state.genesis, state.head().unwrap());
    let line_of = |number| state.ceremonies.number(number).unwrap().last_line;
    let other = Digest::of(b"another");
    let found = |genesis: Option<Digest>, head: Option<Digest>| -> Vec<String> {
        let told = |f: Finding| format!("{}: {}: {}", f.severity, f.code, f.message);
        check_pins(&state, Pins { genesis, head }).into_iter().map(told).collect()
    };
    assert_eq!(found(Some(genesis), Some(head)), Vec::<String>::new());
    let own = format!("; its own head is that of 0002-inventory, {head}");
    let not_it = format!(
        "error: genesis-mismatch: the genesis has the fingerprint {genesis}, not the one that you gave"
    );
    let older = "error: head-passed: the head that you gave is older: it is that of";
    let none = "error: head-mismatch: no ceremony of this ledger has the head that you gave";
    for (as_genesis, as_head, expected) in [
        (None, Some(head), "warning: unpinned-genesis: self-consistent, origin unproven".to_owned()),
        (Some(genesis), None, "warning: unpinned-head: it may be cut short".to_owned()),
        (Some(other), Some(head), not_it.clone()),
        (Some(head), Some(head), format!("{not_it}: that is the head of 0002-inventory")),
        (
            Some(genesis),
            Some(line_of(0)),
            format!("{older} 0000-genesis, after which 2 ceremonies came{own}"),
        ),
        (
            Some(genesis),
            Some(line_of(1)),
            format!("{older} 0001-delete, after which another ceremony came{own}"),
        ),
        (Some(genesis), Some(other), format!("{none}{own}")),
        (Some(genesis), Some(genesis), format!("{none}: that is the fingerprint of its genesis{own}")),
        (
            Some(genesis),
            Some(state.ceremonies.number(2).unwrap().digest),
            format!("{none}: that is the digest of the proposal of 0002-inventory{own}"),
        ),
    ] {
        let found = found(as_genesis, as_head);
        assert!(matches!(found.as_slice(), [one] if one.starts_with(&expected)), "{expected}\n{found:#?}");
    }
}

#[test]
fn copies_are_one_ledger_or_a_fork() {
    let genesis = Forge::new();
    let child = |by: &[&str]| {
        let mut forge = genesis.clone();
        let proposal = forge.delete();
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, by);
        forge.push(&proposal, &lines);
        forge
    };
    let compared = |copies: &[(&str, &Forge)]| -> Vec<String> {
        let copies: Vec<_> = copies.iter().map(|(name, forge)| (*name, &*forge.files)).collect();
        let Ok(compared) = compare_copies(&copies);
        compared.findings.iter().map(ToString::to_string).collect()
    };
    let (alice, both, bob) = (child(&["alice"]), child(&TWO), child(&["bob"]));
    let behind =
        |one: &str, other: &str| format!("note: copy-behind: {one} is missing the last lines of {other}");
    let forked = |one: &str, other: &str| {
        format!("error: ledger-forked in 0001-delete: {one} and {other} differ from here on")
    };
    assert_eq!(compared(&[("a", &alice), ("b", &alice)]), Vec::<String>::new());
    assert_eq!(compared(&[("a", &alice), ("b", &both)]), [behind("a", "b")]);
    assert_eq!(compared(&[("a", &both), ("b", &alice)]), [behind("b", "a")]);
    assert_eq!(compared(&[("a", &both), ("b", &genesis)]), [behind("b", "a")]);
    assert_eq!(compared(&[("a", &alice), ("b", &bob)]), [forked("a", "b")]);
    // One that is behind both does not hide it.
    let found = compared(&[("old", &genesis), ("a", &alice), ("b", &bob)]);
    assert_eq!(found, [behind("old", "a"), behind("old", "b"), forked("a", "b")]);
    let mut renamed = alice.clone();
    renamed.files[1].directory = "0001-deleted".into();
    assert_eq!(compared(&[("a", &alice), ("b", &renamed)]), [forked("a", "b")]);
    // Nor does what both have after it.
    let (mut one, mut other) = (alice.clone(), bob);
    for forge in [&mut one, &mut other] {
        forge.files.push(genesis.files[0].clone());
    }
    assert_eq!(compared(&[("a", &one), ("b", &other)]), [forked("a", "b")]);
    // What is compared with nothing is not read.
    let Ok(alone) = compare_copies(&[("alone", &*alice.files)]);
    assert_eq!((alone.findings, alone.sizes), (Vec::new(), vec![0]));
}

#[test]
fn objects_that_no_ceremony_accounts_for_are_told() {
    let told = |deleted: Concluded| {
        let forge = deletion(|lines| {
            lines.add(intended(&TWO)).add(deleted.clone());
        });
        said(&forge, "objects-gone").len() + said(&forge, "objects-new").len()
    };
    let (old, keep) = (object("old", "01"), object("keep", "02"));
    assert_eq!(told(concluded(Outcome::Completed, &[old], &[keep])), 0);
    assert_eq!(told(concluded(Outcome::Failed, &[], &[object("planted", "03")])), 2);
}
