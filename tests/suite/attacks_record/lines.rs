//! A ledger that was cut off, which only somebody can tell who has its head on paper. What else is done to lines is tested in
//! `src/transcript/tests/lines.rs`.

use super::{audit, codes, copy, pinned, rehearsed, split};

#[test]
fn a_cut_tail_is_seen_with_the_head_and_said_to_be_possible_without() {
    let honest = rehearsed();
    let last = honest.files.last().unwrap();
    let lines = split(&last.transcript);
    let (_dir, ledger) = copy();
    let path = ledger.join(&last.directory).join("transcript.jsonl");
    std::fs::remove_dir_all(ledger.join(&last.directory).join("attestations")).unwrap();
    for keep in 1..lines.len() {
        std::fs::write(&path, lines[..keep].concat()).unwrap();
        let done = pinned(&ledger).expect(3);
        assert_eq!(codes(&done, "error"), ["head-mismatch"], "{keep} lines");
        let done = audit(&[&ledger], &["--genesis", &honest.genesis]).expect(6);
        assert!(codes(&done, "warning").contains(&"unpinned-head".to_owned()));
        assert!(codes(&done, "note").contains(&"ceremony-open".to_owned()));
        assert!(done.stderr.contains("it may be cut short"), "{}", done.stderr);
    }
    // Without any line, and in the middle of one.
    std::fs::write(&path, b"").unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["transcript-empty"]);
    for keep in 0..lines.len() {
        let mut bytes = lines[..keep].concat();
        bytes.extend(&lines[keep][..lines[keep].len() / 2]);
        std::fs::write(&path, &bytes).unwrap();
        let done = audit(&[&ledger], &["--genesis", &honest.genesis]).expect(3);
        assert_eq!(codes(&done, "error"), ["line-torn"], "in line {}", keep + 1);
        let torn =
            done.json["findings"].as_array().unwrap().iter().find(|f| f["code"] == "line-torn").unwrap();
        assert_eq!(torn["line"], keep + 1);
    }
    // Only the last line feed.
    std::fs::write(&path, last.transcript.trim_ascii_end()).unwrap();
    assert_eq!(codes(&pinned(&ledger).expect(3), "error"), ["line-torn"]);
}
