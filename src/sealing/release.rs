//! A release: a custodian's shares on their way to one station, for one proposal.
//!
//! It travels beside the approval that names its digest, and never enters a ledger.

use super::{
    document::{DocumentError, Reader},
    hybrid::HybridRecipient,
    single::{self, SealError},
};
use crate::{
    encoding::{bounds, digest::Digest, text::Name},
    memory::LockedBytes,
};

const TITLE: &str = "quorate-release-v2";

/// Why a release did not open.
#[derive(Debug, thiserror::Error)]
pub enum ReleaseError {
    #[error("the release cannot be opened by this station: {0}")]
    Seal(#[from] SealError),
    #[error("the release is damaged: {0}")]
    Document(#[from] DocumentError),
    /// For another proposal, or of another custodian.
    #[error("the release was made for another proposal or by another custodian")]
    Other,
}

pub fn seal(
    proposal: Digest,
    custodian: &Name,
    shares: &[LockedBytes],
    station: &HybridRecipient,
) -> Result<Vec<u8>, SealError> {
    let head = format!("{TITLE}\nproposal {proposal}\ncustodian {custodian}\n");
    let total = shares.iter().map(LockedBytes::len).fold(head.len(), usize::saturating_add);
    let mut plaintext = LockedBytes::zeroed(total)?;
    let mut rest = plaintext.expose_mut();
    for part in std::iter::once(head.as_bytes()).chain(shares.iter().map(LockedBytes::expose)) {
        let (front, back) = rest.split_at_mut(part.len());
        front.copy_from_slice(part);
        rest = back;
    }
    single::seal_to(station, plaintext.expose())
}

/// Opens a release and returns the share documents, still in one piece.
pub fn open(
    identity: &dyn age::Identity,
    sealed: &[u8],
    proposal: Digest,
    custodian: &Name,
) -> Result<LockedBytes, ReleaseError> {
    let plaintext = single::open_with(identity, sealed, bounds::RELEASE)?;
    let mut reader = Reader::new(plaintext.expose(), TITLE)?;
    // age files have no sender: anybody can seal to the station, or bring a release of an earlier proposal.
    let same =
        reader.field("proposal")? == proposal.to_string() && reader.field("custodian")? == custodian.as_str();
    if !same {
        return Err(ReleaseError::Other);
    }
    LockedBytes::copy_of(reader.rest()).map_err(|error| ReleaseError::Document(error.into()))
}
