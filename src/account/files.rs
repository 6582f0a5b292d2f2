//! Files that `quorate show` puts into words.

use super::keys::account;
use crate::{
    approval::{
        drill::Drill,
        release::{Basis, Confirmation, Release},
        statement::{Approval, Attestation, Rejection},
    },
    encoding::{
        digest::Digest,
        text::{Line, Name},
    },
    roster::OperationKind,
    sealing::application::ApplicationRecipient,
};

account! {
    /// The sealed PIN that was written for an application.
    of "show" pub struct HandoverWritten {
        /// its directory in the ledger
        pub ceremony: String,
        /// what the PIN opens
        pub target: Name,
        /// the application's age recipient
        pub recipient: ApplicationRecipient,
        /// of the PIN
        pub version: u32,
        /// of the file that was written
        pub sha256: Digest,
    }

    /// A plan.
    of "show" pub struct PlanShown {
        /// its kind
        pub plan: OperationKind,
        /// its title
        pub title: Line,
        /// how long approvals count
        pub expires_in_hours: u32,
    }

    /// An approval, of which nothing is verified.
    of "show" pub struct ApprovalShown {
        /// the statement, see quorate-transcript(5)
        pub approval: Approval,
    }

    /// A release, of which nothing is verified.
    of "show" pub struct ReleaseShown {
        /// the statement, see quorate-transcript(5)
        pub release: Release,
        /// what it is of and rests on, or null where the statement lies alone
        pub basis: Option<Basis>,
        /// whether the shares come with it
        pub sealed: bool,
    }

    /// A confirmation, of which nothing is verified.
    of "show" pub struct ConfirmationShown {
        /// the statement, see quorate-transcript(5)
        pub confirmation: Confirmation,
        /// whether the shares come with it
        pub sealed: bool,
    }

    /// A rejection, of which nothing is verified.
    of "show" pub struct RejectionShown {
        /// the statement, see quorate-transcript(5)
        pub rejection: Rejection,
    }

    /// An attestation of a head, of which nothing is verified.
    of "show" pub struct AttestationShown {
        /// the statement, see quorate-transcript(5)
        pub attestation: Attestation,
    }

    /// A drill, of which nothing is verified.
    of "show" pub struct DrillShown {
        /// the statement, see quorate-transcript(5)
        pub drill: Drill,
    }
}
