//! A module of another make, NSS softoken, through the real binary: it has no SO, one serial number for all its tokens, parameters in
//! place of a configuration, and CKM_AES_KEY_WRAP_KWP. Its keys go to SoftHSM and back. Checked by `certutil`.

use crate::support::quorum;
use crate::support::quorum::Quorum;
use std::{fs, process::Command};

use crate::support::softhsm::{SoftHsm, USER_PIN};
use crate::support::tokens::{FOUR, THREE, Target, inventory};

/// What NSS calls its database, and the serial number of all of them.
const LABEL: &str = "NSS Certificate DB";
const SERIAL: &str = "0000000000000000";

/// A SoftHSM, and a database of NSS with an EC and an RSA key, their certificates, and a user PIN that an application has.
struct Pair {
    quorum: Quorum,
}

impl Pair {
    fn new() -> Self {
        let mut quorum = Quorum::of(5).over(SoftHsm::new());
        fs::create_dir(quorum.path("nss")).unwrap();
        fs::write(quorum.path("noise"), [7; 64]).unwrap();
        let parameters = format!("configdir='sql:{}'", quorum.at("nss"));
        quorum.environment.push(("NSS_LIB_PARAMS".into(), parameters));
        let pair = Self { quorum };
        pair.certutil(&["-N"]);
        pair.certificate("root", &["-k", "ec", "-q", "nistp384"]);
        pair.certificate("old", &["-k", "rsa", "-g", "2048"]);
        pair
    }

    fn certutil(&self, args: &[&str]) -> String {
        let quorum = &self.quorum;
        let output = Command::new("certutil")
            .args(args)
            .args(["-d", &format!("sql:{}", quorum.at("nss")), "-f", &quorum.at("user.pin")])
            .output()
            .unwrap();
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn certificate(&self, name: &str, key: &[&str]) {
        let (subject, noise) = (format!("CN={name}"), self.quorum.at("noise"));
        let args = ["-S", "-x", "-n", name, "-s", &subject, "-t", "CTu,,", "-z", &noise];
        self.certutil(&[&args[..], key].concat());
    }

    /// How many private keys the database has, as its own tool says.
    fn private_keys(&self) -> usize {
        self.certutil(&["-K"]).lines().filter(|line| line.starts_with('<')).count()
    }

    fn nss(&self) -> Target {
        let module = format!("/usr/lib/{}-linux-gnu/libsoftokn3.so", std::env::consts::ARCH);
        Target {
            name: "nss",
            module,
            serial: Some(SERIAL.into()),
            so_pin: None,
            user_pin: "borrowed",
            ..Target::empty(LABEL)
        }
    }

    /// A ceremony on the database, to which the application's PIN is handed.
    fn ceremony(&self, plan: &str, approving: &[&str]) -> quorum::Ran {
        self.quorum.approved(plan, approving);
        let pin = format!("nss:user-pin={}", self.quorum.at("user.pin"));
        self.quorum.execute_with(&["--present-pin", &pin]).ok()
    }

    fn backup(&self, target: &str, output: &str) -> String {
        format!(
            "kind = \"backup\"\ntitle = \"B\"\nexpires_in_hours = 1\ntarget = \"{target}\"\noutput = \"{}\"\n\
             allow_partial = {}\n",
            self.quorum.at(output),
            // The trust that NSS keeps of a certificate is of a class of its own, which does not leave it.
            target == "nss"
        )
    }

    fn restore(&self, target: &str, backup: u32, input: &str) -> String {
        format!(
            "kind = \"restore\"\ntitle = \"R\"\nexpires_in_hours = 1\ntarget = \"{target}\"\nbackup = {backup}\n\
             input = \"{}\"\n",
            self.quorum.at(input)
        )
    }

    fn compare(&self, code: i32) {
        let ledger = self.quorum.at("ledger");
        self.quorum.run(&["compare", "nss", "hsm", "--ledger", &ledger]).expect(code);
    }
}

#[test]
fn keys_go_from_nss_to_softhsm_and_back() {
    let pair = Pair::new();
    let quorum = &pair.quorum;
    quorum.found(&[pair.nss(), Target::empty("lab")]);
    pair.compare(3);
    let saved = pair.ceremony(&pair.backup("nss", "files/of-nss"), FOUR);
    let left_out = saved.json["left_out"].as_array().unwrap();
    assert!(!left_out.is_empty());
    assert!(left_out.iter().all(|left| left["object"]["key_type"] == "nss-trust"), "{left_out:?}");
    quorum.ceremony(&pair.restore("hsm", 1, "files/of-nss"), FOUR).ok();
    pair.compare(0);

    // One key dies, and comes back from the other token's own backup.
    let listed = pair.certutil(&["-K"]);
    let id =
        listed.lines().find(|line| line.ends_with("old")).and_then(|line| line.split_whitespace().nth(3));
    let delete = format!(
        "kind = \"delete\"\ntitle = \"D\"\nexpires_in_hours = 1\ntarget = \"nss\"\n\
         [[objects]]\nclass = \"private-key\"\nid = \"{}\"\n",
        id.unwrap()
    );
    assert_eq!(pair.private_keys(), 2);
    pair.ceremony(&delete, THREE);
    assert_eq!(pair.private_keys(), 1);
    quorum.ceremony(&pair.backup("hsm", "files/of-softhsm"), FOUR).ok();
    pair.ceremony(&pair.restore("nss", 4, "files/of-softhsm"), FOUR);
    assert_eq!(pair.private_keys(), 2);
    pair.ceremony(&inventory("nss"), THREE);
    pair.compare(0);
    // The key that was made again signs for the application.
    let request = quorum.at("files/request");
    pair.certutil(&["-R", "-k", "old", "-s", "CN=again", "-o", &request, "-z", &quorum.at("noise")]);
    assert!(!quorum.is_stored(USER_PIN));
}

#[test]
fn what_nss_does_not_have_is_refused_when_it_is_proposed() {
    let pair = Pair::new();
    let held = Target { so_pin: Some("held"), user_pin: "held", ..pair.nss() };
    let plan = pair.quorum.genesis_text(&quorum::CUSTODIANS, &held.table());
    let plan = pair.quorum.plan("genesis", &plan);
    let refused = pair.quorum.propose(&plan).expect(3);
    assert!(refused.error().contains("NSS has no SO beside its user"), "{}", refused.error());
    assert_eq!(pair.private_keys(), 2);
}
