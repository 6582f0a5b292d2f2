//! What a verb leaves: how it ended, and its account.

use super::exit::Exit;
use crate::account::keys::Account;

/// How a verb ended, and its account, which `--json` prints.
pub struct Done {
    pub exit: Exit,
    json: Box<dyn Fn(u8) -> String>,
}

impl Done {
    pub fn new(exit: Exit, account: impl Account + 'static) -> Self {
        let json = move |exit| object(&account, exit);
        Self { exit, json: Box::new(json) }
    }

    /// With 0.
    pub fn ok(account: impl Account + 'static) -> Self {
        Self::new(Exit::Done, account)
    }

    pub fn json(&self) -> String {
        (self.json)(self.exit.code())
    }
}

/// An account as the one object of `--json`, with the exit code.
pub fn object(account: &impl Account, exit: u8) -> String {
    #[derive(serde::Serialize)]
    struct Printed<'a, A> {
        #[serde(flatten)]
        account: &'a A,
        exit: u8,
    }
    // An account has names as keys, and nothing that cannot be written.
    serde_json::to_string(&Printed { account, exit }).unwrap_or_default()
}
