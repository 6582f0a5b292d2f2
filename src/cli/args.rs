//! The command line, as clap reads it. Manual pages and completions are made from the same definitions.

mod cards;
mod deciding;
mod looking;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub use cards::{CardAttestation, CardDrill, CardEnroll, CardNew, CardShow, CardVerb, TouchArg, TrustArgs};
pub use deciding::{Approve, DecisionArgs, Reject, Release};
pub use looking::{Audit, Compare, LedgerArgs, Show, TokenList, TokenShow, TokenVerb};

use super::verbs::{self, VERBS};
use crate::{ceremony::Error, ports::card::FinalTry};

/// M-of-N administrative quorums over hardware security modules.
#[derive(Parser, Debug)]
#[command(
    name = "quorate",
    version,
    about,
    long_about = "Runs key ceremonies that split administrator authority over an HSM into Shamir shares bound to \
                  smart cards, and reconstitutes a credential only when a quorum of custodians has signed the \
                  ceremony's transcript.",
    after_help = "Begin with:\n  quorate rehearse",
    disable_help_subcommand = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Args, Debug, Clone)]
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// One JSON object on standard output, prose on standard error.
    #[arg(long, global = true)]
    pub json: bool,
    /// The ledger is a rehearsal's.
    #[arg(long, global = true)]
    pub rehearsal: bool,
    /// Answer yes to every question but those that a person alone may answer.
    #[arg(long, global = true)]
    pub yes: bool,
    /// Colour of verdicts, warnings and questions; NO_COLOR and TERM count where it is auto.
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: clap::ColorChoice,
    /// Station's secrets, custodian's memory [default: $XDG_STATE_HOME/quorate].
    #[arg(long, global = true, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub state_dir: Option<PathBuf>,
    /// How long one call of a PKCS#11 module may take before its process is ended; a login and the
    /// setting of PINs may take twice as long.
    #[arg(long, global = true, value_name = "SECONDS", default_value = "60", value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub module_timeout: u64,
}

/// A card and its PIN.
#[derive(Args, Debug, Clone)]
pub struct CardArgs {
    /// The card: soft:FILE, or yubikey[:SERIAL].
    #[arg(long, value_name = "CARD")]
    pub card: CardPlace,
    /// How its PIN comes.
    #[command(flatten)]
    pub pin: PinArgs,
}

/// How a PIN comes: never on the command line, never in the environment.
#[derive(Args, Debug, Clone, Default)]
pub struct PinArgs {
    /// Read the PIN from the first line of this file.
    #[arg(long, value_name = "FILE", conflicts_with = "pin_fd", value_hint = clap::ValueHint::FilePath)]
    pub pin_file: Option<PathBuf>,
    /// Read the PIN from this open file descriptor: one line from its position, and no more.
    #[arg(long, value_name = "N")]
    pub pin_fd: Option<u32>,
    /// Try the PIN even if a wrong one would block the card.
    #[arg(long)]
    pub final_try: bool,
}

impl PinArgs {
    /// Whether the last try may be spent.
    pub fn final_try(&self) -> FinalTry {
        if self.final_try { FinalTry::Spend } else { FinalTry::Keep }
    }
}

/// The card of another administrator, where two of them open what custodians released.
#[derive(Args, Debug, Clone, Default)]
pub struct KeeperArgs {
    /// The card of another administrator, where the policy demands two of them.
    #[arg(long, value_name = "CARD")]
    pub keeper: Option<CardPlace>,
    /// Read the PIN of that card from the first line of this file.
    #[arg(long, value_name = "FILE", requires = "keeper", value_hint = clap::ValueHint::FilePath)]
    pub keeper_pin_file: Option<PathBuf>,
    /// Read the PIN of that card from this open file descriptor, in the same way.
    #[arg(long, value_name = "N", requires = "keeper", conflicts_with = "keeper_pin_file")]
    pub keeper_pin_fd: Option<u32>,
}

impl KeeperArgs {
    pub fn pin(&self) -> PinArgs {
        PinArgs { pin_file: self.keeper_pin_file.clone(), pin_fd: self.keeper_pin_fd, final_try: false }
    }
}

/// Where a card is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CardPlace {
    /// A file.
    Soft(PathBuf),
    /// The YubiKey of this serial, or the only one that is there.
    Yubikey(Option<u32>),
}

impl std::str::FromStr for CardPlace {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("soft", path)) if !path.is_empty() => Ok(Self::Soft(path.into())),
            Some(("yubikey", serial)) if serial.bytes().all(|b| b.is_ascii_digit()) => match serial.parse() {
                Ok(serial) => Ok(Self::Yubikey(Some(serial))),
                Err(_) => Err("a YubiKey's serial is a number, as printed on it".into()),
            },
            None if text == "yubikey" => Ok(Self::Yubikey(None)),
            _ => {
                let form = "a card is given as soft:FILE, yubikey or yubikey:SERIAL";
                Err(match std::path::Path::new(text).is_file() {
                    true => format!("{form}; did you mean soft:{}?", crate::encoding::text::printable(text)),
                    false => form.to_owned(),
                })
            }
        }
    }
}

