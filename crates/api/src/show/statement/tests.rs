//! What a partner wrote must not run in a browser, compute in a spreadsheet, or change a column of the books.

use super::words::of;
use super::*;

fn line(what: &str) -> api::StatementLine {
    api::StatementLine {
        delegation: "ab".repeat(16),
        work: "cd".repeat(16),
        ticket: Some("ACME-1".into()),
        ours: false,
        contractor: "ef".repeat(32),
        date: api::Time::from_millis(0),
        what: Some(what.into()),
        r#type: api::WorkType::Time,
        quantity: "1.25".into(),
        unit: "hour".into(),
        price: "-95.00".into(),
        currency: "EUR".into(),
        tax: "20".into(),
        net: "-118.75".into(),
        tax_amount: "-23.75".into(),
    }
}

fn detail(partner: &str, what: &str) -> api::StatementDetail {
    api::StatementDetail {
        statement: api::Statement {
            id: "11".repeat(16),
            link: "kassa".into(),
            partner: partner.into(),
            ours: true,
            state: api::StatementState::Signed,
            from: api::Time::from_millis(0),
            to: api::Time::from_millis(86_400_000),
            zone: "Europe/Berlin".into(),
            hash: "22".repeat(32),
            totals: Vec::new(),
            time: api::Time::from_millis(0),
        },
        cut: [1, 2],
        computed_hash: None,
        lines: vec![line(what)],
        disputed_since: Vec::new(),
        totals: vec![api::Money { amount: "-142.50".into(), currency: "EUR".into() }],
        sums: Vec::new(),
        evidence: Vec::new(),
    }
}

#[test]
fn formulas_of_a_partner_are_text_and_numbers_stay_numbers() {
    for formula in ["=1+1", "+1", "-cmd|' /C calc'!A0", "@SUM(A1)", "\t=1", " =1", "\r=1", "\u{ff1d}1"] {
        let cell = cell(formula);
        assert!(cell.starts_with("\"'"), "{formula:?} became {cell:?}");
    }
    assert_eq!(cell("-118.75"), "-118.75");
    assert_eq!(cell("-1.2.3"), "\"'-1.2.3\"");
    assert_eq!(cell("a, \"b\"\nc"), "\"a, \"\"b\"\"\nc\"");
    assert_eq!(cell("Wien; Graz"), "\"Wien; Graz\"");
    assert_eq!(cell("plain"), "plain");
}

#[test]
fn each_line_of_the_table_has_all_columns_in_each_language() {
    for language in [api::Language::En, api::Language::Ru, api::Language::De] {
        let text = statement_csv(&detail("Kassa", "Replaced it"), language);
        let rows: Vec<_> = text.split_terminator("\r\n").collect();
        assert_eq!(rows.len(), 2);
        assert!(rows.iter().all(|row| row.split(',').count() == 14), "{text}");
        assert!(rows[1].ends_with("hour,-95.00,EUR,20,-118.75,-23.75"), "{text}");
    }
}

#[test]
fn a_page_shows_what_a_partner_wrote_and_obeys_nothing_of_it() {
    let evil = "<script>alert(1)</script><img src=x onerror=\"a\">'&\u{202e}";
    for language in [api::Language::En, api::Language::Ru, api::Language::De] {
        let page = html::page(evil, &detail(evil, evil), of(language));
        assert!(!page.contains("<script") && !page.contains("<img") && !page.contains('\u{202e}'));
        assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
        assert!(page.contains("-142.50 EUR") && page.contains(of(language).title));
    }
}
