//! How a custodian decides, whichever verb they do it with: what is verified, shown and asked before their card is asked for
//! anything, and where what they signed goes.

use std::path::{Path, PathBuf};

use super::{
    args::{DecisionArgs, Global},
    output_file::{check_free, write_new_for},
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring::{self, Wiring},
};
use crate::{
    account::counted,
    ceremony::{
        Code, Error,
        approve::{self, Answer, Decided},
        execute,
        matter::{self, Continuity, Matter},
        recognition, release, standing,
    },
    encoding::{
        digest::Digest,
        text::{self, Name, Remark},
    },
    ports::{
        clock::Clock as _,
        store::{CustodianMemory as _, Decision, LedgerStore as _, StationStore as _},
    },
    proposal::briefing::briefing,
    storage::{self, FileInbox, SystemClock},
    transcript::{finding::Finding, ledger::LedgerState, verification::Pins},
};

/// What a custodian is to do.
#[derive(Clone)]
pub enum Ask {
    Approve,
    Reject(Remark),
    /// Release their shares, with these files of approvals.
    Release(Vec<PathBuf>),
}

impl Ask {
    const fn decision(&self) -> Decision {
        match self {
            Self::Approve => Decision::Approval,
            Self::Reject(_) => Decision::Rejection,
            Self::Release(_) => Decision::Release,
        }
    }

    /// The answer, once all was verified that it rests on.
    fn answer(self, matter: &Matter<'_>) -> Result<Answer, Error> {
        Ok(match self {
            Self::Approve => Answer::Approve,
            Self::Reject(reason) => Answer::Reject(reason),
            Self::Release(files) => Answer::Release(release::grounds(matter, &mut FileInbox::new(files))?),
        })
    }
}

/// A custodian decides by a verb of their own. Gives what was decided, and the file in which it is; none where the station keeps it.
pub fn decide<'s>(
    state: &'s LedgerState,
    given: &DecisionArgs,
    ask: Ask,
    global: &Global,
    terminal: Terminal,
) -> Result<(Matter<'s>, Option<String>), Error> {
    let paper = Pins {
        genesis: wiring::paper("--genesis", given.genesis.as_ref())?,
        head: wiring::paper("--head", given.head.as_ref())?,
    };
    let reviewed = wiring::paper("--proposal", given.proposal.proposal.as_ref())?;
    let mut card = PresentedCard::once(terminal, &given.card)?;
    let ledger = given.ledger.as_path();
    let mut destination = match &given.output {
        Some(path) => Destination::File { ledger, path },
        None => Destination::Station { global, ledger },
    };
    let memory = wiring::memory(global, &[ledger])?;
    let mut place = DecidingPlace { terminal, lead: Lead::Verb, memory, destination: &mut destination };
    place.decide(state, &mut card, Question { ask, paper, reviewed })
}

/// What a custodian says, and what they bring to say it.
struct Question {
    ask: Ask,
    /// Digests from paper.
    paper: Pins,
    /// The proposal that was reviewed, if one was named.
    reviewed: Option<Digest>,
}

/// Where a custodian decides: at the station, or on a machine of their own.
struct DecidingPlace<'a, 'd> {
    terminal: Terminal,
    lead: Lead,
    memory: storage::CustodianDirectory,
    destination: &'a mut Destination<'d>,
}

impl DecidingPlace<'_, '_> {
    /// One decision on the open proposal, and the file in which it is; none where the station keeps it. The card is asked for
    /// nothing before all that can be known without it was verified and shown.
    fn decide<'s>(
        &mut self,
        state: &'s LedgerState,
        card: &mut PresentedCard,
        Question { ask, paper, reviewed }: Question,
    ) -> Result<(Matter<'s>, Option<String>), Error> {
        let terminal = self.terminal;
        let decision = ask.decision();
        let description = card.describe(&recognition::enrolled(state))?;
        let matter = matter::matter(state, &self.memory, &description, decision, paper, &SystemClock)?;
        let (ceremony, custodian) = (matter.ceremony, matter.custodian);
        execute::check_proposal(ceremony, reviewed)?;
        let answer = ask.answer(&matter)?;
        self.destination.check(&matter, decision)?;
        self.brief(&matter)?;
        terminal.findings(&self.destination.ahead(state)?);
        check_continuity(terminal, state, &matter.continuity)?;
        let verb = match &answer {
            Answer::Approve => "Approve this proposal",
            Answer::Reject(_) => "Reject this proposal",
            Answer::Release(grounds) if grounds.signs_approval => {
                "Approve this proposal, and release your shares,"
            }
            Answer::Release(_) => "Release your shares for this proposal",
        };
        terminal.confirm(&format!("{verb} as {}?", custodian.full_name))?;
        let roster = Some(&*ceremony.roster);
        let decided = card.unlocked(terminal, &description, roster, answer.uses(&matter), |card| {
            answer.sign(&matter, &description, card, &SystemClock)
        })?;
        // Remembered first: if the file is lost now, they still know that this proposal exists.
        self.memory.remember(state.nonce, &custodian.name, matter.decided(decision))?;
        if matches!(&answer, Answer::Release(grounds) if grounds.signs_approval) {
            self.memory.remember(state.nonce, &custodian.name, matter.decided(Decision::Approval))?;
        }
        let file = self.destination.deliver(state, &custodian.name, &decided)?;
        Ok((matter, file))
    }

    /// The whole briefing; or where it was shown before and may have left the screen, what a custodian compares.
    fn brief(&self, matter: &Matter<'_>) -> Result<(), Error> {
        let (ceremony, proposal) = (matter.ceremony, &matter.ceremony.proposal);
        match self.lead {
            Lead::Verb => {
                let lost = matter.state.recovered_by(proposal);
                self.terminal.briefing(&briefing(
                    (proposal, &ceremony.plan),
                    ceremony.digest,
                    &ceremony.requirement(),
                    lost,
                ))
            }
            Lead::Run => {
                self.terminal.tell("");
                self.terminal.digest("Digest of the proposal that is briefed above", ceremony.digest);
                self.terminal.digest("Station fingerprint", proposal.station.keys.fingerprint());
                Ok(())
            }
        }
    }
}

