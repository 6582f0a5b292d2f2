//! Which objects of a token an approved list means, and which of them are left after a deletion.

use std::collections::BTreeSet;

use super::{
    identity::matching,
    target::{ObjectClass, ObjectRecord},
};
use crate::encoding::{digest::Digest, text::Line};

/// The objects that an approved list means.
#[derive(Debug, Default)]
pub struct Choice<'a> {
    /// Their places in the token's list.
    pub meant: Vec<usize>,
    /// Approved, and not there.
    pub missing: Vec<&'a ObjectRecord>,
}

/// Why it is not certain which objects are meant.
#[derive(Debug, thiserror::Error)]
pub enum Doubt {
    /// Evidence that was approved with it is not what lies there now.
    #[error("{0} is not there as pinned: the public key beside it is not the one that was recorded")]
    Contradicted(Box<ObjectRecord>),
    /// There are more of them than were approved.
    #[error(
        "{object} is in the token {there} times, {approved} of them approved, and nothing tells them apart"
    )]
    Ambiguous { object: Box<ObjectRecord>, there: usize, approved: usize },
}

/// Finds each approved object in a token's list. Objects that nothing tells apart are meant together, as often as they were
/// approved; where there are more, CKA_EXTRACTABLE may still tell which.
pub fn choose<'a>(
    there: impl IntoIterator<Item = &'a ObjectRecord>,
    approved: &'a [ObjectRecord],
) -> Result<Choice<'a>, Doubt> {
    let mut there: Vec<(&ObjectRecord, usize)> = there.into_iter().zip(0_usize..).collect();
    there.sort();
    let mut approved: Vec<&ObjectRecord> = approved.iter().collect();
    approved.sort();
    let mut choice = Choice::default();
    let mut rest = there.as_slice();
    for group in approved.chunk_by(|a, b| a.is_same_object(b)) {
        let Some(first) = group.first() else { continue };
        let (_, from) = rest.split_at(rest.partition_point(|(found, _)| found.identity() < first.identity()));
        let (here, behind) = from.split_at(from.partition_point(|(found, _)| found.is_same_object(first)));
        choose_alike(group, here, &mut choice)?;
        rest = behind;
    }
    Ok(choice)
}

/// The same for objects of one identity.
fn choose_alike<'a>(
    group: &[&'a ObjectRecord],
    here: &[(&ObjectRecord, usize)],
    choice: &mut Choice<'a>,
) -> Result<(), Doubt> {
    for (pinned, (found, _)) in group.iter().zip(here) {
        if pinned.is_contradicted_by(found) {
            return Err(Doubt::Contradicted(Box::new((*pinned).clone())));
        }
    }
    if here.len() <= group.len() {
        choice.meant.extend(here.iter().map(|(_, place)| *place));
        choice.missing.extend(group.iter().skip(here.len()));
        return Ok(());
    }
    for alike in group.chunk_by(|a, b| a.extractable == b.extractable) {
        let fits = |found: &ObjectRecord| alike.iter().any(|a| a.extractable == found.extractable);
        let fitting: Vec<usize> = here.iter().filter(|(found, _)| fits(found)).map(|(_, at)| *at).collect();
        if fitting.len() != alike.len() {
            let object = group.first().map(|object| Box::new((*object).clone()));
            return object.map_or(Ok(()), |object| {
                Err(Doubt::Ambiguous { object, there: here.len(), approved: group.len() })
            });
        }
        choice.meant.extend(fitting);
    }
    Ok(())
}

/// Of the objects of a deletion, those that are there afterwards: under their own identity, or as an object that was not on
/// record and that may be the same key under another name. That another object of the record is the same key does not mean
/// that it survived: it was to stay.
pub fn survivors<'a>(
    recorded: &'a [ObjectRecord],
    approved: &'a [ObjectRecord],
    after: &'a [ObjectRecord],
) -> Vec<&'a ObjectRecord> {
    let bystanders = matching(recorded, approved).gone;
    let rest = matching(bystanders, after).come;
    let found = matching(approved, rest.iter().copied());
    let keys: BTreeSet<Mark<'_>> = rest.iter().flat_map(|object| marks(object)).collect();
    let lives_on = |object: &&ObjectRecord| marks(object).any(|mark| keys.contains(&mark));
    let mut survivors: Vec<&ObjectRecord> = found.same.iter().map(|(approved, _)| *approved).collect();
    survivors.extend(found.gone.into_iter().filter(lives_on));
    survivors
}

/// What two objects have in common if they are one private or secret key. Here the evidence of a neighbour counts, too: it never
/// says that an object is the same, but no key is called gone against it.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Mark<'a> {
    Half(Digest),
    Unique(&'a Line),
    CheckValue(&'a str, &'a str),
}

fn marks(object: &ObjectRecord) -> impl Iterator<Item = Mark<'_>> {
    let private = object.class == ObjectClass::PrivateKey;
    let secret = object.class == ObjectClass::SecretKey;
    let half = object.known_half().filter(|_| private).map(Mark::Half);
    let unique = object.unique_id.as_ref().filter(|_| private || secret).map(Mark::Unique);
    let check = object.check_value.as_ref().filter(|_| secret);
    let check = check.map(|value| Mark::CheckValue(value, &object.key_type));
    [half, unique, check].into_iter().flatten()
}

/// Other objects of a list that are, by their own word, the same private or secret key as one of `approved`: they stay.
pub fn duplicates<'a>(recorded: &'a [ObjectRecord], approved: &'a [ObjectRecord]) -> Vec<&'a ObjectRecord> {
    let keys: BTreeSet<Mark<'_>> = approved.iter().flat_map(marks).collect();
    let stays = matching(recorded, approved).gone;
    stays.into_iter().filter(|object| marks(object).any(|mark| keys.contains(&mark))).collect()
}

#[cfg(test)]
mod tests;
