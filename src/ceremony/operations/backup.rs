//! A backup: what can be exported is written to a file, wrapped under the backup key.

use std::io::Write;

use crate::{
    ceremony::{
        Error, World,
        acting::{Acted, Acting, Granted},
        backup::{BackupKeys, Counted, Entries, Header, without_all},
        fresh_pins,
        operations::performed::{Performed, Pinned, Proposing},
        pinning,
        session::Session,
    },
    encoding::{
        digest::{Digest, Hasher},
        output_path::OutputPath,
        strict,
    },
    ports::token::{Attempt, BackupSink, Export},
    proposal::{
        choice,
        operations::{BackupOperation, BackupPlan},
        target::{BackupEntry, LeftOut, ObjectClass, ObjectRecord, Observation, Role},
    },
    sealing::hybrid::HybridIdentity,
    transcript::{
        event::{BackedUp, BackupRecord, TargetState},
        ledger::TargetInForce,
        outcome::Outcome,
    },
};

pub(super) fn propose(proposing: &mut Proposing<'_, '_>, plan: &BackupPlan) -> Pinned<BackupOperation> {
    let target = pinning::token(proposing.state, &plan.target)?;
    need_backup_key(target)?;
    let seen = pinning::observe(proposing.world.tokens, &plan.target, target)?;
    pinning::check_output(proposing.world, &plan.output)?;
    let pins = fresh_pins::renewal(proposing.state, &proposing.roster, target, &seen, plan.keep_pins)?;
    let operation = BackupOperation {
        target: plan.target.clone(),
        identity: seen.identity,
        objects: pinning::recorded(target),
        output: plan.output.clone(),
        allow_partial: plan.allow_partial,
    };
    Ok((operation, pins))
}

fn need_backup_key(target: &TargetInForce) -> Result<(), Error> {
    if target.credentials.contains_key(&Role::BackupKey) {
        return Ok(());
    }
    Err(Error::refused(
        format!("the quorum has no backup key for {}", target.target.name),
        "a genesis or an adoption makes one if its plan has credentials.backup-key for the target",
    ))
}

impl Performed for BackupOperation {
    /// Whether the file can be written is found out while a refusal still costs nothing.
    fn check_ready(&self, world: &mut World<'_>, _: &TargetInForce, _: &Observation) -> Result<(), Error> {
        pinning::check_output(world, &self.output)
    }

    fn perform(&self, acting: &mut Acting<'_, '_>, granted: Granted) -> Result<Acted, Error> {
        let identity = acting.backup_identity(&granted.authorities)?;
        acting.logged_in(granted, |acting, session| {
            if let Some(why) = uncertain(self, &session.before.objects) {
                let mut acted = Acted::new(Outcome::Failed, format!("backup on {}: {why}", self.target));
                acted.advise(
                    "record them with an \"inventory\" and propose again, or find out who changed them",
                );
                acted.targets =
                    vec![TargetState { name: self.target.clone(), inventory: Some(session.before) }];
                return Ok(acted);
            }
            let keys = acting.backup_keys(session.user_pin, session.credentials, &identity)?;
            export(self, acting, session, keys)
        })
    }
}

/// Why a backup cannot take what was approved: something is missing, or it is not certain what is meant. What else is in
/// the token does not matter, and is not taken.
fn uncertain(operation: &BackupOperation, there: &[ObjectRecord]) -> Option<String> {
    match choice::choose(there, &operation.objects) {
        Err(doubt) => Some(doubt.to_string()),
        Ok(choice) => choice
            .missing
            .first()
            .map(|missing| format!("{missing} was approved, and is no longer in the token")),
    }
}

/// The objects that may leave the token, sorted, each until it is taken.
struct Approved<'a> {
    objects: Vec<&'a ObjectRecord>,
    taken: Vec<bool>,
}

impl<'a> Approved<'a> {
    fn of(objects: &'a [ObjectRecord]) -> Self {
        let mut objects: Vec<&ObjectRecord> = objects.iter().collect();
        objects.sort();
        Self { taken: vec![false; objects.len()], objects }
    }

    /// Whether this one is approved, and was not taken before.
    fn take(&mut self, object: &ObjectRecord) -> bool {
        let start = self.objects.partition_point(|approved| approved.identity() < object.identity());
        let alike =
            self.objects.iter().skip(start).take_while(|approved| approved.is_same_object(object)).count();
        let places = self.taken.iter_mut().skip(start).take(alike);
        let free = places.into_iter().find(|taken| !**taken);
        free.map(|taken| *taken = true).is_some()
    }
}

/// Writes entries as lines and keeps the manifest.
struct Lines<'a, W: Write> {
    age: age::stream::StreamWriter<Counted<W>>,
    approved: Approved<'a>,
    entries: Vec<BackedUp>,
}

