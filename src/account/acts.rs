//! What the verbs that act did.

use super::keys::account;
use crate::{
    account::outcome::{Executed, FileAndReason},
    encoding::{digest::Digest, text::Line, text::Name, time::Timestamp},
};

account! {
    /// A proposal that was made.
    of "propose" pub struct ProposalMade {
        /// its directory in the ledger
        pub ceremony: String,
        /// its digest; of a genesis: the genesis fingerprint
        pub proposal: Digest,
        /// fingerprint of the station's keys
        pub station: Digest,
        /// when approvals no longer count
        pub expires: Timestamp,
    }

    /// A plan that nothing prevents from being proposed.
    of "propose" pub struct PlanChecked {
        /// the ceremony that is open and comes first, or null
        pub open: Option<String>,
        /// places of copies that are yet to begin
        pub new_copies: Vec<String>,
        /// credentials to bring when it is proposed, as TARGET:ROLE
        pub hand_over: Vec<String>,
        /// PINs to bring when it is executed, as TARGET:ROLE
        pub present: Vec<String>,
    }

    /// An approval, a release or a rejection that was signed.
    of "approve" pub struct Decided {
        /// whose card it was
        pub custodian: Name,
        /// approved, released, rejected; confirmed where approval and release are one
        pub decision: &'static str,
        /// what the custodian is still to do: release, or null
        pub unfinished: Option<&'static str>,
        /// its directory in the ledger
        pub ceremony: String,
        /// digest of the proposal
        pub proposal: Digest,
        /// the file that was written, or null: the station keeps it
        pub file: Option<String>,
    }

    /// A ceremony that was given up.
    of "abort" pub struct CeremonyAborted {
        /// its directory in the ledger
        pub ceremony: String,
        /// aborted
        pub outcome: &'static str,
        /// SHA-256 of the ceremony's last line
        pub head: Digest,
        /// what should have been destroyed and could not be
        pub left: Vec<FileAndReason>,
        /// custodians whose shares were released for it: whoever has the files that they handed over has those shares
        pub outstanding: Vec<Name>,
    }

    /// An attestation that was signed.
    of "attest" pub struct HeadAttested {
        /// the person who attested
        pub person: Name,
        /// its directory in the ledger
        pub ceremony: String,
        /// the head that was attested
        pub head: Digest,
        /// true or false
        pub agrees: bool,
    }

    /// A card that was drilled.
    of "card drill" pub struct Drilled {
        /// whose card it is
        pub person: Name,
        /// the card's serial
        pub serial: Line,
        /// whose head is named: its directory in the ledger
        pub ceremony: String,
        /// of the last ceremony that ended
        pub head: Digest,
        /// number of the dealing
        pub epoch: u32,
        /// whose shares it opened; empty if it has none
        pub authorities: Vec<Name>,
        /// by this machine's clock
        pub time: Timestamp,
        /// the file that was written, from the ledger if it lies there
        pub file: Option<String>,
    }

    /// Drills that were signed elsewhere.
    of "card drill" pub struct DrillsImported {
        /// each of them
        pub imported: Vec<DrillImported>,
    }

    /// One of them.
    pub struct DrillImported {
        /// whose card it was
        pub person: Name,
        /// the card's serial
        pub serial: Line,
        /// of the drill
        pub time: Timestamp,
        /// in the ledger
        pub file: String,
    }

    /// A whole ceremony at one station.
    of "run" pub struct Led {
        /// the object of 'propose'
        pub proposed: ProposalMade,
        /// custodians who approved and released
        pub approved: Vec<Name>,
        /// the object of 'execute'
        pub executed: Executed,
    }

    /// A rehearsal.
    of "rehearse" pub struct Rehearsed {
        /// the rehearsal's folder
        pub dir: String,
        /// the ledger in it
        pub ledger: String,
        /// the genesis fingerprint
        pub genesis: Option<Digest>,
        /// head of the last ceremony
        pub head: Option<Digest>,
        /// of the audit; null where a ceremony did not complete
        pub verdict: Option<super::verdict::Verdict>,
        /// the objects of 'execute'
        pub ceremonies: Vec<Executed>,
    }

    /// A completion script.
    of "completions" pub struct Completion {
        /// its name
        pub shell: String,
        /// the script
        pub script: String,
    }

    /// A schema.
    of "schema" pub struct SchemaOfVerb {
        /// whose `--json` object it describes
        pub verb: String,
        /// the JSON Schema
        pub schema: serde_json::Value,
    }

    /// What every verb prints after an error.
    pub struct Failed {
        /// the error
        pub error: ErrorTold,
    }

    /// An error.
    pub struct ErrorTold {
        /// what it is, for programs: see ERROR CODES in quorate(1)
        pub code: &'static str,
        /// what is the matter
        pub message: String,
        /// facts
        pub details: Vec<String>,
        /// what to do
        pub hint: String,
        /// the commands that the hint mentions, to be pasted into a shell
        pub commands: Vec<String>,
    }
}
