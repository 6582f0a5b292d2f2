//! The token behind the port: PINs with counters, a session, durable changes.

use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use super::state::{self, Content, PinSlot, State, TRIES};
use crate::{
    durable::DirectoryLock,
    encoding::{strict::Base64, text::Line},
    memory::{LockedBytes, Pin},
    ports::{card::FinalTry, cause::Cause, token::TokenError},
    sealing::{
        single::{self, SealError},
        under_pin::{self, WorkFactor},
    },
};

const PATIENCE: Duration = Duration::from_secs(10);
const HINT: &str = "check the file of the practice token and its medium";

/// CKU_SO or CKU_USER.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum User {
    Officer,
    Normal,
}

impl User {
    fn slot(self, state: &mut State) -> &mut Option<PinSlot> {
        match self {
            Self::Officer => &mut state.so,
            Self::Normal => &mut state.user,
        }
    }

    fn pin_name(self) -> &'static str {
        match self {
            Self::Officer => "SO PIN",
            Self::Normal => "user PIN",
        }
    }
}

/// The file, and how to change it.
pub(super) struct Device {
    path: PathBuf,
}

impl Device {
    pub(super) fn open(path: &Path) -> Result<Self, TokenError> {
        let path = fs::canonicalize(path).map_err(|e| {
            TokenError::before("open", Cause::TokenNotPresent, format!("{}: {e}", path.display()), HINT)
        })?;
        State::read(&path)?;
        Ok(Self { path })
    }

    pub(super) fn read(&self) -> Result<State, TokenError> {
        State::read(&self.path)
    }

    fn lock(&self) -> Result<DirectoryLock, TokenError> {
        DirectoryLock::acquire(&self.path, PATIENCE).map_err(|e| {
            TokenError::before("lock", Cause::DeviceError, format!("{}: {e}", self.path.display()), HINT)
        })
    }

    /// C_Login: a wrong PIN costs a try, which is durable before the PIN is tried.
    pub(super) fn login(&self, user: User, pin: &Pin, last: FinalTry) -> Result<Session<'_>, TokenError> {
        let _lock = self.lock()?;
        let mut state = self.read()?;
        let master = self.try_pin("C_Login", &mut state, user, pin, last)?;
        Ok(Session { device: self, user, generation: state.master, master })
    }

    fn try_pin(
        &self,
        function: &str,
        state: &mut State,
        user: User,
        pin: &Pin,
        last: FinalTry,
    ) -> Result<LockedBytes, TokenError> {
        let name = user.pin_name();
        let refused =
            |cause, message: String, hint: &str| Err(TokenError::before(function, cause, message, hint));
        state::check_pin(function, pin)?;
        let Some(slot) = user.slot(state) else {
            let message = format!("the token has no {name}");
            return refused(Cause::UserPinNotInitialized, message, "install the token first");
        };
        slot.tries_left = match (slot.tries_left, last) {
            (0, _) => {
                let hint = if user == User::Normal {
                    "the security officer can set a new user PIN"
                } else {
                    "only a new token helps"
                };
                return refused(Cause::PinLocked, format!("the {name} is locked"), hint);
            }
            (1, FinalTry::Keep) => {
                let message = format!("one try is left for the {name}; it was not spent");
                return refused(Cause::Unnamed, message, "find out the right PIN before the token locks");
            }
            (left, _) => left - 1,
        };
        let left = slot.tries_left;
        let sealed = slot.sealed.0.clone();
        state.write(&self.path)?;
        let master = match under_pin::open(pin, WorkFactor::PRACTICE, &sealed, 32) {
            Ok(master) => master,
            Err(SealError::NotOurs) => {
                let message = format!("wrong {name}: {left} tries left");
                return refused(Cause::PinIncorrect, message, "do not try again blindly");
            }
            Err(e) => return refused(Cause::DeviceError, e.to_string(), HINT),
        };
        if let Some(slot) = user.slot(state) {
            slot.tries_left = TRIES;
        }
        state.write(&self.path)?;
        Ok(master)
    }

    /// C_InitToken: on an initialised token the SO PIN must be right, and stays. All objects go, with the
    /// master identity that could open them; the user PIN is unset.
    pub(super) fn init_token(&self, so_pin: &Pin, label: &Line) -> Result<(), TokenError> {
        let _lock = self.lock()?;
        let mut state = self.read()?;
        if state.so.is_some() {
            self.try_pin("C_InitToken", &mut state, User::Officer, so_pin, FinalTry::Keep)?;
        }
        let failed = |reason: String| TokenError::before("C_InitToken", Cause::DeviceError, reason, HINT);
        let mut master = LockedBytes::zeroed(32).map_err(|e| failed(e.to_string()))?;
        getrandom::fill(master.expose_mut()).map_err(|e| failed(e.to_string()))?;
        let fresh = State {
            label: label.clone(),
            master: Some(single::x25519_recipient_of(&identity(&master)?)),
            so: Some(PinSlot::new("C_InitToken", so_pin, master.expose())?),
            ..State::empty(state.serial)
        };
        fresh.write(&self.path)
    }
}

