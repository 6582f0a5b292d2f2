# A ceremony of three custodians: PLAN LEDGER COPY.
hold() {
    at station propose "$1" "$2" $(card frank) --copy "$3" > proposed.json
    for name in alice bob carol; do
        at station approve "$2" $(card "$name") --head "$(jq -r .head executed.json)" > "$name.log"
    done
    for name in alice bob carol; do
        at station release "$2" $(card "$name") > "$name.log"
    done
    at station execute "$2" $(keepers frank heidi) --copy "$3" > executed.json
}

# 1. The root signs its certificate, and then a CRL. certtool logs in to the token with a PIN that nobody has.
cat > template <<'TEMPLATE'
cn = "Offline Root"
ca
cert_signing_key
crl_signing_key
expiration_days = 3650
crl_next_update = 30
crl_number = 1
TEMPLATE
plan_use() {    # TITLE OUTPUT ARGUMENTS, in which KEY is the private key
    local key='pkcs11:token=root-2026;object=root-2026;type=private?pin-source={file:user-pin}'
    cat <<PLAN
kind = "use"
title = "$1"
expires_in_hours = 48
target = "root-hsm"
program = "/usr/bin/certtool"
sha256 = "$(sha256sum /usr/bin/certtool | cut -d' ' -f1)"
arguments = ["--provider", "$module", ${3/KEY/$key}, "--template", "{input:template}", "--outfile", "{output:made}"]
environment = { SOFTHSM2_CONF = "$SOFTHSM2_CONF" }
credentials = [{ role = "user-pin", to = "descriptor" }]
inputs = [{ name = "template", path = "$PWD/template" }, { name = "certificate", path = "$PWD/${4:-template}" }]
outputs = [{ name = "made", path = "$PWD/$2" }]
time_limit_seconds = 60
PLAN
}
public='pkcs11:token=root-2026;object=root-2026;type=public'
plan_use "Sign the root's certificate" root.pem \
    "\"--generate-self-signed\", \"--load-privkey\", \"KEY\", \"--load-pubkey\", \"$public\"" > certificate.toml
hold certificate.toml ledger copy
plan_use "Sign the CRL of July" root.crl \
    '"--generate-crl", "--load-ca-privkey", "KEY", "--load-ca-certificate", "{input:certificate}"' root.pem > crl.toml
hold crl.toml ledger copy
openssl crl -in root.crl -CAfile root.pem -noout 2>&1 | grep 'verify OK'
jq .program.run.outputs executed.json

# 2. A key in a file, whose passphrase only the quorum has: openssl makes it, and signs with it.
sed -e '/^\[\[targets\]\]/,$d' -e 's/^\[operations\]/&\ncommand = ["crypto-officer"]/' genesis.toml > offline.toml
cat >> offline.toml <<PLAN
[[targets]]
name = "offline-key"
kind = "command"
program = "/usr/bin/openssl"
sha256 = "$(sha256sum /usr/bin/openssl | cut -d' ' -f1)"
[targets.credentials]
secret = { authority = "crypto-officer", custody = "held" }
PLAN
at station propose offline.toml offline $(card frank) --copy offline.copy > proposed.json
for name in alice bob carol dave erin; do
    at station approve offline $(card "$name") > "$name.log"
done
at station execute offline $(keepers frank heidi) --copy offline.copy > executed.json
plan_command() {    # TITLE OUTPUT INPUT ARGUMENTS
    cat <<PLAN
kind = "command"
title = "$1"
expires_in_hours = 48
target = "offline-key"
arguments = [$4, "-out", "{output:made}"]
credentials = [{ role = "secret", to = "stdin" }]
inputs = [{ name = "document", path = "$PWD/firmware" }, { name = "key", path = "$PWD/$3" }]
outputs = [{ name = "made", path = "$PWD/$2" }]
time_limit_seconds = 60
PLAN
}
echo "a release" > firmware
plan_command "Make the key" key.pem firmware '"genpkey", "-algorithm", "ED25519", "-aes-256-cbc", "-pass", "stdin"' > make.toml
hold make.toml offline offline.copy
plan_command "Show its public half" public.pem key.pem '"pkey", "-in", "{input:key}", "-passin", "stdin", "-pubout"' > show.toml
hold show.toml offline offline.copy
plan_command "Sign the release" firmware.sig key.pem \
    '"pkeyutl", "-sign", "-inkey", "{input:key}", "-passin", "stdin", "-rawin", "-in", "{input:document}"' > sign.toml
hold sign.toml offline offline.copy
openssl pkeyutl -verify -pubin -inkey public.pem -rawin -in firmware -sigfile firmware.sig
