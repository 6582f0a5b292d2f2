//! Which version of this program made a document: the formats' names say so, in clear, before anything else of them is read.

/// Ends every payload type of this version.
pub(super) const TYPE_SUFFIX: &str = ".v2+json";

/// Whether a document was made by version 0.1: a line of its ledgers, a statement, a file around one, a soft card, or the first
/// line of a backup.
pub fn is_0_1(document: &[u8]) -> bool {
    fn named<'d>(document: &'d [u8], key: &str) -> Option<&'d [u8]> {
        let value = document.strip_prefix(key.as_bytes())?;
        value.iter().position(|b| *b == b'"').and_then(|end| value.get(..end))
    }
    let statement = document.strip_prefix(br#"{"statement":"#).unwrap_or(document);
    let of_type = named(statement, r#"{"payloadType":"application/vnd.quorate"#);
    let of_format = named(document, r#"{"format":""#);
    of_type.is_some_and(|rest| rest.ends_with(b".v1+json"))
        || of_format.is_some_and(|name| matches!(name, b"quorate-soft-card-v1" | b"quorate-backup-v1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_of_0_1_are_known_by_the_names_of_their_formats() {
        for old in [
            r#"{"payloadType":"application/vnd.quorate.proposed.v1+json","payload":""#,
            r#"{"payloadType":"application/vnd.quorate-rehearsal.closed.v1+json","#,
            r#"{"statement":{"payloadType":"application/vnd.quorate.enrolment.v1+json","#,
            r#"{"format":"quorate-soft-card-v1","serial":"#,
            r#"{"format":"quorate-backup-v1","ledger":"#,
        ] {
            assert!(is_0_1(old.as_bytes()), "{old}");
        }
        for other in [
            "",
            r#"{"payloadType":"application/vnd.quorate.proposed.v1+json"#,
            r#"{"payloadType":"application/vnd.quorate.proposed.v2+json","payload":"a.v1+json""#,
            r#"{"payloadType":"application/vnd.in-toto.v1+json","payload":""#,
            r#"{"format":"quorate-practice-token-v1","serial":"#,
            r#" {"format":"quorate-soft-card-v1","serial":"#,
        ] {
            assert!(!is_0_1(other.as_bytes()), "{other}");
        }
    }
}
