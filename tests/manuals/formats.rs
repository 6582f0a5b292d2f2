//! The pages of section 5 against the sources: every field in its order and with its type, every finding, every
//! example. Whoever changes a format learns here which line of the manual to change with it.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use ed25519_dalek::{Signer as _, SigningKey};
use quorate::{
    encoding::{
        bounds,
        digest::Digest,
        dsse::{Envelope, pae},
    },
    proposal::operations::Plan,
    roster::{OperationKind, key::PublicKey},
};

const TRANSCRIPT: &str = "man/quorate-transcript.5";
const PLAN: &str = "man/quorate-plan.5";

/// Where the types of ledgers, approvals and backups stand.
const FORMATS: [&str; 17] = [
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
    "src/approval/drill.rs",
    "src/ceremony/backup.rs",
];

/// Where each operation has a file with the tables of its plan, and what a proposal says of it.
const OPERATIONS: &str = "src/proposal/operations";

/// Types that cross a pipe or serve the parser, and are in no file.
const IN_NO_FILE: [&str; 3] = ["Observation", "Tries", "KindOnly"];

fn read(path: impl AsRef<Path>) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// A field with its spoken type, or a variant with none.
type Entry = (String, String);

// ---- What the pages say ----

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

// ---- What the sources say ----

/// A source without its unit tests.
fn code(path: impl AsRef<Path>) -> String {
    read(path).split("#[cfg(test)]\nmod ").next().unwrap().to_owned()
}

/// The types of a source that serde reads or writes, with their fields or variants.
fn declared(source: &str, absent: &str) -> Vec<(String, Vec<Entry>)> {
    let mut types: Vec<(String, Vec<Entry>)> = Vec::new();
    let (mut attributes, mut macro_name, mut in_macro) = (String::new(), String::new(), false);
    let mut by_kind = false;
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        let trimmed = line.trim_start();
        let indent = line.len() - trimmed.len();
        if indent == 0 && !trimmed.is_empty() {
            in_macro = trimmed.contains("! {");
        }
        by_kind |= line == "by_kind! {";
        if let Some(name) = trimmed.strip_prefix("macro_rules! ") {
            macro_name = name.trim_end_matches(" {").to_owned();
        } else if trimmed.starts_with("#[") || trimmed.starts_with("///") {
            attributes.push_str(trimmed);
        } else if let Some((keyword, name)) = declaration(trimmed, in_macro) {
            let end = format!("{}}}", " ".repeat(indent));
            let body: Vec<&str> = lines.by_ref().take_while(|l| *l != end).collect();
            let name = if name.starts_with('$') { macro_name.clone() } else { name };
            if keyword == "enum" && (by_kind || attributes.contains("Deserialize")) {
                types.extend(variants(&name, &body, by_kind, absent));
                by_kind = false;
            } else if keyword != "enum" && (attributes.contains("Deserialize") || indent > 0) {
                types.push((name, fields(&body, attributes.contains(", default)"), absent)));
            }
            attributes.clear();
        } else {
            attributes.clear();
        }
    }
    types.retain(|(name, list)| !list.is_empty() && !IN_NO_FILE.contains(&name.as_str()));
    types
}

/// `pub struct X {`, `pub enum X {`, both also for the module above, or within a macro's braces `X {`.
fn declaration(trimmed: &str, in_macro: bool) -> Option<(&'static str, String)> {
    let seen_by = ["pub ", "pub(super) "].into_iter().find_map(|seen_by| trimmed.strip_prefix(seen_by));
    let rest = seen_by.unwrap_or(trimmed).strip_suffix(" {")?;
    let (keyword, name) = match rest.split_once(' ') {
        Some(("struct", name)) => ("struct", name),
        Some(("enum", name)) => ("enum", name),
        None if in_macro && rest.starts_with(char::is_uppercase) => ("struct", rest),
        _ => return None,
    };
    Some((keyword, name.split('<').next()?.to_owned()))
}

fn fields(body: &[&str], default: bool, absent: &str) -> Vec<Entry> {
    let (mut rename, mut bound, mut has_default) = (None, None, default);
    let mut fields = Vec::new();
    for line in body.iter().map(|l| l.trim()) {
        if let Some(attribute) = line.strip_prefix("#[serde(") {
            let named = |key: &str| attribute.split_once(key)?.1.split('"').next();
            rename = rename.or(named("rename = \""));
            bound = bound.or(named("bounds::"));
            has_default |= attribute.starts_with("default");
        } else if let Some((name, kind)) = line.trim_end_matches(',').split_once(": ")
            && !line.starts_with("//")
            && !line.starts_with('$')
        {
            let name = rename.take().unwrap_or_else(|| name.trim_start_matches("pub "));
            let most = bounded(name, kind, bound.take(), absent);
            let kind = spoken(kind, absent) + &most + if has_default { ", default" } else { "" };
            fields.push((name.to_owned(), kind));
            has_default = default;
        }
    }
    fields
}

/// The bound of a field in words. A list, a map with free keys, a text or bytes have one; a plan's texts are bounded by the
/// length of the plan.
fn bounded(field: &str, kind: &str, bound: Option<&str>, absent: &str) -> String {
    let counted = kind.contains("Vec<") || kind.contains("BTreeMap<String");
    let measured = kind.contains("String") || kind.contains("Base64");
    let Some(bound) = bound else {
        assert!(!counted && (!measured || absent != " or null"), "{field}: {kind} has no bound");
        return String::new();
    };
    let most = |name: &str| match bound_of(name) {
        most if counted => format!(", at most {most}"),
        most => format!(", at most {most} bytes"),
    };
    match bound {
        "operations" => format!("{} each", most("authorities")),
        "attestation_files" => format!("{} of at most {} bytes", most("attestation"), bounds::CERTIFICATE),
        "trusted_files" => format!("{} of at most {} bytes", most("trusted"), bounds::CERTIFICATE),
        name => most(name),
    }
}

