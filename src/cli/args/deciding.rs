//! What the verbs with which people decide on a proposal are given.

use std::path::PathBuf;

use clap::Args;

use super::{CardArgs, ProposalArgs};

/// `quorate approve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  At the station:\n    quorate approve ledger --card soft:alice.card\n  On your own machine, with a copy of the ledger and the head from paper:\n    quorate approve ledger --card soft:alice.card --head \"$(cat head.txt)\" -o alice.approval"
)]
pub struct Approve {
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// `quorate release`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  At the station:\n    quorate release ledger --card soft:alice.card\n  On your own machine, with the approvals that the ledger does not have:\n    quorate release ledger bob.approval carol.approval --card soft:alice.card -o alice.release"
)]
pub struct Release {
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// Approvals that the ledger does not have, as files; releases of others have those that they rest on.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
}

/// What approval, release and rejection share.
#[derive(Args, Debug, Clone)]
pub struct DecisionArgs {
    /// The ledger with the open proposal.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    #[command(flatten)]
    pub card: CardArgs,
    /// Write the statement to this file, for the administrator; without it this machine must be the station.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Head of the last ceremony that ended, from your paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
    /// Which proposal is meant.
    #[command(flatten)]
    pub proposal: ProposalArgs,
    /// Fingerprint of the genesis, from your paper; enough where no ceremony has ever ended.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub genesis: Option<String>,
}

/// `quorate reject`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  quorate reject ledger --card soft:alice.card --reason \"the wrong key is named\""
)]
pub struct Reject {
    #[command(flatten)]
    pub decision: DecisionArgs,
    /// Why, in a line that everybody will read.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}
