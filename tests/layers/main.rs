//! The architecture, as a test: imports go down only, the core does no I/O, and what is dangerous has one home.
//!
//! ```text
//! cli        → everything: it wires the adapters into the ceremony
//! ceremony   → ports, core, bottom: the adapters reach it as ports
//! piv · pkcs11 · practice · command · softcard · storage   → durable, administration, ports, core, bottom; never each other
//! durable    → nothing: how adapters write files
//! administration   → ports, core, bottom: the algorithms that adapters for tokens share
//! ports      → core, bottom
//! account    → core, bottom: what there is to tell, as pure values
//! core       transcript → approval → proposal → sharing → roster → sealing   → bottom
//! bottom     memory · encoding · durable: not even each other
//! ```
//!
//! Within a module, no file imports, by whatever way, a file that imports it (`circles`).
//!
//! `lib.rs` and `main.rs` are above it all. Unit tests keep to the layers too: a test that needs more than its
//! layer has stands in `tests/`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod circles;
mod docs;
mod samples;
mod source;
mod wording;

use std::{collections::BTreeSet, fs, path::Path};

use source::Source;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Layer {
    Bottom,
    Core,
    Account,
    Ports,
    Administration,
    Durable,
    Adapters,
    Ceremony,
    Cli,
}

/// Every module at the crate's root. Within the core, a module may import those that stand before it here.
const MODULES: &[(&str, Layer)] = &[
    ("memory", Layer::Bottom),
    ("encoding", Layer::Bottom),
    ("sealing", Layer::Core),
    ("roster", Layer::Core),
    ("sharing", Layer::Core),
    ("proposal", Layer::Core),
    ("approval", Layer::Core),
    ("transcript", Layer::Core),
    ("account", Layer::Account),
    ("ports", Layer::Ports),
    ("administration", Layer::Administration),
    ("durable", Layer::Durable),
    ("piv", Layer::Adapters),
    ("pkcs11", Layer::Adapters),
    ("practice", Layer::Adapters),
    ("command", Layer::Adapters),
    ("softcard", Layer::Adapters),
    ("storage", Layer::Adapters),
    ("ceremony", Layer::Ceremony),
    ("cli", Layer::Cli),
];

/// What a rule looks for.
enum Pattern {
    /// These names in a row, anywhere in a path.
    Names(&'static [&'static str]),
    /// A path that begins with this crate.
    Crate(&'static str),
}

/// Something that may stand in few places only. Places are beginnings of file names.
struct Home {
    pattern: Pattern,
    places: &'static [&'static str],
    /// Whether the rule holds for tests too.
    tests_too: bool,
    reason: &'static str,
}

const fn home(names: &'static [&'static str], places: &'static [&'static str], reason: &'static str) -> Home {
    Home { pattern: Pattern::Names(names), places, tests_too: false, reason }
}

