//! Certificates that a manufacturer, a card or an attacker writes.

use base64::Engine as _;
use sha2::{Digest, Sha256};

use crate::{der, key::PrivateKey};

/// One extension, by its dotted identifier.
#[derive(Clone, Debug)]
pub struct Extension {
    /// Dotted object identifier.
    pub oid: String,
    /// Whether whoever does not know it must refuse.
    pub critical: bool,
    /// The DER inside the octet string.
    pub value: Vec<u8>,
}

impl Extension {
    /// One that is not critical.
    pub fn new(oid: &str, value: &[u8]) -> Self {
        Self { oid: oid.to_owned(), critical: false, value: value.to_vec() }
    }

    /// BasicConstraints, critical: an authority with at most `path` authorities below it.
    pub fn authority(path: u8) -> Self {
        let value = der::sequence(&[der::boolean_true(), der::integer(&[path])]);
        Self { oid: "2.5.29.19".to_owned(), critical: true, value }
    }

    fn der(&self) -> Vec<u8> {
        let mut parts = vec![der::oid(&self.oid)];
        if self.critical {
            parts.push(der::boolean_true());
        }
        parts.push(der::octet_string(&self.value));
        der::sequence(&parts)
    }
}

/// What a certificate says, before it is signed. Nothing is checked: a test may want it wrong.
#[derive(Clone, Debug)]
pub struct Certificate {
    /// Serial number, big endian.
    pub serial: Vec<u8>,
    /// Common name of the issuer.
    pub issuer: String,
    /// Common name of the subject.
    pub subject: String,
    /// `YYYYMMDDHHMMSSZ`.
    pub not_before: String,
    /// `YYYYMMDDHHMMSSZ`.
    pub not_after: String,
    /// The subject's key, SubjectPublicKeyInfo in DER.
    pub spki: Vec<u8>,
    /// Extensions, in this order.
    pub extensions: Vec<Extension>,
}

impl Certificate {
    /// One with a random serial number, valid from 2016 to 2052 as Yubico's are, without extensions.
    pub fn new(issuer: &str, subject: &str, spki: &[u8]) -> Self {
        let mut serial = vec![0; 16];
        getrandom::fill(&mut serial).expect("the operating system has random numbers");
        Self {
            serial,
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            not_before: "20160314000000Z".to_owned(),
            not_after: "20520417000000Z".to_owned(),
            spki: spki.to_vec(),
            extensions: Vec::new(),
        }
    }

    /// The certificate signed by `issuer`, DER.
    pub fn sign(&self, issuer: &PrivateKey) -> Vec<u8> {
        // The identifier stands inside what is signed, so it must be known first.
        let (algorithm, _) = issuer.sign_message(&[]);
        let mut body = vec![
            der::explicit(0, &der::integer(&[2])),
            der::integer(&self.serial),
            algorithm.clone(),
            name(&self.issuer),
            der::sequence(&[der::time(&self.not_before), der::time(&self.not_after)]),
            name(&self.subject),
            self.spki.clone(),
        ];
        if !self.extensions.is_empty() {
            let extensions: Vec<_> = self.extensions.iter().map(Extension::der).collect();
            body.push(der::explicit(3, &der::sequence(&extensions)));
        }
        let body = der::sequence(&body);
        let (_, signature) = issuer.sign_message(&body);
        der::sequence(&[body, algorithm, der::bit_string(&signature)])
    }
}

fn name(common_name: &str) -> Vec<u8> {
    der::sequence(&[der::set(&[der::sequence(&[der::oid("2.5.4.3"), der::utf8(common_name)])])])
}

/// PEM, as certificates are handed out.
pub(crate) fn pem(certificate: &[u8]) -> String {
    let base64 = base64::engine::general_purpose::STANDARD.encode(certificate);
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}

/// SHA-256 in lower-case hex, as authorities are pinned.
pub(crate) fn fingerprint(certificate: &[u8]) -> String {
    base16ct::lower::encode_string(&Sha256::digest(certificate))
}
