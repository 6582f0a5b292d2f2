//! Programs that a quorum runs: what is pinned of them, and what was seen of a run.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::target::Role;
use crate::encoding::{
    absolute_path::AbsolutePath,
    bounds,
    digest::Digest,
    output_path::OutputPath,
    text::{self, Line, Name},
};

/// The longest file that a program is given a copy of, or whose output is taken: 1 GiB.
pub const LONGEST_FILE: u64 = 1 << 30;

/// One run of a program, with everything pinned that can be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRun {
    pub program: AbsolutePath,
    /// Its SHA-256.
    pub sha256: Digest,
    /// Its arguments, in which `{input:NAME}`, `{output:NAME}` and `{file:ROLE}` stand for paths, and `{fd:ROLE}` for the
    /// number of a descriptor.
    #[serde(deserialize_with = "bounds::arguments")]
    pub arguments: Vec<String>,
    /// Its environment, besides HOME and TMPDIR, which are its working directory.
    #[serde(deserialize_with = "bounds::variables")]
    pub environment: BTreeMap<String, String>,
    /// What it is handed, in this order.
    #[serde(deserialize_with = "bounds::handed")]
    pub credentials: Vec<HandedCredential>,
    /// Files that it reads: copies of them.
    #[serde(deserialize_with = "bounds::files")]
    pub inputs: Vec<PinnedInput>,
    #[serde(deserialize_with = "bounds::files")]
    pub outputs: Vec<OutputFile>,
    /// It is killed after so many seconds.
    pub time_limit_seconds: u32,
}

/// A credential that a program is handed.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HandedCredential {
    pub role: Role,
    pub to: Handing,
    /// The prompt at which it is typed; none for the other ways.
    pub prompt: Option<Line>,
}

/// How a program is handed a credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Handing {
    /// On its standard input, followed by a line feed.
    Stdin,
    /// In a file that only a descriptor leads to, its bytes alone: `{fd:ROLE}` is its number, `{file:ROLE}` its path.
    Descriptor,
    /// Typed at a terminal, once, when its prompt was seen.
    Prompt,
}

/// A file that a program reads.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PinnedInput {
    /// What it is called in the working directory.
    pub name: Name,
    pub path: OutputPath,
    /// Its SHA-256.
    pub sha256: Digest,
}

/// A file that a program writes; `stdout` and `stderr` are what it prints.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputFile {
    /// What it is called in the working directory.
    pub name: Name,
    /// Where it goes; nothing may be there.
    pub path: OutputPath,
}

/// A program that looks whether a command was carried out. It is handed nothing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramCheck {
    pub program: AbsolutePath,
    /// Its SHA-256.
    pub sha256: Digest,
    #[serde(deserialize_with = "bounds::arguments")]
    pub arguments: Vec<String>,
    /// Its environment, besides HOME and TMPDIR.
    #[serde(deserialize_with = "bounds::variables")]
    pub environment: BTreeMap<String, String>,
    /// It is killed after so many seconds.
    pub time_limit_seconds: u32,
}

/// What was seen of programs in a ceremony.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProgramRecord {
    /// The run; none where nothing is known of one.
    pub run: Option<RunRecord>,
    /// The exit code of the check: 0 is done, 1 is not done; none where none was run, or it did not end by itself.
    pub check_exit_code: Option<u8>,
}

/// What was seen of a run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    pub exit_code: Option<u8>,
    pub signal: Option<u8>,
    pub stopped: Option<Stopped>,
    /// How many credentials it took: read from standard input, from their descriptors, or typed at their prompts.
    pub handed: u32,
    /// Processes that it left behind, killed.
    pub left_behind: u32,
    /// Whether it wrote a credential. Then nothing that it wrote is recorded or kept.
    pub credential_written: bool,
    /// What it printed on standard output, or at its terminal.
    pub stdout: Option<WrittenFile>,
    pub stderr: Option<WrittenFile>,
    /// The outputs that it wrote, in the order of the proposal.
    #[serde(deserialize_with = "bounds::files")]
    pub outputs: Vec<WrittenFile>,
}

