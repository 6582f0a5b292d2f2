//! The commands that are printed for the next step: whole, on a line of their own, as a shell takes them.
//!
//! Advice names a command in short, `'quorate execute'`. What belongs to it (the ledger, `--card`, and what this
//! invocation was given of `--copy`, `--state-dir`, `--rehearsal`) is added here, from the command line that runs.

use std::{
    ffi::OsStr,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
};

use super::{
    args::{CardPlace, CardVerb, Cli, Global, Verb},
    terminal::Terminal,
};
use crate::{
    account::advice::{Advice, Command},
    ceremony::Error,
    transcript::ledger::LedgerState,
};

/// What the running command was given that the next one is given too.
#[derive(Clone, Debug)]
pub struct Invocation {
    rehearsal: bool,
    state_dir: Option<PathBuf>,
    ledger: Option<PathBuf>,
    copies: Vec<PathBuf>,
    /// How many more the policy requires.
    copies_missing: usize,
    plan: Option<PathBuf>,
    /// Files of approvals and releases, which count only in the run that is given them.
    approvals: Vec<PathBuf>,
    /// The administrator's card, where it is known.
    card: Option<CardPlace>,
}

impl Invocation {
    pub fn at(global: &Global, ledger: &Path, copies: &[PathBuf]) -> Self {
        Self {
            rehearsal: global.rehearsal,
            state_dir: global.state_dir.clone(),
            ledger: Some(ledger.to_owned()),
            copies: copies.to_vec(),
            copies_missing: 0,
            plan: None,
            approvals: Vec::new(),
            card: None,
        }
    }

    /// For a ledger that is only read, so that where its copies are is not known.
    pub fn reading(global: &Global, ledger: &Path, state: &LedgerState) -> Self {
        Self::at(global, ledger, &[]).requiring_copies(state)
    }

    /// A place for each copy that the policy requires and that was not given is left to be filled in.
    #[must_use]
    pub fn requiring_copies(mut self, state: &LedgerState) -> Self {
        let roster = state.open().map(|open| &open.roster).or(state.roster());
        let places = roster.map_or(1, |roster| usize::from(roster.policy().copies));
        self.copies_missing = places.saturating_sub(1).saturating_sub(self.copies.len());
        self
    }

    pub fn of(cli: &Cli) -> Self {
        let global = &cli.global;
        let none = Path::new("");
        let (ledger, copies, card): (&Path, &[PathBuf], Option<&CardPlace>) = match &cli.verb {
            Verb::Propose(args) => (&args.ledger, &args.copies.copies, args.card.as_ref()),
            Verb::Approve(args) => (&args.decision.ledger, &[], None),
            Verb::Release(args) => (&args.decision.ledger, &[], None),
            Verb::Reject(args) => (&args.decision.ledger, &[], None),
            Verb::Execute(args) => (&args.ledger, &args.copies.copies, Some(&args.card.card)),
            Verb::Abort(args) => (&args.ledger, &args.copies.copies, Some(&args.card.card)),
            Verb::Attest(args) => (&args.ledger, &args.copies.copies, None),
            Verb::Status(args) => (&args.ledger, &[], None),
            Verb::Audit(args) => (args.ledgers.first().map_or(none, PathBuf::as_path), &[], None),
            Verb::Compare(args) => (&args.ledger, &[], None),
            Verb::Run(args) => (&args.ledger, &args.copies.copies, args.cards.first()),
            Verb::Card(CardVerb::Drill(args)) => (&args.ledger, &args.copies.copies, None),
            Verb::Show(args) if args.what.is_dir() => (&args.what, &[], None),
            Verb::Card(_)
            | Verb::Token(_)
            | Verb::Show(_)
            | Verb::Rehearse(_)
            | Verb::Completions(_)
            | Verb::Schema(_) => (none, &[], None),
        };
        let mut invocation = Self::at(global, ledger, copies).by(card);
        invocation.ledger = invocation.ledger.filter(|ledger| !ledger.as_os_str().is_empty());
        invocation.plan = match &cli.verb {
            Verb::Propose(args) => Some(args.plan.clone()),
            Verb::Run(args) => Some(args.plan.clone()),
            _ => None,
        };
        invocation
    }

    #[must_use]
    pub fn with_plan(mut self, plan: &Path) -> Self {
        self.plan = Some(plan.to_owned());
        self
    }

    #[must_use]
    pub fn bringing(mut self, approvals: &[PathBuf]) -> Self {
        self.approvals = approvals.to_vec();
        self
    }

