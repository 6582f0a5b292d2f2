//! A whole ceremony at one station, step by step: what `run` leads through and `rehearse` plays.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use super::{
    approve::check_continuity,
    args::{CardPlace, Global},
    propose,
    spent::{Spent, Watch},
    terminal::Terminal,
    unlocking,
    wiring::{self, Wiring},
};
use crate::{
    ceremony::{
        Error, HandedOver, Report, approve,
        attest::{self, Attested, Opinion},
        execute::{self, Persistence, Request},
        propose::{Submitted, submit},
        recognition,
    },
    encoding::{
        digest::Digest,
        text::{Line, Name},
    },
    memory::Pin,
    ports::{
        card::{Card, CardDescription, CardError, FinalTry, UnlockedCard, Uses},
        store::CustodianMemory as _,
    },
    proposal::target::Role,
    roster::Roster,
    storage::{FileInbox, SystemClock},
    transcript::ledger::LedgerState,
};

/// A card that lies on the table. Its PIN is asked for when it is first needed, and kept for the attestation.
pub struct Dealt {
    card: Box<dyn Card>,
    place: CardPlace,
    pin: Option<Pin>,
    /// Whether the PIN was given beforehand, and no card has taken it yet.
    is_given: bool,
    final_try: FinalTry,
}

impl Dealt {
    /// Opens the card.
    pub fn new(
        terminal: Terminal,
        place: &CardPlace,
        pin: Option<Pin>,
        final_try: FinalTry,
    ) -> Result<Self, Error> {
        let card = wiring::card(terminal, place)?;
        Ok(Self { card, place: place.clone(), is_given: pin.is_some(), pin, final_try })
    }

