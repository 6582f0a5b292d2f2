//! The authorities that are believed: facts about Yubico's, and what a plan adds.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use super::{certificate::Certificate, error::AttestationError};
use crate::encoding::digest::Digest;

/// Yubico's authorities for PIV attestations: the SHA-256 of each certificate and its name. The certificates
/// themselves come with the operator's file: this program is offline.
///
/// The first generation serves until firmware 5.7.3, the second from 5.7.4 on; each of the intermediates that is named
/// here is pinned as well as its root.
pub const YUBICO: [(&str, &str); 9] = [
    ("63ece914e54dd87915f34033c85af4c0696ba1512f8add66ced738331207b546", "Yubico PIV Root CA Serial 263751"),
    (
        "7e996a28e3055223733c9aec897900eda9b746e3e15d419556ac6a1179879a50",
        "Yubico PIV Root CA Serial 263751, before 2018",
    ),
    (
        "0fa1386f80eb8713263ae5c1d84deb455bdf08aea50ab05503cefee82b092d42",
        "Yubico U2F Root CA Serial 457200631",
    ),
    ("62760c6a6ef91679f454c8902b80fd009825b3f25da90f1fbace2ec6586cd5a8", "Yubico Attestation Root 1"),
    (
        "4698a1d3389c3ec60016c216250f1d0439922832d65142327436376dc2942b55",
        "Yubico Attestation Intermediate A 1",
    ),
    (
        "d4cc3f456fdaf4e7812a21aab1dfe9d8e27d24e2fd2d6f21c9940109f0daa754",
        "Yubico Attestation Intermediate B 1",
    ),
    ("6de693f05376f5d8ca29069261e1c8626c75d503bd2edbfd75354cad1f722870", "Yubico PIV Attestation A 1"),
    ("2d55b7998f4e42569d6d8fa382b6dc77d1dacf07358b19701163892922b17052", "Yubico PIV Attestation B 1"),
    ("0c90b7d184a36edf50a35f9be935f0c5689bfdcfe5bdd073366cafb49061a440", "Yubico PIV Attestation B2 1"),
];

/// Signatures of certificates that are checked for one roster or one question, however many cards it has: an RSA key of a
/// stranger's choice makes each of them cost a millisecond. An honest card takes three, and intermediates are checked once.
const MAX_CHECKS: u32 = 4096;

/// Certificates that may be in a chain, and which of them end it. Its clones share what was checked, and how much more may
/// be.
#[derive(Clone, Debug, Default)]
pub struct Trust {
    certificates: Vec<Arc<Certificate>>,
    pins: Vec<Digest>,
    checks: Arc<Mutex<Checks>>,
}

/// Which certificates were found to be signed by which, and how many more signatures are checked.
#[derive(Debug)]
struct Checks {
    left: u32,
    known: BTreeMap<(Digest, Digest), bool>,
}

impl Default for Checks {
    fn default() -> Self {
        Self { left: MAX_CHECKS, known: BTreeMap::new() }
    }
}

impl Trust {
    /// Yubico's authorities, and others that are pinned by the SHA-256 of their certificates.
    pub fn new(others: &[Digest]) -> Self {
        Self { pins: others.to_vec(), ..Self::default() }
    }

    /// Adds a certificate; nothing is believed because it is added.
    pub fn add(&mut self, certificate: Certificate) {
        if !self.certificates.iter().any(|known| **known == certificate) {
            self.certificates.push(Arc::new(certificate));
        }
    }

    /// What was added.
    pub fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.certificates.iter().map(Arc::as_ref)
    }

    /// Whether one certificate is signed by another. No pair is checked twice.
    pub(super) fn signed(&self, child: &Certificate, issuer: &Certificate) -> Result<bool, AttestationError> {
        let mut checks = self.checks.lock().unwrap_or_else(PoisonError::into_inner);
        let pair = (child.digest(), issuer.digest());
        if let Some(known) = checks.known.get(&pair) {
            return Ok(*known);
        }
        checks.left = checks.left.checked_sub(1).ok_or(AttestationError::Checks(MAX_CHECKS))?;
        let signed = child.is_signed_by(issuer);
        checks.known.insert(pair, signed);
        Ok(signed)
    }

    /// The name of a pinned authority; none if the certificate is not pinned.
    pub(super) fn pinned(&self, certificate: &Certificate) -> Option<TrustAnchor> {
        let digest = certificate.digest();
        let hex = digest.to_string();
        match YUBICO.iter().find(|(known, _)| *known == hex) {
            Some((_, name)) => Some(TrustAnchor::Yubico(name)),
            None => self.pins.contains(&digest).then_some(TrustAnchor::Other),
        }
    }
}

/// Who ends a chain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TrustAnchor {
    /// One of [`YUBICO`], with its name.
    Yubico(&'static str),
    /// One that was pinned by the caller.
    Other,
}
