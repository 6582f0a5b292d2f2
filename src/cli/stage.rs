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
    unlocking::{self, Typing},
    wiring::{self, Wiring},
};
use crate::{
    ceremony::{
        Code, Error, HandedOver, Report, approve,
        attest::{self, Attested, Opinion},
        execute::{self, Persistence, Request},
        propose::{Submitted, is_empty, submit},
        recognition,
    },
    encoding::text::{Line, Name},
    memory::Pin,
    ports::{
        card::{Card, CardDescription, CardError, EnrolledKeys, FinalTry, UnlockedCard, Uses},
        clock::Clock as _,
        store::{CustodianMemory as _, Decision, StationStore as _},
    },
    proposal::{briefing::briefing, target::Role},
    roster::Roster,
    storage::{FileInbox, SystemClock},
    transcript::{ledger::LedgerState, verification::Pins},
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

    /// Where it is, as it was given.
    pub const fn place(&self) -> &CardPlace {
        &self.place
    }

    /// Looks whether the card is there. What it lacks in the usual slots may be in others: that is seen when it is
    /// compared with the roster.
    pub fn look(&mut self) -> Result<(), Error> {
        match self.card.describe(&[]) {
            Ok(_) | Err(CardError::Unfit { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Whose card it is, by the keys that may be on it.
    pub fn describe(&mut self, enrolled: &[EnrolledKeys]) -> Result<CardDescription, Error> {
        Ok(self.card.describe(enrolled)?)
    }

    /// Presents the PIN and goes on with the unlocked card. A PIN that is known or was given is presented once, and forgotten
    /// if it is wrong; one that is typed is asked for again.
    fn unlocked<T>(
        &mut self,
        terminal: Terminal,
        description: &CardDescription,
        roster: Option<&Roster>,
        uses: Uses,
        then: impl FnOnce(&mut dyn UnlockedCard) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.is_given {
            unlocking::check_named(&self.place, description, roster)?;
        }
        let card = self.card.as_mut();
        let final_try = unlocking::before_pin(terminal, card, description, roster, uses, self.final_try)?;
        self.is_given = false;
        if let Some(pin) = self.pin.take() {
            let again = Pin::copy_of(pin.expose())?;
            let mut unlocked = card.unlock(pin, final_try)?;
            self.pin = Some(again);
            return then(unlocked.as_mut());
        }
        let mut typing = Typing::new(terminal, description, roster, self.final_try, final_try);
        let mut unlocked = loop {
            let (pin, final_try) = typing.pin(&mut |keep| card.check_tries(keep))?;
            let again = Pin::copy_of(pin.expose())?;
            match card.unlock(pin, final_try) {
                Ok(unlocked) => {
                    self.pin = Some(again);
                    break unlocked;
                }
                Err(error) => typing.failed(error)?,
            }
        };
        then(unlocked.as_mut())
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

    /// The ceremony of this very plan, if it is open and this is its station.
    pub fn resume(&mut self, plan: &str) -> Result<Option<Submitted>, Error> {
        let mut world = self.wiring.world();
        if is_empty(world.ledger)? {
            return Ok(None);
        }
        let state = world.load()?;
        let Some(open) = state.open().filter(|open| open.proposal.plan == plan) else { return Ok(None) };
        if !self.wiring.station.is_station(state.nonce, open.number()) {
            return Err(Error::refused(
                format!("{} is open already, and this machine is not its station", open.directory),
                "go on at its station, or with its state directory: --state-dir DIR",
            )
            .coded(Code::NotStation));
        }
        self.terminal.tell(&format!("{} is this plan's and open: going on with it.", open.directory));
        let lost = state.recovered_by(&open.proposal);
        self.terminal.briefing(&briefing(&open.proposal, open.digest, &open.roster, lost));
        Ok(Some(Submitted {
            directory: open.directory.clone(),
            proposal: open.digest,
            station: open.proposal.station.keys.fingerprint(),
            expires: open.proposal.expires,
        }))
    }

    /// Proposes a plan.
    pub fn propose(
        &mut self,
        plan_path: &Path,
        admin: &mut Dealt,
        mut handed_over: HandedOver,
    ) -> Result<Submitted, Error> {
        let (text, plan) = propose::read_plan(plan_path)?;
        propose::ask_handed_over(self.terminal, &plan, &mut handed_over)?;
        let card = admin.card.as_mut();
        let draft =
            propose::prepare(self.terminal, &mut self.wiring, plan_path, &text, &plan, card, handed_over)?;
        self.terminal.confirm("Sign this proposal?")?;
        let description = admin.card.describe(&recognition::enrolled_in(&draft.roster))?;
        let roster = draft.roster.clone();
        let wiring = &mut self.wiring;
        admin.unlocked(self.terminal, &description, Some(&roster), Uses::SIGNATURE, |card| {
            submit(&mut wiring.world(), draft, &description, card)
        })
    }

    /// Has a custodian approve, and says who he was.
    pub fn approve(&mut self, dealt: &mut Dealt, paper: Pins) -> Result<Name, Error> {
        let state = self.state()?;
        let description = dealt.card.describe(&recognition::enrolled(&state))?;
        let decision = Decision::Approval;
        let memory = &self.wiring.memory;
        let matter = approve::matter(&state, memory, &description, decision, paper, &SystemClock)?;
        self.show_digests(&matter);
        self.terminal.findings(&state.ahead(SystemClock.now()));
        check_continuity(self.terminal, matter.state, &matter.continuity)?;
        approve::check_new(&self.wiring.station, &matter, decision)?;
        let who = matter.custodian.name.clone();
        self.terminal.confirm(&format!("Approve this proposal as {}?", matter.custodian.full_name))?;
        let (roster, uses) = (&matter.ceremony.roster, approve::uses(&matter));
        let file = dealt.unlocked(self.terminal, &description, Some(roster), uses, |card| {
            approve::approve(&matter, &description, card, &SystemClock)
        })?;
        self.wiring.memory.remember(state.nonce, &who, matter.decided(decision))?;
        approve::keep(&mut self.wiring.world(), &state, &who, decision, &file)?;
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
        let open = execute::open_ceremony(&state, "execute")?;
        let authorities = open.roster.authorities_for(open.kind());
        let all: Vec<Name> = open.roster.custodians().map(|p| p.name.clone()).collect();
        let count = match open.kind() {
            crate::roster::OperationKind::Genesis => all.len(),
            _ => authorities.iter().map(|a| usize::from(a.threshold)).max().unwrap_or(all.len()),
        };
        let mut approved: BTreeSet<Name> =
            open.approvals.iter().map(|approval| approval.statement().custodian.clone()).collect();
        for name in self.wiring.station.names(state.nonce, open.number())? {
            approved.extend(name.strip_prefix("approval-of-").and_then(|who| Name::new(who).ok()));
        }
        let has_begun = open.intended.is_some() || open.concluded.is_some();
        let present = execute::present_pins_needed(&state);
        Ok(Needed { custodians: all, count, approved, has_begun, present })
    }

    /// Executes with what the station keeps.
    pub fn execute(
        &mut self,
        admin: &mut Dealt,
        mut present: BTreeMap<(Name, Role), Pin>,
    ) -> Result<(Report, Spent), Error> {
        let state = self.state()?;
        let description = admin.card.describe(&recognition::enrolled(&state))?;
        let roster = &execute::open_ceremony(&state, "execute")?.roster;
        recognition::administrator(roster, &description, "execute")?;
        super::execute::ask_clock(self.terminal, &state)?;
        super::execute::ask_present(self.terminal, &state, &mut present)?;
        let mut inbox = FileInbox::new(std::iter::empty::<PathBuf>());
        let request =
            Request { card: &description, inbox: &mut inbox, present, persistence: Persistence::GoOn };
        let wiring = &mut self.wiring;
        let (executed, spent) =
            admin.unlocked(self.terminal, &description, Some(roster), execute::USES, |card| {
                let watch = Watch::start(wiring.meter());
                let executed = execute::execute(&mut wiring.world(), card, request);
                Ok((executed, watch.stop()))
            })?;
        spent.tell(self.terminal);
        Ok((executed?, spent))
    }

    /// Has somebody attest the head of the ceremony that just ended.
    pub fn attest(&mut self, dealt: &mut Dealt) -> Result<Attested, Error> {
        let state = self.state()?;
        let description = dealt.card.describe(&recognition::enrolled(&state))?;
        let (ceremony, _) = attest::subject(&state, &description)?;
        let opinion = Opinion { agrees: true, remark: Line::lossy("") };
        let wiring = &mut self.wiring;
        dealt.unlocked(self.terminal, &description, Some(&ceremony.roster), Uses::SIGNATURE, |card| {
            attest::attest(&mut wiring.ledger, &state, &description, card, opinion, &SystemClock)
        })
    }
}

/// What a ceremony waits for.
pub struct Needed {
    /// All custodians, in the order of the roster.
    pub custodians: Vec<Name>,
    /// How many of them.
    pub count: usize,
    /// Those whose approvals are here already.
    pub approved: BTreeSet<Name>,
    /// Whether a quorum has begun to act, so that nobody's approval counts any more.
    pub has_begun: bool,
    /// PINs that the quorum does not hold, with the reason.
    pub present: Vec<(Name, Role, String)>,
}

impl Needed {
    /// Whether those who approved are enough.
    pub fn is_met(&self, approved: &BTreeSet<Name>) -> bool {
        approved.len() >= self.count
    }
}
