//! The cast of a rehearsal: soft cards for everybody, practice tokens with sample keys.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

use super::plans::{Source, no_programs};
use crate::{
    account::counted,
    ceremony::{
        Error,
        enrolment::{Enrolling, Holder},
    },
    cli::{output_file::write_new, terminal::Terminal, unlocking::PresentedCard},
    durable,
    encoding::text::{Line, Name},
    memory::{LockedBytes, Pin},
    ports::{
        card::{Card as _, FinalTry},
        clock::Clock as _,
    },
    practice::{Extractable, PracticeToken, Sample},
    proposal::{
        operations::{Plan, genesis::MemberTable},
        selection::ObjectSelector,
        target::{ObjectClass, Role},
        target_table::{JoiningAs, TargetTable},
    },
    softcard::SoftCard,
    storage::SystemClock,
};

/// Everybody and everything that plays.
pub struct Cast {
    /// The first card of each person, while nobody has it in their hands.
    cards: BTreeMap<Name, PresentedCard>,
    names: BTreeMap<Name, Line>,
    administrator: Name,
    /// Another administrator, if there is one.
    keeper: Option<Name>,
    pins: BTreeMap<(Name, Role), Pin>,
    /// The serial of each token that is in use already.
    serials: BTreeMap<Name, String>,
}

impl Cast {
    /// Makes cards, enrolments and tokens in the folder.
    pub fn assemble(dir: &Path, plans: &[Source], terminal: Terminal) -> Result<Self, Error> {
        for sub in ["cards", "enrolments", "plans", "tokens", "state"] {
            durable::create_directory(durable::Access::PRIVATE, &dir.join(sub))
                .map_err(|e| Error::problem(format!("the rehearsal's folder: {e}"), "check its disk"))?;
        }
        let Some(Plan::Genesis(genesis)) = plans.first().map(|s| &s.plan) else {
            return Err(Error::usage("a rehearsal begins with a genesis", "name its plan first"));
        };
        let mut administrators = genesis.administrators.iter().map(|a| a.name.clone());
        let administrator =
            administrators.next().ok_or_else(|| Error::usage("the plan has no administrator", "add one"))?;
        let mut cast = Self {
            cards: BTreeMap::new(),
            names: BTreeMap::new(),
            administrator,
            keeper: administrators.next(),
            pins: BTreeMap::new(),
            serials: BTreeMap::new(),
        };
        let people = [
            ("custodian", Holder::Recipient, &genesis.custodians),
            ("approver", Holder::Witness, &genesis.approvers),
            ("administrator", Holder::Recipient, &genesis.administrators),
            ("witness", Holder::Witness, &genesis.witnesses),
        ];
        let members: Vec<_> =
            people.iter().flat_map(|(_, holder, of)| of.iter().map(|member| (member, *holder))).collect();
        cast.enroll(&members, dir)?;
        for (what, _, members) in people {
            for member in members {
                terminal.item(&format!(
                    "{what} {} gets {}",
                    member.full_name,
                    counted(member.enrolments.len(), "soft card", "soft cards")
                ));
            }
        }
        let adopted = plans.iter().filter_map(|source| match &source.plan {
            Plan::Adopt(plan) => Some(&plan.target),
            _ => None,
        });
        let targets: Vec<&TargetTable> = genesis.targets.iter().chain(adopted).collect();
        cast.tokens(&targets, plans, dir, terminal)?;
        Ok(cast)
    }

