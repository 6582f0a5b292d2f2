//! The way of a fuzzer to what is private here.

use super::protocol::{Answer, Job, Message, read_json, read_secret};

/// What comes through the pipe, from either side.
pub fn frames(wire: &[u8]) {
    let mut from = wire;
    while let Ok(Some(message)) = read_json::<Message>(&mut from) {
        if let Message::Done(reply) = message {
            let _ = reply.shows_no_token();
        }
    }
    let _ = read_json::<Answer>(&mut &wire[..]);
    let mut from = wire;
    if read_json::<Job>(&mut from).is_ok() {
        let _ = read_secret(&mut from);
    }
}
