//! A session with a token, in the worker.

use std::num::NonZeroUsize;

use cryptoki::{
    object::{Attribute, AttributeType, ObjectHandle},
    session::UserType,
    slot::Slot,
};

use super::{
    fault::{Fault, Outcome},
    module::{Module, auth_pin},
    token_info,
};
use crate::{memory::Pin, ports::cause::Cause, proposal::target::Tries};

/// More objects than any token holds: a module that never ends its list is stopped.
const MAX_OBJECTS: usize = 1 << 16;

/// Who logs in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Who {
    SecurityOfficer,
    User,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SecurityOfficer => "SO PIN",
            Self::User => "user PIN",
        })
    }
}

/// An open session; closed on drop, which logs out.
pub(super) struct Session<'m> {
    inner: Option<cryptoki::session::Session>,
    slot: Slot,
    module: &'m Module<'m>,
}

impl<'m> Session<'m> {
    /// A read-only session, for looking.
    pub(super) fn to_read(module: &'m Module<'_>, slot: Slot) -> Outcome<Self> {
        let inner = module.call("C_OpenSession", |p| p.open_ro_session_no_drop(slot))?;
        Ok(Self { inner: Some(inner), slot, module })
    }

    /// A read-write session.
    pub(super) fn to_write(module: &'m Module<'_>, slot: Slot) -> Outcome<Self> {
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
    ) -> Outcome<T> {
        self.module.link().announce(function)?;
        match &self.inner {
            Some(session) => {
                self.module.link().timed(|| call(session)).map_err(|e| Fault::of_call(function, &e))
            }
            None => Err(Fault::new(function, "the session is closed", "run the same command again")),
        }
    }

    /// The same for a function that changes the token.
    pub(super) fn change<T>(
        &self,
        function: &str,
        call: impl FnOnce(&cryptoki::session::Session) -> cryptoki::error::Result<T>,
    ) -> Outcome<T> {
        self.module.link().changing()?;
        self.call(function, call)
    }

    /// C_Login, once, and not at all when one wrong PIN would lock it.
    pub(super) fn login(&self, who: Who, pin: &Pin) -> Outcome<()> {
        refuse_final_try(self.tries(who)?, who)?;
        let pin = auth_pin(pin)?;
        let user = match who {
            Who::SecurityOfficer => UserType::So,
            Who::User => UserType::User,
        };
        let result = self.call("C_Login", |s| s.login(user, Some(&pin)));
        drop(pin);
        result.map_err(|mut fault| {
            if fault.cause == Cause::PinLocked {
                fault.hint = freed(who).to_owned();
            }
            if fault.cause == Cause::PinIncorrect { self.wrong_pin(fault, who) } else { fault }
        })
    }

    fn wrong_pin(&self, mut fault: Fault, who: Who) -> Fault {
        fault.message = format!("the token says that the {who} is wrong");
        let state = match self.tries(who) {
            Ok(Tries::Full) => "the token does not tell how many tries are left",
            Ok(Tries::Low) => "the token shows that tries were lost",
            Ok(Tries::Final) => "ONE TRY IS LEFT before the token locks it",
            Ok(Tries::Locked) => "the token has LOCKED it",
            Err(_) => "the tries left could not be read",
        };
        fault.hint =
            format!("the PIN was tried once and not again; {state}; find the right one before another try");
        fault
    }

    fn tries(&self, who: Who) -> Outcome<Tries> {
        let info = self.module.token_info(self.slot)?;
        Ok(match who {
            Who::SecurityOfficer => token_info::so_tries(&info),
            Who::User => token_info::user_tries(&info),
        })
    }

    pub(super) fn logout(&self) -> Outcome<()> {
        self.call("C_Logout", |s| s.logout())
    }

    /// C_InitPIN, by the SO.
    pub(super) fn init_pin(&self, new: &Pin) -> Outcome<()> {
        let new = auth_pin(new)?;
        self.change("C_InitPIN", |s| s.init_pin(&new))
    }

    /// C_InitPIN with nobody logged in, to be refused: not announced as a change.
    pub(super) fn init_pin_as_nobody(&self, pin: &Pin) -> Outcome<()> {
        let pin = auth_pin(pin)?;
        self.call("C_InitPIN", |s| s.init_pin(&pin))
    }

    /// C_SetPIN of whoever is logged in; nobody being logged in, it would be the user's.
    pub(super) fn set_pin(&self, old: &Pin, new: &Pin) -> Outcome<()> {
        let (old, new) = (auth_pin(old)?, auth_pin(new)?);
        self.change("C_SetPIN", |s| s.set_pin(&old, &new))
    }

    /// C_FindObjects, one handle a call: a module may return fewer than it was asked for before the end.
    pub(super) fn find(&self, template: &[Attribute]) -> Outcome<Vec<ObjectHandle>> {
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
    ) -> Outcome<Vec<Attribute>> {
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

    /// C_DestroyObject on a token object.
    pub(super) fn destroy(&self, object: ObjectHandle) -> Outcome<()> {
        self.change("C_DestroyObject", |s| s.destroy_object(object))
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

/// How a locked PIN is freed.
fn freed(who: Who) -> &'static str {
    match who {
        Who::SecurityOfficer => "the token's manual says how a locked SO PIN is freed; the quorum cannot",
        Who::User => {
            "the SO PIN can set a new user PIN, and the objects stay: where the quorum holds it, quorate-break-glass(7) says how \
             its custodians open it; set the PIN with 'pkcs11-tool --init-pin --login --login-type so', then retire the \
             target and adopt it again"
        }
    }
}

/// Stops before a try that could lock the token.
pub(super) fn refuse_final_try(tries: Tries, who: Who) -> Outcome<()> {
    let (message, hint) = match tries {
        Tries::Full | Tries::Low => return Ok(()),
        Tries::Final => (
            format!("one try of the {who} is left; it was not spent"),
            "have the counter reset by a right login elsewhere, then run the same command again",
        ),
        Tries::Locked => (format!("the {who} is locked"), freed(who)),
    };
    Err(Fault::new("C_Login", message, hint))
}