/// Why a program was killed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stopped {
    TimeLimit,
    OutputLimit,
    /// It asked for a credential at a terminal that echoes.
    Echo,
    /// It asked once more, after it had all that it was to have.
    AskedAgain,
}

/// Something that a program wrote.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenFile {
    /// `stdout`, `stderr` or the output's name.
    pub name: Name,
    /// Length in bytes.
    pub length: u64,
    pub sha256: Digest,
}

impl RunRecord {
    /// Whether it ended by itself with code 0, was handed all of `run`'s credentials, wrote all of its outputs, and none of
    /// the credentials.
    pub fn is_success(&self, run: &ProgramRun) -> bool {
        let written = self.outputs.iter().map(|o| &o.name);
        self.exit_code == Some(0)
            && self.signal.is_none()
            && self.stopped.is_none()
            && !self.credential_written
            && usize::try_from(self.handed).is_ok_and(|handed| handed == run.credentials.len())
            && self.stdout.is_some()
            && self.stderr.is_some()
            && written.eq(run.outputs.iter().map(|o| &o.name))
    }

    pub fn describe(&self, run: &ProgramRun) -> String {
        let mut text = match (self.stopped, self.signal, self.exit_code) {
            (Some(Stopped::TimeLimit), ..) => {
                format!("it took longer than {} s and was killed", run.time_limit_seconds)
            }
            (Some(Stopped::OutputLimit), ..) => "it wrote too much and was killed".into(),
            (Some(Stopped::Echo), ..) => "its terminal would have shown the credential; it was killed".into(),
            (Some(Stopped::AskedAgain), ..) => {
                "it asked for a credential once more, took none, and was killed".into()
            }
            (None, Some(signal), _) => format!("signal {signal} ended it"),
            (None, None, Some(code)) => format!("exit code {code}"),
            (None, None, None) => "how it ended is not known".into(),
        };
        let wanted = run.credentials.len();
        if usize::try_from(self.handed).is_ok_and(|handed| handed < wanted) {
            text.push_str(&format!(", {} of {wanted} credentials taken", self.handed));
        }
        if self.credential_written {
            text.push_str(", IT WROTE A CREDENTIAL: what it wrote is not kept");
        } else if self.outputs.len() < run.outputs.len() {
            text.push_str(&format!(", {} of {} outputs written", self.outputs.len(), run.outputs.len()));
        }
        if self.left_behind > 0 {
            text.push_str(&format!(", {} processes that it left behind were killed", self.left_behind));
        }
        text
    }
}

/// Names that a dynamic loader or the C library obeys: with them another program would run than the pinned one.
fn is_reserved(name: &str) -> bool {
    name.starts_with("LD_") || matches!(name, "GLIBC_TUNABLES" | "GCONV_PATH" | "HOME" | "TMPDIR")
}

fn check_program(
    arguments: &[String],
    environment: &BTreeMap<String, String>,
    time_limit: u32,
) -> Result<(), String> {
    let longest = 4000;
    let texts = arguments.iter().chain(environment.values());
    if texts.clone().any(|text| !text::is_printable(text) || text.len() > longest) {
        return Err(format!("arguments and environment: printable text of at most {longest} bytes each"));
    }
    for name in environment.keys() {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if name.is_empty() || name.len() > 200 || !plain || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(format!("environment: {:?} is not the name of a variable", text::printable(name)));
        }
        if is_reserved(name) {
            return Err(format!(
                "environment: {name} cannot be set: it decides what runs, or is already set"
            ));
        }
    }
    if !(1..=86_400).contains(&time_limit) {
        return Err(format!("time_limit_seconds is {time_limit}: 1 to 86400 (a day) are possible"));
    }
    Ok(())
}

fn check_distinct<'a>(what: &str, names: impl Iterator<Item = &'a Name>) -> Result<(), String> {
    let mut seen = std::collections::BTreeSet::new();
    names
        .into_iter()
        .find(|name| !seen.insert(*name))
        .map_or(Ok(()), |twice| Err(format!("{what}: {twice} is named twice")))
}

