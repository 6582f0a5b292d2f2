//! The token behind the port: PINs with counters, a session, durable changes.

use std::{
    cell::{Cell, RefCell},
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    objects::Objects,
    state::{self, Content, PinSlot, State, TRIES},
};
use crate::{
    durable::DirectoryLock,
    encoding::strict::Base64,
    memory::{LockedBytes, Pin},
    ports::{
        cause::Cause,
        token::{PinHolder, TokenError},
    },
    proposal::token_label::TokenLabel,
    sealing::{
        hybrid::HybridIdentity,
        single::{self, SealError},
        under_pin::{self, WorkFactor},
    },
};

const PATIENCE: Duration = Duration::from_secs(10);
const HINT: &str = "check the file of the practice token and its medium";

/// The file, and how to change it.
pub(super) struct Device {
    path: PathBuf,
    changed: Cell<bool>,
}

impl Device {
    pub(super) fn at(path: &Path) -> Self {
        Self { path: path.to_owned(), changed: Cell::new(false) }
    }

    pub(super) fn read(&self) -> Result<State, TokenError> {
        State::read(&self.path)
    }

    /// Whether a call was made that may have changed more than a counter of tries.
    pub(super) fn has_changed(&self) -> bool {
        self.changed.get()
    }

    fn changing(&self) {
        self.changed.set(true);
    }

    fn lock(&self) -> Result<DirectoryLock, TokenError> {
        DirectoryLock::acquire(&self.path, PATIENCE).map_err(|e| {
            TokenError::before("lock", Cause::DeviceError, format!("{}: {e}", self.path.display()), HINT)
        })
    }

    /// A wrong PIN costs a try, which is durable before the PIN is tried. That the right one gives all tries back is for the
    /// caller to write.
    fn try_pin(
        &self,
        function: &str,
        state: &mut State,
        holder: PinHolder,
        pin: &Pin,
    ) -> Result<LockedBytes, TokenError> {
        let refused = |cause, message: String, hint| Err(TokenError::before(function, cause, message, hint));
        state::check_pin(function, pin)?;
        let Some(slot) = state.pin(holder) else {
            let message = format!("the token has no {holder}");
            return refused(Cause::UserPinNotInitialized, message, "install the token first");
        };
        let Some(left) = slot.tries_left.checked_sub(1) else {
            return refused(
                Cause::PinLocked,
                format!("the {holder} is locked"),
                "see quorate-break-glass(7)",
            );
        };
        slot.tries_left = left;
        let sealed = slot.sealed.0.clone();
        state.write(&self.path)?;
        let master = match under_pin::open(pin, WorkFactor::PRACTICE, &sealed, 32) {
            Ok(master) => master,
            Err(SealError::NotOurs) => {
                let message = format!("wrong {holder}: {left} tries left");
                return refused(Cause::PinIncorrect, message, "do not try again blindly");
            }
            Err(e) => return refused(Cause::DeviceError, e.to_string(), HINT),
        };
        if let Some(slot) = state.pin(holder) {
            slot.tries_left = TRIES;
        }
        Ok(master)
    }

    /// C_InitToken: on an initialised token the SO PIN must be right, and stays. All objects go, with the
    /// master identity that could open them; the user PIN is unset.
    pub(super) fn init_token(&self, so_pin: &Pin, label: &TokenLabel) -> Result<(), TokenError> {
        let function = "C_InitToken";
        let failed = |reason: String| TokenError::before(function, Cause::DeviceError, reason, HINT);
        self.changing();
        let _lock = self.lock()?;
        let mut state = self.read()?;
        if state.so.is_some() {
            self.try_pin(function, &mut state, PinHolder::SecurityOfficer, so_pin)?;
        }
        let mut master = LockedBytes::zeroed(32).map_err(|e| failed(e.to_string()))?;
        getrandom::fill(master.expose_mut()).map_err(|e| failed(e.to_string()))?;
        let fresh = State {
            label: label.line().clone(),
            master: Some(identity(&master)?.recipient().to_string()),
            so: Some(PinSlot::new(function, so_pin, master.expose())?),
            ..State::empty(state.serial)
        };
        fresh.write(&self.path)
    }
}

/// A session. It is void as soon as the token has been initialised again.
pub(super) struct Session<'d> {
    device: &'d Device,
    login: RefCell<Option<Login>>,
    /// The objects that it changes, with the lock. Others wait until they are in the file.
    changing: RefCell<Option<(DirectoryLock, Objects)>>,
}

/// A login, and what its PIN opened.
struct Login {
    holder: PinHolder,
    generation: Option<String>,
    master: LockedBytes,
}

impl<'d> Session<'d> {
    pub(super) fn of(device: &'d Device) -> Self {
        Self { device, login: RefCell::default(), changing: RefCell::default() }
    }

