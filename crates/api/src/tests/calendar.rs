//! Hours that are told wrongly, and a partner's clock runs at night.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::Desk;

fn hours() -> Value {
    json!({"hours": {
        "zone": "Europe/Berlin",
        "week": {"monday": ["08:00-12:00", "13:00-17:00"], "saturday": ["20:00-24:00"], "sunday": ["00:00-02:30"]},
        "days": {"2026-06-01": []},
    }})
}

fn intervals(calendar: &Value) -> Vec<(&str, &str)> {
    let list = calendar["intervals"].as_array().unwrap().iter();
    list.map(|one| (one[0].as_str().unwrap(), one[1].as_str().unwrap())).collect()
}

#[tokio::test]
async fn hours_come_back_as_they_were_set_and_as_the_terms_take_them() {
    let desk = Desk::new("Acme", "ACME", 1);
    let before = desk.get("/v1/calendar").await;
    assert_eq!(before, json!({"cut": false}), "always open");
    let set = desk.post("/v1/calendar", hours()).await;
    assert_eq!(set["hours"], hours()["hours"]);
    assert_eq!(desk.get("/v1/calendar").await, set);
    let month = desk.get("/v1/calendar?months=1").await;
    // It is Thursday, 28 May 2026, summer time; the night of the weekend is one interval, and Monday is a holiday.
    let expected = [
        ("2026-05-30T18:00:00.000Z", "2026-05-31T00:30:00.000Z"),
        ("2026-06-06T18:00:00.000Z", "2026-06-07T00:30:00.000Z"),
        ("2026-06-08T06:00:00.000Z", "2026-06-08T10:00:00.000Z"),
        ("2026-06-08T11:00:00.000Z", "2026-06-08T15:00:00.000Z"),
    ];
    assert_eq!(intervals(&month)[..4], expected);
    assert!(intervals(&set).len() > 10 * intervals(&month).len(), "13 months when nobody says how many");
    assert_eq!(month["cut"], false);
    let cleared = desk.post("/v1/calendar", json!({})).await;
    assert_eq!(cleared, before);
}

#[tokio::test]
async fn hours_that_cannot_be_are_refused_and_the_old_ones_stay() {
    let desk = Desk::new("Acme", "ACME", 1);
    let kept = desk.post("/v1/calendar", hours()).await;
    let week = |week: Value| json!({"hours": {"zone": "Europe/Berlin", "week": week}});
    let wrong = [
        (json!({"hours": {"zone": "Europe/Atlantis", "week": {"monday": ["08:00-12:00"]}}}), "bad-hours"),
        (week(json!({})), "bad-hours"),
        (week(json!({"moonday": ["08:00-12:00"]})), "invalid-value"),
        (week(json!({"monday": ["8-12"]})), "invalid-value"),
        (week(json!({"monday": ["08:00-24:01"]})), "invalid-value"),
        (week(json!({"monday": ["12:00-08:00"]})), "bad-hours"),
        (week(json!({"monday": ["08:00-12:00", "11:00-13:00"]})), "bad-hours"),
        (
            json!({"hours": {
                "zone": "Europe/Berlin", "week": {"monday": ["08:00-12:00"]}, "days": {"2026-02-30": []},
            }}),
            "bad-hours",
        ),
    ];
    for (body, code) in wrong {
        let refused = desk.refused("/v1/calendar", body.clone()).await;
        assert_eq!(refused, (400, code.into()), "{body}");
    }
    for months in ["0", "25"] {
        let refused = desk.call(Method::GET, &format!("/v1/calendar?months={months}")).send().await;
        assert_eq!(refused.refusal(), (400, "invalid-value".into()), "{months}");
    }
    assert_eq!(desk.get("/v1/calendar").await, kept);
}
