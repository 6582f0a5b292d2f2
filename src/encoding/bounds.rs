//! How many and how long: the bound of every list, map and text of every format, once.
//!
//! A bound is checked while a list is read, not after it: a million empty entries in a file of a few megabytes would take ten
//! times its size before anybody counted them. quorate-transcript(5) and quorate-plan(5) give these numbers with the
//! fields; `tests/manuals/formats.rs` compares them, and finds a field without a bound.

use std::{collections::BTreeMap, fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor},
};

use super::strict::Base64;

macro_rules! lists {
    ($($(#[$doc:meta])* $name:ident = $constant:ident: $most:expr;)*) => {
        $(
            $(#[$doc])*
            pub const $constant: usize = $most;

            #[doc = concat!("Reads a list of at most [`", stringify!($constant), "`] entries.")]
            ///
            /// # Errors
            /// Where there is one more, before it is read.
            pub fn $name<'de, D: Deserializer<'de>, T: Read<'de>>(from: D) -> Result<T, D::Error> {
                T::read(from, $constant)
            }
        )*
    };
}

lists! {
    /// Custodians: share indexes are bytes, and 0 is the secret itself.
    custodians = CUSTODIANS: 255;
    /// Administrators.
    administrators = ADMINISTRATORS: 64;
    /// Approvers, and those that one operation needs.
    approvers = APPROVERS: 64;
    /// Witnesses.
    witnesses = WITNESSES: 255;
    /// Cards of one person.
    cards = CARDS: 16;
    /// Certificates with one enrolment: the card's, two attestations, and four of authorities.
    attestation = ATTESTATION: 7;
    /// Authorities of a quorum, and those that one operation needs.
    authorities = AUTHORITIES: 32;
    /// Groups of which an authority demands members.
    groups = GROUPS: 32;
    /// Certificates of authorities in a policy, and digests of those that are believed.
    trusted = TRUSTED: 64;
    /// Commitments: one for each authority and custodian.
    commitments = COMMITMENTS: CUSTODIANS * AUTHORITIES;
    /// Sealed shares: one for each authority and card of a custodian.
    sealed_shares = SEALED_SHARES: CUSTODIANS * CARDS * AUTHORITIES;
    /// Targets of a quorum that join in one ceremony, and those that one ceremony touches.
    targets = TARGETS: 64;
    /// Credentials of one target: one for each role.
    roles = ROLES: 7;
    /// Credentials, or changed PINs, of one ceremony: a reset seals one of them twice.
    credentials = CREDENTIALS: TARGETS * (ROLES + 1);
    /// Objects of one token, in one ceremony.
    objects = OBJECTS: 1 << 17;
    /// Attributes of one object in a backup.
    attributes = ATTRIBUTES: 256;
    /// Approvals that a release rests on: one of each custodian and approver.
    approvals = APPROVALS: CUSTODIANS + APPROVERS;
    /// People of a quorum that acted.
    quorum = QUORUM: CUSTODIANS + APPROVERS;
    /// Ceremonies whose times one plan disputes.
    disputed = DISPUTED: 255;
    /// Arguments of a program.
    arguments = ARGUMENTS: 100;
    /// Variables in a program's environment.
    variables = VARIABLES: 100;
    /// Credentials that a program is handed.
    handed = HANDED: 8;
    /// Files that a program reads, and those that it writes.
    files = FILES: 100;
    /// Network interfaces or swap areas that a station reports.
    reported = REPORTED: 64;
    /// Decisions that a machine remembers of one person in one ledger.
    remembered = REMEMBERED: 1 << 16;
    /// Slots of a card of which a record on it names the key.
    card_slots = CARD_SLOTS: 32;
    /// Slots of a module, and what is listed of one.
    slots = SLOTS: 1 << 16;
}

lists! {
    /// Bytes of a payload type.
    payload_type = PAYLOAD_TYPE: 100;
    /// Bytes of a signed payload: three quarters of the longest line.
    payload = PAYLOAD: 12 << 20;
    /// Bytes of a signature: an ECDSA signature on P-256 has 72 at most.
    signature = SIGNATURE: 72;
    /// Bytes of an age recipient where it is kept as a text.
    recipient = RECIPIENT: 4096;
    /// Bytes of an algorithm's or format's name.
    algorithm = ALGORITHM: 100;
    /// Hex digits of an object's id.
    object_id = OBJECT_ID: 8192;
    /// Hex digits of a key's check value.
    check_value = CHECK_VALUE: 1024;
    /// Bytes of a plan.
    plan = PLAN: 1 << 20;
    /// Bytes of a sealed share.
    sealed_share = SEALED_SHARE: 32 << 10;
    /// Bytes of a sealed credential.
    sealed_credential = SEALED_CREDENTIAL: 32 << 10;
    /// Bytes of a sealed release: 32 authorities with shares of under 600 bytes.
    release = RELEASE: 320 << 10;
    /// Bytes of one object's value or wrapped key in a backup.
    blob = BLOB: 12 << 20;
}

/// Bytes of a statement: a YubiKey signs about 1,000 with an Ed25519 key, and DSSE adds type and lengths to these.
pub const STATEMENT: usize = 900;

/// Approvals of one proposal by one person that are on record: they count once.
pub const APPROVALS_OF_ONE: usize = 8;

/// Bytes of a file's path: PATH_MAX of Linux, its final NUL excluded.
pub const PATH: usize = 4095;

/// Bytes of a certificate: those of YubiKeys and their authorities have under 2 KiB.
pub const CERTIFICATE: usize = 8 << 10;

/// Reads the certificates of an enrolment: at most [`ATTESTATION`], each of at most [`CERTIFICATE`] bytes.
///
/// # Errors
/// Where there are more, or one is longer.
pub fn attestation_files<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Base64>, D::Error> {
    certificates(from, ATTESTATION)
}

/// Reads the certificates of a policy: at most [`TRUSTED`], each of at most [`CERTIFICATE`] bytes.
///
/// # Errors
/// Where there are more, or one is longer.
pub fn trusted_files<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<Base64>, D::Error> {
    certificates(from, TRUSTED)
}

fn certificates<'de, D: Deserializer<'de>>(from: D, most: usize) -> Result<Vec<Base64>, D::Error> {
    let list = Vec::<Base64>::read(from, most)?;
    list.iter().try_for_each(|der| measured(der.0.len(), CERTIFICATE)).map(|()| list)
}

/// What is read within a bound. What a text is measured in are bytes.
pub trait Read<'de>: Sized {
    /// Reads it.
    ///
    /// # Errors
    /// Where it is longer than `most`.
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error>;
}

impl<'de, T: Deserialize<'de>> Read<'de> for Vec<T> {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        from.deserialize_seq(Counted { most, entry: PhantomData })
    }
}

