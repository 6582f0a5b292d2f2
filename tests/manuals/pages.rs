//! The pages of section 1 are made from the command line's definitions. `QUORATE_BLESS=1` writes them anew (`make man`).

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use clap_mangen::Man;
use quorate::{
    ceremony::Code,
    cli::{
        Exit, args,
        verbs::{self, EXITS, FAILED, VERBS, VerbTable},
    },
};

/// Files, and the verbs whose pages name them.
const FILES: [(&str, &str, &[&str]); 6] = [
    (
        "LEDGER/NNNN-KIND/",
        "One ceremony: plan.toml, transcript.jsonl, approvals/, attestations/, drills/. Public to those who may know who \
      the custodians are, and confidential for ever all the same: what is sealed in it is opened by a quorum of cards.",
        &[
            "",
            "propose",
            "approve",
            "reject",
            "execute",
            "abort",
            "attest",
            "status",
            "show",
            "audit",
            "compare",
            "run",
            "card drill",
        ],
    ),
    (
        "$XDG_STATE_HOME/quorate/, ~/.local/state/quorate/",
        "The secrets of a station for its open ceremonies, encrypted to the \
      administrator's card, and what the custodians of this machine remember. Never in a ledger, mode 0700.",
        &["", "propose", "approve", "reject", "execute", "abort", "status", "run"],
    ),
    (
        "FILE.card",
        "A soft card: its keys under a PIN, which a file cannot defend against guessing offline.",
        &["", "card new", "card enroll", "card show"],
    ),
    (
        "/usr/local/share/doc/quorate/examples/",
        "Plans to begin with, one of each kind.",
        &["", "propose", "run", "rehearse"],
    ),
    (
        "/tmp/quorate-rehearsal-*/",
        "What rehearsals leave: cards, PINs, tokens, ledger. Worth nothing; delete it.",
        &["rehearse"],
    ),
    (
        "FILE.approval",
        "A signed statement, and with an approval the release: shares sealed to one station. Destroyed when the \
      ceremony closes.",
        &["approve", "reject", "execute", "abort"],
    ),
];

fn man() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("man")
}

/// Every page with its text.
fn pages() -> BTreeMap<String, String> {
    let mut command = args::command();
    command.build();
    let mut pages = BTreeMap::new();
    add(&command, "", &mut pages);
    pages
}

fn add(command: &clap::Command, verb: &str, pages: &mut BTreeMap<String, String>) {
    let name = if verb.is_empty() { "quorate".into() } else { format!("quorate-{}", verb.replace(' ', "-")) };
    pages.insert(format!("{name}.1"), page(command, &name, verb));
    for sub in command.get_subcommands() {
        let inner =
            if verb.is_empty() { sub.get_name().into() } else { format!("{verb} {}", sub.get_name()) };
        add(sub, &inner, pages);
    }
}

fn page(command: &clap::Command, name: &str, verb: &str) -> String {
    let mut out = Vec::new();
    let page =
        Man::new(command.clone()).title(name.to_uppercase()).source("quorate").manual("Key ceremonies");
    page.render_title(&mut out).unwrap();
    page.render_name_section(&mut out).unwrap();
    out.extend(synopsis(command).into_bytes());
    page.render_description_section(&mut out).unwrap();
    page.render_options_section(&mut out).unwrap();
    if command.has_subcommands() {
        page.render_subcommands_section(&mut out).unwrap();
    }
    let mut text = String::from_utf8(out).unwrap();
    let table = VerbTable::of(verb);
    if let Some(table) = table {
        text += &json(table);
    }
    // A page of several verbs has what one of them can end with.
    let below = |table: &&VerbTable| verb.is_empty() || table.verb.starts_with(&format!("{verb} "));
    let of_some = |exit: &Exit| VERBS.iter().filter(below).any(|table| table.exits.contains(exit));
    let all: Vec<Exit> = EXITS.into_iter().filter(of_some).collect();
    text += &exit_status(table.map_or(all.as_slice(), |table| table.exits));
    if verb.is_empty() {
        text += &error_codes();
    }
    text += &files(verb);
    text += &examples(command);
    text + &see_also(name, command)
}

