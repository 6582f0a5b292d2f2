//! The calls that the administration of a token consists of, in the terms of PKCS#11 (v2.40, sections 5.4 to 5.7).

use super::fault::{CallResult, Fault};
use crate::{
    memory::Pin,
    ports::{cause::Cause, token::PinHolder},
    proposal::{
        target::{ObjectRecord, Observation, TokenIdentity, Tries},
        token_label::TokenLabel,
    },
};

/// CK_TOKEN_INFO, as far as an administration depends on it.
pub struct TokenInfo {
    pub identity: TokenIdentity,
    /// CKF_TOKEN_INITIALIZED.
    pub initialised: bool,
    /// CKF_USER_PIN_INITIALIZED.
    pub user_pin_set: bool,
    /// CKF_USER_PIN_TO_BE_CHANGED.
    pub user_pin_to_be_changed: bool,
    /// Shortest and longest PIN in bytes; a longest of 0 means no limit.
    pub pin_length: (usize, usize),
    pub so_tries: Tries,
    pub user_tries: Tries,
}

impl TokenInfo {
    /// The tries left for the holder's PIN, as far as the flags tell.
    pub fn tries(&self, holder: PinHolder) -> Tries {
        match holder {
            PinHolder::SecurityOfficer => self.so_tries,
            PinHolder::User => self.user_tries,
        }
    }

    /// The same with the objects that are visible without login.
    pub fn observation(self, public_objects: Vec<ObjectRecord>) -> Observation {
        Observation {
            identity: self.identity,
            initialised: self.initialised,
            user_pin_set: self.user_pin_set,
            pin_length: self.pin_length,
            so_tries: self.so_tries,
            user_tries: self.user_tries,
            public_objects,
        }
    }

    /// Refuses PINs whose length the token says it does not take.
    pub fn check_length(&self, pin: &Pin) -> CallResult<()> {
        let (min, max) = self.pin_length;
        let length = pin.expose().len();
        if length >= min && (max == 0 || length <= max) {
            return Ok(());
        }
        Err(Fault::new(
            "C_GetTokenInfo",
            format!("a new PIN has {length} characters, the token takes {min} to {max}"),
            "propose again with PINs of a length that the token takes",
        ))
    }
}

/// A token in its slot, as it was when it was looked at.
pub struct TokenSlot<S> {
    pub slot: S,
    pub info: TokenInfo,
}

/// A token object, and how to name it in the session in which it was found.
pub struct Found<H> {
    /// CK_OBJECT_HANDLE.
    pub handle: H,
    pub record: ObjectRecord,
}

/// A module and the token that was selected in it.
pub trait Module {
    /// CK_SLOT_ID.
    type Slot: Copy;

    fn selected(&self) -> CallResult<TokenSlot<Self::Slot>>;

    /// The one initialised token with this label.
    fn labelled(&self, label: &TokenLabel) -> CallResult<TokenSlot<Self::Slot>>;

    /// Whether there are initialised tokens with this label.
    fn has_label(&self, label: &TokenLabel) -> CallResult<bool>;

    /// C_GetTokenInfo.
    fn info(&self, slot: Self::Slot) -> CallResult<TokenInfo>;

    fn public_objects(&self, slot: Self::Slot) -> CallResult<Vec<ObjectRecord>>;

    /// C_InitToken. On an initialised token it presents the SO PIN.
    fn init_token(&self, slot: Self::Slot, so_pin: &Pin, label: &TokenLabel) -> CallResult<()>;

    /// C_OpenSession, to write. The session ends when it is dropped.
    fn open(&self, slot: Self::Slot) -> CallResult<impl Session>;
}

/// A session with a token.
pub trait Session {
    /// CK_OBJECT_HANDLE.
    type Handle: Clone;

    /// C_GetTokenInfo of the session's token.
    fn info(&self) -> CallResult<TokenInfo>;

    /// C_Login, whatever it costs: everything but [`Session::login`] calls that.
    fn present(&self, holder: PinHolder, pin: &Pin) -> CallResult<()>;

    /// C_Logout.
    fn logout(&self) -> CallResult<()>;

    /// C_InitPIN, by the SO: objects stay usable.
    fn init_pin(&self, new: &Pin) -> CallResult<()>;

    /// C_SetPIN for the one who is logged in; if nobody is, it would be the user's.
    fn set_pin(&self, old: &Pin, new: &Pin) -> CallResult<()>;

    fn objects(&self) -> CallResult<Vec<Found<Self::Handle>>>;

    /// C_DestroyObject on a token object.
    fn destroy(&self, object: &Self::Handle) -> CallResult<()>;

    /// Logs in with one try, and with none where a wrong PIN would lock it.
    fn login(&self, holder: PinHolder, pin: &Pin) -> CallResult<()> {
        refuse_final_try(self.info()?.tries(holder), holder)?;
        self.present(holder, pin).map_err(|mut fault| {
            if fault.cause == Cause::PinLocked {
                fault.hint = freed(holder).to_owned();
            }
            if fault.cause == Cause::PinIncorrect {
                fault.message = format!("the token says that the {holder} is wrong");
                let state = match self.info().map(|info| info.tries(holder)) {
                    Ok(Tries::Full) => "the token does not tell how many tries are left",
                    Ok(Tries::Low) => "the token shows that tries were lost",
                    Ok(Tries::Final) => "ONE TRY IS LEFT before the token locks it",
                    Ok(Tries::Locked) => "the token has LOCKED it",
                    Err(_) => "the tries left could not be read",
                };
                fault.hint = format!(
                    "the PIN was tried once and not again; {state}; find the right one before another try"
                );
            }
            fault
        })
    }
}

/// How a locked PIN is freed.
fn freed(holder: PinHolder) -> &'static str {
    match holder {
        PinHolder::SecurityOfficer => {
            "the token's manual says how a locked SO PIN is freed; the quorum cannot"
        }
        PinHolder::User => {
            "the SO PIN can set a new user PIN, and the objects stay: where the quorum has it, quorate-break-glass(7) says how \
             its custodians open it; set the PIN with 'pkcs11-tool --init-pin --login --login-type so', then retire the \
             target and adopt it again"
        }
    }
}

/// Stops before a try that could lock the token.
pub(super) fn refuse_final_try(tries: Tries, holder: PinHolder) -> CallResult<()> {
    let (message, hint) = match tries {
        Tries::Full | Tries::Low => return Ok(()),
        Tries::Final => (
            format!("one try of the {holder} is left; it was not spent"),
            "have the counter reset by a right login elsewhere, then run the same command again",
        ),
        Tries::Locked => (format!("the {holder} is locked"), freed(holder)),
    };
    Err(Fault::new("C_Login", message, hint))
}