    /// Looks whether the card is there. What it lacks in the usual slots may be in others: that is seen when it is
    /// compared with the roster.
    pub fn look(&mut self) -> Result<(), Error> {
        match self.card.describe(&[]) {
            Ok(_) | Err(CardError::Unfit { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Presents the PIN, once. A wrong one is forgotten.
    fn unlock<'c>(
        &'c mut self,
        terminal: Terminal,
        description: &CardDescription,
        roster: Option<&Roster>,
        uses: Uses,
    ) -> Result<Box<dyn UnlockedCard + 'c>, Error> {
        if self.is_given {
            unlocking::check_named(&self.place, description, roster)?;
        }
        let card = self.card.as_mut();
        let final_try = unlocking::before_pin(terminal, card, description, roster, uses, self.final_try)?;
        self.is_given = false;
        let pin = match self.pin.take() {
            Some(pin) => pin,
            None => unlocking::ask_pin(terminal, description, roster)?,
        };
        let again = Pin::copy_of(pin.expose())?;
        let unlocked = self.card.unlock(pin, final_try)?;
        self.pin = Some(again);
        Ok(unlocked)
    }
}

/// The station and its ledger.
pub struct Stage {
    /// Where it is told.
    pub terminal: Terminal,
    wiring: Wiring,
}

impl Stage {
    /// Opens the ledger and its copies.
    pub fn open(
        terminal: Terminal,
        global: &Global,
        ledger: &Path,
        copies: &[PathBuf],
    ) -> Result<Self, Error> {
        Ok(Self { terminal, wiring: Wiring::open(global, ledger, copies)? })
    }

    /// The ledger as it stands.
    pub fn state(&mut self) -> Result<LedgerState, Error> {
        self.wiring.world().load()
    }

    /// Proposes a plan. `forgive` says whether the PIN may be typed again.
    pub fn propose(
        &mut self,
        plan_path: &Path,
        admin: &mut Dealt,
        mut handed_over: HandedOver,
        forgive: &dyn Fn(Error) -> Result<(), Error>,
    ) -> Result<Submitted, Error> {
        let (text, plan) = propose::read_plan(plan_path)?;
        propose::ask_handed_over(self.terminal, &plan, &mut handed_over)?;
        let card = admin.card.as_mut();
        let draft =
            propose::prepare(self.terminal, &mut self.wiring, plan_path, &text, &plan, card, handed_over)?;
        self.terminal.confirm("Sign this proposal?")?;
        let (description, mut unlocked) = loop {
            let description = admin.card.describe(&recognition::enrolled_in(&draft.roster))?;
            match admin.unlock(self.terminal, &description, Some(&draft.roster), Uses::SIGNATURE) {
                Ok(unlocked) => break (description, unlocked),
                Err(error) => forgive(error)?,
            }
        };
        submit(&mut self.wiring.world(), draft, &description, unlocked.as_mut())
    }

    /// Has a custodian approve, and says who he was.
    pub fn approve(&mut self, dealt: &mut Dealt, head: Option<Digest>) -> Result<Name, Error> {
        let state = self.state()?;
        let description = dealt.card.describe(&recognition::enrolled(&state))?;
        let matter = approve::matter(&state, &self.wiring.memory, &description, head, &SystemClock)?;
        self.show_digests(&matter);
        check_continuity(self.terminal, matter.state, &matter.continuity)?;
        approve::check_new(&self.wiring.station, &matter, "approval")?;
        let who = matter.custodian.name.clone();
        self.terminal.confirm(&format!("Approve this proposal as {}?", matter.custodian.full_name))?;
        let mut unlocked = dealt.unlock(
            self.terminal,
            &description,
            Some(&matter.ceremony.roster),
            approve::uses(&matter),
        )?;
        let file = approve::approve(&matter, &description, unlocked.as_mut(), &SystemClock)?;
        let (number, digest) = (matter.ceremony.number(), matter.ceremony.digest);
        self.wiring.memory.remember(state.nonce, &who, number, digest)?;
        approve::keep(&mut self.wiring.world(), &state, &who, "approval", &file)?;
        Ok(who)
    }

    /// What a custodian compares: the briefing with it may have left the screen long ago.
    fn show_digests(&self, matter: &approve::Matter<'_>) {
        let proposal = &matter.ceremony.proposal;
        self.terminal.tell("");
        self.terminal.digest("Digest of the proposal that is briefed above", matter.ceremony.digest);
        self.terminal.digest("Station fingerprint", proposal.station.keys.fingerprint());
    }

    /// The custodians who must approve before a quorum is possible, and the PINs that the quorum does not hold.
    pub fn needed(&mut self) -> Result<Needed, Error> {
        let state = self.state()?;
        let open = execute::open_ceremony(&state)?;
        let authorities = open.roster.authorities_for(open.kind());
        let all: Vec<Name> = open.roster.custodians().map(|p| p.name.clone()).collect();
        let count = match open.kind() {
            crate::roster::OperationKind::Genesis => all.len(),
            _ => authorities.iter().map(|a| usize::from(a.threshold)).max().unwrap_or(all.len()),
        };
        Ok(Needed { custodians: all, count, present: execute::present_pins_needed(&state) })
    }

    /// Executes with what the station keeps.
    pub fn execute(
        &mut self,
        admin: &mut Dealt,
        mut present: BTreeMap<(Name, Role), Pin>,
    ) -> Result<(Report, Spent), Error> {
        let state = self.state()?;
        let description = admin.card.describe(&recognition::enrolled(&state))?;
        let roster = &execute::open_ceremony(&state)?.roster;
        recognition::administrator(roster, &description, "execute")?;
        super::execute::ask_present(self.terminal, &state, &mut present)?;
        let mut unlocked = admin.unlock(self.terminal, &description, Some(roster), execute::USES)?;
        let mut inbox = FileInbox::new(std::iter::empty::<PathBuf>());
        let request =
            Request { card: &description, inbox: &mut inbox, present, persistence: Persistence::GoOn };
        let watch = Watch::start(self.wiring.meter());
        let executed = execute::execute(&mut self.wiring.world(), unlocked.as_mut(), request);
        let spent = watch.stop();
        spent.tell(self.terminal);
        Ok((executed?, spent))
    }

    /// Has somebody attest the head of the ceremony that just ended.
    pub fn attest(&mut self, dealt: &mut Dealt) -> Result<Attested, Error> {
        let state = self.state()?;
        let description = dealt.card.describe(&recognition::enrolled(&state))?;
        let (ceremony, _) = attest::subject(&state, &description)?;
        let mut unlocked =
            dealt.unlock(self.terminal, &description, Some(&ceremony.roster), Uses::SIGNATURE)?;
        let opinion = Opinion { agrees: true, remark: Line::lossy("") };
        attest::attest(
            &mut self.wiring.ledger,
            &state,
            &description,
            unlocked.as_mut(),
            opinion,
            &SystemClock,
        )
    }
}

/// What a ceremony waits for.
pub struct Needed {
    /// All custodians, in the order of the roster.
    pub custodians: Vec<Name>,
    /// How many of them.
    pub count: usize,
    /// PINs that the quorum does not hold, with the reason.
    pub present: Vec<(Name, Role, String)>,
}

impl Needed {
    /// Whether those who approved are enough.
    pub fn is_met(&self, approved: &BTreeSet<Name>) -> bool {
        approved.len() >= self.count
    }
}
