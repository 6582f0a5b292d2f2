//! The calls of an administration, made to a vendor's module.

use cryptoki::{object::ObjectHandle, session::UserType, slot::Slot};

use super::{
    fault::CallResult,
    module::{self, auth_pin},
    objects,
    session::Session,
    settings::Select,
    slots,
};
use crate::{
    administration::{self, Found, TokenInfo, TokenSlot},
    memory::Pin,
    ports::token::PinHolder,
    proposal::{target::ObjectRecord, token_label::TokenLabel},
};

/// A module, and which of its tokens is meant.
pub(super) struct Selected<'a> {
    pub(super) module: &'a module::Module<'a>,
    pub(super) select: &'a Select,
}

impl Selected<'_> {
    fn shown(&self, place: &slots::OccupiedSlot) -> TokenSlot<Slot> {
        TokenSlot { slot: place.slot, info: place.shown(self.module) }
    }
}

fn by_label(label: &TokenLabel) -> Select {
    Select::Label { label: label.to_string() }
}

impl administration::Module for Selected<'_> {
    type Slot = Slot;

    fn selected(&self) -> CallResult<TokenSlot<Slot>> {
        slots::find(self.module, self.select).map(|place| self.shown(&place))
    }

    fn labelled(&self, label: &TokenLabel) -> CallResult<TokenSlot<Slot>> {
        slots::find(self.module, &by_label(label)).map(|place| self.shown(&place))
    }

    fn has_label(&self, label: &TokenLabel) -> CallResult<bool> {
        slots::candidates(self.module, &by_label(label)).map(|found| !found.is_empty())
    }

    fn info(&self, slot: Slot) -> CallResult<TokenInfo> {
        slots::look(self.module, slot).map(|place| place.shown(self.module))
    }

    fn public_objects(&self, slot: Slot) -> CallResult<Vec<ObjectRecord>> {
        slots::public_objects(self.module, &slots::look(self.module, slot)?)
    }

    fn init_token(&self, slot: Slot, so_pin: &Pin, label: &TokenLabel) -> CallResult<()> {
        let pin = auth_pin(so_pin)?;
        self.module.link().changing()?;
        self.module.call("C_InitToken", |p| p.init_token(slot, &pin, label.as_str()))
    }

    fn open(&self, slot: Slot) -> CallResult<impl administration::Session> {
        Session::to_write(self.module, slot)
    }
}

impl administration::Session for Session<'_> {
    type Handle = ObjectHandle;

    fn info(&self) -> CallResult<TokenInfo> {
        slots::look(self.module(), self.slot()).map(|place| place.shown(self.module()))
    }

    fn present(&self, holder: PinHolder, pin: &Pin) -> CallResult<()> {
        let user = match holder {
            PinHolder::SecurityOfficer => UserType::So,
            PinHolder::User => UserType::User,
        };
        let pin = auth_pin(pin)?;
        self.call("C_Login", |s| s.login(user, Some(&pin)))
    }

    fn logout(&self) -> CallResult<()> {
        self.call("C_Logout", |s| s.logout())
    }

    fn init_pin(&self, new: &Pin) -> CallResult<()> {
        let new = auth_pin(new)?;
        self.change("C_InitPIN", |s| s.init_pin(&new))
    }

    fn set_pin(&self, old: &Pin, new: &Pin) -> CallResult<()> {
        let (old, new) = (auth_pin(old)?, auth_pin(new)?);
        self.change("C_SetPIN", |s| s.set_pin(&old, &new))
    }

    fn objects(&self) -> CallResult<Vec<Found<ObjectHandle>>> {
        let found = objects::all(self)?.into_iter();
        Ok(found.map(|found| Found { handle: found.handle, record: found.record }).collect())
    }

    fn destroy(&self, object: &ObjectHandle) -> CallResult<()> {
        self.change("C_DestroyObject", |s| s.destroy_object(*object))
    }
}
