//! Return values of a module, as faults.

use cryptoki::error::{Error, RvError};

pub(super) use crate::administration::fault::{CallResult, Fault};
use crate::{encoding::text::printable, ports::cause::Cause};

/// A call that failed.
pub(super) fn of_call(function: &str, error: &Error) -> Fault {
    let cause = match error {
        Error::Pkcs11(rv, _) => Cause::from(ckr_name(*rv)),
        // An entry of the function list that is NULL says the same as the code.
        Error::NullFunctionPointer => Cause::FunctionNotSupported,
        _ => Cause::Unnamed,
    };
    let message = match error {
        Error::Pkcs11(..) | Error::NullFunctionPointer => describe(&cause).to_owned(),
        Error::ParseInt(_) => {
            "the module's answer is not as the standard has it: letters where digits belong, \
                               in a token's time say"
                .to_owned()
        }
        other => printable(&other.to_string()),
    };
    let hint = hint_for(&cause);
    Fault { cause, ..Fault::new(function, message, hint) }
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

fn describe(cause: &Cause) -> &'static str {
    match cause {
        Cause::PinIncorrect => "the token says that the PIN is wrong",
        Cause::PinLocked => "the token says that the PIN is locked",
        Cause::PinExpired => "the token says that the PIN has expired",
        Cause::PinLenRange | Cause::PinInvalid | Cause::PinTooWeak => "the token does not take such a PIN",
        Cause::UserPinNotInitialized => "the token has no user PIN",
        Cause::DeviceRemoved | Cause::TokenNotPresent => "the token is gone from its slot",
        Cause::TokenNotRecognized => "the module does not recognise what is in the slot",
        Cause::DeviceError => "the token or its slot has a problem",
        Cause::DeviceMemory => "the token is full",
        Cause::SessionExists => "another session with the token is open",
        Cause::SessionReadOnlyExists => "a read-only session is open, so that the SO cannot log in",
        Cause::TokenWriteProtected => "the token is write-protected",
        Cause::ActionProhibited => "the token's policy or the object's attributes forbid it",
        Cause::KeyUnextractable => "the key may not leave the token",
        Cause::KeyNotWrappable => "the token cannot wrap this key",
        Cause::FunctionNotSupported => "the module has no such function",
        Cause::GeneralError | Cause::FunctionFailed => "the module failed without saying why",
        _ => "the module refused",
    }
}

fn hint_for(cause: &Cause) -> &'static str {
    match cause {
        Cause::PinIncorrect => {
            "the PIN was tried once and not again; make sure that it belongs to this token before another try"
        }
        Cause::PinLocked => "the token's manual says how a locked PIN is freed; the quorum cannot",
        Cause::PinLenRange | Cause::PinInvalid | Cause::PinTooWeak => {
            "look at the PIN lengths that 'quorate token show' shows, and at the token's PIN policy"
        }
        Cause::SessionExists | Cause::SessionReadOnlyExists => {
            "stop the applications that use the token, then run the same command again"
        }
        Cause::DeviceRemoved | Cause::TokenNotPresent | Cause::TokenNotRecognized | Cause::DeviceError => {
            "look at the token's connection and at its own log, then run the same command again"
        }
        Cause::GeneralError | Cause::FunctionFailed => "look at the module's configuration and its own log",
        Cause::FunctionNotSupported => {
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
