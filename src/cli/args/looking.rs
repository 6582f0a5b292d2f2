//! The verbs that look and change nothing.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::encoding::text::Name;

/// `quorate token`.
#[derive(Subcommand, Debug)]
pub enum TokenVerb {
    /// List the tokens of a module; no PIN.
    #[command(after_help = "Example:\n  quorate token list --module /usr/lib/softhsm/libsofthsm2.so")]
    List(TokenList),
    /// Show one token: its mechanisms, and what a quorum could do with it; no PIN.
    #[command(
        after_help = "Examples:\n  quorate token show --module /usr/lib/softhsm/libsofthsm2.so --label root-ca\n  A target of a quorum:\n    quorate token show --ledger ledger root-hsm"
    )]
    Show(TokenShow),
}

/// `quorate token list`.
#[derive(Args, Debug)]
pub struct TokenList {
    /// The vendor's PKCS#11 library.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub module: PathBuf,
}

/// `quorate token show`.
#[derive(Args, Debug)]
pub struct TokenShow {
    /// The vendor's PKCS#11 library.
    #[arg(long, value_name = "FILE", conflicts_with = "ledger", required_unless_present = "ledger", value_hint = clap::ValueHint::FilePath)]
    pub module: Option<PathBuf>,
    /// The token with this label.
    #[arg(long, value_name = "TEXT", requires = "module")]
    pub label: Option<String>,
    /// The token with this serial number.
    #[arg(long, value_name = "TEXT", requires = "module")]
    pub serial: Option<String>,
    /// The token in this slot; slot numbers move.
    #[arg(long, value_name = "N", requires = "module")]
    pub slot: Option<u64>,
    /// A ledger that has the token among its targets.
    #[arg(long, value_name = "DIR", requires = "target", value_hint = clap::ValueHint::DirPath)]
    pub ledger: Option<PathBuf>,
    /// The target's name in the ledger.
    #[arg(value_name = "TARGET", requires = "ledger")]
    pub target: Option<Name>,
}

/// `quorate compare`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  quorate compare root-hsm spare-hsm --ledger ledger")]
pub struct Compare {
    /// A target of the quorum.
    #[arg(value_name = "TARGET")]
    pub one: Name,
    /// Another target of it.
    #[arg(value_name = "OTHER")]
    pub other: Name,
    /// The ledger.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Do not look at the tokens: compare the last inventories only.
    #[arg(long)]
    pub recorded: bool,
}

/// A ledger.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  quorate status ledger")]
pub struct LedgerArgs {
    /// The ledger.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
}

/// `quorate show`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate show ledger          the last ceremony\n  quorate show ledger 3        ceremony 3\n  quorate show delete.toml     a plan\n  quorate show alice.approval  an approval\n  quorate show alice.drill     a drill\n  quorate show ledger 3 --handover hsm -o pin.age\n                               an application's new user PIN: age -d -i KEY pin.age"
)]
pub struct Show {
    /// A ledger, or a file.
    #[arg(value_name = "LEDGER|FILE", value_hint = clap::ValueHint::AnyPath)]
    pub what: PathBuf,
    /// Which ceremony of the ledger: its number, or its directory; the last one if none is named.
    pub ceremony: Option<String>,
    /// Write the reissued user PIN of this target, sealed to its application.
    #[arg(long, value_name = "TARGET", requires = "output")]
    pub handover: Option<String>,
    /// Where --handover writes it; the file must not exist.
    #[arg(short, long, value_name = "FILE", requires = "handover", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
}

/// `quorate audit`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  quorate audit ledger /media/usb/ledger \\\n    --genesis \"$(cat genesis.txt)\" --head \"topmost Istanbul …\""
)]
pub struct Audit {
    /// The ledger, and any copies of it to be compared.
    #[arg(required = true, value_hint = clap::ValueHint::DirPath)]
    pub ledgers: Vec<PathBuf>,
    /// Fingerprint of the genesis, from outside the ledger: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub genesis: Option<String>,
    /// Head of the last ceremony that ended, from paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
}
