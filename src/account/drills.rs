//! Which cards of a quorum are known to work.

use super::{Passage, Row, keys::account};
use crate::{
    encoding::{
        digest::Digest,
        text::{Line, Name},
        time::Timestamp,
    },
    transcript::{
        drilled::{self, Proof},
        ledger::LedgerState,
    },
};

account! {
    /// Which cards are known to work.
    pub struct DrillsStanding {
        /// what the policy demands, or null
        pub every_days: Option<u32>,
        /// each card
        pub cards: Vec<CardDrilled>,
        /// statements that do not count, and why
        pub set_aside: Vec<String>,
    }

    /// What is known of a card.
    pub struct CardDrilled {
        /// whose it is
        pub person: Name,
        /// custodian, approver, administrator or witness
        pub standing: String,
        /// the card's serial
        pub serial: Line,
        /// SHA-256 of the signing key's SPKI
        pub keyid: Digest,
        /// when it was last seen to work, or null
        pub last: Option<Timestamp>,
        /// by what, or null
        pub by: Option<Proof>,
        /// when it must be drilled at the latest, or null
        pub due: Option<Timestamp>,
        /// whether that has passed
        pub overdue: bool,
    }
}

impl DrillsStanding {
    pub(super) fn of(state: &LedgerState, now: Timestamp) -> Self {
        let drills = drilled::standing(state, now);
        let card = |known: &drilled::CardStanding<'_>| CardDrilled {
            person: known.person.name.clone(),
            standing: known.person.standing.to_string(),
            serial: known.card.enrolment().serial.clone(),
            keyid: known.card.keyid(),
            last: known.last.map(|(time, _)| time),
            by: known.last.map(|(_, proof)| proof),
            due: known.due,
            overdue: known.is_overdue,
        };
        Self {
            every_days: state.roster().and_then(|roster| roster.policy().drill_every_days),
            cards: drills.cards.iter().map(card).collect(),
            set_aside: drills.set_aside,
        }
    }

    pub(super) fn passage(&self) -> Option<Passage> {
        let mut rows = Vec::new();
        if let Some(days) = self.every_days {
            rows.push(Row::Item(format!("each card is to be drilled every {days} days")));
        }
        for card in &self.cards {
            let last = match (card.last, card.by) {
                (Some(time), Some(proof)) => format!("{time} ({proof})"),
                _ => "never".into(),
            };
            let overdue = match card.due {
                Some(due) if card.overdue => format!("; OVERDUE since {due}"),
                _ => String::new(),
            };
            let CardDrilled { standing, person, serial, .. } = card;
            rows.push(Row::Item(format!("{standing} {person}, card {serial}: {last}{overdue}")));
        }
        rows.extend(self.set_aside.iter().map(|reason| Row::Item(format!("not counted: {reason}"))));
        if self.cards.iter().any(|card| card.overdue) {
            rows.push(Row::Advice(
                "Next: their holders drill the cards that are overdue: 'quorate card drill'.".into(),
            ));
        }
        (!rows.is_empty()).then(|| Passage::headed("Drills", rows))
    }
}
