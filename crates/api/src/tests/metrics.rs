//! Prometheus throws a whole page away for one bad line, and whoever reads it must not learn what is in a ticket.

use std::collections::{BTreeMap, BTreeSet};

use axum::http::Method;
use serde_json::json;

use super::desks::{Desk, linked, talk};

async fn page(desk: &Desk) -> String {
    let answer = desk.call(Method::GET, "/metrics").send().await;
    assert_eq!(answer.status, 200);
    assert!(answer.headers["content-type"].to_str().unwrap().starts_with("text/plain; version=0.0.4"));
    String::from_utf8(answer.raw).unwrap()
}

/// One sample: its name, its labels as written, its value.
type Sample = (String, BTreeMap<String, String>, f64);

/// Reads the text format by its published grammar, strictly.
fn parse(text: &str) -> Vec<Sample> {
    assert!(text.ends_with('\n'));
    let mut types: BTreeMap<&str, &str> = BTreeMap::new();
    let mut family = "";
    let mut done = BTreeSet::new();
    let mut samples: Vec<Sample> = Vec::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect(line);
            assert!(is_name(name) && !help.is_empty(), "{line}");
            assert!(done.insert(name), "{name} is described twice, or its samples are apart");
            family = name;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect(line);
            assert_eq!(name, family, "{line}");
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            types.insert(name, kind);
        } else {
            let sample = sample(line);
            let base = match types[family] {
                "histogram" => {
                    ["_bucket", "_sum", "_count"].iter().find_map(|end| sample.0.strip_suffix(end))
                }
                _ => Some(sample.0.as_str()),
            };
            assert_eq!(base, Some(family), "{line} stands in another family");
            assert!(types[family] != "counter" || family.ends_with("_total"), "{line}");
            let same = samples.iter().any(|other| (&other.0, &other.1) == (&sample.0, &sample.1));
            assert!(!same, "{line} stands there twice");
            samples.push(sample);
        }
    }
    samples
}

fn is_name(name: &str) -> bool {
    name.starts_with("deskwire_") && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_')
}

fn sample(line: &str) -> Sample {
    let (head, value) = line.rsplit_once(' ').expect(line);
    let value: f64 = value.parse().expect(line);
    let Some((name, labels)) = head.split_once('{') else {
        assert!(is_name(head), "{line}");
        return (head.to_owned(), BTreeMap::new(), value);
    };
    assert!(is_name(name), "{line}");
    let mut rest = labels.strip_suffix('}').expect(line);
    let mut labels = BTreeMap::new();
    while !rest.is_empty() {
        let (label, quoted) = rest.split_once("=\"").expect(line);
        let mut text = String::new();
        let mut letters = quoted.char_indices();
        let end = loop {
            match letters.next().expect(line) {
                (at, '"') => break at,
                (_, '\\') => text.push(match letters.next().expect(line).1 {
                    'n' => '\n',
                    letter @ ('\\' | '"') => letter,
                    letter => panic!("\\{letter} in {line}"),
                }),
                (_, letter) => text.push(letter),
            }
        };
        labels.insert(label.trim_start_matches(',').to_owned(), text);
        rest = &quoted[end + 1..];
    }
    (name.to_owned(), labels, value)
}

fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let wanted: BTreeMap<_, _> =
        labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let found = samples.iter().find(|sample| sample.0 == name && sample.1 == wanted);
    found.unwrap_or_else(|| panic!("{name} {labels:?}")).2
}

#[tokio::test]
async fn the_page_follows_the_format_and_tells_how_links_fare() {
    let (acme, kassa) = linked().await;
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    acme.post("/v1/tickets/1/comments", json!({"body": "Any news?", "audience": {"kind": "thread"}})).await;
    acme.live(2).await;
    let samples = parse(&page(&acme).await);
    let kassa_alone = [("link", "kassa")];
    assert!((value(&samples, "deskwire_link_waiting_items", &kassa_alone) - 1.0).abs() < f64::EPSILON);
    assert!((value(&samples, "deskwire_link_late", &kassa_alone) - 1.0).abs() < f64::EPSILON);
    assert!(value(&samples, "deskwire_link_oldest_item_age_seconds", &kassa_alone) > 7_000.0);
    assert!(value(&samples, "deskwire_link_last_contact_time_seconds", &kassa_alone) > 1_780_000_000.0);
    assert!((value(&samples, "deskwire_link_healthy", &kassa_alone)).abs() < f64::EPSILON);
    assert!((value(&samples, "deskwire_links", &[("state", "active")]) - 1.0).abs() < f64::EPSILON);
    let principal = [("link", "kassa"), ("role", "principal")];
    assert!((value(&samples, "deskwire_delegations_open", &principal) - 1.0).abs() < f64::EPSILON);
    let told = [("code", "not-delivered"), ("link", "kassa")];
    assert!((value(&samples, "deskwire_link_events", &told) - 1.0).abs() < f64::EPSILON);
    assert!(value(&samples, "deskwire_commit_sync_seconds_count", &[]) > 5.0);
}

#[tokio::test]
async fn buckets_of_histograms_grow_and_end_with_all() {
    let (acme, _) = linked().await;
    let samples = parse(&page(&acme).await);
    let names =
        ["deskwire_command_queue_seconds", "deskwire_commit_commands", "deskwire_commit_sync_seconds"];
    for name in names {
        let bucket = format!("{name}_bucket");
        let buckets: Vec<_> = samples.iter().filter(|sample| sample.0 == bucket).collect();
        assert!(buckets.windows(2).all(|pair| pair[0].2 <= pair[1].2), "{name}");
        let last = buckets.last().unwrap();
        assert_eq!(last.1["le"], "+Inf");
        assert!((last.2 - value(&samples, &format!("{name}_count"), &[])).abs() < f64::EPSILON, "{name}");
    }
}

/// Fault 98, as far as metrics go.
#[tokio::test]
async fn fault_98_nothing_that_people_or_partners_wrote_is_in_the_metrics() {
    let (acme, kassa) = linked().await;
    let canary = "canary7f3a";
    let ticket = json!({
        "title": format!("title {canary}"), "description": canary, "category": canary, "company": canary,
        "requester": {"name": canary, "phone": "+7 1"},
    });
    acme.post("/v1/tickets", ticket).await;
    acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    acme.post("/v1/tickets/1/comments", json!({"body": canary, "audience": {"kind": "thread"}})).await;
    talk(&acme, &kassa).await;
    let declined = kassa.get("/v1/delegations").await["delegations"][0]["id"].as_str().unwrap().to_owned();
    kassa.post(&format!("/v1/delegations/{declined}/decline"), json!({"reason": canary})).await;
    talk(&acme, &kassa).await;
    for desk in [&acme, &kassa] {
        let text = page(desk).await;
        parse(&text);
        assert!(!text.contains(canary) && !text.contains("Kassa Service") && !text.contains("Acme Service"));
        assert!(!text.contains(super::desks::TOKEN));
    }
}

#[tokio::test]
async fn without_a_token_there_is_nothing_to_read() {
    let acme = Desk::new("Acme", "ACME", 1);
    let answer = acme.call(Method::GET, "/metrics").without("authorization").send().await;
    assert_eq!(answer.refusal(), (401, "token-missing".to_owned()));
}