    #[must_use]
    pub fn by(mut self, card: Option<&CardPlace>) -> Self {
        self.card = card.cloned();
        self
    }

    /// A command, whole. None where nothing is to be added, or where it belongs to a ledger and none is known.
    pub fn whole(&self, command: &Command) -> Option<String> {
        let words = command.words(quoted);
        let mut words = words.iter().map(String::as_str).skip(1);
        let verb = words.next()?;
        let rest: Vec<&str> = words.filter(|word| *word != "LEDGER").collect();
        let ledger = shell(self.ledger.as_ref()?.as_os_str());
        let has = |option: &str| rest.contains(&option);
        let mut out = vec!["quorate".to_owned(), verb.to_owned()];
        let mut takes = Takes::default();
        match verb {
            "propose" | "run" => {
                let plan = self.plan.as_ref().map_or("PLAN".into(), |plan| shell(plan.as_os_str()));
                out.extend([if has("PLAN") { "PLAN".into() } else { plan }, ledger]);
                takes.copies = true;
                takes.card = (verb == "propose").then(|| self.admin_card());
            }
            "execute" | "abort" => {
                out.push(ledger);
                if verb == "execute" {
                    out.extend(self.approvals.iter().map(|file| shell(file.as_os_str())));
                }
                takes.copies = true;
                takes.card = Some(self.admin_card());
            }
            "approve" | "release" | "reject" => {
                out.push(ledger);
                if has("FILES") {
                    out.push("FILES".into());
                }
                takes.card = Some("CARD".into());
            }
            "attest" => {
                out.push(ledger);
                takes.copies = true;
                takes.card = Some("CARD".into());
            }
            "status" | "show" | "audit" => out.push(ledger),
            "card" if has("drill") => {
                out.extend(["drill".into(), "--ledger".into(), ledger]);
                takes.copies = true;
                takes.card = Some("CARD".into());
            }
            _ => return None,
        }
        out.extend(
            rest.iter()
                .filter(|word| !["PLAN", "FILES", "drill"].contains(*word))
                .map(|word| (*word).to_owned()),
        );
        if let Some(card) = takes.card.filter(|_| !has("--card")) {
            out.extend(["--card".into(), card]);
        }
        if matches!(verb, "abort" | "reject") && !has("--reason") {
            out.extend(["--reason".into(), "TEXT".into()]);
        }
        if takes.copies {
            out.extend(self.copies.iter().flat_map(|copy| ["--copy".into(), shell(copy.as_os_str())]));
            out.extend((0..self.copies_missing).flat_map(|_| ["--copy".into(), "DIR".into()]));
        }
        if let Some(state) = &self.state_dir {
            out.extend(["--state-dir".into(), shell(state.as_os_str())]);
        }
        if self.rehearsal {
            out.push("--rehearsal".into());
        }
        Some(out.join(" "))
    }

    fn admin_card(&self) -> String {
        match &self.card {
            Some(place) => shell_card(place),
            None => "CARD".into(),
        }
    }

    /// The commands that are named, whole, each once.
    pub fn wholes(&self, advice: &Advice) -> Vec<String> {
        let mut found: Vec<String> = Vec::new();
        for whole in advice.commands().iter().filter_map(|command| self.whole(command)) {
            if !found.contains(&whole) {
                found.push(whole);
            }
        }
        found
    }

    pub fn command(&self, terminal: Terminal, command: &Command) {
        terminal.command(&self.whole(command).unwrap_or_else(|| command.words(quoted).join(" ")));
    }

    /// A command for another machine, where nothing is at the same place.
    pub fn elsewhere(&self, command: &str) -> String {
        if self.rehearsal { format!("{command} --rehearsal") } else { command.to_owned() }
    }

    /// Says what comes next, and the commands for it.
    pub fn tell(&self, terminal: Terminal, advice: &Advice) {
        terminal.tell(advice);
        for command in self.wholes(advice) {
            terminal.command(&command);
        }
    }

    /// An error, with the commands of its hint.
    #[must_use]
    pub fn explain(&self, mut error: Error) -> Error {
        // Where it was raised more may have been known: a card that was typed, say.
        if error.commands.is_empty() {
            error.commands = self.wholes(&error.hint);
        }
        error
    }
}

#[derive(Default)]
struct Takes {
    copies: bool,
    card: Option<String>,
}

/// A card's place as a shell reads it back.
pub fn shell_card(place: &CardPlace) -> String {
    match place {
        CardPlace::Soft(path) => {
            let mut word = std::ffi::OsString::from("soft:");
            word.push(path);
            shell(&word)
        }
        CardPlace::Yubikey(_) => place.to_string(),
    }
}

