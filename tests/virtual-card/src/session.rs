//! A conversation with the card: which application is selected, what was proved, chains of commands and answers.

use std::time::Instant;

use crate::{
    apdu::{Answer, Command, Sw, response},
    card::{Core, Kind},
    management, piv,
};

/// Which application answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Applet {
    Piv,
    Management,
    Otp,
}

/// What is lost without power, on reset, and when another application is selected.
#[derive(Default, Debug)]
pub(crate) struct Session {
    pub(crate) applet: Option<Applet>,
    pub(crate) pin_verified: bool,
    /// Verified, and no private key used since.
    pub(crate) pin_fresh: bool,
    pub(crate) managed: bool,
    /// Witness or challenge that waits for its answer.
    pub(crate) expected: Option<Vec<u8>>,
    /// The touch for this very command came.
    pub(crate) touched: bool,
    pub(crate) touch_cached_until: Option<Instant>,
    chain: Vec<u8>,
    remainder: Vec<u8>,
}

/// How much a short answer carries.
const SHORT: usize = 256;

impl Session {
    /// The whole command once its last part is there.
    pub(crate) fn assembled(&mut self, part: &Command) -> Option<Command> {
        if part.is_chained() {
            self.chain.extend_from_slice(&part.data);
            return None;
        }
        let mut whole = part.clone();
        whole.data = [std::mem::take(&mut self.chain), whole.data].concat();
        Some(whole)
    }

    /// The answer, or as much of it as one response takes.
    pub(crate) fn reply(&mut self, answer: Answer, extended: bool) -> Vec<u8> {
        match answer {
            Ok(data) if extended || data.len() <= SHORT => response(&data, Sw::OK),
            Ok(data) => {
                let (first, rest) = data.split_at(SHORT);
                self.remainder = rest.to_vec();
                response(first, Sw::more(rest.len()))
            }
            Err(sw) => response(&[], sw),
        }
    }
}

impl Core {
    pub(crate) fn answer(&mut self, command: &Command) -> Answer {
        if command.cla & !0x10 != 0 {
            return Err(Sw::UNKNOWN_CLASS);
        }
        match command.ins {
            0xC0 => return Ok(std::mem::take(&mut self.session.remainder)),
            0xA4 if command.p1 == 0x04 => return self.select(&command.data),
            _ => self.session.remainder.clear(),
        }
        match self.session.applet {
            Some(Applet::Piv) if self.kind == Kind::PlainPiv && command.ins >= 0xE0 => {
                Err(Sw::UNKNOWN_INSTRUCTION)
            }
            Some(Applet::Piv) => piv::run(self, command),
            Some(Applet::Management) => management::run(self, command),
            Some(Applet::Otp) => management::run_otp(self, command),
            None => Err(Sw::UNKNOWN_INSTRUCTION),
        }
    }

    /// SELECT by name. A new selection forgets the PIN, even of the application that was selected.
    fn select(&mut self, name: &[u8]) -> Answer {
        let is = |whole: &[u8]| name.len() >= 5 && whole.starts_with(name);
        if let Some(status) = self.memory.oddities.refuses_piv.filter(|_| is(piv::AID)) {
            return Err(Sw(status));
        }
        let applet = match self.kind {
            Kind::Stranger => None,
            _ if is(piv::AID) => Some(Applet::Piv),
            Kind::PlainPiv => None,
            Kind::YubiKey if is(management::AID) => Some(Applet::Management),
            Kind::YubiKey if is(management::OTP_AID) => Some(Applet::Otp),
            Kind::YubiKey => None,
        };
        let applet = applet.ok_or(Sw::NOT_FOUND)?;
        self.session = Session {
            applet: Some(applet),
            touch_cached_until: self.session.touch_cached_until,
            ..Session::default()
        };
        Ok(match applet {
            Applet::Piv => piv::SELECTED.to_vec(),
            Applet::Management => management::greeting(self.memory.firmware),
            Applet::Otp => management::otp_status(self.memory.firmware),
        })
    }
}
