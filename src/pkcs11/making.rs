//! Objects made from what a backup keeps of them, with as many of their attributes as the token takes.
//!
//! First in the session, where nothing stays: so it shows whether the token takes the object at all, which of its
//! attributes it keeps, and whether a key is the one that was backed up, before anything is added to the token.

use cryptoki::object::ObjectHandle;

use super::{
    attributes::{KeptAttribute, Weight},
    fault::{CallResult, Fault},
    session::Session,
    shown,
    template::{self, Home, Template},
    wrapping::{Way, Wrapper},
};
use crate::proposal::target::ObjectClass;

/// What there is to make an object of.
#[derive(Clone, Copy)]
pub(super) struct Original<'a> {
    pub(super) class: ObjectClass,
    pub(super) attributes: &'a [KeptAttribute],
    pub(super) spki: Option<&'a [u8]>,
}

/// What an object is made by.
#[derive(Clone, Copy)]
pub(super) enum By<'a, 'm> {
    /// C_CreateObject.
    Copying,
    /// C_UnwrapKey.
    Unwrapping { wrapper: &'a Wrapper<'a, 'm>, way: Way, blob: &'a [u8] },
}

/// An object made in the session.
pub(super) struct Trial<'a> {
    pub(super) handle: ObjectHandle,
    /// The attributes with which the token takes it.
    taken: Vec<&'a KeptAttribute>,
}

impl<'a> Original<'a> {
    /// The object in the session. A token that does not take all attributes at once is offered them one by one; the fault is
    /// that of an object with nothing but what it cannot be without.
    pub(super) fn try_out(self, session: &Session<'_>, by: By<'_, '_>) -> CallResult<Trial<'a>> {
        let all: Vec<&KeptAttribute> =
            self.attributes.iter().filter(|kept| !kept.is_made_unasked()).collect();
        match self.make(session, by, Home::Session, &all) {
            Ok(handle) if self.differing(session, handle)?.is_empty() => {
                return Ok(Trial { handle, taken: all });
            }
            Ok(handle) => discard(session, handle),
            Err(fault) if fault.is_fatal() => return Err(fault),
            Err(_) => {}
        }
        let (mut taken, traits) = template::parts(self.attributes);
        let mut handle = self.make(session, by, Home::Session, &taken)?;
        for kept in traits {
            if kept.is_shown_by(&shown::read(session, handle, self.class)?) {
                continue;
            }
            taken.push(kept);
            match self.make(session, by, Home::Session, &taken) {
                Ok(with) if kept.is_shown_by(&shown::read(session, with, self.class)?) => {
                    discard(session, handle);
                    handle = with;
                    continue;
                }
                Ok(with) => discard(session, with),
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(_) => {}
            }
            taken.pop();
        }
        Ok(Trial { handle, taken })
    }

    /// The object in the token, with what its trial has shown that the token takes.
    pub(super) fn make_in_token(
        self,
        session: &Session<'_>,
        by: By<'_, '_>,
        trial: &Trial<'_>,
    ) -> CallResult<ObjectHandle> {
        session.module().link().changing()?;
        self.make(session, by, Home::Token, &trial.taken)
    }

    /// Names of the attributes that the object in the token or session does not show as the original did.
    pub(super) fn differing(
        self,
        session: &Session<'_>,
        object: ObjectHandle,
    ) -> CallResult<Vec<&'static str>> {
        let shown = shown::read(session, object, self.class)?;
        let lost = self.attributes.iter().filter(|kept| !kept.is_shown_by(&shown));
        Ok(lost.map(|kept| kept.row.name).collect())
    }

    /// One of these attributes that it would be another object without.
    pub(super) fn being_of(self, names: &[&str]) -> Option<&'static str> {
        let mut own = self.attributes.iter().map(|kept| kept.row);
        own.find(|row| row.part == Weight::Being && names.contains(&row.name)).map(|row| row.name)
    }

    fn make(
        self,
        session: &Session<'_>,
        by: By<'_, '_>,
        home: Home,
        attributes: &[&KeptAttribute],
    ) -> CallResult<ObjectHandle> {
        let template = Template::new(self.class, home, attributes.iter().copied(), self.spki);
        match by {
            By::Copying => session.call("C_CreateObject", |s| s.create_object(template.attributes())),
            By::Unwrapping { wrapper, way, blob } => wrapper.unwrap(way, blob, &template),
        }
    }
}

/// Removes an object of the session. One that cannot be destroyed vanishes with it.
pub(super) fn discard(session: &Session<'_>, object: ObjectHandle) {
    let _ = session.call("C_DestroyObject", |s| s.destroy_object(object));
}

/// Why an object is as good as lost, or what it has lost.
pub(super) fn unkept(names: &[&str]) -> String {
    format!("the token does not keep {}", names.join(", "))
}

/// The fault of an object that only the module knows how to make.
pub(super) fn nothing_wrapped() -> Fault {
    Fault::new("C_WrapKey", "the module wrapped to nothing", "")
}
