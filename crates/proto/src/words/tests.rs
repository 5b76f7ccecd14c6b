//! Tests of the lists, the words of a link and the recovery words.

use std::collections::HashSet;

use super::{LIST_LEN, Language, Mnemonic, MnemonicError, VerificationWords};

fn bytes(hex: &str) -> [u8; 32] {
    data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
}

/// The written form without umlauts, as somebody types it on a foreign keyboard.
fn folded(word: &str) -> String {
    word.replace('ä', "ae").replace('ö', "oe").replace('ü', "ue").replace('ß', "ss")
}

/// Two languages would number their words differently if a list were short, long or had a word twice.
#[test]
fn each_list_has_2048_different_words() {
    let texts = [include_str!("en.txt"), include_str!("ru.txt"), include_str!("de.txt")];
    for (language, text) in Language::ALL.into_iter().zip(texts) {
        assert_eq!(text.lines().count(), LIST_LEN, "{language:?}");
        assert!(text.ends_with('\n') && !text.contains('\r'), "{language:?}");
        assert_eq!(language.words().iter().collect::<HashSet<_>>().len(), LIST_LEN, "{language:?}");
    }
}

/// A person who types only the first letters, or whose keyboard has no umlauts, could mean two words.
#[test]
fn four_letters_tell_a_word_also_without_umlauts() {
    for language in Language::ALL {
        let starts: HashSet<String> =
            language.words().iter().map(|word| folded(word).chars().take(4).collect()).collect();
        assert_eq!(starts.len(), LIST_LEN, "{language:?}");
    }
}

/// A word with a foreign, capital, combining or damaged letter could not be read aloud or typed.
#[test]
fn words_are_short_and_have_only_letters_of_their_alphabet() {
    for language in Language::ALL {
        for word in language.words() {
            assert!((3..=8).contains(&word.chars().count()), "{word}");
            let known = |letter: char| match language {
                Language::English => letter.is_ascii_lowercase(),
                Language::Russian => ('а'..='я').contains(&letter),
                Language::German => letter.is_ascii_lowercase() || "äöüß".contains(letter),
            };
            assert!(word.chars().all(known), "{word}");
        }
    }
}

/// An English or Russian word would not be found in the list; a German one would be looked for in the wrong place.
#[test]
fn lists_are_sorted() {
    for language in Language::ALL {
        assert!(language.words().is_sorted_by_key(|word| folded(word)), "{language:?}");
    }
}

/// Released lists never change: two desks of different age would read different words for the same link.
#[test]
fn lists_are_the_released_ones() {
    use sha2::{Digest, Sha256};
    let digest = |text: &str| data_encoding::HEXLOWER.encode(&Sha256::digest(text));
    assert_eq!(
        digest(include_str!("en.txt")),
        "2f5eed53a4727b4bf8880d8f3f199efc90e58503646d9ff8eff3a2ed3b24dbda"
    );
    assert_eq!(
        digest(include_str!("ru.txt")),
        "c9458f1997f6a6e0e8b4b691de850aa6af15fabca197e56baa6234933af1fffc"
    );
    assert_eq!(
        digest(include_str!("de.txt")),
        "d43993019f931daee97ca3445dba4c978e90ad009d6d21ef7294da728dc46004"
    );
}

/// Someone whose system says `de_AT.UTF-8` would be shown English words.
#[test]
fn language_is_found_by_its_tag() {
    for language in Language::ALL {
        assert_eq!(Language::from_tag(language.tag()), Some(language));
    }
    assert_eq!(Language::from_tag("de_AT.UTF-8"), Some(Language::German));
    assert_eq!(Language::from_tag("RU-ru"), Some(Language::Russian));
    assert_eq!(Language::from_tag("fr"), None);
    assert_eq!(Language::from_tag(""), None);
}

