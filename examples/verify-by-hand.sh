#!/usr/bin/env bash
# Audits a ledger without quorate: openssl, jq, sha256sum and base64 do all the work.
#
#   verify-by-hand.sh LEDGER --genesis FINGERPRINT --head HEAD
#
# It is a second opinion by other hands, and a page to read: how a line is hashed and signed, what a release rests on. It checks
#   - that the lines of each transcript are chained, and the ceremonies to one another, from your genesis to your head;
#   - the signature of every line (the station's), of every statement in a line and of every attestation (a person's card's);
#   - that each release rests on enough approvals of this very proposal, in time, by distinct custodians, its own giver among them;
#   - that each ceremony that was intended had enough distinct custodians who approved and released, and that nobody who rejected
#     was counted;
#   - that each enrolment is signed by the key that it describes, and that the shares were dealt for this whole roster.
# It does not check what 'quorate audit' checks besides: attestations of cards, that a proposal does what its plan says, that
# an outcome agrees with the objects on record, that a ceremony is not earlier than those before it, the spelling of what is in
# an envelope, limits, the file plan.toml, rejections in approvals/, drills, and whether
# those whom an intent names suffice. Of an operation it knows whom it needs. An attestation that is not valid is a warning.
#
# Exit code: 0 all of that checks out; 1 something does not, and the first such thing is named; 2 it was called wrongly.
set -euo pipefail
export LC_ALL=C

# A number as it is on paper: hex in either case, as quorate takes it.
from_paper() {
    local hex=${1,,}
    [[ $hex =~ ^[0-9a-f]{64}$ ]] || { echo "'$1' is not 64 hex digits: this script does not read PGP words" >&2; exit 2; }
    echo "$hex"
}
usage() { echo "usage: $0 LEDGER --genesis FINGERPRINT --head HEAD" >&2; exit 2; }
[ $# -eq 5 ] && [ "$2" = --genesis ] && [ "$4" = --head ] || usage
ledger=$1
pinned_genesis=$(from_paper "$3") && pinned_head=$(from_paper "$5") || exit 2
for tool in openssl jq sha256sum base64; do
    command -v "$tool" > /dev/null || { echo "$tool is needed" >&2; exit 2; }
done
[ -d "$ledger" ] || { echo "$ledger is not a folder" >&2; exit 2; }

scratch=$(mktemp -d)
mkdir "$scratch/keys"
trap 'rm -rf "$scratch"' EXIT
where=$ledger
bad() { echo "BROKEN: $where: $*" >&2; exit 1; }
digest() { local sum; sum=$(sha256sum); echo "${sum%% *}"; }

# Files the PEM key on standard input under its keyid, the SHA-256 of its SubjectPublicKeyInfo in DER, and says the keyid.
file_key() {
    local id
    cat > "$scratch/key"
    openssl pkey -pubin -in "$scratch/key" -outform DER -out "$scratch/der" 2> "$scratch/openssl.log" || bad "a key is not one"
    id=$(digest < "$scratch/der")
    cp "$scratch/key" "$scratch/keys/$id"
    # The AlgorithmIdentifier of Ed25519 (RFC 8410).
    [ "$(head -c 12 "$scratch/der" | base64)" != MCowBQYDK2VwAyEA ] || : > "$scratch/keys/$id.ed25519"
    echo "$id"
}

# Unpacks the envelope $1 (JSON): its payload goes into the file $2, the rest into variables. It has one spelling: its texts are the
# odd ones of what lies between quotation marks, and written again they must give the same envelope.
unpack() {
    local part encoded
    IFS='"' read -r -a part <<< "$1"
    type=${part[3]-} encoded=${part[7]-} signer=${part[13]-} sig=${part[17]-}
    [ "$1" = '{"payloadType":"'"$type"'","payload":"'"$encoded"'","signatures":[{"keyid":"'"$signer"'","sig":"'"$sig"'"}]}' ] ||
        bad "it is not an envelope with one signature"
    base64 -d <<< "$encoded" > "$2" || bad "the payload is not base64"
}

# The envelope just unpacked, with its payload in the file $3, must be of the event $1, signed by the key of the keyid $2.
signed() {
    local key=$scratch/keys/$2
    [ "$type" = "$prefix.$1.v2+json" ] || bad "the type is '$type', not that of '$1'"
    [ "$signer" = "$2" ] || bad "$1: signed by another key"
    base64 -d <<< "$sig" > "$scratch/sig" || bad "$1: the signature is not base64"
    { printf 'DSSEv1 %d %s %d ' "${#type}" "$type" "$(stat -c %s "$3")"; cat "$3"; } > "$scratch/pae"
    if [ -e "$key.ed25519" ]; then
        openssl pkeyutl -verify -pubin -inkey "$key" -rawin -in "$scratch/pae" -sigfile "$scratch/sig"
    else
        openssl dgst -sha256 -verify "$key" -signature "$scratch/sig" "$scratch/pae"
    fi > "$scratch/openssl.log" 2>&1 || bad "$1: the signature does not verify"
}

# Takes a roster (JSON in $scratch/roster) apart: each card's key, and who holds it as what.
read_roster() {
    local mode=$prefix standing person enrolment id
    : > "$scratch/holders"
    jq -r '(["custodian", .custodians], ["approver", .approvers], ["administrator", .administrators],
            ["witness", .witnesses])
           | .[0] as $standing | .[1][] | .name as $name | .cards[]
           | [$standing, $name, (.statement | tojson)] | join(" ")' < "$scratch/roster" > "$scratch/people" ||
        bad "the roster is not one"
    # An enrolment has the same type in both modes.
    prefix=application/vnd.quorate
    while read -r standing person enrolment; do
        unpack "$enrolment" "$scratch/enrolment"
        id=$(jq -r --arg name "$person" 'if .holder == $name then .signing_key else empty end' < "$scratch/enrolment" | file_key)
        signed enrolment "$id" "$scratch/enrolment"
        ! grep -q "^$id " "$scratch/holders" || bad "one key is listed twice"
        echo "$id $standing $person" >> "$scratch/holders"
    done < "$scratch/people"
    [ -s "$scratch/holders" ] || bad "the roster lists nobody"
    prefix=$mode
    [ "$(jq -cj 'del(.deal, .commitments, .sealed_shares)' < "$scratch/roster" | digest)" = "$(jq -r .deal.rest < "$scratch/roster")" ] ||
        bad "its shares were dealt for another roster"
}

