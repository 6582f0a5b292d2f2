//! What is on the disk, and what the machine reports about itself.
//!
//! Files are hostile: symbolic links are not followed below a directory that was named, sizes are looked at
//! before bytes are read, and names are taken from a small alphabet. Not guaranteed: somebody who swaps
//! directories for links *while* we work is not kept out; what they put there is checked against hashes and
//! signatures like everything else.

pub mod artifacts;
pub mod clock;
mod copies;
pub mod custodian;
pub mod environment;
mod fault;
pub mod inbox;
mod layout;
pub mod ledger;
mod looking;
pub mod state;
pub mod station;
mod writing;

pub use artifacts::FileArtifacts;
pub use clock::SystemClock;
pub use custodian::CustodianDirectory;
pub use inbox::FileInbox;
pub use ledger::LedgerDirectory;
pub use looking::LedgerView;
pub use state::{StateRoot, default_state_root};
pub use station::StationDirectory;
