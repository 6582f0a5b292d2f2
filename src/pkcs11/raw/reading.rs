//! C_GetAttributeValue by numbers (PKCS#11 v3.1, section 5.7.5).
//!
//! The crate cryptoki fails whole where one attribute of many has a value for which it has no name, and reads no attribute
//! that is a template of its own (CKA_WRAP_TEMPLATE), whose entries have to be asked for in two steps.
#![allow(unsafe_code, reason = "calls functions of the module")]

use std::ptr;

use cryptoki::{
    context::Function,
    error::{Error, Result, Rv, RvError},
    object::ObjectHandle,
    session::Session,
};
use cryptoki_sys::{CK_ATTRIBUTE, CK_ATTRIBUTE_TYPE, CK_BYTE, CK_ULONG, CK_UNAVAILABLE_INFORMATION};

use super::{Functions, bounded};

const MAX_VALUE: usize = 1 << 24;

/// More entries than any template has.
const MAX_ENTRIES: usize = 256;

/// What an attribute shows.
pub(in super::super) enum Shown {
    /// A value, in the host's own form.
    Value(Vec<u8>),
    /// A template: types and values.
    Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>),
}

/// How an attribute is to be read.
#[derive(Clone, Copy)]
pub(in super::super) struct Asked {
    pub(in super::super) kind: CK_ATTRIBUTE_TYPE,
    pub(in super::super) is_template: bool,
}

impl Functions {
    /// Those of the attributes that the object has and shows, in the order in which they were asked for.
    pub(in super::super) fn attributes(
        &self,
        session: &Session,
        object: ObjectHandle,
        asked: &[Asked],
    ) -> Result<Vec<(CK_ATTRIBUTE_TYPE, Shown)>> {
        let mut lengths: Vec<CK_ATTRIBUTE> = asked.iter().map(|asked| empty(asked.kind)).collect();
        self.fill(session, object, &mut lengths)?;
        let mut shown = Vec::new();
        for (asked, told) in asked.iter().zip(&lengths) {
            if told.ulValueLen == CK_UNAVAILABLE_INFORMATION {
                continue;
            }
            let value = match asked.is_template {
                false => self.value(session, object, told)?.map(Shown::Value),
                true => self.template(session, object, told)?.map(Shown::Template),
            };
            shown.extend(value.map(|value| (asked.kind, value)));
        }
        Ok(shown)
    }

    fn value(&self, session: &Session, object: ObjectHandle, told: &CK_ATTRIBUTE) -> Result<Option<Vec<u8>>> {
        let mut value: Vec<CK_BYTE> = vec![0; bounded(told.ulValueLen, MAX_VALUE)?];
        if value.is_empty() {
            return Ok(Some(value));
        }
        let mut attribute = [CK_ATTRIBUTE {
            pValue: value.as_mut_ptr().cast(),
            ulValueLen: told.ulValueLen,
            ..empty(told.type_)
        }];
        self.fill(session, object, &mut attribute)?;
        let [CK_ATTRIBUTE { ulValueLen: length, .. }] = attribute;
        if length == CK_UNAVAILABLE_INFORMATION {
            return Ok(None);
        }
        value.truncate(bounded(length, value.len())?);
        Ok(Some(value))
    }

    /// The entries' types and lengths first, then their values.
    fn template(
        &self,
        session: &Session,
        object: ObjectHandle,
        told: &CK_ATTRIBUTE,
    ) -> Result<Option<Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>>> {
        let whole = bounded(told.ulValueLen, MAX_ENTRIES.saturating_mul(size_of::<CK_ATTRIBUTE>()))?;
        if !whole.is_multiple_of(size_of::<CK_ATTRIBUTE>()) {
            return Err(Error::InvalidValue);
        }
        let mut entries = vec![empty(0); whole.checked_div(size_of::<CK_ATTRIBUTE>()).unwrap_or_default()];
        if entries.is_empty() {
            return Ok(Some(Vec::new()));
        }
        let outer = |entries: &mut Vec<CK_ATTRIBUTE>| {
            [CK_ATTRIBUTE {
                pValue: entries.as_mut_ptr().cast(),
                ulValueLen: told.ulValueLen,
                ..empty(told.type_)
            }]
        };
        self.fill(session, object, &mut outer(&mut entries))?;
        let mut values = Vec::new();
        for entry in &mut entries {
            let mut value: Vec<CK_BYTE> = vec![0; bounded(entry.ulValueLen, MAX_VALUE)?];
            entry.pValue = value.as_mut_ptr().cast();
            values.push(value);
        }
        self.fill(session, object, &mut outer(&mut entries))?;
        let pairs = entries.iter().zip(values).map(|(entry, mut value)| {
            value.truncate(bounded(entry.ulValueLen, value.len())?);
            Ok((entry.type_, value))
        });
        pairs.collect::<Result<_>>().map(Some)
    }

    /// The call. Attributes that the object does not have, or does not show, are not a failure: their lengths say so.
    fn fill(&self, session: &Session, object: ObjectHandle, attributes: &mut [CK_ATTRIBUTE]) -> Result<()> {
        let call = self.list.C_GetAttributeValue.ok_or(Error::NullFunctionPointer)?;
        let count = CK_ULONG::try_from(attributes.len())?;
        // SAFETY: each attribute has room for as many bytes as it says, or no place at all and then only its length is written;
        // the entries of a template likewise.
        let code = unsafe { call(session.handle(), object.handle(), attributes.as_mut_ptr(), count) };
        match Rv::from(code) {
            Rv::Error(
                RvError::AttributeSensitive | RvError::AttributeTypeInvalid | RvError::BufferTooSmall,
            ) => Ok(()),
            other => other.into_result(Function::GetAttributeValue),
        }
    }
}

fn empty(kind: CK_ATTRIBUTE_TYPE) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE { type_: kind, pValue: ptr::null_mut(), ulValueLen: 0 }
}