impl Stage {
    /// Has a custodian decide at this station, and says who they were.
    pub fn decide(&mut self, card: &mut PresentedCard, ask: Ask, paper: Pins) -> Result<Name, Error> {
        let state = self.state()?;
        let (terminal, lead, memory) = (self.terminal, self.lead, self.wiring.memory.clone());
        let mut destination = Destination::OpenStation(&mut self.wiring);
        let mut place = DecidingPlace { terminal, lead, memory, destination: &mut destination };
        let question = Question { ask, paper, reviewed: None };
        let (matter, _) = place.decide(&state, card, question)?;
        Ok(matter.custodian.name.clone())
    }
}

/// Where a statement goes.
enum Destination<'a> {
    /// Into a file, which is brought to the administrator.
    File { ledger: &'a Path, path: &'a Path },
    /// To the station, which must be this machine. Its ledger is opened only to write, so that several decide at a time.
    Station { global: &'a Global, ledger: &'a Path },
    /// To the station, which has its ledger open.
    OpenStation(&'a mut Wiring),
}

impl Destination<'_> {
    /// What would be in the way of writing the statement is found before a PIN is asked for.
    fn check(&mut self, matter: &Matter<'_>, decision: Decision) -> Result<(), Error> {
        let directory = &matter.ceremony.directory;
        match self {
            Self::File { path, .. } => check_free(path),
            Self::Station { global, ledger } => {
                let root = wiring::state_root(global, &[ledger])?;
                let station = storage::StationDirectory::new(&root)?;
                if !station.is_station(matter.state.nonce, matter.ceremony.number()) {
                    return Err(not_the_station(&root));
                }
                approve::check_new(&station, matter, decision)?;
                Ok(storage::LedgerDirectory::open(*ledger, Vec::new())?.check_writable(directory)?)
            }
            Self::OpenStation(wiring) => {
                approve::check_new(&wiring.station, matter, decision)?;
                Ok(wiring.ledger.check_writable(directory)?)
            }
        }
    }

    /// What is ahead of this machine's clock, with what the station keeps where this is the station.
    fn ahead(&self, state: &LedgerState) -> Result<Vec<Finding>, Error> {
        let now = SystemClock.now();
        match self {
            Self::File { .. } => Ok(state.ahead(now)),
            Self::Station { global, ledger } => {
                let station = storage::StationDirectory::new(&wiring::state_root(global, &[ledger])?)?;
                standing::ahead(state, &station, &mut FileInbox::default(), now)
            }
            // Whoever leads through the ceremony told it before the first card.
            Self::OpenStation(_) => Ok(Vec::new()),
        }
    }

    fn deliver(
        &mut self,
        state: &LedgerState,
        who: &Name,
        decided: &Decided,
    ) -> Result<Option<String>, Error> {
        match self {
            Self::File { ledger, path } => {
                write_new_for(ledger, path, &decided.file())?;
                return Ok(Some(text::printable(&path.to_string_lossy())));
            }
            Self::Station { global, ledger } => {
                approve::keep(&mut Wiring::open(global, ledger, &[])?.world(), state, who, decided)?;
            }
            Self::OpenStation(wiring) => approve::keep(&mut wiring.world(), state, who, decided)?,
        }
        Ok(None)
    }
}

fn not_the_station(root: &storage::StateRoot) -> Error {
    Error::usage(
        format!("{} is not the station of the open proposal", root.whose()),
        "at the station, the account that proposed goes without -o; anywhere else, write the statement to a file with -o \
         FILE, and bring it to the administrator",
    )
    .coded(Code::NotStation)
}

/// Says how the ledger is known to be whole. Where nothing is known, a person compares the head with their paper; `--yes`
/// is not an answer to that.
pub fn check_continuity(
    terminal: Terminal,
    state: &LedgerState,
    continuity: &Continuity,
) -> Result<(), Error> {
    match continuity {
        Continuity::Genesis => terminal.tell(
            "No ceremony of this ledger has ended yet. Compare these digests and the station's fingerprint with \
             those that the administrator reads aloud, in person.",
        ),
        Continuity::Origin(_) => terminal.tell(
            "The ledger begins with the genesis that you gave, and no ceremony of it has ended. If you were at one \
             that ended, or have the paper of one, this ledger was cut back: reject.",
        ),
        Continuity::Remembered { proposals } => {
            let decisions = counted(*proposals, "earlier decision", "earlier decisions");
            terminal.tell(&format!("The ledger contains the {decisions} that this machine remembers."));
        }
        Continuity::Head(_) => terminal.tell("The last ceremony that ended has the head that you gave."),
        Continuity::Unknown => unknown(terminal, state)?,
    }
    Ok(())
}

fn unknown(terminal: Terminal, state: &LedgerState) -> Result<(), Error> {
    let head = state.head().unwrap_or(Digest::from_bytes([0; 32]));
    if !terminal.is_interactive() {
        return Err(unproven());
    }
    terminal.digest("Head of the last ceremony that ended", head);
    terminal.ask_person("This machine remembers nothing of the ledger. Is this the head on your paper?")
}

/// What is said where nobody can compare the head with their paper.
pub fn unproven() -> Error {
    Error::refused(
        "this machine remembers nothing of the ledger, so it could be an old copy of it",
        "give the head of the last ceremony that ended, from your paper, with --head",
    )
    .coded(Code::Head)
}
