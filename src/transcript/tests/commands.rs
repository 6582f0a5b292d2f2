//! Commands: a station that runs another program than the target's, or claims an end that neither the run nor its check shows.

use std::sync::OnceLock;

use crate::{
    encoding::{digest::Digest, text::Line},
    proposal::{
        document::Proposal,
        joining::{CredentialRule, GenesisTarget, StartKind},
        operations::{CommandOperation, GenesisOperation, Operation, UseOperation},
        place::Place,
        program::{
            HandedCredential, Handing, OutputFile, ProgramCheck, ProgramRecord, ProgramRun, RunRecord,
        },
        target::{Custody, Inventory, Role, TokenIdentity},
    },
    roster::{OperationKind, OperationRule},
    transcript::{
        event::{Closed, Concluded, Intended, ObservedTarget, TargetState},
        outcome::Outcome,
        verification,
    },
};

use super::{
    forge::{
        ALL, Forge, TWO, concluded, credential, identity, intended, name, proposed, reading, refit, text,
    },
    forged, honest,
    programs::good,
};

const TARGET: &str = "[[targets]]\nname = \"signer\"\nkind = \"command\"\nprogram = \"/usr/bin/signer\"\n\
    sha256 = \"2222222222222222222222222222222222222222222222222222222222222222\"\n[targets.credentials]\n\
    secret = { authority = \"crypto-officer\", custody = \"held\" }\n";

const PLAN: &str = "kind = \"command\"\ntitle = \"Sign\"\nexpires_in_hours = 1\ntarget = \"signer\"\narguments = [\"--all\"]\n\
    time_limit_seconds = 60\n[[credentials]]\nrole = \"secret\"\nto = \"stdin\"\n";

const OUTPUT: &str = "[[outputs]]\nname = \"signature\"\npath = \"/srv/signature\"\n";

const CHECK: &str = "[check]\nprogram = \"/usr/bin/looker\"\n\
    sha256 = \"3333333333333333333333333333333333333333333333333333333333333333\"\narguments = []\nenvironment = {}\n\
    time_limit_seconds = 60\n";

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

/// A program as a target shows itself.
fn signer() -> TokenIdentity {
    let (manufacturer, model, serial) = (text(""), text("command"), text(""));
    TokenIdentity { manufacturer, model, serial, label: text("signer"), module_sha256: Some(digest(0x22)) }
}

fn with_signer(mut intent: Intended, mut told: Concluded) -> (Intended, Concluded) {
    intent.targets.push(ObservedTarget { name: name("signer"), identity: signer() });
    let inventory = Inventory { identity: signer(), objects: Vec::new() };
    told.targets.push(TargetState { name: name("signer"), inventory: Some(inventory) });
    (intent, told)
}

/// A ledger whose genesis made the token and a program its targets; made once, since sealing is random.
fn founded() -> Forge {
    static MADE: OnceLock<Forge> = OnceLock::new();
    let made = MADE.get_or_init(|| {
        let mut forge = Forge::new();
        forge.files.clear();
        let mut proposal = forge.genesis();
        proposal.plan =
            proposal.plan.replace("[operations]\n", "[operations]\ncommand = [\"crypto-officer\"]\n")
                + TARGET;
        let document = proposal.new_roster.as_mut().unwrap();
        let rule = OperationRule::of(vec![name("crypto-officer")]);
        document.operations.insert(OperationKind::Command, rule);
        proposal.roster = refit(document);
        let rule = CredentialRule {
            role: Role::Secret,
            authority: name("crypto-officer"),
            custody: Custody::Held,
            recipient: None,
            pin_length: None,
        };
        let target = GenesisTarget {
            name: name("signer"),
            place: Place::Command { program: "/usr/bin/signer".parse().unwrap() },
            start: StartKind::TakeOver,
            identity: signer(),
            label: text("signer"),
            credentials: vec![rule],
        };
        if let Operation::Genesis(GenesisOperation { targets }) = &mut proposal.operation {
            targets.push(target);
        }
        let mut secret = credential(Role::Secret, "crypto-officer", 1);
        secret.target = name("signer");
        proposal.credentials.push(secret);
        let mut lines = forge.begin(&proposal);
        forge.approve(&mut lines, &proposal, &ALL);
        let (intent, told) =
            with_signer(intended(&ALL), concluded(Outcome::Completed, &[], &forge.objects()));
        lines.add(intent).add(told).add(Closed { releases_destroyed: 4 });
        forge.push(&proposal, &lines);
        forge
    });
    made.clone()
}