impl ProgramRun {
    /// What is required of every run, in a plan or a proposal.
    pub fn check(&self) -> Result<(), String> {
        check_program(&self.arguments, &self.environment, self.time_limit_seconds)?;
        check_distinct("inputs", self.inputs.iter().map(|input| &input.name))?;
        check_distinct("outputs", self.outputs.iter().map(|output| &output.name))?;
        let paths: std::collections::BTreeSet<_> = self.outputs.iter().map(|o| &o.path).collect();
        if paths.len() != self.outputs.len() {
            return Err("outputs: two have the same path".into());
        }
        if self.inputs.iter().any(|input| is_stream(&input.name)) {
            return Err("inputs: stdout and stderr are outputs".into());
        }
        if self.credentials.is_empty() {
            return Err("credentials is empty: a program that needs none does not need a quorum".into());
        }
        let ways = |way| self.credentials.iter().any(|c| c.to == way);
        if ways(Handing::Stdin) && ways(Handing::Prompt) {
            return Err("credentials: standard input is either a pipe or a terminal".into());
        }
        for credential in &self.credentials {
            let blank = credential.prompt.as_ref().is_none_or(|p| p.as_str().trim().is_empty());
            match (credential.to, &credential.prompt) {
                (Handing::Prompt, _) if blank => {
                    return Err(format!(
                        "credentials: {}: give the prompt at which it is typed",
                        credential.role
                    ));
                }
                (Handing::Stdin | Handing::Descriptor, Some(_)) => {
                    return Err(format!(
                        "credentials: {}: 'prompt' goes with to = \"prompt\"",
                        credential.role
                    ));
                }
                _ => {}
            }
        }
        if ways(Handing::Prompt) && self.outputs.iter().any(|o| o.name.as_str() == "stderr") {
            return Err("outputs: at a terminal, stderr is part of stdout".into());
        }
        self.arguments.iter().try_for_each(|argument| self.substitute(argument, |_| String::new()).map(drop))
    }

    /// The roles whose credentials it is handed, each once.
    pub fn roles(&self) -> std::collections::BTreeSet<Role> {
        self.credentials.iter().map(|credential| credential.role).collect()
    }

    /// An argument with what its placeholders stand for.
    pub fn substitute(
        &self,
        argument: &str,
        place: impl Fn(Placeholder<'_>) -> String,
    ) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = argument;
        while let Some((before, after)) = rest.split_once('{') {
            text.push_str(before);
            let Some((inside, after_it)) = after.split_once('}') else {
                text.push('{');
                rest = after;
                continue;
            };
            let unknown = || format!("arguments: {{{}}} names nothing", text::printable(inside));
            let found = match inside.split_once(':') {
                Some(("input", name)) => {
                    let input = self.inputs.iter().find(|i| i.name.as_str() == name);
                    Placeholder::File(&input.ok_or_else(unknown)?.name)
                }
                Some(("output", name)) => {
                    let output = self.outputs.iter().find(|o| o.name.as_str() == name && !is_stream(&o.name));
                    Placeholder::File(&output.ok_or_else(unknown)?.name)
                }
                Some((kind @ ("fd" | "file"), role)) => {
                    let mut on = self.credentials.iter().filter(|c| c.to == Handing::Descriptor);
                    let place = on.position(|c| c.role.to_string() == role).ok_or_else(unknown)?;
                    if kind == "fd" {
                        Placeholder::Descriptor(place)
                    } else {
                        Placeholder::DescriptorFile(place)
                    }
                }
                _ => {
                    text.push('{');
                    rest = after;
                    continue;
                }
            };
            text.push_str(&place(found));
            rest = after_it;
        }
        text.push_str(rest);
        Ok(text)
    }
}

/// A placeholder in an argument.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Placeholder<'a> {
    /// A file in the working directory.
    File(&'a Name),
    /// The number of a credential's descriptor: its place among those that are handed on descriptors.
    Descriptor(usize),
    /// The path of that descriptor.
    DescriptorFile(usize),
}

/// Whether a name is that of what a program prints.
pub fn is_stream(name: &Name) -> bool {
    matches!(name.as_str(), "stdout" | "stderr")
}

impl ProgramCheck {
    /// What is required of every check, in a plan or a proposal.
    pub fn check(&self) -> Result<(), String> {
        check_program(&self.arguments, &self.environment, self.time_limit_seconds)
            .map_err(|message| format!("check: {message}"))
    }
}
