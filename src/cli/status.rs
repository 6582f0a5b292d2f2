//! `quorate status`.

use super::{
    account,
    args::{Global, LedgerArgs},
    done::Done,
    invocation::Invocation,
    reading,
    terminal::Terminal,
    wiring,
};
use crate::{
    account::standing::LedgerStanding,
    ceremony::{Error, standing},
    encoding::text,
    ports::clock::Clock as _,
    storage::{self, FileInbox, SystemClock},
};

/// Says what a ledger has in it, and what comes next.
pub fn run(args: &LedgerArgs, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let state = reading::ledger(&args.ledger, global)?;
    let station = storage::StationDirectory::new(&wiring::state_root(global, &[])?)?;
    let now = SystemClock.now();
    let (open, mut step) = standing::standing(&state, &station, now)?;
    let ahead = standing::ahead(&state, &station, &mut FileInbox::default(), now)?;
    let next = Invocation::reading(global, &args.ledger, &state);
    step.command = next.wholes(&step.reason).into_iter().next();
    let standing = LedgerStanding::of(&state, (now, ahead), open, step);
    let shown = text::printable(&args.ledger.to_string_lossy());
    terminal.findings(&standing.ahead);
    terminal.findings(&standing.unread);
    terminal.findings(&standing.outstanding);
    account::tell(terminal, &next, &standing.passages(&shown));
    next.tell(terminal, &standing.next.reason);
    Ok(Done::ok(standing))
}
