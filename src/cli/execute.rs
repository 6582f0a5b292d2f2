//! `quorate execute`.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::{
    account,
    args::{Execute, Global},
    done::Done,
    invocation::Invocation,
    keeper,
    spent::{Spent, Watch},
    stage::{Lead, Stage},
    terminal::Terminal,
    unlocking::PresentedCard,
    wiring,
};
use crate::{
    account::outcome::{Executed, FileAndReason},
    ceremony::{
        Code, Error, Persistence, Report, SetAside, clearing,
        execute::{self, Approvals, ExecuteRequest},
        keyring::Scope,
        medium, recognition,
    },
    encoding::{
        digest::Digest,
        text::{self, Name},
    },
    memory::Pin,
    proposal::target::Role,
    storage::FileInbox,
    transcript::{
        ledger::{Ceremony, LedgerState},
        outcome::Outcome,
    },
};

pub fn run(args: &Execute, global: &Global, terminal: Terminal) -> Result<Done, Error> {
    let reviewed = wiring::paper("--proposal", args.proposal.proposal.as_ref())?;
    let mut card = PresentedCard::once(terminal, &args.card)?;
    let mut keeper = keeper::given(terminal, &args.keeper, args.card.pin.final_try())?;
    let present = wiring::present_pins(&args.present)?;
    let mut stage = Stage::open(terminal, Lead::Verb, global, &args.ledger, &args.copies.copies)?;
    let persistence = match (args.give_up, args.keep_room) {
        (false, _) => Persistence::GoOn,
        (true, false) => Persistence::GiveUp,
        (true, true) => Persistence::GiveUpAndKeep,
    };
    let next = Invocation::at(global, &args.ledger, &args.copies.copies)
        .requiring_copies(&stage.state()?)
        .by(Some(&args.card.card));
    let keeper = keeper.as_mut();
    let execution = Execution { reviewed, files: &args.files, keeper, present, persistence };
    let ended = stage.execute(&mut card, execution);
    let (report, spent) = ended.map_err(|error| {
        let files = args.files.iter().filter(|file| !is_at_fault(file, &error)).cloned().collect::<Vec<_>>();
        next.clone().bringing(&files).explain(error)
    })?;
    let number = report.number;
    let executed = executed(report, spent);
    tell(terminal, number, &executed, &next);
    tell_next(terminal, executed.outcome, &next);
    Ok(Done::new(stage.ended(executed.outcome.into()), executed))
}

/// Whether it is the file that cannot be an approval, which is not to be given again.
fn is_at_fault(file: &Path, error: &Error) -> bool {
    let shown = text::printable(&file.to_string_lossy());
    error.code == Code::File && error.message.starts_with(&format!("{shown}: "))
}

/// What an administrator brings to an execution besides their card.
pub struct Execution<'a> {
    /// The proposal that was reviewed, if one was named.
    pub reviewed: Option<Digest>,
    /// Approval files.
    pub files: &'a [PathBuf],
    /// The card of another administrator.
    pub keeper: Option<&'a mut PresentedCard>,
    /// PINs that the quorum does not have.
    pub present: BTreeMap<(Name, Role), Pin>,
    /// What to do with an intent that cannot be brought to its end.
    pub persistence: Persistence,
}

