//! YubiKeys that a test makes: an authority, cards with a certificate in slot f9, attestations of their keys. Everything
//! is built from bytes, so that any of it can be wrong.

use ed25519_dalek::pkcs8::EncodePublicKey as _;
use p256::ecdsa::signature::{SignatureEncoding as _, Signer as _, hazmat::PrehashSigner as _};
use quorate::encoding::digest::Digest;

/// Tag, length, content.
pub fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let mut out = vec![tag];
    match length {
        0..=127 => out.push(u8::try_from(length).unwrap()),
        128..=255 => out.extend([0x81, u8::try_from(length).unwrap()]),
        _ => out.extend([0x82, u8::try_from(length >> 8).unwrap(), u8::try_from(length & 255).unwrap()]),
    }
    out.extend(content);
    out
}

pub fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &parts.concat())
}

/// An OBJECT IDENTIFIER with its dots.
pub fn oid(text: &str) -> Vec<u8> {
    let arcs: Vec<u32> = text.split('.').map(|arc| arc.parse().unwrap()).collect();
    let mut bytes = vec![u8::try_from(arcs[0] * 40 + arcs[1]).unwrap()];
    for arc in &arcs[2..] {
        let mut groups = vec![u8::try_from(arc & 0x7f).unwrap()];
        let mut rest = arc >> 7;
        while rest > 0 {
            groups.push(u8::try_from(rest & 0x7f).unwrap() | 0x80);
            rest >>= 7;
        }
        bytes.extend(groups.iter().rev());
    }
    tlv(6, &bytes)
}

pub fn integer(value: u32) -> Vec<u8> {
    let bytes = value.to_be_bytes();
    let start = bytes.iter().position(|b| *b != 0).unwrap_or(3);
    let mut content = bytes[start..].to_vec();
    if content[0] >= 0x80 {
        content.insert(0, 0);
    }
    tlv(2, &content)
}

fn name(common_name: &str) -> Vec<u8> {
    let attribute = sequence(&[&oid("2.5.4.3"), &tlv(0x0c, common_name.as_bytes())]);
    sequence(&[&tlv(0x31, &attribute)])
}

/// A key pair.
#[derive(Clone)]
pub enum Pair {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    /// P-384 that signs SHA-256, as a card does whatever its key.
    P384Sha256(p384::ecdsa::SigningKey),
    Rsa(Box<rsa::RsaPrivateKey>),
    Ed25519(ed25519_dalek::SigningKey),
    /// Only the public half is there.
    Public(Vec<u8>),
}

impl Pair {
    /// P-256, the same for the same seed.
    pub fn p256(seed: &str) -> Self {
        Self::P256(p256::ecdsa::SigningKey::from_slice(Digest::of(seed.as_bytes()).as_bytes()).unwrap())
    }

    pub fn p384(seed: &str) -> Self {
        let half = Digest::of(seed.as_bytes());
        let bytes = [&[1; 16], half.as_bytes().as_slice()].concat();
        Self::P384(p384::ecdsa::SigningKey::from_slice(&bytes).unwrap())
    }

    /// The same key, for a card's slot f9.
    pub fn signing_sha256(self) -> Self {
        match self {
            Self::P384(key) => Self::P384Sha256(key),
            other => other,
        }
    }

    pub fn ed25519(seed: &str) -> Self {
        Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(Digest::of(seed.as_bytes()).as_bytes()))
    }

    pub fn rsa(bits: usize) -> Self {
        let mut rng = rand_core::UnwrapErr(getrandom::SysRng);
        Self::Rsa(Box::new(rsa::RsaPrivateKey::new(&mut rng, bits).unwrap()))
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::P384(key) | Self::P384Sha256(key) => {
                let algorithm = sequence(&[&oid("1.2.840.10045.2.1"), &oid("1.3.132.0.34")]);
                let point = key.verifying_key().to_sec1_point(false);
                sequence(&[&algorithm, &tlv(3, &[&[0], point.as_bytes()].concat())])
            }
            Self::Rsa(key) => {
                rsa::pkcs8::EncodePublicKey::to_public_key_der(&key.to_public_key()).unwrap().into_vec()
            }
            Self::Ed25519(key) => key.verifying_key().to_public_key_der().unwrap().into_vec(),
            Self::Public(spki) => spki.clone(),
        }
    }

    /// AlgorithmIdentifier and signature.
    fn sign(&self, message: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign(message);
                (sequence(&[&oid("1.2.840.10045.4.3.2")]), signature.to_der().to_vec())
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign(message);
                (sequence(&[&oid("1.2.840.10045.4.3.3")]), signature.to_der().to_vec())
            }
            Self::P384Sha256(key) => {
                let digest = Digest::of(message);
                let signature: p384::ecdsa::Signature = key.sign_prehash(digest.as_bytes()).unwrap();
                (sequence(&[&oid("1.2.840.10045.4.3.2")]), signature.to_der().to_vec())
            }
            Self::Rsa(key) => {
                let signer = rsa::pkcs1v15::SigningKey::<sha2::Sha256>::new((**key).clone());
                (sequence(&[&oid("1.2.840.113549.1.1.11"), &[5, 0]]), signer.sign(message).to_vec())
            }
            Self::Ed25519(key) => (sequence(&[&oid("1.3.101.112")]), key.sign(message).to_vec()),
            Self::Public(_) => unreachable!("nothing to sign with"),
        }
    }
}

