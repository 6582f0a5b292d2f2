//! What a proposal must prove: its place in the chain, which roster is in force, and that it does what its plan says to what is on
//! record.

use std::{collections::BTreeSet, sync::Arc};

use super::{
    context::Context,
    finding::Finding,
    ledger::{CeremonyFiles, LedgerState},
};
use crate::{
    encoding::{digest::Digest, dsse::Mode, text::Name},
    proposal::{
        agreement,
        document::Proposal,
        joining::GenesisTarget,
        operations::{Operation, Plan, RecoverOperation, record::OnRecord, rules::Difference},
        sealed::SealedCredential,
        target::{ObjectRecord, Role, TokenIdentity},
    },
    roster::{Roster, point::KeyPoint},
    sealing::hybrid,
};

/// The most bits of entropy that a record can claim for a credential. None is made with more, and a record that claims more is
/// meant to look stronger than it is.
const MAX_BITS: u32 = 512;

/// Everything about a proposal whose signature was checked.
pub(super) fn check(
    files: &CeremonyFiles,
    proposal: &Proposal,
    plan: Result<Plan, Finding>,
    roster: &Roster,
    context: &Context<'_>,
) -> Result<Plan, Finding> {
    if files.directory != proposal.directory() {
        let message = format!("its directory should be called {}", proposal.directory());
        return Err(Finding::error("ceremony-name", message));
    }
    if proposal.expires <= proposal.created {
        return Err(Finding::error("proposal-expiry", "it expires before it was made"));
    }
    check_station(proposal, roster, context)?;
    check_keepers(proposal, roster)?;
    let plan = check_plan(proposal, plan)?;
    check_operation(&plan, proposal, roster, context)?;
    check_credentials(&plan, proposal, context)?;
    check_handovers(proposal, context)?;
    Ok(plan)
}

/// Ledger, number and predecessor.
pub(super) fn check_chain(proposal: &Proposal, context: &Context<'_>) -> Result<(), Finding> {
    let fail = |code, message: &str| Err(Finding::error(code, message));
    if proposal.ceremony != context.number {
        let message =
            format!("it is ceremony {}, in the place of ceremony {}", proposal.ceremony, context.number);
        return Err(Finding::error("ceremony-number", message));
    }
    let Some(state) = context.state else {
        return match proposal.predecessor {
            None => Ok(()),
            Some(_) => fail("predecessor", "the first ceremony cannot have a predecessor"),
        };
    };
    if proposal.ledger != state.nonce {
        return fail("ledger-nonce", "it belongs to another ledger");
    }
    if proposal.predecessor != state.ceremonies.last().map(|c| c.last_line) {
        return fail("predecessor", "it does not follow the head of the ceremony before it");
    }
    let fits = match &proposal.operation {
        Operation::Recover(RecoverOperation { ceremony, last_line, interrupted, intended }) => {
            state.recoverable(*ceremony).is_some_and(|lost| {
                *last_line == lost.last_line
                    && *interrupted == lost.kind()
                    && *intended == lost.intended.is_some()
            })
        }
        _ => state.pending().is_none(),
    };
    match state.pending() {
        _ if fits => Ok(()),
        None => fail("recover", "what it recovers is not open, and left no PINs that may be half changed"),
        Some(pending) => {
            Err(Finding::error("ceremony-open", format!("ceremony {} had not ended", pending.number())))
        }
    }
}

