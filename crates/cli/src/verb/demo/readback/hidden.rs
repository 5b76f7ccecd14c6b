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
    pub(super) what: &'static str,
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
        let Cast { shop, acme, kassa } = cast;
        let [shop_note, acme_note, kassa_note] = notes();
        match desk {
            "Shop" => vec![
                acme_note,
                kassa_note,
                talk_of_acme_and_kassa(),
                identity(
                    kassa,
                    "Kassa: its name, id, address and ticket number",
                    &told.tickets[2],
                    &told.lower,
                ),
            ],
            "Acme" => vec![shop_note, kassa_note],
            _ => vec![
                shop_note,
                acme_note,
                requester(),
                talk_of_shop_and_acme(),
                people([shop, acme]),
                identity(
                    shop,
                    "Shop: its name, id, address and ticket number",
                    &told.tickets[0],
                    &told.upper,
                ),
            ],
        }
    }

    /// Everything that would identify it in a file.
    pub(super) fn needles(&self) -> Vec<Vec<u8>> {
        self.texts.iter().map(|text| text.as_bytes().to_vec()).chain(self.bytes.iter().cloned()).collect()
    }
}

fn texts(what: &'static str, owner: &'static str, texts: &[&str]) -> Hidden {
    let texts = texts.iter().map(|text| (*text).to_owned()).collect();
    Hidden { what, owner, texts, bytes: Vec::new() }
}

fn notes() -> [Hidden; 3] {
    [
        texts("Shop's internal note", "Shop", &[props::SHOP_NOTE]),
        texts("Acme's internal note", "Acme", &[props::ACME_NOTE]),
        texts("Kassa's internal note", "Kassa", &[props::KASSA_NOTE]),
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
    let all = [props::SEND_LOG, props::LOG_ATTACHED, props::FIRMWARE, props::KASSA_SOLUTION];
    texts("what Acme and Kassa said to each other", "Acme", &all)
}

fn people([shop, acme]: [&Player; 2]) -> Hidden {
    texts("the people at Shop and Acme: on this link no names travel", "Acme", &[shop.person, acme.person])
}

fn identity(player: &Player, what: &'static str, ticket: &str, delegation: &str) -> Hidden {
    let address = player.endpoint().trim_start_matches("https://").trim_end_matches('/');
    let info = &player.info;
    let hidden = texts(what, "Acme", &[player.name, &info.id, &info.id_hex, address, ticket, delegation]);
    let bytes = [&info.id_hex, delegation].into_iter().filter_map(unhex).collect();
    Hidden { bytes, ..hidden }
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
        for needle in all.flat_map(|hidden| hidden.needles()) {
            assert!(needle.len() >= 10, "{}", String::from_utf8_lossy(&needle));
        }
    }
}