# Verifies the statement $1 of the event $2 as one of a person of the standing $3 (a pattern), and says what it says in
# variables: who, of_proposal, of_roster, of_head, at, agrees, of_nonce.
statement() {
    unpack "$1" "$scratch/statement"
    [[ $signer =~ ^[0-9a-f]{64}$ ]] && grep -q "^$signer " "$scratch/holders" ||
        bad "$2: signed by a key that is not in the roster"
    signed "$2" "$signer" "$scratch/statement"
    jq -r '(.custodian // .administrator // .person // .proposer), .proposal, .roster, .head, .time, .agrees, .ledger,
           .basis, .card' < "$scratch/statement" > "$scratch/said"
    { read -r who; read -r of_proposal; read -r of_roster; read -r of_head; read -r at; read -r agrees
      read -r of_nonce; read -r of_basis; read -r of_card; } < "$scratch/said"
    [[ $who =~ ^[a-z0-9-]+$ ]] && grep -Eqx "$signer ($3) $who" "$scratch/holders" ||
        bad "$2: $who did not sign it with a card of their own as $3"
}

# What the operation of the proposal does with shares: confirmed, released, or none.
shares_of() {
    case $kind in
        genesis) echo confirmed ;;
        retire) echo none ;;
        recover) recovered ;;
        *) echo released ;;
    esac
}

# A recovery opens credentials only of a ceremony that had begun, is not over, and logs in or sets PINs.
recovered() {
    local lost number_lost state_lost kind_lost
    lost=$(jq -r .operation.ceremony < "$scratch/proposal")
    while read -r number_lost state_lost kind_lost; do
        [ "$number_lost" = "$lost" ] || continue
        case "$state_lost $kind_lost" in
            "begun recover" | "begun retire" | "begun command" | other*) echo none ;;
            *) echo released ;;
        esac
    done < "$scratch/ceremonies"
}

