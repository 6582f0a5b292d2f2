//! CK_TOKEN_INFO, as far as it has to be interpreted.

use cryptoki::slot::TokenInfo;

use crate::proposal::target::Tries;

/// The SO PIN's tries. The flags of an uninitialised token mean nothing.
pub(super) fn so_tries(info: &TokenInfo) -> Tries {
    tries(info, info.so_pin_locked(), info.so_pin_final_try(), info.so_pin_count_low())
}

pub(super) fn user_tries(info: &TokenInfo) -> Tries {
    let set = info.user_pin_initialized();
    tries(
        info,
        set && info.user_pin_locked(),
        set && info.user_pin_final_try(),
        set && info.user_pin_count_low(),
    )
}

fn tries(info: &TokenInfo, locked: bool, last: bool, low: bool) -> Tries {
    match (info.token_initialized(), locked, last, low) {
        (false, ..) => Tries::Full,
        (_, true, ..) => Tries::Locked,
        (_, _, true, _) => Tries::Final,
        (_, _, _, true) => Tries::Low,
        _ => Tries::Full,
    }
}

/// Fields of CK_TOKEN_INFO and its like are padded with blanks; some modules end them with NUL.
pub(super) fn trimmed(field: &str) -> String {
    field.split('\0').next().unwrap_or_default().trim_end_matches(' ').to_owned()
}
