//! The way of a fuzzer to what is private here.

use super::{certificate, record::KeyRecord};

/// A data object, as a card may answer it.
pub fn answer(object: &[u8]) {
    if let Some(certificate) = certificate::from_object(object) {
        let _ = certificate::subject(&certificate);
        let _ = certificate::is_of(&certificate, object);
    }
    let _ = certificate::is_compressed(object);
    let _ = KeyRecord::read(object).write();
}
