//! The peer endpoint and the courier: streams, sessions, receipts and files over HTTPS.
