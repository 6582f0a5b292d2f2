use super::*;
use crate::proposal::{identity::tests::record, operations::Plan, target::ObjectClass};

/// What the entries of a plan mean of a list.
fn meant(entries: &str, recorded: &[ObjectRecord]) -> Result<Vec<ObjectRecord>, Misfit> {
    let plan = format!("kind = \"delete\"\ntitle = \"T\"\nexpires_in_hours = 1\ntarget = \"hsm\"\n{entries}");
    match Plan::parse(plan.as_bytes()) {
        Ok(Plan::Delete(plan)) => select(&plan.objects, recorded),
        other => panic!("{other:?}"),
    }
}

fn secret(id: &str, label: &str, check: &str) -> ObjectRecord {
    ObjectRecord { check_value: Some(check.into()), ..record(ObjectClass::SecretKey, id, label) }
}

#[test]
fn an_object_is_named_by_anything_on_record() {
    let long = "x".repeat(300);
    let mut cut = record(ObjectClass::Data, "", &long);
    cut.label_sha256 = Some(Digest::of(long.as_bytes()));
    let short = record(ObjectClass::Data, "", cut.label.as_str());
    let mut bytes = record(ObjectClass::Data, "", "\u{fffd}");
    bytes.label_sha256 = Some(Digest::of(&[0xff]));
    let recorded = [
        cut.clone(),
        short.clone(),
        bytes.clone(),
        secret("", "kek", "aa"),
        secret("01", "kek", "bb"),
        secret("", "", "cc"),
        ObjectRecord { extractable: Some(false), ..secret("02", "two", "dd") },
        secret("02", "two", "dd"),
    ];
    for (entry, object) in [
        (format!("class = \"data\"\nlabel = \"{long}\""), &cut),
        (format!("class = \"data\"\nlabel = \"{}\"", short.label), &short),
        (format!("class = \"data\"\nlabel_sha256 = \"{}\"", Digest::of(&[0xff])), &bytes),
        ("class = \"secret-key\"\nid = \"\"\nlabel = \"kek\"".into(), &recorded[3]),
        ("class = \"secret-key\"\nid = \"\"\nlabel = \"\"".into(), &recorded[5]),
        ("class = \"secret-key\"\ncheck_value = \"bb\"".into(), &recorded[4]),
        ("class = \"secret-key\"\nid = \"02\"\nextractable = false".into(), &recorded[6]),
    ] {
        assert_eq!(
            meant(&format!("[[objects]]\n{entry}\n"), &recorded).unwrap(),
            std::slice::from_ref(object),
            "{entry}"
        );
    }
}

#[test]
fn several_that_differ_are_never_meant_together() {
    let recorded = [secret("", "kek", "aa"), secret("01", "kek", "bb")];
    for count in ["", "count = 2\n"] {
        let entries = format!("[[objects]]\nclass = \"secret-key\"\nlabel = \"kek\"\n{count}");
        let Err(Misfit::Several { entry: 1, objects }) = meant(&entries, &recorded) else {
            panic!("{count}")
        };
        assert_eq!(objects.len(), 2);
    }
    let entries = "[[objects]]\nclass = \"secret-key\"\nlabel = \"other\"\n";
    assert!(matches!(meant(entries, &recorded), Err(Misfit::Nothing { entry: 1 })));
    let entries = "[[objects]]\nclass = \"secret-key\"\nid = \"01\"\n[[objects]]\nclass = \"secret-key\"\ncheck_value = \"bb\"\n";
    assert!(matches!(meant(entries, &recorded), Err(Misfit::Twice { entry: 2, .. })));
}

#[test]
fn all_of_some_twins_are_meant_by_their_number() {
    let twins = vec![secret("01", "kek", "aa"); 3];
    let entries = |count: &str| format!("[[objects]]\nclass = \"secret-key\"\nid = \"01\"\n{count}");
    for count in ["", "count = 1\n", "count = 2\n", "count = 4\n"] {
        assert!(matches!(meant(&entries(count), &twins), Err(Misfit::Twins { there: 3, .. })), "{count}");
    }
    assert_eq!(meant(&entries("count = 3\n"), &twins).unwrap(), twins);
    assert_eq!(meant(&entries("count = 1\n"), &twins[..1]).unwrap(), twins[..1]);
}
