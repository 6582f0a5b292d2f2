//! Reads and records the objects of a target.

use serde::{Deserialize, Serialize};

use super::{
    record::OnRecord,
    rules::{Difference, Facts, Payload, Planned, same},
};
use crate::{
    encoding::{absolute_path::AbsolutePath, digest::Digest, text::Name},
    proposal::{
        place::{ModuleChange, Place},
        plan::{PlanTable, simple_plan},
        sections::{Section, pinned, token},
        target::TokenIdentity,
    },
};

pub(super) const FACTS: Facts = Facts { only_reads: true, ..Facts::LOGS_IN };

simple_plan! {
    /// `kind = "inventory"`.
    InventoryPlan {
        target: Name,
        module: Option<AbsolutePath>,
        /// SHA-256 of the file that the quorum takes for its module from now on; with `module` alone, that of the file as it
        /// lies there when it is proposed.
        module_sha256: Option<Digest>,
        /// Whether a held user PIN stays although the token and its module have seen it.
        #[serde(default)]
        keep_pins: bool,
    }
}

/// Reads and records the objects.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InventoryOperation {
    pub target: Name,
    pub identity: TokenIdentity,
    /// Another file for its module.
    pub module: Option<ModuleChange>,
}

impl PlanTable for InventoryPlan {
    fn keeps_pins(&self) -> bool {
        self.keep_pins
    }
}

impl Payload for InventoryOperation {
    fn target(&self) -> Option<(&Name, &TokenIdentity)> {
        Some((&self.target, &self.identity))
    }

    fn module_change(&self) -> Option<&ModuleChange> {
        self.module.as_ref()
    }

    fn check_record(&self, record: &OnRecord<'_>) -> Result<(), String> {
        let Some(change) = &self.module else { return Ok(()) };
        let name = &self.target;
        let Place::Pkcs11 { module, .. } = &record.target.place else {
            return Err(format!("{name} is not behind a module, and one is named for it"));
        };
        if *module != change.old_path || record.identity.module_sha256 != change.old_sha256 {
            return Err(format!("the old module that is named for {name} is not the one on record"));
        }
        if change.new_path == change.old_path && self.identity.module_sha256 == change.old_sha256 {
            return Err(format!("the module that is named for {name} is the one already on record"));
        }
        Ok(())
    }
}

impl Planned for InventoryOperation {
    type Plan = InventoryPlan;

    fn agrees_with(&self, plan: &InventoryPlan) -> Result<(), Difference> {
        same(plan.target == self.target, "target")?;
        let sha256 = plan.module_sha256;
        same(sha256.is_none() || sha256 == self.identity.module_sha256, "module_sha256")?;
        same((plan.module.is_some() || sha256.is_some()) == self.module.is_some(), "module")?;
        let meant =
            |change: &ModuleChange| plan.module.as_ref().unwrap_or(&change.old_path) == &change.new_path;
        same(self.module.as_ref().is_none_or(meant), "module")
    }

    fn replaces_module(&self, _: &InventoryPlan) -> bool {
        self.module.is_some()
    }

    fn briefing(&self, _: &InventoryPlan) -> Vec<Section> {
        let mut lines = token(
            self.target.as_str(),
            &self.identity,
            ["its objects are read and recorded; nothing is changed".into()],
        );
        lines.extend(
            self.module.iter().flat_map(|change| another_module(change, self.identity.module_sha256)),
        );
        vec![Section::new("The target", lines)]
    }
}

fn another_module(change: &ModuleChange, sha256: Option<Digest>) -> [String; 4] {
    [
        "ANOTHER FILE IS USED AS ITS MODULE from then on, and is given its PINs".into(),
        pinned("on record:", &change.old_path, change.old_sha256),
        pinned("from then on:", &change.new_path, sha256),
        "compare the new SHA-256 with the vendor's before you approve".into(),
    ]
}