fn run() -> ProgramRun {
    ProgramRun {
        program: "/usr/bin/signer".parse().unwrap(),
        sha256: digest(0x22),
        arguments: vec!["--all".into()],
        environment: [].into(),
        credentials: vec![HandedCredential { role: Role::Secret, to: Handing::Stdin, prompt: None }],
        inputs: Vec::new(),
        outputs: Vec::new(),
        time_limit_seconds: 60,
    }
}

fn writing() -> ProgramRun {
    let output = OutputFile { name: name("signature"), path: "/srv/signature".parse().unwrap() };
    ProgramRun { outputs: vec![output], ..run() }
}

fn check() -> ProgramCheck {
    ProgramCheck {
        program: "/usr/bin/looker".parse().unwrap(),
        sha256: digest(0x33),
        arguments: Vec::new(),
        environment: [].into(),
        time_limit_seconds: 60,
    }
}

fn command(run: ProgramRun, check: Option<ProgramCheck>) -> CommandOperation {
    CommandOperation { target: name("signer"), identity: signer(), run, check, repeatable: false }
}

/// A proposal as its plan says.
fn proposal(forge: &Forge, plan: &str, operation: CommandOperation) -> Proposal {
    forge.other("Sign", plan, Operation::Command(operation))
}

fn only_proposed(plan: &str, operation: CommandOperation) -> Forge {
    let forge = founded();
    let proposal = proposal(&forge, plan, operation);
    proposed(forge, &proposal)
}

