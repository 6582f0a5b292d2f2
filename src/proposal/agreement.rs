//! Whether a proposal does what its plan says, field by field. Both are signed; a reader should not have to compare them.

use super::{
    document::Proposal,
    operation::{GenesisTarget, ModuleChange, Operation, Place, Start},
    plan::{GenesisPlan, MemberTable, Plan, StartKind, TargetKind, TargetTable},
    program_plan::{InputTable, is_run},
};
use crate::{
    encoding::digest::Digest,
    roster::{Member, RosterDocument},
};

/// What differs, in a few words.
type Difference = &'static str;

fn same(equal: bool, what: Difference) -> Result<(), Difference> {
    if equal { Ok(()) } else { Err(what) }
}

/// Compares a proposal with its plan.
pub fn check(plan: &Plan, proposal: &Proposal) -> Result<(), Difference> {
    let (title, hours) = plan.heading();
    same(*title == proposal.title, "title")?;
    same(proposal.expires == proposal.created.plus(u64::from(hours).saturating_mul(3600)), "expiry")?;
    match (plan, &proposal.operation) {
        (Plan::Genesis(plan), Operation::Genesis { targets }) => {
            let roster = proposal.new_roster.as_ref().ok_or("roster")?;
            check_roster(plan, roster)?;
            let all = plan.targets.iter().zip(targets).all(|(table, target)| is_target(table, target));
            same(all && plan.targets.len() == targets.len(), "targets")
        }
        (Plan::Inventory(plan), Operation::Inventory { target, identity, module }) => {
            same(plan.target == *target, "target")?;
            let sha256 = plan.module_sha256;
            same(sha256.is_none() || sha256 == identity.module_sha256, "module_sha256")?;
            same((plan.module.is_some() || sha256.is_some()) == module.is_some(), "module")?;
            let meant =
                |change: &ModuleChange| plan.module.as_ref().unwrap_or(&change.old_path) == &change.new_path;
            same(module.as_ref().is_none_or(meant), "module")
        }
        (Plan::Delete(plan), Operation::Delete { target, objects, .. }) => {
            same(plan.target == *target, "target")?;
            // That each means these and no others of its inventory, the ledger shows.
            let mut selectors = plan.objects.iter().flat_map(|s| std::iter::repeat_n(s, s.count()));
            let meant = objects.iter().all(|object| selectors.next().is_some_and(|s| s.means(object)));
            same(meant && selectors.next().is_none(), "objects")
        }
        (Plan::Reset(plan), Operation::Reset { target, identity, new_label, .. }) => {
            same(plan.target == *target, "target")?;
            same(plan.serial == identity.serial && plan.label == identity.label, "serial or label")?;
            same(plan.new_label == *new_label, "new_label")
        }
        (Plan::Backup(plan), Operation::Backup { target, output, allow_partial, .. }) => {
            same(plan.target == *target, "target")?;
            same(plan.output == *output, "output")?;
            same(plan.allow_partial == *allow_partial, "allow_partial")
        }
        (Plan::Restore(plan), Operation::Restore { target, backup, input, allow_partial, .. }) => {
            same(plan.target == *target, "target")?;
            same(plan.backup == *backup, "backup")?;
            same(plan.input == *input, "input")?;
            same(plan.allow_partial == *allow_partial, "allow_partial")
        }
        (Plan::Recover(plan), Operation::Recover { ceremony, .. }) => {
            same(plan.ceremony == *ceremony, "ceremony")
        }
        (Plan::Adopt(plan), Operation::Adopt { target }) => same(is_target(&plan.target, target), "target"),
        (Plan::Retire(plan), Operation::Retire { target, identity }) => {
            same(plan.target == *target, "target")?;
            same(plan.serial == identity.serial && plan.label == identity.label, "serial or label")
        }
        (Plan::Command(plan), Operation::Command { target, identity, run, check, repeatable }) => {
            same(plan.target == *target, "target")?;
            same(plan.sha256.is_none() || plan.sha256 == identity.module_sha256, "sha256")?;
            let meant = |of: &dyn Fn(&InputTable) -> Digest| {
                plan.run(&run.program, identity.module_sha256.unwrap_or(run.sha256), of)
            };
            same(is_run(run, meant), "what is run")?;
            same(plan.check == *check, "check")?;
            same(plan.repeatable == *repeatable, "repeatable")
        }
        (Plan::Use(plan), Operation::Use { target, run, repeatable, may_change_objects, .. }) => {
            same(plan.target == *target, "target")?;
            same(is_run(run, |of| plan.run(of)), "what is run")?;
            same(plan.repeatable == *repeatable, "repeatable")?;
            same(plan.may_change_objects == *may_change_objects, "may_change_objects")
        }
        _ => Err("kind"),
    }
}

fn check_roster(plan: &GenesisPlan, roster: &RosterDocument) -> Result<(), Difference> {
    let mut policy = plan.policy.policy();
    if plan.policy.attestation_certificates().is_some() {
        policy.attestation.certificates.clone_from(&roster.policy.attestation.certificates);
    }
    same(policy == roster.policy, "policy")?;
    same(plan.operations == roster.operations, "operations")?;
    let authorities = plan.authorities.iter().zip(&roster.deal.authorities);
    let equal = authorities.clone().all(|(a, b)| a.name == b.name && a.threshold == b.threshold);
    same(equal && plan.authorities.len() == roster.deal.authorities.len(), "authorities")?;
    same(is_people(&plan.custodians, &roster.custodians), "custodians")?;
    same(is_people(&plan.administrators, &roster.administrators), "administrators")?;
    same(is_people(&plan.witnesses, &roster.witnesses), "witnesses")
}

fn is_people(tables: &[MemberTable], members: &[Member]) -> bool {
    tables.len() == members.len()
        && tables.iter().zip(members).all(|(table, member)| {
            table.name == member.name
                && table.full_name == member.full_name
                && table.enrolments.len() == member.cards.len()
        })
}

fn is_target(table: &TargetTable, target: &GenesisTarget) -> bool {
    let place = match (&target.place, table.kind) {
        (Place::Pkcs11 { module, slot }, TargetKind::Pkcs11) => {
            table.module.as_ref() == Some(module) && table.slot == *slot
        }
        (Place::Practice { path }, TargetKind::Practice) => table.path.as_ref() == Some(path),
        (Place::Command { program }, TargetKind::Command) => {
            let named =
                table.program.as_ref() == Some(program) && table.sha256 == target.identity.module_sha256;
            return named
                && target.start == Start::TakeOver
                && have_rules(table, target)
                && table.name == target.name;
        }
        _ => false,
    };
    let start = match table.start() {
        StartKind::Initialise => target.start == Start::Initialise,
        StartKind::TakeOver => {
            target.start == Start::TakeOver
                && table.serial.as_ref() == Some(&target.identity.serial)
                && table.label() == target.identity.label
        }
    };
    let rules = have_rules(table, target);
    place && start && rules && table.name == target.name && table.label() == target.label
}

fn have_rules(table: &TargetTable, target: &GenesisTarget) -> bool {
    table.credentials.len() == target.credentials.len()
        && table.credentials.iter().zip(&target.credentials).all(|((role, rule), found)| {
            found.role == *role
                && found.authority == rule.authority
                && found.custody == rule.custody
                && found.recipient == rule.recipient
                && found.pin_length == rule.pin_length
        })
}
