#!/usr/bin/env bash
# Seeds for the fuzz targets, out of a rehearsal: seeds.sh QUORATE DIRECTORY. Adds to DIRECTORY/TARGET.
set -euo pipefail
quorate=$1 into=$2
examples=$(cd "$(dirname "${BASH_SOURCE[0]}")/../ceremonies" && pwd)
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT

"$quorate" rehearse --dir "$room/rehearsal" > "$room/told"
cd "$room/rehearsal"
for target in envelope line ledger plan share credential certificate approval enrolment age_file card_answers worker_messages; do
    mkdir -p "$into/$target"
done

# Reads what to keep, and names it by its digest.
seed() {
    cat > "$room/seed"
    mv "$room/seed" "$into/$1/$(sha256sum "$room/seed" | cut -c1-16)"
}

for transcript in ledger/*/transcript.jsonl; do
    while IFS= read -r line; do
        printf %s "$line" | seed line
        printf %s "$line" | seed envelope
    done < "$transcript"
done
for ceremonies in 1 2 4; do
    for folder in $(find ledger -mindepth 1 -maxdepth 1 -type d | sort | head -n "$ceremonies"); do
        cat "$folder/transcript.jsonl"; printf '\0'
        cat "$folder/plan.toml"; printf '\0'
        find "$folder/approvals" -name '*.json' | sort | head -n 1 | xargs -r cat; printf '\0'
        find "$folder/attestations" -name '*.json' | sort | head -n 1 | xargs -r cat; printf '\0'
        printf '\0'
    done | seed ledger
done
for plan in "$examples"/*.toml ledger/*/plan.toml; do
    seed plan < "$plan"
done
for enrolment in enrolments/*.json; do
    seed enrolment < "$enrolment"
done
# What an approval file is around a statement; a rejection's has no release.
for statement in ledger/*/approvals/*.json; do
    printf '{"statement":%s,"release":null}\n' "$(cat "$statement")" | seed approval
    printf '{"statement":%s,"release":"%s"}\n' "$(cat "$statement")" "$(head -c 300 backup.age | base64 -w0)" | seed approval
done
seed age_file < <(head -c 2000 backup.age)
# Credentials, and shares as they are sealed to cards.
head -n 1 ledger/0000-genesis/transcript.jsonl | jq -r .payload | base64 -d | jq -r .event.proposal.payload | base64 -d |
    jq -r '[.. | objects | .file? // empty | strings][:6][]' | while read -r sealed; do
    base64 -d <<< "$sealed" | seed age_file
done

secret=$(printf 'ab%.0s' {1..32})
printf 'quorate-share-v2\ndealing %s\nepoch 1\nauthority crypto-officer\ncustodian alice\nindex 1\nthreshold 3\nsecret %s\n' \
    "$secret" "$secret" | seed share
printf 'quorate-credential-v2\nledger %s\nauthority crypto-officer\ntarget root-hsm\nrole user-pin\nversion 1\nsecret %s\n' \
    "$secret" "$secret" | seed credential

openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -noenc -keyout key.pem -outform DER -out certificate.der \
    -subj '/CN=Yubico PIV Attestation' -days 3650 -addext 1.3.6.1.4.1.41482.3.3=DER:050701 \
    -addext 1.3.6.1.4.1.41482.3.8=DER:0303 2> /dev/null
seed certificate < certificate.der
length=$(stat -c %s certificate.der)
{ printf '\x70\x82'; printf "\\x$(printf %02x $((length / 256)))\\x$(printf %02x $((length % 256)))"; cat certificate.der
  printf '\x71\x01\x00\xfe\x00'; } | seed card_answers
printf '{"format":"quorate-card-keys-v1","keys":{"82":null,"9c":"%s"}}' "$secret" | seed card_answers

frame() { printf "\\x00\\x00\\x$(printf %02x $((${#1} / 256)))\\x$(printf %02x $((${#1} % 256)))%s" "$1"; }
{ frame '{"Calling":"C_Login"}'; frame '"Changing"'; frame '{"Done":"Pin"}'; } | seed worker_messages
{ frame '{"Progress":{"what":"exporting","done":1,"total":2}}'; frame '{"Spent":{"micros":1,"calls":1}}'; frame '"WantEntry"'; } |
    seed worker_messages
frame '{"Entry":null}' | seed worker_messages
