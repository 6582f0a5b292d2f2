//! Puts the adapters behind the ceremony's ports.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use super::{
    args::{CardPlace, Global},
    attention::CardPrompts,
    handed,
    terminal::{ProgressLines, Terminal},
};
use crate::{
    ceremony::{Code, Error, HandedCredentials, World},
    command::{self, ProgramTarget},
    durable,
    encoding::{
        digest::Digest,
        dsse::Mode,
        spelling,
        text::{self, Name},
        words,
    },
    memory::Pin,
    piv::PivCard,
    pkcs11::{AbsentTokens, Meter, Pkcs11Settings, Pkcs11Token, Select},
    ports::{
        card::{Attention, Card},
        cause::Cause,
        store::LedgerStore,
        token::{Target, Token, TokenError, TokenSource, Wanted},
    },
    practice::PracticeToken,
    proposal::{environment::EnvironmentReading, place::Place, target::Role},
    softcard::SoftCard,
    storage,
    transcript::known::Known,
};

/// Everything behind the ports, owned.
pub struct Wiring {
    mode: Mode,
    pub ledger: Box<dyn LedgerStore>,
    pub known: Known,
    pub station: storage::StationDirectory,
    pub memory: storage::CustodianDirectory,
    pub clock: storage::SystemClock,
    tokens: Tokens,
    artifacts: storage::FileArtifacts,
    programs: command::Runner,
    environment: EnvironmentReading,
    progress: ProgressLines,
}

impl Wiring {
    /// Opens a ledger for writing, with its copies.
    pub fn open(global: &Global, ledger: &Path, copies: &[PathBuf]) -> Result<Self, Error> {
        let opened = || Ok(Box::new(storage::LedgerDirectory::open(ledger, copies.to_vec())?) as _);
        Self::with(global, ledger, copies, opened)
    }

    /// Only looks at a ledger and its copies, without a lock. They may be yet to be made.
    pub fn looking(global: &Global, ledger: &Path, copies: &[PathBuf]) -> Result<Self, Error> {
        let view = || Ok(Box::new(storage::LedgerView::new(ledger, copies.to_vec())) as _);
        Self::with(global, ledger, copies, view)
    }

    fn with(
        global: &Global,
        ledger: &Path,
        copies: &[PathBuf],
        open: impl FnOnce() -> Result<Box<dyn LedgerStore>, Error>,
    ) -> Result<Self, Error> {
        let mut places: Vec<&Path> = vec![ledger];
        places.extend(copies.iter().map(PathBuf::as_path));
        let root = state_root(global, &places)?;
        Ok(Self {
            mode: mode(global),
            ledger: open()?,
            known: Known::default(),
            station: storage::StationDirectory::new(&root)?,
            memory: storage::CustodianDirectory::new(&root)?,
            clock: storage::SystemClock,
            tokens: tokens(global),
            artifacts: storage::FileArtifacts::outside(
                places.iter().map(|place| place.to_path_buf()).collect(),
            ),
            programs: command::Runner::new(root.programs()?),
            environment: storage::environment::read(),
            progress: ProgressLines::default(),
        })
    }

    /// The time that went to calls of PKCS#11 modules so far.
    pub fn meter(&self) -> &Meter {
        &self.tokens.meter
    }

    pub fn world(&mut self) -> World<'_> {
        World {
            mode: self.mode,
            ledger: self.ledger.as_mut(),
            known: &mut self.known,
            station: &mut self.station,
            tokens: &mut self.tokens,
            artifacts: &mut self.artifacts,
            programs: &mut self.programs,
            clock: &self.clock,
            environment: self.environment.clone(),
            progress: &mut self.progress,
        }
    }
}

/// What `--rehearsal` says.
pub fn mode(global: &Global) -> Mode {
    if global.rehearsal { Mode::Rehearsal } else { Mode::Production }
}

