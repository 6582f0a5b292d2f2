//! Whoever makes the cards: a root, if wanted intermediates, and for each card an attestation key in slot f9.

use serde::{Deserialize, Serialize};

use crate::{
    card::Firmware,
    certificate::{Certificate, Extension, fingerprint, pem},
    key::{Algorithm, PrivateKey},
    memory::Hex,
};

/// Yubico's arc for what attestations say.
pub(crate) const YUBICO_PIV: &str = "1.3.6.1.4.1.41482.3";

/// A key and the certificate over it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Attestation {
    /// The private key in slot f9.
    pub key: PrivateKey,
    certificate: Hex,
    subject: String,
}

impl Attestation {
    /// From parts that need not fit together.
    pub fn from_parts(key: PrivateKey, subject: &str, certificate: &[u8]) -> Self {
        Self { key, certificate: Hex(certificate.to_vec()), subject: subject.to_owned() }
    }

    /// The certificate, DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate.0
    }

    /// The subject's common name, which is the issuer of what the key signs.
    pub fn subject(&self) -> &str {
        &self.subject
    }
}

/// A maker of cards with a root of its own. It can be written to a file and read again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Manufacturer {
    root: Attestation,
    intermediates: Vec<Attestation>,
    not_before: String,
    not_after: String,
}

impl Default for Manufacturer {
    fn default() -> Self {
        Self::new()
    }
}

impl Manufacturer {
    /// As Yubico's first generation: the root signs the f9 certificates.
    pub fn new() -> Self {
        Self::between("20160314000000Z", "20520417000000Z")
    }

    /// The same, with everything valid between these times only (`YYYYMMDDHHMMSSZ`).
    pub fn between(not_before: &str, not_after: &str) -> Self {
        let mut maker = Self {
            root: Attestation::from_parts(PrivateKey::generate(Algorithm::P256), "", &[]),
            intermediates: Vec::new(),
            not_before: not_before.to_owned(),
            not_after: not_after.to_owned(),
        };
        let name = format!("Virtual PIV Root CA {}", &fingerprint(&maker.root.key.spki())[..8]);
        let key = maker.root.key.clone();
        let mut certificate = Certificate::new(&name, &name, &key.spki());
        certificate.extensions.push(Extension::authority(3));
        maker.date(&mut certificate);
        maker.root = Attestation::from_parts(key.clone(), &name, &certificate.sign(&key));
        maker
    }

    /// As Yubico's second generation, from firmware 5.7.4 on: two tiers of intermediates, which are not on the card.
    pub fn with_intermediates() -> Self {
        let mut maker = Self::new();
        for (name, path) in [("Virtual Attestation Intermediate A 1", 2), ("Virtual PIV Attestation A 1", 1)]
        {
            let key = PrivateKey::generate(Algorithm::P256);
            let issuer = maker.issuer();
            let mut certificate = Certificate::new(issuer.subject(), name, &key.spki());
            certificate.extensions.push(Extension::authority(path));
            maker.date(&mut certificate);
            let signed = certificate.sign(&issuer.key);
            maker.intermediates.push(Attestation::from_parts(key, name, &signed));
        }
        maker
    }

    fn date(&self, certificate: &mut Certificate) {
        certificate.not_before.clone_from(&self.not_before);
        certificate.not_after.clone_from(&self.not_after);
    }

    /// The key and certificate that sign what goes into slot f9.
    pub fn issuer(&self) -> &Attestation {
        self.intermediates.last().unwrap_or(&self.root)
    }

    /// The root's certificate, DER.
    pub fn root(&self) -> &[u8] {
        self.root.certificate()
    }

    /// The root's private key, for whoever forges.
    pub fn root_key(&self) -> &PrivateKey {
        &self.root.key
    }

    /// The SHA-256 of the root's certificate, lower-case hex.
    pub fn root_sha256(&self) -> String {
        fingerprint(self.root())
    }

    /// The intermediates' certificates, DER, from the root downwards.
    pub fn intermediates(&self) -> Vec<&[u8]> {
        self.intermediates.iter().map(Attestation::certificate).collect()
    }

    /// Root and intermediates, PEM: the file that an operator brings.
    pub fn bundle_pem(&self) -> String {
        let intermediates = self.intermediates.iter().map(|it| pem(it.certificate()));
        std::iter::once(pem(self.root())).chain(intermediates).collect()
    }

    /// What goes into slot f9 of a new card.
    pub fn attestation(&self, firmware: Firmware) -> Attestation {
        self.attestation_with(firmware, |_| ())
    }

    /// The same, with the certificate changed before it is signed: without CA, expired, named otherwise.
    pub fn attestation_with(&self, firmware: Firmware, change: impl FnOnce(&mut Certificate)) -> Attestation {
        let key = PrivateKey::generate(Algorithm::P256);
        let issuer = self.issuer();
        let mut certificate = Certificate::new(issuer.subject(), "Virtual PIV Attestation", &key.spki());
        let version = format!("{YUBICO_PIV}.3");
        certificate.extensions = vec![Extension::new(&version, &firmware.bytes()), Extension::authority(0)];
        self.date(&mut certificate);
        change(&mut certificate);
        let signed = certificate.sign(&issuer.key);
        Attestation::from_parts(key, &certificate.subject, &signed)
    }
}
