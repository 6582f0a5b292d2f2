//! Durable things: the ledger, the station's secrets of an open ceremony, what a custodian remembers, and files
//! that people hand over or ask for.
//!
//! Every method that writes returns only after the bytes and the directory entries are on disk (fsync). A
//! failure leaves what was there before, or all of what was asked for, never a part.

use std::io::{Read, Write};

use serde::{Deserialize, Serialize};

use crate::{
    approval::intent::DurableIntent,
    encoding::{
        absolute_path::AbsolutePath, digest::Digest, output_path::OutputPath, strict::worded, text::Name,
    },
    transcript::ledger::{CeremonyFiles, LedgerFiles},
};

/// Something could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {reason}")]
pub struct StoreError {
    /// Which file or directory, and what was done with it.
    pub what: String,
    pub reason: String,
    pub hint: String,
    pub cause: StoreCause,
}

/// What it means for the ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreCause {
    /// It may be tried again.
    NotDone,
    /// The ledger is not the one that was verified.
    Changed,
}

/// A ledger that is read ceremony by ceremony.
pub type StoredFiles = dyn LedgerFiles<Error = StoreError>;

/// The ledger's directories: the one that was named, and its copies on other media.
pub trait LedgerStore {
    /// All ceremonies, by number; their files are read when they are asked for. Unfinished directories of a crashed proposal are
    /// not among them.
    fn read(&mut self) -> Result<Box<StoredFiles>, StoreError>;

    fn is_empty(&mut self) -> Result<bool, StoreError>;

    fn ceremony(&mut self, directory: &str) -> Result<CeremonyFiles, StoreError>;

    /// Is told of the ceremonies that were verified, each with the digest of its files. Copies that are behind are caught up with
    /// them; nothing is written to a copy but these files and what this process writes.
    fn verified(&mut self, ceremonies: Vec<(String, Digest)>) -> Result<(), StoreError>;

    /// Refuses a ledger that has other files than those that were verified or written here.
    fn check_unchanged(&mut self) -> Result<(), StoreError>;

    /// Makes a ceremony appear with plan and first line, all at once, on the ledger and on every copy.
    fn create(&mut self, directory: &str, plan: &[u8], first_line: &[u8]) -> Result<(), StoreError>;

    /// Appends lines (each without line feed), all or none, to the ledger and then to every copy.
    fn append(&mut self, directory: &str, lines: &[Vec<u8>]) -> Result<(), StoreError>;

    /// Puts a statement beside the transcript; one that is there already with the same bytes is left.
    fn put_beside(
        &mut self,
        directory: &str,
        beside: Beside,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StoreError>;

    /// How many directories hold the ledger, this one included, and whether two lie on one file system.
    fn copies(&mut self) -> Result<Copies, StoreError>;

    /// Whether this process can write to a ceremony, in the ledger and in every copy.
    fn check_writable(&mut self, directory: &str) -> Result<(), StoreError>;

    /// Whether the ledger and every copy have room for the lines that end a ceremony, and let this process write them:
    /// as much again as its transcript has by now, and `bytes` on top. First it refuses a ledger that was changed,
    /// and brings copies level with it.
    fn check_room(&mut self, directory: &str, bytes: u64) -> Result<(), StoreError>;

    /// What is in the way of one more ceremony of about so many bytes, all of it: places that cannot be written to, have no room
    /// for it and for what a copy is behind, or are not this ledger's. Nothing is written.
    fn obstacles(&mut self, bytes: u64) -> Vec<StoreError>;

    /// Reads the transcript back from the ledger and from every copy, and states that the line with this
    /// digest is in each.
    fn prove_intent(
        &mut self,
        directory: &str,
        line: Digest,
        targets: Vec<Name>,
    ) -> Result<DurableIntent, StoreError>;
}

/// What lies beside a transcript.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Beside {
    Approvals,
    Attestations,
    Drills,
}

/// Where the ledger lies.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Copies {
    /// Directories that hold it.
    pub count: u8,
    /// Whether two of them lie on one file system.
    pub same_medium: bool,
}