/// The state directory, which must not lie in a ledger.
pub fn state_root(global: &Global, ledgers: &[&Path]) -> Result<storage::StateRoot, Error> {
    let path = match &global.state_dir {
        Some(path) => path.clone(),
        None => storage::default_state_root()?,
    };
    Ok(storage::StateRoot::open(&path, ledgers)?)
}

pub fn memory(global: &Global, ledgers: &[&Path]) -> Result<storage::CustodianDirectory, Error> {
    Ok(storage::CustodianDirectory::new(&state_root(global, ledgers)?)?)
}

/// Where tokens are found, for those who only look.
pub fn tokens(global: &Global) -> Tokens {
    Tokens {
        time_limit: Duration::from_secs(global.module_timeout),
        meter: Meter::default(),
        waited: AbsentTokens::default(),
    }
}

/// Opens tokens by their place.
pub struct Tokens {
    /// One PKCS#11 call may take this long.
    time_limit: Duration,
    meter: Meter,
    waited: AbsentTokens,
}

impl TokenSource for Tokens {
    fn target(
        &mut self,
        name: &Name,
        place: &Place,
        wanted: Wanted<'_>,
        module_sha256: Option<Digest>,
    ) -> Result<Box<dyn Target>, TokenError> {
        let Place::Command { program } = place else {
            return Ok(self.open(name, place, wanted, module_sha256)?);
        };
        let mut target = ProgramTarget::open(name, program, module_sha256)?;
        check_wanted(&mut target, wanted)?;
        Ok(Box::new(target))
    }

    fn open(
        &mut self,
        name: &Name,
        place: &Place,
        wanted: Wanted<'_>,
        module_sha256: Option<Digest>,
    ) -> Result<Box<dyn Token>, TokenError> {
        match place {
            Place::Practice { path } => {
                let mut token = PracticeToken::open(name.clone(), path.as_ref())?;
                check_wanted(&mut token, wanted)?;
                Ok(Box::new(token))
            }
            Place::Command { .. } => {
                let hint = "use a plan of kind \"command\"";
                Err(TokenError::before(
                    "open",
                    Cause::Unnamed,
                    format!("{name} is a program, not a token"),
                    hint,
                ))
            }
            Place::Pkcs11 { module, slot } => {
                let select = match wanted {
                    Wanted::Empty => Select::EmptySlot { slot: *slot },
                    Wanted::Labelled(label) => Select::Label { label: label.to_owned() },
                    Wanted::Namesake(label) => Select::Namesake { label: label.to_owned() },
                    Wanted::Token { serial, label } => {
                        Select::Serial { serial: serial.to_owned(), label: label.to_owned() }
                    }
                };
                let settings = Pkcs11Settings {
                    module: module.clone(),
                    select,
                    time_limit: self.time_limit,
                    module_sha256,
                    environment: Vec::new(),
                    meter: self.meter.clone(),
                    waited: self.waited.clone(),
                    worker: None,
                };
                Ok(Box::new(Pkcs11Token::open(name.clone(), settings)?))
            }
        }
    }
}

fn check_wanted(target: &mut dyn Target, wanted: Wanted<'_>) -> Result<(), TokenError> {
    let observation = target.observe()?;
    let identity = &observation.identity;
    let fits = match wanted {
        Wanted::Empty => !observation.initialised,
        Wanted::Labelled(label) | Wanted::Namesake(label) => {
            observation.initialised && identity.label.as_str() == label
        }
        Wanted::Token { serial, label } => {
            observation.initialised && identity.serial.as_str() == serial && identity.label.as_str() == label
        }
    };
    if fits {
        return Ok(());
    }
    let message = format!(
        "the token there is \"{}\" with serial {}{}",
        identity.label,
        identity.serial,
        if observation.initialised { "" } else { ", and empty" }
    );
    Err(TokenError::before("open", Cause::Unnamed, message, "find the token that the ledger knows"))
}

