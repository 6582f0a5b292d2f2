//! The parent's side of a worker: start it, listen with a time limit, reap it, say how it ended.

use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream, process::ExitStatusExt},
    },
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use super::{
    protocol::{self, Answer, Job, Message, SecretRole},
    settings::{self, Pkcs11Settings},
};
use crate::{
    encoding::text::Line,
    ports::{
        cause::Cause,
        token::{Effect, TokenError},
    },
};

/// How long a worker may take to end after its result, or after its end of the line has closed.
const GRACE: Duration = Duration::from_secs(3);

/// Calls that write PINs or the token itself: they are given twice the time, because to be killed in
/// one of them can cost the token (SoftHSM rewrites its file at every login).
const DELICATE: &[&str] = &["C_Login", "C_InitToken", "C_InitPIN", "C_SetPIN"];

/// A worker at work. On drop it is given time to end, and then killed: a module that hangs in C_Finalize does no harm any more.
pub(super) struct Worker {
    child: Child,
    stream: Option<UnixStream>,
    time_limit: Duration,
    function: String,
    changing: bool,
    only_looked: bool,
}

impl Worker {
    /// Starts the program with nothing but the allowed environment, and hands it the job and its secrets.
    pub(super) fn start(
        settings: &Pkcs11Settings,
        job: &Job,
        secrets: &[(SecretRole, &[u8])],
    ) -> Result<Self, TokenError> {
        let failed = |e: io::Error| {
            TokenError::before(
                "worker",
                Cause::Unnamed,
                format!("the process that loads the module cannot be started: {e}"),
                "check that the program quorate may be executed and that processes are not limited",
            )
        };
        let (ours, theirs) = UnixStream::pair().map_err(failed)?;
        let child = spawn(settings, theirs).map_err(failed)?;
        let mut worker = Self {
            child,
            stream: Some(ours),
            time_limit: settings.time_limit,
            function: "start".to_owned(),
            changing: false,
            only_looked: true,
        };
        worker.hand_over(job, secrets)?;
        Ok(worker)
    }

    fn hand_over(&mut self, job: &Job, secrets: &[(SecretRole, &[u8])]) -> Result<(), TokenError> {
        let limit = self.time_limit;
        let sent = self.with_stream(|stream| {
            stream.set_write_timeout(Some(limit.max(Duration::from_millis(1))))?;
            protocol::write_json(stream, job)?;
            secrets.iter().try_for_each(|(_, secret)| protocol::write_frame(stream, secret))
        });
        sent.map_err(|_| self.ended())
    }

    /// The next message that is not about the call in progress.
    pub(super) fn next(&mut self) -> Result<Message, TokenError> {
        loop {
            match self.read() {
                Ok(Some(Message::Calling(function))) => {
                    self.function = Line::lossy(&function).as_str().to_owned();
                    self.only_looked &= !DELICATE.contains(&self.function.as_str());
                }
                Ok(Some(Message::Changing)) => {
                    self.changing = true;
                    self.only_looked = false;
                }
                Ok(Some(Message::Failed(error))) => return Err(cleaned(error)),
                Ok(Some(message)) => return Ok(message),
                Ok(None) => return Err(self.ended()),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {
                    return Err(self.hung());
                }
                Err(e) if e.kind() == io::ErrorKind::ConnectionReset => return Err(self.ended()),
                Err(e) => return Err(self.babbled(&e)),
            }
        }
    }

    /// Answers a message that waits for it.
    pub(super) fn answer(&mut self, answer: &Answer) -> Result<(), TokenError> {
        self.with_stream(|stream| protocol::write_json(stream, answer)).map_err(|_| self.ended())
    }

    /// What an end here and now leaves open.
    pub(super) fn effect(&self) -> Effect {
        if self.changing { Effect::Unknown } else { Effect::None }
    }

    /// Whether so far no PIN was presented and no changing call was announced: another worker may do the same again.
    pub(super) fn has_only_looked(&self) -> bool {
        self.only_looked
    }

