//! Every endpoint, once: the router and the OpenAPI document are made from the same list.

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{delete, get, post};
use deskwire_api_types as api;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityRequirement, SecurityScheme};
use utoipa::openapi::{ContentBuilder, Ref, RefOr, ResponseBuilder};
use utoipa::{Modify, OpenApi};

use crate::error::ApiError;
use crate::guard::guard;
use crate::state::{Api, ApiState, Shared};
use crate::{
    accord, act, agreement, calendar, comment, delegation, desk, erasure, export, file, invitation, key,
    link, log, metrics, queue, relay, report, revise, statement, ticket, upload, verify, work,
};

macro_rules! endpoints {
    ($($method:ident $path:literal => $module:ident::$handler:ident;)*) => {
        /// Method and path of every endpoint.
        #[cfg(test)]
        pub(crate) const ENDPOINTS: &[(&str, &str)] = &[$((stringify!($method), $path)),*];

        fn routes() -> Router<Api> {
            Router::new()$(.route($path, $method($module::$handler)))*
        }

        #[derive(OpenApi)]
        #[openapi(
            info(
                title = "Deskwire operator API",
                description = "For the operator's own programs on the machine of the daemon. Every changing call takes \
                               an `Idempotency-Key`; every refusal is a problem document (RFC 9457).",
                license(name = "Apache-2.0 OR MIT"),
            ),
            paths($($module::$handler),*),
            components(schemas(api::Problem, api::DueFilter, api::OtherCases, api::ExportFormat, api::Language)),
            modifiers(&Common),
        )]
        struct Description;
    };
}

endpoints! {
    get "/healthz" => desk::health;
    get "/readyz" => desk::ready;
    get "/metrics" => metrics::show;
    get "/v1/openapi.json" => desk::description;
    get "/v1/desk" => desk::show_desk;
    get "/v1/calendar" => calendar::show_hours;
    post "/v1/calendar" => calendar::set_hours;
    post "/v1/verify" => verify::run;
    get "/v1/tickets" => ticket::list;
    post "/v1/tickets" => ticket::create;
    get "/v1/tickets/{number}" => ticket::detail;
    post "/v1/tickets/{number}/status" => ticket::set_status;
    post "/v1/tickets/{number}/comments" => comment::add;
    post "/v1/tickets/{number}/comments/preview" => comment::preview;
    post "/v1/tickets/{number}/comments/{id}/edit" => revise::edit;
    post "/v1/tickets/{number}/comments/{id}/retract" => revise::retract;
    post "/v1/tickets/{number}/comments/{id}/audience" => revise::open;
    post "/v1/tickets/{number}/files/preview" => comment::preview_file;
    post "/v1/files/{id}/retract" => revise::retract_file;
    post "/v1/files/{id}/audience" => revise::open_file;
    get "/v1/erasures" => erasure::list;
    post "/v1/erasures" => erasure::order;
    post "/v1/erasures/preview" => erasure::preview;
    get "/v1/erasures/{id}" => erasure::detail;
    get "/v1/relays" => relay::list;
    post "/v1/relays/approve" => relay::approve;
    post "/v1/relays/skip" => relay::skip;
    post "/v1/relays/preview" => relay::preview;
    get "/v1/links/{link}/relay" => relay::setting;
    post "/v1/links/{link}/relay" => relay::set;
    get "/v1/links/{link}/reserve" => calendar::reserve;
    post "/v1/links/{link}/reserve" => calendar::set_reserve;
    post "/v1/links/{link}/withdraw" => relay::withdraw;
    post "/v1/tickets/{number}/files" => upload::attach;
    post "/v1/tickets/{number}/delegations" => delegation::create;
    post "/v1/tickets/{number}/delegations/preview" => delegation::preview;
    get "/v1/files/{id}" => file::info;
    get "/v1/files/{id}/content" => file::content;
    get "/v1/delegations" => delegation::list;
    get "/v1/delegations/{id}" => delegation::detail;
    post "/v1/delegations/{id}/accept" => act::accept;
    post "/v1/delegations/{id}/decline" => act::decline;
    post "/v1/delegations/{id}/status" => act::status;
    post "/v1/delegations/{id}/resolve" => act::resolve;
    post "/v1/delegations/{id}/confirm" => act::confirm;
    post "/v1/delegations/{id}/reopen" => act::reopen;
    post "/v1/delegations/{id}/return" => act::return_back;
    post "/v1/delegations/{id}/recall" => act::recall;
    post "/v1/delegations/{id}/update" => act::update;
    post "/v1/delegations/{id}/change-take" => act::change_take;
    post "/v1/delegations/{id}/change-decline" => act::change_decline;
    post "/v1/delegations/{id}/ask" => act::ask;
    post "/v1/delegations/{id}/answer" => act::answer;
    post "/v1/delegations/{id}/rate" => act::rate;
    get "/v1/delegations/{id}/work" => work::list;
    post "/v1/delegations/{id}/work" => work::add;
    post "/v1/delegations/{id}/work/approve" => work::approve;
    post "/v1/delegations/{id}/work/dispute" => work::dispute;
    post "/v1/key-logs" => key::import;
    get "/v1/links" => link::list;
    get "/v1/links/invitations" => invitation::list;
    post "/v1/links/invitations" => invitation::create;
    delete "/v1/links/invitations/{id}" => invitation::withdraw;
    post "/v1/links/accept" => invitation::accept;
    post "/v1/links/add" => link::add;
    get "/v1/links/{link}" => link::detail;
    post "/v1/links/{link}/approve" => link::approve;
    post "/v1/links/{link}/verify" => link::verify;
    post "/v1/links/{link}/resume" => link::resume;
    post "/v1/links/{link}/find" => link::find;
    get "/v1/links/{link}/repair" => link::branches;
    post "/v1/links/{link}/repair" => link::repair;
    post "/v1/links/{link}/end" => link::end;
    post "/v1/links/{link}/suspend" => accord::suspend;
    get "/v1/links/{link}/close" => accord::left_open;
    post "/v1/links/{link}/close" => accord::close;
    get "/v1/links/{link}/terms" => accord::terms;
    post "/v1/links/{link}/terms/propose" => accord::propose;
    post "/v1/links/{link}/terms/accept" => accord::accept;
    post "/v1/links/{link}/terms/calendars" => accord::calendars;
    get "/v1/links/{link}/map" => accord::map;
    post "/v1/links/{link}/map" => accord::set_map;
    get "/v1/links/{link}/check" => accord::check;
    get "/v1/links/{link}/rules" => accord::rules;
    post "/v1/links/{link}/rules" => accord::add_rule;
    delete "/v1/links/{link}/rules/{rule}" => accord::remove_rule;
    get "/v1/links/{link}/log" => log::page;
    get "/v1/links/{link}/export" => export::link;
    get "/v1/delegations/{id}/export" => export::delegation;
    get "/v1/delegations/{id}/agreement" => agreement::detail;
    post "/v1/delegations/{id}/digest" => agreement::ask;
    get "/v1/links/{link}/statements" => statement::list;
    post "/v1/links/{link}/statements" => statement::propose;
    get "/v1/statements/{id}" => statement::detail;
    post "/v1/statements/{id}/sign" => statement::sign;
    get "/v1/statements/{id}/export" => statement::export;
    get "/v1/reports/partners" => report::partners;
    get "/v1/queue" => queue::list;
    post "/v1/queue/retry" => queue::retry;
    post "/v1/queue/park" => queue::park;
    post "/v1/queue/drop" => queue::drop_items;
    post "/v1/queue/drop/preview" => queue::drop_preview;
}