pub fn card(terminal: Terminal, place: &CardPlace) -> Result<Box<dyn Card>, Error> {
    match place {
        CardPlace::Soft(path) => Ok(Box::new(SoftCard::open(path)?)),
        CardPlace::Yubikey(serial) => Ok(Box::new(PivCard::open(*serial, attention(terminal))?)),
    }
}

/// What tells a person what a card waits for.
pub fn attention(terminal: Terminal) -> Arc<dyn Attention> {
    Arc::new(CardPrompts::new(terminal))
}

/// `TARGET:ROLE=FILE`, read. What was given is never repeated: somebody may have typed the PIN itself.
pub fn present_pins(specs: &[String]) -> Result<BTreeMap<(Name, Role), Pin>, Error> {
    const FORM: &str = "write TARGET:so-pin=FILE or TARGET:user-pin=FILE; the PIN is the file's first line";
    let mut pins = BTreeMap::new();
    for (place, spec) in (1..).zip(specs) {
        let bad = |what: &str, hint: String| {
            let which = if specs.len() > 1 { format!(" (number {place})") } else { String::new() };
            Error::usage(format!("--present-pin{which}: {what}"), hint)
        };
        let form = || bad("not of the form TARGET:ROLE=FILE", FORM.to_owned());
        let (what, file) = spec.split_once('=').ok_or_else(form)?;
        let (target, role) = what.split_once(':').ok_or_else(form)?;
        let known = [Role::SoPin, Role::UserPin];
        let role = known.into_iter().find(|known| known.to_string() == role).ok_or_else(|| {
            let hint = spelling::did_you_mean(role, ["so-pin", "user-pin"], FORM);
            bad("the role is neither so-pin nor user-pin", hint)
        })?;
        let target = Name::new(target).map_err(|_| {
            bad("the target is not a name: small letters, digits and hyphens", FORM.to_owned())
        })?;
        if pins.insert((target, role), handed::pin_from_file(Path::new(file))?).is_some() {
            return Err(bad("given twice", "give it once".to_owned()));
        }
    }
    Ok(pins)
}

/// `TARGET:ROLE=FILE` of credentials that are handed over when they are proposed: all bytes of the file.
pub fn handed_over(specs: &[String]) -> Result<HandedCredentials, Error> {
    let mut found = HandedCredentials::new();
    for spec in specs {
        let bad = || {
            let hint = "write TARGET:secret=FILE, or second-secret, third-secret, fourth-secret";
            Error::usage(format!("--hand-over {}", text::printable(spec)), hint)
        };
        let (what, file) = spec.split_once('=').ok_or_else(bad)?;
        let (target, role) = what.split_once(':').ok_or_else(bad)?;
        let known = [Role::Secret, Role::SecondSecret, Role::ThirdSecret, Role::FourthSecret];
        let role = known.into_iter().find(|known| known.to_string() == role).ok_or_else(bad)?;
        let target = Name::new(target).map_err(|_| bad())?;
        if found.insert((target, role), handed::secret_from_file(Path::new(file))?).is_some() {
            return Err(Error::usage(format!("{} is given twice", text::printable(what)), "give it once"));
        }
    }
    Ok(found)
}

/// A digest from paper, as an option gave it.
pub fn paper(option: &str, text: Option<&String>) -> Result<Option<Digest>, Error> {
    text.map(|t| {
        Digest::from_paper(t).map_err(|e| {
            let hint = match words::from_words(t) {
                Ok(bytes) if bytes.len() == 1 => "put the 32 words in quotes",
                _ => "copy it from the paper, in hex or in words",
            };
            Error::usage(format!("{option}: {e}"), hint)
        })
    })
    .transpose()
}

/// Reads a file that a person named, up to a limit.
pub fn read_file(path: &Path, limit: usize) -> Result<Vec<u8>, Error> {
    durable::read_limited(path, limit).map_err(|e| {
        Error::problem(
            format!("{}: {}", text::printable(&path.to_string_lossy()), durable::reason(&e)),
            "check the file's name and rights",
        )
        .coded(Code::File)
    })
}