/// The people who may act: those of the roster in force, never of one that the proposal carries, except at
/// genesis, and while a genesis is recovered whose intent every custodian had approved.
pub(super) fn applicable_roster(proposal: &Proposal, context: &Context<'_>) -> Result<Arc<Roster>, Finding> {
    let in_force = context.state.and_then(LedgerState::roster).cloned();
    let roster = match (&proposal.operation, &proposal.new_roster, in_force) {
        (Operation::Genesis(_), Some(document), None) if context.number == 0 => {
            let roster = Roster::in_walk(document.clone(), context.signatures)
                .and_then(|roster| roster.check_attestation_dates(proposal.created).map(|()| roster))
                .map_err(|error| Finding::error("roster", error.to_string()))?;
            let deal = roster.deal();
            if deal.mode != context.mode || deal.ledger != proposal.ledger {
                return Err(Finding::error(
                    "roster-deal",
                    "its shares were dealt for another ledger, or in the other mode",
                ));
            }
            if deal.epoch != 1 {
                return Err(Finding::error("roster-deal", "a genesis deals epoch 1"));
            }
            if deal.station != proposal.station.keys {
                return Err(Finding::error(
                    "station-keys",
                    "its shares were dealt by a station other than the one that is signed",
                ));
            }
            Arc::new(roster)
        }
        (Operation::Genesis(_), _, _) => {
            return Err(Finding::error("genesis", "a genesis is the first ceremony and carries its roster"));
        }
        (_, Some(_), _) => return Err(Finding::error("roster", "it carries a roster of its own")),
        (_, None, Some(roster)) => roster,
        (operation, None, None) => {
            let Some(recovery) = context.state.and_then(|state| state.recovery(operation)) else {
                return Err(Finding::error("roster", "no genesis has completed: no roster is in force"));
            };
            let lost = Some(recovery.lost).filter(|lost| lost.can_lend_its_roster());
            lost.map(|lost| Arc::clone(&lost.roster)).ok_or_else(|| {
                Finding::error("roster", "no genesis has touched its targets, so there is no roster")
            })?
        }
    };
    if roster.digest() != proposal.roster {
        return Err(Finding::error("roster-digest", "it names a roster other than the one in force"));
    }
    Ok(roster)
}

/// A station's keys are made for one ceremony and are nobody else's.
fn check_station(proposal: &Proposal, roster: &Roster, context: &Context<'_>) -> Result<(), Finding> {
    let keys = &proposal.station.keys;
    let points = keys.points();
    let distinct: BTreeSet<_> = points.iter().collect();
    let of_roster = points.iter().any(|point| roster.has_key(*point));
    let used = context.state.is_some_and(|state| state.ceremonies.knows_station(keys));
    if distinct.len() < points.len() || of_roster || used {
        return Err(Finding::error("station-keys", "its station's keys are in use elsewhere"));
    }
    Ok(())
}

/// What opens the releases is split among all administrators where the policy demands two of them, and otherwise not.
fn check_keepers(proposal: &Proposal, roster: &Roster) -> Result<(), Finding> {
    let keepers = proposal.station.keepers.iter().map(|keeper| &keeper.administrator);
    if roster.policy().station_keepers == 1 {
        if keepers.len() == 0 {
            return Ok(());
        }
        return Err(Finding::error(
            "station-keepers",
            "its station has keepers, and the policy demands none",
        ));
    }
    if keepers.eq(roster.administrators().map(|person| &person.name)) {
        return Ok(());
    }
    Err(Finding::error(
        "station-keepers",
        "the keepers of its station are not the administrators of the roster",
    ))
}

/// Checks that the file beside the transcript is the plan that was proposed.
pub fn check_plan_file(files: &CeremonyFiles, proposal: &Proposal) -> Result<(), Finding> {
    if files.plan != proposal.plan.as_bytes() {
        let mut restored = files.plan.clone();
        restored.retain(|byte| *byte != b'\r');
        let message = if restored == proposal.plan.as_bytes() {
            "plan.toml differs from the plan that was proposed only in its line endings: git (core.autocrlf) or a transfer as \
             text changed them"
        } else {
            "plan.toml is not the plan that was proposed"
        };
        return Err(Finding::error("plan-mismatch", message));
    }
    Ok(())
}

fn check_plan(proposal: &Proposal, plan: Result<Plan, Finding>) -> Result<Plan, Finding> {
    let plan = plan?;
    agreement::check(&plan, proposal).map_err(differs)?;
    Ok(plan)
}

