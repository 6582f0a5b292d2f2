//! Programs: a station that claims a run that was not seen to succeed, or proposes another run than its plan says.

use std::collections::BTreeMap;

use crate::{
    encoding::digest::Digest,
    proposal::{
        document::Proposal,
        operations::{CommandOperation, Operation, UseOperation},
        program::{
            HandedCredential, Handing, OutputFile, PinnedInput, ProgramCheck, ProgramRecord, ProgramRun,
            RunRecord, Stopped, WrittenFile,
        },
        target::Role,
    },
    transcript::{
        event::{Closed, Concluded},
        outcome::Outcome,
    },
};

use super::forge::{Forge, TWO, concluded, identity, intended, name, object};
use super::{forged, handovers, inventories::told_of_objects, taken_up_again::hold};

const PLAN: &str = "kind = \"use\"\ntitle = \"Sign\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nprogram = \"/usr/bin/signer\"\n\
    sha256 = \"2222222222222222222222222222222222222222222222222222222222222222\"\narguments = [\"{input:document}\"]\n\
    time_limit_seconds = 60\nkeep_pins = true\n[[credentials]]\nrole = \"user-pin\"\nto = \"stdin\"\n\
    [[inputs]]\nname = \"document\"\npath = \"/srv/document\"\n\
    sha256 = \"3333333333333333333333333333333333333333333333333333333333333333\"\n\
    [[outputs]]\nname = \"signature\"\npath = \"/srv/signature\"\n";

fn digest(byte: u8) -> Digest {
    Digest::from_bytes([byte; 32])
}

fn run() -> ProgramRun {
    ProgramRun {
        program: "/usr/bin/signer".parse().unwrap(),
        sha256: digest(0x22),
        arguments: vec!["{input:document}".into()],
        environment: BTreeMap::new(),
        credentials: vec![HandedCredential { role: Role::UserPin, to: Handing::Stdin, prompt: None }],
        inputs: vec![PinnedInput {
            name: name("document"),
            path: "/srv/document".parse().unwrap(),
            sha256: digest(0x33),
        }],
        outputs: vec![OutputFile { name: name("signature"), path: "/srv/signature".parse().unwrap() }],
        time_limit_seconds: 60,
    }
}

fn using(run: ProgramRun) -> Operation {
    Operation::Use(UseOperation {
        target: name("hsm"),
        identity: identity(),
        run,
        repeatable: false,
        may_change_objects: false,
    })
}

fn file(called: &str) -> WrittenFile {
    WrittenFile { name: name(called), length: 1, sha256: digest(1) }
}

pub(super) fn good() -> RunRecord {
    RunRecord {
        exit_code: Some(0),
        signal: None,
        stopped: None,
        handed: 1,
        left_behind: 0,
        credential_written: false,
        stdout: Some(file("stdout")),
        stderr: Some(file("stderr")),
        outputs: vec![file("signature")],
    }
}

fn told(outcome: Outcome, program: Option<ProgramRecord>) -> Forge {
    let mut forge = Forge::new();
    let proposal = forge.other("Sign", PLAN, using(run()));
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let seen = concluded(outcome, &[], &forge.objects());
    lines.add(intended(&TWO)).add(Concluded { program, ..seen }).add(Closed { releases_destroyed: 2 });
    forge.push(&proposal, &lines);
    forge
}

fn seen_of(run: RunRecord) -> Option<ProgramRecord> {
    Some(ProgramRecord { run: Some(run), check_exit_code: None })
}

