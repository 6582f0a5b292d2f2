//! PKCS#11 tokens (v2.40, v3.0), with the vendor's module loaded only in a child process.
//!
//! A module can crash, hang, call `exit` or overwrite memory. It does so in a worker: this very program,
//! started again for one operation, which gets its orders and secrets over a socket and says each
//! function's name before it calls it, and once, before the first call that changes anything, that it
//! is about to. What the parent knows when a worker ends without a result follows from that.
//!
//! | file | role |
//! |---|---|
//! | `settings` | which module, which token, which environment |
//! | `child`, `token` | the parent: starts, listens, times, reaps; implements [`Token`](crate::ports::token::Token) |
//! | `protocol` | the frames between the two |
//! | `worker`, `link`, `fault` | the child: entry, its end of the line, its errors |
//! | `raw` | the few calls that the crate cryptoki cannot make: all the `unsafe` of this adapter |
//! | `module`, `session`, `slots`, `objects`, `others`, `public_key` | what PKCS#11 says, in our terms |
//! | `token_info`, `probe` | what CK_TOKEN_INFO says, and what a module cannot do |
//! | `reported`, `report` | what a module says of itself, and how it is made |
//! | `calls` | what the algorithms of [`administration`](crate::administration) call |
//! | `backup`, `restoration` | objects that leave the token, and that are made again |
//! | `wrapping`, `importing` | keys under the backup key |
//! | `attributes`, `shown`, `template`, `making` | what a backup keeps of an object, and the object made of it |
//! | `proof`, `signature` | whether they come back |

mod attributes;
mod backup;
mod calls;
mod child;
mod fault;
#[cfg(fuzzing)]
pub mod fuzzing;
mod importing;
mod link;
mod making;
mod module;
mod objects;
mod others;
mod probe;
mod proof;
mod protocol;
mod public_key;
mod raw;
mod report;
mod reported;
mod restoration;
mod session;
mod settings;
mod shown;
mod signature;
mod slots;
mod template;
mod token;
mod token_info;
mod worker;
mod wrapping;

pub(crate) use reported::{Depth, Detail, MechanismReport, ModuleReport, SlotReport, Which};
pub use settings::{
    ALLOWED_PREFIXES, ALLOWED_VARIABLES, AbsentTokens, Meter, Pkcs11Settings, Select, is_allowed,
};
pub use token::{Pkcs11Token, list, report};
pub use worker::worker_main;

/// The hidden verb under which the program is a worker.
pub const WORKER_VERB: &str = "pkcs11-worker";

#[cfg(test)]
mod tests;
