//! Impossible times: a clock was wrong by years when a ceremony wrote its last lines. A plan of any kind may name them, so
//! that a quorum says that they were wrong.
//!
//! Nothing here makes a time true. The plan says what its author's clock says; the station's must agree with it, and each
//! approver's own.

use serde::Deserialize;

use super::plan_error::PlanError;
use crate::encoding::time::Timestamp;

/// How far the station's clock may be from the plan's: a day.
const TOLERANCE: u64 = 24 * 3600;

/// How far an approver's clock may be behind the station's, so that nobody must set one to approve: an hour.
const BEHIND: u64 = 3600;

/// `[disputed_times]`.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputedTimes {
    /// What time it is, by the author of the plan.
    pub present: Timestamp,
    /// The ceremonies whose times lie after that.
    #[serde(deserialize_with = "crate::encoding::bounds::disputed")]
    pub ceremonies: Vec<DisputedCeremony>,
}

/// One ceremony whose lines have a time that cannot be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DisputedCeremony {
    /// Its number.
    pub ceremony: u32,
    /// The time of its last line, as the ledger has it.
    pub recorded: Timestamp,
}

impl DisputedTimes {
    pub(super) fn check(&self) -> Result<(), PlanError> {
        let fail = |message: String| Err(PlanError::new(format!("disputed_times: {message}")));
        if self.ceremonies.is_empty() {
            return fail("ceremonies is empty: name at least one".into());
        }
        let numbers = self.ceremonies.iter().map(|c| c.ceremony);
        if !numbers.is_sorted_by(|one, next| one < next) {
            return fail("ceremonies are named in their order, each once".into());
        }
        match self.ceremonies.iter().find(|c| c.recorded <= self.present) {
            Some(past) => fail(format!(
                "ceremony {} ended at {}, which is not after the present, {}: there is nothing to dispute",
                past.ceremony, past.recorded, self.present
            )),
            None => Ok(()),
        }
    }

    /// Whether it disputes this ceremony's times.
    pub fn names(&self, number: u32) -> bool {
        self.ceremonies.iter().any(|c| c.ceremony == number)
    }

    /// Whether a proposal with this plan may have been made at this time.
    pub fn allows_proposal(&self, created: Timestamp) -> bool {
        let (earlier, later) = (created.min(self.present), created.max(self.present));
        later <= earlier.plus(TOLERANCE)
    }

    /// The first of the disputed times: every approver's own clock lies before it.
    pub fn first_recorded(&self) -> Option<Timestamp> {
        self.ceremonies.iter().map(|c| c.recorded).min()
    }

    /// What an approver's clock may say at least.
    pub fn earliest_approval(created: Timestamp) -> Timestamp {
        created.minus(BEHIND)
    }

    pub(super) fn in_words(&self, created: Timestamp) -> Vec<String> {
        let each = self
            .ceremonies
            .iter()
            .map(|c| format!("ceremony {}: its last line says {}", c.ceremony, c.recorded));
        let mut lines: Vec<String> = each.collect();
        lines.extend([
            format!("this plan says that it is {}, this station's clock said {created}", self.present),
            "if a quorum approves, those times no longer count: what follows may have earlier ones".into(),
            "compare both with a clock of YOUR OWN; reject if the ledger's times are right".into(),
        ]);
        lines
    }
}

#[cfg(test)]
mod tests {
    use crate::{encoding::time::Timestamp, proposal::operations::Plan};

    fn parsed(present: &str, ceremonies: &str) -> Result<Plan, String> {
        let text = format!(
            "kind = \"inventory\"\ntitle = \"t\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n\
             [disputed_times]\npresent = \"{present}\"\nceremonies = [{ceremonies}]\n"
        );
        Plan::parse(text.as_bytes()).map_err(|e| e.to_string())
    }

    fn one(number: u32, recorded: &str) -> String {
        format!("{{ ceremony = {number}, recorded = \"{recorded}\" }}, ")
    }

    const NOW: &str = "2026-11-27T22:00:00Z";
    const FAR: &str = "9998-01-01T00:00:00Z";

    #[test]
    fn a_plan_names_each_disputed_ceremony_once_and_in_order() {
        let both = one(1, FAR) + &one(3, FAR);
        assert_eq!(parsed(NOW, &both).unwrap().heading().disputed_times.unwrap().ceremonies.len(), 2);
        let many: String = (0..256).map(|n| one(n, FAR)).collect();
        for (bad, words) in [
            (String::new(), "ceremonies is empty: name at least one"),
            (one(1, FAR) + &one(1, FAR), "ceremonies are named in their order, each once"),
            (one(3, FAR) + &one(1, FAR), "ceremonies are named in their order, each once"),
            (many, "255"),
            (one(1, NOW), "nothing to dispute"),
            (one(1, FAR) + &one(3, "2026-11-27T21:59:59Z"), "nothing to dispute"),
        ] {
            let error = parsed(NOW, &bad).unwrap_err();
            assert!(error.contains(words), "{words}: {error}");
        }
        assert!(parsed("tomorrow", &both).is_err());
        let disputed = parsed(NOW, &both).unwrap().heading().disputed_times.unwrap().clone();
        assert_eq!([0, 1, 2, 3].map(|number| disputed.names(number)), [false, true, false, true]);
    }

    #[test]
    fn those_who_decide_are_told_both_clocks_and_what_is_disputed() {
        let plan = parsed(NOW, &(one(1, FAR) + &one(3, "2027-01-01T00:00:00Z"))).unwrap();
        let disputed = plan.heading().disputed_times.unwrap();
        let earlier = Timestamp::parse("2027-01-01T00:00:00Z").unwrap();
        assert_eq!(disputed.first_recorded(), Some(earlier));
        let told = disputed.in_words(Timestamp::parse("2026-11-27T23:00:00Z").unwrap()).join("\n");
        for words in [
            "ceremony 1: its last line says 9998-01-01T00:00:00Z",
            "ceremony 3: its last line says 2027-01-01T00:00:00Z",
            "this plan says that it is 2026-11-27T22:00:00Z, this station's clock said 2026-11-27T23:00:00Z",
            "compare both with a clock of YOUR OWN",
        ] {
            assert!(told.contains(words), "{words}: {told}");
        }
    }

    #[test]
    fn the_stations_clock_is_within_a_day_of_the_plans() {
        let plan = parsed(NOW, &one(1, FAR)).unwrap();
        let disputed = plan.heading().disputed_times.unwrap();
        let allows = |time: &str| disputed.allows_proposal(Timestamp::parse(time).unwrap());
        for good in [NOW, "2026-11-28T22:00:00Z", "2026-11-26T22:00:00Z"] {
            assert!(allows(good), "{good}");
        }
        for bad in ["2026-11-28T22:00:01Z", "2026-11-26T21:59:59Z", FAR, "1970-01-01T00:00:00Z"] {
            assert!(!allows(bad), "{bad}");
        }
    }
}
