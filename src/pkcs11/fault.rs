//! Errors of the worker, before it is known what they leave open.

use cryptoki::error::{Error, RvError};

use crate::{
    encoding::text::printable,
    ports::token::{Effect, TokenError},
};

/// A call that failed, or a state in which the worker does not go on.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) function: String,
    pub(super) code: String,
    pub(super) message: String,
    pub(super) hint: String,
    /// Known where looking again has shown it; else it follows from the calls that were made.
    pub(super) effect: Option<Effect>,
}

pub(super) type Outcome<T> = Result<T, Fault>;

/// Codes after which neither the session nor anything it says is worth going on with.
const FATAL: &[&str] = &[
    "CKR_CRYPTOKI_NOT_INITIALIZED",
    "CKR_DEVICE_ERROR",
    "CKR_DEVICE_REMOVED",
    "CKR_HOST_MEMORY",
    "CKR_OBJECT_HANDLE_INVALID",
    "CKR_SESSION_CLOSED",
    "CKR_SESSION_HANDLE_INVALID",
    "CKR_TOKEN_NOT_PRESENT",
    "CKR_TOKEN_NOT_RECOGNIZED",
    "CKR_USER_NOT_LOGGED_IN",
];

/// The code of a function that is not there.
pub(super) const NOT_SUPPORTED: &str = "CKR_FUNCTION_NOT_SUPPORTED";

impl Fault {
    /// A refusal or a finding of the worker itself.
    pub(super) fn new(function: &str, message: impl Into<String>, hint: &str) -> Self {
        Self {
            function: function.into(),
            code: String::new(),
            message: message.into(),
            hint: hint.into(),
            effect: None,
        }
    }

    /// A call that failed.
    pub(super) fn of_call(function: &str, error: &Error) -> Self {
        let code = match error {
            Error::Pkcs11(rv, _) => ckr_name(*rv),
            // An entry of the function list that is NULL says the same as the code.
            Error::NullFunctionPointer => NOT_SUPPORTED.to_owned(),
            _ => String::new(),
        };
        let message = match error {
            Error::Pkcs11(..) | Error::NullFunctionPointer => describe(&code).to_owned(),
            Error::ParseInt(_) => {
                "the module's answer is not as the standard has it: letters where digits belong, \
                                   in a token's time say"
                    .to_owned()
            }
            other => printable(&other.to_string()),
        };
        let hint = hint_for(&code);
        Self { function: function.into(), code, message, hint: hint.into(), effect: None }
    }

    /// The same fault with an effect that looking has shown.
    pub(super) fn with_effect(mut self, effect: Effect) -> Self {
        self.effect = Some(effect);
        self
    }

    /// Whether the module has no such function: then the call did nothing.
    pub(super) fn is_unsupported(&self) -> bool {
        self.is(NOT_SUPPORTED)
    }

    pub(super) fn is(&self, code: &str) -> bool {
        self.code == code
    }

    /// Whether nothing more can be learned in this session.
    pub(super) fn is_fatal(&self) -> bool {
        FATAL.contains(&self.code.as_str()) || self.function == "worker"
    }

    /// One line: `C_WrapKey: CKR_KEY_UNEXTRACTABLE`.
    pub(super) fn line(&self) -> String {
        if self.code.is_empty() {
            format!("{}: {}", self.function, self.message)
        } else {
            format!("{}: {} ({})", self.function, self.message, self.code)
        }
    }

    /// The error that the parent hands on. `changing` says whether a changing call was announced.
    pub(super) fn into_error(self, changing: bool) -> TokenError {
        let effect = self.effect.unwrap_or(if changing { Effect::Unknown } else { Effect::None });
        TokenError {
            effect,
            function: self.function,
            code: self.code,
            message: self.message,
            hint: self.hint,
        }
    }
}

