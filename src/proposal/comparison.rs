//! Whether two tokens have the same objects, as far as their inventories tell.
//!
//! What an inventory says about a key is the token's own claim: the hash of a public key, a check value. Only a restore makes a
//! token prove that it has the private key, and what it proved comes here as `proven`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::{
    identity::made_again,
    target::{ObjectClass, ObjectRecord},
};

/// What is known of one object on two tokens.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Compared {
    /// The object, as the one token has it; as the other has it where the one has not.
    pub object: ObjectRecord,
    pub verdict: Sameness,
    /// What shows it, where it is the same.
    pub by: Option<Evidence>,
}

/// One object on two tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sameness {
    Same,
    OnlyInOne,
    OnlyInOther,
    /// Something else goes by its id or label on the other token.
    Differs,
    /// On both by name and type, but nothing shows that it is the same.
    Unknown,
}

/// What shows that two objects are the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Evidence {
    /// A restore by this quorum, in which the token proved to have the key.
    Restore,
    /// The hash of the public key, by the tokens' word.
    PublicKey,
    /// The check value, by the tokens' word.
    CheckValue,
    /// The value itself, which the station hashed.
    Value,
}

/// Compares object by object. `proven` says of an object of either token that a restore has proven it there to be the
/// other token's.
pub fn compare(
    one: &[ObjectRecord],
    other: &[ObjectRecord],
    proven: &dyn Fn(&ObjectRecord) -> bool,
) -> Vec<Compared> {
    let found = made_again(one, other);
    let mut compared = Vec::new();
    for (object, twin) in found.same {
        let by = evidence(object, twin, proven(object) || proven(twin));
        let verdict = if by.is_some() { Sameness::Same } else { Sameness::Unknown };
        compared.push(Compared { object: object.clone(), verdict, by });
    }
    let named: BTreeSet<_> = found.come.iter().flat_map(|object| names(object)).collect();
    for object in found.gone {
        let differs = names(object).any(|name| named.contains(&name));
        let verdict = if differs { Sameness::Differs } else { Sameness::OnlyInOne };
        compared.push(Compared { object: object.clone(), verdict, by: None });
    }
    compared.sort_by(|a, b| a.object.cmp(&b.object));
    compared.extend(found.come.into_iter().map(|object| Compared {
        object: object.clone(),
        verdict: Sameness::OnlyInOther,
        by: None,
    }));
    compared
}

/// By what a person could take an object for another of its class.
fn names(object: &ObjectRecord) -> impl Iterator<Item = (ObjectClass, &'static str, &str)> {
    let named = [("id", object.id.as_str()), ("label", object.label.as_str())];
    let named = named.into_iter().filter(|(_, name)| !name.is_empty());
    named.map(|(what, name)| (object.class, what, name))
}

fn evidence(one: &ObjectRecord, other: &ObjectRecord, proven: bool) -> Option<Evidence> {
    let is_key = matches!(one.class, ObjectClass::PrivateKey | ObjectClass::SecretKey);
    if is_key && proven {
        return Some(Evidence::Restore);
    }
    if one.value_sha256.is_some() && one.value_sha256 == other.value_sha256 {
        return Some(Evidence::Value);
    }
    if one.public_key_sha256.is_some() && one.public_key_sha256 == other.public_key_sha256 {
        return Some(Evidence::PublicKey);
    }
    (one.check_value.is_some() && one.check_value == other.check_value).then_some(Evidence::CheckValue)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::{digest::Digest, text::Line};

    fn key(class: ObjectClass, id: &str, public: Option<&[u8]>) -> ObjectRecord {
        ObjectRecord {
            public_key_sha256: public.map(Digest::of),
            ..ObjectRecord::named(class, id, Line::lossy("key"), "ec-p256")
        }
    }

    fn verdicts(one: &[ObjectRecord], other: &[ObjectRecord]) -> Vec<Sameness> {
        compare(one, other, &|_| false).iter().map(|c| c.verdict).collect()
    }

    #[test]
    fn another_key_under_the_same_name_differs_and_an_untold_one_is_unknown() {
        let private = |public| [key(ObjectClass::PrivateKey, "01", public)];
        let (a, b) = (private(Some(&b"a"[..])), private(Some(&b"b"[..])));
        assert_eq!(verdicts(&a, &a), [Sameness::Same]);
        assert_eq!(verdicts(&a, &b), [Sameness::Differs, Sameness::OnlyInOther]);
        let untold = private(None);
        assert_eq!(verdicts(&a, &untold), [Sameness::Unknown]);
        assert_eq!(verdicts(&untold, &untold), [Sameness::Unknown]);
        assert_eq!(verdicts(&a, &[]), [Sameness::OnlyInOne]);
        let proven = compare(&untold, &untold, &|_| true);
        assert_eq!(proven.first().unwrap().by, Some(Evidence::Restore));
    }

    #[test]
    fn each_object_has_one_twin() {
        let same = key(ObjectClass::PublicKey, "01", Some(b"a"));
        let twice = [same.clone(), same.clone()];
        assert_eq!(verdicts(&twice, &[same]), [Sameness::Same, Sameness::OnlyInOne]);
    }
}
