//! Copies of a ledger on other media: where they may lie, how they relate to the ledger, how they catch up.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    path::{Path, PathBuf},
};

use super::{
    fault::{failed, refused, shown},
    layout::{self, Budget, PLAN, TRANSCRIPT, beside_name},
    writing,
};
use crate::{durable::DirectoryId, ports::store::StoreError, transcript::ledger::CeremonyFiles};

/// What a copy that is not equal is to the ledger.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Relation {
    Ahead,
    Different,
}

/// The ceremonies in which `copy` is behind `ledger`. An error if it is ahead of it or different.
pub(super) fn behind(ledger: &Path, copy: &Path) -> Result<Vec<String>, StoreError> {
    let names = layout::ceremonies(ledger)?;
    let held: BTreeSet<String> = layout::ceremonies(copy)?.into_iter().collect();
    let known: BTreeSet<&String> = names.iter().collect();
    if names.is_empty() && !held.is_empty() {
        return Err(begun_before(ledger, copy));
    }
    if let Some(alone) = held.iter().find(|name| !known.contains(name)) {
        if let Some(genesis) = names.first().filter(|first| held.contains(*first)) {
            refuse_another_quorum(ledger, copy, genesis)?;
        }
        return Err(apart(ledger, copy, &copy.join(alone), &Relation::Ahead));
    }
    let (mut ours, mut theirs) = (Budget::ledger(), Budget::ledger());
    let mut found = Vec::new();
    for name in names {
        if !held.contains(&name) {
            found.push(name);
            continue;
        }
        let original = layout::ceremony(ledger, &name, &mut ours)?;
        let duplicate = layout::ceremony(copy, &name, &mut theirs)?;
        if is_behind((ledger, &original), (copy, &duplicate))? {
            found.push(name);
        }
    }
    Ok(found)
}

/// A copy has a ledger in it, and its ledger is yet to begin.
pub(super) fn begun_before(ledger: &Path, copy: &Path) -> StoreError {
    let reason = format!("a ledger is in it, and there is none yet in {}", shown(ledger));
    let hint = "nothing was written; to begin a ledger, name a copy that does not exist yet; to go on with the one that is there, \
                name that as the ledger";
    refused("opening the copy", copy, reason, hint)
}

/// Refuses a copy whose first line, the proposal of the genesis, is another one: it is neither older nor newer.
fn refuse_another_quorum(ledger: &Path, copy: &Path, genesis: &str) -> Result<(), StoreError> {
    let begins = |place: &Path| -> Result<Option<Vec<u8>>, StoreError> {
        let transcript = layout::ceremony(place, genesis, &mut Budget::ledger())?.transcript;
        let end = transcript.iter().position(|b| *b == b'\n');
        Ok(end.and_then(|end| transcript.get(..end)).map(<[u8]>::to_vec))
    };
    match (begins(ledger)?, begins(copy)?) {
        (Some(ours), Some(theirs)) if ours != theirs => {
            let reason = format!("{} begins with another genesis than {}", shown(copy), shown(ledger));
            let hint = "nothing was written; if it is another quorum's ledger, name the copy of this one; if not, keep both as \
                        evidence";
            Err(refused("comparing the copies at", &copy.join(genesis), reason, hint))
        }
        _ => Ok(()),
    }
}

/// Brings one ceremony of a copy level with the ledger's files of it, which are verified.
pub(super) fn catch_up(ledger: &Path, copy: &Path, original: &CeremonyFiles) -> Result<(), StoreError> {
    if !layout::is_there(&copy.join(&original.directory))? {
        return writing::ceremony(copy, original).map_err(only_this_copy);
    }
    let duplicate = layout::ceremony(copy, &original.directory, &mut Budget::ledger())?;
    match is_behind((ledger, original), (copy, &duplicate))? {
        true => complete(copy, original, &duplicate).map_err(only_this_copy),
        false => Ok(()),
    }
}

/// Whether a ceremony of a copy lacks something that the ledger's has. An error if it is ahead of it or different.
pub(super) fn is_behind(
    (ledger, original): (&Path, &CeremonyFiles),
    (copy, duplicate): (&Path, &CeremonyFiles),
) -> Result<bool, StoreError> {
    let directory = copy.join(&original.directory);
    lacks(original, duplicate).map_err(|(file, how)| apart(ledger, copy, &directory.join(file), &how))
}

fn complete(copy: &Path, original: &CeremonyFiles, duplicate: &CeremonyFiles) -> Result<(), StoreError> {
    let directory = &original.directory;
    if duplicate.plan != original.plan {
        writing::plan(copy, directory, &original.plan)?;
    }
    let held = writing::besides(duplicate);
    for ((beside, statements), (_, held)) in writing::besides(original).into_iter().zip(held) {
        for statement in statements.iter().filter(|statement| !held.contains(statement)) {
            writing::statement(copy, directory, beside, (&statement.0, &statement.1))?;
        }
    }
    // Last, so that a copy whose transcript is level has what the lines speak of.
    if duplicate.transcript != original.transcript {
        writing::transcript(copy, directory, &original.transcript)?;
    }
    Ok(())
}

