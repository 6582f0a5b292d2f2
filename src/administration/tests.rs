//! What the tests of every implementor need: the calls of each algorithm, in order, and a module that can be told to fail.

use std::{cell::RefCell, collections::BTreeMap, panic::resume_unwind};

use super::{
    calls::{Found, Module, Session, TokenInfo, TokenSlot},
    fault::{CallResult, Fault},
};
use crate::{
    memory::Pin,
    ports::{cause::Cause, token::PinHolder},
    proposal::{target::ObjectRecord, token_label::TokenLabel},
};

/// The calls that change something or cost something.
pub(crate) const NOTED: &[&str] =
    &["C_InitToken", "C_Login", "C_Logout", "C_SetPIN", "C_InitPIN", "C_FindObjects", "C_DestroyObject"];

/// Both new PINs log in, at the end of each operation that sets them.
macro_rules! then_both_pins_are_proven {
    ($($call:literal)*) => { &[$($call,)* "C_Login", "C_Logout", "C_Login", "C_Logout"] };
}

pub(crate) const INITIALISATION: &[&str] =
    then_both_pins_are_proven!("C_InitToken" "C_Login" "C_InitPIN" "C_Logout");
pub(crate) const TAKE_OVER: &[&str] = then_both_pins_are_proven!("C_Login" "C_SetPIN" "C_InitPIN" "C_Logout");
/// The objects that still show are looked for in between.
pub(crate) const RESET: &[&str] = then_both_pins_are_proven!(
    "C_InitToken" "C_FindObjects" "C_Login" "C_SetPIN" "C_InitPIN" "C_Logout"
);
pub(crate) const CHANGE_BY_USER: &[&str] = &["C_Login", "C_SetPIN", "C_Logout"];
/// Of two objects.
pub(crate) const DELETION: &[&str] =
    &["C_Login", "C_FindObjects", "C_DestroyObject", "C_DestroyObject", "C_FindObjects"];

/// What befalls a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mishap {
    /// The process dies before it.
    Crash,
    /// The process dies after it.
    CrashAfter,
    /// It fails and has done nothing.
    Error(&'static Cause),
    /// It fails and has done all.
    LateError,
}

/// A module whose calls are noted; one of them can go wrong, or have something happen before it.
pub(crate) struct Recorder<'a, M> {
    module: M,
    noted: RefCell<Vec<&'static str>>,
    /// By the place among the noted calls.
    mishaps: BTreeMap<usize, Mishap>,
    before: Option<(usize, &'a dyn Fn())>,
}

impl<'a, M> Recorder<'a, M> {
    pub(crate) fn of(module: M) -> Self {
        Self { module, noted: RefCell::default(), mishaps: BTreeMap::new(), before: None }
    }

    pub(crate) fn with(mut self, place: usize, mishap: Mishap) -> Self {
        self.mishaps.insert(place, mishap);
        self
    }

    pub(crate) fn meanwhile(mut self, place: usize, act: &'a dyn Fn()) -> Self {
        self.before = Some((place, act));
        self
    }

    pub(crate) fn noted(&self) -> Vec<&'static str> {
        self.noted.borrow().clone()
    }

    pub(crate) fn module(&self) -> &M {
        &self.module
    }

    fn note<T>(&self, call: &'static str, act: impl FnOnce() -> CallResult<T>) -> CallResult<T> {
        let place = self.noted.borrow().len();
        self.noted.borrow_mut().push(call);
        if let Some((at, before)) = self.before
            && at == place
        {
            before();
        }
        let failed =
            |cause: &Cause| Err(Fault { cause: cause.clone(), ..Fault::new(call, "as ordered", "") });
        match self.mishaps.get(&place) {
            None => act(),
            Some(Mishap::Crash) => resume_unwind(Box::new(())),
            Some(Mishap::CrashAfter) => act().and_then(|_| resume_unwind(Box::new(()))),
            Some(Mishap::Error(cause)) => failed(cause),
            Some(Mishap::LateError) => act().and_then(|_| failed(&Cause::DeviceError)),
        }
    }
}

impl<M: Module> Module for Recorder<'_, M> {
    type Slot = M::Slot;

    fn selected(&self) -> CallResult<TokenSlot<M::Slot>> {
        self.module.selected()
    }

    fn labelled(&self, label: &TokenLabel) -> CallResult<TokenSlot<M::Slot>> {
        self.module.labelled(label)
    }

    fn has_label(&self, label: &TokenLabel) -> CallResult<bool> {
        self.module.has_label(label)
    }

    fn info(&self, slot: M::Slot) -> CallResult<TokenInfo> {
        self.module.info(slot)
    }

    fn public_objects(&self, slot: M::Slot) -> CallResult<Vec<ObjectRecord>> {
        self.note("C_FindObjects", || self.module.public_objects(slot))
    }

    fn init_token(&self, slot: M::Slot, so_pin: &Pin, label: &TokenLabel) -> CallResult<()> {
        self.note("C_InitToken", || self.module.init_token(slot, so_pin, label))
    }

    fn open(&self, slot: M::Slot) -> CallResult<impl Session> {
        Ok(Recorded { session: self.module.open(slot)?, recorder: self })
    }
}

struct Recorded<'a, S, M> {
    session: S,
    recorder: &'a Recorder<'a, M>,
}

impl<S: Session, M> Session for Recorded<'_, S, M> {
    type Handle = S::Handle;

    fn info(&self) -> CallResult<TokenInfo> {
        self.session.info()
    }

    fn present(&self, holder: PinHolder, pin: &Pin) -> CallResult<()> {
        self.recorder.note("C_Login", || self.session.present(holder, pin))
    }

    fn logout(&self) -> CallResult<()> {
        self.recorder.note("C_Logout", || self.session.logout())
    }

    fn init_pin(&self, new: &Pin) -> CallResult<()> {
        self.recorder.note("C_InitPIN", || self.session.init_pin(new))
    }

    fn set_pin(&self, old: &Pin, new: &Pin) -> CallResult<()> {
        self.recorder.note("C_SetPIN", || self.session.set_pin(old, new))
    }

    fn objects(&self) -> CallResult<Vec<Found<S::Handle>>> {
        self.recorder.note("C_FindObjects", || self.session.objects())
    }

    fn destroy(&self, object: &S::Handle) -> CallResult<()> {
        self.recorder.note("C_DestroyObject", || self.session.destroy(object))
    }
}
