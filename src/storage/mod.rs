//! What is on the disk, and what the machine reports about itself.
//!
//! Files are hostile: symbolic links are not followed below a directory that was named, sizes are looked at
//! before bytes are read, and names are taken from a small alphabet. Not guaranteed: somebody who swaps
//! directories for links *while* we work is not kept out; what they put there is checked against hashes and
//! signatures like everything else.

pub(crate) mod artifacts;
pub(crate) mod clock;
mod copies;
pub(crate) mod custodian;
pub(crate) mod environment;
mod fault;
pub(crate) mod inbox;
mod layout;
pub mod ledger;
mod locked;
mod looking;
mod obstacles;
pub(crate) mod state;
pub(crate) mod station;
mod writing;

pub(crate) use artifacts::FileArtifacts;
pub use clock::SystemClock;
pub(crate) use custodian::CustodianDirectory;
pub(crate) use inbox::FileInbox;
pub(crate) use layout::near;
pub use ledger::LedgerDirectory;
pub(crate) use looking::LedgerView;
pub(crate) use state::{StateRoot, default_state_root};
pub(crate) use station::StationDirectory;
