//! What must not be known to whom: the strings and bytes that are searched for.

use crate::verb::demo::{
    cast::{Cast, Player},
    props,
    story::Told,
};

/// Something that a desk must not hold.
#[derive(Clone, Debug)]
pub(crate) struct Hidden {
    /// What it is, to follow "nothing of".
    pub(super) what: String,
    /// The desk that holds it, where the same search must find it.
    pub(super) owner: &'static str,
    /// The texts by which it would be known.
    pub(super) texts: Vec<String>,
    /// Bytes by which it would be known in a file.
    pub(super) bytes: Vec<Vec<u8>>,
}

impl Hidden {
    /// Everything that this desk must not hold.
    pub(crate) fn from(desk: &str, cast: &Cast, told: &Told) -> Vec<Self> {
        let Cast { shop, acme, kassa, petrov } = cast;
        let [at_shop, _, at_kassa, at_petrov] = &told.tickets;
        let [shop_note, acme_note, kassa_note, petrov_note] = notes();
        let names = "its name, id, address, ticket number and delegation";
        let of_shop = || identity(shop, "Acme", format!("Shop: {names}"), at_shop, &told.upper);
        match desk {
            "Shop" => vec![
                acme_note,
                kassa_note,
                petrov_note,
                talk_of_acme_and_kassa(),
                talk_of_kassa_and_petrov(),
                identity(kassa, "Acme", format!("Kassa: {names}"), at_kassa, &told.lower),
                identity(petrov, "Kassa", format!("Petrov: {names}"), at_petrov, &told.visit),
            ],
            "Acme" => {
                vec![shop_note, kassa_note, petrov_note, talk_of_kassa_and_petrov(), visit(&told.visit)]
            }
            "Kassa" => vec![
                shop_note,
                acme_note,
                petrov_note,
                requester(),
                talk_of_shop_and_acme(),
                people([shop, acme]),
                of_shop(),
            ],
            _ => vec![
                shop_note,
                acme_note,
                kassa_note,
                requester(),
                talk_of_shop_and_acme(),
                talk_of_acme_and_kassa(),
                people([shop, acme]),
                of_shop(),
            ],
        }
    }

    /// Everything that would identify it in a file.
    pub(super) fn needles(&self) -> Vec<Vec<u8>> {
        self.texts.iter().map(|text| text.as_bytes().to_vec()).chain(self.bytes.iter().cloned()).collect()
    }
}

fn texts(what: &str, owner: &'static str, texts: &[&str]) -> Hidden {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Hidden { what: what.to_owned(), owner, texts, bytes: Vec::new() }
}

fn notes() -> [Hidden; 4] {
    [
        texts("Shop's internal note", "Shop", &[props::SHOP_NOTE]),
        texts("Acme's internal note", "Acme", &[props::ACME_NOTE]),
        texts("Kassa's internal note", "Kassa", &[props::KASSA_NOTE]),
        texts("Petrov's internal note", "Petrov", &[props::PETROV_NOTE]),
    ]
}

fn requester() -> Hidden {
    let [name, email, phone] = props::REQUESTER;
    let all = [name, email, phone, props::COMPANY, props::AGREEMENT];
    texts("the requester's name, mail, telephone, company and agreement", "Acme", &all)
}

fn talk_of_shop_and_acme() -> Hidden {
    texts("what Shop and Acme said to each other before", "Acme", &[props::WHICH_LAMP, props::RED_LAMP])
}

fn talk_of_acme_and_kassa() -> Hidden {
    let all =
        [props::SEND_LOG, props::LOG_ATTACHED, props::KASSA_SOLUTION, props::KASSA_LINE[0], props::RATING.1];
    texts("what Acme and Kassa said to each other, the bill and the rating too", "Acme", &all)
}

fn talk_of_kassa_and_petrov() -> Hidden {
    let [travel, part] = props::PETROV_LINES;
    let all = [props::NOTE_TO_PETROV, props::TAKE_PART, props::PETROV_SOLUTION, travel[0], part[0]];
    texts("what Kassa and Petrov said to each other, the bill too", "Kassa", &all)
}

fn visit(delegation: &str) -> Hidden {
    let hidden = texts("who drives there: the delegation between Kassa and Petrov", "Kassa", &[delegation]);
    Hidden { bytes: unhex(delegation).into_iter().collect(), ..hidden }
}

fn people([shop, acme]: [&Player; 2]) -> Hidden {
    texts("the people at Shop and Acme: on this link no names travel", "Acme", &[shop.person, acme.person])
}

fn identity(player: &Player, owner: &'static str, what: String, ticket: &str, delegation: &str) -> Hidden {
    let info = &player.info;
    let mut texts = vec![player.name, &info.id, &info.id_hex, ticket, delegation];
    // A desk behind a router has none.
    texts.extend(
        player.endpoint().map(|address| address.trim_start_matches("https://").trim_end_matches('/')),
    );
    let texts = texts.into_iter().map(str::to_owned).collect();
    let bytes = [&info.id_hex, delegation].into_iter().filter_map(unhex).collect();
    Hidden { what, owner, texts, bytes }
}

/// The bytes that an id stands for.
fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|digit| u8::try_from(digit).ok())).collect();
    digits
        .filter(|digits| digits.len() % 2 == 0)
        .map(|digits| digits.chunks(2).map(|two| two[0] << 4 | two[1]).collect())
}

#[cfg(test)]
mod tests {
    //! An id that is searched for wrongly is never found.
    use super::*;

    #[test]
    fn ids_are_searched_for_as_the_bytes_that_a_file_holds() {
        assert_eq!(unhex("00ff7a"), Some(vec![0, 255, 0x7a]));
        assert_eq!(unhex("0"), None);
        assert_eq!(unhex("zz"), None);
    }

    #[test]
    fn what_is_hidden_is_worded_so_that_it_cannot_be_met_by_chance() {
        let all = notes().into_iter().chain([requester(), talk_of_shop_and_acme(), talk_of_acme_and_kassa()]);
        let all = all.chain([talk_of_kassa_and_petrov()]);
        for needle in all.flat_map(|hidden| hidden.needles()) {
            assert!(needle.len() >= 10, "{}", String::from_utf8_lossy(&needle));
        }
    }
}
