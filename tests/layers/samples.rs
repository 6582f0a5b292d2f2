//! The rules themselves, tried on samples: sources that break them, and sources that do not.

use super::{source::Source, violations};

/// Each sample is reported on the line and for the reason given, and for nothing else.
#[test]
fn violations_are_seen() {
    for (file, text, expected) in [
        (
            "src/ports/card.rs",
            "use crate::practice::Token;",
            vec!["1: ports (Ports) imports practice (Adapters): up"],
        ),
        (
            "src/account/card.rs",
            "use crate::ports::card::CardKind;",
            vec!["1: account (Account) imports ports (Ports): up"],
        ),
        (
            "src/piv/card.rs",
            "use crate::account::card;",
            vec!["1: piv (Adapters) imports account (Account): only ceremony and cli have something to tell"],
        ),
        (
            "src/piv/card.rs",
            "\nuse crate::storage;",
            vec!["2: piv (Adapters) imports storage (Adapters): across"],
        ),
        (
            "src/ceremony/run.rs",
            "use crate::{ports, softcard::file};",
            vec!["1: ceremony (Ceremony) imports softcard (Adapters): past the ports"],
        ),
        (
            "src/ceremony/run.rs",
            "use crate::durable;",
            vec!["1: ceremony (Ceremony) imports durable (Durable): past the ports"],
        ),
        ("src/ports/store.rs", "use crate::durable;", vec!["1: ports (Ports) imports durable (Durable): up"]),
        (
            "src/durable.rs",
            "use crate::{encoding, storage};",
            vec![
                "1: durable (Durable) imports encoding (Bottom): the way files are written knows nothing of what is in them",
                "1: durable (Durable) imports storage (Adapters): the way files are written knows nothing of what is in them",
            ],
        ),
        (
            "src/encoding/a.rs",
            "use crate::memory::Pin;",
            vec!["1: encoding (Bottom) imports memory (Bottom): across"],
        ),
        (
            "src/roster/key.rs",
            "use crate::sharing;",
            vec!["1: roster (Core) imports sharing (Core): against the order within the core"],
        ),
        (
            "src/sharing/a/b.rs",
            "use super::super::super::{sealing,\n  cli::args as a};",
            vec!["2: sharing (Core) imports cli (Cli): up"],
        ),
        (
            "src/sharing/a.rs",
            "mod inner { use super::super::super::storage::S; }",
            vec!["1: sharing (Core) imports storage (Adapters): up"],
        ),
        (
            "src/proposal/a.rs",
            "fn f(x: &crate::ceremony::X) -> Vec<crate::cli::Y> {}",
            vec![
                "1: proposal (Core) imports ceremony (Ceremony): up",
                "1: proposal (Core) imports cli (Cli): up",
            ],
        ),
        (
            "src/storage/a.rs",
            "use crate::*;\nuse crate as root;\nuse crate::Thing;",
            vec![
                "1: storage imports the crate's root, not a layer",
                "2: storage imports the crate's root, not a layer",
                "3: storage imports Thing, which belongs to no layer",
            ],
        ),
        ("src/attic/a.rs", "use crate::memory;", vec!["1: attic belongs to no layer: give it one here"]),
        (
            "src/roster/a.rs",
            "use std::{io, fs::File};\nlet t = std::time::SystemTime::now();",
            vec![
                "1: std::fs::File: core and ports do no I/O and ask no clock",
                "2: std::time::SystemTime::now: core and ports do no I/O and ask no clock",
            ],
        ),
        (
            "src/storage/b.rs",
            "use std::process;\nfn f() { process::exit(1); ::std::io::stdout(); }",
            vec!["2: process::exit: only main exits", "2: std::io::stdout: only the terminal module prints"],
        ),
        (
            "src/cli/run.rs",
            "println!(\"x\");\nuse crate::memory::held::HeldSignals;",
            vec![
                "1: println!: only the terminal module prints",
                "2: memory::held::HeldSignals: only where a secret is typed are signals held back",
            ],
        ),
        (
            "src/pkcs11/a.rs",
            "#[allow(unsafe_code)]\nfn f() { unsafe {} }",
            vec![
                "1: unsafe_code: the unsafe code is in memory, and where a module's functions are called",
                "2: unsafe: the unsafe code is in memory, and where a module's functions are called",
            ],
        ),
        (
            "src/approval/a.rs",
            "use sharks::Sharks;",
            vec!["1: sharks::Sharks: only verified shares reach the Shamir library"],
        ),
        (
            "src/ceremony/execute.rs",
            "use crate::approval::intent::DurableIntent;\nfn f() { DurableIntent::written(line, targets) }",
            vec!["2: DurableIntent::written: only the ledger's storage says that an intent is durable"],
        ),
        (
            "src/roster/utils.rs",
            "mod helpers {}\nfn get_name() {}",
            vec![
                "1: a module named utils says nothing",
                "1: a module named helpers says nothing",
                "2: fn get_name: say what it is, without get_",
            ],
        ),
    ] {
        let found = violations(&Source::read(file, text));
        let expected: Vec<String> = expected.iter().map(|what| format!("{file}:{what}")).collect();
        assert_eq!(found, expected, "{text}");
    }
}

#[test]
fn what_is_allowed_is_not_reported() {
    for (file, text) in [
        ("src/cli/run.rs", "use crate::{ceremony, practice, storage::ledger::{self, Ledger}};"),
        ("src/transcript/chain.rs", "use crate::{approval, memory::Pin, roster::key}; use super::chain::*;"),
        (
            "src/ports/card.rs",
            "pub(crate) fn f() {}\npub(super) use crate::approval::authorization::Authorization;",
        ),
        ("src/roster/key.rs", "use super::{key, custodian::Custodian};\nmod tests { use super::*; }"),
        (
            "src/roster/key.rs",
            "// use crate::cli;\n/* std::fs /* crate::cli */ */ /// println!(\nlet s = \"crate::cli \\\" unsafe\";",
        ),
        (
            "src/roster/key.rs",
            "let s = r#\"crate::cli \" unsafe\"#; let c = ('\"', b'\\'', 'x'); fn f<'a>(x: &'a str) { br\"std::fs\"; }",
        ),
        (
            "src/roster/key.rs",
            "#[cfg(test)]\nmod tests { fn f() { std::fs::read(\"x\"); println!(\"y\"); } }",
        ),
        ("src/cli/terminal.rs", "use std::io::stderr; println!(\"x\"); if a.unwrap != b {}"),
        ("src/storage/state.rs", "use crate::durable::{self, DirectoryLock};"),
        ("src/memory/locked.rs", "#![allow(unsafe_code)] unsafe { libc::mlock() }"),
        ("src/lib.rs", "pub mod cli; use crate::cli::run;"),
    ] {
        assert_eq!(violations(&Source::read(file, text)), Vec::<String>::new(), "{text}");
    }
}

/// A test's freedom ends with the test.
#[test]
fn what_follows_a_test_is_held_to_the_rules() {
    let text = "#[cfg(test)]\n#[allow(x)]\nfn t(a: [u8; 2]) { if b { println!() } }\nfn f() { eprintln!() }";
    let found = violations(&Source::read("src/storage/a.rs", text));
    assert_eq!(found, ["src/storage/a.rs:4: eprintln!: only the terminal module prints"]);
    let text = "#[cfg(not(test))]\nfn f() { print!() }";
    assert_eq!(violations(&Source::read("src/storage/a.rs", text)).len(), 1);
}
