//! Finding a person in the texts of records: by strings that are told, not by guesses.

use std::fmt;

use deskwire_proto::cbor;
use deskwire_proto::envelope::text_body;
use deskwire_store::Entry;
use deskwire_store::record::Record;
use icu_normalizer::ComposingNormalizerBorrowed;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// Fewest letters or digits by which a person is looked for.
const SHORTEST: usize = 3;

/// Characters that nobody sees: a soft hyphen, joiners, marks of direction, and blanks without width.
const INVISIBLE: &[char] =
    &['\u{ad}', '\u{200b}', '\u{200c}', '\u{200d}', '\u{200e}', '\u{200f}', '\u{2060}', '\u{feff}'];

/// How a person is written: name, e-mail address, telephone number.
#[derive(Debug, Clone)]
pub struct Person {
    words: Vec<String>,
    numbers: Vec<String>,
}

impl Person {
    /// These strings, any of which is the person. Nothing when one of them is too short to be anybody.
    #[must_use]
    pub fn new(written: &[String]) -> Option<Self> {
        let mut person = Self { words: Vec::new(), numbers: Vec::new() };
        for one in written {
            let one = folded(one);
            if one.chars().filter(|c| c.is_alphanumeric()).count() < SHORTEST {
                return None;
            }
            if one.chars().all(|c| c.is_ascii_digit() || " +-()/.".contains(c)) {
                person.numbers.push(digits(&one));
            } else {
                person.words.push(one);
            }
        }
        (!written.is_empty()).then_some(person)
    }

    /// Whether the person is written in the text of an entry, as whole words, or in the title of a ticket or the name of its status.
    pub(super) fn is_in(&self, entry: &Entry, record: &Record) -> bool {
        let told = match record {
            Record::TicketMade(made) => Some(made.title.as_str()),
            Record::TicketStatus { label, .. } => label.as_ref().map(|label| label.as_str()),
            _ => None,
        };
        if told.is_some_and(|told| self.is_written(told)) {
            return true;
        }
        let Some(text) = entry.text.bytes() else { return false };
        let strings = cbor::decode_plain::<Strings>(text_body(text).unwrap_or(text));
        strings.is_ok_and(|strings| strings.0.iter().any(|string| self.is_written(string)))
    }

    fn is_written(&self, string: &str) -> bool {
        let string = folded(string);
        self.words.iter().any(|word| has_word(&string, word))
            || !self.numbers.is_empty() && {
                let digits = digits(&string);
                self.numbers.iter().any(|number| digits.contains(number.as_str()))
            }
    }
}

/// Letters in one form and one case, and one blank between words: some systems write "ü" as two characters, in the names of
/// files above all, and people do not see it.
fn folded(string: &str) -> String {
    let one_form = ComposingNormalizerBorrowed::new_nfkc().normalize(string);
    let seen: String = one_form.chars().filter(|c| !INVISIBLE.contains(c)).collect();
    seen.to_lowercase().replace('ß', "ss").split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Digits alone, and something else wherever letters stand between two of them.
fn digits(string: &str) -> String {
    let mut digits = String::new();
    for c in string.chars() {
        match c {
            '0'..='9' => digits.push(c),
            ' ' | '+' | '-' | '(' | ')' | '/' | '.' => {}
            _ => digits.push('|'),
        }
    }
    digits
}

fn has_word(string: &str, word: &str) -> bool {
    string.match_indices(word).any(|(at, _)| {
        let before = string[..at].chars().next_back();
        let after = string[at + word.len()..].chars().next();
        !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
    })
}

/// All strings of a text, whatever its shape.
struct Strings(Vec<String>);

impl<'de> Deserialize<'de> for Strings {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Collect)
    }
}

struct Collect;

impl<'de> Visitor<'de> for Collect {
    type Value = Strings;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Strings, E> {
        Ok(Strings(vec![value.to_owned()]))
    }

    fn visit_bytes<E: Error>(self, _: &[u8]) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_none<E: Error>(self) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_unit<E: Error>(self) -> Result<Strings, E> {
        Ok(Strings(Vec::new()))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Strings, D::Error> {
        Strings::deserialize(deserializer)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Strings, A::Error> {
        let mut all = Vec::new();
        while let Some(Strings(more)) = seq.next_element()? {
            all.extend(more);
        }
        Ok(Strings(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Strings, A::Error> {
        let mut all = Vec::new();
        // Keys name fields, except of custom fields, whose codes name nobody.
        while let Some((Strings(_), Strings(more))) = map.next_entry()? {
            all.extend(more);
        }
        Ok(Strings(all))
    }
}

#[cfg(test)]
mod tests {
    //! Whoever is not found is not erased; whoever is found by half a word loses what others wrote.
    use super::*;

    fn person(written: &[&str]) -> Option<Person> {
        Person::new(&written.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn whole_words_are_found_in_any_case_and_parts_of_words_are_not() {
        let anna = person(&["Anna  Berg", "anna@shop.example"]).unwrap();
        assert!(anna.is_written("Call ANNA BERG, please."));
        assert!(anna.is_written("mailto:anna@shop.example"));
        assert!(!anna.is_written("Johanna Bergmann"));
        assert!(!anna.is_written("hanna@shop.example.org") && !anna.is_written("Anna"));
    }

    #[test]
    fn a_name_is_found_however_its_letters_are_stored() {
        let name = person(&["Jürgen Groß"]).unwrap();
        assert!(name.is_written("Ju\u{308}rgen Groß.pdf"), "as a Mac names files");
        assert!(name.is_written("JÜRGEN GROSS") && name.is_written("Jürgen\u{a0}Gro\u{ad}ß"));
        assert!(person(&["Ju\u{308}rgen"]).unwrap().is_written("Jürgen") && !name.is_written("Jurgen Gros"));
    }

    #[test]
    fn numbers_are_found_however_they_are_spaced() {
        let number = person(&["+49 (30) 1234-567"]).unwrap();
        assert!(number.is_written("Tel. +49 30 1234567") && number.is_written("4930/1234567"));
        assert!(!number.is_written("49 boxes, 301234567"));
    }

    #[test]
    fn nobody_is_looked_for_by_two_letters() {
        assert!(person(&["Al"]).is_none() && person(&[]).is_none());
    }

    #[test]
    fn strings_of_any_shape_are_read() {
        let text = cbor::encode_plain(&(1u8, Some("one"), vec![("key", "two")], true, [3.5f64])).unwrap();
        let Strings(all) = cbor::decode_plain(&text).unwrap();
        assert_eq!(all, ["one", "key", "two"]);
    }
}
