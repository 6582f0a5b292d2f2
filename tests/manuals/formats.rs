//! The pages of section 5 against the sources: every field in its order and with its type, every finding, every
//! example. Whoever changes a format learns here which line of the manual to change with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use super::declarations::{Entry, code, codes, declared, read, sources};
use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    encoding::{
        digest::Digest,
        dsse::{Envelope, pae},
    },
    proposal::operations::Plan,
    roster::{OperationKind, key::PublicKey},
};

const TRANSCRIPT: &str = "man/quorate-transcript.5";
const PLAN: &str = "man/quorate-plan.5";

/// Where the types of ledgers, approvals, backups, soft cards and memories stand.
const FORMATS: [&str; 21] = [
    "src/encoding/dsse.rs",
    "src/transcript/event.rs",
    "src/transcript/outcome.rs",
    "src/proposal/document.rs",
    "src/proposal/joining.rs",
    "src/proposal/place.rs",
    "src/proposal/sealed.rs",
    "src/proposal/program.rs",
    "src/proposal/target.rs",
    "src/proposal/environment.rs",
    "src/roster/card.rs",
    "src/roster/deal.rs",
    "src/roster/members.rs",
    "src/roster/operation.rs",
    "src/approval/statement.rs",
    "src/approval/release.rs",
    "src/approval/drill.rs",
    "src/ceremony/backup.rs",
    "src/softcard/file.rs",
    "src/ports/store.rs",
    "src/storage/custodian.rs",
];

/// Files that a machine keeps for itself, or has on a card, and gives to nobody else.
const KEPT: [&str; 2] = ["src/piv/record.rs", "src/practice/state.rs"];

/// Messages between processes of this program, each bounded as a whole.
const PIPES: [&str; 7] = [
    "src/command/protocol.rs",
    "src/pkcs11/protocol.rs",
    "src/pkcs11/reported.rs",
    "src/pkcs11/settings.rs",
    "src/ports/cause.rs",
    "src/ports/program.rs",
    "src/ports/token.rs",
];

/// Sources that read one scalar, or a type of another file.
const WITHOUT: [&str; 2] = ["src/ceremony/clearing.rs", "src/roster/key.rs"];

/// Where each operation has a file with the tables of its plan, and what a proposal says of it.
const OPERATIONS: &str = "src/proposal/operations";

/// Roff's escapes as the characters that they show.
fn plain(roff: &str) -> String {
    let escapes = [("\\-", "-"), ("\\&", ""), ("\\(aq", "'"), ("\\(dq", "\""), ("\\(ha", "^"), ("\\e", "\\")];
    let fonts = ["\\fI", "\\fB", "\\fP", "\\fR"].into_iter().map(|font| (font, ""));
    fonts.chain(escapes).fold(roff.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// `.BR field " (type)"` or `.B variant`.
fn tag(line: &str) -> Option<Entry> {
    if let Some(name) = line.strip_prefix(".B ") {
        return Some((plain(name), String::new()));
    }
    let (name, rest) = line.strip_prefix(".BR ")?.split_once(' ')?;
    let kind = rest.strip_prefix("\" (")?.strip_suffix(")\"")?;
    Some((plain(name), plain(kind)))
}

/// The lists of a page that stand under a comment `rust: Type`.
fn documented(page: &str) -> BTreeMap<String, Vec<Entry>> {
    let mut lists: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut current: Option<String> = None;
    let mut lines = page.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix(".\\\" rust: ") {
            assert!(lists.insert(name.to_owned(), Vec::new()).is_none(), "{name} is documented twice");
            current = Some(name.to_owned());
        } else if [".PP", ".SS", ".SH"].iter().any(|end| line.starts_with(end)) {
            current = None;
        } else if line == ".TP"
            && let Some(name) = &current
        {
            let next = lines.next().unwrap_or_default();
            let entry = tag(next).unwrap_or_else(|| panic!("{name}: what is {next:?}?"));
            lists.get_mut(name).unwrap().push(entry);
        }
    }
    lists
}

/// The text of a section, from its heading to the next.
fn section<'a>(page: &'a str, heading: &str) -> &'a str {
    let start = page.find(heading).unwrap_or_else(|| panic!("no {heading}")) + heading.len();
    page[start..].split("\n.S").next().unwrap()
}