impl Stage {
    /// Executes the open ceremony, or goes on with one that was cut off.
    pub fn execute(
        &mut self,
        card: &mut PresentedCard,
        execution: Execution<'_>,
    ) -> Result<(Report, Spent), Error> {
        let terminal = self.terminal;
        let Execution { reviewed, files, keeper, mut present, persistence } = execution;
        let state = self.state_of_last()?;
        terminal.findings(&state.unread());
        self.wiring.world().sweep(&state)?;
        let ceremony = execute::open_ceremony(&state, "execute")?;
        execute::check_proposal(ceremony, reviewed)?;
        execute::check_given(&state, present.keys())?;
        let description = card.describe(&recognition::enrolled(&state))?;
        recognition::administrator(&ceremony.roster, &description, "execute")?;
        let mut inbox = FileInbox::new(files.iter().cloned());
        if ceremony.intended.is_none() {
            clearing::check(ceremony, &mut inbox)?;
        }
        let scope =
            execute::foresee(&mut self.wiring.world(), &state, ceremony, &mut inbox, Approvals::Complete)?;
        if scope == Scope::Releases {
            keeper::check_given(terminal, ceremony.roster.policy(), keeper.as_deref())?;
        }
        if self.lead == Lead::Verb {
            self.tell_ahead(&state, &mut inbox)?;
        }
        self.ask_clock(&state)?;
        if ceremony.concluded.is_none() {
            self.ask_media(&state, ceremony)?;
        }
        if self.lead == Lead::Verb {
            let (number, kind) = (ceremony.number(), ceremony.kind());
            terminal.tell(&format!("Ceremony {number} ({kind}): {}", ceremony.proposal.title));
            terminal.confirm("Execute it now?")?;
        }
        ask_present(terminal, &state, &mut present)?;
        let keyring = self.keyring(ceremony, scope, card, keeper)?;
        let request = ExecuteRequest { keyring, inbox: &mut inbox, present, persistence };
        let watch = Watch::start(self.wiring.meter());
        let executed = execute::execute(&mut self.wiring.world(), request);
        let spent = watch.stop();
        spent.tell(terminal);
        Ok((executed?, spent))
    }
}

impl Stage {
    /// Asks where a file would go to another medium than when it was proposed. `--yes` is not an answer: a script would be as blind.
    fn ask_media(&mut self, state: &LedgerState, open: &Ceremony) -> Result<(), Error> {
        self.remark_on_media(&open.proposal.operation)?;
        let Err(error) = medium::check_mounted(&mut self.wiring.world(), state.nonce, open) else {
            return Ok(());
        };
        if self.terminal.asks_nobody() {
            return Err(error);
        }
        self.terminal.notice(&format!("warning: {error}."));
        self.terminal.ask_person("Write it there all the same?")
    }
}

/// Asks for the PINs that the quorum does not have and that were not given.
fn ask_present(
    terminal: Terminal,
    state: &LedgerState,
    present: &mut BTreeMap<(Name, Role), Pin>,
) -> Result<(), Error> {
    for (target, role, why) in execute::present_pins_needed(state) {
        let key = (target.clone(), role);
        if !present.contains_key(&key) && terminal.is_interactive() {
            terminal.tell(&format!("{target}, {role}: {why}"));
            present.insert(key, terminal.pin(&format!("{role} of {target}"))?);
        }
    }
    Ok(())
}

pub fn tell(terminal: Terminal, number: u32, executed: &Executed, next: &Invocation) {
    tell_left(terminal, &executed.left);
    account::tell(terminal, next, &executed.passages(number));
}

/// Names what should have been destroyed, on standard error in any case.
pub fn tell_left(terminal: Terminal, left: &[FileAndReason]) {
    for left in left {
        terminal.notice(&format!(
            "warning: {} could not be destroyed: {}. The ceremony is closed all the same: destroy it by hand.",
            left.file, left.reason
        ));
    }
}

pub fn tell_next(terminal: Terminal, outcome: Outcome, next: &Invocation) {
    match outcome {
        Outcome::Completed => next.tell(
            terminal,
            &"Next: each who was there and has not attested runs 'quorate attest'; then \
              'quorate audit --genesis HEX-OR-WORDS --head HEX-OR-WORDS', both from paper."
                .into(),
        ),
        _ => next.tell(
            terminal,
            &"Next: look at the target, then propose again. 'quorate status' says what comes next.".into(),
        ),
    }
}

pub fn executed(report: Report, spent: Spent) -> Executed {
    let concluded = report.concluded;
    Executed {
        ceremony: report.directory,
        outcome: report.outcome,
        summary: concluded.summary,
        head: report.head,
        head_words: report.head.words().join(" "),
        deleted: concluded.deleted,
        restored: concluded.restored,
        left_out: concluded.left_out,
        unkept: concluded.unkept,
        targets: concluded.targets,
        backup: concluded.backup,
        program: concluded.program,
        pins: concluded.pins,
        handovers: concluded.handovers,
        noticed: report.noticed,
        said: report.said,
        kept: report.kept,
        set_aside: report.set_aside.into_iter().map(SetAside::told).collect(),
        destroyed: report.destroyed,
        left: report.left,
        time: spent.time(),
    }
}
