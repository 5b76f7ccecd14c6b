//! The operator HTTP API, version 1.
