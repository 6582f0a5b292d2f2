//! The port [`Token`] for PKCS#11, in the parent process.

use std::time::Duration;

use super::{
    child::Worker,
    protocol::{Answer, Job, Message, Reply, Request, SecretRole},
    reported::{Depth, ListedSlot, ModuleReport, Which},
    settings::{Pkcs11Settings, Select},
};
use crate::{
    administration::admit,
    approval::authorization::{Authorization, PinAuthorization},
    encoding::text::Name,
    memory::{CredentialSecret, Pin},
    ports::{
        cause::Cause,
        token::{
            Attempt, BackupSink, BackupSource, Condition, Deletion, Effect, Export, Installation, PinChange,
            PinHolder, Progress, Reset, Restoration, Silent, Target, Token, TokenError,
        },
    },
    proposal::{
        capability::Lack,
        target::{Inventory, ObjectRecord, Observation, TokenIdentity},
    },
};

/// A token behind a PKCS#11 module. Each operation runs in a process of its own.
pub struct Pkcs11Token {
    name: Name,
    settings: Pkcs11Settings,
}

/// Every slot of the module that has a token.
pub fn list(settings: &Pkcs11Settings) -> Result<Vec<ListedSlot>, TokenError> {
    match converse(settings, Request::List, &[], &mut Listener::silent())? {
        Reply::Slots(slots) => Ok(slots),
        _ => Err(mismatch(Effect::None)),
    }
}

/// The module and its tokens as a person looks at them. The settings' choice of a token does not matter.
pub fn report(settings: &Pkcs11Settings, which: Which, depth: Depth) -> Result<ModuleReport, TokenError> {
    match converse(settings, Request::Report { which, depth }, &[], &mut Listener::silent())? {
        Reply::Report(report) => Ok(report),
        _ => Err(mismatch(Effect::None)),
    }
}

impl Pkcs11Token {
    /// Checks the settings; the module is loaded by the first operation.
    pub fn open(name: Name, settings: Pkcs11Settings) -> Result<Self, TokenError> {
        check(&settings)?;
        Ok(Self { name, settings })
    }

    /// How the token is selected now: after an installation or a reset, by its new serial and label.
    pub fn selected(&self) -> &Select {
        &self.settings.select
    }

    fn converse(
        &self,
        request: Request,
        secrets: &[(SecretRole, &[u8])],
        listener: &mut Listener<'_>,
    ) -> Result<Reply, TokenError> {
        converse(&self.settings, request, secrets, listener)
    }

    /// Remembers the token under the serial and label that it has now, and has another process look.
    fn settle(&mut self, reply: Reply) -> Result<(), TokenError> {
        let Reply::Token(TokenIdentity { serial, label, .. }) = reply else {
            return Err(mismatch(Effect::Unknown));
        };
        self.settings.select =
            Select::Serial { serial: serial.as_str().to_owned(), label: label.as_str().to_owned() };
        self.look_again()
    }

    /// A fresh process sees what is on the token, not what an old session remembers.
    fn look_again(&mut self) -> Result<(), TokenError> {
        self.observe().map(drop).map_err(|error| TokenError { effect: Effect::Unknown, ..error })
    }
}

impl Target for Pkcs11Token {
    fn observe(&mut self) -> Result<Observation, TokenError> {
        match self.converse(Request::Observe, &[], &mut Listener::silent())? {
            Reply::Observation(observation) => Ok(observation),
            _ => Err(mismatch(Effect::None)),
        }
    }

    fn lacks(&mut self) -> Result<Vec<Lack>, TokenError> {
        match self.converse(Request::Lacks, &[], &mut Listener::silent())? {
            Reply::Lacks(lacks) => Ok(lacks),
            _ => Err(mismatch(Effect::None)),
        }
    }
}

impl Token for Pkcs11Token {
    fn inventory(&mut self, user_pin: &Pin) -> Result<Inventory, TokenError> {
        let secrets = [(SecretRole::UserPin, user_pin.expose())];
        match self.converse(Request::Inventory, &secrets, &mut Listener::silent())? {
            Reply::Inventory(inventory) => Ok(inventory),
            _ => Err(mismatch(Effect::None)),
        }
    }