/// A login. It ends when dropped, and is void as soon as the token has been initialised anew.
pub(super) struct Session<'d> {
    device: &'d Device,
    user: User,
    generation: Option<String>,
    master: LockedBytes,
}

impl Session<'_> {
    /// The state as it is now.
    pub(super) fn read(&self) -> Result<State, TokenError> {
        self.check(self.device.read()?)
    }

    fn check(&self, state: State) -> Result<State, TokenError> {
        if state.master == self.generation {
            return Ok(state);
        }
        Err(TokenError::unclear(
            "session",
            Cause::SessionHandleInvalid,
            "the token was initialised by somebody else meanwhile",
            "look at the token before anything else is done",
        ))
    }

    /// Changes the state as one durable step. What `change` refuses is not written.
    pub(super) fn update<T>(
        &self,
        change: impl FnOnce(&mut State) -> Result<T, TokenError>,
    ) -> Result<T, TokenError> {
        let _lock = self.device.lock()?;
        let mut state = self.read()?;
        let value = change(&mut state)?;
        state.write(&self.device.path)?;
        Ok(value)
    }

    /// C_InitPIN: the security officer sets the user PIN; objects stay usable.
    pub(super) fn init_user_pin(&self, pin: &Pin) -> Result<(), TokenError> {
        self.set_pin("C_InitPIN", User::Normal, pin)
    }

    /// C_SetPIN of the security officer.
    pub(super) fn set_so_pin(&self, pin: &Pin) -> Result<(), TokenError> {
        self.set_pin("C_SetPIN", User::Officer, pin)
    }

    fn set_pin(&self, function: &str, whose: User, pin: &Pin) -> Result<(), TokenError> {
        if self.user != User::Officer {
            let message = "the security officer is not logged in";
            return Err(TokenError::before(function, Cause::UserNotLoggedIn, message, "give the SO PIN"));
        }
        self.replace_pin(function, whose, pin)
    }

    /// C_SetPIN of whoever is logged in.
    pub(super) fn set_own_pin(&self, pin: &Pin) -> Result<(), TokenError> {
        self.replace_pin("C_SetPIN", self.user, pin)
    }

    fn replace_pin(&self, function: &str, whose: User, pin: &Pin) -> Result<(), TokenError> {
        let slot = PinSlot::new(function, pin, self.master.expose())?;
        self.update(|state| {
            *whose.slot(state) = Some(slot);
            Ok(())
        })
    }

    /// Seals an object's secret to the master identity.
    pub(super) fn seal(&self, secret: &[u8]) -> Result<Content, TokenError> {
        let recipient = identity(&self.master)?.to_public();
        let sealed = single::seal_to(&recipient, secret)
            .map_err(|e| TokenError::before("seal", Cause::DeviceError, e.to_string(), HINT))?;
        Ok(Content::Sealed(Base64(sealed)))
    }

    /// Opens an object's secret.
    pub(super) fn unseal(&self, sealed: &Base64) -> Result<LockedBytes, TokenError> {
        single::open_with(&identity(&self.master)?, &sealed.0, 32)
            .map_err(|e| TokenError::before("unseal", Cause::DeviceError, e.to_string(), HINT))
    }
}

fn identity(master: &LockedBytes) -> Result<crate::sealing::x25519::X25519Identity, TokenError> {
    let damaged = |reason: String| TokenError::before("unseal", Cause::DeviceError, reason, HINT);
    let secret =
        master.expose().first_chunk().ok_or_else(|| damaged("a master identity cut short".into()))?;
    single::x25519_identity(secret).map_err(|e| damaged(e.to_string()))
}
