//! Token objects of classes that no backup takes: they are named, so that nobody believes them saved.

use std::{collections::BTreeSet, ffi::c_ulong};

use cryptoki::object::{Attribute, AttributeType, ObjectHandle};

use super::{
    fault::CallResult,
    objects::Found,
    raw::{Asked, Shown},
    session::Session,
};
use crate::{
    encoding::text::Line,
    ports::token::LeftOut,
    proposal::target::{ObjectClass, ObjectRecord},
};

const CKA_CLASS: u64 = 0;

/// Classes by their numbers: what PKCS#11 v3.2 and NSS let applications store besides the five that a backup takes.
const NAMED: &[(c_ulong, &str)] = &[
    (0x06, "domain-parameters"),
    (0x08, "otp-key"),
    (0x0b, "trust"),
    (0xce53_4351, "nss-crl"),
    (0xce53_4352, "nss-smime"),
    (0xce53_4353, "nss-trust"),
];

/// The five, and what a module says of itself: hardware features, mechanisms, profiles, validations, the list of NSS' roots.
const PASSED_OVER: &[c_ulong] = &[0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x07, 0x09, 0x0a, 0xce53_4354];

/// Those beside `known`, each with the reason why it is left out.
pub(super) fn left_out(session: &Session<'_>, known: &[Found]) -> CallResult<Vec<LeftOut>> {
    let known: BTreeSet<u64> = known.iter().map(|found| found.handle.handle()).collect();
    let mut left_out = Vec::new();
    for handle in unsorted(session)?.into_iter().filter(|handle| !known.contains(&handle.handle())) {
        let class = class(session, handle)?;
        if class.is_some_and(|number| PASSED_OVER.contains(&number)) {
            continue;
        }
        let named = class.and_then(|number| NAMED.iter().find(|(known, _)| *known == number));
        let name = match (named, class) {
            (Some((_, name)), _) => (*name).to_owned(),
            (None, Some(number)) => format!("class-{number:#x}"),
            (None, None) => "class-unknown".to_owned(),
        };
        let reason =
            "C_FindObjects: objects of this class are not backed up: what makes them again is not known here";
        left_out.push(LeftOut { object: record(session, handle, name)?, reason: Line::lossy(reason) });
    }
    left_out.sort_by(|a, b| a.object.cmp(&b.object));
    Ok(left_out)
}

/// All token objects; where the module requires a class, those of the classes that have a name here.
fn unsorted(session: &Session<'_>) -> CallResult<Vec<ObjectHandle>> {
    match session.find(&[Attribute::Token(true)]) {
        Err(fault) if !fault.is_fatal() => {}
        other => return other,
    }
    let mut found = Vec::new();
    for (number, _) in NAMED {
        let class = (AttributeType::VendorDefined(CKA_CLASS), number.to_ne_bytes().to_vec());
        match session.find(&[Attribute::VendorDefined(class), Attribute::Token(true)]) {
            Ok(handles) => found.extend(handles),
            Err(fault) if fault.is_fatal() => return Err(fault),
            // It knows no such class.
            Err(_) => {}
        }
    }
    Ok(found)
}

/// CKA_CLASS as a number, for which the crate cryptoki need not have a name.
fn class(session: &Session<'_>, object: ObjectHandle) -> CallResult<Option<c_ulong>> {
    let asked = [Asked { kind: CKA_CLASS, is_template: false }];
    let shown = match session.module().functions() {
        None => return Ok(None),
        Some(functions) => session.call("C_GetAttributeValue", |s| functions.attributes(s, object, &asked)),
    };
    match shown {
        Ok(shown) => Ok(match shown.first() {
            Some((_, Shown::Value(value))) => value.as_slice().try_into().ok().map(c_ulong::from_ne_bytes),
            _ => None,
        }),
        Err(fault) if fault.is_fatal() => Err(fault),
        Err(_) => Ok(None),
    }
}

fn record(session: &Session<'_>, object: ObjectHandle, key_type: String) -> CallResult<ObjectRecord> {
    let (mut id, mut label) = (String::new(), Line::lossy(""));
    for attribute in session.attributes(object, &[AttributeType::Id, AttributeType::Label])? {
        match attribute {
            Attribute::Id(bytes) => id = base16ct::lower::encode_string(&bytes),
            Attribute::Label(bytes) => label = Line::lossy(&String::from_utf8_lossy(&bytes)),
            _ => {}
        }
    }
    Ok(ObjectRecord::named(ObjectClass::Other, id, label, key_type))
}