pub fn extension(id: &str, critical: bool, value: &[u8]) -> Vec<u8> {
    let critical: &[u8] = if critical { &[1, 1, 0xff] } else { &[] };
    sequence(&[&oid(id), critical, &tlv(4, value)])
}

pub fn yubico(number: u8, value: &[u8]) -> Vec<u8> {
    extension(&format!("1.3.6.1.4.1.41482.3.{number}"), false, value)
}

pub fn authority(path: Option<u32>) -> Vec<u8> {
    let path = path.map(integer).unwrap_or_default();
    extension("2.5.29.19", true, &sequence(&[&[1, 1, 0xff], &path]))
}

/// A certificate to be made.
#[derive(Clone)]
pub struct Draft {
    pub subject: String,
    pub issuer: String,
    /// SubjectPublicKeyInfo.
    pub key: Vec<u8>,
    /// UTCTime or GeneralizedTime as text.
    pub dates: (&'static str, &'static str),
    pub extensions: Vec<Vec<u8>>,
}

/// Long past and far ahead.
pub const LONG: (&str, &str) = ("160314000000Z", "20520417000000Z");

impl Draft {
    pub fn signed(&self, signer: &Pair) -> Vec<u8> {
        let time = |text: &str| tlv(if text.len() == 13 { 0x17 } else { 0x18 }, text.as_bytes());
        let build = |algorithm: &[u8]| {
            sequence(&[
                &tlv(0xa0, &integer(2)),
                &tlv(2, &[&[0x11], &Digest::of(self.subject.as_bytes()).as_bytes()[..15]].concat()),
                algorithm,
                &name(&self.issuer),
                &sequence(&[&time(self.dates.0), &time(self.dates.1)]),
                &name(&self.subject),
                &self.key,
                &tlv(0xa3, &sequence(&[&self.extensions.concat()])),
            ])
        };
        let (algorithm, _) = signer.sign(b"");
        let inside = build(&algorithm);
        let (_, signature) = signer.sign(&inside);
        sequence(&[&inside, &algorithm, &tlv(3, &[&[0], signature.as_slice()].concat())])
    }
}

/// Somebody who issues certificates.
#[derive(Clone)]
pub struct Issuer {
    pub name: String,
    pub pair: Pair,
    pub certificate: Vec<u8>,
}

impl Issuer {
    /// A root.
    pub fn root(name: &str, pair: Pair) -> Self {
        Self::under(None, name, pair, vec![authority(None)], LONG)
    }

    /// An intermediate, or a card's f9, with any extensions.
    pub fn under(
        parent: Option<&Self>,
        name: &str,
        pair: Pair,
        extensions: Vec<Vec<u8>>,
        dates: (&'static str, &'static str),
    ) -> Self {
        let draft = Draft {
            subject: name.into(),
            issuer: parent.map_or(name, |p| p.name.as_str()).into(),
            key: pair.spki(),
            dates,
            extensions,
        };
        let certificate = draft.signed(parent.map_or(&pair, |p| &p.pair));
        Self { name: name.into(), pair, certificate }
    }

    pub fn digest(&self) -> Digest {
        Digest::of(&self.certificate)
    }
}

/// A YubiKey.
#[derive(Clone)]
pub struct Yubikey {
    pub serial: u32,
    pub firmware: [u8; 3],
    pub f9: Issuer,
}

impl Yubikey {
    /// As Yubico makes them today: path length 0.
    pub fn made_by(maker: &Issuer, serial: u32, firmware: [u8; 3]) -> Self {
        let pair = Pair::p256(&format!("f9 of {serial}"));
        let extensions = vec![yubico(3, &firmware), authority(Some(0))];
        let f9 = Issuer::under(Some(maker), "Yubico PIV Attestation", pair, extensions, LONG);
        Self { serial, firmware, f9 }
    }

    /// The draft of an attestation: PIN always, touch always.
    pub fn draft(&self, slot: &str, key: &Pair) -> Draft {
        self.draft_with(slot, key, [3, 2])
    }

    pub fn draft_with(&self, slot: &str, key: &Pair, policies: [u8; 2]) -> Draft {
        Draft {
            subject: format!("YubiKey PIV Attestation {slot}"),
            issuer: self.f9.name.clone(),
            key: key.spki(),
            dates: LONG,
            extensions: vec![
                yubico(3, &self.firmware),
                yubico(7, &integer(self.serial)),
                yubico(8, &policies),
                yubico(9, &[3]),
            ],
        }
    }

    pub fn attest(&self, slot: &str, key: &Pair) -> Vec<u8> {
        self.draft(slot, key).signed(&self.f9.pair)
    }

    pub fn attest_with(&self, slot: &str, key: &Pair, policies: [u8; 2]) -> Vec<u8> {
        self.draft_with(slot, key, policies).signed(&self.f9.pair)
    }
}

/// PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<&str> = text.as_bytes().chunks(64).map(|c| std::str::from_utf8(c).unwrap()).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