/// The whole API, to be served on a loopback address.
pub fn router(state: ApiState) -> Router {
    let shared = Shared::new(state);
    routes()
        .fallback(unknown_path)
        .method_not_allowed_fallback(wrong_method)
        .layer(from_fn_with_state(Api::clone(&shared), guard))
        .with_state(shared)
}

/// The description of the API.
#[must_use]
pub fn openapi() -> utoipa::openapi::OpenApi {
    Description::openapi()
}

/// Calls that change something take a key; questions that come as `POST` do not.
const QUESTIONS: [&str; 7] = [
    "/v1/verify",
    "/v1/tickets/{number}/delegations/preview",
    "/v1/queue/drop/preview",
    "/v1/tickets/{number}/comments/preview",
    "/v1/tickets/{number}/files/preview",
    "/v1/relays/preview",
    "/v1/erasures/preview",
];

async fn unknown_path(uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(100).collect();
    ApiError::new(
        StatusCode::NOT_FOUND,
        "unknown-path",
        format!("This API has nothing at {shown}."),
        "See /v1/openapi.json for what there is.",
    )
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let shown: String = uri.path().chars().take(100).collect();
    ApiError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method-not-allowed",
        format!("{shown} does not take {method}."),
        "See /v1/openapi.json for what it takes.",
    )
}

/// What all operations have in common.
struct Common;

impl Modify for Common {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        if let Some(components) = &mut document.components {
            let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
            components.add_security_scheme("token", scheme);
        }
        for (path, item) in &mut document.paths.paths {
            for operation in [&mut item.get, &mut item.delete].into_iter().flatten() {
                complete(operation, path, false);
            }
            if let Some(operation) = &mut item.post {
                complete(operation, path, !QUESTIONS.contains(&path.as_str()));
            }
            if let Some(operation) = &mut item.delete {
                add_key(operation);
            }
        }
    }
}

fn complete(operation: &mut Operation, path: &str, changes: bool) {
    let problem = ContentBuilder::new().schema(Some(Ref::from_schema_name("Problem"))).build();
    let refused = ResponseBuilder::new().description("Refused.").content(api::PROBLEM_MEDIA, problem).build();
    operation.responses.responses.insert("default".to_owned(), RefOr::T(refused));
    if path.starts_with(api::PREFIX) || path == "/metrics" {
        operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
    }
    if changes {
        add_key(operation);
    }
}

fn add_key(operation: &mut Operation) {
    use utoipa::openapi::Required;
    use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
    use utoipa::openapi::schema::{ObjectBuilder, Type};
    let schema =
        ObjectBuilder::new().schema_type(Type::String).max_length(Some(128)).min_length(Some(1)).build();
    let key = ParameterBuilder::new()
        .name(api::IDEMPOTENCY_KEY)
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some("Drawn anew for each change, and repeated with a call that got no answer."))
        .schema(Some(schema))
        .build();
    operation.parameters.get_or_insert_default().push(key.into());
}