/// `PinIncorrect` → `CKR_PIN_INCORRECT`.
fn ckr_name(rv: RvError) -> String {
    if let RvError::VendorDefined(code) | RvError::UnknownErrorCode(code) = rv {
        return format!("CKR_0x{code:08X}");
    }
    let mut name = String::from("CKR");
    for c in format!("{rv:?}").chars() {
        match c {
            'A'..='Z' => {
                name.push('_');
                name.push(c);
            }
            other => name.push(other.to_ascii_uppercase()),
        }
    }
    name
}

fn describe(code: &str) -> &'static str {
    match code {
        "CKR_PIN_INCORRECT" => "the token says that the PIN is wrong",
        "CKR_PIN_LOCKED" => "the token says that the PIN is locked",
        "CKR_PIN_EXPIRED" => "the token says that the PIN has expired",
        "CKR_PIN_LEN_RANGE" | "CKR_PIN_INVALID" | "CKR_PIN_TOO_WEAK" => "the token does not take such a PIN",
        "CKR_USER_PIN_NOT_INITIALIZED" => "the token has no user PIN",
        "CKR_DEVICE_REMOVED" | "CKR_TOKEN_NOT_PRESENT" => "the token is gone from its slot",
        "CKR_TOKEN_NOT_RECOGNIZED" => "the module does not recognise what is in the slot",
        "CKR_DEVICE_ERROR" => "the token or its slot has a problem",
        "CKR_DEVICE_MEMORY" => "the token is full",
        "CKR_SESSION_EXISTS" => "another session with the token is open",
        "CKR_SESSION_READ_ONLY_EXISTS" => "a read-only session is open, so that the SO cannot log in",
        "CKR_TOKEN_WRITE_PROTECTED" => "the token is write-protected",
        "CKR_ACTION_PROHIBITED" => "the token's policy or the object's attributes forbid it",
        "CKR_KEY_UNEXTRACTABLE" => "the key may not leave the token",
        "CKR_KEY_NOT_WRAPPABLE" => "the token cannot wrap this key",
        NOT_SUPPORTED => "the module has no such function",
        "CKR_GENERAL_ERROR" | "CKR_FUNCTION_FAILED" => "the module failed without saying why",
        _ => "the module refused",
    }
}

fn hint_for(code: &str) -> &'static str {
    match code {
        "CKR_PIN_INCORRECT" => {
            "the PIN was tried once and not again; make sure that it belongs to this token before another try"
        }
        "CKR_PIN_LOCKED" => "the token's manual says how a locked PIN is freed; the quorum cannot",
        "CKR_PIN_LEN_RANGE" | "CKR_PIN_INVALID" | "CKR_PIN_TOO_WEAK" => {
            "look at the PIN lengths that 'quorate token show' shows, and at the token's PIN policy"
        }
        "CKR_SESSION_EXISTS" | "CKR_SESSION_READ_ONLY_EXISTS" => {
            "stop the applications that use the token, then run the same command again"
        }
        "CKR_DEVICE_REMOVED" | "CKR_TOKEN_NOT_PRESENT" | "CKR_TOKEN_NOT_RECOGNIZED" | "CKR_DEVICE_ERROR" => {
            "look at the token's connection and at its own log, then run the same command again"
        }
        "CKR_GENERAL_ERROR" | "CKR_FUNCTION_FAILED" => "look at the module's configuration and its own log",
        NOT_SUPPORTED => {
            "do this by the vendor's own means; 'quorate token show' says what the module can do"
        }
        _ => "look the return value up in the module's manual",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn return_values_have_the_standards_names() {
        assert_eq!(ckr_name(RvError::PinIncorrect), "CKR_PIN_INCORRECT");
        assert_eq!(ckr_name(RvError::SessionReadWriteSoExists), "CKR_SESSION_READ_WRITE_SO_EXISTS");
        assert_eq!(ckr_name(RvError::VendorDefined(0x8000_0001)), "CKR_0x80000001");
        assert_eq!(ckr_name(RvError::RandomNoRng), "CKR_RANDOM_NO_RNG");
    }
}
