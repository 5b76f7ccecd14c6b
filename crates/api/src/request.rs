//! What handlers take out of a request: documents, queries and path segments, each refused as a problem.

use axum::extract::{FromRequest, FromRequestParts, Path, Query, Request};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use deskwire_http::body::{self, Pace};
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// Largest document, bytes.
const DOCUMENT: usize = 1 << 20;

/// A JSON document, and the bytes that it was; an empty body is `{}`.
pub(crate) struct Document<T> {
    pub(crate) value: T,
    pub(crate) bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Document<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        check_media(request.headers())?;
        let bytes = body::read(request.into_body(), DOCUMENT, Pace::default()).await?;
        let value = parse(if bytes.is_empty() { b"{}" } else { &bytes })?;
        Ok(Self { value, bytes })
    }
}

/// A body that must be empty, or an empty document.
pub(crate) struct Nothing {
    pub(crate) bytes: Bytes,
}

impl<S: Send + Sync> FromRequest<S> for Nothing {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Empty {}
        let Document { value: Empty {}, bytes } = Document::from_request(request, state).await?;
        Ok(Self { bytes })
    }
}

/// A query string.
pub(crate) struct Asked<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let asked = Query::<T>::from_request_parts(parts, state).await;
        asked.map(|Query(value)| Self(value)).map_err(|rejection| {
            let words = rejection.body_text();
            let why = words.strip_prefix("Failed to deserialize query string: ").unwrap_or(&words);
            refused_value(format!("The query string cannot be taken: {why}."))
        })
    }
}

/// The one segment of the path that somebody typed.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let named = Path::<String>::from_request_parts(parts, state).await;
        named.map(|Path(name)| Self(name)).map_err(|_| refused_value("The path is not UTF-8.".to_owned()))
    }
}

fn check_media(headers: &HeaderMap) -> Result<(), ApiError> {
    let Some(value) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let media = value.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim();
    if media.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    Err(ApiError::new(
        StatusCode::UNSUPPORTED_MEDIA_TYPE,
        "media-type-unsupported",
        format!("The body is said to be “{media}”; this call takes JSON."),
        "Send the document with `Content-Type: application/json`.",
    ))
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => refused_value(format!("The document cannot be taken: {error}.")),
        serde_json::error::Category::Syntax
        | serde_json::error::Category::Eof
        | serde_json::error::Category::Io => ApiError::new(
            StatusCode::BAD_REQUEST,
            "malformed-json",
            format!("The body is not JSON: {error}."),
            "Send one JSON object in UTF-8.",
        ),
    })
}

fn refused_value(detail: String) -> ApiError {
    ApiError::new(
        StatusCode::BAD_REQUEST,
        "invalid-value",
        detail,
        "Compare it with /v1/openapi.json and correct it.",
    )
}
