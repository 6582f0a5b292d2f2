//! Programs as targets, and as users of targets: pinned by digest, run from sealed memory in a room of their own.
//!
//! Three processes: the station ([`Runner`]), a supervisor that lets nothing of the program outlive the run, and a
//! launcher that becomes the program. No credential is in an argument or in the environment.

mod conversation;
mod image;
mod launcher;
mod leavings;
mod protocol;
mod room;
mod runner;
mod supervisor;
mod target;

use std::{collections::BTreeMap, io::Read, path::PathBuf, time::Duration};

pub use launcher::{LAUNCHER_VERB, launcher_main};
pub use supervisor::{SUPERVISOR_VERB, supervisor_main};
pub(crate) use target::ProgramTarget;

use conversation::{Answer, Conversation};
use protocol::Job;
use room::Room;
use runner::{Launch, NOT_STARTED, Ran};

use crate::{
    approval::authorization::Authorization,
    durable,
    encoding::{absolute_path::AbsolutePath, digest::Digest, text::Name},
    memory::Pin,
    ports::{
        cause::Cause,
        program::{Leavings, Programs},
        token::TokenError,
    },
    proposal::program::{Handing, Placeholder, ProgramCheck, ProgramRun, RunRecord, WrittenFile},
};

/// Runs programs under a directory of the station's state.
pub struct Runner {
    base: PathBuf,
}

impl Runner {
    /// Rooms are made in `base`, which only this user can look into.
    pub fn new(base: PathBuf) -> Self {
        Self { base }
    }
}

impl Programs for Runner {
    fn digest(&mut self, path: &AbsolutePath) -> Result<Digest, TokenError> {
        image::digest(path)
    }

    fn run(
        &mut self,
        authorization: Authorization,
        room: &str,
        run: &ProgramRun,
        secrets: &[Pin],
    ) -> Result<RunRecord, TokenError> {
        let refused = |message: String| TokenError::before("program", Cause::Unnamed, message, NOT_STARTED);
        run.check().map_err(refused)?;
        check_secrets(run, secrets).map_err(refused)?;
        let room = Room::at(&self.base, room);
        let image = image::seal(&run.program, run.sha256)?;
        room.make()?;
        run.inputs.iter().try_for_each(|input| room.bring(input))?;
        let launch = launch(run, secrets, image, &room)?;
        // The right to act ends here: from now on the program may run.
        drop(authorization);
        let ran = runner::run(launch)?;
        record(run, secrets, &room, &ran)
    }

    fn check(&mut self, room: &str, check: &ProgramCheck) -> Result<Option<u8>, TokenError> {
        let room = Room::at(&self.base, &format!("{room}-check"));
        let image = image::seal(&check.program, check.sha256)?;
        room.make()?;
        let job = job(&check.program, check.arguments.clone(), &check.environment, &room);
        let launch = Launch {
            image,
            job,
            input: Vec::new(),
            handed: Vec::new(),
            conversation: None,
            time_limit: Duration::from_secs(check.time_limit_seconds.into()),
        };
        let ran = runner::run(launch);
        room.clear()?;
        Ok(ran?.exit_code)
    }

    fn written(&mut self, room: &str, name: &Name) -> Result<Box<dyn Read>, TokenError> {
        let hint = "look into the station's state directory";
        match Room::at(&self.base, room).open(name) {
            Ok(Ok(file)) => Ok(Box::new(file)),
            Ok(Err(why)) => Err(TokenError::before(
                "program",
                Cause::Unnamed,
                format!("its output {name} is not taken: {why}"),
                hint,
            )),
            Err(e) => {
                Err(TokenError::before("program", Cause::Unnamed, format!("its output {name}: {e}"), hint))
            }
        }
    }

    fn leavings(&mut self, room: &str, run: &ProgramRun, secrets: &[Pin]) -> Result<Leavings, TokenError> {
        Room::at(&self.base, room).leavings(run, secrets).map_err(|e| {
            let message = format!("what it left cannot be looked through: {}", durable::reason(&e));
            TokenError::before("program", Cause::Unnamed, message, "look into the station's state directory")
        })
    }

    fn keep(&mut self, room: &str) -> Result<Option<String>, TokenError> {
        Room::at(&self.base, room).set_aside()
    }

    fn clear(&mut self, room: &str) -> Result<(), TokenError> {
        Room::at(&self.base, room).clear()
    }
}

