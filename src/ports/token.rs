//! Targets: what a quorum administers. Tokens (PKCS#11 v2.40, v3.0) are those that have PINs and objects.
//!
//! What destroys or exports takes an [`Authorization`] by value. Each error says whether an effect is
//! excluded, because an error return may follow a completed operation.

use super::cause::Cause;
use crate::{
    approval::authorization::{Authorization, PinAuthorization},
    encoding::{bounds, digest::Digest, text::Name},
    memory::{CredentialSecret, Pin},
    proposal::{
        capability::Lack,
        joining::{GenesisTarget, StartKind},
        place::Place,
        target::{BackupEntry, Inventory, ObjectRecord, Observation, TokenIdentity},
        token_label::TokenLabel,
    },
};

/// A target at hand, of whatever kind.
pub trait Target {
    /// Reads what is public: no login.
    fn observe(&mut self) -> Result<Observation, TokenError>;

    /// What the target cannot do, as far as that shows without a login: asked when an act is proposed.
    fn lacks(&mut self) -> Result<Vec<Lack>, TokenError> {
        Ok(Vec::new())
    }
}

/// A target with PINs and objects.
pub trait Token: Target {
    /// Logs the user in, once, and reads all token objects.
    fn inventory(&mut self, user_pin: &Pin) -> Result<Inventory, TokenError>;

    /// Initialises the token or takes it over, and sets the new PINs. Done again after a crash it goes on
    /// from where it is: a PIN that is in force already is not an error.
    fn install(
        &mut self,
        authorization: Authorization,
        installation: &Installation<'_>,
    ) -> Result<(), TokenError>;

    /// Changes PINs of a token in use, each old one presented once. That it worked is proven with
    /// [`Token::prove_pin`]: an error may follow a completed change.
    fn change_pins(
        &mut self,
        authorization: &PinAuthorization,
        change: &PinChange<'_>,
    ) -> Result<(), TokenError>;

    /// Logs in once, never on the last try, and out again. [`Cause::PinIncorrect`] if another PIN is in force.
    fn prove_pin(&mut self, holder: PinHolder, pin: &Pin) -> Result<(), TokenError>;

    /// Destroys exactly `objects`, each found by its whole record, in one session. Refuses before the
    /// first one is destroyed if one of them is ambiguous, resembled by another object, or (in a first run) missing.
    fn delete(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        run: Attempt,
        progress: &mut dyn Progress,
    ) -> Result<Deletion, TokenError>;

    /// C_InitToken: all objects go; new label, SO PIN and user PIN.
    fn reset(&mut self, authorization: Authorization, reset: &Reset<'_>) -> Result<(), TokenError>;

    /// Hands every object that can leave the token and be made again to `sink`, keys wrapped under `backup_key` (AES-256).
    fn backup(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        sink: &mut dyn BackupSink,
        progress: &mut dyn Progress,
    ) -> Result<Export, TokenError>;

    /// Makes each object of `source` again and proves it; what is there already is verified and kept. An object that cannot be
    /// made keeps no other from being made.
    fn restore(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        source: &mut dyn BackupSource,
        progress: &mut dyn Progress,
    ) -> Result<Restoration, TokenError>;
}

/// Finds the targets of a quorum.
pub trait TokenSource {
    /// Opens the target `name` at `place`, to look at it. Where the digest of the module's file is pinned, no other file is
    /// loaded: not to look, and least of all to be handed a PIN.
    fn target(
        &mut self,
        name: &Name,
        place: &Place,
        wanted: Wanted<'_>,
        module_sha256: Option<Digest>,
    ) -> Result<Box<dyn Target>, TokenError>;

    /// The same for a token; what is at another kind of place is refused.
    fn open(
        &mut self,
        name: &Name,
        place: &Place,
        wanted: Wanted<'_>,
        module_sha256: Option<Digest>,
    ) -> Result<Box<dyn Token>, TokenError>;
}

/// Which of the tokens at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Wanted<'a> {
    Empty,
    /// The one with this label: what an interrupted initialisation or reset may have left.
    Labelled(&'a str),
    /// One with this label where none should be: a single look tells.
    Namesake(&'a str),
    /// The one with this serial number and this label.
    Token {
        serial: &'a str,
        label: &'a str,
    },
}

impl<'a> Wanted<'a> {
    /// The token that is known as this one.
    pub fn known(identity: &'a TokenIdentity) -> Self {
        Self::Token { serial: identity.serial.as_str(), label: identity.label.as_str() }
    }

    /// The token that is to become the quorum's, before anything was done with it.
    pub fn joining(target: &'a GenesisTarget) -> Self {
        match target.start {
            StartKind::Initialise => Self::Empty,
            StartKind::TakeOver => Self::known(&target.identity),
        }
    }
}

/// First run of an intent, or again after a crash.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attempt {
    /// Nothing was tried yet.
    First,
    /// An earlier process may have done all, some or none of it.
    Resumed,
}

/// How a genesis makes a target the quorum's.
pub struct Installation<'a> {
    pub run: Attempt,
    pub condition: Condition<'a>,
    /// The SO PIN that the quorum will hold; none where it keeps out of it.
    pub new_so_pin: Option<&'a Pin>,
    /// The user PIN in force afterwards; none where the present one stays.
    pub new_user_pin: Option<&'a Pin>,
}