/// Text for roff: no line begins with a control character, nothing is an escape by accident.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-").replace('…', "\\[u2026]").replace('\'', "\\(aq");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

/// As clap says it in its usage, with the values of options.
fn synopsis(command: &clap::Command) -> String {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage:").split_whitespace().collect::<Vec<_>>().join(" ");
    format!(".SH SYNOPSIS\n{}\n", escaped(&usage))
}

fn json(table: &VerbTable) -> String {
    let mut out = String::from(
        ".SH \"JSON OUTPUT\"\nWith\n.B \\-\\-json\none object is printed on standard output, and prose on standard error.\n",
    );
    let exit = ("exit".to_owned(), "exit code".to_owned());
    for (when, object) in table.accounts.iter().chain([&FAILED]) {
        let when = if when.is_empty() { "on success" } else { when };
        out += &format!(".PP\nThe object {}:\n", escaped(when));
        for (key, meaning) in object().table().iter().chain([&exit]) {
            out += &format!(".TP\n.B {}\n{}\n", escaped(key), escaped(meaning));
        }
    }
    out += &format!(
        ".PP\n.B quorate schema {}\nprints a JSON Schema of it; later versions add keys, and rename none.\n",
        escaped(table.verb)
    );
    out
}

fn exit_status(exits: &[Exit]) -> String {
    let mut out = String::from(".SH \"EXIT STATUS\"\n");
    for exit in exits {
        out += &format!(".TP\n.B {}\n{}\n", exit.code(), escaped(verbs::meaning(*exit)));
    }
    let (code, meaning) = verbs::INTERRUPTED;
    out + &format!(".TP\n.B {code}\n{}\n", escaped(meaning))
}

/// The codes of `error.code`, on the page that all others name.
fn error_codes() -> String {
    let mut out = String::from(
        ".SH \"ERROR CODES\"\nThe\n.B error.code\nof an error object is one of these; it stays when the words of the message change.\n",
    );
    for (code, meaning) in Code::ALL {
        out += &format!(".TP\n.B {}\n{}\n", escaped(code.as_str()), escaped(meaning));
    }
    out
}

fn files(verb: &str) -> String {
    let named: Vec<_> = FILES.iter().filter(|(_, _, verbs)| verbs.contains(&verb)).collect();
    if named.is_empty() {
        return String::new();
    }
    let mut out = String::from(".SH FILES\n");
    for (file, what, _) in named {
        out += &format!(".TP\n.I {}\n{}\n", escaped(file), escaped(what));
    }
    out
}

fn examples(command: &clap::Command) -> String {
    let example = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let lines = example.lines().filter(|l| !matches!(*l, "Example:" | "Examples:" | "Begin with:"));
    let shown: Vec<String> = lines.map(|l| escaped(l.strip_prefix("  ").unwrap_or(l))).collect();
    assert!(!shown.is_empty(), "'{}' has no example", command.get_name());
    format!(".SH EXAMPLES\n.nf\n{}\n.fi\n", shown.join("\n"))
}

fn see_also(name: &str, command: &clap::Command) -> String {
    let mut others: Vec<(String, u8)> = Vec::new();
    if command.has_subcommands() {
        others.extend(command.get_subcommands().map(|s| (format!("{name}-{}", s.get_name()), 1)));
    } else {
        others.extend(NEIGHBOURS.iter().filter(|(of, _)| *of == name).map(|(_, to)| ((*to).to_owned(), 1)));
    }
    if name != "quorate" {
        others.insert(0, ("quorate".into(), 1));
    }
    others.extend([
        ("quorate-plan".into(), 5),
        ("quorate-transcript".into(), 5),
        ("quorate-ceremony".into(), 7),
        ("quorate-scripting".into(), 7),
        ("quorate-security".into(), 7),
        ("quorate-modules".into(), 7),
        ("quorate-yubikey".into(), 7),
        ("quorate-attestation".into(), 7),
        ("quorate-break-glass".into(), 7),
    ]);
    let last = others.len() - 1;
    let mut out = String::from(".SH \"SEE ALSO\"\n");
    for (at, (page, section)) in others.iter().enumerate() {
        let comma = if at == last { "" } else { "," };
        out += &format!(".BR {} ({section}){comma}\n", escaped(page));
    }
    out
}

