//! Proposals that are longer than anything honest: they are refused while they are read.

use crate::{
    encoding::{
        digest::Digest,
        strict::{self, Base64},
    },
    proposal::{operations::Operation, target::Role},
};

use super::forge::{credential, name};
use super::proposals::{delete, roster};

#[test]
fn a_list_that_is_longer_than_its_bound_is_refused_while_it_is_read() {
    let digests = |count: usize| vec![Digest::of(b"an authority"); count];
    roster(|r| r.policy.attestation.roots = digests(65), "line-syntax: more than 64 entries");
    roster(
        |r| r.policy.attestation.certificates = vec![Base64(Vec::new()); 65],
        "line-syntax: more than 64 entries",
    );
    roster(
        |r| r.policy.attestation.certificates = vec![Base64(vec![0; 8193])],
        "line-syntax: 8193 bytes, more than the 8192 that are allowed",
    );
    roster(
        |r| r.custodians[0].cards = vec![r.custodians[0].cards[0].clone(); 17],
        "line-syntax: more than 16 entries",
    );
    roster(
        |r| r.custodians[0].cards[0].attestation = vec![Base64(Vec::new()); 8],
        "line-syntax: more than 7 entries",
    );
    roster(|r| r.custodians = vec![r.custodians[0].clone(); 256], "line-syntax: more than 255 entries");
    roster(|r| r.administrators = vec![r.administrators[0].clone(); 65], "line-syntax: more than 64 entries");
    roster(|r| r.witnesses = vec![r.witnesses[0].clone(); 256], "line-syntax: more than 255 entries");
    roster(
        |r| r.deal.authorities = vec![r.deal.authorities[0].clone(); 33],
        "line-syntax: more than 32 entries",
    );
    roster(
        |r| {
            r.operations
                .values_mut()
                .for_each(|rule| rule.authorities = vec![rule.authorities[0].clone(); 33]);
        },
        "line-syntax: more than 32 entries",
    );
    roster(|r| r.approvers = vec![r.witnesses[0].clone(); 65], "line-syntax: more than 64 entries");
    roster(
        |r| r.operations.values_mut().for_each(|rule| rule.approvers = vec![name("heidi"); 65]),
        "line-syntax: more than 64 entries",
    );
    roster(
        |r| r.deal.authorities[0].groups = (0..33).map(|n| (name(&format!("group-{n}")), 1)).collect(),
        "line-syntax: more than 32 entries",
    );
    delete(
        |p| p.credentials = vec![credential(Role::UserPin, "crypto-officer", 2); 513],
        "line-syntax: more than 512 entries",
    );
}

/// Nor is an object whose kind stands in it kept to be read later: that would take fifty times its size.
#[test]
fn an_operation_is_refused_at_the_first_field_that_is_not_of_it() {
    for (text, refused) in [
        (r#"{"kind":"genesis","targets":[0,!"#, "expected struct GenesisTarget"),
        (
            r#"{"kind":"genesis","targets":[{"name":"hsm","place":{"kind":"practice","path":7,!"#,
            "expected a string",
        ),
        (r#"{"kind":"delete","objects":[],"target":[!"#, "expected a string"),
    ] {
        let found = strict::parse::<Operation>(text.as_bytes()).unwrap_err().to_string();
        assert!(found.contains(refused), "{text}: {found}");
    }
}