    pub(super) fn device(&self) -> &'d Device {
        self.device
    }

    /// C_Login.
    pub(super) fn log_in(&self, holder: PinHolder, pin: &Pin) -> Result<(), TokenError> {
        let _lock = self.device.lock()?;
        let mut state = self.device.read()?;
        let master = self.device.try_pin("C_Login", &mut state, holder, pin)?;
        state.write(&self.device.path)?;
        self.login.replace(Some(Login { holder, generation: state.master, master }));
        Ok(())
    }

    /// C_Logout.
    pub(super) fn log_out(&self) {
        self.login.replace(None);
    }

    fn logged_in<T>(
        &self,
        function: &str,
        act: impl FnOnce(&Login) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        match &*self.login.borrow() {
            Some(login) => act(login),
            None => {
                let message = "nobody is logged in";
                Err(TokenError::before(function, Cause::UserNotLoggedIn, message, "give the PIN"))
            }
        }
    }

    /// The state as it is now, in the file.
    pub(super) fn read(&self) -> Result<State, TokenError> {
        self.settle()?;
        self.in_file()
    }

    fn in_file(&self) -> Result<State, TokenError> {
        let state = self.device.read()?;
        self.logged_in("session", |login| match state.master == login.generation {
            true => Ok(state),
            false => Err(TokenError::unclear(
                "session",
                Cause::SessionHandleInvalid,
                "the token was initialised by somebody else meanwhile",
                "look at the token before anything else is done",
            )),
        })
    }

    /// Changes the state as one durable step. What `change` refuses is not written.
    pub(super) fn update<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        self.settle()?;
        self.device.changing();
        let _lock = self.device.lock()?;
        let mut state = self.in_file()?;
        let value = change(&mut state)?;
        state.write(&self.device.path)?;
        Ok(value)
    }

    /// Looks at the objects or changes some, which are in the file when [`Objects::is_due`] says so, and when it is read again.
    pub(super) fn with_objects<T>(
        &self,
        act: impl FnOnce(&mut Objects) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let mut changing = self.changing.borrow_mut();
        let (_, objects) = match &mut *changing {
            Some(changing) => changing,
            none => none.insert((self.device.lock()?, Objects::of(self.in_file()?))),
        };
        let value = act(objects)?;
        let is_due = objects.is_due();
        drop(changing);
        if is_due { self.settle().map(|()| value) } else { Ok(value) }
    }

    /// Writes the objects that were changed, and lets others at the token.
    pub(super) fn settle(&self) -> Result<(), TokenError> {
        match self.changing.take() {
            Some((_lock, objects)) if objects.is_ahead() => {
                self.device.changing();
                objects.into_state().write(&self.device.path)
            }
            _ => Ok(()),
        }
    }

    /// C_InitPIN: the security officer sets the user PIN; objects stay usable.
    pub(super) fn set_user_pin(&self, pin: &Pin) -> Result<(), TokenError> {
        let function = "C_InitPIN";
        let slot = self.logged_in(function, |login| match login.holder {
            PinHolder::SecurityOfficer => PinSlot::new(function, pin, login.master.expose()),
            PinHolder::User => {
                let message = "the security officer is not logged in";
                Err(TokenError::before(function, Cause::UserNotLoggedIn, message, "give the SO PIN"))
            }
        })?;
        self.update(|state| {
            state.user = Some(slot);
            Ok(())
        })
    }

    /// C_SetPIN of whoever is logged in.
    pub(super) fn set_own_pin(&self, old: &Pin, new: &Pin) -> Result<(), TokenError> {
        let function = "C_SetPIN";
        let (holder, slot) = self.logged_in(function, |login| {
            Ok((login.holder, PinSlot::new(function, new, login.master.expose())?))
        })?;
        self.update(|state| {
            self.device.try_pin(function, state, holder, old)?;
            *state.pin(holder) = Some(slot);
            Ok(())
        })
    }

    /// Seals an object's secret to the master identity.
    pub(super) fn seal(&self, secret: &[u8]) -> Result<Content, TokenError> {
        let recipient = self.logged_in("seal", |login| Ok(identity(&login.master)?.recipient()))?;
        let sealed = single::seal_to(&recipient, secret)
            .map_err(|e| TokenError::before("seal", Cause::DeviceError, e.to_string(), HINT))?;
        Ok(Content::Sealed(Base64(sealed)))
    }

    pub(super) fn unseal(&self, sealed: &Base64) -> Result<LockedBytes, TokenError> {
        let identity = self.logged_in("unseal", |login| identity(&login.master))?;
        single::open_with(&identity, &sealed.0, 32)
            .map_err(|e| TokenError::before("unseal", Cause::DeviceError, e.to_string(), HINT))
    }
}

/// Where an error ended it, what was done is done all the same.
impl Drop for Session<'_> {
    fn drop(&mut self) {
        let _ = self.settle();
    }
}

fn identity(master: &LockedBytes) -> Result<HybridIdentity, TokenError> {
    let damaged = |reason: String| TokenError::before("unseal", Cause::DeviceError, reason, HINT);
    let secret =
        master.expose().first_chunk().ok_or_else(|| damaged("a master identity cut short".into()))?;
    HybridIdentity::from_seed(secret).map_err(|e| damaged(e.to_string()))
}