#[test]
fn only_a_run_that_was_seen_to_succeed_is_completed() {
    told(Outcome::Completed, seen_of(good())).state();
    for run in [
        RunRecord { exit_code: Some(1), ..good() },
        RunRecord { exit_code: None, ..good() },
        RunRecord { exit_code: None, signal: Some(9), ..good() },
        RunRecord { exit_code: None, stopped: Some(Stopped::TimeLimit), ..good() },
        RunRecord { handed: 0, ..good() },
        RunRecord { outputs: Vec::new(), ..good() },
        RunRecord { stdout: None, ..good() },
        RunRecord { credential_written: true, stdout: None, stderr: None, outputs: Vec::new(), ..good() },
    ] {
        // It may have been so, and then it did not complete, nor did it fail.
        told(Outcome::Indeterminate, seen_of(run.clone())).state();
        forged(
            &told(Outcome::Completed, seen_of(run.clone())),
            "outcome: completed, but what was seen of its program does not say so",
        );
        forged(
            &told(Outcome::Failed, seen_of(run)),
            "outcome: failed, but its program ran, and nothing saw that it was not carried out",
        );
    }
    forged(
        &told(Outcome::Completed, Some(ProgramRecord::default())),
        "outcome: completed, but what was seen of its program does not say so",
    );
    for outcome in [Outcome::Completed, Outcome::Failed] {
        forged(&told(outcome, None), "outcome: it does not report what was seen of its program");
    }
    told(Outcome::Failed, Some(ProgramRecord::default())).state();
}

#[test]
fn what_cannot_have_been_seen_of_a_program_is_not_believed() {
    for run in [
        RunRecord { handed: 2, ..good() },
        RunRecord { signal: Some(9), ..good() },
        RunRecord { outputs: vec![file("signature"), file("more")], ..good() },
        // What it wrote holds a credential: a digest of it could be guessed against.
        RunRecord { credential_written: true, ..good() },
        RunRecord { credential_written: true, stderr: None, outputs: Vec::new(), ..good() },
        RunRecord { credential_written: true, stdout: None, outputs: Vec::new(), ..good() },
        RunRecord { credential_written: true, stdout: None, stderr: None, ..good() },
        RunRecord { stopped: Some(Stopped::TimeLimit), ..good() },
        RunRecord { stopped: Some(Stopped::TimeLimit), exit_code: None, signal: Some(9), ..good() },
    ] {
        forged(
            &told(Outcome::Indeterminate, seen_of(run)),
            "outcome: what it reports about its program cannot have been seen",
        );
    }
    let check = Some(ProgramRecord { run: Some(good()), check_exit_code: Some(0) });
    forged(&told(Outcome::Completed, check), "outcome: it reports a check, and none was to be run");
    // A program in a deletion.
    let mut forge = Forge::new();
    let proposal = forge.delete();
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &TWO);
    let done = concluded(Outcome::Completed, &[object("old", "01")], &[object("keep", "02")]);
    lines.add(intended(&TWO)).add(Concluded { program: seen_of(good()), ..done });
    forge.push(&proposal, &lines);
    forged(&forge, "outcome: it reports a program, and none was to be run");
}

fn proposed(operation: Operation) -> Forge {
    let mut forge = Forge::new();
    let proposal: Proposal = forge.other("Sign", PLAN, operation);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forge
}

#[test]
fn another_run_than_the_plan_says_is_seen() {
    proposed(using(run())).state();
    let so_pin = HandedCredential { role: Role::SoPin, to: Handing::Stdin, prompt: None };
    let other = PinnedInput { sha256: digest(0x44), ..run().inputs[0].clone() };
    for run in [
        ProgramRun { sha256: digest(0x44), ..run() },
        ProgramRun { program: "/usr/bin/other".parse().unwrap(), ..run() },
        ProgramRun { arguments: vec!["{input:document}".into(), "--all".into()], ..run() },
        ProgramRun { environment: [("X".to_owned(), "y".to_owned())].into(), ..run() },
        ProgramRun { credentials: vec![run().credentials[0].clone(), so_pin.clone()], ..run() },
        ProgramRun { credentials: vec![so_pin], ..run() },
        ProgramRun { inputs: vec![other], ..run() },
        ProgramRun { outputs: Vec::new(), ..run() },
        ProgramRun { time_limit_seconds: 61, ..run() },
    ] {
        forged(&proposed(using(run)), "plan-mismatch: the proposal differs from its plan: what is run");
    }
    let (target, identity) = (name("hsm"), identity());
    for (what, repeatable, may_change_objects) in
        [("repeatable", true, false), ("may_change_objects", false, true)]
    {
        let (target, identity) = (target.clone(), identity.clone());
        let changed =
            Operation::Use(UseOperation { target, identity, run: run(), repeatable, may_change_objects });
        forged(&proposed(changed), &format!("plan-mismatch: the proposal differs from its plan: {what}"));
    }
    let check = None::<ProgramCheck>;
    let command =
        Operation::Command(CommandOperation { target, identity, run: run(), check, repeatable: false });
    forged(&proposed(command), "plan-mismatch: the proposal differs from its plan: kind");
}

