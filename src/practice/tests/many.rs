//! A token of many objects, where each write of the file is one of all objects.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use super::{
    super::{device, state},
    Bench, USER_PIN, pin,
};
use crate::{
    encoding::{digest::Digest, strict::Base64, text::Line},
    ports::token::{Attempt, PinHolder},
    proposal::target::{ObjectClass, ObjectRecord},
};

fn stored(number: usize) -> state::Stored {
    let value = number.to_be_bytes();
    let record = ObjectRecord {
        value_sha256: Some(Digest::of(&value)),
        ..ObjectRecord::named(ObjectClass::Data, "", Line::lossy(&format!("object {number}")), "data")
    };
    state::Stored {
        record,
        attributes: BTreeMap::new(),
        content: state::Content::Public(Base64(value.to_vec())),
    }
}

#[test]
fn few_objects_are_written_one_by_one_and_many_in_parts() {
    let mut bench = Bench::initialised();
    let device = device::Device::at(&bench.path);
    let session = device::Session::of(&device);
    session.log_in(PinHolder::User, &pin(USER_PIN)).unwrap();
    let mut files = BTreeSet::new();
    for number in 0..100 {
        session.with_objects(|objects| objects.add(stored(number))).unwrap();
        files.insert(fs::read(&bench.path).unwrap());
        assert!(files.len() == number + 1 || number >= 16, "{number} is not in the file");
    }
    assert!(files.len() < 50, "{} writes of 100 objects", files.len());
    assert!(device.has_changed());
    // What is not in the file yet is written with the end of the session.
    let last = stored(100).record;
    session.with_objects(|objects| objects.add(stored(100))).unwrap();
    assert!(!fs::read_to_string(&bench.path).unwrap().contains(last.label.as_str()));
    drop(session);
    assert_eq!(bench.objects().len(), 101);
}

#[test]
fn of_many_objects_those_that_are_named_go_and_come_back() {
    let mut bench = Bench::initialised();
    let device = device::Device::at(&bench.path);
    let session = device::Session::of(&device);
    session.log_in(PinHolder::User, &pin(USER_PIN)).unwrap();
    // Each is there twice, as PKCS#11 allows.
    for number in (0..60).chain(0..60) {
        session.with_objects(|objects| objects.add(stored(number))).unwrap();
    }
    drop(session);
    let all = bench.objects();
    let (entries, _) = bench.backup();
    let (named, rest): (Vec<_>, Vec<_>) =
        all.iter().cloned().partition(|object| object.label.as_str().ends_with(['1', '3', '4', '7']));
    assert_eq!(bench.delete(&named, Attempt::First).unwrap().destroyed, named);
    assert_eq!(bench.objects(), rest);
    // Half of them are there: these are not made again.
    assert_eq!(bench.restore(entries).len(), all.len());
    assert_eq!(bench.objects(), all);
}

#[test]
fn a_token_that_is_full_takes_no_more() {
    let bench = Bench::initialised();
    let device = device::Device::at(&bench.path);
    let session = device::Session::of(&device);
    session.log_in(PinHolder::User, &pin(USER_PIN)).unwrap();
    let large = |number| state::Stored {
        content: state::Content::Public(Base64(vec![7; state::MAX_FILE / 4])),
        ..stored(number)
    };
    for number in 0..2 {
        session.with_objects(|objects| objects.add(large(number))).unwrap();
    }
    let refused = session.with_objects(|objects| objects.add(large(2))).unwrap_err();
    assert_eq!(refused.cause.name(), "CKR_DEVICE_MEMORY");
    assert_eq!(session.read().unwrap().objects.len(), 2);
}
