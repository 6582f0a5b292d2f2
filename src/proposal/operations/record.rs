//! What an operation is compared with: what is on record when it is proposed, and what is claimed when it has ended.

use std::collections::BTreeSet;

use crate::{
    encoding::{digest::Digest, text::Name},
    proposal::{
        joining::GenesisTarget,
        target::{Inventory, LeftOut, ObjectRecord, TokenIdentity},
    },
};

/// The target of an operation, as the ledger has it.
pub struct OnRecord<'a> {
    /// As it joined.
    pub target: &'a GenesisTarget,
    /// Its identity now.
    pub identity: &'a TokenIdentity,
    /// Its last inventory.
    pub objects: &'a [ObjectRecord],
    /// Whether this ceremony recorded a backup with this digest, of these objects.
    pub has_backup: &'a dyn Fn(u32, Digest, &[ObjectRecord]) -> bool,
}

impl OnRecord<'_> {
    /// Refuses an operation that names other objects of its target than those of the last inventory.
    pub(super) fn has_all(&self, objects: &[ObjectRecord]) -> Result<(), String> {
        if objects == self.objects {
            return Ok(());
        }
        Err(format!("the objects of {} are not those on record", self.target.name))
    }
}

/// What the record of an end claims to have been done, and shows of the targets.
pub struct Claims<'a> {
    pub deleted: &'a [ObjectRecord],
    pub restored: &'a [ObjectRecord],
    /// Objects that could not be treated.
    pub left_out: &'a [LeftOut],
    /// Objects that did not keep all their attributes.
    pub unkept: &'a [LeftOut],
    /// Of which target a backup was made, and what is in it.
    pub backup: Option<(&'a Name, Vec<&'a ObjectRecord>)>,
    /// What was seen of the targets afterwards.
    pub seen: Vec<(&'a Name, &'a Inventory)>,
}

impl Claims<'_> {
    pub fn seen(&self, name: &Name) -> Option<&Inventory> {
        self.seen.iter().find(|(seen, _)| *seen == name).map(|(_, inventory)| *inventory)
    }

    /// Whether nothing is listed but what the exceptions are for.
    pub(super) fn lists_only(&self, exceptions: &[Listed]) -> bool {
        let may = |listed| exceptions.contains(&listed);
        (self.deleted.is_empty() || may(Listed::Deleted))
            && (self.restored.is_empty() || may(Listed::Restored))
            && (self.left_out.is_empty() || may(Listed::LeftOut))
            && (self.unkept.is_empty() || may(Listed::Unkept))
            && (self.backup.is_none() || may(Listed::Backup))
    }
}

/// A list of the record of an end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Listed {
    Deleted,
    Restored,
    LeftOut,
    Unkept,
    Backup,
}

/// Whether each is about an object of the list. Both may have as many entries as fit into a line.
pub(super) fn are_of(said: &[LeftOut], objects: &[ObjectRecord]) -> bool {
    let known: BTreeSet<&ObjectRecord> = match said {
        [] => return true,
        _ => objects.iter().collect(),
    };
    said.iter().all(|said| known.contains(&said.object))
}
