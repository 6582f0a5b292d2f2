//! A token that a program uses with the PIN that the quorum holds.

use crate::support::quorum::Quorum;
use std::{fs, path::PathBuf, process::Command};

use crate::{
    programs::quorum::{by, input, output, puppet, sha256},
    support::{
        softhsm::{MODULE, SoftHsm, USER_PIN},
        tokens::{THREE, Target, inventory},
    },
};

const TEMPLATE: &str = "cn = \"Offline Root\"\nca\ncert_signing_key\ncrl_signing_key\nserial = 1\nexpiration_days = 3650\n\
    crl_next_update = 30\ncrl_number = 7\n";

/// A taken-over token `lab` with the pair `root`, its certificate, and what a CRL is made of.
fn root() -> Quorum {
    let hsm = SoftHsm::with_token("lab");
    hsm.make_key("lab", "EC:prime256v1", "root", "01");
    let quorum = Quorum::of(5).over(hsm);
    for (name, text) in [("template", TEMPLATE), ("pin", USER_PIN)] {
        fs::write(quorum.path(&format!("files/{name}")), text).unwrap();
    }
    let key = |class: &str| format!("pkcs11:token=lab;object=root;type={class}");
    let made = Command::new("certtool")
        .args([
            "--provider",
            MODULE,
            "--generate-self-signed",
            "--template",
            "template",
            "--outfile",
            "certificate",
        ])
        .args(["--load-privkey", &format!("{}?pin-source={}", key("private"), quorum.at("files/pin"))])
        .args(["--load-pubkey", &key("public")])
        .env("SOFTHSM2_CONF", quorum.hsm().conf())
        .current_dir(quorum.path("files"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}: install gnutls-bin");
    let target = Target::in_use(quorum.hsm(), "lab");
    quorum.found(&[target]);
    quorum
}

fn openssl() -> PathBuf {
    fs::canonicalize("/usr/bin/openssl").unwrap()
}

fn sign_crl(quorum: &Quorum) -> String {
    let file = |name: &str| quorum.path(&format!("files/{name}"));
    let certtool = fs::canonicalize("/usr/bin/certtool").unwrap();
    format!(
        "kind = \"use\"\ntitle = \"Sign the CRL\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nprogram = \"{}\"\n\
         sha256 = \"{}\"\narguments = [\"--provider\", \"{MODULE}\", \"--generate-crl\", \"--load-ca-privkey\", \
         \"pkcs11:token=lab;object=root;type=private?pin-source={{file:user-pin}}\", \"--load-ca-certificate\", \
         \"{{input:certificate}}\", \"--template\", \"{{input:template}}\", \"--outfile\", \"{{output:crl}}\"]\n\
         environment = {{ SOFTHSM2_CONF = \"{}\" }}\ntime_limit_seconds = 60\n{}{}{}{}",
        certtool.display(),
        sha256(&certtool),
        quorum.hsm().conf(),
        by("user-pin", "descriptor"),
        input("certificate", &file("certificate")),
        input("template", &file("template")),
        output("crl", &file("crl.pem")),
    )
}

/// A use that has the puppet do this.
pub fn puppet_use(arguments: &[&str], rest: &str) -> String {
    let arguments = arguments.iter().map(|a| format!("{a:?}")).collect::<Vec<_>>().join(", ");
    format!(
        "kind = \"use\"\ntitle = \"Use\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nprogram = \"{}\"\nsha256 = \"{}\"\n\
         arguments = [{arguments}]\ntime_limit_seconds = 20\n{rest}",
        puppet().display(),
        sha256(puppet()),
    )
}

fn logs_in(quorum: &Quorum, pin: &str) -> bool {
    let tried = Command::new("pkcs11-tool")
        .env("SOFTHSM2_CONF", quorum.hsm().conf())
        .args(["--module", MODULE, "--token-label", "lab", "--login", "--pin", pin, "--list-objects"])
        .output()
        .unwrap();
    tried.status.success()
}

#[test]
fn a_crl_is_signed_and_the_pin_that_certtool_saw_holds_no_more() {
    let quorum = root();
    let briefed = quorum.propose(&sign_crl(&quorum)).ok();
    for said in [
        "can do all that this PIN can: use, make and DELETE keys",
        "on a descriptor of its own: {fd:user-pin} is its number",
    ] {
        let words: Vec<&str> = briefed.stderr.split_whitespace().collect();
        assert!(words.join(" ").contains(said), "{said}: {}", briefed.stderr);
    }
    for name in THREE {
        quorum.approve(name).ok();
    }
    let done = quorum.execute().ok();
    let crl = quorum.path("files/crl.pem");
    let checked = Command::new("openssl")
        .args(["crl", "-noout", "-crlnumber", "-in"])
        .arg(&crl)
        .arg("-CAfile")
        .arg(quorum.path("files/certificate"))
        .output()
        .unwrap();
    let told =
        String::from_utf8_lossy(&checked.stderr).into_owned() + &String::from_utf8_lossy(&checked.stdout);
    assert!(told.contains("verify OK") && told.contains("crlNumber=0x07"), "{told}");
    let outputs = done.json["program"]["run"]["outputs"].as_array().unwrap();
    assert_eq!(outputs[0]["sha256"].as_str().unwrap(), sha256(&crl).to_string());
    assert_eq!(done.json["pins"][0]["version"].as_u64(), Some(2), "{}", done.json["pins"]);
    // The next ceremony logs in with the new one.
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn the_pin_that_a_program_keeps_is_of_no_use_to_it() {
    let quorum = root();
    let kept = quorum.path("kept");
    let plan =
        puppet_use(&["copy-file", "{file:user-pin}", kept.to_str().unwrap()], &by("user-pin", "descriptor"));
    quorum.ceremony(&plan, THREE).ok();
    let pin = fs::read_to_string(&kept).unwrap();
    assert_eq!(pin.len(), 30);
    assert!(!logs_in(&quorum, &pin), "the PIN that was kept still logs in");
    assert!(!quorum.is_stored(&pin));
    // With keep_pins it does, and the audit says so.
    fs::remove_file(&kept).unwrap();
    quorum.ceremony(&plan.replace("time_limit", "keep_pins = true\ntime_limit"), THREE).ok();
    assert!(logs_in(&quorum, &fs::read_to_string(&kept).unwrap()));
    let audit = quorum.prose(&["audit", &quorum.at("ledger")]);
    assert!(audit.stdout.contains("was not changed (keep_pins)"), "{}", audit.stdout);
}

/// By the terminal, with a client of another make: `pkcs11-tool` asks for the PIN.
#[test]
fn pkcs11_tool_signs_with_the_pin_typed_at_its_prompt() {
    let quorum = root();
    let document = quorum.path("files/document");
    fs::write(&document, sha256(&openssl()).as_bytes()).unwrap();
    let tool = fs::canonicalize("/usr/bin/pkcs11-tool").unwrap();
    let plan = format!(
        "kind = \"use\"\ntitle = \"Sign\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nprogram = \"{}\"\nsha256 = \"{}\"\n\
         arguments = [\"--module\", \"{MODULE}\", \"--token-label\", \"lab\", \"--login\", \"--sign\", \"--mechanism\", \
         \"ECDSA\", \"--signature-format\", \"openssl\", \"--id\", \"01\", \"--input-file\", \"{{input:document}}\", \
         \"--output-file\", \"{{output:signature}}\"]\nenvironment = {{ SOFTHSM2_CONF = \"{}\" }}\n\
         time_limit_seconds = 30\n{}{}{}",
        tool.display(),
        sha256(&tool),
        quorum.hsm().conf(),
        by("user-pin", "prompt Please enter User PIN:"),
        input("document", &document),
        output("signature", &quorum.path("files/signature")),
    );
    quorum.ceremony(&plan, THREE).ok();
    let files = quorum.path("files");
    let public = Command::new("openssl")
        .args(["x509", "-in", "certificate", "-noout", "-pubkey", "-out", "public"])
        .current_dir(&files)
        .output()
        .unwrap();
    assert!(public.status.success());
    let verified = Command::new("openssl")
        .args([
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            "public",
            "-sigfile",
            "signature",
            "-in",
            "document",
        ])
        .current_dir(&files)
        .output()
        .unwrap();
    assert!(verified.status.success(), "{verified:?}");
}

#[test]
fn a_use_that_deletes_a_key_is_not_called_completed() {
    let quorum = root();
    let tool = fs::canonicalize("/usr/bin/pkcs11-tool").unwrap();
    let plan = format!(
        "kind = \"use\"\ntitle = \"Sign\"\nexpires_in_hours = 1\ntarget = \"hsm\"\nprogram = \"{}\"\nsha256 = \"{}\"\n\
         arguments = [\"--module\", \"{MODULE}\", \"--token-label\", \"lab\", \"--login\", \"--delete-object\", \"--type\", \
         \"privkey\", \"--id\", \"01\"]\nenvironment = {{ SOFTHSM2_CONF = \"{}\" }}\ntime_limit_seconds = 30\n{}",
        tool.display(),
        sha256(&tool),
        quorum.hsm().conf(),
        by("user-pin", "prompt Please enter User PIN:"),
    );
    let seen = quorum.ceremony(&plan, THREE).expect(5);
    assert!(seen.error().contains("the token's objects are not the same as before"), "{}", seen.error());
    let closed = quorum.execute_with(&["--give-up"]).expect(5);
    assert_eq!(closed.text("outcome"), "indeterminate", "what it was before is forgotten");
    // Given up, the PIN that the program saw is changed all the same.
    assert_eq!(closed.json["pins"][0]["version"].as_u64(), Some(2), "{}", closed.json);
    quorum.ceremony(&inventory("hsm"), THREE).ok();
}

#[test]
fn another_program_or_input_gets_no_pin_and_a_borrowed_one_is_not_handed_on() {
    let quorum = root();
    let kept = quorum.path("kept");
    let document = quorum.path("files/document");
    fs::write(&document, "approved").unwrap();
    let mine = quorum.path("files/mine");
    fs::copy(puppet(), &mine).unwrap();
    let plan = puppet_use(
        &["copy-file", "{file:user-pin}", kept.to_str().unwrap()],
        &(by("user-pin", "descriptor") + &input("document", &document)),
    )
    .replace(puppet().to_str().unwrap(), mine.to_str().unwrap());
    quorum.approved(&plan, THREE);
    fs::write(&document, "swapped").unwrap();
    quorum.execute().expect(3);
    fs::write(&document, "approved").unwrap();
    let good = fs::read(&mine).unwrap();
    fs::write(&mine, fs::read(openssl()).unwrap()).unwrap();
    let refused = quorum.execute().expect(3);
    assert!(refused.error().contains("is not the program that is pinned"), "{}", refused.error());
    assert!(!kept.exists());
    fs::write(&mine, good).unwrap();
    quorum.execute().ok();
    assert!(kept.exists());
    let other = plan.replace(&sha256(puppet()).to_string(), &sha256(&openssl()).to_string());
    quorum.propose(&other).expect(3);

    let borrowed = Quorum::of(5).softhsm_in_use().borrowed().founded();
    let plan = puppet_use(&["say", "x"], &by("user-pin", "descriptor"));
    let refused = borrowed.propose(&plan).expect(3);
    assert!(refused.error().contains("does not have the user-pin"), "{}", refused.error());
}