/// The examples, each with the comment in its first line.
fn examples(page: &str) -> BTreeMap<String, String> {
    let blocks = page.split("\n.EX\n").skip(1).map(|rest| plain(rest.split("\n.EE").next().unwrap()));
    blocks
        .filter_map(|block| {
            let (first, rest) = block.split_once('\n')?;
            Some((first.strip_prefix("# ")?.to_owned(), format!("{rest}\n")))
        })
        .collect()
}

/// Holds lists against lists and says what is missing where.
fn compare(page: &str, sources: Vec<(String, Vec<Entry>)>) {
    let mut lists = documented(&read(page));
    for (name, wanted) in sources {
        let found = lists.remove(&name).unwrap_or_else(|| {
            panic!("{page} does not document {name}: a comment 'rust: {name}' stands before its fields")
        });
        let shown = |list: &[Entry]| list.iter().map(|(n, t)| format!("{n} ({t})")).collect::<Vec<_>>();
        let same = found.len() == wanted.len()
            && found.iter().zip(&wanted).all(|((name, kind), (wanted_name, wanted_kind))| {
                let detailed = wanted_kind.ends_with(", default");
                name == wanted_name
                    && (kind == wanted_kind || detailed && kind.starts_with(wanted_kind.as_str()))
            });
        assert!(same, "{page}: {name}\n  says    {:?}\n  sources {:?}", shown(&found), shown(&wanted));
    }
    assert!(lists.is_empty(), "{page} documents what is no type: {:?}", lists.keys());
}

/// What a proposal says of each operation: `DeleteOperation` is read as the variant `Operation::Delete`, whose name is its kind.
fn payloads() -> Vec<(String, Vec<Entry>)> {
    // Only what is in a proposal is written; it follows the tables of the plan.
    let written =
        |file: PathBuf| code(&file).split_once("Serialize, Deserialize)]\n").map(|(_, rest)| rest.to_owned());
    let declared = operations()
        .into_iter()
        .filter_map(written)
        .flat_map(|text| declared(&format!("#[derive(Deserialize)]\n{text}"), " or null"));
    let payloads = declared.filter_map(|(name, fields)| {
        let variant = format!("Operation::{}", name.strip_suffix("Operation")?);
        Some((variant, [vec![("kind".to_owned(), "string".to_owned())], fields].concat()))
    });
    payloads.collect()
}

fn operations() -> Vec<PathBuf> {
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join(OPERATIONS))
}

#[test]
fn every_field_of_the_ledger_is_documented() {
    let mut types: Vec<_> = FORMATS.iter().flat_map(|file| declared(&code(file), " or null")).collect();
    types.extend(payloads());
    compare(TRANSCRIPT, types);
}

#[test]
fn every_field_of_a_plan_is_documented() {
    let mut types = declared(&code("src/proposal/plan.rs"), ", optional");
    types.extend(declared(&code("src/proposal/target.rs"), "").into_iter().filter(|(n, _)| n == "Custody"));
    types
        .extend(declared(&code("src/proposal/joining.rs"), "").into_iter().filter(|(n, _)| n == "StartKind"));
    let tables = operations().into_iter().flat_map(|file| declared(&code(file), ", optional"));
    types.extend(tables.filter(|(name, _)| !name.ends_with("Operation")));
    types.extend(declared(&code("src/proposal/selection.rs"), ", optional"));
    types.extend(declared(&code("src/proposal/target_table.rs"), ", optional"));
    types.extend(declared(&code("src/proposal/program_plan.rs"), ", optional"));
    types.extend(declared(&code("src/proposal/disputed_times.rs"), ", optional"));
    let handed = ["HandedCredential", "Handing", "OutputFile", "ProgramCheck"];
    let programs = declared(&code("src/proposal/program.rs"), ", optional");
    types.extend(programs.into_iter().filter(|(name, _)| handed.contains(&name.as_str())));
    compare(PLAN, types);
}