const fn crate_home(name: &'static str, places: &'static [&'static str], reason: &'static str) -> Home {
    Home { pattern: Pattern::Crate(name), places, tests_too: true, reason }
}

const fn strictly(home: Home) -> Home {
    Home { tests_too: true, ..home }
}

const HOLDERS: &[&str] = &["src/cli/terminal/hidden.rs", "src/memory/held.rs"];
const TERMINAL: &[&str] = &["src/cli/terminal.rs", "src/cli/terminal/", "src/cli/output.rs"];
const PRINTS: &str = "only the terminal module prints";
const INTENT: &str = "only the ledger's storage says that an intent is durable";
const COUNTS: &str = "approvals are counted in one place";
/// The quorum and the arithmetic, and those who keep a station.
const RECONSTITUTES: &[&str] = &["src/approval/quorum.rs", "src/sharing/", "src/ceremony/keyring.rs"];
/// The count itself, the execution and the release that ask it, what is said before by the same rules, and the verification of what
/// was released and executed.
const COUNTERS: &[&str] = &[
    "src/approval/quorum.rs",
    // The tests of the count itself; no other tests call it.
    "src/approval/tests",
    "src/ceremony/execute.rs",
    "src/ceremony/release.rs",
    "src/ceremony/standing.rs",
    "src/transcript/ceremony.rs",
    "src/transcript/executed.rs",
    "src/transcript/released.rs",
];
/// The tests of a quorum establish some, of approvals that nobody executes.
const COUNTING: &str = "src/approval/tests/counting.rs";
const EXITS: &str = "only main exits";

/// What calls a module by its function list, in the process that is there for the module.
const RAW_CALLS: &[&str] = &["src/pkcs11/raw.rs", "src/pkcs11/raw/"];
const UNSAFE: &[&str] = &["src/memory/", "src/pkcs11/raw.rs", "src/pkcs11/raw/"];
const UNSAFE_CODE: &str = "the unsafe code is in memory, and where a module's functions are called";
const FOREIGN: &str = "a module's functions are called in one file";

const HOMES: &[Home] = &[
    home(&["println", "!"], TERMINAL, PRINTS),
    home(&["print", "!"], TERMINAL, PRINTS),
    home(&["eprintln", "!"], TERMINAL, PRINTS),
    home(&["eprint", "!"], TERMINAL, PRINTS),
    home(&["io", "stdout"], TERMINAL, PRINTS),
    home(&["io", "stderr"], TERMINAL, PRINTS),
    strictly(home(&["dbg", "!"], &[], "nothing is debugged in a release")),
    strictly(home(&["process", "exit"], &["src/main.rs"], EXITS)),
    strictly(home(&["process", "abort"], &["src/main.rs"], EXITS)),
    home(&["ExitCode"], &["src/main.rs", "src/lib.rs", "src/cli/exit.rs"], EXITS),
    strictly(home(&["DurableIntent", "written"], &["src/storage/ledger.rs", COUNTING], INTENT)),
    strictly(home(&["Authorization", "grant"], &["src/approval/quorum.rs"], "only a quorum authorizes")),
    strictly(home(&["Quorum", "establish"], &["src/ceremony/execute.rs", COUNTING], COUNTS)),
    strictly(home(&["Tally", "count"], COUNTERS, COUNTS)),
    home(&["is_quorum"], COUNTERS, COUNTS),
    home(
        &["reconstitute"],
        RECONSTITUTES,
        "only a quorum reconstitutes, and a station's keepers its identity",
    ),
    strictly(home(&["unsafe"], UNSAFE, UNSAFE_CODE)),
    strictly(home(&["unsafe_code"], UNSAFE, UNSAFE_CODE)),
    strictly(crate_home("cryptoki_sys", RAW_CALLS, FOREIGN)),
    strictly(crate_home("libloading", RAW_CALLS, FOREIGN)),
    strictly(crate_home("sharks", &["src/sharing/"], "only verified shares reach the Shamir library")),
    strictly(crate_home("cryptoki", &["src/pkcs11/"], "PKCS#11 is one adapter's business")),
    strictly(crate_home(
        "yubikey",
        &["src/piv/", "tests/virtual-card/"],
        "PIV cards are one adapter's business",
    )),
    strictly(crate_home("pcsc", &["src/piv/"], "PIV cards are one adapter's business")),
    strictly(crate_home("clap", &["src/cli/"], "the command line is the cli's business")),
    strictly(crate_home("dialoguer", &["src/cli/terminal/asking.rs"], "one file asks")),
    home(&["HeldSignals"], HOLDERS, "only where a secret is typed are signals held back"),
];

/// What is out of bounds for the core and the ports: they are pure, and compute the same tomorrow.
const IMPURE: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "net"],
    &["std", "process"],
    &["std", "env"],
    &["std", "os"],
    &["io", "stdin"],
    &["SystemTime", "now"],
    &["Instant", "now"],
];

const VAGUE: &[&str] = &[
    "util", "utils", "utility", "helper", "helpers", "common", "misc", "manager", "managers", "service",
    "services",
];

fn place(module: &str) -> Option<(usize, Layer)> {
    let index = MODULES.iter().position(|(name, _)| *name == module)?;
    Some((index, MODULES[index].1))
}

/// Why `from` may not import `to`, if so.
fn forbidden(from: &str, to: &str) -> Option<String> {
    let Some((from_index, from_layer)) = place(from) else {
        return Some(format!("{from} belongs to no layer: give it one here"));
    };
    let Some((to_index, to_layer)) = place(to) else {
        return Some(format!("{from} imports {to}, which belongs to no layer"));
    };
    let direction = match (from_layer, to_layer) {
        _ if from == to => return None,
        (Layer::Core, Layer::Core) if to_index < from_index => return None,
        (Layer::Core, Layer::Core) => "against the order within the core",
        (Layer::Ceremony, Layer::Administration | Layer::Durable | Layer::Adapters) => "past the ports",
        (Layer::Ports | Layer::Administration | Layer::Adapters, Layer::Account) => {
            "only ceremony and cli have something to tell"
        }
        (Layer::Durable, _) => "the way files are written knows nothing of what is in them",
        _ if to_layer == from_layer => "across",
        _ if to_layer > from_layer => "up",
        _ => return None,
    };
    Some(format!("{from} ({from_layer:?}) imports {to} ({to_layer:?}): {direction}"))
}

