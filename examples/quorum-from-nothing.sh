#!/usr/bin/env bash
set -euo pipefail
umask 077
examples=${EXAMPLES:-/usr/local/share/doc/quorate/examples}
module=/usr/lib/softhsm/libsofthsm2.so

# A token in use, with a key that is to go and one that is to stay.
if [ -z "${SOFTHSM2_CONF:-}" ]; then
    mkdir tokens
    echo "directories.tokendir = $PWD/tokens" > softhsm2.conf
    export SOFTHSM2_CONF=$PWD/softhsm2.conf
fi
token() { pkcs11-tool --module "$module" --token-label root-2026 "$@"; }
echo so-pin-of-today > so.pin
softhsm2-util --init-token --free --label root-2026 --so-pin "$(cat so.pin)" --pin user-pin-of-today
for key in 2019 2026; do
    token --login --pin user-pin-of-today --keypairgen --key-type EC:prime256v1 --id $key --label root-$key
done
serial=$(pkcs11-tool --module "$module" --list-token-slots |
    sed -n '/token label *: root-2026$/,/serial num/s/.*serial num *: //p')

# Every machine has a state directory of its own; here the machines are played by folders.
at() { local machine=$1; shift; quorate --yes --json --state-dir "$machine.state" "$@" 2>> prose.log; }
card() { echo --card "soft:$1.card" --pin-file "$1.pin"; }
# What was released is opened by two administrators: whoever is asked for --card, and another one.
keepers() { echo $(card "$1") --keeper "soft:$2.card" --keeper-pin-file "$2.pin"; }

# Cards and enrolments, each made by its holder.
mkdir enrolments
while read -r name full_name; do
    head -c 12 /dev/urandom | base64 > "$name.pin"
    at "$name" card new "soft:$name.card" --pin-file "$name.pin"
    witness=(); [ "$name" != grace ] || witness=(--witness)
    at "$name" card enroll $(card "$name") --name "$name" --full-name "$full_name" "${witness[@]}" \
        -o "enrolments/$name.json"
done > enrolled.log <<'PEOPLE'
alice Alice Archer
bob Bob Baker
carol Carol Carver
dave Dave Draper
erin Erin Eaton
frank Frank Farmer
grace Grace Glover
heidi Heidi Hooper
ivan Ivan Irving
PEOPLE

# The plan: soft cards and one disk are recorded deviations.
sed -e 's/^allow_soft_cards = false/allow_soft_cards = true/' \
    -e 's/^allow_same_medium = false/allow_same_medium = true/' \
    -e "s/^serial = .*/serial = \"$serial\"/" "$examples/genesis.toml" > genesis.toml

# Genesis: frank proposes, every custodian approves and hands over their share, the token's SO PIN of today is presented once.
at station propose genesis.toml ledger $(card frank) --copy copy | jq -r .proposal > genesis.txt
for name in alice bob carol dave erin; do
    at station approve ledger $(card "$name") > "$name.log"
done
at station execute ledger $(keepers frank heidi) --copy copy --present-pin root-hsm:so-pin=so.pin | jq -r .head > head.txt
for name in alice bob carol dave erin grace; do
    at station attest ledger $(card "$name") --copy copy > "$name.log"
done

# Deletion: alice approves at the station, bob and carol at home, with copies of the ledger and the head from paper.
at station propose "$examples/delete.toml" ledger $(card frank) --copy copy > proposed.json
at station approve ledger $(card alice) --head "$(cat head.txt)" > alice.log
for name in bob carol; do
    cp -R ledger "$name.ledger"
    at "$name" approve "$name.ledger" $(card "$name") --head "$(cat head.txt)" -o "$name.approval" > "$name.log"
done

# Two are too few: exit code 6, and no share leaves its card.
status=0
at station release ledger bob.approval $(card alice) > early.json || status=$?
[ "$status" -eq 6 ]

# Three are a quorum: now each hands over their shares. Those at home have the others' approvals as files.
at station release ledger bob.approval carol.approval $(card alice) > alice.log
for name in bob carol; do
    at "$name" release "$name.ledger" bob.approval carol.approval $(card "$name") -o "$name.release" > "$name.log"
done

# Two administrators are there; frank, who proposed, is not needed. The files with the shares are destroyed.
at station execute ledger bob.release carol.release $(keepers heidi ivan) --copy copy > executed.json
jq -r .head executed.json > head.txt
[ "$(jq -r .outcome executed.json)" = completed ] && [ ! -e bob.release ] && [ ! -e carol.release ]
for name in alice bob carol grace; do
    at station attest ledger $(card "$name") --copy copy > "$name.log"
done

# An independent look: one key is gone, the other is there.
token --list-objects > objects.txt
! grep root-2019 objects.txt
grep root-2026 objects.txt

# The audit needs the two numbers from paper, and no card, no PIN, no HSM.
quorate audit ledger copy --genesis "$(cat genesis.txt)" --head "$(cat head.txt)"
