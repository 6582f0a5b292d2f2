//! A session with a token, in the worker.

use std::num::NonZeroUsize;

use cryptoki::{
    object::{Attribute, AttributeType, ObjectHandle},
    slot::Slot,
};

use super::{
    fault::{CallResult, Fault, of_call},
    module::{Module, auth_pin},
};
use crate::memory::Pin;

/// More objects than any token has: a module that never ends its list is stopped.
const MAX_OBJECTS: usize = 1 << 16;

/// An open session; closed on drop, which logs out.
pub(super) struct Session<'m> {
    inner: Option<cryptoki::session::Session>,
    slot: Slot,
    module: &'m Module<'m>,
}

impl<'m> Session<'m> {
    /// A read-only session, for looking.
    pub(super) fn to_read(module: &'m Module<'_>, slot: Slot) -> CallResult<Self> {
        let inner = module.call("C_OpenSession", |p| p.open_ro_session_no_drop(slot))?;
        Ok(Self { inner: Some(inner), slot, module })
    }

    /// A read-write session.
    pub(super) fn to_write(module: &'m Module<'_>, slot: Slot) -> CallResult<Self> {
        let inner = module.call("C_OpenSession", |p| p.open_rw_session_no_drop(slot))?;
        Ok(Self { inner: Some(inner), slot, module })
    }

    pub(super) fn module(&self) -> &'m Module<'m> {
        self.module
    }

    pub(super) fn slot(&self) -> Slot {
        self.slot
    }

    /// Announces and calls a function that changes no token object and no PIN.
    pub(super) fn call<T>(
        &self,
        function: &str,
        call: impl FnOnce(&cryptoki::session::Session) -> cryptoki::error::Result<T>,
    ) -> CallResult<T> {
        self.module.link().announce(function)?;
        match &self.inner {
            Some(session) => self.module.link().timed(|| call(session)).map_err(|e| of_call(function, &e)),
            None => Err(Fault::new(function, "the session is closed", "run the same command again")),
        }
    }

    /// The same for a function that changes the token.
    pub(super) fn change<T>(
        &self,
        function: &str,
        call: impl FnOnce(&cryptoki::session::Session) -> cryptoki::error::Result<T>,
    ) -> CallResult<T> {
        self.module.link().changing()?;
        self.call(function, call)
    }

    /// C_InitPIN with nobody logged in, to be refused: not announced as a change.
    pub(super) fn init_pin_as_nobody(&self, pin: &Pin) -> CallResult<()> {
        let pin = auth_pin(pin)?;
        self.call("C_InitPIN", |s| s.init_pin(&pin))
    }

    /// C_FindObjects, one handle a call: a module may return fewer than it was asked for before the end.
    pub(super) fn find(&self, template: &[Attribute]) -> CallResult<Vec<ObjectHandle>> {
        let handles = self.call("C_FindObjects", |s| {
            let iterator = s.iter_objects_with_cache_size(template, NonZeroUsize::MIN)?;
            iterator.take(MAX_OBJECTS).collect::<cryptoki::error::Result<Vec<_>>>()
        })?;
        if handles.len() == MAX_OBJECTS {
            return Err(Fault::new(
                "C_FindObjects",
                format!("the module lists {MAX_OBJECTS} objects or more"),
                "quorate does not administer tokens with so many objects",
            ));
        }
        Ok(handles)
    }

    /// The attributes that the object has and shows: all at once, or one by one where that fails.
    pub(super) fn attributes(
        &self,
        object: ObjectHandle,
        types: &[AttributeType],
    ) -> CallResult<Vec<Attribute>> {
        match self.call("C_GetAttributeValue", |s| s.get_attributes(object, types)) {
            Err(fault) if !fault.is_fatal() => {}
            other => return other,
        }
        let mut attributes = Vec::new();
        for kind in types {
            match self.call("C_GetAttributeValue", |s| s.get_attributes(object, &[*kind])) {
                Ok(found) => attributes.extend(found),
                Err(fault) if fault.is_fatal() => return Err(fault),
                Err(_) => {}
            }
        }
        Ok(attributes)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        if let Some(session) = self.inner.take()
            && self.module.link().announce("C_CloseSession").is_ok()
        {
            let _ = session.close();
        }
    }
}
