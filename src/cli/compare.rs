//! `quorate compare`.

use serde_json::json;

use super::{
    Done, Exit,
    args::{Compare, Global},
    terminal::Terminal,
    wiring,
};
use crate::{
    ceremony::{
        self, Error,
        compare::{self, Comparison, Verdict},
    },
    ports::token::TokenSource,
    proposal::comparison::{Compared, Evidence, Sameness},
    storage,
};

/// Says whether two targets hold the same keys.
pub fn run(args: &Compare, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let state = ceremony::check(&storage::ledger::read(&args.ledger)?, wiring::mode(global))?;
    let mut tokens = wiring::tokens(global);
    let look: Option<&mut dyn TokenSource> = if args.recorded { None } else { Some(&mut tokens) };
    let found = compare::compare(&state, &args.one, &args.other, look)?;
    tell(args, terminal, &found);
    let exit = if found.verdict() == Verdict::Same { Exit::Done } else { Exit::Refused };
    Ok(Done::new(
        exit,
        json!({
            "one": args.one,
            "other": args.other,
            "verdict": found.verdict(),
            "recorded": found.recorded,
            "looked": !args.recorded,
            "objects": found.objects,
            "changes": found.changes,
        }),
    ))
}

fn tell(args: &Compare, terminal: Terminal, found: &Comparison) {
    let [first, second] = found.recorded;
    terminal.tell(&format!(
        "{} as ceremony {first} recorded it, and {} as ceremony {second} did.",
        args.one, args.other
    ));
    for compared in &found.objects {
        terminal.item(&format!("{}: {}", in_words(args, compared), compared.object));
    }
    for change in &found.changes {
        terminal.item(&format!("changed since: {change}"));
    }
    terminal.tell(match found.verdict() {
        Verdict::Same => "Both hold the same objects.",
        Verdict::Different => "They do not hold the same objects.",
        Verdict::Unknown => "They are not known to hold the same objects.",
    });
    let by_word =
        found.objects.iter().any(|c| matches!(c.by, Some(Evidence::PublicKey | Evidence::CheckValue)));
    if by_word {
        terminal.tell(
            "What is the same by public key or check value is so by the tokens' own word. That a token can use a key is \
             proven by the ceremony that restores it there.",
        );
    }
}

fn in_words(args: &Compare, compared: &Compared) -> String {
    match (compared.verdict, compared.by) {
        (Sameness::Same, Some(Evidence::Restore)) => "the same, proven when it was restored".into(),
        (Sameness::Same, Some(Evidence::PublicKey)) => "the same public key".into(),
        (Sameness::Same, Some(Evidence::CheckValue)) => "the same check value".into(),
        (Sameness::Same, _) => "the same value".into(),
        (Sameness::OnlyInOne, _) => format!("ONLY IN {}", args.one),
        (Sameness::OnlyInOther, _) => format!("ONLY IN {}", args.other),
        (Sameness::Differs, _) => "ANOTHER OBJECT of this id or label".into(),
        (Sameness::Unknown, _) if compared.object.evidence.is_some() => {
            "in both by name, and NOT KNOWN to be the same: what lies beside a private key proves nothing"
                .into()
        }
        (Sameness::Unknown, _) => "in both by name, and NOT KNOWN to be the same".into(),
    }
}
