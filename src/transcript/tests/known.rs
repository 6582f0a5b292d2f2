//! What a process keeps of a ledger that it verified: it is taken over only where the files are the ones that were verified.

use std::collections::BTreeSet;

use crate::{
    encoding::{digest::Digest, dsse::Mode},
    transcript::{
        known::Known,
        ledger::{CeremonyFiles, LedgerState},
        verification::verify,
    },
};

use super::lines::honest;

const MODE: Mode = Mode::Production;
const OTHER: Mode = Mode::Rehearsal;

fn flipped(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

#[test]
fn what_was_verified_is_not_verified_again() {
    let honest = honest();
    let files = &honest.files;
    let mut known = Known::default();
    let first = known.verify(files.as_slice(), MODE).unwrap().sound().unwrap();
    let second = known.verify(files.as_slice(), MODE).unwrap().sound().unwrap();
    let same = |number| {
        let of = |state: &LedgerState| std::ptr::from_ref(state.ceremonies.number(number).unwrap());
        of(&first) == of(&second)
    };
    let last = u32::try_from(files.len() - 1).unwrap();
    assert!((0..last).all(same));
    assert!(!same(last), "the last ceremony can go on, and is verified each time");
}

/// Every kind of file of every ceremony: whatever somebody changes between two steps has the findings that a reader has who
/// never saw the ledger before.
#[test]
fn a_ledger_that_changed_is_verified_from_the_genesis_on() {
    let forge = honest();
    let honest = &forge.files;
    let mut changed: Vec<(Vec<CeremonyFiles>, Mode)> = vec![
        (honest[..2].to_vec(), MODE),
        (honest.clone(), OTHER),
        (Vec::new(), MODE),
        (honest[1..].to_vec(), MODE),
    ];
    let kinds: [fn(&mut CeremonyFiles); 6] = [
        |file| flipped(&mut file.transcript),
        |file| flipped(&mut file.plan),
        |file| file.directory.push('x'),
        |file| file.approvals.push(("x.json".into(), b"{}".to_vec())),
        |file| file.attestations.push(("x.json".into(), b"{}".to_vec())),
        |file| file.drills.push(("x.json".into(), b"{}".to_vec())),
    ];
    for place in 0..honest.len() {
        for change in kinds {
            let mut files = honest.clone();
            change(&mut files[place]);
            changed.push((files, MODE));
        }
    }
    let mut known = Known::default();
    known.verify(honest.as_slice(), MODE).unwrap().sound().unwrap();
    known.verify(&honest[..0], MODE).unwrap();
    assert_eq!(known.last(MODE), None);
    for (files, mode) in changed {
        known.verify(honest.as_slice(), MODE).unwrap().sound().unwrap();
        let (kept, fresh) = (known.verify(files.as_slice(), mode).unwrap(), verify(&files, mode));
        assert_eq!(kept.findings, fresh.findings);
        assert_eq!(kept.sound().is_ok(), fresh.sound().is_ok());
        // And again, after what is kept was made of a ledger that was changed.
        assert_eq!(known.verify(files.as_slice(), mode).unwrap().findings, verify(&files, mode).findings);
    }
    assert_eq!(known.verify(honest.as_slice(), MODE).unwrap().findings, verify(honest, MODE).findings);
}

/// What is about to be written is verified after what was, with the findings that a reader has who begins at the genesis.
#[test]
fn what_comes_next_is_verified_after_what_is_known() {
    let forge = honest();
    let honest = &forge.files;
    let kinds: [fn(&mut CeremonyFiles); 4] = [
        |_| {},
        |file| flipped(&mut file.transcript),
        |file| flipped(&mut file.plan),
        |file| file.directory.push('x'),
    ];
    let mut known = Known::default();
    assert_eq!(known.last(MODE), None);
    drop(known.verify_next(&honest[..1], MODE).sound().unwrap());
    assert_eq!((known.last(MODE), known.last(OTHER)), (Some("0000-genesis"), None));
    for place in 1..honest.len() {
        for change in kinds {
            let mut longer = honest[..=place].to_vec();
            change(&mut longer[place]);
            let fresh = verify(&longer, MODE);
            // A ceremony appears.
            known.verify(&honest[..place], MODE).unwrap().sound().unwrap();
            assert_eq!(known.last(MODE), Some(honest[place - 1].directory.as_str()));
            assert_eq!(known.last(OTHER), None);
            let next = known.verify_next(&longer[place - 1..], MODE);
            assert_eq!(next.findings, fresh.findings);
            assert_eq!(known.last(MODE).is_some(), next.sound().is_ok());
            // Lines are added to it.
            let mut shorter = honest[..=place].to_vec();
            let line = shorter[place].transcript.split_inclusive(|byte| *byte == b'\n').next_back();
            let (all, cut) = (shorter[place].transcript.len(), line.unwrap().len());
            shorter[place].transcript.truncate(all - cut);
            known.verify(shorter.as_slice(), MODE).unwrap().sound().unwrap();
            let next = known.verify_next(&longer[place..], MODE);
            assert_eq!(next.findings, fresh.findings);
            assert_eq!(next.sound().is_ok(), fresh.sound().is_ok());
        }
    }
}

/// Which files were verified is known by one digest of them: of every name, every byte, and where each begins.
#[test]
fn no_two_ceremonies_on_disk_have_one_digest() {
    let beside = |name: &str, bytes: &str| vec![(name.to_owned(), bytes.as_bytes().to_vec())];
    let of = |directory: &str, transcript: &str, plan: &str| CeremonyFiles {
        directory: directory.into(),
        transcript: transcript.into(),
        plan: plan.into(),
        ..CeremonyFiles::default()
    };
    let unread = |said: &[&str]| CeremonyFiles {
        unread: said.iter().map(ToString::to_string).collect(),
        ..CeremonyFiles::default()
    };
    let mut all = vec![
        of("", "", ""),
        of("a", "", ""),
        of("", "a", ""),
        of("", "", "a"),
        of("ab", "", ""),
        of("a", "b", ""),
        unread(&["a"]),
        unread(&["ab"]),
        unread(&["a", "b"]),
    ];
    for (name, bytes) in [("a", "b"), ("a", "c"), ("c", "b"), ("ab", ""), ("", "ab")] {
        let statement = || beside(name, bytes);
        all.extend([
            CeremonyFiles { attestations: statement(), ..CeremonyFiles::default() },
            CeremonyFiles { approvals: statement(), ..CeremonyFiles::default() },
            CeremonyFiles { drills: statement(), ..CeremonyFiles::default() },
        ]);
    }
    let digests: BTreeSet<Digest> = all.iter().map(CeremonyFiles::digest).collect();
    assert_eq!(digests.len(), all.len());
}
