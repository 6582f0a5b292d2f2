//! A restore: the objects of a backup are made again, and each is proven.

use crate::{
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        backup::{self, BackupKeys, Entries, without_all},
        fresh_pins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
        session::Session,
    },
    encoding::{absolute_path::AbsolutePath, digest::Digest, text::Line},
    ports::token::Restoration,
    proposal::{
        identity::{made_again, matching},
        operations::{RestoreOperation, RestorePlan},
        target::{Inventory, LeftOut, ObjectRecord, Observation},
    },
    transcript::{event::TargetState, ledger::TargetInForce, outcome::Outcome},
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &RestorePlan) -> Pinned<RestoreOperation> {
    let target = pinning::token(proposing.state, &plan.target)?;
    let seen = pinning::observe(proposing.world.tokens, &plan.target, target)?;
    let record = proposing.state.backups.get(&plan.backup).ok_or_else(|| {
        Error::refused(
            format!("ceremony {} of this ledger made no backup", plan.backup),
            "name the ceremony that made it: 'quorate status' lists them",
        )
    })?;
    // The path is signed: one that is wrong costs all approvals.
    check_input(proposing.world, &plan.input, record.sha256)?;
    let pins = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    let operation = RestoreOperation {
        target: plan.target.clone(),
        identity: seen.identity,
        backup: plan.backup,
        sha256: record.sha256,
        input: plan.input.clone(),
        objects: record.entries.iter().map(|e| e.object.clone()).collect(),
        allow_partial: plan.allow_partial,
    };
    Ok((operation, pins))
}

/// The file is there, and is the backup that was recorded.
fn check_input(world: &mut World<'_>, file: &AbsolutePath, recorded: Digest) -> Result<(), Error> {
    let found = world.artifacts.open(file).map_err(|error| {
        let mut error = Error::from(error);
        error.hint =
            "mount its medium, or bring the file there; once it is proposed, its path cannot be changed"
                .into();
        error
    })?;
    if backup::hash(found)? == recorded {
        return Ok(());
    }
    Err(Error::refused(
        format!("{file} is not the backup that this ledger recorded (SHA-256 differs)"),
        "bring the right file, then run the same command again; nothing was touched",
    ))
}

impl Performed for RestoreOperation {
    /// Whether the file is there and the right one is found out while a refusal still costs nothing.
    fn check_ready(&self, world: &mut World<'_>, _: &TargetInForce, _: &Observation) -> Result<(), Error> {
        check_input(world, &self.input, self.sha256)
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        let identity = acting.backup_identity(&granted.authorities)?;
        acting.logged_in(granted, |acting, session| {
            let keys = acting.backup_keys(session.user_pin, session.credentials, &identity)?;
            restore(self, acting, session, keys)
        })
    }
}

fn restore(
    wanted: &RestoreOperation,
    acting: &mut Acting<'_, '_>,
    session: Session<'_>,
    keys: BackupKeys<'_>,
) -> Result<Acted, Error> {
    let name = &wanted.target;
    let what = format!("restore onto {name}");
    let failed = |e: &dyn std::fmt::Display| {
        Acted::new(Outcome::Failed, format!("{what}: {e}; this run added nothing"))
    };
    if backup::hash(acting.world.artifacts.open(&wanted.input)?)? != wanted.sha256 {
        return Ok(failed(&format!(
            "{} is not the backup that this ledger recorded (SHA-256 differs)",
            wanted.input
        )));
    }
    let file = acting.world.artifacts.open(&wanted.input)?;
    let mut entries = match Entries::recorded(file, keys.identity, (acting.state, wanted.backup)) {
        Ok(entries) => entries,
        Err(error) => return Ok(failed(&error)),
    };
    let result = session.token.restore(
        session.grant,
        keys.user_pin,
        keys.backup_key,
        &mut entries,
        acting.world.progress,
    );
    let after = session.token.inventory(keys.user_pin);
    Ok(match (result, after) {
        (_, Ok(after)) if after.identity != wanted.identity => {
            Acted::new(Outcome::Indeterminate, format!("{what}: afterwards another token answers"))
        }
        (Ok(restoration), Ok(after)) => judge(&what, restoration, wanted, after),
        (Err(error), Ok(after)) => {
            let mut acted = Acted::from_error(&what, &error);
            let reason = Line::lossy(&error.to_string());
            let missing = missing(&wanted.objects, &after);
            acted.summary = format!("{}; {}", acted.summary, there(wanted.objects.len(), missing.len()));
            acted.left_out =
                missing.into_iter().map(|object| LeftOut { object, reason: reason.clone() }).collect();
            acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
            acted
        }
        (Ok(restoration), Err(error)) => {
            let mut acted = Acted::after_error(&what, &error);
            acted.left_out = restoration.left_out;
            acted
        }
        (Err(first), Err(error)) => {
            let mut acted = Acted::after_error(&what, &error);
            acted.summary = format!("{what}: {first}; and afterwards the token could not be read: {error}");
            acted
        }
    })
}

/// Those of the objects that are not in the token, each as often as it was approved.
fn missing(objects: &[ObjectRecord], after: &Inventory) -> Vec<ObjectRecord> {
    made_again(objects, &after.objects).gone.into_iter().cloned().collect()
}

fn there(total: usize, missing: usize) -> String {
    format!("looked at afterwards, {} of {total} objects are there", total.saturating_sub(missing))
}

/// The outcome of a restore: each object is there and proven, or named.
fn judge(what: &str, restoration: Restoration, wanted: &RestoreOperation, after: Inventory) -> Acted {
    let Restoration { restored, mut left_out, unkept } = restoration;
    // Of objects that nothing tells apart, each that is missing counts.
    let missing = missing(&wanted.objects, &after);
    let told = matching(&missing, left_out.iter().map(|left| &left.object)).gone;
    let untold = told.into_iter().cloned().map(|object| LeftOut {
        object,
        reason: Line::lossy("it is not in the token when that is read again"),
    });
    let untold: Vec<LeftOut> = untold.collect();
    left_out.extend(untold);
    let total = wanted.objects.len();
    let complete = left_out.is_empty() || (wanted.allow_partial && left_out.len() < total);
    let outcome = if complete { Outcome::Completed } else { Outcome::Failed };
    let proven = there(total, left_out.len());
    let not: Vec<String> = left_out.iter().map(|left| left.object.to_string()).collect();
    let not = if not.is_empty() { String::new() } else { format!("; not restored: {}", not.join("; ")) };
    let mut acted = Acted::new(outcome, format!("{what}: {proven} and proven{}{not}", without_all(&unkept)));
    if left_out.len() < total {
        acted.hint = "the reasons are above; 'quorate execute' again tries the missing ones; or give it up with 'quorate execute \
                      --give-up', and propose a restore with allow_partial = true"
            .into();
    }
    acted.restored = restored;
    acted.left_out = left_out;
    acted.unkept = unkept;
    acted.targets = vec![TargetState { name: wanted.target.clone(), inventory: Some(after) }];
    acted
}
