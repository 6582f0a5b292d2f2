//! A ledger as it was read, and the state that its verified ceremonies add up to.

use std::{borrow::Cow, collections::BTreeMap, convert::Infallible, sync::Arc};

pub use super::ceremonies::{Ceremony, End};
use super::{
    ceremonies::Ceremonies,
    event::{BackupRecord, Concluded},
    outcome::Outcome,
};
use crate::{
    encoding::{
        digest::{Digest, Hasher},
        dsse::Mode,
        text::Name,
    },
    proposal::{
        joining::GenesisTarget,
        operations::{Operation, RetireOperation},
        sealed::SealedCredential,
        target::{Inventory, ObjectRecord, Role, TokenIdentity},
    },
    roster::{OperationKind, Roster},
};

/// The files of one ceremony, as bytes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CeremonyFiles {
    /// Name of the directory.
    pub directory: String,
    pub transcript: Vec<u8>,
    pub plan: Vec<u8>,
    /// `attestations/*.json`, by name.
    pub attestations: Vec<(String, Vec<u8>)>,
    /// `approvals/*.json`, by name.
    pub approvals: Vec<(String, Vec<u8>)>,
    /// `drills/*.json`, by name.
    pub drills: Vec<(String, Vec<u8>)>,
    /// What lies among them and was not opened, by path, with the reason.
    pub unread: Vec<String>,
}

impl CeremonyFiles {
    /// Digest of all of it: every name and every byte.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::default();
        let mut take = |bytes: &[u8]| {
            // Each with its length, so that no two lists of parts are the same bytes.
            hasher.update(&(bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        [self.directory.as_bytes(), &self.transcript, &self.plan].into_iter().for_each(&mut take);
        for statements in [&self.attestations, &self.approvals, &self.drills] {
            take(&statements.len().to_be_bytes());
            statements.iter().for_each(|(name, bytes)| {
                take(name.as_bytes());
                take(bytes);
            });
        }
        self.unread.iter().for_each(|unread| take(unread.as_bytes()));
        hasher.finish()
    }
}

/// The files of a ledger, of which no more than one ceremony at a time need be in memory.
pub trait LedgerFiles {
    /// Why a ceremony could not be read.
    type Error;

    fn directories(&self) -> Vec<&str>;

    /// The files of the ceremony at a place in that list. Read twice, they may differ: nobody else need have locked them.
    fn ceremony(&self, place: usize) -> Result<Cow<'_, CeremonyFiles>, Self::Error>;
}

impl LedgerFiles for [CeremonyFiles] {
    type Error = Infallible;

    fn directories(&self) -> Vec<&str> {
        self.iter().map(|file| file.directory.as_str()).collect()
    }

    fn ceremony(&self, place: usize) -> Result<Cow<'_, CeremonyFiles>, Infallible> {
        Ok(self.get(place).map_or_else(Cow::default, Cow::Borrowed))
    }
}

/// The first ceremony's files; none of a ledger without one.
pub fn first<L: LedgerFiles + ?Sized>(files: &L) -> Result<Option<Cow<'_, CeremonyFiles>>, L::Error> {
    if files.directories().is_empty() { Ok(None) } else { files.ceremony(0).map(Some) }
}

/// A target that belongs to the quorum.
#[derive(Clone, Debug)]
pub struct TargetInForce {
    /// As it joined the quorum.
    pub target: GenesisTarget,
    /// Its identity now.
    pub identity: TokenIdentity,
    /// Its objects when they were last recorded.
    pub inventory: Option<Inventory>,
    /// Credentials in force, by role: one of each, unless a change of the PIN was cut off. Then they are those that may
    /// be valid, the newest first.
    pub credentials: BTreeMap<Role, Vec<KeptCredential>>,
}

/// A credential that the ledger keeps for later ceremonies.
#[derive(Clone, Debug)]
pub struct KeptCredential {
    /// The dealing whose authority opens it: two dealings may have authorities of one name.
    pub dealing: Digest,
    /// As it was proposed.
    pub sealed: SealedCredential,
}

/// A dealing that came into force. The next one retires it, but what was sealed to its authorities stays sealed to them.
#[derive(Clone, Debug)]
pub struct Deal {
    pub roster: Arc<Roster>,
    /// Number of the ceremony that brought it into force.
    pub by: u32,
}

/// A target that the quorum retired.
#[derive(Clone, Debug)]
pub struct Retired {
    /// As it was in force last: its credentials may still open it, and its backup key opens its backups.
    pub target: TargetInForce,
    /// Number of the ceremony that retired it.
    pub by: u32,
}