impl<W: Write> BackupSink for Lines<'_, W> {
    fn entry(&mut self, entry: BackupEntry) -> Result<(), std::io::Error> {
        // What was added to the token since was not approved.
        if !self.approved.take(&entry.object) {
            return Ok(());
        }
        let mut line = strict::write(&entry);
        let sha256 = Digest::of(&line);
        line.push(b'\n');
        self.age.write_all(&line)?;
        self.entries.push(BackedUp { object: entry.object, sha256 });
        Ok(())
    }
}

fn export(
    operation: &BackupOperation,
    acting: &mut Acting<'_, '_>,
    session: Session<'_>,
    keys: BackupKeys<'_>,
) -> Result<Acted, Error> {
    let (name, output) = (&operation.target, &operation.output);
    let what = format!("backup of {name}");
    let failed = |e: &dyn std::fmt::Display| Acted::new(Outcome::Failed, format!("{what}: {e}"));
    let header = Header::of(acting.state, acting.ceremony, name);
    if acting.world.artifacts.exists(output) {
        // Ours if it opens and names this very proposal: published just before a crash.
        if acting.run == Attempt::First || !is_ours(acting, output, keys.identity, &header) {
            return Ok(failed(&format!("{output} exists and is not this ceremony's: it is not overwritten")));
        }
        acting.world.artifacts.remove(output)?;
    }
    let file = acting.world.artifacts.begin(output)?;
    let counted = Counted { inner: file, hasher: Hasher::default(), length: 0 };
    let recipient = keys.identity.recipient();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|e| Error::problem(format!("{what}: {e}"), "run the command again"))?;
    let age = match encryptor.wrap_output(counted) {
        Ok(age) => age,
        Err(error) => return Ok(failed(&error)),
    };
    let mut lines = Lines { age, approved: Approved::of(&operation.objects), entries: Vec::new() };
    let mut first = strict::write(&header);
    first.push(b'\n');
    if let Err(error) = lines.age.write_all(&first) {
        return Ok(failed(&error));
    }
    let export = match session.token.backup(
        session.grant,
        keys.user_pin,
        keys.backup_key,
        &mut lines,
        acting.world.progress,
    ) {
        Ok(export) => export,
        Err(error) => {
            acting.world.artifacts.remove(output)?;
            // A backup only reads.
            let mut acted = Acted::from_error(&what, &error);
            acted.outcome = Outcome::Failed;
            return Ok(acted);
        }
    };
    let Export { left_out, unkept } = export;
    let Lines { age, mut approved, entries } = lines;
    // Without what was added to the token since nothing is lost; objects of other classes are not in any inventory.
    let mut is_approved = |object: &ObjectRecord| object.class == ObjectClass::Other || approved.take(object);
    let left_out: Vec<LeftOut> = left_out.into_iter().filter(|left| is_approved(&left.object)).collect();
    let finished = age.finish().and_then(|mut counted| counted.flush().map(|()| counted));
    let counted = match finished {
        Ok(counted) => counted,
        Err(error) => return Ok(failed(&error)),
    };
    let keys = entries.iter().filter(|e| is_key(&e.object)).count();
    let refuse = keys == 0 || (!left_out.is_empty() && !operation.allow_partial);
    if refuse {
        acting.world.artifacts.remove(output)?;
        let mut acted = failed(&format!(
            "{keys} keys could be exported, {} objects not; no file was kept",
            left_out.len()
        ));
        acted.left_out = left_out;
        acted.hint = if keys == 0 {
            "see above why no key can leave; give it up with 'quorate execute --give-up', and use the vendor's own backup"
        } else {
            "give it up with 'quorate execute --give-up', and propose a backup with allow_partial = true"
        }
        .into();
        return Ok(acted);
    }
    acting.world.artifacts.publish(output)?;
    let mut acted = Acted::new(
        Outcome::Completed,
        format!(
            "{what}: {} objects, {keys} of them keys, in {output}; {} left out{}",
            entries.len(),
            left_out.len(),
            without_all(&unkept)
        ),
    );
    acted.backup = Some(BackupRecord {
        target: name.clone(),
        key_version: acting.backup_key(acting.ceremony)?.sealed.version,
        sha256: counted.hasher.finish(),
        length: counted.length,
        entries,
    });
    acted.left_out = left_out;
    acted.unkept = unkept;
    Ok(acted)
}

fn is_key(object: &ObjectRecord) -> bool {
    matches!(object.class, ObjectClass::PrivateKey | ObjectClass::SecretKey)
}

fn is_ours(
    acting: &mut Acting<'_, '_>,
    path: &OutputPath,
    identity: &HybridIdentity,
    header: &Header,
) -> bool {
    let Ok(file) = acting.world.artifacts.open(path) else { return false };
    Entries::open(file, identity).is_ok_and(|(found, _)| found == *header)
}