/// A plan of the same lie: a token takes no commands.
#[test]
fn a_token_takes_no_commands() {
    let mut forge = Forge::new();
    let plan = PLAN
        .replace("kind = \"use\"", "kind = \"command\"")
        .replace("keep_pins = true\n", "")
        .replace("program = \"/usr/bin/signer\"\n", "")
        .replace("role = \"user-pin\"", "role = \"secret\"");
    let credentials = vec![HandedCredential { role: Role::Secret, to: Handing::Stdin, prompt: None }];
    let sha256 = identity().module_sha256.unwrap_or(digest(0x22));
    let plan = plan.replace(&digest(0x22).to_string(), &sha256.to_string());
    let run = ProgramRun { credentials, sha256, ..run() };
    let (target, identity) = (name("hsm"), identity());
    let operation =
        Operation::Command(CommandOperation { target, identity, run, check: None, repeatable: false });
    let proposal = forge.other("Sign", &plan, operation);
    let lines = forge.begin(&proposal);
    forge.push(&proposal, &lines);
    forged(&forge, "operation: hsm is a program or a token, and the operation is of the other kind");
}

/// Whether that is to be expected of it, its plan says.
#[test]
fn objects_that_a_program_changed_are_told_unless_its_plan_lets_it() {
    for (may_change_objects, told) in [(false, &["objects-gone"][..]), (true, &[])] {
        let mut forge = Forge::new();
        let Operation::Use(operation) = using(run()) else { panic!() };
        let allows = format!("keep_pins = true\nmay_change_objects = {may_change_objects}\n");
        let operation = Operation::Use(UseOperation { may_change_objects, ..operation });
        let proposal = forge.other("Sign", &PLAN.replace("keep_pins = true\n", &allows), operation);
        let seen = concluded(Outcome::Indeterminate, &[], &[object("keep", "02")]);
        hold(&mut forge, &proposal, &TWO, Concluded { program: seen_of(good()), ..seen });
        assert_eq!(told_of_objects(&forge), told);
    }
}

#[test]
fn a_use_hands_over_the_held_user_pin_and_nothing_else() {
    let with = |forge: Forge, plan: &str, expected: &str| {
        let proposal = forge.other("Sign", plan, using(run()));
        let mut forge = forge;
        let lines = forge.begin(&proposal);
        forge.push(&proposal, &lines);
        forged(&forge, expected);
    };
    let handed = "[[credentials]]\nrole = \"user-pin\"\nto = \"stdin\"\n";
    let no_other =
        "plan: its plan is not valid: credentials: a use hands over the user-pin, once, and nothing else";
    let so_pin = handed.replace("user-pin", "so-pin");
    with(Forge::new(), &PLAN.replace(handed, &so_pin), no_other);
    let endless = PLAN.replace("_seconds = 60", "_seconds = 0");
    with(Forge::new(), &endless, "plan: its plan is not valid: time_limit_seconds is 0");
    let elsewhere = PLAN.replace("\"hsm\"", "\"other\"");
    with(Forge::new(), &elsewhere, "plan-mismatch: the proposal differs from its plan: target");
    let renewing = PLAN.replace("keep_pins = true\n", "");
    with(Forge::new(), &renewing, "credential: the user-pin of hsm for crypto-officer is missing");
    // An application's PIN is not the quorum's to hand over.
    with(handovers::founded(), PLAN, "operation: a use hands over the held user-pin, and nothing else");
}
