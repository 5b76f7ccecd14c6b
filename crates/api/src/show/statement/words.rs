//! What people read in exports, in the languages of the first users.

use deskwire_api_types as api;

/// The words of one language.
pub(super) struct Words {
    pub(super) code: &'static str,
    pub(super) title: &'static str,
    pub(super) between: &'static str,
    pub(super) period: &'static str,
    pub(super) zone: &'static str,
    pub(super) state: &'static str,
    pub(super) hash: &'static str,
    pub(super) proposed: &'static str,
    pub(super) lines: &'static str,
    pub(super) sums: &'static str,
    pub(super) totals: &'static str,
    pub(super) gross: &'static str,
    pub(super) count: &'static str,
    pub(super) us: &'static str,
    pub(super) partner: &'static str,
    pub(super) erased: &'static str,
    pub(super) signatures: &'static str,
    /// Date, ticket, delegation, line, contractor, type, what, quantity, unit, price, currency, tax, net, tax amount.
    pub(super) columns: [&'static str; 14],
    kinds: [&'static str; 4],
    states: [&'static str; 9],
}

impl Words {
    pub(super) const fn kind(&self, kind: api::WorkType) -> &'static str {
        match kind {
            api::WorkType::Time => self.kinds[0],
            api::WorkType::Travel => self.kinds[1],
            api::WorkType::Material => self.kinds[2],
            api::WorkType::Fixed => self.kinds[3],
        }
    }

    pub(super) const fn state(&self, state: api::StatementState) -> &'static str {
        match state {
            api::StatementState::Waiting => self.states[0],
            api::StatementState::Proposed => self.states[1],
            api::StatementState::ToSign => self.states[2],
            api::StatementState::Differs => self.states[3],
            api::StatementState::Unsettled => self.states[4],
            api::StatementState::Overtaken => self.states[5],
            api::StatementState::Refused => self.states[6],
            api::StatementState::Signing => self.states[7],
            api::StatementState::Signed => self.states[8],
        }
    }
}

/// The words of a language.
pub(super) const fn of(language: api::Language) -> &'static Words {
    match language {
        api::Language::En => &ENGLISH,
        api::Language::Ru => &RUSSIAN,
        api::Language::De => &GERMAN,
    }
}

const ENGLISH: Words = Words {
    code: "en",
    title: "Statement of account",
    between: "Between",
    period: "Period",
    zone: "Time zone",
    state: "State",
    hash: "Hash that both sides sign",
    proposed: "Proposed",
    lines: "Lines",
    sums: "Sums by contractor and tax rate",
    totals: "To be paid to the proposer",
    gross: "Gross",
    count: "Lines",
    us: "us",
    partner: "partner",
    erased: "(erased)",
    signatures: "Signed by both desks with their keys. Anybody who has the exports and the key logs can verify it.",
    columns: [
        "Date",
        "Ticket",
        "Delegation",
        "Line",
        "Contractor",
        "Type",
        "What",
        "Quantity",
        "Unit",
        "Price",
        "Currency",
        "Tax %",
        "Net",
        "Tax",
    ],
    kinds: ["time", "travel", "material", "fixed price"],
    states: [
        "not sent yet",
        "proposed",
        "to be signed",
        "differs",
        "not settled yet",
        "overtaken",
        "refused",
        "signed, not acknowledged yet",
        "signed by both",
    ],
};

const RUSSIAN: Words = Words {
    code: "ru",
    title: "Акт сверки",
    between: "Между",
    period: "Период",
    zone: "Часовой пояс",
    state: "Состояние",
    hash: "Хеш, который подписывают обе стороны",
    proposed: "Предложен",
    lines: "Строки",
    sums: "Итоги по исполнителю и ставке налога",
    totals: "К оплате предложившей стороне",
    gross: "Всего",
    count: "Строк",
    us: "мы",
    partner: "партнёр",
    erased: "(удалено)",
    signatures: "Подписан ключами обеих сторон. Проверить может любой, у кого есть выгрузки и журналы ключей.",
    columns: [
        "Дата",
        "Заявка",
        "Поручение",
        "Строка",
        "Исполнитель",
        "Вид",
        "Что сделано",
        "Количество",
        "Единица",
        "Цена",
        "Валюта",
        "Налог %",
        "Без налога",
        "Налог",
    ],
    kinds: ["время", "дорога", "материал", "фиксированная цена"],
    states: [
        "ещё не отправлен",
        "предложен",
        "ждёт подписи",
        "расходится",
        "ещё не подтверждён",
        "устарел",
        "отклонён",
        "подписан, ещё не подтверждён",
        "подписан обеими сторонами",
    ],
};

const GERMAN: Words = Words {
    code: "de",
    title: "Abrechnung",
    between: "Zwischen",
    period: "Zeitraum",
    zone: "Zeitzone",
    state: "Stand",
    hash: "Hash, den beide Seiten unterschreiben",
    proposed: "Vorgeschlagen",
    lines: "Posten",
    sums: "Summen nach Auftragnehmer und Steuersatz",
    totals: "Zu zahlen an die vorschlagende Seite",
    gross: "Brutto",
    count: "Posten",
    us: "wir",
    partner: "Partner",
    erased: "(gelöscht)",
    signatures: "Von beiden Seiten mit ihren Schlüsseln unterschrieben. Prüfen kann es, wer die Exporte und die Schlüsselprotokolle hat.",
    columns: [
        "Datum",
        "Ticket",
        "Auftrag",
        "Posten",
        "Auftragnehmer",
        "Art",
        "Leistung",
        "Menge",
        "Einheit",
        "Preis",
        "Währung",
        "Steuer %",
        "Netto",
        "Steuer",
    ],
    kinds: ["Zeit", "Anfahrt", "Material", "Festpreis"],
    states: [
        "noch nicht gesendet",
        "vorgeschlagen",
        "zu unterschreiben",
        "weicht ab",
        "noch nicht gesichert",
        "überholt",
        "abgelehnt",
        "unterschrieben, noch nicht bestätigt",
        "von beiden unterschrieben",
    ],
};