fn differs(what: Difference) -> Finding {
    Finding::error("plan-mismatch", format!("the proposal differs from its plan: {what}"))
}

/// Checks that the operation is on targets of the quorum as they are on record.
fn check_operation(
    plan: &Plan,
    proposal: &Proposal,
    roster: &Roster,
    context: &Context<'_>,
) -> Result<(), Finding> {
    let fail = |message: String| Err(Finding::error("operation", message));
    let joining = proposal.operation.installs();
    for (place, target) in joining.iter().enumerate() {
        if let Some(twin) = joining.iter().take(place).find(|earlier| earlier.is_same_token(target)) {
            return fail(format!("{} and {} are one token", twin.name, target.name));
        }
        check_new_target(target, roster, context).map_err(|m| Finding::error("operation", m))?;
    }
    let Some((name, identity)) = proposal.operation.target() else { return Ok(()) };
    let Some((state, target)) = context.state.and_then(|s| s.targets.get(name).map(|t| (s, t))) else {
        return fail(format!("{name} is not a target of this quorum"));
    };
    // Only an inventory whose plan says so takes another file for the target's module, and only such a command for its program.
    let replaces = plan.replaces_module(&proposal.operation);
    let module_sha256 = if replaces { identity.module_sha256 } else { target.identity.module_sha256 };
    if *identity != (TokenIdentity { module_sha256, ..target.identity.clone() }) {
        return fail(format!("{name} is not pinned as the token that the ledger has on record"));
    }
    if target.target.place.is_program() != proposal.operation.facts().is_for_programs {
        return fail(format!("{name} is a program or a token, and the operation is of the other kind"));
    }
    let has_backup = |ceremony: u32, sha256: Digest, objects: &[ObjectRecord]| {
        state.backups.get(&ceremony).is_some_and(|record| {
            record.sha256 == sha256 && record.entries.iter().map(|entry| &entry.object).eq(objects)
        })
    };
    let record = OnRecord {
        target: &target.target,
        identity: &target.identity,
        objects: target.inventory.as_ref().map(|i| i.objects.as_slice()).unwrap_or_default(),
        has_backup: &has_backup,
    };
    proposal.operation.check_record(&record).or_else(fail)?;
    plan.means(&proposal.operation, record.objects).map_err(differs)
}

/// A target that is to join has a name of its own, is not a target yet, and belongs to authorities that exist.
fn check_new_target(target: &GenesisTarget, roster: &Roster, context: &Context<'_>) -> Result<(), String> {
    let name = &target.name;
    let strict = context.mode == Mode::Production && !roster.policy().allow_soft_cards;
    if strict && target.place.is_practice() {
        return Err(format!("{name}: a practice token in production, which the policy refuses"));
    }
    let application = target.reissued().and_then(|rule| rule.recipient.as_ref());
    if application.is_some_and(|recipient| {
        KeyPoint::of_application(recipient).iter().any(|point| roster.has_key(*point))
    }) {
        return Err(format!("{name}: its application's recipient is a key of the quorum"));
    }
    let unknown = target.credentials.iter().find(|r| roster.deal().authority(&r.authority).is_none());
    if let Some(rule) = unknown {
        return Err(format!("there is no authority {}", rule.authority));
    }
    let Some(state) = context.state else { return Ok(()) };
    if state.any_target(name).is_some() {
        return Err(format!("{name} is the name of a target that the quorum has or had"));
    }
    match state.targets.iter().find(|(_, known)| known.is_token_of(target)) {
        Some((known, _)) => Err(format!("{name} is the same token as {known}")),
        None => Ok(()),
    }
}

