//! The command line, as clap reads it. Manual pages and completions are made from the same definitions.

mod looking;

use std::path::PathBuf;

use clap::{Args, CommandFactory as _, Parser, Subcommand};

pub use looking::{Compare, TokenList, TokenShow, TokenVerb};

use super::reference;
use crate::{encoding::text::Name, piv::Slot, ports::card::FinalTry};

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
    /// What everybody takes.
    #[command(flatten)]
    pub global: Global,
    /// The verb.
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
    /// Ask nothing: yes to every question.
    #[arg(long, global = true)]
    pub yes: bool,
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
    /// Read the PIN from the first line of this open file descriptor.
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
            _ => Err("a card is given as soft:FILE, yubikey or yubikey:SERIAL".into()),
        }
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
    reference::REFERENCES.iter().fold(Cli::command(), |command, reference| {
        reference::at(command, reference.verb, &|verb| {
            let example = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
            verb.after_long_help(format!("{example}\n\n{}", reference.in_words()))
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
    /// Approve the open proposal, and release your shares to the station.
    Approve(Approve),
    /// Reject the open proposal; that is final for you.
    Reject(Reject),
    /// Execute the open proposal, or go on with one that was cut off.
    Execute(Execute),
    /// Give the open proposal up before anything was tried.
    Abort(Abort),
    /// Sign the head of the last ceremony: it says what you saw.
    Attest(Attest),
    /// Say where a ledger stands and what comes next.
    Status(LedgerArgs),
    /// Show a ceremony, a plan, an enrolment, an approval or a drill in words.
    Show(Show),
    /// Verify a ledger from public data only.
    Audit(Audit),
    /// Say whether two targets hold the same keys; no PIN, no quorum.
    Compare(Compare),
    /// Lead through a whole ceremony at one station.
    Run(Run),
    /// Rehearse a whole quorum on soft cards and a practice token.
    Rehearse(Rehearse),
    /// Print a completion script for a shell.
    Completions(Completions),
}

/// `quorate card`.
#[derive(Subcommand, Debug)]
pub enum CardVerb {
    /// Make a soft card: a file under a PIN.
    #[command(after_help = "Example:\n  quorate card new soft:alice.card --pin-file alice.pin")]
    New(CardNew),
    /// Write an enrolment, signed by the card, for the plan of a genesis. A YubiKey is made ready first.
    #[command(
        after_help = "Examples:\n  quorate card enroll --card yubikey --name alice --full-name \"Alice Archer\" -o alice.json\n  quorate card enroll --card soft:alice.card --pin-file alice.pin \\\n    --name alice --full-name \"Alice Archer\" -o alice.json"
    )]
    Enroll(CardEnroll),
    /// List every reader with the YubiKey in it, and what that lacks to serve; no PIN.
    #[command(after_help = "Example:\n  quorate card list")]
    List,
    /// Show what a card or an enrolment says of itself; no PIN.
    #[command(
        after_help = "Examples:\n  quorate card show yubikey\n  quorate card show yubikey:12345678\n  quorate card show soft:alice.card\n  quorate card show alice.json --roots yubico.pem"
    )]
    Show(CardShow),
    /// Try alone that a card opens its shares, and sign that it does.
    #[command(
        after_help = "Examples:\n  On your own machine, with a copy of the ledger and the head from paper:\n    quorate card drill --ledger ledger --card soft:alice.card --head \"$(cat head.txt)\" -o alice.drill\n  Beside the ledger itself:\n    quorate card drill --ledger ledger --card soft:alice.card --copy /media/usb/ledger\n  The administrator takes in what was brought:\n    quorate card drill --ledger ledger --import alice.drill --copy /media/usb/ledger"
    )]
    Drill(CardDrill),
    /// Verify PIV attestations of YubiKeys: no card, no ledger.
    #[command(
        after_help = "Examples:\n  With yubico-piv-tool or ykman you get the two certificates from a card:\n    ykman piv keys attest 9c key.pem; ykman piv certificates export f9 card.pem\n    quorate card attestation key.pem card.pem --roots yubico.pem\n  Is it the attestation of this key?\n    quorate card attestation key.pem card.pem public.pem --roots yubico.pem"
    )]
    Attestation(CardAttestation),
}

