//! Hours that are told wrongly, and a partner's clock runs at night.

use axum::http::Method;
use serde_json::{Value, json};

use super::desks::{Desk, linked, talk};

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

/// Nobody computes milliseconds: the hours of the desk, or the intervals as they are told, become the calendar of a link.
#[tokio::test]
async fn the_desks_own_hours_become_the_calendar_of_a_link() {
    let (acme, kassa) = linked().await;
    let propose = "/v1/links/kassa/terms/propose";
    let own = json!({"set": {"calendar": "own"}});
    assert_eq!(acme.refused(propose, own.clone()).await, (409, "always-open".into()));
    let told = acme.post("/v1/calendar", hours()).await["intervals"].clone();
    acme.post(propose, own).await;
    talk(&acme, &kassa).await;
    let theirs = kassa.get("/v1/links/acme-service/terms").await["theirs"].clone();
    let (count, made) = (told.as_array().unwrap().len(), &theirs["terms"]["calendar"]);
    assert_eq!(made.as_array().unwrap().len(), count);
    assert!(made[0][0].is_u64(), "{made}");

    acme.post(propose, json!({"set": {"calendar": told}})).await;
    talk(&acme, &kassa).await;
    let again = kassa.get("/v1/links/acme-service/terms").await["theirs"].clone();
    assert_eq!(again["terms"]["calendar"], *made, "as they are told");
    let wrong = json!({"set": {"calendar": [["2026-06-01", "tomorrow"]]}});
    assert_eq!(acme.refused(propose, wrong).await, (400, "invalid-value".into()));
}

/// A program that ends a link reads before what stays behind.
#[tokio::test]
async fn what_a_link_would_leave_behind_is_asked_before_it_ends() {
    let (acme, kassa) = linked().await;
    let path = "/v1/links/kassa/close";
    assert_eq!(acme.get(path).await, json!({"link": "kassa", "open": 0}));
    acme.post("/v1/tickets", json!({"title": "Dead cash register"})).await;
    let made = acme.post("/v1/tickets/1/delegations", json!({"link": "kassa"})).await;
    talk(&acme, &kassa).await;
    let delegation = format!("/v1/delegations/{}", made["id"].as_str().unwrap());
    kassa.post(&format!("{delegation}/accept"), json!({})).await;
    let line = json!({
        "type": "time", "quantity": "1.25", "unit": "hour", "price": "95.00", "currency": "EUR", "tax": "20",
        "what": "New power supply",
    });
    kassa.post(&format!("{delegation}/work"), line).await;
    talk(&acme, &kassa).await;
    let left = acme.get(path).await;
    assert_eq!((&left["open"], &left["delegations"][0]["ticket"]), (&json!(1), &json!("ACME-1")));
    let unsettled = json!([{
        "currency": "EUR", "lines": 1, "sum": "142.50", "open": "142.50", "approved": "0.00", "disputed": "0.00",
    }]);
    assert_eq!(left["unsettled"], unsettled);
}