    /// Makes everybody's cards, on all processors at once, and their enrolments.
    fn enroll(&mut self, members: &[(&MemberTable, Holder)], dir: &Path) -> Result<(), Error> {
        let wanted: Vec<(&MemberTable, Holder, usize)> = members
            .iter()
            .flat_map(|(member, holder)| {
                (1..=member.enrolments.len()).map(|number| (*member, *holder, number))
            })
            .collect();
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let made = std::thread::scope(|scope| {
            let parts = wanted.chunks(wanted.len().div_ceil(threads).max(1));
            let workers: Vec<_> = parts
                .map(|part| {
                    scope.spawn(|| {
                        part.iter().map(|(member, _, number)| make_card(dir, member, *number)).collect()
                    })
                })
                .collect();
            let joined = workers.into_iter().map(|worker| {
                worker
                    .join()
                    .map_err(|_| Error::problem("a card could not be made", "this is a defect: report it"))
            });
            joined.collect::<Result<Vec<Vec<_>>, Error>>()
        })?;
        for ((member, holder, number), made) in wanted.into_iter().zip(made.into_iter().flatten()) {
            let (path, mut card, pin) = made?;
            let description = card.describe(&[])?;
            let person = (member.name.clone(), member.full_name.clone());
            let enrolling = Enrolling::new(person, holder, &description, Vec::new(), SystemClock.now());
            let mut unlocked = card.unlock(Pin::copy_of(pin.expose())?, FinalTry::Keep)?;
            let file = enrolling.sign(unlocked.as_mut())?;
            drop(unlocked);
            write_new(&enrolment_path(dir, &member.name, number), &file.write())?;
            write_new(&path.with_extension("pin"), pin.expose())?;
            let card = PresentedCard::rehearsed(card, path, pin);
            self.cards.entry(member.name.clone()).or_insert(card);
            self.names.insert(member.name.clone(), member.full_name.clone());
        }
        Ok(())
    }

    fn tokens(
        &mut self,
        targets: &[&TargetTable],
        plans: &[Source],
        dir: &Path,
        terminal: Terminal,
    ) -> Result<(), Error> {
        for target in targets {
            if target.place.is_program() {
                return Err(no_programs());
            }
            let path = token_path(dir, target);
            PracticeToken::create_empty(&path, None)?;
            let mut token = PracticeToken::open(target.name.clone(), &path)?;
            if let JoiningAs::InUse { label, .. } = &target.start {
                let (so, user) = (random_pin()?, random_pin()?);
                token.initialise(label, &so, &user)?;
                let serial = {
                    use crate::ports::token::Target as _;
                    token.observe()?.identity.serial.to_string()
                };
                self.serials.insert(target.name.clone(), serial);
                seed(&mut token, &user, target, plans)?;
                self.pins.insert((target.name.clone(), Role::SoPin), so);
                self.pins.insert((target.name.clone(), Role::UserPin), user);
                terminal.item(&format!("target {}: a practice token in use, with keys in it", target.name));
            } else {
                self.pins.insert((target.name.clone(), Role::UserPin), random_pin()?);
                terminal.item(&format!("target {}: an empty practice token", target.name));
            }
        }
        Ok(())
    }

    /// Puts the rehearsal's files into a genesis plan.
    pub fn rewrite_genesis(&self, table: &mut Table, dir: &Path) {
        for people in ["custodians", "approvers", "administrators", "witnesses"] {
            for person in tables(table, people) {
                let name = person.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
                let count = person.get("enrolments").and_then(Value::as_array).map_or(0, Vec::len);
                let Ok(name) = Name::new(&name) else { continue };
                let paths = (1..=count)
                    .map(|n| Value::String(enrolment_path(dir, &name, n).to_string_lossy().into_owned()));
                person.insert("enrolments".into(), Value::Array(paths.collect()));
            }
        }
        for target in tables(table, "targets") {
            self.rewrite_target(target, dir);
        }
    }

    /// Puts a practice token in the place of a target.
    pub fn rewrite_target(&self, target: &mut Table, dir: &Path) {
        let name = target.get("name").and_then(Value::as_str).unwrap_or_default().to_owned();
        let path = dir.join("tokens").join(format!("{name}.token"));
        target.insert("kind".into(), Value::String("practice".into()));
        target.insert("path".into(), Value::String(path.to_string_lossy().into_owned()));
        target.remove("module");
        target.remove("slot");
        if let Some(serial) = Name::new(&name).ok().and_then(|name| self.serials.get(&name)) {
            target.insert("serial".into(), Value::String(serial.clone()));
        }
    }

    /// The administrator, who proposes and executes.
    pub fn administrator(&self) -> Name {
        self.administrator.clone()
    }

    /// Hands out a person's first card; [`Cast::takes_back`] it when they have done their part.
    pub fn card(&mut self, name: &Name) -> Result<PresentedCard, Error> {
        self.cards.remove(name).ok_or_else(|| {
            Error::problem(format!("{name} has no card in this rehearsal"), "this is a defect: report it")
        })
    }

    /// Hands out the first card of the administrator who opens the releases with the one who executes.
    pub fn keeper(&mut self) -> Option<(Name, PresentedCard)> {
        self.cards.remove_entry(self.keeper.as_ref()?)
    }

    pub fn takes_back(&mut self, name: Name, card: PresentedCard) {
        self.cards.insert(name, card);
    }