/// A station's secrets of one open ceremony, outside the ledger, each sealed to the administrator's cards or to
/// the station itself. Keys are short names such as `signing-1f2e3d4c`.
pub trait StationStore {
    /// Of whom it is, as the subject of a sentence: the account, and where it keeps these things.
    fn whose(&self) -> &str;

    /// Whether this machine is the station of that ceremony.
    fn is_station(&self, ledger: Digest, ceremony: u32) -> bool;

    /// Keeps a sealed secret; replaces one of that name.
    fn put(&mut self, ledger: Digest, ceremony: u32, name: &str, sealed: &[u8]) -> Result<(), StoreError>;

    /// The names that are kept, sorted.
    fn names(&self, ledger: Digest, ceremony: u32) -> Result<Vec<String>, StoreError>;

    /// A sealed secret.
    fn take(&self, ledger: Digest, ceremony: u32, name: &str) -> Result<Option<Vec<u8>>, StoreError>;

    /// Overwrites and unlinks a sealed secret; one that is gone is not an error.
    fn destroy(&mut self, ledger: Digest, ceremony: u32, name: &str) -> Result<(), StoreError>;

    /// Destroys all that is left of a ceremony.
    fn destroy_all(&mut self, ledger: Digest, ceremony: u32) -> Result<(), StoreError>;
}

/// What a custodian decides about one proposal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Yes. A rejection of the same custodian cancels it.
    Approval,
    /// Their shares, once enough people have approved.
    Release,
    /// No, which is final.
    Rejection,
}

worded!(Decision);

/// A decision that a custodian made, as their own machine remembers it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RememberedDecision {
    pub ceremony: u32,
    pub proposal: Digest,
    pub decision: Decision,
}

/// What a custodian remembers of a ledger on their own machine.
pub trait CustodianMemory {
    /// The decisions that they made, in their order.
    fn seen(&self, ledger: Digest, custodian: &Name) -> Result<Vec<RememberedDecision>, StoreError>;

    fn remember(
        &mut self,
        ledger: Digest,
        custodian: &Name,
        decided: RememberedDecision,
    ) -> Result<(), StoreError>;
}

/// Approval files that were handed over.
pub trait Inbox {
    /// What each is called, and its bytes; unreadable ones with the reason.
    fn files(&mut self) -> Vec<(String, Result<Vec<u8>, StoreError>)>;

    /// Whether one could be destroyed now: asked before anything is done that makes it worthless.
    fn check_destroyable(&mut self, name: &str) -> Result<(), StoreError>;

    /// Overwrites and unlinks one.
    fn destroy(&mut self, name: &str) -> Result<(), StoreError>;
}

/// A file system.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Medium {
    /// Where it is mounted, fit to be shown.
    pub mounted_at: String,
    /// What else lies on it and is lost with it.
    pub shared_with: Option<&'static str>,
}

/// Large files at places that a plan names: backups.
pub trait Artifacts {
    fn open(&mut self, path: &AbsolutePath) -> Result<Box<dyn Read>, StoreError>;

    fn exists(&mut self, path: &OutputPath) -> bool;

    /// Whether a file there would lie in the ledger or in a copy of it.
    fn is_in_ledger(&mut self, path: &OutputPath) -> bool;

    /// The medium on which a file there would lie.
    fn medium(&mut self, path: &OutputPath) -> Result<Medium, StoreError>;

    /// Begins a file that becomes visible under its name only by [`Artifacts::publish`]. An unfinished one of an
    /// earlier run is replaced.
    fn begin(&mut self, path: &OutputPath) -> Result<Box<dyn Write>, StoreError>;

    /// Makes the begun file durable and gives it its name, which must not exist.
    fn publish(&mut self, path: &OutputPath) -> Result<(), StoreError>;

    /// Removes a published or unfinished file.
    fn remove(&mut self, path: &OutputPath) -> Result<(), StoreError>;
}
