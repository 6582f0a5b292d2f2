//! Backup and restore: one age file sealed to the authority of the backup key, entry by entry.
//!
//! The file is JSON lines: a header that names ledger, ceremony, proposal and target, then one line for each object. Keys
//! in it are wrapped under the backup key as well, so that opening the age file alone gives no key.

use std::io::{BufRead as _, BufReader, Read, Write};

use serde::{Deserialize, Serialize};

use super::{
    Error,
    act::{Acted, Acting},
};
use crate::{
    approval::authorization::Authorization,
    encoding::{
        bounds,
        digest::{Digest, Hasher},
        strict,
        text::{Line, Name},
    },
    memory::{CredentialSecret, Pin},
    ports::token::{BackupSink, BackupSource, Export, Restoration, Run, Token},
    proposal::{
        choice,
        identity::{made_again, matching},
        operations::{BackupOperation, Operation, RestoreOperation},
        target::{BackupEntry, Inventory, LeftOut, ObjectClass, ObjectRecord, Role},
    },
    transcript::{
        event::{BackedUp, BackupRecord, TargetState},
        outcome::Outcome,
    },
};

/// First line of a backup.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    #[serde(deserialize_with = "bounds::algorithm")]
    format: String,
    ledger: Digest,
    ceremony: u32,
    proposal: Digest,
    target: Name,
}

const FORMAT: &str = "quorate-backup-v1";

/// What opens the token and the backup.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    /// Logs in.
    pub user_pin: &'a Pin,
    /// Wraps each key.
    pub backup_key: &'a CredentialSecret,
    /// Opens the file: that of the backup key's authority.
    pub identity: &'a crate::sealing::x25519::X25519Identity,
}

/// Does a backup or a restore, after the inventory was compared.
pub(super) fn act(
    acting: &mut Acting<'_, '_>,
    token: &mut dyn Token,
    name: &Name,
    keys: Keys<'_>,
    grant: Authorization,
) -> Result<Acted, Error> {
    match &acting.ceremony.proposal.operation {
        Operation::Backup(BackupOperation { output, allow_partial, objects, .. }) => {
            backup(acting, token, name, keys, grant, (output, *allow_partial, objects))
        }
        Operation::Restore(RestoreOperation { input, sha256, backup, objects, allow_partial, .. }) => {
            restore(
                acting,
                token,
                name,
                keys,
                grant,
                &Wanted { input, sha256: *sha256, backup: *backup, objects, allow_partial: *allow_partial },
            )
        }
        _ => Err(Error::refused("neither backup nor restore", "audit the ledger")),
    }
}