/// Whatever serde reads is in the manual, or kept by one machine for itself, or a message between processes of this program.
/// What comes from a file has a bound in either case. Texts of plans are bounded by the length of the plan.
#[test]
fn every_list_and_text_that_is_read_has_a_bound() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let reads = |file: &PathBuf| code(file).contains("Deserialize");
    let mut known = 0;
    for file in sources(&root.join("src")).iter().filter(|file| reads(file)) {
        let place = file.strip_prefix(root).unwrap().to_str().unwrap();
        match place {
            _ if FORMATS.contains(&place) || KEPT.contains(&place) => drop(declared(&code(file), " or null")),
            _ if place.starts_with("src/proposal/") => drop(declared(&code(file), ", optional")),
            _ => {
                let is_whole =
                    place.starts_with("src/encoding/") || PIPES.contains(&place) || WITHOUT.contains(&place);
                assert!(
                    is_whole,
                    "{place}: is what serde reads there a format? Then say so in FORMATS or KEPT"
                );
                continue;
            }
        }
        known += 1;
    }
    assert!(known > FORMATS.len(), "{known}");
}

#[test]
fn every_finding_is_documented() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let found: BTreeSet<Entry> = sources(&root).iter().flat_map(|file| codes(&code(file), file)).collect();
    let page = read(TRANSCRIPT);
    let text = page.split("\n.SH FINDINGS\n").nth(1).unwrap().split("\n.SH ").next().unwrap();
    let tags: Vec<Entry> = text.split("\n.TP\n").skip(1).filter_map(|t| tag(t.lines().next()?)).collect();
    let documented: BTreeSet<Entry> = tags.iter().cloned().collect();
    assert_eq!(tags.len(), documented.len(), "a finding is documented twice");
    let missing: Vec<_> = found.difference(&documented).collect();
    let gone: Vec<_> = documented.difference(&found).collect();
    assert!(
        missing.is_empty() && gone.is_empty(),
        "not documented: {missing:?}; not in the sources: {gone:?}"
    );
}

#[test]
fn the_words_are_those_of_the_program() {
    let page = read(TRANSCRIPT);
    for (heading, place) in [(".SS Even places\n", 0), (".SS Odd places\n", 1)] {
        let listed = section(&page, heading).lines().filter(|line| !line.starts_with('.'));
        let listed: Vec<&str> = listed.flat_map(str::split_whitespace).collect();
        let wanted: Vec<&str> =
            (0..=u8::MAX).map(|byte| Digest::from_bytes([byte; 32]).words()[place]).collect();
        assert_eq!(listed, wanted);
    }
}

#[test]
fn every_plan_in_the_manual_is_a_plan() {
    let examples = examples(&read(PLAN));
    for kind in OperationKind::ALL.iter().map(|kind| kind.as_str()) {
        let text = examples.get(kind).unwrap_or_else(|| panic!("no example of kind {kind}"));
        let plan = Plan::parse(text.as_bytes()).unwrap_or_else(|e| panic!("{kind}: {e}"));
        assert_eq!(plan.kind().as_str(), kind);
    }
    let people = examples["genesis"].split("[[targets]]").next().unwrap();
    Plan::parse(format!("{people}{}", examples["take-over"]).as_bytes()).unwrap();
}