/// Reads entries while there may be one more.
struct Counted<T> {
    most: usize,
    entry: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Counted<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} entries", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(entry) = entries.next_element()? {
            if list.len() >= self.most {
                return Err(A::Error::custom(format!("more than {} entries", self.most)));
            }
            list.push(entry);
        }
        Ok(list)
    }
}

/// The same for an object with free keys.
struct CountedMap<K, V> {
    most: usize,
    entry: PhantomData<(K, V)>,
}

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Visitor<'de> for CountedMap<K, V> {
    type Value = BTreeMap<K, V>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an object of at most {} entries", self.most)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry()? {
            if map.len() >= self.most {
                return Err(A::Error::custom(format!("more than {} entries", self.most)));
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

fn measured<E: Error>(length: usize, most: usize) -> Result<(), E> {
    match length {
        _ if length <= most => Ok(()),
        _ => Err(E::custom(format!("{length} bytes, more than the {most} that are allowed"))),
    }
}

impl<'de> Read<'de> for String {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        let text = Self::deserialize(from)?;
        measured(text.len(), most).map(|()| text)
    }
}

impl<'de> Read<'de> for Base64 {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        let bytes = Self::deserialize(from)?;
        measured(bytes.0.len(), most).map(|()| bytes)
    }
}

impl<'de, K: Deserialize<'de> + Ord, V: Deserialize<'de>> Read<'de> for BTreeMap<K, V> {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        from.deserialize_map(CountedMap { most, entry: PhantomData })
    }
}

impl<'de> Read<'de> for Option<String> {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        let text = Self::deserialize(from)?;
        measured(text.as_ref().map_or(0, String::len), most).map(|()| text)
    }
}

impl<'de> Read<'de> for Option<Base64> {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        let bytes = Self::deserialize(from)?;
        measured(bytes.as_ref().map_or(0, |b| b.0.len()), most).map(|()| bytes)
    }
}

impl<'de, T: Deserialize<'de>> Read<'de> for Option<Vec<T>> {
    fn read<D: Deserializer<'de>>(from: D, most: usize) -> Result<Self, D::Error> {
        /// `null`, or a list.
        struct Maybe<T>(Counted<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Maybe<T> {
            type Value = Option<Vec<T>>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.expecting(f)
            }

            fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
                from.deserialize_seq(self.0).map(Some)
            }
        }

        from.deserialize_option(Maybe(Counted { most, entry: PhantomData }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::strict;

    #[derive(serde::Serialize, Deserialize, PartialEq, Debug)]
    struct Sample {
        #[serde(deserialize_with = "handed")]
        list: Vec<u8>,
        #[serde(deserialize_with = "handed")]
        maybe: Option<Vec<u8>>,
        #[serde(deserialize_with = "signature")]
        bytes: Base64,
    }

    fn sample(list: usize, maybe: Option<usize>, bytes: usize) -> Vec<u8> {
        let maybe = maybe.map(|count| vec![0; count]);
        strict::write(&Sample { list: vec![0; list], maybe, bytes: Base64(vec![0; bytes]) })
    }

    #[test]
    fn a_bound_is_reached_and_not_passed() {
        for (list, maybe, bytes) in [(8, Some(8), 72), (0, None, 0)] {
            assert!(strict::parse::<Sample>(&sample(list, maybe, bytes)).is_ok());
        }
        for (list, maybe, bytes) in [(9, None, 0), (0, Some(9), 0), (0, None, 73)] {
            assert!(strict::parse::<Sample>(&sample(list, maybe, bytes)).is_err());
        }
    }

    /// What comes after the first entry too many is not read: it could be anything, and it is.
    #[test]
    fn reading_ends_at_the_bound() {
        let mut text = b"{\"list\":[0,0,0,0,0,0,0,0,0,".to_vec();
        text.extend([b'!'; 100]);
        let refused = strict::parse::<Sample>(&text).unwrap_err().to_string();
        assert!(refused.contains("more than 8 entries"), "{refused}");
    }
}
