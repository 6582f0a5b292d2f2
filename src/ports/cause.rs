//! Why a token said no, as far as somebody asks.

use serde::{Deserialize, Serialize};

macro_rules! causes {
    ($($cause:ident = $name:literal,)*) => {
        /// What a failure means. The ceremony asks for the meaning; people read the name, which is that of the return value
        /// where PKCS#11 has one (v3.0, section 5.1.6), so that they can look it up.
        #[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
        #[serde(from = "String", into = "String")]
        pub enum Cause {
            $(#[doc = $name] $cause,)*
            /// Nothing came back that has a name: no call was made, or it never returned.
            Unnamed,
            /// A return value that nobody asks for, by its name.
            Other(String),
        }

        impl Cause {
            /// For people; empty where there is none.
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$cause => $name,)*
                    Self::Unnamed => "",
                    Self::Other(name) => name,
                }
            }
        }

        impl From<String> for Cause {
            fn from(name: String) -> Self {
                match name.as_str() {
                    $($name => Self::$cause,)*
                    "" => Self::Unnamed,
                    _ => Self::Other(name),
                }
            }
        }
    };
}

causes! {
    ActionProhibited = "CKR_ACTION_PROHIBITED",
    ArgumentsBad = "CKR_ARGUMENTS_BAD",
    CryptokiNotInitialized = "CKR_CRYPTOKI_NOT_INITIALIZED",
    DeviceError = "CKR_DEVICE_ERROR",
    DeviceMemory = "CKR_DEVICE_MEMORY",
    DeviceRemoved = "CKR_DEVICE_REMOVED",
    FunctionFailed = "CKR_FUNCTION_FAILED",
    FunctionNotSupported = "CKR_FUNCTION_NOT_SUPPORTED",
    GeneralError = "CKR_GENERAL_ERROR",
    HostMemory = "CKR_HOST_MEMORY",
    KeyFunctionNotPermitted = "CKR_KEY_FUNCTION_NOT_PERMITTED",
    KeyNotWrappable = "CKR_KEY_NOT_WRAPPABLE",
    KeySizeRange = "CKR_KEY_SIZE_RANGE",
    KeyTypeInconsistent = "CKR_KEY_TYPE_INCONSISTENT",
    KeyUnextractable = "CKR_KEY_UNEXTRACTABLE",
    MechanismInvalid = "CKR_MECHANISM_INVALID",
    MechanismParamInvalid = "CKR_MECHANISM_PARAM_INVALID",
    ObjectHandleInvalid = "CKR_OBJECT_HANDLE_INVALID",
    PinExpired = "CKR_PIN_EXPIRED",
    PinIncorrect = "CKR_PIN_INCORRECT",
    PinInvalid = "CKR_PIN_INVALID",
    PinLenRange = "CKR_PIN_LEN_RANGE",
    PinLocked = "CKR_PIN_LOCKED",
    PinTooWeak = "CKR_PIN_TOO_WEAK",
    SessionClosed = "CKR_SESSION_CLOSED",
    SessionExists = "CKR_SESSION_EXISTS",
    SessionHandleInvalid = "CKR_SESSION_HANDLE_INVALID",
    SessionReadOnlyExists = "CKR_SESSION_READ_ONLY_EXISTS",
    TemplateIncomplete = "CKR_TEMPLATE_INCOMPLETE",
    TemplateInconsistent = "CKR_TEMPLATE_INCONSISTENT",
    TokenNotPresent = "CKR_TOKEN_NOT_PRESENT",
    TokenNotRecognized = "CKR_TOKEN_NOT_RECOGNIZED",
    TokenWriteProtected = "CKR_TOKEN_WRITE_PROTECTED",
    UserNotLoggedIn = "CKR_USER_NOT_LOGGED_IN",
    UserPinNotInitialized = "CKR_USER_PIN_NOT_INITIALIZED",
    // The module's file is not the pinned one.
    ModuleChanged = "module-changed",
    // The token is not among those that the module shows.
    TokenAbsent = "token-absent",
}

impl From<Cause> for String {
    fn from(cause: Cause) -> Self {
        cause.name().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cause_is_known_by_its_name() {
        for (name, cause) in [
            ("CKR_PIN_INCORRECT", Cause::PinIncorrect),
            ("CKR_0x80000001", Cause::Other("CKR_0x80000001".into())),
            ("", Cause::Unnamed),
        ] {
            assert_eq!(Cause::from(name.to_owned()), cause);
            assert_eq!(cause.name(), name);
        }
    }
}
