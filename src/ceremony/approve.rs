//! A custodian's decision: they verify, are briefed, and approve, release their shares, or reject.

use super::{
    Code, Error, World,
    collect::kept_name,
    copies,
    matter::{Matter, own_clock},
    release::{self, Grounds, SignedRelease},
    sign,
};
use crate::{
    approval::{
        release::{ConfirmationFile, HandedFile as _},
        statement::{Approval, Rejection},
    },
    encoding::{
        dsse::Envelope,
        text::{Name, Remark},
    },
    ports::{
        card::{CardDescription, UnlockedCard, Uses},
        clock::Clock,
        store::{Beside, Decision, StationStore},
    },
    roster::{Standing, requirement::Shares},
    transcript::ledger::LedgerState,
};

/// A custodian's answer to a proposal, with all that it rests on verified.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Yes. At a genesis it confirms their shares and releases them; else it hands over nothing.
    Approve,
    Reject(Remark),
    /// Their shares, since enough have approved.
    Release(Grounds),
}

impl Answer {
    /// How often the decision uses the card: once for each share that is released, once for each statement.
    pub fn uses(&self, matter: &Matter<'_>) -> Uses {
        let opens = match matter.custodian.standing {
            Standing::Custodian => matter.ceremony.requirement().released().count(),
            _ => 0,
        };
        let opens = u32::try_from(opens).unwrap_or(u32::MAX);
        match self {
            Self::Approve if matter.ceremony.shares == Shares::Confirmed => Uses { signs: 1, opens },
            Self::Approve | Self::Reject(_) => Uses::SIGNATURE,
            Self::Release(grounds) => Uses { signs: if grounds.signs_approval { 2 } else { 1 }, opens },
        }
    }

    /// Has the card sign the decision, and release the shares that belong to it. Nothing is written here.
    pub fn sign(
        &self,
        matter: &Matter<'_>,
        description: &CardDescription,
        card: &mut dyn UnlockedCard,
        clock: &dyn Clock,
    ) -> Result<Decided, Error> {
        match self {
            Self::Approve if matter.ceremony.shares == Shares::Confirmed => {
                release::confirm(matter, description, card, clock).map(Decided::Confirmed)
            }
            Self::Approve => approve(matter, description, card, clock).map(Decided::Alone),
            Self::Reject(reason) => {
                reject(matter, description, card, reason.clone(), clock).map(Decided::Alone)
            }
            Self::Release(grounds) => {
                release::release(matter, grounds, description, card, clock).map(Decided::Released)
            }
        }
    }
}

/// What a custodian signed.
pub enum Decided {
    /// A statement with which no share goes.
    Alone(Envelope),
    Confirmed(ConfirmationFile),
    Released(SignedRelease),
}

impl Decided {
    /// The file that is handed over.
    pub fn file(&self) -> Vec<u8> {
        match self {
            Self::Alone(statement) => sign::to_file(statement),
            Self::Confirmed(file) => file.write(),
            Self::Released(release) => release.file.write(),
        }
    }

    /// The statement with which no share goes.
    fn alone(&self) -> Option<&Envelope> {
        match self {
            Self::Alone(statement) => Some(statement),
            Self::Confirmed(_) => None,
            Self::Released(SignedRelease { approval, .. }) => approval.as_ref(),
        }
    }

    /// The statement with which shares go, and what it is.
    fn with_shares(&self) -> Option<(&Envelope, &'static str)> {
        match self {
            Self::Alone(_) => None,
            Self::Confirmed(file) => Some((&file.statement, "confirmation")),
            Self::Released(SignedRelease { file, .. }) => Some((&file.statement, "release")),
        }
    }
}

fn approve(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    clock: &dyn Clock,
) -> Result<Envelope, Error> {
    let approval = Approval {
        proposal: matter.ceremony.digest,
        roster: matter.ceremony.roster.digest(),
        person: matter.custodian.name.clone(),
        // Read again: this is the time that the custodian states, and reading and touching took a while.
        time: own_clock(clock, matter.state, matter.ceremony)?,
    };
    sign::statement(card, &description.signing_key, matter.state.mode, &approval)
}

fn reject(
    matter: &Matter<'_>,
    description: &CardDescription,
    card: &mut dyn UnlockedCard,
    reason: Remark,
    clock: &dyn Clock,
) -> Result<Envelope, Error> {
    let rejection = Rejection {
        proposal: matter.ceremony.digest,
        person: matter.custodian.name.clone(),
        reason,
        time: clock.now(),
    };
    sign::statement(card, &description.signing_key, matter.state.mode, &rejection)
}

/// Refuses a second approval or release by one custodian at this station.
pub fn check_new(station: &dyn StationStore, matter: &Matter<'_>, decision: Decision) -> Result<(), Error> {
    let (ceremony, who) = (matter.ceremony, &matter.custodian.name);
    let approvals = || ceremony.approvals.iter().chain(ceremony.approvals_beside());
    let has = match (decision, ceremony.shares) {
        (Decision::Rejection, _) => false,
        (Decision::Approval, Shares::Released | Shares::None) => {
            approvals().any(|a| a.statement().person == *who)
        }
        (Decision::Approval, Shares::Confirmed) | (Decision::Release, _) => {
            let kept = station.names(matter.state.nonce, ceremony.number())?;
            kept.contains(&kept_name(ceremony.shares, who))
        }
    };
    if has {
        return Err(Error::refused(
            format!("this station already has the {decision} of {}", matter.custodian.full_name),
            "a custodian decides once; see 'quorate status'",
        )
        .coded(Code::Decided));
    }
    Ok(())
}

/// Keeps the shares that were released at the station until the ceremony is executed, and puts the statements, without
/// them, into the ledger. They count from then on, even where the ledger or a copy cannot be written to.
pub fn keep(world: &mut World<'_>, state: &LedgerState, who: &Name, decided: &Decided) -> Result<(), Error> {
    let ceremony = super::execute::open_ceremony(state, "approve")?;
    let directory = &ceremony.directory;
    let named = |statement| (sign::beside_name(who, statement), sign::to_file(statement));
    // What hands over nothing comes first: those whose releases rest on an approval look for it in the ledger.
    if let Some((name, bytes)) = decided.alone().map(named) {
        copies::put(world.ledger, directory, Beside::Approvals, (&name, &bytes), || {
            format!("the statement of {who} is in the ledger, and counts")
        })?;
    }
    let Some((statement, what)) = decided.with_shares() else { return Ok(()) };
    world.station.put(state.nonce, ceremony.number(), &kept_name(ceremony.shares, who), &decided.file())?;
    let (name, bytes) = named(statement);
    world.ledger.put_beside(directory, Beside::Approvals, &name, &bytes).map_err(|error| {
        Error::from(error).after(&format!("the {what} of {who} counts, and this station keeps it"))
    })
}