/// What the verified ceremonies of a ledger add up to.
#[derive(Clone, Debug)]
pub struct LedgerState {
    pub mode: Mode,
    /// The ledger's nonce.
    pub nonce: Digest,
    /// Digest of the genesis proposal: the fingerprint of the whole ledger.
    pub genesis: Digest,
    /// Every dealing that came into force, in their order; none before a genesis completed.
    pub deals: Vec<Deal>,
    pub targets: BTreeMap<Name, TargetInForce>,
    pub retired: BTreeMap<Name, Retired>,
    /// Backups by the number of the ceremony that made them.
    pub backups: BTreeMap<u32, BackupRecord>,
    /// Ceremonies whose times a quorum disputed, each with the number of the ceremony that did.
    pub disputed: BTreeMap<u32, u32>,
    /// All ceremonies; only the last one can be open.
    pub ceremonies: Ceremonies,
}

impl LedgerState {
    /// The open ceremony.
    pub fn open(&self) -> Option<&Ceremony> {
        self.ceremonies.last().filter(|c| c.end.is_none())
    }

    /// The ceremony that must be recovered before anything else is proposed: the open one, or an earlier one whose
    /// station was lost and whose recovery did not complete.
    pub fn pending(&self) -> Option<&Ceremony> {
        self.ceremonies.last_open()
    }

    pub fn deal(&self) -> Option<&Deal> {
        self.deals.last()
    }

    pub fn roster(&self) -> Option<&Arc<Roster>> {
        self.deal().map(|deal| &deal.roster)
    }

    /// A target that the quorum has, or had.
    pub fn any_target(&self, name: &Name) -> Option<&TargetInForce> {
        self.targets.get(name).or_else(|| self.retired.get(name).map(|retired| &retired.target))
    }

    /// The objects of a target when they were last recorded; none where they never were.
    pub fn recorded(&self, name: &Name) -> &[ObjectRecord] {
        let inventory = self.any_target(name).and_then(|target| target.inventory.as_ref());
        inventory.map(|inventory| inventory.objects.as_slice()).unwrap_or_default()
    }

    /// Head of the last ceremony that ended, by closing or aborting.
    pub fn head(&self) -> Option<Digest> {
        let ended =
            self.ceremonies.iter().rev().find(|c| matches!(c.end, Some(End::Closed | End::Aborted(_))))?;
        Some(ended.last_line)
    }

    /// The version that the next credential of a target and role has: one more than any in the ledger.
    pub fn next_version(&self, target: &Name, role: Role) -> u32 {
        self.ceremonies.version(target, role).saturating_add(1)
    }

    /// Applies the effects of a concluded ceremony to the state.
    pub(super) fn apply(&mut self, ceremony: &Ceremony) {
        let Some(concluded) = &ceremony.concluded else { return };
        if concluded.outcome == Outcome::Completed {
            if self.recovery(&ceremony.proposal.operation).is_some() {
                self.end_recovered(ceremony, concluded);
            } else {
                self.take_effect(ceremony, concluded);
            }
        }
        self.take_pins(ceremony, concluded);
        self.take_seen(ceremony, concluded);
    }

    pub(super) fn take_effect(&mut self, ceremony: &Ceremony, concluded: &Concluded) {
        if ceremony.kind() == OperationKind::Genesis {
            self.deals.push(Deal { roster: Arc::clone(&ceremony.roster), by: ceremony.number() });
        }
        for target in ceremony.proposal.operation.installs() {
            let in_force = TargetInForce {
                identity: target.identity.clone(),
                target: target.clone(),
                inventory: None,
                credentials: BTreeMap::new(),
            };
            self.targets.insert(target.name.clone(), in_force);
        }
        if let Operation::Retire(RetireOperation { target: name, .. }) = &ceremony.proposal.operation
            && let Some(target) = self.targets.remove(name)
        {
            self.retired.insert(name.clone(), Retired { target, by: ceremony.number() });
        }
        if ceremony.proposal.operation.facts().sets_pins {
            for credential in &ceremony.proposal.credentials {
                if let Some(target) = self.targets.get_mut(&credential.target)
                    && target.keeps(credential)
                {
                    target.credentials.insert(credential.role, vec![ceremony.kept(credential)]);
                }
            }
        }
        if let Some(backup) = &concluded.backup {
            self.backups.insert(ceremony.number(), backup.clone());
        }
    }
}
