//! What a person may have meant by a word that is not known.

/// The known word that is nearest, where only a letter or two tell it apart from what was written.
pub fn nearest<'k>(written: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let written = written.to_lowercase();
    let near = known.into_iter().map(|word| (strsim::osa_distance(&written, &word.to_lowercase()), word));
    let (distance, word) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= 1.max(written.chars().count() / 4)).then_some(word)
}

/// A hint that asks for the nearest known word, or says what else to do.
pub fn did_you_mean<'k>(
    written: &str,
    known: impl IntoIterator<Item = &'k str>,
    otherwise: impl Into<String>,
) -> String {
    nearest(written, known).map_or_else(|| otherwise.into(), |word| format!("did you mean {word}?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_word_is_found_and_a_far_one_is_not() {
        let roles = ["so-pin", "user-pin", "backup-key"];
        for (written, meant) in [
            ("user-pni", Some("user-pin")),
            ("USER-PIN", Some("user-pin")),
            ("so_pin", Some("so-pin")),
            ("secret", None),
            ("", None),
            ("123456", None),
        ] {
            assert_eq!(nearest(written, roles), meant, "{written}");
        }
    }
}