/// Why a backup cannot take what was approved: something is missing, or it is not certain what is meant. What else is in
/// the token does not matter, and is not taken.
pub(super) fn uncertain(operation: &Operation, there: &[ObjectRecord]) -> Option<String> {
    let Operation::Backup(BackupOperation { objects, .. }) = operation else { return None };
    match choice::choose(there, objects) {
        Err(doubt) => Some(doubt.to_string()),
        Ok(choice) => choice
            .missing
            .first()
            .map(|missing| format!("{missing} is not in the token any more, and was approved")),
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

/// Counts and hashes what goes to the file.
struct Counted<W> {
    inner: W,
    hasher: Hasher,
    length: u64,
}

impl<W: Write> Write for Counted<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        self.length = self.length.saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.inner.flush()
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
        // What came into the token since is not the quorum's to take along.
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

fn backup(
    acting: &mut Acting<'_, '_>,
    token: &mut dyn Token,
    name: &Name,
    keys: Keys<'_>,
    grant: Authorization,
    (output, allow_partial, objects): (&str, bool, &[ObjectRecord]),
) -> Result<Acted, Error> {
    let what = format!("backup of {name}");
    let failed = |e: &dyn std::fmt::Display| Acted::new(Outcome::Failed, format!("{what}: {e}"));
    let header = header(acting, name);
    if acting.world.artifacts.exists(output) {
        // Ours if it opens and names this very proposal: published just before a crash.
        if acting.run == Run::First || !is_ours(acting, output, keys.identity, &header) {
            return Ok(failed(&format!(
                "{output} exists, and it is not this ceremony's: it is not overwritten"
            )));
        }
        acting.world.artifacts.remove(output)?;
    }
    let file = acting.world.artifacts.begin(output)?;
    let counted = Counted { inner: file, hasher: Hasher::default(), length: 0 };
    let recipient = keys.identity.to_public();
    let encryptor = age::Encryptor::with_recipients(std::iter::once(&recipient as &dyn age::Recipient))
        .map_err(|e| Error::problem(format!("{what}: {e}"), "run the command again"))?;
    let age = match encryptor.wrap_output(counted) {
        Ok(age) => age,
        Err(error) => return Ok(failed(&error)),
    };
    let mut lines = Lines { age, approved: Approved::of(objects), entries: Vec::new() };
    let mut first = strict::write(&header);
    first.push(b'\n');
    if let Err(error) = lines.age.write_all(&first) {
        return Ok(failed(&error));
    }
    let export = match token.backup(grant, keys.user_pin, keys.backup_key, &mut lines, acting.world.progress)
    {
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
    // What came into the token since is nobody's loss; objects of other classes are on no inventory.
    let mut is_approved = |object: &ObjectRecord| object.class == ObjectClass::Other || approved.take(object);
    let left_out: Vec<LeftOut> = left_out.into_iter().filter(|left| is_approved(&left.object)).collect();
    let finished = age.finish().and_then(|mut counted| counted.flush().map(|()| counted));
    let counted = match finished {
        Ok(counted) => counted,
        Err(error) => return Ok(failed(&error)),
    };
    let keys = entries.iter().filter(|e| is_key(&e.object)).count();
    let refuse = keys == 0 || (!left_out.is_empty() && !allow_partial);
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
        key_version: acting
            .backup_source(acting.ceremony)?
            .credentials
            .get(&Role::BackupKey)
            .and_then(|keys| keys.first())
            .map_or(0, |c| c.version),
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

/// The part of a summary about objects that are there, but not with all that restricts them.
fn without_all(unkept: &[LeftOut]) -> String {
    match unkept.len() {
        0 => String::new(),
        1 => "; 1 of them does not keep all its attributes".to_owned(),
        many => format!("; {many} of them do not keep all their attributes"),
    }
}

fn header(acting: &Acting<'_, '_>, name: &Name) -> Header {
    Header {
        format: FORMAT.into(),
        ledger: acting.state.nonce,
        ceremony: acting.ceremony.number(),
        proposal: acting.ceremony.digest,
        target: name.clone(),
    }
}

fn is_ours(
    acting: &mut Acting<'_, '_>,
    path: &str,
    identity: &crate::sealing::x25519::X25519Identity,
    header: &Header,
) -> bool {
    let Ok(file) = acting.world.artifacts.open(path) else { return false };
    Entries::open(file, identity).is_ok_and(|(found, _)| found == *header)
}

struct Wanted<'a> {
    input: &'a str,
    sha256: Digest,
    backup: u32,
    objects: &'a [ObjectRecord],
    allow_partial: bool,
}

/// The entries of a backup, each compared with the manifest that its ceremony recorded.
struct Entries {
    lines: BufReader<Box<dyn Read>>,
    manifest: Vec<BackedUp>,
    next: usize,
}

impl Entries {
    fn open(
        file: Box<dyn Read>,
        identity: &crate::sealing::x25519::X25519Identity,
    ) -> std::io::Result<(Header, Self)> {
        let other = |e: &dyn std::fmt::Display| std::io::Error::other(e.to_string());
        let decryptor = age::Decryptor::new(file).map_err(|e| other(&e))?;
        let single = crate::sealing::single::SingleRecipient(identity);
        let stream =
            decryptor.decrypt(std::iter::once(&single as &dyn age::Identity)).map_err(|e| other(&e))?;
        let mut entries = Self { lines: BufReader::new(Box::new(stream)), manifest: Vec::new(), next: 0 };
        let line = entries.line()?.ok_or_else(|| other(&"the backup is empty"))?;
        let header: Header = strict::parse(&line).map_err(|e| other(&e))?;
        Ok((header, entries))
    }

    /// One line of at most the length of a document.
    fn line(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        let limit = u64::try_from(strict::MAX_DOCUMENT).unwrap_or(u64::MAX);
        let read = (&mut self.lines).take(limit).read_until(b'\n', &mut line)?;
        match (read, line.pop()) {
            (0, _) => Ok(None),
            (_, Some(b'\n')) => Ok(Some(line)),
            _ => Err(std::io::Error::other("a line of the backup is cut, or too long")),
        }
    }
}

impl BackupSource for Entries {
    fn count(&self) -> usize {
        self.manifest.len()
    }

    fn entry(&mut self) -> Result<Option<BackupEntry>, std::io::Error> {
        let recorded = self.manifest.get(self.next);
        let Some(recorded) = recorded.cloned() else {
            return match self.line()? {
                None => Ok(None),
                Some(_) => {
                    Err(std::io::Error::other("the backup has more entries than its ceremony recorded"))
                }
            };
        };
        let line = self.line()?.ok_or_else(|| std::io::Error::other("the backup is cut short"))?;
        if Digest::of(&line) != recorded.sha256 {
            return Err(std::io::Error::other(format!(
                "the entry of {} is not the one that was recorded",
                recorded.object
            )));
        }
        let entry: BackupEntry = strict::parse(&line).map_err(|e| std::io::Error::other(e.to_string()))?;
        if entry.object != recorded.object {
            return Err(std::io::Error::other(format!(
                "the entry of {} is for another object",
                recorded.object
            )));
        }
        self.next = self.next.saturating_add(1);
        Ok(Some(entry))
    }
}

fn restore(
    acting: &mut Acting<'_, '_>,
    token: &mut dyn Token,
    name: &Name,
    keys: Keys<'_>,
    grant: Authorization,
    wanted: &Wanted<'_>,
) -> Result<Acted, Error> {
    let what = format!("restore onto {name}");
    let failed = |e: &dyn std::fmt::Display| {
        Acted::new(Outcome::Failed, format!("{what}: {e}; this run added nothing"))
    };
    if hash(acting.world.artifacts.open(wanted.input)?)? != wanted.sha256 {
        return Ok(failed(&format!(
            "{} is not the backup that this ledger recorded (SHA-256 differs)",
            wanted.input
        )));
    }
    let record = acting.state.backups.get(&wanted.backup);
    let manifest = record.map(|r| r.entries.clone()).unwrap_or_default();
    let (header, mut entries) = match Entries::open(acting.world.artifacts.open(wanted.input)?, keys.identity)
    {
        Ok(opened) => opened,
        Err(error) => return Ok(failed(&error)),
    };
    if header.format != FORMAT || header.ledger != acting.state.nonce || header.ceremony != wanted.backup {
        return Ok(failed(&"the backup is of another ledger or ceremony"));
    }
    entries.manifest = manifest;
    let pinned = acting.ceremony.proposal.operation.target().map(|(_, identity)| identity);
    let pinned = pinned.ok_or_else(|| Error::refused("the proposal names no target", "audit the ledger"))?;
    let result = token.restore(grant, keys.user_pin, keys.backup_key, &mut entries, acting.world.progress);
    let after = token.inventory(keys.user_pin);
    Ok(match (result, after) {
        (_, Ok(after)) if after.identity != *pinned => {
            Acted::new(Outcome::Indeterminate, format!("{what}: afterwards another token answers"))
        }
        (Ok(restoration), Ok(after)) => judge(&what, restoration, wanted, name, after),
        (Err(error), Ok(after)) => {
            let mut acted = Acted::from_error(&what, &error);
            let reason = Line::lossy(&error.to_string());
            let missing = missing(wanted.objects, &after);
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
            acted.summary = format!("{what}: {first}; and afterwards it cannot be looked at: {error}");
            acted
        }
    })
}

/// Those of the objects that are not in the token, each as often as it is wanted.
fn missing(objects: &[ObjectRecord], after: &Inventory) -> Vec<ObjectRecord> {
    made_again(objects, &after.objects).gone.into_iter().cloned().collect()
}

fn there(total: usize, missing: usize) -> String {
    format!("looked at afterwards, {} of {total} objects are there", total.saturating_sub(missing))
}

/// What a restore came to: each object is there and proven, or named.
fn judge(what: &str, restoration: Restoration, wanted: &Wanted<'_>, name: &Name, after: Inventory) -> Acted {
    let Restoration { restored, mut left_out, unkept } = restoration;
    // Of objects that nothing tells apart, each that is missing counts.
    let missing = missing(wanted.objects, &after);
    let told = matching(&missing, left_out.iter().map(|left| &left.object)).gone;
    let untold = told.into_iter().cloned().map(|object| LeftOut {
        object,
        reason: Line::lossy("it is not in the token when that is looked at again"),
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
        acted.hint = "see above why; 'quorate execute' again tries those that are missing; or give it up with 'quorate execute \
                      --give-up', and propose a restore with allow_partial = true"
            .into();
    }
    acted.restored = restored;
    acted.left_out = left_out;
    acted.unkept = unkept;
    acted.targets = vec![TargetState { name: name.clone(), inventory: Some(after) }];
    acted
}

/// SHA-256 of a file.
pub(super) fn hash(mut file: Box<dyn Read>) -> Result<Digest, Error> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = file
            .read(&mut buffer)
            .map_err(|e| Error::problem(format!("the backup cannot be read: {e}"), "check the medium"))?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(buffer.get(..read).unwrap_or_default());
    }
}