impl CardPlace {
    /// What a person typed. What is not a card may be a PIN, so that it is not repeated.
    pub fn typed(text: &str) -> Result<Self, Error> {
        text.parse().map_err(|error: String| {
            Error::usage(
                format!("that is not a card: {error}"),
                "for example yubikey, yubikey:12345678 or soft:alice.card",
            )
        })
    }
}

impl std::fmt::Display for CardPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Soft(path) => {
                write!(f, "soft:{}", crate::encoding::text::printable(&path.to_string_lossy()))
            }
            Self::Yubikey(Some(serial)) => write!(f, "yubikey:{serial}"),
            Self::Yubikey(None) => f.write_str("yubikey"),
        }
    }
}

/// The whole command line, each verb with its `--json` objects in the long help.
pub fn command() -> clap::Command {
    VERBS.iter().fold(Cli::command(), |command, table| {
        verbs::at(command, table.verb, &|verb| {
            let example = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            verb.after_long_help(format!("{example}\n\n{}", table.in_words()))
        })
    })
}

/// The verbs.
#[derive(Subcommand, Debug)]
pub enum Verb {
    /// Make, enroll, list and show cards.
    #[command(
        subcommand,
        after_help = "Examples:\n  quorate card new soft:alice.card\n  quorate card enroll --card soft:alice.card --name alice --full-name \"Alice Archer\" \\\n    -o alice.json\n  quorate card show alice.json"
    )]
    Card(CardVerb),
    /// Look at a PKCS#11 module and its tokens.
    #[command(
        subcommand,
        after_help = "Examples:\n  quorate token list --module /usr/lib/softhsm/libsofthsm2.so\n  quorate token show --module /usr/lib/softhsm/libsofthsm2.so --label root-ca"
    )]
    Token(TokenVerb),
    /// Propose the ceremony that a plan describes.
    Propose(Propose),
    /// Approve the open proposal. It hands over nothing, but at a genesis, where you confirm your shares.
    Approve(Approve),
    /// Release your shares to the station, once enough have approved.
    Release(Release),
    /// Reject the open proposal; that is final for you.
    Reject(Reject),
    /// Execute the open proposal, or go on with one that was cut off.
    Execute(Execute),
    /// Give the open proposal up before anything was tried.
    Abort(Abort),
    /// Sign the head of the last ceremony that ended: it says what you saw.
    Attest(Attest),
    /// Say what a ledger has in it, what is open and what comes next.
    Status(LedgerArgs),
    /// Show a ceremony, a plan, an enrolment, an approval or a drill in words.
    Show(Show),
    /// Verify a ledger from public data only.
    Audit(Audit),
    /// Say whether two targets have the same keys; no PIN, no quorum.
    Compare(Compare),
    /// Lead through a whole ceremony at one station.
    Run(Run),
    /// Rehearse a whole quorum on soft cards and a practice token.
    Rehearse(Rehearse),
    /// Print a completion script for a shell.
    Completions(Completions),
    /// Print the JSON Schema of what a verb prints with --json.
    Schema(Schema),
}

/// Where copies of the ledger lie.
#[derive(Args, Debug, Clone, Default)]
pub struct CopyArgs {
    /// A directory on a second medium that has, or gets, a copy of the ledger. May be given again.
    #[arg(long = "copy", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub copies: Vec<PathBuf>,
}

/// `quorate propose`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate propose delete.toml ledger --card soft:frank.card --copy /media/usb/ledger\n  What is in its way, without a card:\n    quorate propose --check delete.toml ledger --copy /media/usb/ledger"
)]
pub struct Propose {
    /// The plan.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub plan: PathBuf,
    /// The ledger; a genesis makes it.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Only say what is in the way of the plan, all at once, and what it will ask for. No card; another ceremony may be open.
    #[arg(long, conflicts_with_all = ["card", "pin_file", "pin_fd", "final_try"])]
    pub check: bool,
    /// The administrator's card: soft:FILE, or yubikey[:SERIAL].
    #[arg(long, value_name = "CARD", required_unless_present = "check")]
    pub card: Option<CardPlace>,
    /// How its PIN comes.
    #[command(flatten)]
    pub pin: PinArgs,
    #[command(flatten)]
    pub copies: CopyArgs,
    /// A credential of a program that its owner hands over to the quorum, all bytes of a file: TARGET:secret=FILE.
    #[arg(long = "hand-over", value_name = "TARGET:ROLE=FILE")]
    pub handed_over: Vec<String>,
}

/// Which proposal is meant.
#[derive(Args, Debug, Clone, Default)]
pub struct ProposalArgs {
    /// Digest of the proposal that was reviewed, in hex or PGP words: refused if another one is open.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub proposal: Option<String>,
}