    fn install(
        &mut self,
        authorization: Authorization,
        installation: &Installation<'_>,
    ) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        let (label, present) = match installation.condition {
            Condition::Empty { label } => (Some(label.to_owned()), None),
            Condition::InUse { present_so_pin } => (None, present_so_pin),
        };
        let secrets = given(&[
            (SecretRole::PresentSoPin, present),
            (SecretRole::NewSoPin, installation.new_so_pin),
            (SecretRole::NewUserPin, installation.new_user_pin),
        ]);
        let request = Request::Install { run: installation.run, label };
        let reply = self.converse(request, &secrets, &mut Listener::silent())?;
        self.settle(reply)
    }

    fn change_pins(
        &mut self,
        authorization: &PinAuthorization,
        change: &PinChange<'_>,
    ) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        let (by, secrets) = match *change {
            PinChange::ByUser { present, new } => (
                PinHolder::User,
                given(&[(SecretRole::UserPin, Some(present)), (SecretRole::NewUserPin, Some(new))]),
            ),
            PinChange::ByOfficer { present, new, user_pin } => (
                PinHolder::SecurityOfficer,
                given(&[
                    (SecretRole::PresentSoPin, Some(present)),
                    (SecretRole::NewSoPin, new),
                    (SecretRole::NewUserPin, Some(user_pin)),
                ]),
            ),
        };
        match self.converse(Request::ChangePins { by }, &secrets, &mut Listener::silent())? {
            Reply::Pin => Ok(()),
            _ => Err(mismatch(Effect::Unknown)),
        }
    }

    fn prove_pin(&mut self, holder: PinHolder, pin: &Pin) -> Result<(), TokenError> {
        let role = match holder {
            PinHolder::SecurityOfficer => SecretRole::PresentSoPin,
            PinHolder::User => SecretRole::UserPin,
        };
        let request = Request::ProvePin { holder };
        match self.converse(request, &[(role, pin.expose())], &mut Listener::silent())? {
            Reply::Pin => Ok(()),
            _ => Err(mismatch(Effect::None)),
        }
    }

    fn delete(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        objects: &[ObjectRecord],
        run: Attempt,
        progress: &mut dyn Progress,
    ) -> Result<Deletion, TokenError> {
        admit(authorization.target(), &self.name)?;
        let secrets = [(SecretRole::UserPin, user_pin.expose())];
        let request = Request::Delete { run, objects: objects.to_vec() };
        match self.converse(request, &secrets, &mut Listener::new(progress))? {
            Reply::Deletion(deletion) => self.look_again().map(|()| deletion),
            _ => Err(mismatch(Effect::Unknown)),
        }
    }

    fn reset(&mut self, authorization: Authorization, reset: &Reset<'_>) -> Result<(), TokenError> {
        admit(authorization.target(), &self.name)?;
        let secrets = given(&[
            (SecretRole::PresentSoPin, Some(reset.so_pin)),
            (SecretRole::NewSoPin, Some(reset.new_so_pin)),
            (SecretRole::NewUserPin, Some(reset.new_user_pin)),
        ]);
        let request = Request::Reset { run: reset.run, new_label: reset.new_label.to_owned() };
        let reply = self.converse(request, &secrets, &mut Listener::silent())?;
        self.settle(reply)
    }

    fn backup(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        sink: &mut dyn BackupSink,
        progress: &mut dyn Progress,
    ) -> Result<Export, TokenError> {
        admit(authorization.target(), &self.name)?;
        let secrets =
            [(SecretRole::UserPin, user_pin.expose()), (SecretRole::BackupKey, backup_key.expose())];
        let mut listener = Listener { sink: Some(sink), ..Listener::new(progress) };
        match self.converse(Request::Backup, &secrets, &mut listener)? {
            Reply::Exported(export) => Ok(export),
            _ => Err(mismatch(Effect::None)),
        }
    }

    fn restore(
        &mut self,
        authorization: Authorization,
        user_pin: &Pin,
        backup_key: &CredentialSecret,
        source: &mut dyn BackupSource,
        progress: &mut dyn Progress,
    ) -> Result<Restoration, TokenError> {
        admit(authorization.target(), &self.name)?;
        let secrets =
            [(SecretRole::UserPin, user_pin.expose()), (SecretRole::BackupKey, backup_key.expose())];
        let request = Request::Restore { total: source.count() };
        let mut listener = Listener { source: Some(source), ..Listener::new(progress) };
        match self.converse(request, &secrets, &mut listener)? {
            Reply::Restored(restoration) => self.look_again().map(|()| restoration),
            _ => Err(mismatch(Effect::Unknown)),
        }
    }
}

/// Takes what a worker says before its result.
struct Listener<'a> {
    progress: Option<&'a mut dyn Progress>,
    sink: Option<&'a mut dyn BackupSink>,
    source: Option<&'a mut dyn BackupSource>,
}

