//! Destroys objects that are on record.

use serde::{Deserialize, Serialize};

use super::{
    record::{Claims, Listed, OnRecord},
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{
        bounds,
        text::{self, Name},
    },
    proposal::{
        capability::Ability,
        choice::survivors,
        identity::is_among,
        plan::{PlanTable, simple_plan},
        plan_error::PlanError,
        sections::{Section, object, token},
        selection::{ObjectSelector, select},
        target::{ObjectRecord, TokenIdentity},
    },
};

pub(super) const FACTS: Facts = Facts { abilities: &[Ability::LogIn, Ability::Delete], ..Facts::LOGS_IN };

simple_plan! {
    /// `kind = "delete"`.
    DeletePlan {
        target: Name,
        /// What to destroy; each entry must match exactly one object of the last inventory.
        #[serde(deserialize_with = "bounds::objects")]
        objects: Vec<ObjectSelector>,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}

/// Destroys these objects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeleteOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    #[serde(deserialize_with = "bounds::objects")]
    pub objects: Vec<ObjectRecord>,
}

impl PlanTable for DeletePlan {
    fn check(&self) -> Result<(), PlanError> {
        if self.objects.is_empty() {
            return Err(PlanError::new("objects is empty: name at least one object to delete"));
        }
        for (place, object) in self.objects.iter().enumerate() {
            if !object.says_which() {
                return Err(PlanError::new(format!(
                    "objects, entry {}: give id, label or another field, so that one object is meant",
                    place.saturating_add(1)
                )));
            }
            for (field, value) in [("id", &object.id), ("check_value", &object.check_value)] {
                if let Some(value) = value
                    && (value.len() % 2 != 0
                        || !value.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)))
                {
                    return Err(PlanError::new(format!(
                        "{field} {:?} is not in lower-case hex",
                        text::printable(value)
                    )));
                }
            }
        }
        Ok(())
    }

    fn keeps_pins(&self) -> bool {
        self.keep_pins
    }
}

impl Payload for DeleteOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        if is_among(&self.objects, record.objects) {
            return Ok(());
        }
        Err(format!("it deletes what was not on record in {}", self.target))
    }

    fn may_list(&self, claims: &Claims<'_>) -> bool {
        claims.lists_only(&[Listed::Deleted, Listed::LeftOut]) && is_among(claims.deleted, &self.objects)
    }

    fn is_completed_by(&self, claims: &Claims<'_>, recorded: &[ObjectRecord]) -> bool {
        claims.left_out.is_empty()
            && is_among(&self.objects, claims.deleted)
            && claims
                .seen(&self.target)
                .is_some_and(|after| survivors(recorded, &self.objects, &after.objects).is_empty())
    }
}

impl Planned for DeleteOperation {
    type Plan = DeletePlan;

    fn agrees_with(&self, plan: &DeletePlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        // The ledger shows that each means these objects of its inventory and no others.
        let mut selectors = plan.objects.iter().flat_map(|s| std::iter::repeat_n(s, s.count()));
        let meant = self.objects.iter().all(|object| selectors.next().is_some_and(|s| s.means(object)));
        same(meant && selectors.next().is_none(), "objects")
    }

    fn is_meant_by(&self, plan: &DeletePlan, recorded: &[ObjectRecord]) -> Result<(), Difference> {
        let selected = select(&plan.objects, recorded);
        same(
            selected.is_ok_and(|selected| selected == self.objects),
            "its entries do not mean these objects alone",
        )
    }

    fn briefing(&self, _: &DeletePlan) -> Vec<Section> {
        vec![
            Section::new("The target", token(self.target.as_str(), &self.identity, [])),
            Section::listed("What will be destroyed, for ever", self.objects.iter().map(doomed).collect()),
        ]
    }
}

/// An object that goes. If it was replaced since by another one of the same name, that shows only where more is told of it.
fn doomed(doomed: &ObjectRecord) -> String {
    if doomed.is_known_by_name_only() && doomed.evidence.is_none() {
        format!(
            "{doomed}; KNOWN ONLY BY ID, LABEL AND TYPE: another key with the same three would be mistaken for it"
        )
    } else {
        object(doomed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        encoding::digest::Digest,
        proposal::{
            identity::tests::record,
            target::{ObjectClass, PublicKeyEvidence},
        },
    };

    #[test]
    fn what_only_its_name_tells_is_not_destroyed_without_a_word() {
        let key = record(ObjectClass::PrivateKey, "01", "root");
        let half = Digest::of(b"half");
        let evidence = Some(PublicKeyEvidence { source: ObjectClass::Certificate, public_key_sha256: half });
        for (object, warned) in [
            (key.clone(), true),
            (ObjectRecord { evidence, ..key.clone() }, false),
            (ObjectRecord { public_key_sha256: Some(half), ..key.clone() }, false),
            (ObjectRecord { check_value: Some("aabbcc".to_owned()), ..key }, false),
        ] {
            assert_eq!(doomed(&object).contains("KNOWN ONLY BY ID, LABEL AND TYPE"), warned, "{object:?}");
        }
    }
}
