//! The verbs about cards.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{CardArgs, CardPlace, CopyArgs, PinArgs};
use crate::{encoding::text::Name, piv::Slot};

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
    /// List every reader with the YubiKey in it, and what is missing before it can be used; no PIN.
    #[command(after_help = "Example:\n  quorate card list")]
    List,
    /// Show what a card or an enrolment says of itself; no PIN.
    #[command(
        after_help = "Examples:\n  quorate card show yubikey\n  quorate card show yubikey:12345678\n  quorate card show soft:alice.card\n  quorate card show alice.json --roots yubico.pem"
    )]
    Show(CardShow),
    /// Try alone that a card opens its shares, and sign that it does.
    #[command(
        after_help = "Examples:\n  On your own machine, with a copy of the ledger and the head from paper:\n    quorate card drill --ledger ledger --card soft:alice.card \\\n      --head \"$(cat head.txt)\" -o alice.drill\n  Beside the ledger itself:\n    quorate card drill --ledger ledger --card soft:alice.card --copy /media/usb/ledger\n  The administrator imports what was brought:\n    quorate card drill --ledger ledger --import alice.drill --copy /media/usb/ledger"
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
    /// Which authorities are believed.
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
    #[command(flatten)]
    pub card: CardArgs,
    /// Whose card it is: the identifier that plans use.
    #[arg(long)]
    pub name: Name,
    /// The name as it is read aloud.
    #[arg(long, value_name = "TEXT")]
    pub full_name: String,
    /// For a witness or an approver: without the key that opens shares.
    #[arg(long, visible_alias = "approver")]
    pub witness: bool,
    /// For an administrator: with a P-256 signing key on a YubiKey of any firmware, because an Ed25519 key there
    /// signs no text as long as a proposal.
    #[arg(long, conflicts_with = "witness", help_heading = "Options for YubiKeys")]
    pub administrator: bool,
    /// The retired slot of the share key, 82 to 95 [default: the first that is free].
    #[arg(long, value_name = "SLOT", value_parser = retired_slot, help_heading = "Options for YubiKeys")]
    pub slot: Option<Slot>,
    /// When the keys that are made require a touch; production requires it always.
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = TouchArg::Always, help_heading = "Options for YubiKeys")]
    pub touch: TouchArg,
    /// Make new keys where keys are, after serial and slot were typed, and a new companion. What is sealed to the old ones is
    /// lost.
    #[arg(long, help_heading = "Options for YubiKeys")]
    pub replace: bool,
    /// Read the new PUK from the first line of this file, where the card still has the factory default.
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath, help_heading = "Options for YubiKeys")]
    pub puk_file: Option<PathBuf>,
    /// Read the management key, in hex, from this file: the card's own, or the new one where it still has the
    /// factory default. Without it, the card keeps a random one under its PIN.
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
    /// Head of the last ceremony that ended, from your paper: hex or PGP words.
    #[arg(long, value_name = "HEX-OR-WORDS")]
    pub head: Option<String>,
    /// Write the statement to this file, for the administrator; without it, it is put beside the ledger.
    #[arg(short, long, value_name = "FILE", conflicts_with = "copies", value_hint = clap::ValueHint::FilePath)]
    pub output: Option<PathBuf>,
    /// Put a statement beside the ledger that was made elsewhere; no card. May be given again.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["card", "pin_file", "pin_fd", "head", "output"], value_hint = clap::ValueHint::FilePath)]
    pub import: Vec<PathBuf>,
    #[command(flatten)]
    pub copies: CopyArgs,
}

/// When a key on a YubiKey requires a touch.
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
    /// Which authorities are believed of the attestation on a YubiKey or in an enrolment.
    #[command(flatten)]
    pub trust: TrustArgs,
}

fn retired_slot(text: &str) -> Result<Slot, &'static str> {
    let slot = Slot::parse(&text.to_ascii_lowercase()).filter(|slot| slot.is_retired());
    slot.ok_or("give a retired slot, 82 to 95")
}