/// Exactly the credentials that the operation makes, each once, with the next version, for one recipient.
fn check_credentials(plan: &Plan, proposal: &Proposal, context: &Context<'_>) -> Result<(), Finding> {
    let fail = |message: String| Err(Finding::error("credential", message));
    let mut wanted = wanted_credentials(plan, proposal, context);
    for credential in &proposal.credentials {
        let (authority, target, role) = (&credential.authority, &credential.target, credential.role);
        if !wanted.remove(&(authority.clone(), target.clone(), role)) {
            return fail(format!(
                "the {role} of {target} for {authority} is not one that this operation makes"
            ));
        }
        let version = context.state.map_or(1, |s| s.next_version(target, role));
        if credential.version != version {
            return fail(format!(
                "the {role} of {target} has version {}, the next one is {version}",
                credential.version
            ));
        }
        hybrid::check_sealed(&credential.file.0)
            .or_else(|error| fail(format!("the sealed {role} of {target}: {error}")))?;
        if credential.bits > MAX_BITS {
            return fail(format!(
                "the {role} of {target} is recorded with {} bits: no credential has over {MAX_BITS}",
                credential.bits
            ));
        }
    }
    match wanted.first() {
        Some((authority, target, role)) => fail(format!("the {role} of {target} for {authority} is missing")),
        None => Ok(()),
    }
}

/// Each PIN that is reissued is sealed to its application, and nothing else is.
fn check_handovers(proposal: &Proposal, context: &Context<'_>) -> Result<(), Finding> {
    let fail = |message: String| Err(Finding::error("handover", message));
    let operation = &proposal.operation;
    let facts = operation.facts();
    let named = operation.target().filter(|_| facts.sets_pins || facts.logs_in());
    let named = named.and_then(|(name, _)| context.state?.targets.get(name)).map(|target| &target.target);
    let targets: Vec<&GenesisTarget> = operation.installs().iter().chain(named).collect();
    let wanted: Vec<_> = targets.iter().filter_map(|t| t.reissued().map(|rule| (&t.name, rule))).collect();
    for handover in &proposal.handovers {
        let target = &handover.target;
        let of_target = wanted.iter().find(|(name, _)| *name == target);
        if of_target.is_none_or(|(_, rule)| rule.recipient.as_ref() != Some(&handover.recipient)) {
            return fail(format!("the user-pin of {target} is not for {}", handover.recipient.told()));
        }
        let same = |c: &SealedCredential| {
            c.target == *target && c.role == Role::UserPin && c.version == handover.version
        };
        if !proposal.credentials.iter().any(same) {
            return fail(format!("the user-pin of {target} that is handed over is not the one that is set"));
        }
        handover
            .recipient
            .check_sealed(&handover.file.0)
            .or_else(|error| fail(format!("the sealed user-pin of {target}: {error}")))?;
    }
    let each = |name: &Name| proposal.handovers.iter().filter(|h| h.target == *name).count();
    match wanted.iter().find(|(name, _)| each(name) != 1) {
        Some((name, _)) => fail(format!("the user-pin of {name} is to be handed over once")),
        None => Ok(()),
    }
}

/// An operation that sets PINs says which. Every other one changes the held PINs that its target will have seen, unless its plan keeps them,
/// and sets a reissued one.
fn wanted_credentials(
    plan: &Plan,
    proposal: &Proposal,
    context: &Context<'_>,
) -> BTreeSet<(Name, Name, Role)> {
    let (operation, facts) = (&proposal.operation, proposal.operation.facts());
    let target = operation.target().and_then(|(name, _)| context.state?.targets.get(name));
    if facts.sets_pins {
        return operation.sets(target.map(|target| &target.target)).into_iter().collect();
    }
    let Some(target) = target.filter(|_| facts.logs_in()) else { return BTreeSet::new() };
    let renewed = target.exposed().filter(|_| !plan.keeps_pins());
    let rules = renewed.into_iter().chain(target.target.reissued());
    rules.map(|rule| (rule.authority.clone(), target.target.name.clone(), rule.role)).collect()
}