/// What is done before and after.
const NEIGHBOURS: [(&str, &str); 28] = [
    ("quorate-card-new", "quorate-card-enroll"),
    ("quorate-card-enroll", "quorate-card-new"),
    ("quorate-card-enroll", "quorate-propose"),
    ("quorate-card-show", "quorate-card-enroll"),
    ("quorate-token-list", "quorate-token-show"),
    ("quorate-token-show", "quorate-token-list"),
    ("quorate-token-show", "quorate-propose"),
    ("quorate-token-show", "quorate-compare"),
    ("quorate-compare", "quorate-token-show"),
    ("quorate-compare", "quorate-status"),
    ("quorate-propose", "quorate-approve"),
    ("quorate-propose", "quorate-abort"),
    ("quorate-approve", "quorate-reject"),
    ("quorate-approve", "quorate-execute"),
    ("quorate-reject", "quorate-approve"),
    ("quorate-execute", "quorate-approve"),
    ("quorate-execute", "quorate-attest"),
    ("quorate-execute", "quorate-audit"),
    ("quorate-abort", "quorate-execute"),
    ("quorate-attest", "quorate-audit"),
    ("quorate-status", "quorate-show"),
    ("quorate-show", "quorate-status"),
    ("quorate-audit", "quorate-attest"),
    ("quorate-run", "quorate-rehearse"),
    ("quorate-rehearse", "quorate-run"),
    ("quorate-completions", "quorate-run"),
    ("quorate-schema", "quorate-status"),
    ("quorate-status", "quorate-schema"),
];

#[test]
fn the_pages_say_what_the_command_line_takes() {
    let pages = pages();
    let committed: Vec<String> = fs::read_dir(man())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .filter(|n| n.ends_with(".1"))
        .collect();
    if std::env::var_os("QUORATE_BLESS").is_some() {
        for stale in committed.iter().filter(|n| !pages.contains_key(*n)) {
            fs::remove_file(man().join(stale)).unwrap();
        }
        for (name, text) in &pages {
            fs::write(man().join(name), text).unwrap();
        }
        return;
    }
    for name in &committed {
        assert!(pages.contains_key(name), "man/{name} is of no verb: run 'make man'");
    }
    for (name, text) in &pages {
        let there = fs::read_to_string(man().join(name)).unwrap_or_default();
        assert!(there == *text, "man/{name} is not what the command line says: run 'make man'");
    }
}

#[test]
fn every_verb_is_in_the_reference() {
    let mut command = args::command();
    command.build();
    let mut verbs = Vec::new();
    for verb in command.get_subcommands() {
        if verb.has_subcommands() {
            verbs.extend(verb.get_subcommands().map(|sub| format!("{} {}", verb.get_name(), sub.get_name())));
        } else {
            verbs.push(verb.get_name().to_owned());
        }
    }
    assert_eq!(verbs, VERBS.iter().map(|table| table.verb.to_owned()).collect::<Vec<_>>());
}

#[test]
fn the_pages_render_without_a_warning() {
    for page in fs::read_dir(man()).unwrap() {
        let path = page.unwrap().path();
        let output = Command::new("man")
            .args(["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z"])
            .arg(&path)
            .env("MANROFFSEQ", "")
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.is_empty(), "{}: {said}", path.display());
    }
}