/// A command to its end, of which this was seen.
fn told(
    plan: &str,
    operation: CommandOperation,
    outcome: Outcome,
    seen: Option<RunRecord>,
    checked: Option<u8>,
) -> Forge {
    let mut forge = founded();
    let proposal = proposal(&forge, plan, operation);
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let (mut intent, mut told) = (intended(&TWO), concluded(outcome, &[], &[]));
    intent.targets.clear();
    told.targets.clear();
    let (intent, told) = with_signer(intent, told);
    let program = Some(ProgramRecord { run: seen, check_exit_code: checked });
    lines.add(intent).add(Concluded { program, ..told }).add(Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    forge
}

fn succeeded() -> RunRecord {
    RunRecord { outputs: Vec::new(), ..good() }
}

fn refused_by_it() -> RunRecord {
    RunRecord { exit_code: Some(1), ..succeeded() }
}

/// What a program printed with its credential in it is not kept.
fn leaked() -> RunRecord {
    RunRecord { credential_written: true, stdout: None, stderr: None, ..succeeded() }
}

#[test]
fn a_program_is_a_target_and_is_handed_its_own_credential() {
    let state = honest(&founded());
    let target = &state.targets[&name("signer")];
    assert_eq!(target.credentials[&Role::Secret][0].sealed.version, 1);
    honest(&told(PLAN, command(run(), None), Outcome::Completed, Some(succeeded()), None));
    let plan = format!("{PLAN}{OUTPUT}{CHECK}");
    honest(&told(&plan, command(writing(), Some(check())), Outcome::Completed, Some(good()), Some(0)));
}

#[test]
fn a_program_that_wrote_its_credential_is_told() {
    let warnings = |seen: RunRecord| -> Vec<String> {
        let state = told(PLAN, command(run(), None), Outcome::Indeterminate, Some(seen), None).state();
        let found = verification::remarks(&state, reading()).into_iter();
        found.filter(|f| f.code == "credential-written").map(|f| f.message).collect()
    };
    assert_eq!(warnings(succeeded()), Vec::<String>::new());
    assert_eq!(
        warnings(leaked()),
        ["a program wrote a credential that it was handed; what it wrote was not kept"]
    );
}

/// The check says what became of it, whatever the run itself looked like; only of files that it was to write it says nothing.
#[test]
fn a_command_ends_as_its_check_saw() {
    let both = format!("{PLAN}{OUTPUT}{CHECK}");
    let checked = format!("{PLAN}{CHECK}");
    let ends = |outcome, outputs: bool, seen: Option<RunRecord>, code| match outputs {
        true => told(&both, command(writing(), Some(check())), outcome, seen, code),
        false => told(&checked, command(run(), Some(check())), outcome, seen, code),
    };
    for (outputs, seen, code) in [
        (false, Some(succeeded()), Some(0)),
        (false, Some(refused_by_it()), Some(0)),
        (false, None, Some(0)),
        (true, Some(good()), Some(0)),
    ] {
        ends(Outcome::Completed, outputs, seen.clone(), code).state();
        forged(
            &ends(Outcome::Failed, outputs, seen, code),
            "outcome: failed, but its program ran, and nothing saw that it was not carried out",
        );
    }
    for (outputs, seen, code) in [
        (false, Some(refused_by_it()), Some(1)),
        (false, None, Some(1)),
        (true, None, Some(1)),
        (false, None, None),
        (true, None, None),
    ] {
        ends(Outcome::Failed, outputs, seen.clone(), code).state();
        forged(
            &ends(Outcome::Completed, outputs, seen, code),
            "outcome: completed, but what was seen of its program does not say so",
        );
    }
    for (outputs, seen, code) in [
        (false, Some(succeeded()), Some(1)),
        (false, Some(succeeded()), None),
        (false, Some(succeeded()), Some(2)),
        (false, Some(refused_by_it()), None),
        (false, Some(leaked()), Some(0)),
        (false, None, Some(2)),
        (true, Some(refused_by_it()), Some(0)),
        (true, None, Some(0)),
        (true, Some(good()), Some(1)),
    ] {
        ends(Outcome::Indeterminate, outputs, seen.clone(), code).state();
        forged(
            &ends(Outcome::Completed, outputs, seen.clone(), code),
            "outcome: completed, but what was seen of its program does not say so",
        );
        forged(
            &ends(Outcome::Failed, outputs, seen, code),
            "outcome: failed, but its program ran, and nothing saw that it was not carried out",
        );
    }
}

#[test]
fn a_command_without_a_check_ends_as_its_run() {
    let ends = |outcome, seen, code| told(PLAN, command(run(), None), outcome, seen, code);
    forged(
        &ends(Outcome::Completed, Some(refused_by_it()), None),
        "outcome: completed, but what was seen of its program does not say so",
    );
    forged(
        &ends(Outcome::Failed, Some(refused_by_it()), None),
        "outcome: failed, but its program ran, and nothing saw that it was not carried out",
    );
    ends(Outcome::Failed, None, None).state();
    for (outcome, code) in [(Outcome::Completed, 0), (Outcome::Indeterminate, 1)] {
        forged(
            &ends(outcome, Some(succeeded()), Some(code)),
            "outcome: it reports a check, and none was to be run",
        );
    }
}

/// Plan and proposal say the same, and still not what is on record of the target.
#[test]
fn what_is_run_is_the_targets_program_with_the_targets_credentials() {
    let other_program = ProgramRun { program: "/usr/bin/other".parse().unwrap(), ..run() };
    let other_file = ProgramRun { sha256: digest(0x44), ..run() };
    let unknown = vec![HandedCredential { role: Role::SecondSecret, to: Handing::Stdin, prompt: None }];
    let unknown = ProgramRun { credentials: unknown, ..run() };
    for (plan, run) in [
        (PLAN.to_owned(), other_program),
        (PLAN.to_owned(), other_file),
        (PLAN.replace("role = \"secret\"", "role = \"second-secret\""), unknown),
    ] {
        forged(&only_proposed(&plan, command(run, None)), "operation: it is not the program of its target");
    }
    let of_token = CommandOperation { target: name("hsm"), identity: identity(), ..command(run(), None) };
    let module = identity().module_sha256.unwrap();
    let of_token = CommandOperation { run: ProgramRun { sha256: module, ..run() }, ..of_token };
    forged(
        &only_proposed(&PLAN.replace("\"signer\"", "\"hsm\""), of_token),
        "operation: hsm is a program or a token, and the operation is of the other kind",
    );
    // Nobody can approve what no plan may say.
    let endless = ProgramRun { time_limit_seconds: 0, ..run() };
    forged(
        &only_proposed(&PLAN.replace("_seconds = 60", "_seconds = 0"), command(endless, None)),
        "plan: time_limit_seconds is 0",
    );
    let check = ProgramCheck { time_limit_seconds: 0, ..check() };
    forged(
        &only_proposed(
            &format!("{PLAN}{}", CHECK.replace("_seconds = 60", "_seconds = 0")),
            command(run(), Some(check)),
        ),
        "plan: time_limit_seconds is 0",
    );
}

#[test]
fn a_command_is_what_its_plan_says() {
    let plan = format!("{PLAN}{OUTPUT}{CHECK}");
    let good = || command(writing(), Some(check()));
    only_proposed(&plan, good()).state();
    only_proposed(
        &plan.replace("60\n[[cred", "60\nrepeatable = true\n[[cred"),
        CommandOperation { repeatable: true, ..good() },
    )
    .state();
    let longer = ProgramCheck { time_limit_seconds: 61, ..check() };
    for (what, lie) in [
        ("target", CommandOperation { target: name("hsm"), ..good() }),
        ("what is run", command(run(), Some(check()))),
        ("check", command(writing(), None)),
        ("check", command(writing(), Some(longer))),
        ("repeatable", CommandOperation { repeatable: true, ..good() }),
    ] {
        forged(
            &only_proposed(&plan, lie),
            &format!("plan-mismatch: the proposal differs from its plan: {what}"),
        );
    }
}

/// After an update the plan names the new file; without that, the file on record is the one that is run.
#[test]
fn another_file_for_the_program_stands_in_the_plan() {
    let updated = TokenIdentity { module_sha256: Some(digest(0x55)), ..signer() };
    let operation = || CommandOperation {
        identity: updated.clone(),
        ..command(ProgramRun { sha256: digest(0x55), ..run() }, None)
    };
    let naming = |byte| PLAN.replace("arguments", &format!("sha256 = \"{}\"\narguments", digest(byte)));
    let state = only_proposed(&naming(0x55), operation()).state();
    let on_record = &state.targets[&name("signer")];
    let as_approved = on_record.as_approved(&Operation::Command(operation()));
    assert_eq!((on_record.identity.clone(), as_approved.identity), (signer(), updated.clone()));
    forged(
        &only_proposed(PLAN, operation()),
        "operation: signer is not pinned as the token that the ledger has on record",
    );
    for (byte, operation) in [(0x66, operation()), (0x55, command(run(), None))] {
        forged(
            &only_proposed(&naming(byte), operation),
            "plan-mismatch: the proposal differs from its plan: sha256",
        );
    }
    // Naming the file on record changes nothing.
    only_proposed(&naming(0x22), command(run(), None)).state();
    let label = Line::lossy("other");
    forged(
        &only_proposed(
            &naming(0x55),
            CommandOperation { identity: TokenIdentity { label, ..updated.clone() }, ..operation() },
        ),
        "operation: signer is not pinned as the token that the ledger has on record",
    );
}

#[test]
fn only_what_its_plan_lets_is_run_again_or_looked_at() {
    let told = |operation: Operation| (operation.is_repeatable(), operation.program_check().is_some());
    for repeatable in [true, false] {
        let operation = CommandOperation { repeatable, ..command(run(), None) };
        assert_eq!(told(Operation::Command(operation)), (repeatable, false));
        let operation = UseOperation { repeatable, ..using() };
        assert_eq!(told(Operation::Use(operation)), (repeatable, false));
    }
    assert_eq!(told(Operation::Command(command(run(), Some(check())))), (false, true));
    assert_eq!(told(Forge::new().delete().operation), (false, false));
}

fn using() -> UseOperation {
    let (target, identity) = (name("hsm"), identity());
    UseOperation { target, identity, run: run(), repeatable: false, may_change_objects: false }
}