/// `quorate execute`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate execute ledger bob.release carol.release --card soft:frank.card \\\n    --copy /media/usb/ledger\n  A genesis that takes a token over:\n    quorate execute ledger --card soft:frank.card --copy /media/usb/ledger \\\n      --present-pin root-hsm:so-pin=so.pin"
)]
pub struct Execute {
    /// The ledger.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Files of releases and approvals; those that contain shares are destroyed when the ceremony closes.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// An administrator's card.
    #[command(flatten)]
    pub card: CardArgs,
    #[command(flatten)]
    pub keeper: KeeperArgs,
    #[command(flatten)]
    pub copies: CopyArgs,
    /// A PIN that the quorum does not have, from a file's first line: TARGET:so-pin=FILE or TARGET:user-pin=FILE.
    #[arg(long = "present-pin", value_name = "TARGET:ROLE=FILE")]
    pub present: Vec<String>,
    /// Which proposal is meant.
    #[command(flatten)]
    pub proposal: ProposalArgs,
    /// Record what is known as the outcome and close, although the operation did not complete.
    #[arg(long)]
    pub give_up: bool,
    /// Keep what its program left in its working directory, but not what contains a credential.
    #[arg(long, requires = "give_up")]
    pub keep_room: bool,
}

/// `quorate abort`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  quorate abort ledger --card soft:frank.card --reason \"the HSM is at the vendor's\""
)]
pub struct Abort {
    /// The ledger.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Files of releases, to be destroyed.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// An administrator's card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Why, in a line that everybody will read.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Which proposal is meant.
    #[command(flatten)]
    pub proposal: ProposalArgs,
    #[command(flatten)]
    pub copies: CopyArgs,
}

/// `quorate attest`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  quorate attest ledger --card soft:alice.card")]
pub struct Attest {
    /// The ledger.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    #[command(flatten)]
    pub card: CardArgs,
    /// You do not agree: why.
    #[arg(long, value_name = "TEXT")]
    pub disagree: Option<String>,
    /// What else you want to say.
    #[arg(long, value_name = "TEXT", conflicts_with = "disagree")]
    pub remark: Option<String>,
    #[command(flatten)]
    pub copies: CopyArgs,
}

/// `quorate run`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate run delete.toml ledger --copy /media/usb/ledger\n  Without a terminal: every card with its PIN, the administrator's first:\n    quorate run delete.toml ledger --copy /media/usb/ledger --yes \\\n      --card soft:frank.card --pin-file frank.pin \\\n      --card soft:alice.card --pin-file alice.pin …"
)]
pub struct Run {
    /// The plan.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub plan: PathBuf,
    /// The ledger; a genesis makes it.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Cards in the order in which they are used, the administrator's first; asked for if none is given.
    #[arg(long = "card", value_name = "CARD")]
    pub cards: Vec<CardPlace>,
    /// Files with their PINs, in the same order; asked for if none is given.
    #[arg(long = "pin-file", value_name = "FILE")]
    pub pin_files: Vec<PathBuf>,
    #[command(flatten)]
    pub keeper: KeeperArgs,
    /// Try a PIN even if a wrong one would block its card; each time it is asked again.
    #[arg(long)]
    pub final_try: bool,
    /// A PIN that the quorum does not have: TARGET:so-pin=FILE or TARGET:user-pin=FILE.
    #[arg(long = "present-pin", value_name = "TARGET:ROLE=FILE")]
    pub present: Vec<String>,
    /// A credential of a program that its owner hands over to the quorum, all bytes of a file: TARGET:secret=FILE.
    #[arg(long = "hand-over", value_name = "TARGET:ROLE=FILE")]
    pub handed_over: Vec<String>,
    /// Head of the last ceremony that ended, from paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
    /// Fingerprint of the genesis, from paper; enough where no ceremony has ever ended.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub genesis: Option<String>,
    #[command(flatten)]
    pub copies: CopyArgs,
}

/// `quorate rehearse`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate rehearse\n  quorate rehearse genesis.toml delete.toml --dir rehearsal"
)]
pub struct Rehearse {
    /// Plans of your own, the genesis first; without them a complete quorum of five is rehearsed.
    #[arg(value_name = "PLAN", value_hint = clap::ValueHint::FilePath)]
    pub plans: Vec<PathBuf>,
    /// The folder to make; it must not exist [default: a new one in the temporary directory].
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// `quorate completions`.
#[derive(Args, Debug)]
#[command(after_help = "Example:\n  quorate completions bash > /etc/bash_completion.d/quorate")]
pub struct Completions {
    /// Which shell.
    pub shell: clap_complete::Shell,
}

/// `quorate schema`.
#[derive(Args, Debug)]
#[command(after_help = "Examples:\n  quorate schema status\n  quorate schema card show")]
pub struct Schema {
    /// The verb, as it is typed.
    #[arg(required = true, num_args = 1..=2, value_name = "VERB")]
    pub verb: Vec<String>,
}
