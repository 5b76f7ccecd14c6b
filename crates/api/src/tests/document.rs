//! Whoever writes a client from the OpenAPI document alone finds every endpoint in it, and nothing that leads nowhere.

use std::collections::BTreeSet;

use axum::http::Method;
use serde_json::Value;

use super::desks::Desk;
use crate::endpoints::ENDPOINTS;

async fn document() -> Value {
    let desk = Desk::new("Acme", "ACME", 1);
    desk.get("/v1/openapi.json").await
}

#[tokio::test]
async fn the_document_lists_every_route_and_no_other() {
    let document = document().await;
    let mut described = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for method in ["get", "post", "delete", "put", "patch"] {
            if item.get(method).is_some() {
                described.insert((method.to_owned(), path.clone()));
            }
        }
    }
    let served: BTreeSet<_> =
        ENDPOINTS.iter().map(|(method, path)| ((*method).to_owned(), (*path).to_owned())).collect();
    assert_eq!(described, served);
    assert_eq!(served.len(), ENDPOINTS.len(), "an endpoint is listed twice");
}

#[tokio::test]
async fn every_reference_resolves() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|member| references(member, found));
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }
    let document = document().await;
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 100, "{}", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_operation_says_what_it_needs_and_how_it_refuses() {
    let document = document().await;
    for (method, path) in ENDPOINTS {
        let operation = &document["paths"][path][method];
        let problem =
            &operation["responses"]["default"]["content"]["application/problem+json"]["schema"]["$ref"];
        assert_eq!(problem, "#/components/schemas/Problem", "{method} {path}");
        let guarded = path.starts_with("/v1/") || *path == "/metrics";
        assert_eq!(operation.get("security").is_some(), guarded, "{method} {path}");
        assert!(operation["summary"].as_str().is_some_and(|words| !words.is_empty()), "{method} {path}");
        let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
        let question = *path == "/v1/verify" || path.ends_with("/preview");
        let keyed = parameters.iter().filter(|parameter| parameter["name"] == "idempotency-key").count();
        assert_eq!(keyed, usize::from(*method != "get" && !question), "{method} {path}");
        let named: Vec<_> = parameters.iter().filter(|parameter| parameter["in"] == "path").collect();
        assert_eq!(named.len(), path.matches('{').count(), "{method} {path}");
        assert!(named.iter().all(|one| path.contains(&format!("{{{}}}", one["name"].as_str().unwrap()))));
    }
}

/// A route that the document promises is there, whatever it then says.
#[tokio::test]
async fn every_described_path_is_served() {
    let desk = Desk::new("Acme", "ACME", 1);
    for (method, path) in ENDPOINTS {
        let method: Method = method.to_uppercase().parse().unwrap();
        let path =
            path.replace("{number}", "1").replace("{id}", "1").replace("{link}", "x").replace("{rule}", "1");
        let answer = desk.call(method.clone(), &path).send().await;
        let code = answer.body.get("code").and_then(Value::as_str).unwrap_or_default();
        assert!(!matches!(code, "unknown-path" | "method-not-allowed"), "{method} {path}");
    }
}