/// A transcript of two lines whose payloads have the shape that the example looks at.
fn transcript(title: &str) -> (Vec<Vec<u8>>, PublicKey) {
    let signing = SigningKey::from_bytes(&[7; 32]);
    let key = PublicKey::from_ed25519(signing.verifying_key()).unwrap();
    let envelope = |event: &str, payload: Vec<u8>| {
        let payload_type = quorate::encoding::dsse::Mode::Production.payload_type(event);
        let signature = signing.sign(&pae(&payload_type, &payload)).to_bytes().to_vec();
        Envelope::new(payload_type, payload, key.keyid(), signature)
    };
    let pem = key.to_pem().replace('\n', "\\n");
    let proposal =
        format!("{{\"title\":\"{title}\",\"station\":{{\"keys\":{{\"signing_key\":\"{pem}\"}}}}}}");
    let proposal = String::from_utf8(envelope("proposal", proposal.into_bytes()).write()).unwrap();
    let first = format!("{{\"prev\":null,\"event\":{{\"proposal\":{proposal}}}}}");
    let first = envelope("proposed", first.into_bytes()).write();
    let second = format!("{{\"prev\":\"{}\",\"reason\":\"{title}\"}}", Digest::of(&first));
    (vec![first, envelope("rejected", second.into_bytes()).write()], key)
}

fn run_example(lines: &[Vec<u8>]) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let bytes: Vec<u8> = lines.iter().flat_map(|line| [line.as_slice(), b"\n"].concat()).collect();
    fs::write(directory.path().join("transcript.jsonl"), bytes).unwrap();
    let script = examples(&read(TRANSCRIPT)).remove("example").expect("no example");
    let output = run(Command::new("sh").args(["-c", &script]).current_dir(&directory), "openssl jq");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("not found"), "install openssl and jq");
    String::from_utf8(output.stdout).unwrap().lines().map(|l| l.trim_end_matches("  -").to_owned()).collect()
}

#[test]
fn the_worked_example_checks_a_line() {
    for title in ["", "x", "caf\u{e9}", "\u{1f511}\u{7f}"] {
        let (lines, key) = transcript(title);
        let said = run_example(&lines);
        let (keyid, link) = (key.keyid().to_string(), Digest::of(&lines[0]).to_string());
        assert_eq!(said[..5], ["Signature Verified Successfully", &keyid, &keyid, &link, &link], "{title}");
        assert_eq!(said.len(), 6);
    }
    let (mut lines, _) = transcript("one");
    lines[1] = {
        let mut changed = Envelope::parse(&lines[1]).unwrap();
        *changed.payload.0.last_mut().unwrap() = b' ';
        changed.write()
    };
    assert!(!run_example(&lines).contains(&"Signature Verified Successfully".to_owned()));
}

fn run(command: &mut Command, packages: &str) -> Output {
    command.output().unwrap_or_else(|e| panic!("{command:?}: {e}: install {packages}"))
}

#[test]
fn the_pages_render_without_warnings() {
    let others = ["man/quorate-ceremony.7", "man/quorate-attestation.7", "man/quorate-break-glass.7"];
    for page in [TRANSCRIPT, PLAN].into_iter().chain(others) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(page);
        let mut groff = Command::new("groff");
        groff.args(["-man", "-Tutf8", "-ww", "-z"]).arg(&path);
        let mut man = Command::new("man");
        man.args(["--warnings", "-E", "UTF-8", "-l"])
            .arg(&path)
            .envs([("LC_ALL", "C.UTF-8"), ("MANWIDTH", "80")]);
        for command in [&mut groff, &mut man] {
            let output = run(command, "groff-base and man-db");
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && said.is_empty(), "{command:?}: {said}");
        }
    }
}

/// `pkcs11-tool --token-label` takes the first token whose label begins with what it is given.
#[test]
fn no_token_of_the_sample_plans_has_a_label_that_begins_as_another_one() {
    let label = |file: &str, field: &str| {
        let text = std::fs::read_to_string(format!("ceremonies/{file}.toml")).unwrap();
        let found = text.lines().find_map(|line| line.strip_prefix(&format!("{field} = \""))).unwrap();
        found.trim_end_matches('"').to_owned()
    };
    let labels = [label("genesis", "label"), label("adopt", "label"), label("reset", "new_label")];
    for (place, one) in labels.iter().enumerate() {
        for other in labels.iter().skip(place + 1) {
            assert!(!one.starts_with(other.as_str()) && !other.starts_with(one.as_str()), "{one}, {other}");
        }
    }
}