fn only_this_copy(error: StoreError) -> StoreError {
    // The same command may have done its work: a ceremony that it proposed is open.
    let first = error.hint.strip_suffix(", then run the same command again").unwrap_or(&error.hint);
    let hint = format!(
        "the ledger itself is whole, only this copy is behind: {first}; 'quorate status' says what comes next, and that catches the \
         copy up"
    );
    StoreError { hint, ..error }
}

/// Whether the copy lacks something: files, or the end of one. An error names the file that the ledger lacks.
pub(super) fn lacks(original: &CeremonyFiles, duplicate: &CeremonyFiles) -> Result<bool, (String, Relation)> {
    let (ours, theirs) = (parts(original), parts(duplicate));
    for (name, held) in &theirs {
        match ours.get(name) {
            // A plan is written once and never grows.
            Some(bytes) if name == PLAN && (bytes == held || held.is_empty()) => {}
            Some(_) if name == PLAN => return Err((name.clone(), Relation::Different)),
            Some(bytes) if bytes.starts_with(held) => {}
            Some(bytes) if !held.starts_with(bytes) => return Err((name.clone(), Relation::Different)),
            _ => return Err((name.clone(), Relation::Ahead)),
        }
    }
    Ok(ours != theirs)
}

fn parts(files: &CeremonyFiles) -> BTreeMap<String, &[u8]> {
    let mut parts = BTreeMap::from([
        (TRANSCRIPT.to_owned(), files.transcript.as_slice()),
        (PLAN.to_owned(), files.plan.as_slice()),
    ]);
    for (beside, statements) in writing::besides(files) {
        for (name, bytes) in statements {
            parts.insert(format!("{}/{name}", beside_name(beside)), bytes);
        }
    }
    parts
}

fn apart(ledger: &Path, copy: &Path, file: &Path, relation: &Relation) -> StoreError {
    let (ledger, copy) = (shown(ledger), shown(copy));
    match relation {
        Relation::Ahead => refused(
            "comparing the copies at",
            file,
            format!(
                "the copy {copy} has this, and the ledger {ledger} does not: the ledger is the older one"
            ),
            format!(
                "nothing was written; audit {copy} against the last head on paper: if it is the true one, \
                 name it as the ledger and {ledger} as its copy"
            ),
        ),
        Relation::Different => refused(
            "comparing the copies at",
            file,
            format!("the ledger {ledger} and its copy {copy} contradict each other"),
            "nothing was written; audit both against the last head on paper, and keep both as evidence",
        ),
    }
}

/// Refuses directories that are one, or lie in one another, each copy by itself. Those that do not exist yet have a parent that
/// does.
pub(super) fn distinct(ledger: &Path, copies: &[PathBuf]) -> impl Iterator<Item = Result<(), StoreError>> {
    copies.iter().enumerate().map(move |(place, copy)| {
        for other in std::iter::once(ledger).chain(copies.iter().take(place).map(PathBuf::as_path)) {
            if overlap(other, copy).map_err(|e| failed("opening the copy", copy, &e))? {
                let reason =
                    format!("it is, contains or lies in {}, which it should be a copy of", shown(other));
                let hint = "name a directory of its own on another medium";
                return Err(refused("opening the copy", copy, reason, hint));
            }
        }
        Ok(())
    })
}

fn overlap(a: &Path, b: &Path) -> io::Result<bool> {
    Ok(lies_in(a, b)? || lies_in(b, a)?)
}

/// Whether a directory is another one or lies in it: by canonical path, and by device and inode, which see
/// through bind mounts.
pub(super) fn lies_in(inner: &Path, outer: &Path) -> io::Result<bool> {
    let (inner, outer) = (canonical(inner)?, canonical(outer)?);
    Ok(match DirectoryId::of(&outer) {
        Ok(identity) => {
            inner.ancestors().any(|above| DirectoryId::of(above).is_ok_and(|found| found == identity))
        }
        Err(_) => inner.starts_with(outer),
    })
}

/// The canonical path, of a directory that does not exist yet too.
fn canonical(path: &Path) -> io::Result<PathBuf> {
    match (path.canonicalize(), path.parent(), path.file_name()) {
        (Err(e), Some(parent), Some(name)) if e.kind() == io::ErrorKind::NotFound => {
            let parent = if parent.as_os_str().is_empty() { Path::new(".") } else { parent };
            Ok(parent.canonicalize()?.join(name))
        }
        (found, _, _) => found,
    }
}
