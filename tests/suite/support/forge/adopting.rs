//! Targets that join a quorum after its genesis.

use quorate::{
    proposal::{
        document::Proposal,
        joining::{CredentialRule, GenesisTarget, StartKind},
        operations::{AdoptOperation, Operation},
        place::Place,
        target::{Custody, Inventory, Role},
    },
    transcript::{
        event::{Closed, Concluded, ObservedTarget, TargetState},
        outcome::Outcome,
    },
};

use super::{Forge, concluded, credential, identity, intended, name, text};

const THREE: [&str; 3] = ["alice", "bob", "carol"];

/// A ceremony that was only proposed.
pub fn proposed(mut forge: Forge, proposal: &Proposal) -> Forge {
    let lines = forge.begin(proposal);
    forge.push(proposal, &lines);
    forge
}

/// The adoption of another token as `spare`.
pub fn adopt(forge: &Forge, as_name: &str) -> Proposal {
    let plan = format!(
        "kind = \"adopt\"\ntitle = \"Adopt\"\nexpires_in_hours = 1\n[target]\nname = \"{as_name}\"\nkind = \"pkcs11\"\n\
         module = \"/nowhere/module.so\"\nstart = \"take-over\"\nlabel = \"spare\"\nserial = \"0002\"\n[target.credentials]\n\
         so-pin = {{ authority = \"security-officer\", custody = \"held\" }}\n\
         user-pin = {{ authority = \"crypto-officer\", custody = \"held\" }}\n"
    );
    let rule = |role, authority| CredentialRule {
        role,
        authority: name(authority),
        custody: Custody::Held,
        recipient: None,
        pin_length: None,
    };
    let mut token = identity();
    (token.serial, token.label) = (text("0002"), text("spare"));
    let target = GenesisTarget {
        name: name(as_name),
        place: Place::Pkcs11 { module: "/nowhere/module.so".parse().unwrap(), slot: None },
        start: StartKind::TakeOver,
        identity: token,
        label: text("spare"),
        credentials: vec![rule(Role::SoPin, "security-officer"), rule(Role::UserPin, "crypto-officer")],
    };
    let mut proposal =
        forge.other("Adopt", &plan, Operation::Adopt(AdoptOperation { target: Box::new(target) }));
    for (role, authority) in [(Role::SoPin, "security-officer"), (Role::UserPin, "crypto-officer")] {
        let mut sealed = credential(role, authority, forge.state().next_version(&name(as_name), role));
        sealed.target = name(as_name);
        proposal.credentials.push(sealed);
    }
    proposal
}

/// An adoption to its end.
pub fn adopted(change: impl FnOnce(&mut Concluded)) -> Forge {
    let mut forge = Forge::new();
    let proposal = adopt(&forge, "spare");
    let Operation::Adopt(AdoptOperation { target }) = &proposal.operation else { panic!("no adoption") };
    let mut lines = forge.begin(&proposal);
    forge.approve(&mut lines, &proposal, &THREE);
    let mut intent = intended(&THREE);
    intent.targets = vec![ObservedTarget { name: name("spare"), identity: target.identity.clone() }];
    let inventory = Inventory { identity: target.identity.clone(), objects: Vec::new() };
    let mut told = concluded(Outcome::Completed, &[], &[]);
    told.targets = vec![TargetState { name: name("spare"), inventory: Some(inventory) }];
    change(&mut told);
    lines.add(intent).add(told).add(Closed { releases_destroyed: 3 });
    forge.push(&proposal, &lines);
    forge
}
