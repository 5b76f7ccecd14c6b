//! A ticket prefix out of a desk's name: `Acme Service` gives `ACME`, `ООО Ромашка` gives `ROMASHKA`.

use crate::config::Prefix;

/// Legal forms in front of a name, which tell desks apart as little as an article does.
const LEGAL_FORMS: [&str; 7] = ["ооо", "оао", "зао", "пао", "нао", "ао", "ип"];

/// The prefix of a desk that nobody gave another.
pub(crate) fn derive(name: &str) -> Prefix {
    name.to_lowercase()
        .split(|letter: char| !letter.is_alphanumeric())
        .filter(|word| !LEGAL_FORMS.contains(word))
        .find_map(|word| {
            let latin: String = word.chars().filter_map(latin).collect::<String>().to_uppercase();
            let begun = latin.trim_start_matches(|letter: char| letter.is_ascii_digit());
            begun.chars().take(Prefix::MAX).collect::<String>().parse().ok()
        })
        .unwrap_or_else(|| "DESK".parse().expect("a fixed prefix"))
}

/// A small letter in Latin letters; digits stay.
fn latin(letter: char) -> Option<&'static str> {
    const ASCII: &str = "abcdefghijklmnopqrstuvwxyz0123456789";
    if let Some(at) = ASCII.find(letter) {
        return Some(&ASCII[at..=at]);
    }
    OTHERS.iter().find(|(other, _)| *other == letter).map(|(_, latin)| *latin)
}

/// German, and Russian as passports have it.
const OTHERS: [(char, &str); 37] = [
    ('ä', "ae"),
    ('ö', "oe"),
    ('ü', "ue"),
    ('ß', "ss"),
    ('а', "a"),
    ('б', "b"),
    ('в', "v"),
    ('г', "g"),
    ('д', "d"),
    ('е', "e"),
    ('ё', "e"),
    ('ж', "zh"),
    ('з', "z"),
    ('и', "i"),
    ('й', "i"),
    ('к', "k"),
    ('л', "l"),
    ('м', "m"),
    ('н', "n"),
    ('о', "o"),
    ('п', "p"),
    ('р', "r"),
    ('с', "s"),
    ('т', "t"),
    ('у', "u"),
    ('ф', "f"),
    ('х', "kh"),
    ('ц', "ts"),
    ('ч', "ch"),
    ('ш', "sh"),
    ('щ', "shch"),
    ('ъ', ""),
    ('ы', "y"),
    ('ь', ""),
    ('э', "e"),
    ('ю', "iu"),
    ('я', "ia"),
];

#[cfg(test)]
mod tests {
    //! A prefix that says nothing would stand before every ticket number for ever.
    use super::*;

    #[test]
    fn prefixes_come_from_the_first_word_that_says_something() {
        for (name, prefix) in [
            ("Acme Service", "ACME"),
            ("kassa", "KASSA"),
            ("ООО «Ромашка»", "ROMASHKA"),
            ("Щука и Ко", "SHCHUKA"),
            ("Müller & Söhne GmbH", "MUELLER"),
            ("24 Stunden Dienst", "STUNDEN"),
            ("3M", "M"),
            ("Telecommunications", "TELECOMM"),
            ("東京", "DESK"),
            ("", "DESK"),
        ] {
            assert_eq!(derive(name).as_str(), prefix, "{name}");
        }
    }
}