/// `quorate card attestation`.
#[derive(Args, Debug)]
pub struct CardAttestation {
    /// Attestations of slots' keys, the certificates of the cards' slots f9, intermediates, and the public keys that
    /// should be attested, in any order; PEM or DER.
    #[arg(value_name = "FILE", required = true, value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// Who is believed.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Which authorities are believed when an attestation is verified.
#[derive(Args, Debug, Clone, Default)]
pub struct TrustArgs {
    /// The certificates of Yubico's authorities. Each is known by its SHA-256; nothing else in the file is believed.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub roots: Option<PathBuf>,
    /// Believe another authority as well: SHA-256 of its certificate. May be given again.
    #[arg(long, value_name = "SHA256")]
    pub trust: Vec<String>,
}

/// `quorate card new`.
#[derive(Args, Debug)]
pub struct CardNew {
    /// The card to make: soft:FILE. The file must not exist.
    #[arg(value_name = "CARD")]
    pub card: CardPlace,
    /// How its PIN comes.
    #[command(flatten)]
    pub pin: PinArgs,
}

/// `quorate card enroll`.
#[derive(Args, Debug)]
pub struct CardEnroll {
    /// The card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Who holds the card: the identifier that plans use.
    #[arg(long)]
    pub name: Name,
    /// The name as it is read aloud.
    #[arg(long, value_name = "TEXT")]
    pub full_name: String,
    /// For a witness: without the key that opens shares.
    #[arg(long)]
    pub witness: bool,
    /// For an administrator: with a P-256 signing key on a YubiKey of any firmware, because an Ed25519 key there
    /// signs no text as long as a proposal.
    #[arg(long, conflicts_with = "witness", help_heading = "Options for YubiKeys")]
    pub administrator: bool,
    /// The retired slot of the share key, 82 to 95 [default: the first that is free].
    #[arg(long, value_name = "SLOT", help_heading = "Options for YubiKeys")]
    pub slot: Option<Slot>,
    /// When the keys that are made want a touch; production wants it always.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = TouchArg::Always, help_heading = "Options for YubiKeys")]
    pub touch: TouchArg,
    /// Make new keys where keys are, after serial and slot were typed. What is sealed to the old ones is lost.
    #[arg(long, help_heading = "Options for YubiKeys")]
    pub replace: bool,
    /// Read the new PUK from the first line of this file, where the card still has the one of delivery.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Options for YubiKeys")]
    pub puk_file: Option<PathBuf>,
    /// Read the management key, in hex, from this file: the card's own, or the new one where it still has the one of
    /// delivery. Without it, the card keeps a random one under its PIN.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Options for YubiKeys")]
    pub management_key: Option<PathBuf>,
    /// The enrolment to write; it must not exist.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: PathBuf,
}

/// `quorate card drill`.
#[derive(Args, Debug)]
pub struct CardDrill {
    /// The ledger.
    #[arg(long, value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// The card: soft:FILE, or yubikey[:SERIAL].
    #[arg(long, value_name = "CARD", required_unless_present = "import")]
    pub card: Option<CardPlace>,
    /// How its PIN comes.
    #[command(flatten)]
    pub pin: PinArgs,
    /// Head of the last closed ceremony, from your paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
    /// Write the statement to this file, for the administrator; without it, it is put beside the ledger.
    #[arg(short, long, value_name = "FILE", conflicts_with = "copies", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Put a statement beside the ledger that was made elsewhere; no card. May be given again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["card", "pin_file", "pin_fd", "head", "output"], value_hint = clap::ValueHint::FilePath)]
    pub import: Vec<PathBuf>,
    /// Copies.
    #[command(flatten)]
    pub copies: CopyArgs,
}

/// When a key on a YubiKey wants a touch.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum TouchArg {
    /// For each use.
    Always,
    /// For the first use within 15 seconds.
    Cached,
    /// Never.
    Never,
}

/// `quorate card show`.
#[derive(Args, Debug)]
pub struct CardShow {
    /// yubikey[:SERIAL], soft:FILE, or an enrolment's file.
    #[arg(value_name = "CARD|FILE")]
    pub what: String,
    /// Who is believed of the attestation on a YubiKey or in an enrolment.
    #[command(flatten)]
    pub trust: TrustArgs,
}

/// Where copies of the ledger lie.
#[derive(Args, Debug, Clone, Default)]
pub struct CopyArgs {
    /// A directory on a second medium that holds, or gets, a copy of the ledger. May be given again.
    #[arg(long = "copy", value_name = "DIR", value_hint = clap::ValueHint::DirPath)]
    pub copies: Vec<PathBuf>,
}