fn violations(source: &Source) -> Vec<String> {
    let mut found = Vec::new();
    let file = source.file.as_str();
    let mut report = |line: usize, what: String| found.push(format!("{file}:{line}: {what}"));
    let module = source.top_module();
    let pure = module.as_deref().and_then(place).is_some_and(|(_, layer)| {
        matches!(layer, Layer::Core | Layer::Account | Layer::Ports | Layer::Administration)
    });
    for path in source.paths() {
        let spelling = path.segments.join("::").replace("::!", "!");
        if let (true, Some(from)) = (path.ours, module.as_deref()) {
            match path.segments.first().map(String::as_str) {
                None | Some("*") => {
                    report(path.line, format!("{from} imports the crate's root, not a layer"))
                }
                Some(to) => forbidden(from, to).into_iter().for_each(|why| report(path.line, why)),
            }
        }
        if pure && !path.test && IMPURE.iter().any(|names| contains(&path.segments, names)) {
            report(path.line, format!("{spelling}: core and ports do no I/O and ask no clock"));
        }
        for home in HOMES.iter().filter(|home| home.tests_too || !path.test) {
            let seen = match home.pattern {
                Pattern::Names(names) => contains(&path.segments, names),
                Pattern::Crate(name) => !path.ours && path.segments.len() > 1 && path.segments[0] == name,
            };
            if seen && !home.places.iter().any(|place| file.starts_with(place)) {
                report(path.line, format!("{spelling}: {}", home.reason));
            }
        }
    }
    for (name, line) in source.module_names() {
        if VAGUE.contains(&name.as_str()) {
            report(line, format!("a module named {name} says nothing"));
        }
    }
    for (name, line) in source.functions() {
        if name.starts_with("get_") {
            report(line, format!("fn {name}: say what it is, without get_"));
        }
    }
    found
}

fn contains(segments: &[String], names: &[&str]) -> bool {
    segments.windows(names.len()).any(|window| window.iter().zip(names).all(|(a, b)| a == b))
}

/// The files of Rust under a directory, by their names from the manifest's, with what is in them.
fn texts(directory: &Path) -> Vec<(String, String)> {
    let mut entries: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    let mut found = Vec::new();
    for path in entries {
        if path.is_dir() {
            found.extend(texts(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap().to_str().unwrap();
            found.push((name.to_owned(), fs::read_to_string(&path).unwrap()));
        }
    }
    found
}

fn crate_sources() -> Vec<Source> {
    let files = texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    files.iter().map(|(file, text)| Source::read(file, text)).collect()
}

#[test]
fn imports_go_down_and_dangers_stay_at_home() {
    let sources = crate_sources();
    assert!(
        sources.iter().any(|source| source.file == "src/lib.rs"),
        "the crate's source is not where it should be"
    );
    let found: Vec<String> = sources.iter().flat_map(violations).collect();
    assert!(found.is_empty(), "{} violations of the architecture:\n{}", found.len(), found.join("\n"));
}

/// The word, and not only the path: an alias of the type would hide the call from the rule above.
#[test]
fn one_file_says_that_an_intent_is_durable() {
    let named = |source: &&Source| {
        source.paths().iter().any(|path| path.segments.last().is_some_and(|name| name == "written"))
            && source.paths().iter().any(|path| contains(&path.segments, &["DurableIntent"]))
    };
    let callers: Vec<String> =
        crate_sources().iter().filter(named).map(|source| source.file.clone()).collect();
    assert_eq!(callers, ["src/approval/intent.rs", COUNTING, "src/storage/ledger.rs"]);
}

/// The maps name files; whoever moves one moves it there, too.
#[test]
fn every_file_on_a_map_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (map, least) in [("ARCHITECTURE.md", 50), ("CONTRIBUTING.md", 5)] {
        let text = fs::read_to_string(root.join(map)).unwrap();
        let named: Vec<&str> = text
            .split('`')
            .filter(|word| ["src/", "tests/", "ceremonies/"].iter().any(|root| word.starts_with(root)))
            .collect();
        assert!(named.len() >= least, "{map} names {} files", named.len());
        let missing: Vec<&&str> = named.iter().filter(|path| !root.join(path).exists()).collect();
        assert!(missing.is_empty(), "{map} names what is not there: {missing:?}");
    }
}

#[test]
fn every_module_has_a_layer() {
    let modules: BTreeSet<String> = crate_sources().iter().filter_map(Source::top_module).collect();
    let homeless: Vec<&String> = modules.iter().filter(|module| place(module).is_none()).collect();
    assert!(homeless.is_empty(), "in no layer: {homeless:?}");
}
