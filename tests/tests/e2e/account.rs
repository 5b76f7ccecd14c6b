//! Work and its bill, told with the command line: lines, approval, a statement that both sign, exports, the report.

use std::fs;

use deskwire_api_types::TermsOffer;
use deskwire_tests::{
    desk::Desk,
    links::{self, PATIENCE, quiet, until},
    world::World,
};
use serde_json::Value;

/// Without this nobody could bill work, or would have to believe the other side's sums.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_desks_settle_a_month_with_the_command_line() {
    let world = World::new("two_desks_settle_a_month");
    let (acme, kassa) = tokio::join!(Desk::new(&world, "Acme"), Desk::new(&world, "Kassa"));
    links::link(&kassa, &acme, TermsOffer::default()).await;
    acme.json(&["ticket", "new", "Cash register 3 is dead"]).await;
    let made = acme.json(&["ticket", "delegate", "ACME-1", "kassa", "--yes"]).await;
    let id = made["id"].as_str().unwrap().to_owned();
    until("The offer", async || {
        let list = kassa.json(&["delegation", "list"]).await;
        Ok((list["delegations"].as_array().is_some_and(|all| all.len() == 1)).then_some(()))
    })
    .await;
    kassa.json(&["delegation", "accept", &id]).await;
    let hour = [
        "work",
        "add",
        &id,
        "time",
        "1.25",
        "hour",
        "95.00",
        "Replaced it",
        "--currency",
        "EUR",
        "--tax",
        "20",
    ];
    kassa.json(&hour).await;
    kassa
        .json(&["work", "add", &id, "travel", "34", "km", "0.42", "There and back", "--currency", "EUR"])
        .await;
    until("Two lines", async || Ok((lines(&acme, &id).await.len() == 2).then_some(()))).await;
    acme.json(&["work", "approve", &id, "--all"]).await;
    until("Two approvals that are settled", async || {
        let settled = lines(&kassa, &id).await.iter().all(|line| line["settled_state"] == "approved");
        let ours = lines(&acme, &id).await.iter().all(|line| line["settled_state"] == "approved");
        Ok((settled && ours).then_some(()))
    })
    .await;

    let year = kassa.json(&["delegation", "show", &id]).await["created"].as_str().unwrap()[..4].to_owned();
    let propose = ["statement", "propose", "acme", "--period", &year, "--zone", "Europe/Berlin"];
    let proposed = kassa.json(&propose).await;
    let statement = proposed["statement"]["id"].as_str().unwrap()[..8].to_owned();
    until("The statement", async || {
        let list = acme.json(&["statement", "list", "kassa"]).await;
        Ok((list["statements"][0]["state"] == "to-sign").then_some(()))
    })
    .await;
    acme.json(&["statement", "sign", &statement]).await;
    for desk in [&acme, &kassa] {
        until("Both signatures", async || {
            let shown = desk.json(&["statement", "show", &statement]).await;
            Ok((shown["statement"]["state"] == "signed").then_some(()))
        })
        .await;
    }
    let export = world.path("kassa.json");
    let path = export.to_str().unwrap();
    let done = kassa.run(&["statement", "export", &statement, "--format", "json", "-o", path]).await;
    assert_eq!(done.code, 0, "{done:?}");
    let exported: Value = serde_json::from_slice(&fs::read(&export).unwrap()).unwrap();
    assert_eq!(exported["totals"][0]["amount"], "156.78");
    let compared = acme.json(&["statement", "compare", &statement, path]).await;
    assert_eq!(compared["same"], true, "{compared}");
    let csv = acme.run(&["statement", "export", &statement]).await;
    assert_eq!(csv.out.lines().count(), 3, "{csv:?}");
    let page = acme.run(&["statement", "export", &statement, "--format", "html", "--language", "de"]).await;
    assert!(page.out.contains("Abrechnung") && page.out.contains("There and back"), "{page:?}");

    kassa.json(&["delegation", "resolve", &id]).await;
    until("The solution", async || {
        Ok((acme.json(&["delegation", "show", &id]).await["state"] == "resolved").then_some(()))
    })
    .await;
    acme.json(&["delegation", "confirm", &id]).await;
    acme.json(&["delegation", "rate", &id, "4", "Quick"]).await;
    quiet(PATIENCE, &acme, &kassa).await;
    let report = acme.json(&["report", "partners"]).await;
    let one = &report["partners"][0];
    assert_eq!((&one["offers"], &one["accepted"], &one["rating"]), (&1.into(), &1.into(), &"4.00".into()));
    assert_eq!(one["cost"][0]["amount"], "156.78");
}

async fn lines(desk: &Desk, id: &str) -> Vec<Value> {
    desk.json(&["work", "list", id]).await["lines"].as_array().cloned().unwrap_or_default()
}