# What the operation $1 needs: lines of a number and of the people of whom so many must approve. For each authority all
# custodians, and those of each group of which it demands some; then each approver.
needed() {
    jq -r --arg kind "$1" '
        . as $roster | .operations as $named | .deal.authorities as $all | [.custodians[].name] as $custodians
        | (if $kind == "genesis" or $kind == "recover" then null
           elif $kind == "adopt" or $kind == "retire" then $named[$kind]
           elif $kind == "use" then $named.use // $named.delete // {}
           else $named[$kind] // {} end) as $rule
        | ($all[] | select($rule == null or (.name as $name | $rule.authorities // [] | index($name)))
            | [if $kind == "genesis" then $custodians | length else .threshold end, $custodians[]],
              (.groups | to_entries[] | .key as $group
                | [.value, ($roster.custodians[] | select(.group == $group) | .name)])),
          ((if $kind == "genesis" then [.approvers[].name] else $rule.approvers // [] end)[] | [1, .])
        | join(" ")' < "$scratch/roster"
}

# The count: distinct people of the file $1 who did not reject, against what the operation needs; $2 says what for.
count() {
    local have minimum people
    sort -u "$scratch/rejected" > "$scratch/refusing"
    sort -u "$1" | comm -23 - "$scratch/refusing" > "$scratch/approving"
    needed "$kind" > "$scratch/needed" || bad "the roster does not say whom $kind needs"
    [ -s "$scratch/needed" ] || bad "no authority answers for the operation $kind"
    while read -r minimum people; do
        have=$(tr ' ' '\n' <<< "$people" | sort -u | comm -12 - "$scratch/approving" | wc -l)
        [ "$have" -ge "$minimum" ] || bad "$2 with $have approvals, $minimum are needed of $people"
    done < "$scratch/needed"
}

# Those who approved and, where shares are released, released.
intend() {
    local voice
    if [ "$shares" = released ]; then
        # An approver holds no share.
        { cat "$scratch/released"; grep ' approver ' "$scratch/holders" | cut -d ' ' -f 3 | grep -xFf - "$scratch/approved" || :; } |
            sort -u > "$scratch/acting"
    else
        sort -u "$scratch/approved" > "$scratch/acting"
    fi
    count "$scratch/acting" intended
    jq -r '.event.quorum[]' < "$scratch/entry" > "$scratch/quorum" || bad "it names no quorum"
    while read -r voice; do
        grep -qxF -- "$voice" "$scratch/acting" || bad "the quorum names $voice, who did not approve and release"
        ! grep -qxF -- "$voice" "$scratch/rejected" || bad "the quorum names $voice, who rejected"
    done < "$scratch/quorum"
}

# A release: what it rests on is above it, and enough.
release() {
    local last='' one
    [ "$shares" = released ] || bad "a release where none is due"
    statement "$inner" release custodian
    [ "$of_proposal" = "$proposal" ] || bad "a release for another proposal"
    [ "$of_roster" = "$roster" ] || bad "a release under another roster"
    [ "$of_card" = "$signer" ] || bad "a release by another card than it names"
    [[ ! $at > $expires ]] || bad "a release after the expiry"
    jq -cj .event.basis < "$scratch/entry" > "$scratch/basis"
    [ "$of_basis" = "$(digest < "$scratch/basis")" ] || bad "the release by $who rests on something else"
    jq -r '.approvals[]' < "$scratch/basis" > "$scratch/listed"
    : > "$scratch/supporting"
    while read -r one; do
        [[ $one > $last ]] || bad "the release by $who lists approvals out of order, or one twice"
        last=$one
        grep "^$one " "$scratch/approvals" | cut -d ' ' -f 2 >> "$scratch/supporting" ||
            bad "the release by $who lists an approval that is not above it"
    done < "$scratch/listed"
    grep -qxF -- "$who" "$scratch/supporting" || bad "$who released without an approval of their own"
    while read -r one; do
        ! grep -qxF -- "$one" "$scratch/rejected" || bad "the release by $who rests on $one, who had rejected"
    done < "$scratch/supporting"
    count "$scratch/supporting" "released by $who"
    ! grep -qxF -- "$who" "$scratch/released" || bad "$who released twice"
    echo "$who" >> "$scratch/released"
}

# The proposal (in $scratch/proposal) of line 0: of this ledger and place, under this roster, by an administrator. What was
# signed (in $scratch/short) says the same in short, and names it by its digest.
open_ceremony() {
    local of_ledger number_said follows
    jq -cj --arg body "$(digest < "$scratch/proposal")" \
        '{ledger, ceremony, predecessor, proposer, created, expires, body: $body}' < "$scratch/proposal" > "$scratch/as_signed" ||
        bad "the proposal is not one"
    cmp -s "$scratch/as_signed" "$scratch/short" || bad "what was signed is not this proposal"
    jq -r '.operation.kind, .ledger, .ceremony, .predecessor, .roster, .expires, (.new_roster == null)' \
        < "$scratch/proposal" > "$scratch/said" || bad "the proposal is not one"
    { read -r kind; read -r of_ledger; read -r number_said; read -r follows; read -r of_roster; read -r expires
      read -r bare; } < "$scratch/said"
    proposal=$(digest < "$scratch/short")
    if [ "$number" = 0 ]; then
        [ "$kind" = genesis ] || bad "the first ceremony is not a genesis"
        genesis=$proposal nonce=$of_ledger
        jq -cj .new_roster < "$scratch/proposal" > "$scratch/roster"
        roster=$(digest < "$scratch/roster")
        read_roster
    else
        [ "$kind" != genesis ] && [ "$bare" = true ] || bad "a second genesis, or a proposal with a roster of its own"
    fi
    [ "$of_roster" = "$roster" ] || bad "the proposal names another roster"
    [ "$of_ledger" = "$nonce" ] || bad "the proposal is of another ledger"
    [ "$number_said" = "$number" ] || bad "the proposal has another number"
    [ "$follows" = "$predecessor" ] || bad "the proposal follows another ceremony"
    [ "$state" = ended ] || [ "$kind" = recover ] || bad "the ceremony before it has not ended"
    statement "$inner" proposal administrator
    : > "$scratch/approved"; : > "$scratch/released"; : > "$scratch/rejected"; : > "$scratch/approvals"
    shares=$(shares_of)
    state=proposed outcome=null
}

# What the later lines bring. No line may come out of its order.
take_line() {
    case "$state $1" in
        "proposed approved")
            [ "$shares" != confirmed ] || bad "an approval where each custodian confirms"
            statement "$inner" approval 'custodian|approver'
            [ "$of_proposal" = "$proposal" ] || bad "an approval of another proposal"
            [ "$of_roster" = "$roster" ] || bad "an approval of another roster"
            # Times have one form and one length: they compare as texts.
            [[ ! $at > $expires ]] || bad "an approval after the expiry"
            echo "$(digest < "$scratch/statement") $who" >> "$scratch/approvals"
            echo "$who" >> "$scratch/approved" ;;
        "proposed released") release ;;
        "proposed confirmed")
            [ "$shares" = confirmed ] || bad "a confirmation where none is due"
            statement "$inner" confirmation 'custodian|approver'
            [ "$of_proposal" = "$proposal" ] || bad "a confirmation of another proposal"
            [ "$of_roster" = "$roster" ] || bad "a confirmation of another roster"
            [[ ! $at > $expires ]] || bad "a confirmation after the expiry"
            echo "$who" >> "$scratch/approved" ;;
        "proposed rejected")
            statement "$inner" rejection 'custodian|approver'
            [ "$of_proposal" = "$proposal" ] || bad "a rejection of another proposal"
            echo "$who" >> "$scratch/rejected" ;;
        "proposed aborted")
            statement "$inner" abort administrator
            [ "$of_proposal" = "$proposal" ] || bad "an abort of another proposal"
            state=ended outcome=aborted ;;
        "proposed intended") intend; state=intended ;;
        "intended attempted") ;;
        "intended concluded" | "proposed concluded")
            outcome=$(jq -r .event.outcome < "$scratch/entry")
            [ "$state" = intended ] || [ "$outcome" = refused ] || bad "an outcome '$outcome' without an intent"
            [ "$state" = proposed ] || [ "$outcome" != refused ] || bad "refused, after an intent"
            state=concluded ;;
        "concluded closed") state=ended ;;
        *) bad "the line '$1' cannot follow there" ;;
    esac
}

