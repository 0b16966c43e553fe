//! "Did you mean".

/// The known word that a typing error could have made `word` of.
pub(super) fn nearest<'k>(word: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let folded = word.to_lowercase().replace('_', "-");
    known
        .into_iter()
        .map(|candidate| {
            (
                strsim::damerau_levenshtein(&folded, &candidate.to_lowercase().replace('_', "-")),
                candidate,
            )
        })
        // a third of the letters may be wrong; more is another word
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let known = ["agree-terms", "directory", "contacts", "ca"];
        assert_eq!(nearest("agree-term", known), Some("agree-terms"));
        assert_eq!(nearest("agreeTerms", known), Some("agree-terms"));
        assert_eq!(nearest("agree_terms", known), Some("agree-terms"));
        assert_eq!(nearest("cs", known), Some("ca"));
        assert_eq!(nearest("profile", known), None);
    }
}