/// An argument of a [`Command`] as a shell reads it back.
pub fn quoted(argument: &str) -> String {
    shell(OsStr::new(argument))
}

/// A word as a shell reads it back. Control characters and bytes that are not UTF-8 are spelled as bash, ksh and zsh do
/// (`$'\n'`), so that they are neither printed nor lost.
pub fn shell(word: &OsStr) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(b);
    let bytes = word.as_bytes();
    // What begins with a hyphen would be taken for an option.
    let bytes = if bytes.first() == Some(&b'-') { [b"./", bytes].concat() } else { bytes.to_vec() };
    // zsh puts a program's path in place of `=program`.
    if !bytes.is_empty() && bytes.first() != Some(&b'=') && bytes.iter().all(plain) {
        return String::from_utf8_lossy(&bytes).into_owned();
    }
    match std::str::from_utf8(&bytes) {
        Ok(text) if crate::encoding::text::printable(text) == text => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        _ => {
            let spelled = bytes.iter().map(|byte| match byte {
                b'\'' | b'\\' => format!("\\{}", char::from(*byte)),
                b' '..=b'~' => char::from(*byte).to_string(),
                _ => format!("\\x{byte:02x}"),
            });
            format!("$'{}'", spelled.collect::<String>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation() -> Invocation {
        Invocation {
            rehearsal: true,
            state_dir: Some("/a b/state".into()),
            ledger: Some("USB DISK".into()),
            copies: vec!["/media/x".into(), "it's".into()],
            copies_missing: 0,
            plan: None,
            approvals: vec!["alice's.appr".into()],
            card: Some(CardPlace::Soft("frank's.card".into())),
        }
    }

    #[test]
    fn a_mentioned_command_is_whole_and_quoted() {
        let tail = "--state-dir '/a b/state' --rehearsal";
        let copies = r"--copy /media/x --copy 'it'\''s'";
        let card = r"--card 'soft:frank'\''s.card'";
        for (mention, whole) in [
            ("quorate status", format!("quorate status 'USB DISK' {tail}")),
            ("quorate show LEDGER 0", format!("quorate show 'USB DISK' 0 {tail}")),
            ("quorate approve", format!("quorate approve 'USB DISK' --card CARD {tail}")),
            (
                "quorate execute --give-up",
                format!(r"quorate execute 'USB DISK' 'alice'\''s.appr' --give-up {card} {copies} {tail}"),
            ),
            ("quorate abort", format!("quorate abort 'USB DISK' {card} --reason TEXT {copies} {tail}")),
            ("quorate propose PLAN", format!("quorate propose PLAN 'USB DISK' {card} {copies} {tail}")),
        ] {
            assert_eq!(invocation().whole(&Command::new(mention)).unwrap(), whole);
        }
        assert_eq!(invocation().whole(&Command::new("quorate card enroll")), None);
        let advice = "the vendor's; run 'quorate execute' or 'quorate abort', then 'quorate execute' again";
        assert_eq!(invocation().wholes(&advice.into()).len(), 2);
        let handover = Command::new("quorate show LEDGER {} --handover {} -o FILE").with(3).with("a;touch b");
        assert_eq!(
            invocation().whole(&handover).unwrap(),
            format!("quorate show 'USB DISK' 3 --handover 'a;touch b' -o FILE {tail}")
        );
        let mut nowhere = invocation();
        nowhere.ledger = None;
        assert_eq!(nowhere.whole(&Command::new("quorate status")), None);
    }

    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in [
            "plain",
            "",
            "two words",
            "it's",
            "$HOME",
            "a;b",
            "=ls",
            "-x",
            "*",
            "\u{e9}t\u{e9}",
            "a\nb",
            "a\u{1b}[2J",
            "b\\n'c'",
        ] {
            let quoted = shell(OsStr::new(word));
            assert!(!quoted.contains(char::is_control) && !quoted.starts_with('='), "{quoted:?}");
            let read = std::process::Command::new("bash")
                .args(["-c", &format!("printf %s {quoted}")])
                .output()
                .unwrap();
            let expected = if word.starts_with('-') { format!("./{word}") } else { word.to_owned() };
            assert_eq!(String::from_utf8(read.stdout).unwrap(), expected, "{quoted}");
        }
        let odd = OsStr::from_bytes(b"a\xff b");
        assert_eq!(shell(odd), r"$'a\xff b'");
    }
}
