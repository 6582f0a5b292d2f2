//! What the times of a ledger's lines bind. All of them are the hosts' own claim.
//!
//! Within a ceremony time never goes back. Between ceremonies, the lines of one that had a quorum are a floor for all that
//! follow, unless a later quorum has disputed them: each approver's own clock was before them. The lines of one that never
//! had a quorum are one administrator's word, and bind nobody.

use super::{
    finding::{Finding, Severity},
    ledger::{Ceremony, LedgerState},
};
use crate::{
    encoding::{text::Name, time::Timestamp},
    proposal::disputed_times::DisputedTimes,
};

/// A question is asked if the clock is this far past the last line: 400 days. A quorum that meets once a year is not.
const JUMP: u64 = 400 * 24 * 3600;

impl LedgerState {
    /// The ceremony whose last line the first line of the next one must not precede; `disputing` is what the next one's plan
    /// disputes. None where nothing binds it.
    pub fn floor(&self, disputing: Option<&DisputedTimes>) -> Option<&Ceremony> {
        // Of those that bind, each begins after the end of the one before, so the last of them is the latest.
        let named = |ceremony: &Ceremony| disputing.is_some_and(|d| d.names(ceremony.number()));
        self.ceremonies.agreed().find(|ceremony| self.binds(ceremony) && !named(ceremony))
    }

    /// The same for statements about the head of this ceremony, regardless of what has followed it.
    pub(super) fn floor_at(&self, head: &Ceremony) -> Option<&Ceremony> {
        let mut until = self.ceremonies.agreed().filter(|c| c.number() <= head.number());
        until.find(|ceremony| self.binds(ceremony))
    }

    /// Whether the lines of one that had a quorum are a floor.
    fn binds(&self, ceremony: &Ceremony) -> bool {
        !self.disputed.contains_key(&ceremony.number())
    }

    /// The ceremony whose last line binds the next line: the open one, or else the floor.
    pub fn latest(&self) -> Option<&Ceremony> {
        self.open().or_else(|| self.floor(None))
    }

    /// How many days past the ledger's last line this is, if it is so far that the clock may be wrong.
    pub fn jump(&self, now: Timestamp) -> Option<(u64, Timestamp)> {
        let last = self.ceremonies.iter().rev().map(|c| c.times.1).find(|time| *time <= now)?;
        let past = now.unix().saturating_sub(last.unix());
        (past > JUMP).then_some((past / (24 * 3600), last))
    }

    /// Lines, and approvals in them or beside them, that are ahead of the reader's clock and that no quorum has disputed.
    pub fn ahead(&self, now: Timestamp) -> Vec<Finding> {
        let ahead =
            self.ceremonies.iter().filter(|c| c.times.1 > now && !self.disputed.contains_key(&c.number()));
        let found = ahead.map(|ceremony| {
            let binds = match ceremony.had_quorum {
                true => "nothing that follows may be earlier, unless a quorum disputes it",
                false => "it never had a quorum, so what follows may be earlier",
            };
            let message =
                format!("its last line says {}, and this machine's clock {now}: {binds}", ceremony.times.1);
            Finding::new(Severity::Warning, "time-ahead", message).of(&ceremony.directory)
        });
        let approvals = self.ceremonies.iter().filter(|c| !self.disputed.contains_key(&c.number())).flat_map(
            |ceremony| {
                let said = ceremony.approved_when().filter(move |(_, time)| *time > now);
                said.map(move |(who, time)| approval_ahead(ceremony, who, time, now))
            },
        );
        found.chain(approvals).collect()
    }

    /// Times that a quorum has disputed.
    pub(super) fn disputes(&self) -> impl Iterator<Item = Finding> {
        let named = self
            .disputed
            .iter()
            .filter_map(|(number, by)| self.ceremonies.number(*number).map(|ceremony| (ceremony, by)));
        named.map(|(ceremony, by)| {
            let message = format!(
                "its last line says {}; the quorum of ceremony {by} says that this is not true",
                ceremony.times.1
            );
            Finding::new(Severity::Note, "time-disputed", message).of(&ceremony.directory)
        })
    }

    /// Applies what the quorum of a ceremony disputes.
    pub(super) fn take_disputes(&mut self, ceremony: &Ceremony) {
        if let Some(disputed) = ceremony.disputes.as_ref().filter(|_| ceremony.had_quorum) {
            for named in &disputed.ceremonies {
                self.disputed.entry(named.ceremony).or_insert(ceremony.number());
            }
        }
    }

    /// Whether a proposal that is made now may dispute these times: they are on record as it says, they lie after it, and
    /// the plan is of today.
    pub fn check_disputed(&self, disputed: &DisputedTimes, created: Timestamp) -> Result<(), String> {
        if !disputed.allows_proposal(created) {
            return Err(format!(
                "disputed_times says that it is {}, and the station's clock said {created}: they are more than a day \
                 apart",
                disputed.present
            ));
        }
        for named in &disputed.ceremonies {
            let number = named.ceremony;
            let known = self.ceremonies.number(number);
            let known = known.ok_or_else(|| format!("disputed_times: there is no ceremony {number}"))?;
            if known.times.1 != named.recorded {
                return Err(format!(
                    "disputed_times: the last line of ceremony {number} says {}, not {}",
                    known.times.1, named.recorded
                ));
            }
            if named.recorded <= created {
                return Err(format!("disputed_times: the last line of ceremony {number} is not ahead"));
            }
        }
        Ok(())
    }
}

/// An approval whose signer's clock was ahead of the reader's.
pub fn approval_ahead(ceremony: &Ceremony, who: &Name, time: Timestamp, now: Timestamp) -> Finding {
    let message = format!(
        "{who}'s approval says {time}, and this machine's clock {now}: one of the two clocks is wrong"
    );
    Finding::new(Severity::Warning, "time-ahead", message).of(&ceremony.directory)
}

/// How far a signer's clock may be behind another's: an hour.
pub(super) const TOLERANCE: u64 = 3600;

/// What a person signs with a time of their own.
#[derive(Clone, Copy)]
pub(super) enum Deed {
    /// An approval or a confirmation.
    Approval,
    Release,
}

/// Whether a signer's own clock fits: not before the proposal, not after its end; where the proposal disputes times, also
/// before each of them, and with an hour of grace. This is what a quorum says of time, and all that it says.
pub(super) fn check(ceremony: &Ceremony, who: &Name, time: Timestamp, deed: Deed) -> Result<(), Finding> {
    let created = ceremony.proposal.created;
    let (earliest, disputed) = match &ceremony.disputes {
        Some(disputed) => (DisputedTimes::earliest_approval(created), disputed.first_recorded()),
        None => (created, None),
    };
    if time < earliest {
        let told = |did: &str| format!("{who} {did} before the proposal was made");
        return Err(match deed {
            Deed::Approval => Finding::error("approval-early", told("approved")),
            Deed::Release => Finding::error("release-early", told("released shares")),
        });
    }
    if time > ceremony.proposal.expires {
        let told = |did: &str| format!("{who} {did} after the proposal had expired");
        return Err(match deed {
            Deed::Approval => Finding::error("approval-late", told("approved")),
            Deed::Release => Finding::error("release-late", told("released shares")),
        });
    }
    let Some(recorded) = disputed.filter(|recorded| time >= *recorded) else { return Ok(()) };
    let told = format!("{who}'s own clock said {time}, which is not before the disputed {recorded}");
    Err(match deed {
        Deed::Approval => Finding::error("approval-after-disputed", told),
        Deed::Release => Finding::error("release-after-disputed", told),
    })
}
