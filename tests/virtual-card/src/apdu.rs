//! Command and response APDUs, ISO/IEC 7816-4: short and extended lengths.

/// A status word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Sw(pub(crate) u16);

impl Sw {
    pub(crate) const OK: Self = Self(0x9000);
    pub(crate) const WRONG_LENGTH: Self = Self(0x6700);
    pub(crate) const SECURITY_STATUS: Self = Self(0x6982);
    pub(crate) const BLOCKED: Self = Self(0x6983);
    pub(crate) const CONDITIONS: Self = Self(0x6985);
    pub(crate) const WRONG_DATA: Self = Self(0x6A80);
    pub(crate) const NOT_FOUND: Self = Self(0x6A82);
    pub(crate) const NO_SPACE: Self = Self(0x6A84);
    pub(crate) const WRONG_PARAMETERS: Self = Self(0x6A86);
    pub(crate) const REFERENCE_NOT_FOUND: Self = Self(0x6A88);
    pub(crate) const UNKNOWN_INSTRUCTION: Self = Self(0x6D00);
    pub(crate) const UNKNOWN_CLASS: Self = Self(0x6E00);

    /// A wrong PIN or PUK, `tries` left.
    pub(crate) fn wrong(tries: u8) -> Self {
        Self(0x63C0 | u16::from(tries.min(15)))
    }

    pub(crate) fn more(bytes: usize) -> Self {
        Self(0x6100 | u16::try_from(bytes.min(255)).unwrap_or(255))
    }
}

/// What an instruction answers: data, or a status word that is an error.
pub(crate) type Answer = Result<Vec<u8>, Sw>;

/// One command.
#[derive(Clone, Debug)]
pub(crate) struct Command {
    pub(crate) cla: u8,
    pub(crate) ins: u8,
    pub(crate) p1: u8,
    pub(crate) p2: u8,
    pub(crate) data: Vec<u8>,
    pub(crate) extended: bool,
}

impl Command {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Sw> {
        let [cla, ins, p1, p2, body @ ..] = bytes else { return Err(Sw::WRONG_LENGTH) };
        let (data, extended) = Self::body(body).ok_or(Sw::WRONG_LENGTH)?;
        Ok(Self { cla: *cla, ins: *ins, p1: *p1, p2: *p2, data: data.to_vec(), extended })
    }

    /// The data, and whether lengths are extended. The expected length itself is not needed: a YubiKey gives what
    /// it has.
    fn body(body: &[u8]) -> Option<(&[u8], bool)> {
        match body {
            [] | [_] => Some((&[], false)),
            [0, _, _] => Some((&[], true)),
            [0, high, low, rest @ ..] => {
                let length = usize::from(u16::from_be_bytes([*high, *low]));
                let trailer = rest.len().checked_sub(length)?;
                (trailer == 0 || trailer == 2).then(|| (&rest[..length], true))
            }
            [length, rest @ ..] => {
                let length = usize::from(*length);
                let trailer = rest.len().checked_sub(length)?;
                (trailer <= 1).then(|| (&rest[..length], false))
            }
        }
    }

    /// Whether more commands of the same chain follow.
    pub(crate) fn is_chained(&self) -> bool {
        self.cla & 0x10 != 0
    }
}

/// Data and status as they go over the wire.
pub(crate) fn response(data: &[u8], status: Sw) -> Vec<u8> {
    let mut out = data.to_vec();
    out.extend(status.0.to_be_bytes());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seven_forms_of_a_body_are_told_apart() {
        let data = |bytes: &[u8]| Command::parse(bytes).map(|command| (command.data, command.extended));
        assert_eq!(data(&[0, 0xFD, 0, 0]), Ok((vec![], false)));
        assert_eq!(data(&[0, 0xFD, 0, 0, 0]), Ok((vec![], false)));
        assert_eq!(data(&[0, 0x20, 0, 0x80, 2, 1, 2]), Ok((vec![1, 2], false)));
        assert_eq!(data(&[0, 0x20, 0, 0x80, 2, 1, 2, 0]), Ok((vec![1, 2], false)));
        assert_eq!(data(&[0, 0xFD, 0, 0, 0, 0, 0]), Ok((vec![], true)));
        assert_eq!(data(&[0, 0x20, 0, 0x80, 0, 0, 2, 1, 2]), Ok((vec![1, 2], true)));
        assert_eq!(data(&[0, 0x20, 0, 0x80, 0, 0, 2, 1, 2, 0, 0]), Ok((vec![1, 2], true)));
        assert_eq!(data(&[0, 0x20, 0, 0x80, 3, 1]), Err(Sw::WRONG_LENGTH));
        assert_eq!(data(&[0, 0x20]), Err(Sw::WRONG_LENGTH));
    }
}