    fn with_stream<T>(&mut self, act: impl FnOnce(&mut UnixStream) -> io::Result<T>) -> io::Result<T> {
        match &mut self.stream {
            Some(stream) => act(stream),
            None => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn read(&mut self) -> io::Result<Option<Message>> {
        let deadline = Instant::now() + self.patience();
        self.with_stream(|stream| protocol::read_json(&mut Timed { stream, deadline }))
    }

    fn patience(&self) -> Duration {
        if DELICATE.contains(&self.function.as_str()) { self.time_limit * 2 } else { self.time_limit }
    }

    /// The worker ended, or closed its line, without a result.
    fn ended(&mut self) -> TokenError {
        let during = format!("during {}", self.function);
        let message = match self.reap(GRACE) {
            Some(status) => match (status.signal(), status.code()) {
                (Some(signal), _) => format!("the module crashed (signal {signal}) {during}"),
                (None, Some(0)) => format!("the module ended its process as if nothing was wrong {during}"),
                (None, code) => {
                    format!("the module's process ended with exit code {} {during}", code.unwrap_or(-1))
                }
            },
            None => format!("the module's process fell silent {during} and was killed"),
        };
        self.error(message)
    }

    fn hung(&mut self) -> TokenError {
        let waited = self.patience();
        let message = format!(
            "no answer for {} s during {}: the module hangs; it was killed",
            waited.as_secs_f64().round(),
            self.function
        );
        self.reap(Duration::ZERO);
        self.error(message)
    }

    fn babbled(&mut self, error: &io::Error) -> TokenError {
        self.reap(Duration::ZERO);
        self.error(format!(
            "the module's process sent what nobody can read ({}) during {}",
            Line::lossy(&error.to_string()),
            self.function
        ))
    }

    fn error(&self, message: String) -> TokenError {
        let hint = match (self.changing, self.function.as_str()) {
            (true, _) => "look at the token with 'quorate token show'",
            (false, "C_Login") => {
                "some modules rewrite the token at a login: look at it with 'quorate token show' first"
            }
            (false, _) => "look at the module's configuration and its own log",
        };
        TokenError {
            effect: self.effect(),
            function: self.function.clone(),
            cause: Cause::Unnamed,
            message,
            hint: hint.to_owned(),
        }
    }

    /// Closes the line and waits; kills after `grace`. None where it had to be killed.
    fn reap(&mut self, grace: Duration) -> Option<ExitStatus> {
        self.stream = None;
        let deadline = Instant::now() + grace;
        let mut pause = Duration::from_micros(200);
        loop {
            match self.child.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if Instant::now() < deadline => std::thread::sleep(pause),
                _ => break,
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // With the line closed it ends by itself, and C_Finalize with it.
        self.reap(GRACE);
    }
}

/// A stream that is read until a deadline, however small the pieces in which it comes.
struct Timed<'a> {
    stream: &'a mut UnixStream,
    deadline: Instant,
}

impl io::Read for Timed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        self.stream.read(buffer)
    }
}

fn spawn(settings: &Pkcs11Settings, line: UnixStream) -> io::Result<Child> {
    // Through /proc even a program whose file was replaced meanwhile starts itself.
    let program = settings.worker.as_deref().unwrap_or(Path::new("/proc/self/exe"));
    let inherited = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(settings::is_allowed));
    Command::new(program)
        .arg(super::WORKER_VERB)
        .env_clear()
        .envs(inherited)
        .envs(settings.environment.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(OwnedFd::from(line)))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
}

/// An error as it came out of a process that runs foreign code.
fn cleaned(error: TokenError) -> TokenError {
    use crate::encoding::text::printable;
    TokenError {
        effect: error.effect,
        function: printable(&error.function),
        cause: Cause::from(printable(error.cause.name())),
        message: printable(&error.message),
        hint: printable(&error.hint),
    }
}
