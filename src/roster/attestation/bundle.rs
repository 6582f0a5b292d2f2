//! Files with certificates and public keys: PEM (RFC 7468), several with any text between, or one in DER.

use base64::Engine as _;

use super::{certificate::Certificate, error::AttestationError, signature::SubjectKey};

pub const MAX_BUNDLE: usize = 256 * 1024;

/// Most entries of a file.
const MAX_ENTRIES: usize = 32;

/// The contents of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bundled {
    Certificate(Box<Certificate>),
    /// A public key: SubjectPublicKeyInfo in DER.
    PublicKey(Vec<u8>),
}

/// Why a file was refused.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum BundleError {
    /// More than any honest one has.
    #[error("more than {MAX_ENTRIES} entries, or longer than {MAX_BUNDLE} bytes")]
    TooLong,
    /// PEM that is none.
    #[error("entry {0} is not PEM: {1}")]
    Pem(usize, &'static str),
    /// Nothing useful.
    #[error("neither PEM nor a certificate in DER")]
    Neither,
    #[error("entry {0}: {1}")]
    Certificate(usize, Box<AttestationError>),
}

pub fn read(bytes: &[u8]) -> Result<Vec<Bundled>, BundleError> {
    if bytes.len() > MAX_BUNDLE {
        return Err(BundleError::TooLong);
    }
    let certificate = |place: usize, der: &[u8]| {
        Certificate::from_der(der)
            .map(|c| Bundled::Certificate(Box::new(c)))
            .map_err(|e| BundleError::Certificate(place, Box::new(e)))
    };
    let text = match std::str::from_utf8(bytes) {
        Ok(text) if text.contains(BEGIN) => text,
        _ if SubjectKey::from_spki(bytes).is_ok() => return Ok(vec![Bundled::PublicKey(bytes.to_vec())]),
        _ if bytes.first() == Some(&0x30) => return Ok(vec![certificate(1, bytes)?]),
        _ => return Err(BundleError::Neither),
    };
    let mut found = Vec::new();
    for (label, der) in pem_entries(text)? {
        let place = found.len().saturating_add(1);
        found.push(match label {
            "CERTIFICATE" => certificate(place, &der)?,
            "PUBLIC KEY" => Bundled::PublicKey(der),
            _ => return Err(BundleError::Pem(place, "neither a certificate nor a public key")),
        });
    }
    Ok(found)
}

const BEGIN: &str = "-----BEGIN ";

/// Labels and contents. What is outside of BEGIN and END is prose.
fn pem_entries(text: &str) -> Result<Vec<(&str, Vec<u8>)>, BundleError> {
    let mut entries = Vec::new();
    let mut lines = text.lines().map(str::trim_end);
    while let Some(line) = lines.next() {
        let Some(label) = line.strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix("-----")) else {
            continue;
        };
        let place = entries.len().saturating_add(1);
        if place > MAX_ENTRIES {
            return Err(BundleError::TooLong);
        }
        let end = format!("-----END {label}-----");
        let mut content = String::new();
        loop {
            match lines.next() {
                Some(line) if line == end => break,
                Some(line) => content.push_str(line),
                None => return Err(BundleError::Pem(place, "its end is missing")),
            }
        }
        let der = base64::engine::general_purpose::STANDARD
            .decode(content)
            .map_err(|_| BundleError::Pem(place, "not base64"))?;
        entries.push((label, der));
    }
    Ok(entries)
}
