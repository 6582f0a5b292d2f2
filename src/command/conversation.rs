//! Credentials typed at a terminal: each once, when exactly its prompt was seen and the terminal does not echo.

use std::{
    io,
    os::fd::OwnedFd,
    time::{Duration, Instant},
};

use rustix::termios::{LocalModes, tcgetattr};
use zeroize::Zeroizing;

use crate::{memory::Pin, proposal::program::Stopped};

/// How long a terminal may still echo after the prompt: programs ask first, and turn it off then.
const ECHO_PATIENCE: Duration = Duration::from_secs(3);

/// A credential and the prompt at which it is typed.
pub(super) struct Answer<'a> {
    pub(super) prompt: &'a str,
    pub(super) secret: &'a Pin,
}

/// How far a conversation has come.
pub(super) struct Conversation<'a> {
    answers: Vec<Answer<'a>>,
    given: usize,
    heard: Zeroizing<Vec<u8>>,
    asked_since: Option<Instant>,
}

impl<'a> Conversation<'a> {
    pub(super) fn new(answers: Vec<Answer<'a>>) -> Self {
        Self { answers, given: 0, heard: Zeroizing::new(Vec::new()), asked_since: None }
    }

    pub(super) fn given(&self) -> usize {
        self.given
    }

    pub(super) fn hear(&mut self, bytes: &[u8]) {
        self.heard.extend_from_slice(bytes);
        self.asked_since = None;
        // A prompt has at most 200 characters.
        let long = self.heard.len().saturating_sub(4096);
        self.heard.drain(..long);
    }

    /// Whether an answer is due, and echo has to be looked at again soon.
    pub(super) fn is_asked(&self) -> bool {
        self.asked_since.is_some() || self.waits_for().is_some_and(|prompt| self.ends_with(prompt))
    }

    fn waits_for(&self) -> Option<&'a str> {
        self.answers.get(self.given).map(|answer| answer.prompt)
    }

    /// Types what is due. A reason to stop the program, if there is one.
    pub(super) fn answer(&mut self, terminal: &OwnedFd) -> io::Result<Option<Stopped>> {
        let Some(answer) = self.answers.get(self.given) else {
            let last = self.answers.last().map(|answer| answer.prompt);
            let again = last.is_some_and(|prompt| self.ends_with(prompt));
            return Ok(again.then_some(Stopped::AskedAgain));
        };
        if !self.ends_with(answer.prompt) {
            return Ok(None);
        }
        let modes = tcgetattr(terminal)?.local_modes;
        if modes.contains(LocalModes::ECHO) {
            let since = *self.asked_since.get_or_insert_with(Instant::now);
            return Ok((since.elapsed() > ECHO_PATIENCE).then_some(Stopped::Echo));
        }
        let end: &[u8] = if modes.contains(LocalModes::ICANON) { b"\n" } else { b"\r" };
        for mut bytes in [answer.secret.expose(), end] {
            while !bytes.is_empty() {
                let written = rustix::io::write(terminal, bytes)?;
                bytes = bytes.get(written..).unwrap_or_default();
            }
        }
        self.given = self.given.saturating_add(1);
        self.heard.clear();
        self.asked_since = None;
        Ok(None)
    }

    /// Whether the last line that was written, which is not finished, is exactly this prompt, blanks around it aside.
    fn ends_with(&self, prompt: &str) -> bool {
        let line = last_line(&self.heard);
        !line.is_empty() && line == prompt.trim().as_bytes()
    }
}

/// What comes after the last line feed or carriage return, without escape sequences (ECMA-48, CSI) and blanks.
fn last_line(heard: &[u8]) -> Vec<u8> {
    let start = heard.iter().rposition(|b| matches!(b, b'\n' | b'\r')).map_or(0, |at| at.saturating_add(1));
    let mut bytes = heard.get(start..).unwrap_or_default().iter().copied();
    let mut line = Vec::new();
    while let Some(byte) = bytes.next() {
        if byte == 0x1b {
            if bytes.next() == Some(b'[') {
                bytes.by_ref().find(|b| (0x40..=0x7e).contains(b));
            }
        } else {
            line.push(byte);
        }
    }
    line.trim_ascii().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prompt_is_the_whole_last_line() {
        for (heard, prompt, asked) in [
            ("Enter PIN: ", "Enter PIN:", true),
            ("=== SO PIN ===\r\nEnter SO PIN: ", "Enter SO PIN:", true),
            ("\r\x1b[KEnter PIN: ", "Enter PIN:", true),
            ("Enter SO PIN: ", "PIN:", false),
            ("Enter PIN: \r\n", "Enter PIN:", false),
            ("Enter PIN: again", "Enter PIN:", false),
            ("", "", false),
        ] {
            let secret = Pin::copy_of(b"x").unwrap();
            let mut conversation = Conversation::new(vec![Answer { prompt, secret: &secret }]);
            conversation.hear(heard.as_bytes());
            assert_eq!(conversation.is_asked(), asked, "{heard:?} {prompt:?}");
        }
    }
}