# One line of a transcript, the number $seq of it.
read_line() {
    local event place before now
    unpack "$1" "$scratch/entry"
    event=${type#"$prefix".} event=${event%.v2+json}
    jq -r '.seq, .prev, .time, (.event | .proposal // .approval // .release // .confirmation // .rejection // .abort | tojson)' \
        < "$scratch/entry" > "$scratch/said" || bad "the payload is not JSON"
    { read -r place; read -r before; read -r now; read -r inner; } < "$scratch/said"
    [ "$place" = "$seq" ] || bad "it is not in its place"
    [ "$before" = "$previous" ] || bad "it is not chained to the line before"
    if [ "$seq" = 0 ]; then
        [ "$event" = proposed ] || bad "a transcript begins with what was proposed"
        jq -r .payload <<< "$inner" | base64 -d > "$scratch/short" || bad "what was signed is not base64"
        jq -cj .event.body < "$scratch/entry" > "$scratch/proposal"
        station=$(jq -r .station.keys.signing_key < "$scratch/proposal" | file_key)
    fi
    signed "$event" "$station" "$scratch/entry"
    if [ "$seq" = 0 ]; then open_ceremony; else take_line "$event"; fi
    [[ ! $now < $time ]] || bad "its time lies before that of the line before"
    time=$now
    previous=$(printf %s "$1" | digest)
    seq=$((seq + 1))
}

# The attestations beside the transcript in the folder $1, of its head.
read_attestations() {
    local file
    : > "$scratch/attested"
    for file in "$1"attestations/*.json; do
        [ -e "$file" ] || continue
        where="$name/attestations/$(basename "$file")"
        # In a shell of its own: a bad one does not break the ledger.
        if ! (statement "$(< "$file")" attestation 'custodian|approver|administrator|witness'
              printf '%s\n' "$who" "$of_nonce" "$of_head" "$agrees" > "$scratch/attestation") 2> "$scratch/reason"; then
            sed 's/^BROKEN: /warning: it does not count: /' "$scratch/reason" >&2
            continue
        fi
        { read -r who; read -r of_nonce; read -r of_head; read -r agrees; } < "$scratch/attestation"
        if [ "$of_nonce" != "$nonce" ]; then
            echo "warning: $where: it does not count: it was made in another ledger" >&2
            continue
        elif [ "$of_head" != "$previous" ]; then
            echo "$of_head $who $where" >> "$scratch/elsewhere"
            continue
        fi
        if [ "$agrees" = true ]; then echo "$who" >> "$scratch/attested"; else echo "$name: $who does not agree"; fi
    done
}

genesis='' head='' number=0 predecessor=null state=ended prefix=application/vnd.quorate
first=$(head -n 1 "$ledger"/0000-genesis/transcript.jsonl 2> /dev/null) || { echo "$ledger is not a ledger" >&2; exit 2; }
[[ $first != *application/vnd.quorate-rehearsal.proposed.* ]] ||
    { prefix=application/vnd.quorate-rehearsal; echo "This is a rehearsal's ledger."; }

: > "$scratch/elsewhere"; : > "$scratch/heads"; : > "$scratch/ceremonies"
for folder in "$ledger"/[0-9][0-9][0-9][0-9]*-*/; do
    name=$(basename "$folder") transcript=$folder/transcript.jsonl seq=0 previous=null time=''
    where=$name
    [[ $name == "$(printf %04d "$number")"-* ]] || bad "the number $number was expected here"
    [ -z "$(tail -c 1 "$transcript" | tr -d '\n')" ] || bad "the last line is torn"
    while IFS= read -r line; do
        where="$name line $seq"
        read_line "$line"
    done < "$transcript"
    [ "$seq" -gt 0 ] || bad "it has no line"
    read_attestations "$folder"
    if [ "$state" = ended ]; then head=$previous; echo "$head" >> "$scratch/heads"; fi
    case $state in ended | concluded) ;; *) outcome="open ($state)" ;; esac
    echo "$name: $outcome; approved by$(sort -u "$scratch/approved" | sed 's/^/ /' | tr -d '\n');" \
        "attested by $(sort -u "$scratch/attested" | wc -l)"
    # For a recovery of it: whether it had begun, and has an outcome that says what is in force.
    case "$state $outcome" in "intended "* | "ended indeterminate") begun=begun ;; *) begun=other ;; esac
    echo "$number $begun $kind" >> "$scratch/ceremonies"
    predecessor=$previous number=$((number + 1))
done

# An attestation in the wrong folder proves nothing; one of a head that is nowhere proves that something is gone.
while read -r of_head who where; do
    grep -qxF -- "$of_head" "$scratch/heads" || bad "$who signed a head that this ledger does not have"
    echo "warning: $where: it attests the head of another ceremony" >&2
done < "$scratch/elsewhere"
where=$ledger
[ "$genesis" = "$pinned_genesis" ] || bad "its genesis is $genesis, not yours"
[ "$head" = "$pinned_head" ] || bad "its head is $head, not yours"
echo "All of this checks out, from your genesis to your head."
