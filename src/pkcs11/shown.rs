//! What an object shows of the attributes that a backup keeps.

use cryptoki::{
    error::{Error, Result, RvError},
    object::{Attribute, AttributeType, ObjectHandle},
};

use super::{
    attributes::{self, AttributeRow, Form, KeptAttribute},
    fault::CallResult,
    raw::{Asked, Functions, Shown},
    session::Session,
};
use crate::proposal::target::ObjectClass;

/// The attributes that the object has and shows: all at once, or one by one where the module refuses that.
pub(super) fn read(
    session: &Session<'_>,
    object: ObjectHandle,
    class: ObjectClass,
) -> CallResult<Vec<KeptAttribute>> {
    let rows: Vec<&'static AttributeRow> = attributes::kept(class).collect();
    match some(session, object, &rows) {
        Err(fault) if !fault.is_fatal() => {}
        other => return other,
    }
    let mut shown = Vec::new();
    for row in rows {
        match some(session, object, &[row]) {
            Ok(found) => shown.extend(found),
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(_) => {}
        }
    }
    Ok(shown)
}

fn some(
    session: &Session<'_>,
    object: ObjectHandle,
    rows: &[&'static AttributeRow],
) -> CallResult<Vec<KeptAttribute>> {
    let functions = session.module().functions();
    session.call("C_GetAttributeValue", |s| {
        match functions.map(|functions| by_number(functions, s, object, rows)) {
            // Some proxies keep a state for each function list that they give away: the second one is not initialised.
            None | Some(Err(Error::Pkcs11(RvError::CryptokiNotInitialized, _))) => by_name(s, object, rows),
            Some(shown) => shown,
        }
    })
}

fn by_number(
    functions: &Functions,
    session: &cryptoki::session::Session,
    object: ObjectHandle,
    rows: &[&'static AttributeRow],
) -> Result<Vec<KeptAttribute>> {
    let asked: Vec<Asked> =
        rows.iter().map(|row| Asked { kind: row.number, is_template: row.form == Form::Template }).collect();
    let shown = functions.attributes(session, object, &asked)?;
    let row = |number: u64| rows.iter().find(|row| row.number == number);
    Ok(shown
        .iter()
        .filter_map(|(number, shown)| match shown {
            Shown::Value(value) => KeptAttribute::of_host(row(*number)?, value),
            Shown::Template(entries) => KeptAttribute::of_template(row(*number)?, entries),
        })
        .collect())
}

/// By the crate cryptoki, which knows most of them, and tells nothing of templates.
fn by_name(
    session: &cryptoki::session::Session,
    object: ObjectHandle,
    rows: &[&'static AttributeRow],
) -> Result<Vec<KeptAttribute>> {
    let known: Vec<(&'static AttributeRow, AttributeType)> = rows
        .iter()
        .filter(|row| row.form != Form::Template)
        .filter_map(|row| Some((*row, AttributeType::try_from(row.number).ok()?)))
        .collect();
    let kinds: Vec<AttributeType> = known.iter().map(|(_, kind)| *kind).collect();
    let shown = session.get_attributes(object, &kinds)?;
    Ok(shown
        .iter()
        .filter_map(|attribute| {
            let (row, _) = known.iter().find(|(_, kind)| *kind == attribute.attribute_type())?;
            KeptAttribute::of_host(row, &host_form(attribute)?)
        })
        .collect())
}

fn host_form(attribute: &Attribute) -> Option<Vec<u8>> {
    use Attribute::*;
    Some(match attribute {
        Private(b)
        | Modifiable(b)
        | Copyable(b)
        | Destroyable(b)
        | Sensitive(b)
        | Extractable(b)
        | Sign(b)
        | SignRecover(b)
        | Verify(b)
        | VerifyRecover(b)
        | Encrypt(b)
        | Decrypt(b)
        | Wrap(b)
        | Unwrap(b)
        | Derive(b)
        | Encapsulate(b)
        | Decapsulate(b)
        | AlwaysAuthenticate(b)
        | WrapWithTrusted(b)
        | Trusted(b) => vec![u8::from(*b)],
        KeyType(kind) => kind.to_ne_bytes().to_vec(),
        CertificateType(kind) => kind.to_ne_bytes().to_vec(),
        AllowedMechanisms(kinds) => kinds.iter().flat_map(|kind| kind.to_ne_bytes()).collect(),
        Id(v)
        | Label(v)
        | Subject(v)
        | EcParams(v)
        | EcPoint(v)
        | Modulus(v)
        | PublicExponent(v)
        | Prime(v)
        | Base(v)
        | Issuer(v)
        | SerialNumber(v)
        | AcIssuer(v)
        | Owner(v)
        | AttrTypes(v)
        | Application(v)
        | ObjectId(v)
        | Value(v)
        | Url(v)
        | HashOfSubjectPublicKey(v)
        | HashOfIssuerPublicKey(v) => v.clone(),
        _ => return None,
    })
}