/// `quorate propose`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  quorate propose delete.toml ledger --card soft:frank.card --copy /media/usb/ledger"
)]
pub struct Propose {
    /// The plan.
    #[arg(value_hint = clap::ValueHint::FilePath)]
    pub plan: PathBuf,
    /// The ledger; a genesis makes it.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// The administrator's card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Copies.
    #[command(flatten)]
    pub copies: CopyArgs,
    /// A credential of a program that its owner hands over to the quorum, from a file: TARGET:secret=FILE.
    #[arg(long = "hand-over", value_name = "TARGET:ROLE=FILE")]
    pub handed_over: Vec<String>,
}

/// `quorate approve`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  At the station:\n    quorate approve ledger --card soft:alice.card\n  On your own machine, with a copy of the ledger and the head from paper:\n    quorate approve ledger --card soft:alice.card --head \"$(cat head.txt)\" -o alice.approval"
)]
pub struct Approve {
    /// The ledger with the open proposal.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// The custodian's card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Where the approval goes.
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// What approval and rejection share.
#[derive(Args, Debug, Clone, Default)]
pub struct DecisionArgs {
    /// Write the statement to this file, for the administrator; without it this machine must be the station.
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Head of the last closed ceremony, from your paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
}

/// `quorate reject`.
#[derive(Args, Debug)]
#[command(
    after_help = "Example:\n  quorate reject ledger --card soft:alice.card --reason \"the wrong key is named\""
)]
pub struct Reject {
    /// The ledger with the open proposal.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// The custodian's card.
    #[command(flatten)]
    pub card: CardArgs,
    /// Why, in a line that everybody will read.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Where the rejection goes.
    #[command(flatten)]
    pub decision: DecisionArgs,
}

/// `quorate execute`.
#[derive(Args, Debug)]
#[command(
    after_help = "Examples:\n  quorate execute ledger bob.approval carol.approval --card soft:frank.card \\\n    --copy /media/usb/ledger\n  A genesis that takes a token over:\n    quorate execute ledger --card soft:frank.card --copy /media/usb/ledger \\\n      --present-pin root-hsm:so-pin=so.pin"
)]
pub struct Execute {
    /// The ledger.
    #[arg(value_hint = clap::ValueHint::DirPath)]
    pub ledger: PathBuf,
    /// Approval files; destroyed when the ceremony closes, because each holds a release.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The card of the administrator who proposed.
    #[command(flatten)]
    pub card: CardArgs,
    /// Copies.
    #[command(flatten)]
    pub copies: CopyArgs,
    /// A PIN that the quorum does not hold, from a file's first line: TARGET:so-pin=FILE or TARGET:user-pin=FILE.
    #[arg(long = "present-pin", value_name = "TARGET:ROLE=FILE")]
    pub present: Vec<String>,
    /// Record what is known as the outcome and close, although the operation did not complete.
    #[arg(long)]
    pub give_up: bool,
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
    /// Approval files to be destroyed.
    #[arg(value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The card of the administrator who proposed.
    #[command(flatten)]
    pub card: CardArgs,
    /// Why, in a line that everybody will read.
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
    /// Copies.
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
    /// Your card.
    #[command(flatten)]
    pub card: CardArgs,
    /// You do not agree: why.
    #[arg(long, value_name = "TEXT")]
    pub disagree: Option<String>,
    /// What else you want to say.
    #[arg(long, value_name = "TEXT", conflicts_with = "disagree")]
    pub remark: Option<String>,
    /// Copies.
    #[command(flatten)]
    pub copies: CopyArgs,
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
    /// Which ceremony of the ledger.
    pub ceremony: Option<u32>,
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
    /// Head of the last ceremony, from paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
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
    /// Try a PIN even if a wrong one would block its card; each time it is asked again.
    #[arg(long)]
    pub final_try: bool,
    /// A PIN that the quorum does not hold: TARGET:so-pin=FILE or TARGET:user-pin=FILE.
    #[arg(long = "present-pin", value_name = "TARGET:ROLE=FILE")]
    pub present: Vec<String>,
    /// A credential of a program that its owner hands over to the quorum, from a file: TARGET:secret=FILE.
    #[arg(long = "hand-over", value_name = "TARGET:ROLE=FILE")]
    pub handed_over: Vec<String>,
    /// Head of the last closed ceremony, from paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
    /// Copies.
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
