//! A copy of the ledger is the way back from one that was damaged: no command writes the damage to it.

use std::fs;

use super::copy_tree;
use crate::support::{
    founded::{INVENTORY, snapshot},
    quorum::{ADMIN, Quorum, ran},
};

/// One byte more, and a folder that was never proposed: the copy's files are the beginning of the ledger's.
#[test]
fn a_damaged_ledger_is_not_written_over_its_copy() {
    let quorum = Quorum::of(5).everybody().practice().founded();
    quorum.approved(INVENTORY, &["alice", "bob", "carol"]);
    let (ledger, copy) = (quorum.at("ledger"), quorum.at("copy"));
    copy_tree(&quorum.path("ledger"), &quorum.path("whole"));
    let damages: [&dyn Fn(); 4] = [
        &|| append(&quorum.path("ledger/0000-genesis/plan.toml")),
        &|| append(&quorum.transcript("0000-genesis")),
        &|| append(&quorum.transcript("0001-inventory")),
        &|| {
            fs::create_dir(quorum.path("ledger/0002-delete")).unwrap();
            fs::write(quorum.transcript("0002-delete"), "garbage").unwrap();
        },
    ];
    for damage in damages {
        damage();
        let before = snapshot(&quorum.path("copy"));
        let with = |verb: &[&str], who: &str| {
            let card = quorum.with_card(who);
            let args = [verb, &["--copy", &copy]].concat();
            quorum.run(&[&args[..], &card.iter().map(String::as_str).collect::<Vec<_>>()].concat())
        };
        for refused in [
            with(&["attest", &ledger], "alice"),
            with(&["abort", &ledger, "--reason", "none"], ADMIN),
            with(&["card", "drill", "--ledger", &ledger], "alice"),
            ran(&mut quorum.step("propose", &[INVENTORY])),
            quorum.execute(),
        ] {
            assert!(matches!(refused.code, Some(1 | 3)), "{:?}", refused.json);
            assert_eq!(snapshot(&quorum.path("copy")), before, "{}", refused.error());
        }
        fs::remove_dir_all(quorum.path("ledger")).unwrap();
        copy_tree(&quorum.path("whole"), &quorum.path("ledger"));
    }
    // A copy that is only behind catches up where the ledger is whole.
    fs::remove_dir_all(quorum.path("copy/0001-inventory")).unwrap();
    quorum.execute().ok();
    let files = |place| snapshot(&quorum.path(place)).into_iter().map(|(_, bytes)| bytes).collect::<Vec<_>>();
    assert_eq!(files("copy"), files("ledger"));
}

fn append(path: &std::path::Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, [&bytes[..], b"#\n"].concat()).unwrap();
}
