//! The calls of an administration, made to a file.

use super::device::{Device, Session};
use crate::{
    administration::{
        self, Found, TokenInfo, TokenSlot,
        fault::{CallResult, Fault},
    },
    memory::Pin,
    ports::{
        cause::Cause,
        token::{PinHolder, TokenError},
    },
    proposal::{target::ObjectRecord, token_label::TokenLabel},
};

impl administration::Module for Device {
    type Slot = ();

    fn selected(&self) -> CallResult<TokenSlot<()>> {
        Ok(TokenSlot { slot: (), info: self.read()?.info() })
    }

    fn labelled(&self, label: &TokenLabel) -> CallResult<TokenSlot<()>> {
        let place = self.selected()?;
        if answers_to(&place.info, label) {
            return Ok(place);
        }
        let message = format!("the token is labelled \"{}\", not \"{label}\"", place.info.identity.label);
        let fault = Fault::new("C_GetSlotList", message, "find out who initialised it");
        Err(Fault { cause: Cause::TokenAbsent, ..fault })
    }

    fn has_label(&self, label: &TokenLabel) -> CallResult<bool> {
        Ok(answers_to(&self.info(())?, label))
    }

    fn info(&self, (): ()) -> CallResult<TokenInfo> {
        Ok(self.read()?.info())
    }

    fn public_objects(&self, (): ()) -> CallResult<Vec<ObjectRecord>> {
        Ok(self.read()?.public_objects())
    }

    fn init_token(&self, (): (), so_pin: &Pin, label: &TokenLabel) -> CallResult<()> {
        Ok(Device::init_token(self, so_pin, label)?)
    }

    fn open(&self, (): ()) -> CallResult<impl administration::Session> {
        Ok(Session::of(self))
    }
}

fn answers_to(info: &TokenInfo, label: &TokenLabel) -> bool {
    info.initialised && info.identity.label == *label
}

impl administration::Session for Session<'_> {
    /// The whole record: of objects that nothing tells apart, any.
    type Handle = ObjectRecord;

    fn info(&self) -> CallResult<TokenInfo> {
        Ok(self.device().read()?.info())
    }

    fn present(&self, holder: PinHolder, pin: &Pin) -> CallResult<()> {
        Ok(self.log_in(holder, pin)?)
    }

    fn logout(&self) -> CallResult<()> {
        self.log_out();
        Ok(())
    }

    fn init_pin(&self, new: &Pin) -> CallResult<()> {
        Ok(self.set_user_pin(new)?)
    }

    fn set_pin(&self, old: &Pin, new: &Pin) -> CallResult<()> {
        Ok(self.set_own_pin(old, new)?)
    }

    fn objects(&self) -> CallResult<Vec<Found<ObjectRecord>>> {
        let records = self.read()?.records().into_iter();
        Ok(records.map(|record| Found { handle: record.clone(), record }).collect())
    }

    fn destroy(&self, object: &ObjectRecord) -> CallResult<()> {
        Ok(self.with_objects(|objects| match objects.remove(object) {
            true => Ok(()),
            false => Err(TokenError::before(
                "C_DestroyObject",
                Cause::ObjectHandleInvalid,
                "not there",
                "look again",
            )),
        })?)
    }
}