impl<'a> Listener<'a> {
    fn new(progress: &'a mut dyn Progress) -> Self {
        Self { progress: Some(progress), sink: None, source: None }
    }

    fn silent() -> Self {
        Self { progress: None, sink: None, source: None }
    }
}

impl Listener<'_> {
    /// The answer to a message that waits for one.
    fn answer(&mut self, message: Message) -> Result<Answer, TokenError> {
        let failed = |e: std::io::Error| {
            TokenError::before(
                "backup",
                Cause::Unnamed,
                format!("the backup's file: {e}"),
                "see to the file or its medium",
            )
        };
        match (message, &mut self.sink, &mut self.source) {
            (Message::Entry(entry), Some(sink), _) => {
                sink.entry(entry).map_err(failed)?;
                Ok(Answer::Taken)
            }
            (Message::WantEntry, _, Some(source)) => {
                source.entry().map(|e| Answer::Entry(e.map(Box::new))).map_err(failed)
            }
            _ => Err(mismatch(Effect::Unknown)),
        }
    }
}

fn check(settings: &Pkcs11Settings) -> Result<(), TokenError> {
    if settings.time_limit.is_zero() {
        let hint = "give the module some seconds for each call";
        return Err(TokenError::before("open", Cause::Unnamed, "a time limit of zero", hint));
    }
    Ok(())
}

fn given<'a>(pins: &[(SecretRole, Option<&'a Pin>)]) -> Vec<(SecretRole, &'a [u8])> {
    pins.iter().filter_map(|(role, pin)| pin.map(|pin| (*role, pin.expose()))).collect()
}

/// Milliseconds to wait before a look that found no token is repeated. Modules that keep tokens in files (SoftHSM rewrites them at
/// each login) show none for moments while another application works with them.
const PAUSES: [u64; 6] = [50, 100, 150, 250, 350, 500];

/// What may be otherwise at the next look.
const PASSING: &[Cause] =
    &[Cause::TokenAbsent, Cause::TokenNotRecognized, Cause::TokenNotPresent, Cause::GeneralError];

/// From start to result: one worker, and others after it only where the first did nothing but look and saw no token.
fn converse(
    settings: &Pkcs11Settings,
    request: Request,
    secrets: &[(SecretRole, &[u8])],
    listener: &mut Listener<'_>,
) -> Result<Reply, TokenError> {
    check(settings)?;
    let job = Job {
        module: settings.module.clone(),
        module_sha256: settings.module_sha256,
        select: settings.select.clone(),
        request,
        secrets: secrets.iter().map(|(role, _)| *role).collect(),
    };
    let is_waited_for = !matches!(settings.select, Select::Namesake { .. })
        && !settings.waited.in_vain(settings.module.as_ref(), &settings.select);
    let mut pauses = if is_waited_for { PAUSES.iter() } else { [].iter() };
    loop {
        let mut worker = Worker::start(settings, &job, secrets)?;
        let ended = talk(&mut worker, settings, listener);
        let passing = match &ended {
            Ok(reply) => reply.shows_no_token(),
            Err(error) => worker.has_only_looked() && PASSING.contains(&error.cause),
        };
        drop(worker);
        match pauses.next() {
            Some(pause) if passing => std::thread::sleep(Duration::from_millis(*pause)),
            _ => {
                settings.waited.note(settings.module.as_ref(), &settings.select, passing);
                return ended;
            }
        }
    }
}

fn talk(
    worker: &mut Worker,
    settings: &Pkcs11Settings,
    listener: &mut Listener<'_>,
) -> Result<Reply, TokenError> {
    loop {
        match worker.next()? {
            Message::Progress { what, done, total } => match &mut listener.progress {
                Some(progress) => progress.step(&crate::encoding::text::printable(&what), done, total),
                None => Silent.step(&what, done, total),
            },
            Message::Spent { micros, calls } => settings.meter.add(micros, calls),
            Message::Done(reply) => return Ok(reply),
            message => {
                let answer =
                    listener.answer(message).map_err(|e| TokenError { effect: worker.effect(), ..e })?;
                worker.answer(&answer)?;
            }
        }
    }
}

fn mismatch(effect: Effect) -> TokenError {
    TokenError {
        effect,
        ..TokenError::before(
            "worker",
            Cause::Unnamed,
            "the module's process answered something that was not asked",
            "the module may have overwritten its process: observe the token, and ask the vendor",
        )
    }
}
