//! What a quorum administers: tokens, the objects in them, and the credentials that open them.

use serde::{Deserialize, Serialize};

use crate::encoding::{bounds, digest::Digest, strict::worded, text::Line};

/// What identifies a token: read when proposing, and again before acting.
///
/// The texts come from the module (CK_TOKEN_INFO, PKCS#11 v2.40 section 3.2), trimmed of padding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenIdentity {
    pub manufacturer: Line,
    pub model: Line,
    /// `serialNumber`; empty on a token that was never initialised.
    pub serial: Line,
    pub label: Line,
    /// SHA-256 of the module's file; none where no module is loaded.
    pub module_sha256: Option<Digest>,
}

impl TokenIdentity {
    /// The same token, whichever file is loaded to reach it: of one maker and model, with one serial number and label.
    pub fn is_same_token(&self, other: &Self) -> bool {
        Self { module_sha256: None, ..self.clone() } == Self { module_sha256: None, ..other.clone() }
    }

    /// The same make behind the same module; serial and label may have changed by an initialisation or a reset.
    pub fn is_same_device(&self, other: &Self) -> bool {
        self.manufacturer == other.manufacturer
            && self.model == other.model
            && self.module_sha256 == other.module_sha256
    }
}

/// Which credential of a target.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The security officer's PIN (CKU_SO).
    SoPin,
    /// The normal user's PIN (CKU_USER).
    UserPin,
    /// The AES-256 key under which backups are wrapped.
    BackupKey,
    /// What a program is handed.
    Secret,
    SecondSecret,
    ThirdSecret,
    FourthSecret,
}

impl Role {
    /// Whether it is of a target of kind `command`; all others are of tokens.
    pub fn is_for_programs(self) -> bool {
        matches!(self, Self::Secret | Self::SecondSecret | Self::ThirdSecret | Self::FourthSecret)
    }
}

/// How a credential is kept.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Custody {
    /// Random, sealed to its authority: only the quorum can have it.
    Held,
    /// An application uses it; its owner hands it over at execute. Tried once, never stored.
    Borrowed,
    /// An application uses it, and the quorum, which has the SO PIN, replaces it in each ceremony: a temporary one
    /// for the operation, then a fresh one sealed to the application's recipient.
    Reissued,
}

/// CKA_CLASS of the objects that a quorum cares about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ObjectClass {
    PrivateKey,
    PublicKey,
    SecretKey,
    Certificate,
    Data,
    /// A class that is not backed up: only what a backup leaves out is of it, and its key type says which.
    Other,
}

worded!(Role, Custody, ObjectClass);

/// One token object (CKA_TOKEN true): what it says of itself, and what lies beside it.
///
/// The fields up to `value_sha256` identify it (see [`super::identity`]); the others may change about the same object.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ObjectRecord {
    /// CKA_CLASS.
    pub class: ObjectClass,
    /// CKA_ID in lower-case hex; empty where there is none (data objects).
    #[serde(deserialize_with = "bounds::object_id")]
    pub id: String,
    /// CKA_LABEL as it can be shown.
    pub label: Line,
    /// SHA-256 of the bytes of CKA_LABEL, where `label` does not show them all: more than 200 characters, or some that
    /// cannot be shown.
    pub label_sha256: Option<Digest>,
    /// Algorithm and size: `ec-p256`, `ed25519`, `rsa-3072`, `aes-256`, `x509`; `data`; `generic-N`.
    #[serde(deserialize_with = "bounds::algorithm")]
    pub key_type: String,
    /// SHA-256 of the SubjectPublicKeyInfo, where the object itself shows the public half.
    pub public_key_sha256: Option<Digest>,
    /// CKA_CHECK_VALUE in hex, where the token has it (secret keys).
    #[serde(deserialize_with = "bounds::check_value")]
    pub check_value: Option<String>,
    /// CKA_UNIQUE_ID (PKCS#11 v3.0), where the token has it.
    pub unique_id: Option<Line>,
    /// SHA-256 of CKA_VALUE of certificates and data objects.
    pub value_sha256: Option<Digest>,
    /// CKA_EXTRACTABLE of private and secret keys.
    pub extractable: Option<bool>,
    /// The public half of a private key that does not show it, as another object has it.
    pub evidence: Option<PublicKeyEvidence>,
}

/// A public half that a neighbour shows: it may be that of the private key, and nothing proves it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublicKeyEvidence {
    /// `public-key` or `certificate`: the class of the object of the same CKA_ID that shows it.
    pub source: ObjectClass,
    pub public_key_sha256: Digest,
}

impl std::fmt::Display for ObjectRecord {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let cut =
            if self.label_sha256.is_some() && !self.label.as_str().ends_with('…') { "…" } else { "" };
        let id = if self.id.is_empty() { "-" } else { &self.id };
        let stays = if self.extractable == Some(false) { ", not extractable" } else { "" };
        write!(f, "{} \"{}{cut}\" id {id} ({}{stays})", self.class, self.label, self.key_type)
    }
}

/// What a token shows without any login.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Observation {
    pub identity: TokenIdentity,
    /// CKF_TOKEN_INITIALIZED.
    pub initialised: bool,
    /// CKF_USER_PIN_INITIALIZED.
    pub user_pin_set: bool,
    /// Shortest and longest PIN in bytes; a longest of 0 means no limit.
    pub pin_length: (usize, usize),
    /// The tries left for the SO PIN and for the user PIN, as far as the flags tell.
    pub so_tries: Tries,
    pub user_tries: Tries,
    #[serde(deserialize_with = "bounds::objects")]
    pub public_objects: Vec<ObjectRecord>,
}

/// CKF_*_PIN_COUNT_LOW, CKF_*_PIN_FINAL_TRY, CKF_*_PIN_LOCKED.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tries {
    /// No wrong try since the last right one, as far as the token tells.
    Full,
    /// At least one wrong try.
    Low,
    /// The next wrong try locks.
    Final,
    Locked,
}

/// The token's objects as they appear after a login of the user, sorted.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Inventory {
    pub identity: TokenIdentity,
    /// All objects with CKA_TOKEN true of the five classes, sorted.
    #[serde(deserialize_with = "bounds::objects")]
    pub objects: Vec<ObjectRecord>,
}

/// One object in a backup: what it was, and what makes it again.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupEntry {
    /// The object as it was in the token.
    pub object: ObjectRecord,
    /// `aes-key-wrap` (RFC 3394), `aes-key-wrap-kwp` (RFC 5649), or `copy` for what is public.
    #[serde(deserialize_with = "bounds::algorithm")]
    pub mechanism: String,
    /// The wrapped key, or the value that was copied.
    #[serde(deserialize_with = "bounds::blob")]
    pub blob: crate::encoding::strict::Base64,
    /// The attributes that the new object must have, by PKCS#11 attribute name (`CKA_SIGN` …), values in hex.
    #[serde(deserialize_with = "bounds::attributes")]
    pub attributes: std::collections::BTreeMap<String, String>,
}

/// An object that an operation could not treat.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeftOut {
    pub object: ObjectRecord,
    /// Why, with the PKCS#11 function and return value.
    pub reason: Line,
}