/// What `src/encoding/bounds.rs` says of a bound, computed.
fn bound_of(name: &str) -> usize {
    let source = read("src/encoding/bounds.rs");
    let line =
        source.lines().find_map(|line| line.trim().strip_prefix(&format!("{name} = ")).map(str::to_owned));
    let line = line.unwrap_or_else(|| panic!("no bound is called {name}"));
    let terms = line.split_once(": ").unwrap().1.trim_end_matches(';').replace("(ROLES + 1)", "8");
    let term = |text: &str| match text.split_once(" << ") {
        Some((base, by)) => base.parse::<usize>().unwrap() << by.parse::<u32>().unwrap(),
        None => text.parse().unwrap_or_else(|_| bound_of(&text.to_lowercase())),
    };
    terms.split(" * ").map(term).product()
}

/// An enum of plain variants is one list; each variant with fields is a list of its own.
fn variants(name: &str, body: &[&str], tagged: bool, absent: &str) -> Vec<(String, Vec<Entry>)> {
    let mut lists = vec![(name.to_owned(), Vec::new())];
    let mut lines = body.iter();
    while let Some(line) = lines.next() {
        let trimmed = line.trim();
        if let Some(variant) = trimmed.strip_suffix(" {") {
            let inner: Vec<&str> = lines.by_ref().copied().take_while(|l| *l != "    },").collect();
            assert!(tagged, "{name}::{variant}: in which field does its name stand?");
            let mut list = vec![("kind".to_owned(), "string".to_owned())];
            list.extend(fields(&inner, false, absent));
            lists.push((format!("{name}::{variant}"), list));
        } else if trimmed.ends_with(',') && trimmed.starts_with(char::is_uppercase) {
            lists[0].1.push((words(trimmed.trim_end_matches(','), '-'), String::new()));
        }
    }
    lists
}

/// `ObjectRecord` → `object record`, `SoPin` → `so-pin`.
fn words(name: &str, between: char) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_uppercase() && !text.is_empty() {
            text.push(between);
        }
        text.extend(c.to_lowercase());
    }
    text
}

/// A Rust type as the pages call it.
fn spoken(kind: &str, absent: &str) -> String {
    // Where it lies in memory is nobody's business.
    if let Some(inner) = kind.strip_prefix("Box<").and_then(|k| k.strip_suffix('>')) {
        return spoken(inner, absent);
    }
    let inside = |outer: &str| kind.strip_prefix(outer).and_then(|k| k.strip_suffix('>'));
    if let Some(inner) = inside("Option<") {
        format!("{}{absent}", spoken(inner, absent))
    } else if let Some(inner) = inside("Vec<") {
        format!("array of {}", spoken(inner, absent))
    } else if let Some(inner) = inside("BTreeMap<").or_else(|| inside("std::collections::BTreeMap<")) {
        format!("object of {}", spoken(inner.split_once(", ").unwrap().1, absent))
    } else if kind == "[Signature; 1]" {
        "array of 1 signature".to_owned()
    } else {
        match kind.rsplit("::").next().unwrap() {
            "bool" => "boolean".to_owned(),
            "u8" | "u32" | "u64" | "NonZeroU32" => "number".to_owned(),
            "Timestamp" => "time".to_owned(),
            "PublicKey" => "key".to_owned(),
            "ShareRecipient" | "X25519Recipient" => "recipient".to_owned(),
            "E" => "event".to_owned(),
            name => words(name, ' '),
        }
    }
}

fn sources(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries
        .flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .collect();
    files.sort();
    files
}

/// The text of a string literal with which `text` begins.
fn literal(text: &str) -> Option<&str> {
    text.trim_start().strip_prefix('"')?.split('"').next()
}

fn is_code(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
}

/// Every code that a source gives a finding, with its severity.
fn codes(source: &str, file: &Path) -> BTreeSet<Entry> {
    let mut found = BTreeSet::new();
    let mut indirect = false;
    let mut take = |rest: &str, severity: &str| match literal(rest) {
        Some(code) => drop(found.insert((code.to_owned(), severity.to_owned()))),
        None if rest.trim_start().starts_with("code") => indirect = true,
        None => panic!("{}: which code has this finding? {:.60}", file.display(), rest),
    };
    for call in source.split("Finding::error(").skip(1) {
        take(call, "error");
    }
    for call in source.split("Finding::new(").skip(1) {
        let (severity, rest) = call.trim_start().split_once(',').unwrap();
        take(rest, &severity.trim_start_matches("Severity::").to_lowercase());
    }
    // Where the code is a variable: `fail("code", …)`, and the arms of a match over an error.
    if indirect {
        let failures = source.split("fail(").skip(1).filter(|call| {
            literal(call).is_some_and(|code| {
                is_code(code) && call.trim_start()[code.len() + 2..].trim_start().starts_with(',')
            })
        });
        let arms = source.lines().filter(|line| line.contains("Error::")).filter_map(|l| l.split_once("=> "));
        for text in failures.chain(arms.map(|(_, value)| value)) {
            found.extend(literal(text).filter(|c| is_code(c)).map(|c| (c.to_owned(), "error".to_owned())));
        }
    }
    found
}

// ---- The tests ----

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
