//! `quorate audit`.

use std::path::{Path, PathBuf};

use super::{
    account,
    args::{Audit, Global},
    done::Done,
    invocation::Invocation,
    reading::Mistake,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::verdict::Verdict,
    ceremony::{Error, audit},
    encoding::text,
    storage,
    transcript::verification::Pins,
};

pub fn run(args: &Audit, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let pins = Pins {
        genesis: wiring::paper("--genesis", args.genesis.as_ref())?,
        head: wiring::paper("--head", args.head.as_ref())?,
    };
    let mut copies = Vec::new();
    for ledger in &args.ledgers {
        copies.push((text::printable(&ledger.to_string_lossy()), storage::ledger::files(ledger)?));
    }
    let mode = wiring::mode(global);
    let mut audited = audit::audit(&copies, mode, pins, &storage::SystemClock)?.account(mode);
    if audited.verdict == Verdict::NotALedger {
        for (path, (_, files)) in args.ledgers.iter().zip(&copies) {
            if let Some(mistake) = Mistake::of(path, &**files, mode)? {
                audited.reason = Some(mistake.reason());
                audited.commands.extend(mistake.command(path));
                break;
            }
        }
    }
    let next = Invocation::at(global, args.ledgers.first().map_or(Path::new(""), PathBuf::as_path), &[]);
    account::tell(terminal, &next, &audited.passages(copies.len()));
    Ok(Done::new(audited.verdict.into(), audited))
}
