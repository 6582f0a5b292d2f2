//! The plan of a genesis, as a test wants it.

use super::quorum::Quorum;

/// Five custodians, or fewer, and an administrator; 3 of them for the crypto officer and 4 for the security officer, unless
/// a test says otherwise.
pub struct GenesisPlan {
    people: String,
    policy: Vec<String>,
    thresholds: Vec<(String, u8)>,
    operations: Vec<(String, String)>,
    targets: String,
}

impl GenesisPlan {
    pub(super) fn of(quorum: &Quorum, custodians: &[&str], administrator: &str) -> Self {
        let crypto = ["crypto-officer"];
        let both = ["crypto-officer", "security-officer"];
        let mut plan = Self {
            people: String::new(),
            policy: Vec::new(),
            thresholds: Vec::new(),
            operations: Vec::new(),
            targets: String::new(),
        };
        for custodian in custodians {
            plan = plan.person(quorum, "custodians", custodian);
        }
        plan.person(quorum, "administrators", administrator)
            .policy("allow_soft_cards = true")
            .policy("copies = 2")
            .policy("allow_same_medium = true")
            .threshold("crypto-officer", 3)
            .threshold("security-officer", 4)
            .operation("inventory", &crypto)
            .operation("delete", &crypto)
            .operation("reset", &["security-officer"])
            .operation("backup", &both)
            .operation("restore", &both)
    }

    fn person(mut self, quorum: &Quorum, kind: &str, name: &str) -> Self {
        let full_name = format!("{}{} Example", name[..1].to_uppercase(), &name[1..]);
        let spare = if quorum.path(&format!("enrolments/{name}-spare.json")).exists() {
            format!(", \"../enrolments/{name}-spare.json\"")
        } else {
            String::new()
        };
        self.people += &format!(
            "[[{kind}]]\nname = \"{name}\"\nfull_name = \"{full_name}\"\nenrolments = [\"../enrolments/{name}.json\"{spare}]\n"
        );
        self
    }

    /// With another administrator.
    pub fn administrator(self, quorum: &Quorum, name: &str) -> Self {
        self.person(quorum, "administrators", name)
    }

    /// With a witness.
    pub fn witness(self, quorum: &Quorum, name: &str) -> Self {
        self.person(quorum, "witnesses", name)
    }

    /// With a line of its policy, in the place of an earlier one of that name.
    pub fn policy(mut self, line: &str) -> Self {
        let name = |line: &str| line.split(' ').next().unwrap().to_owned();
        self.policy.retain(|earlier| name(earlier) != name(line));
        self.policy.push(line.to_owned());
        self
    }

    /// Without a line of its policy.
    pub fn without_policy(mut self, name: &str) -> Self {
        self.policy.retain(|line| !line.starts_with(name));
        self
    }

    /// With an authority of this threshold, or another threshold of one.
    pub fn threshold(mut self, authority: &str, threshold: u8) -> Self {
        match self.thresholds.iter_mut().find(|(name, _)| name == authority) {
            Some((_, earlier)) => *earlier = threshold,
            None => self.thresholds.push((authority.to_owned(), threshold)),
        }
        self
    }

    /// With what an operation requires, in the place of what it required before.
    pub fn operation(mut self, operation: &str, authorities: &[&str]) -> Self {
        self.operations.retain(|(name, _)| name != operation);
        self.operations.push((operation.to_owned(), format!("{authorities:?}")));
        self
    }

    /// With what inventories and deletions require: those that use a user PIN alone.
    pub fn looking_and_deleting(self, authorities: &[&str]) -> Self {
        self.operation("inventory", authorities).operation("delete", authorities)
    }

    /// With these `[[targets]]` tables.
    pub fn targets(mut self, tables: &str) -> Self {
        self.targets += tables;
        self
    }

    /// The plan as TOML.
    pub fn text(&self) -> String {
        let lines = |lines: &[(String, String)]| -> String {
            lines.iter().map(|(name, value)| format!("{name} = {value}\n")).collect()
        };
        let authorities: String = self
            .thresholds
            .iter()
            .map(|(name, threshold)| format!("[[authorities]]\nname = \"{name}\"\nthreshold = {threshold}\n"))
            .collect();
        format!(
            "kind = \"genesis\"\ntitle = \"Test genesis\"\nexpires_in_hours = 24\n[policy]\n{}\n{}{authorities}\
             [operations]\n{}{}",
            self.policy.join("\n"),
            self.people,
            lines(&self.operations),
            self.targets
        )
    }
}
