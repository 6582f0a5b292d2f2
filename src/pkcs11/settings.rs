//! Which module, which token in it, and what its process may see of the environment.

use std::{
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::encoding::{absolute_path::AbsolutePath, digest::Digest};

/// How a PKCS#11 target is reached.
#[derive(Clone, Debug)]
pub struct Pkcs11Settings {
    pub module: AbsolutePath,
    pub select: Select,
    /// How long one PKCS#11 call may take. Calls that write PINs get twice as long.
    pub time_limit: Duration,
    /// The module's digest as pinned: another file is not loaded.
    pub module_sha256: Option<Digest>,
    /// Variables for the module's process, besides those of [`ALLOWED_VARIABLES`].
    pub environment: Vec<(String, String)>,
    /// Counts the time that goes to the module.
    pub meter: Meter,
    /// The tokens that were waited for in vain.
    pub waited: AbsentTokens,
    /// The program that runs as the module's process; this very program where none is given.
    pub worker: Option<PathBuf>,
}

/// The time that went to calls of modules, summed up over operations; its clones count together.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<(AtomicU64, AtomicU64)>);

impl Meter {
    pub(super) fn add(&self, micros: u64, calls: u64) {
        self.0.0.fetch_add(micros, Ordering::Relaxed);
        self.0.1.fetch_add(calls, Ordering::Relaxed);
    }

    /// The time spent in modules.
    pub fn in_modules(&self) -> Duration {
        Duration::from_micros(self.0.0.load(Ordering::Relaxed))
    }

    /// How many calls that were.
    pub fn calls(&self) -> u64 {
        self.0.1.load(Ordering::Relaxed)
    }
}

/// The tokens that stayed away while they were waited for: a program waits once for each of them, and again only after it has
/// seen it. Its clones know them together.
#[derive(Clone, Debug, Default)]
pub struct AbsentTokens(Arc<Mutex<Vec<(PathBuf, Select)>>>);

impl AbsentTokens {
    pub(super) fn in_vain(&self, module: &Path, select: &Select) -> bool {
        self.tokens().iter().any(|(path, token)| path == module && token == select)
    }

    /// Notes what the last look at the token showed.
    pub(super) fn note(&self, module: &Path, select: &Select, away: bool) {
        let mut tokens = self.tokens();
        tokens.retain(|(path, token)| path != module || token != select);
        if away {
            tokens.push((module.to_owned(), select.clone()));
        }
    }

    fn tokens(&self) -> MutexGuard<'_, Vec<(PathBuf, Select)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a token is found among the slots of a module. Slot numbers move, so that they only serve for
/// slots that have no token yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Select {
    /// The token that has both this serial number and this label.
    Serial {
        /// CK_TOKEN_INFO serialNumber.
        serial: String,
        /// CK_TOKEN_INFO label.
        label: String,
    },
    /// The one token with this label.
    Label {
        /// CK_TOKEN_INFO label.
        label: String,
    },
    /// A token with this label where none should be: that it is absent is no surprise, and is not looked into again.
    Namesake {
        /// CK_TOKEN_INFO label.
        label: String,
    },
    /// A slot whose token is not initialised.
    EmptySlot {
        /// This slot; the first such one where none is given.
        slot: Option<u64>,
    },
}

impl std::fmt::Display for Select {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Serial { serial, label } => write!(f, "token \"{label}\" with serial {serial}"),
            Self::Label { label } | Self::Namesake { label } => write!(f, "token \"{label}\""),
            Self::EmptySlot { slot: None } => f.write_str("uninitialised token"),
            Self::EmptySlot { slot: Some(slot) } => write!(f, "uninitialised token in slot {slot}"),
        }
    }
}

/// The variables that the module's process inherits, where they are set: nothing that makes a loader
/// or a library run other code (`LD_*`, `OPENSSL_CONF` …) is among them.
pub const ALLOWED_VARIABLES: &[&str] = &[
    // The process itself.
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "XDG_RUNTIME_DIR",
    // SoftHSM 2
    "SOFTHSM2_CONF",
    // kryoptic
    "KRYOPTIC_CONF",
    // tpm2-pkcs11, tpm2-tss
    "TPM2_PKCS11_STORE",
    "TPM2_PKCS11_TCTI",
    "TPM2_PKCS11_BACKEND",
    // opencryptoki
    "OPENCRYPTOKI_CONF",
    "PKCSLIB",
    // NSS softoken
    "NSS_LIB_PARAMS",
    "NSS_CONFIG_DIR",
    // Entrust nShield: also every CKNFAST_ variable
    "NFAST_HOME",
    "NFAST_KMDATA",
    "NFAST_SERVER",
    // Thales Luna
    "ChrystokiConfigurationPath",
    // Thales ProtectServer: also every ET_ variable
    "ET_PTKC_GENERAL_LIBRARY_MODE",
    // Utimaco
    "CS_PKCS11_R2_CFG",
    "CS_PKCS11_R3_CFG",
    // Securosys Primus
    "PRIMUS_HOME",
    // YubiHSM
    "YUBIHSM_PKCS11_CONF",
    // AWS CloudHSM
    "CLOUDHSM_PKCS11_CONF",
    // Nitrokey NetHSM
    "P11NETHSM_CONFIG_FILE",
    // OpenSC
    "OPENSC_CONF",
    // A PC/SC daemon in another place
    "PCSCLITE_CSOCK_NAME",
];

/// Prefixes of variables that are inherited as a family.
pub const ALLOWED_PREFIXES: &[&str] = &["CKNFAST_", "ET_"];

/// Whether the module's process may see the variable `name`.
pub fn is_allowed(name: &str) -> bool {
    ALLOWED_VARIABLES.contains(&name) || ALLOWED_PREFIXES.iter().any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loaders_get_no_orders_from_the_environment() {
        for name in ["LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "OPENSSL_CONF", "QUORATE_PIN"] {
            assert!(!is_allowed(name), "{name}");
        }
        assert!(is_allowed("SOFTHSM2_CONF") && is_allowed("CKNFAST_LOADSHARING"));
    }
}
