//! Two executions at once, one after the end, and signals in the middle of a slow one.

use crate::support::quorum::Quorum;
use std::{
    fs,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use crate::support::crash::{DELETE, INVENTORY, three};
use crate::support::softhsm::FaultyModule;

/// Starts an execution with the signals as a terminal gives them: tests that run in the background inherit an ignored SIGINT.
fn start(quorum: &Quorum) -> Child {
    let execute = quorum.step("execute", &[]);
    let mut command = Command::new("env");
    command.arg("--default-signal=INT,TERM").arg(execute.get_program()).args(execute.get_args());
    for (name, value) in execute.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.current_dir(execute.get_current_dir().unwrap()).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// A deletion that the quorum approved, through a module that can be slowed down, and a script that stops the worker
/// in C_DestroyObject until the file `go` is there.
fn slow() -> (Quorum, FaultyModule) {
    let (quorum, module) = three().softhsm_in_use().behind_a_faulty_module();
    quorum.approved(DELETE, &["alice", "bob"]);
    let [waits, go, went] = ["waits", "go", "went"].map(|name| quorum.at(name));
    module.script(&format!(
        "echo $WORKER > '{waits}'; while ! [ -e '{go}' ]; do sleep 0.05; done; touch '{went}'"
    ));
    module.order("C_DestroyObject", 1, "remove");
    (quorum, module)
}

fn wait_for(quorum: &Quorum, name: &str) {
    let begun = Instant::now();
    while !quorum.path(name).exists() {
        assert!(begun.elapsed() < Duration::from_secs(60), "the module never came to it");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Lets the call return. The module's process may have outlived the one that started it: it ends with this call.
fn let_go(quorum: &Quorum) {
    fs::write(quorum.path("go"), "").unwrap();
    wait_for(quorum, "went");
    let worker = fs::read_to_string(quorum.path("waits")).unwrap();
    let stat = format!("/proc/{}/stat", worker.trim());
    // Once it has ended it may be there as a zombie, until somebody waits for it.
    while fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn one_of_two_executions_wins_and_the_other_says_so_at_once() {
    let (quorum, module) = slow();
    let first = start(&quorum);
    wait_for(&quorum, "waits");
    // The first goes on only when this one has ended.
    let second = quorum.execute().expect(1);
    assert!(second.error().contains("another quorate is working on this ledger"), "{}", second.stderr);
    let third = quorum.approve("carol").expect(3);
    assert!(third.error().contains("already being executed"), "{}", third.stderr);
    let_go(&quorum);
    assert!(first.wait_with_output().unwrap().status.success());
    quorum.ended("0001-delete");
    assert_eq!((quorum.old_and_keep().0, module.calls("C_DestroyObject")), (0, 2));
}

#[test]
fn two_executions_that_race_delete_once() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice", "bob"]);
    let both = [start(&quorum), start(&quorum)].map(|child| child.wait_with_output().unwrap().status.code());
    let mut codes = both.map(Option::unwrap);
    codes.sort_unstable();
    assert!(codes == [0, 1] || codes == [0, 3], "{codes:?}");
    quorum.ended("0001-delete");
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

#[test]
fn what_has_ended_is_said_and_an_open_ceremony_is_not_overtaken() {
    let quorum = three().softhsm_in_use().founded();
    quorum.approved(DELETE, &["alice"]);
    let second = quorum.propose(INVENTORY).expect(3);
    assert!(second.error().contains("ceremony 1 (delete) is still open"), "{}", second.stderr);
    let few = quorum.execute().expect(6);
    assert!(few.error().contains("too few approvals yet"), "{}", few.stderr);
    quorum.approve("bob").ok();
    quorum.execute().ok();
    let again = quorum.execute().expect(3);
    assert!(
        again.error().contains("nothing to execute: ceremony 1 (delete) ended: completed"),
        "{}",
        again.stderr
    );
    quorum.ended("0001-delete");
}

/// Sends a signal to a slow execution: it ends, `execute` goes on.
fn interrupted(signal: &str, number: i32) {
    let (quorum, module) = slow();
    let child = start(&quorum);
    wait_for(&quorum, "waits");
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let ended = child.wait_with_output().unwrap();
    assert!(ended.status.signal() == Some(number) || ended.status.code() == Some(128 + number), "{ended:?}");
    quorum.audits();
    assert_eq!((quorum.lines("0001-delete", "intended"), quorum.lines("0001-delete", "concluded")), (1, 0));
    let status = quorum.run(&["status", &quorum.at("ledger")]).ok();
    assert!(status.stderr.contains("It was cut off while it acted"), "{}", status.stderr);
    // The module's process is still in its call: whoever does not wait for it does no harm.
    module.behave();
    quorum.execute().ok();
    assert_eq!(quorum.old_and_keep().0, 0);
    let_go(&quorum);
    let last = quorum.execute().expect(3);
    assert!(last.error().contains("ended: completed"), "{}", last.stderr);
    quorum.ended("0001-delete");
    assert_eq!(quorum.old_and_keep(), (0, 1));
}

#[test]
fn an_interrupt_leaves_everything_consistent() {
    interrupted("-INT", 2);
}

#[test]
fn a_termination_leaves_everything_consistent() {
    interrupted("-TERM", 15);
}
