//! Pins as people copy them from paper.

use quorate::encoding::digest::Digest;

use super::{audit, rehearsed};

fn words(hex: &str) -> Vec<&'static str> {
    Digest::from_hex(hex).unwrap().words()
}

#[test]
fn a_pin_is_taken_in_hex_and_in_words_however_it_is_typed() {
    let honest = rehearsed();
    let head = &honest.head;
    let groups: Vec<&str> = (0..8).map(|at| &head[at * 8..at * 8 + 8]).collect();
    for spelled in [
        head.clone(),
        head.to_uppercase(),
        groups.join(" "),
        groups.join(":").to_uppercase(),
        format!("  {}\n", groups.join("  ")),
        words(head).join(" "),
        words(head).join("-").to_uppercase(),
        words(head).join("\n").to_lowercase(),
    ] {
        let genesis = words(&honest.genesis).join(" ");
        let done = audit(&[&honest.ledger], &["--genesis", &genesis, "--head", &spelled]).ok();
        assert_eq!(done.text("verdict"), "verified");
    }
}

#[test]
fn a_wrong_word_is_named() {
    let honest = rehearsed();
    let run = |words: &[&str]| {
        let done = audit(&[&honest.ledger], &["--head", &words.join(" ")]).expect(2);
        assert!(done.stderr.contains("--head"), "{}", done.stderr);
        done.stderr.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    let good = words(&honest.head);
    let mut spoiled = good.clone();
    spoiled[11] = "teapot";
    assert!(run(&spoiled).contains("word 12, \"teapot\""), "{}", run(&spoiled));
    let mut dropped = good.clone();
    dropped.remove(20);
    assert!(run(&dropped).contains("word 21"), "{}", run(&dropped));
    let mut doubled = good.clone();
    doubled.insert(5, good[5]);
    assert!(run(&doubled).contains("word 7"), "{}", run(&doubled));
    assert!(run(&good[..30]).contains("30 words instead of 32"), "{}", run(&good[..30]));
    let mut hostile = good;
    hostile[3] = "\x1b[31mred";
    assert!(run(&hostile).contains("word 4"));
}

#[test]
fn a_short_or_long_number_is_no_pin() {
    let honest = rehearsed();
    for spelled in [&honest.head[..63], &format!("{}0", honest.head), "", " ", "0x"] {
        for option in ["--head", "--genesis"] {
            audit(&[&honest.ledger], &[option, spelled]).expect(2);
        }
    }
}

#[test]
fn one_digit_off_is_a_mismatch() {
    let honest = rehearsed();
    let off = |pin: &str| {
        let last = if pin.ends_with('0') { "1" } else { "0" };
        format!("{}{last}", &pin[..63])
    };
    audit(&[&honest.ledger], &["--genesis", &off(&honest.genesis), "--head", &honest.head]).expect(3);
    audit(&[&honest.ledger], &["--genesis", &honest.genesis, "--head", &off(&honest.head)]).expect(3);
}
