//! The station: where a ceremony's steps are done.
//!
//! Each step has one order, and that order is security: verified, matched with the roster, refused if it could not be
//! written, briefed, asked, and only then a PIN. It is with its verb (`Stage::propose` in `propose`, and so on), and serves
//! `run` and `rehearse` as well.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use super::{
    args::Global, exit::Exit, reading, terminal::Terminal, unlocking::PresentedCard, wiring::Wiring,
};
use crate::{
    ceremony::{
        Error, execute, medium, recognition,
        standing::{self, Counted},
    },
    encoding::text::Name,
    ports::{clock::Clock as _, store::Inbox},
    proposal::{operations::Operation, target::Role},
    roster::requirement::Shares,
    storage,
    transcript::ledger::LedgerState,
};

/// What leads to a step.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Lead {
    /// Its own verb: what it is about is shown, and it is asked for.
    Verb,
    /// A command that leads through the whole ceremony: that was shown and asked before.
    Run,
}

/// The station and its ledger.
pub struct Stage {
    pub terminal: Terminal,
    pub lead: Lead,
    pub wiring: Wiring,
}

impl Stage {
    pub fn open(
        terminal: Terminal,
        lead: Lead,
        global: &Global,
        ledger: &Path,
        copies: &[PathBuf],
    ) -> Result<Self, Error> {
        reading::files(ledger, global)?;
        if lead == Lead::Verb {
            ask_new_copies(terminal, copies)?;
        }
        Ok(Self { terminal, lead, wiring: Wiring::open(global, ledger, copies)? })
    }

    /// The same, of a ledger that is perhaps yet to begin.
    pub fn begin(
        terminal: Terminal,
        lead: Lead,
        global: &Global,
        ledger: &Path,
        copies: &[PathBuf],
    ) -> Result<Self, Error> {
        for copy in storage::ledger::not_begun(copies) {
            terminal.tell(&format!("A new copy of the ledger begins in {copy}."));
        }
        Ok(Self { terminal, lead, wiring: Wiring::open(global, ledger, copies)? })
    }

    /// The ledger as it is now, all of it compared with what was verified.
    pub fn state(&mut self) -> Result<LedgerState, Error> {
        self.wiring.world().load()
    }

    /// Whose card it is, by the roster that decides on the last ceremony.
    pub fn holder(&mut self, card: &mut PresentedCard) -> Result<Name, Error> {
        let state = self.state_of_last()?;
        let description = card.describe(&recognition::enrolled(&state))?;
        let last = state.ceremonies.last().ok_or_else(|| Error::defect("the ledger has no ceremony"))?;
        recognition::holder(&last.roster, &description).map(|person| person.name.clone())
    }

    /// The ledger as it was when it was loaded, with its last ceremony as it is now.
    pub fn state_of_last(&mut self) -> Result<LedgerState, Error> {
        self.wiring.world().reload_last()
    }

    /// How the command ends: with 0 only over a ledger that is still what was verified and written here. What was done was told.
    pub fn ended(&mut self, exit: Exit) -> Exit {
        match self.wiring.ledger.check_unchanged() {
            Ok(()) => exit,
            Err(error) => {
                self.terminal.complain(&error.into());
                if exit == Exit::Done { Exit::Refused } else { exit }
            }
        }
    }

    /// Asks where this machine's clock is far past the ledger's last line: what is written now may bind all that follows.
    pub fn ask_clock(&self, state: &LedgerState) -> Result<(), Error> {
        let now = self.wiring.clock.now();
        let Some((days, last)) = state.jump(now) else { return Ok(()) };
        self.terminal.notice(&format!(
            "This machine's clock says {now}, {days} days past the ledger's last line of {last}."
        ));
        self.terminal.confirm("Is this machine's clock right?")
    }

    /// Warns of what is ahead of this machine's clock, also in what was brought.
    pub fn tell_ahead(&self, state: &LedgerState, brought: &mut dyn Inbox) -> Result<(), Error> {
        let ahead = standing::ahead(state, &self.wiring.station, brought, self.wiring.clock.now())?;
        self.terminal.findings(&ahead);
        Ok(())
    }

    /// Tells which of the files that are to be written do not go to a medium of their own.
    pub fn remark_on_media(&mut self, operation: &Operation) -> Result<(), Error> {
        for remark in medium::remarks(self.wiring.world().artifacts, operation)? {
            self.terminal.notice(&format!("warning: {remark}"));
        }
        Ok(())
    }

    /// What the open ceremony waits for.
    pub fn needed(&mut self) -> Result<Needed, Error> {
        let state = self.state_of_last()?;
        let open = execute::open_ceremony(&state, "execute")?;
        let counted = standing::counted_here(&state, open, &self.wiring.station)?;
        let has_begun = open.intended.is_some() || open.concluded.is_some();
        let present = execute::present_pins_needed(&state);
        let requirement = open.requirement();
        let completing = requirement.custodians().filter(|who| counted.is_completed_by(open, who));
        Ok(Needed {
            people: requirement.people().cloned().collect(),
            nearer_by: requirement.people().filter(|who| counted.is_nearer_by(open, who)).cloned().collect(),
            completed_by: completing.cloned().collect(),
            shares: open.shares,
            counted,
            has_begun,
            present,
        })
    }
}

/// Asks before a copy is begun of a ledger that has ceremonies: its name may be misspelt, or its medium not be mounted.
pub fn ask_new_copies(terminal: Terminal, copies: &[PathBuf]) -> Result<(), Error> {
    for copy in storage::ledger::not_begun(copies) {
        terminal.notice(&format!("No copy of the ledger is in {copy} yet: a new one begins there."));
        terminal.confirm("Is that what you want?")?;
    }
    Ok(())
}

impl Needed {
    /// Whether somebody is an approver whom it needs, and holds no share.
    pub fn is_approver(&self, who: &Name) -> bool {
        self.counted.approvals.approvers.iter().any(|needed| needed.approver == *who)
    }
}

/// What a ceremony waits for.
pub struct Needed {
    /// All who may decide, in the order of the roster: custodians, then the approvers that it needs.
    pub people: Vec<Name>,
    /// Those whose approval brings the requirement nearer to being met.
    pub nearer_by: BTreeSet<Name>,
    pub shares: Shares,
    /// What is here already.
    pub counted: Counted,
    /// Custodians whose approval, if it is not there yet, would make the requirement met by approvals.
    pub completed_by: BTreeSet<Name>,
    /// Whether a quorum has begun to act, so that nobody's approval counts any more.
    pub has_begun: bool,
    /// PINs that the quorum does not have, with the reason.
    pub present: Vec<(Name, Role, String)>,
}
