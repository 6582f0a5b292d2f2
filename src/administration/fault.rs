//! Errors of a token's calls, before it is known what they leave open.

use crate::{
    encoding::text::Name,
    ports::{
        cause::Cause,
        token::{Effect, TokenError},
    },
};

/// A call that failed, or a state in which the administration does not go on.
#[derive(Clone, Debug)]
pub struct Fault {
    /// The function that failed: `C_Login`, `worker`, `open` …
    pub function: String,
    /// Why, as far as that is known.
    pub cause: Cause,
    /// One sentence.
    pub message: String,
    pub hint: String,
    /// Known where looking again has shown it; else it follows from the calls that were made.
    pub effect: Option<Effect>,
}

/// What came of a call.
pub type CallResult<T> = Result<T, Fault>;

impl Fault {
    /// A refusal or a finding of the worker itself.
    pub fn new(function: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            function: function.into(),
            cause: Cause::Unnamed,
            message: message.into(),
            hint: hint.into(),
            effect: None,
        }
    }

    /// The same fault with an effect that looking has shown.
    pub fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// Whether the module has no such function: then the call did nothing.
    pub fn is_unsupported(&self) -> bool {
        self.cause == Cause::FunctionNotSupported
    }

    /// Whether nothing more can be learned in this session, and nothing that it says is worth going on with.
    pub fn is_fatal(&self) -> bool {
        self.function == "worker"
            || matches!(
                self.cause,
                Cause::CryptokiNotInitialized
                    | Cause::DeviceError
                    | Cause::DeviceRemoved
                    | Cause::HostMemory
                    | Cause::ObjectHandleInvalid
                    | Cause::SessionClosed
                    | Cause::SessionHandleInvalid
                    | Cause::TokenNotPresent
                    | Cause::TokenNotRecognized
                    | Cause::UserNotLoggedIn
            )
    }

    /// One line: `C_WrapKey: CKR_KEY_UNEXTRACTABLE`.
    pub fn line(&self) -> String {
        match self.cause.name() {
            "" => format!("{}: {}", self.function, self.message),
            name => format!("{}: {} ({name})", self.function, self.message),
        }
    }

    /// The error that the parent hands on. `changing` says whether a changing call was announced.
    pub fn into_error(self, changing: bool) -> TokenError {
        let effect = self.effect.unwrap_or(if changing { Effect::Unknown } else { Effect::None });
        TokenError {
            effect,
            function: self.function,
            cause: self.cause,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// An error of an adapter's own making: that nothing was changed, it knows of this call only.
impl From<TokenError> for Fault {
    fn from(error: TokenError) -> Self {
        let effect = (error.effect == Effect::Unknown).then_some(Effect::Unknown);
        Self {
            function: error.function,
            cause: error.cause,
            message: error.message,
            hint: error.hint,
            effect,
        }
    }
}

/// An authorization is good on one target only.
pub fn admit(authorized: &Name, target: &Name) -> Result<(), TokenError> {
    if authorized == target {
        return Ok(());
    }
    Err(TokenError::before(
        "authorization",
        Cause::Unnamed,
        format!("the quorum authorized an act on {authorized}, not on {target}"),
        "this is a defect of quorate: report it",
    ))
}