/// Two desks that compute the words differently could never verify a link. Values computed independently.
#[test]
fn words_and_digits_of_known_values() {
    let counting =
        VerificationWords::new(&bytes("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"));
    assert_eq!(counting.digits(), "0000 1134 7478 0922 4732");
    assert_eq!(
        counting.words(Language::English),
        ["abandon", "amount", "liar", "amount", "expire", "adjust"]
    );
    assert_eq!(
        counting.words(Language::Russian),
        ["абзац", "бандит", "обморок", "бандит", "каток", "анализ"]
    );
    assert_eq!(
        counting.words(Language::German),
        ["aal", "amateur", "kombüse", "amateur", "frosch", "admiral"]
    );
    assert_eq!(counting.to_string(), "abandon amount liar amount expire adjust");

    let hash =
        VerificationWords::new(&bytes("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
    assert_eq!(hash.digits(), "5374 6058 0010 1480 0297");
    assert_eq!(hash.words(Language::English), ["risk", "scheme", "quiz", "bulk", "brother", "vivid"]);
    assert_eq!(hash.words(Language::Russian), ["сервис", "след", "ровесник", "волос", "возглас", "чужой"]);
    assert_eq!(hash.words(Language::German), ["pyramide", "rekord", "pauke", "beratung", "beiboot", "wiege"]);
}

/// A bit left out of the words is a bit that an attacker may choose freely.
#[test]
fn each_of_the_first_66_bits_shows_and_no_other() {
    let zero = VerificationWords::new(&[0; 32]);
    for bit in 0..256 {
        let mut value = [0; 32];
        value[bit / 8] = 0x80 >> (bit % 8);
        let words = VerificationWords::new(&value);
        let changed = Language::ALL.map(|language| {
            let pairs = words.words(language).into_iter().zip(zero.words(language));
            pairs.filter(|(one, other)| one != other).count()
        });
        let expected = usize::from(bit < 66);
        assert_eq!(changed, [expected; 3], "bit {bit}");
        assert_eq!(words.digits() != zero.digits(), bit < 66, "bit {bit}");
    }
    let all = VerificationWords::new(&[0xff; 32]);
    assert_eq!(all.digits(), "7378 6976 2948 3820 6463");
    assert_eq!(all.words(Language::German), ["zypresse"; 6]);
    assert_eq!(zero.digits(), "0000 0000 0000 0000 0000");
}

/// The 256-bit vectors of BIP39.
const BIP39: [(&str, &str); 8] = [
    (
        "0000000000000000000000000000000000000000000000000000000000000000",
        "abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon abandon art",
    ),
    (
        "7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f7f",
        "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth title",
    ),
    (
        "8080808080808080808080808080808080808080808080808080808080808080",
        "letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic avoid letter advice cage absurd amount doctor acoustic bless",
    ),
    (
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo zoo vote",
    ),
    (
        "68a79eaca2324873eacc50cb9c6eca8cc68ea5d936f98787c60c7ebc74e6ce7c",
        "hamster diagram private dutch cause delay private meat slide toddler razor book happy fancy gospel tennis maple dilemma loan word shrug inflict delay length",
    ),
    (
        "9f6a2878b2520799a44ef18bc7df394e7061a224d2c33cd015b157d746869863",
        "panda eyebrow bullet gorilla call smoke muffin taste mesh discover soft ostrich alcohol speed nation flash devote level hobby quick inner drive ghost inside",
    ),
    (
        "066dca1a2bb7e8a1db2832148ce9933eea0f3ac9548d793112d9a95c9407efad",
        "all hour make first leader extend hole alien behind guard gospel lava path output census museum junior mass reopen famous sing advance salt reform",
    ),
    (
        "f585c11aec520db57dd353c69554b21a89b20fb0650966fa0a9d6f74fd989d8f",
        "void come effort suffer camp survey warrior heavy shoot primary clutch crush open amazing screen patrol group space point ten exist slush involve unfold",
    ),
];

/// Words on paper would not open with any other BIP39 program, nor with the next release of ours.
#[test]
fn bip39_vectors_hold_both_ways() {
    for (secret, phrase) in BIP39 {
        let secret = bytes(secret);
        assert_eq!(Mnemonic::new(&secret).phrase().as_str(), phrase);
        assert_eq!(Mnemonic::new(&secret).words().join(" "), phrase);
        assert_eq!(Mnemonic::parse(phrase).unwrap().secret(), &secret);
    }
}

/// Somebody in a hurry, with caps lock on and the words copied over several lines, must get the key back.
#[test]
fn parsing_forgives_case_and_white_space() {
    let (secret, phrase) = BIP39[4];
    let typed = format!("\n\t {}\r\n ", phrase.to_uppercase().replace(' ', " \t\n"));
    assert_eq!(typed.parse::<Mnemonic>().unwrap().secret(), &bytes(secret));
}

/// Without place and suggestion somebody with a badly written note has 24 words to doubt.
#[test]
fn first_unknown_word_is_named_with_the_nearest_one() {
    let (_, phrase) = BIP39[4];
    for (right, typed, nearest) in [
        ("diagram", "diagramm", Some("diagram")),
        ("diagram", "DIAGARM", Some("diagram")),
        ("diagram", "siagram", Some("diagram")),
        ("diagram", "digram", Some("diagram")),
        ("diagram", "диаграмма", None),
        ("diagram", "qqqq", None),
    ] {
        let wrong = phrase.replace(right, typed).replace("length", "lenght");
        let error = Mnemonic::parse(&wrong).unwrap_err();
        let word = typed.to_lowercase();
        assert_eq!(error, MnemonicError::UnknownWord { position: 2, word, nearest }, "{typed}");
        assert_eq!(error.code(), "recovery-word-unknown");
    }
    let error = Mnemonic::parse("hamster diagarm").unwrap_err();
    assert_eq!(error.to_string(), r#"word 2 ("diagarm") is not a recovery word; did you mean "diagram"?"#);
}

/// A whole file pasted by mistake must not come back on the screen, nor control characters from it.
#[test]
fn an_unknown_word_is_quoted_short_and_escaped() {
    let error = Mnemonic::parse(&format!("\u{1b}[2J{}", "x".repeat(10_000))).unwrap_err().to_string();
    assert!(error.len() < 120 && !error.contains('\u{1b}'), "{error}");
}

/// "Not in the list" for a missing or swapped word would send people to look for the wrong mistake.
#[test]
fn wrong_count_and_wrong_checksum_are_told_apart() {
    let (_, phrase) = BIP39[4];
    let (short, _) = phrase.rsplit_once(' ').unwrap();
    assert_eq!(Mnemonic::parse(short).unwrap_err(), MnemonicError::Count { found: 23 });
    assert_eq!(Mnemonic::parse(&format!("{phrase} zoo")).unwrap_err(), MnemonicError::Count { found: 25 });
    assert_eq!(Mnemonic::parse("").unwrap_err(), MnemonicError::Count { found: 0 });
    assert_eq!(
        Mnemonic::parse(&format!("{phrase} {phrase}")).unwrap_err(),
        MnemonicError::Count { found: 48 }
    );
    let swapped = phrase.replace("hamster diagram", "diagram hamster");
    assert_eq!(Mnemonic::parse(&swapped).unwrap_err(), MnemonicError::Checksum);
}

/// A key in a log file is a stolen key.
#[test]
fn debug_hides_the_secret() {
    let (secret, phrase) = BIP39[4];
    let shown = format!("{:?}", Mnemonic::new(&bytes(secret)));
    assert!(phrase.split(' ').all(|word| !shown.contains(word)), "{shown}");
    assert!(!shown.contains("68"), "{shown}");
}