    /// A person's name as it is read aloud.
    pub fn full_name(&self, name: &Name) -> String {
        self.names.get(name).map_or_else(|| name.to_string(), Line::to_string)
    }

    /// The PIN that is in force on a token before the quorum takes it over, or that its owner keeps.
    pub fn present_pin(&self, target: &Name, role: Role) -> Result<Pin, Error> {
        let pin = self.pins.get(&(target.clone(), role));
        let pin = pin.ok_or_else(|| {
            Error::problem(format!("no {role} of {target} in this rehearsal"), "this is a defect: report it")
        })?;
        Ok(Pin::copy_of(pin.expose())?)
    }
}

fn make_card(dir: &Path, member: &MemberTable, number: usize) -> Result<(PathBuf, SoftCard, Pin), Error> {
    let path = dir.join("cards").join(format!("{}-{number}.card", member.name));
    let pin = random_pin()?;
    let card = SoftCard::create_unlocked(&path, &pin, SystemClock.now())?;
    Ok((path, card, pin))
}

fn tables<'t>(table: &'t mut Table, key: &str) -> impl Iterator<Item = &'t mut Table> {
    let list = table.get_mut(key).and_then(Value::as_array_mut);
    list.into_iter().flatten().filter_map(Value::as_table_mut)
}

fn enrolment_path(dir: &Path, name: &Name, number: usize) -> PathBuf {
    dir.join("enrolments").join(format!("{name}-{number}.json"))
}

fn token_path(dir: &Path, target: &TargetTable) -> PathBuf {
    dir.join("tokens").join(format!("{}.token", target.name))
}

/// Sample keys, and whatever the rehearsal's deletions name.
fn seed(token: &mut PracticeToken, user: &Pin, target: &TargetTable, plans: &[Source]) -> Result<(), Error> {
    token.generate(user, Sample::P256, "issuing-2026", &[0x51], Extractable::Yes)?;
    token.generate(user, Sample::Ed25519, "code-signing", &[0x52], Extractable::Yes)?;
    token.generate(user, Sample::Aes256, "archive-kek", &[0x53], Extractable::Yes)?;
    token.generate(user, Sample::Data(b"played, not real"), "issuer-profile", &[], Extractable::Yes)?;
    let mut made: Vec<(bool, String, String)> = Vec::new();
    for plan in plans {
        let Plan::Delete(delete) = &plan.plan else { continue };
        if delete.target != target.name {
            continue;
        }
        for object in &delete.objects {
            let pair = matches!(object.class, ObjectClass::PrivateKey | ObjectClass::PublicKey);
            let id = object.id.clone().unwrap_or_else(|| "77".into());
            let label = object.label.as_ref().map_or_else(|| "rehearsed".to_owned(), String::clone);
            if !made.contains(&(pair, id.clone(), label.clone())) {
                make(token, user, object, &label, &id)?;
                made.push((pair, id, label));
            }
        }
    }
    Ok(())
}

fn make(
    token: &mut PracticeToken,
    user: &Pin,
    object: &ObjectSelector,
    label: &str,
    id: &str,
) -> Result<(), Error> {
    let id = base16ct::lower::decode_vec(id).unwrap_or_default();
    let sample = match object.class {
        ObjectClass::PrivateKey | ObjectClass::PublicKey => Sample::P256,
        ObjectClass::SecretKey => Sample::Aes256,
        ObjectClass::Certificate => Sample::Certificate(b"played, not real"),
        ObjectClass::Data => Sample::Data(b"played, not real"),
        ObjectClass::Other => {
            return Err(Error::refused(
                "the practice token has no objects of other classes",
                "name an object of one of the five classes",
            ));
        }
    };
    token.generate(user, sample, label, &id, Extractable::Yes)?;
    Ok(())
}

/// Twelve random digits.
fn random_pin() -> Result<Pin, Error> {
    let mut bytes = LockedBytes::zeroed(12)?;
    let random = getrandom::fill(bytes.expose_mut());
    random.map_err(|e| Error::problem(format!("no random numbers: {e}"), "check the kernel's generator"))?;
    for byte in bytes.expose_mut() {
        // 256 is not a multiple of 10: the slight bias is of no matter to a PIN that is thrown away.
        *byte = byte.wrapping_rem(10).wrapping_add(b'0');
    }
    Ok(Pin::new(bytes))
}
