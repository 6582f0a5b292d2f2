//! The people whom the plan of a genesis names, from the enrolments that lie beside it.

use std::path::Path;

use super::{enrolment, wiring};
use crate::{
    ceremony::{Error, Mistakes, propose::Members},
    encoding::{strict::Base64, text},
    proposal::operations::{GenesisPlan, genesis::MemberTable},
    roster::{
        Member,
        attestation::{self, Bundled},
        card::{EnrolledCard, Enrolment},
    },
};

/// The people of a genesis, as far as their enrolments can be read.
pub fn read(plan: &GenesisPlan, base: &Path, mistakes: &mut Mistakes) -> Members {
    let mut load =
        |tables: &[MemberTable]| tables.iter().map(|table| member(table, base, mistakes)).collect::<Vec<_>>();
    Members {
        custodians: load(&plan.custodians),
        approvers: load(&plan.approvers),
        administrators: load(&plan.administrators),
        witnesses: load(&plan.witnesses),
        attestation_certificates: plan
            .policy
            .attestation_certificates()
            .and_then(|file| mistakes.note(authorities(&base.join(file))))
            .unwrap_or_default(),
    }
}

/// The certificates of a file, by which the attestations of cards are completed.
fn authorities(path: &Path) -> Result<Vec<Base64>, Error> {
    let shown = text::printable(&path.to_string_lossy());
    let refused = |what: String| {
        Error::refused(
            format!("{shown}: {what}"),
            "name a file with the certificates of Yubico's authorities, in PEM",
        )
    };
    let entries = attestation::read_bundle(&wiring::read_file(path, attestation::MAX_BUNDLE)?)
        .map_err(|error| refused(error.to_string()))?;
    let certificate = |entry: &Bundled| match entry {
        Bundled::Certificate(certificate) => Ok(Base64(certificate.der().to_vec())),
        Bundled::PublicKey(_) => Err(refused("it has a public key in it".into())),
    };
    entries.iter().map(certificate).collect()
}

fn member(table: &MemberTable, base: &Path, mistakes: &mut Mistakes) -> Member {
    let cards = table.enrolments.iter().filter_map(|file| mistakes.note(enrolled(table, &base.join(file))));
    let cards = cards.map(|card| card.file().clone()).collect();
    let (name, full_name, group) = (table.name.clone(), table.full_name.clone(), table.group.clone());
    Member { name, full_name, group, cards }
}

/// The cards of a person whose enrolments can be read.
pub fn cards(table: &MemberTable, base: &Path) -> impl Iterator<Item = EnrolledCard> {
    table.enrolments.iter().filter_map(move |file| enrolled(table, &base.join(file)).ok())
}

/// A card of a person, from its file.
fn enrolled(table: &MemberTable, path: &Path) -> Result<EnrolledCard, Error> {
    let shown = text::printable(&path.to_string_lossy());
    let bytes = wiring::read_file(path, 64 * 1024)?;
    let card = EnrolledCard::parse(&bytes).map_err(|e| {
        let file = format!("{}: {shown}", table.name);
        enrolment::refused(&file, &e, "name the file that 'quorate card enroll' wrote")
    })?;
    let Enrolment { holder, full_name, .. } = card.enrolment();
    if *holder != table.name {
        return Err(Error::refused(
            format!("{}: {shown} is the enrolment of {holder} (\"{full_name}\")", table.name),
            format!("name the enrolment of {}; if this person is meant, make the name {holder}", table.name),
        ));
    }
    if *full_name != table.full_name {
        return Err(Error::refused(
            format!(
                "{}: {shown} was enrolled by \"{full_name}\", the plan says \"{}\"",
                table.name, table.full_name
            ),
            "make the plan's full_name the one that was enrolled",
        ));
    }
    Ok(card)
}
