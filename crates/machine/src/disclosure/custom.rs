//! Values of custom fields against the schema of the terms (proto-spec, section 6.2).

use deskwire_proto::terms::{CustomField, FieldType, Terms};
use deskwire_proto::text::{Code, Decimal, Line};

use super::Reason;

/// Whether a value is one that this custom field takes.
#[must_use]
pub fn fits(field: &CustomField, value: &Line) -> bool {
    match field.r#type {
        FieldType::Text => true,
        FieldType::Number => Decimal::new(value.as_str()).is_ok(),
        FieldType::Date => is_full_date(value.as_str()),
        FieldType::Choice => {
            let choices = field.choices.as_deref().unwrap_or_default();
            choices.iter().any(|choice| choice.as_str() == value.as_str())
        }
    }
}

/// Why a value of a custom field stays here.
pub(super) fn hindrance(terms: &Terms, key: &Code, value: &Line) -> Option<Reason> {
    let schema = terms.custom.as_deref().unwrap_or_default();
    match schema.iter().find(|field| field.key == *key) {
        None => Some(Reason::NotInTerms),
        Some(field) => (!fits(field, value)).then_some(Reason::Unfit),
    }
}

/// A full-date of RFC 3339.
fn is_full_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let [year, month, day] = parts[..] else { return false };
    let number = |part: &str, digits: usize| {
        let plain = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| part.parse::<u32>().ok()).flatten()
    };
    let (Some(year), Some(month), Some(day)) = (number(year, 4), number(month, 2), number(day, 2)) else {
        return false;
    };
    (1..=days(year, month)).contains(&day)
}

/// Days of a month; none if there is no such month.
const fn days(year: u32, month: u32) -> u32 {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    //! A value that the partner's desk would refuse must not stop a whole offer.
    use deskwire_proto::list::List;
    use deskwire_proto::text::Label;

    use super::*;

    fn takes(r#type: FieldType, value: &str) -> bool {
        let choices =
            (r#type == FieldType::Choice).then(|| List::new(vec![Label::new("ground").unwrap()]).unwrap());
        let key = Code::new("floor").unwrap();
        let field = CustomField { key, name: Label::new("Floor").unwrap(), r#type, choices };
        fits(&field, &Line::new(value).unwrap())
    }

    #[test]
    fn values_keep_to_the_type_of_their_field() {
        assert!(takes(FieldType::Text, "any"));
        assert!(takes(FieldType::Number, "-1.5") && !takes(FieldType::Number, "1,5"));
        assert!(takes(FieldType::Choice, "ground") && !takes(FieldType::Choice, "Ground"));
        for date in ["2024-02-29", "2000-02-29", "2025-12-31"] {
            assert!(takes(FieldType::Date, date), "{date}");
        }
        for date in [
            "2025-02-29",
            "1900-02-29",
            "2025-13-01",
            "2025-04-31",
            "2025-1-01",
            "25-01-01",
            "2025-01-00",
            "+025-01-01",
            "2025-01-01Z",
        ] {
            assert!(!takes(FieldType::Date, date), "{date}");
        }
    }
}