/// What a way of handing over cannot carry is refused while nothing was started.
fn check_secrets(run: &ProgramRun, secrets: &[Pin]) -> Result<(), String> {
    if secrets.len() != run.credentials.len() {
        return Err("not every credential is at hand".into());
    }
    for (credential, secret) in run.credentials.iter().zip(secrets) {
        let line = !secret.expose().iter().any(u8::is_ascii_control);
        if credential.to != Handing::Descriptor && !line {
            return Err(format!(
                "the {} is not a line of text: hand it over by a descriptor",
                credential.role
            ));
        }
        if secret.expose().len() > 4000 {
            return Err(format!("the {} is too long", credential.role));
        }
    }
    Ok(())
}

fn job(
    program: &AbsolutePath,
    arguments: Vec<String>,
    environment: &BTreeMap<String, String>,
    room: &Room,
) -> Job {
    let own = ["HOME", "TMPDIR"].map(|name| (name.to_owned(), room.path()));
    Job {
        name: program.to_string(),
        arguments,
        environment: environment.clone().into_iter().chain(own).collect(),
        directory: room.path(),
        terminal: false,
        handed: 0,
    }
}

fn launch<'a>(
    run: &'a ProgramRun,
    secrets: &'a [Pin],
    image: std::os::fd::OwnedFd,
    room: &Room,
) -> Result<Launch<'a>, TokenError> {
    let failed = |message: String| TokenError::before("program", Cause::Unnamed, message, NOT_STARTED);
    let place = |placeholder: Placeholder<'_>| match placeholder {
        Placeholder::File(name) => room.place(name).to_string_lossy().into_owned(),
        Placeholder::Descriptor(number) => format!("\0{number}\0"),
        Placeholder::DescriptorFile(number) => format!("/dev/fd/\0{number}\0"),
    };
    let arguments = run.arguments.iter().map(|argument| run.substitute(argument, place));
    let arguments = arguments.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    let by = |way| run.credentials.iter().zip(secrets).filter(move |(c, _)| c.to == way);
    let handed = by(Handing::Descriptor).map(|(_, secret)| image::seal_secret(secret.expose()));
    let handed = handed.collect::<std::io::Result<Vec<_>>>().map_err(|e| failed(e.to_string()))?;
    let answers: Vec<Answer<'_>> = by(Handing::Prompt)
        .filter_map(|(c, secret)| c.prompt.as_ref().map(|prompt| Answer { prompt: prompt.as_str(), secret }))
        .collect();
    let mut job = job(&run.program, arguments, &run.environment, room);
    (job.handed, job.terminal) = (handed.len(), !answers.is_empty());
    Ok(Launch {
        image,
        job,
        input: by(Handing::Stdin).map(|(_, secret)| secret).collect(),
        handed,
        conversation: (!answers.is_empty()).then(|| Conversation::new(answers)),
        time_limit: Duration::from_secs(run.time_limit_seconds.into()),
    })
}

/// What is told of a run. Where a credential occurs in anything that was written, nothing of that is: even a digest could
/// be guessed against.
fn record(run: &ProgramRun, secrets: &[Pin], room: &Room, ran: &Ran) -> Result<RunRecord, TokenError> {
    let unclear = |e: std::io::Error| {
        let hint = "look at what the program was to change";
        TokenError::unclear(
            "program",
            Cause::Unnamed,
            format!("it ran, and what it wrote cannot be kept: {e}"),
            hint,
        )
    };
    let mut printed = Vec::new();
    for (name, bytes) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        let name = Name::new(name).map_err(|e| unclear(std::io::Error::other(e.to_string())))?;
        let found = room::measure(&name, bytes.as_slice(), secrets).map_err(unclear)?;
        printed.push((found, bytes));
    }
    let found = room.outputs(run, secrets).map_err(unclear)?;
    let credential_written =
        found.iter().chain(printed.iter().map(|(found, _)| found)).any(|found| found.has_credential);
    let mut record = RunRecord {
        exit_code: ran.exit_code,
        signal: ran.signal,
        stopped: ran.stopped,
        handed: u32::try_from(ran.taken).unwrap_or(u32::MAX),
        left_behind: ran.left_behind,
        credential_written,
        stdout: None,
        stderr: None,
        outputs: Vec::new(),
    };
    if credential_written {
        return Ok(record);
    }
    let mut written: Vec<WrittenFile> = found.into_iter().map(|found| found.file).collect();
    for (found, bytes) in printed {
        room.keep(&found.file.name, bytes).map_err(unclear)?;
        written.push(found.file.clone());
        let stream =
            if found.file.name.as_str() == "stdout" { &mut record.stdout } else { &mut record.stderr };
        *stream = Some(found.file);
    }
    let of = |name: &Name| written.iter().find(|file| file.name == *name).cloned();
    record.outputs = run.outputs.iter().filter_map(|output| of(&output.name)).collect();
    Ok(record)
}