/// In which condition an installation finds the token.
pub enum Condition<'a> {
    /// An empty token, to be initialised under this label. Both new PINs are given.
    Empty {
        /// CK_TOKEN_INFO label.
        label: &'a TokenLabel,
    },
    InUse {
        /// The SO PIN in force; needed to change it, or to set a user PIN.
        present_so_pin: Option<&'a Pin>,
    },
}

/// Whose PIN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinHolder {
    /// CKU_SO.
    SecurityOfficer,
    /// CKU_USER.
    User,
}

impl std::fmt::Display for PinHolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SecurityOfficer => "SO PIN",
            Self::User => "user PIN",
        })
    }
}

/// A change of the PINs of a token in use.
pub enum PinChange<'a> {
    /// C_SetPIN by the user.
    ByUser {
        /// The user PIN in force.
        present: &'a Pin,
        new: &'a Pin,
    },
    /// C_InitPIN by the security officer, after C_SetPIN of their own PIN if a new one is given.
    ByOfficer { present: &'a Pin, new: Option<&'a Pin>, user_pin: &'a Pin },
}

/// What a reset sets.
pub struct Reset<'a> {
    pub run: Attempt,
    pub so_pin: &'a Pin,
    /// The label that tells the reset token from the old one.
    pub new_label: &'a TokenLabel,
    pub new_so_pin: &'a Pin,
    pub new_user_pin: &'a Pin,
}

/// What a deletion did, object by object, as seen by searching again.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deletion {
    /// Destroyed in this run and not found afterwards.
    #[serde(deserialize_with = "bounds::objects")]
    pub destroyed: Vec<ObjectRecord>,
    /// Not there when this run began (resumed runs only).
    #[serde(deserialize_with = "bounds::objects")]
    pub already_gone: Vec<ObjectRecord>,
    /// Still there: the token refused, with the reason.
    #[serde(deserialize_with = "bounds::objects")]
    pub remaining: Vec<LeftOut>,
}

pub use crate::proposal::target::LeftOut;

/// What did not go into a backup as it is.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Export {
    /// Objects that cannot leave, or of which this token itself could make no copy.
    #[serde(deserialize_with = "bounds::objects")]
    pub left_out: Vec<LeftOut>,
    /// Objects whose copy this token made, but not with all that restricts them or says what they are for.
    #[serde(deserialize_with = "bounds::objects")]
    pub unkept: Vec<LeftOut>,
}

/// What a restore did, object by object.
#[derive(Clone, PartialEq, Eq, Debug, Default, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Restoration {
    /// Objects that are there and proven, as they are now.
    #[serde(deserialize_with = "bounds::objects")]
    pub restored: Vec<ObjectRecord>,
    /// Objects that are not: as the backup has them.
    #[serde(deserialize_with = "bounds::objects")]
    pub left_out: Vec<LeftOut>,
    /// Of the restored ones, those that lack something of what the backup has.
    #[serde(deserialize_with = "bounds::objects")]
    pub unkept: Vec<LeftOut>,
}

/// Where a backup goes, entry by entry.
pub trait BackupSink {
    fn entry(&mut self, entry: BackupEntry) -> Result<(), std::io::Error>;
}

/// Where a restore comes from, entry by entry.
pub trait BackupSource {
    fn count(&self) -> usize;

    /// The next entry; none at the end. An error ends the restore.
    fn entry(&mut self) -> Result<Option<BackupEntry>, std::io::Error>;
}

/// Told how far a long operation has come.
pub trait Progress {
    /// `done` of `total` of `what` (for example "objects destroyed").
    fn step(&mut self, what: &str, done: usize, total: usize);
}

/// Nobody is told.
pub struct Silent;

impl Progress for Silent {
    fn step(&mut self, _what: &str, _done: usize, _total: usize) {}
}

/// What an error leaves open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Nothing was changed: the error came before the first call that changes anything.
    None,
    /// Something may have been changed: only looking tells.
    Unknown,
}

/// A token said no, or nothing.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
#[error("{function}: {message}{}", match self.cause.name() { "" => String::new(), name => format!(" ({name})") })]
pub struct TokenError {
    /// Whether the target may have been changed.
    pub effect: Effect,
    /// The function that failed: `C_Login`, `worker`, `open` …
    pub function: String,
    /// Why, as far as that is known.
    pub cause: Cause,
    /// One sentence.
    pub message: String,
    pub hint: String,
}

impl TokenError {
    /// An error before anything was changed.
    pub fn before(function: &str, cause: Cause, message: impl Into<String>, hint: &str) -> Self {
        Self {
            effect: Effect::None,
            function: function.into(),
            cause,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// An error after which only looking tells.
    pub fn unclear(function: &str, cause: Cause, message: impl Into<String>, hint: &str) -> Self {
        Self::before(function, cause, message, hint).with_unknown_effect()
    }

    /// The same error, where something was changed before it.
    pub fn with_unknown_effect(self) -> Self {
        Self { effect: Effect::Unknown, ..self }
    }
}
