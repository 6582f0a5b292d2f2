//! `quorate compare`.

use super::{
    account,
    args::{Compare, Global},
    done::Done,
    exit::Exit,
    invocation::Invocation,
    reading,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::comparison::{Alike, ObjectCompared, TargetsCompared},
    ceremony::{Error, compare},
    ports::token::TokenSource,
};

/// Says whether two targets have the same keys.
pub fn run(args: &Compare, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let state = reading::ledger(&args.ledger, global)?;
    let mut tokens = wiring::tokens(global);
    let look: Option<&mut dyn TokenSource> = if args.recorded { None } else { Some(&mut tokens) };
    let found = compare::compare(&state, &args.one, &args.other, look)?;
    let verdict = found.verdict();
    let objects = found.objects.into_iter();
    let compared = TargetsCompared {
        one: args.one.clone(),
        other: args.other.clone(),
        verdict,
        recorded: found.recorded,
        looked: !args.recorded,
        objects: objects.map(|c| ObjectCompared { object: c.object, verdict: c.verdict, by: c.by }).collect(),
        changes: found.changes,
    };
    account::tell(terminal, &Invocation::at(global, &args.ledger, &[]), &compared.passages());
    let exit = if verdict == Alike::Same { Exit::Done } else { Exit::Refused };
    Ok(Done::new(exit, compared))
}
