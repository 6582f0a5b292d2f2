//! Those who approved attest the head. The ceremony has ended: anyone who cannot, or does not wish to, ends nothing.

use super::table::{GIVE, TRY, Table, instead};
use crate::{
    ceremony::{
        Code, Error,
        attest::{Opinion, Shown},
    },
    cli::{stage::Stage, unlocking::PresentedCard},
    encoding::text::Name,
};

/// Somebody who approved.
pub struct Present {
    pub who: Name,
    /// Their card, where it was given to this command.
    pub card: Option<PresentedCard>,
}

/// Asks once for all whether they attest the head that was `shown`, then each in turn. Where a person is asked, those who approved before the command was taken up again give
/// their cards now.
pub fn attest(
    stage: &mut Stage,
    table: &mut Table<'_>,
    people: &mut [Present],
    shown: Shown<'_>,
) -> Result<(), Error> {
    let terminal = table.terminal;
    given(stage, table, people)?;
    let names = |has_card: bool| {
        let those = people.iter().filter(|approved| approved.card.is_some() == has_card);
        those.map(|approved| approved.who.as_str()).collect::<Vec<_>>()
    };
    let (here, elsewhere) = (names(true), names(false));
    let question = if table.asks || elsewhere.is_empty() {
        "Do all who approved attest this head?".to_owned()
    } else {
        terminal.tell(&format!(
            "Approved before, and no card is given: {}. Each attests with 'quorate attest'.",
            elsewhere.join(", ")
        ));
        format!("Is this head attested now by {}?", here.join(" and "))
    };
    if (here.is_empty() && !table.asks) || !terminal.answer(&question)? {
        return Ok(());
    }
    for approved in people {
        while !attested(stage, table, approved, shown)? {
            let question = format!("{} has not attested. Try again?", approved.who);
            if !table.asks || !terminal.person_says_yes(&question)? {
                break;
            }
        }
    }
    Ok(())
}

/// Takes the cards that were given and not needed for an approval.
fn given(stage: &mut Stage, table: &mut Table<'_>, people: &mut [Present]) -> Result<(), Error> {
    while !table.asks
        && let Some(mut card) = table.next("")?
    {
        let Ok(who) = stage.holder(&mut card) else { continue };
        if let Some(approved) = people.iter_mut().find(|approved| approved.who == who) {
            approved.card = Some(card);
        }
    }
    Ok(())
}

/// Whether nothing is left to try for somebody: they attested, or go without.
fn attested(
    stage: &mut Stage,
    table: &mut Table<'_>,
    approved: &mut Present,
    shown: Shown<'_>,
) -> Result<bool, Error> {
    let Some(card) = present(stage, table, approved)? else { return Ok(true) };
    match stage.attest(card, Opinion::agreement(), Some(shown)) {
        Ok(attested) => {
            table.terminal.tell(&format!("{} attested the head of {}.", attested.person, attested.ceremony));
            Ok(true)
        }
        // Nor does trying again help, or another person, where the ledger is no longer what was executed.
        Err(error) if error.ends_questions() || error.code == Code::LedgerInvalid => Err(error),
        Err(error) => {
            table.terminal.complain(&table.next.explain(instead(error, TRY)));
            Ok(false)
        }
    }
}

/// Somebody's card, in a reader; none if they go without.
fn present<'c>(
    stage: &mut Stage,
    table: &mut Table<'_>,
    approved: &'c mut Present,
) -> Result<Option<&'c mut PresentedCard>, Error> {
    let Present { who, card } = approved;
    if let Some(card) = card {
        return Ok(if !table.asks || table.wait_for(card, who.as_str())? { Some(card) } else { None });
    }
    if !table.asks {
        return Ok(None);
    }
    loop {
        let next = table.next(&format!("Card of {who} (yubikey:SERIAL, soft:FILE, done)"));
        let Some(next) = table.forgives(next, GIVE)? else { continue };
        let Some(mut next) = next else { return Ok(None) };
        let holder = stage.holder(&mut next).and_then(|holder| match holder == *who {
            true => Ok(()),
            false => Err(Error::refused(format!("that is the card of {holder}, not of {who}"), GIVE)),
        });
        if table.forgives(holder, GIVE)?.is_some() {
            return Ok(Some(card.insert(next)));
        }
    }
}
