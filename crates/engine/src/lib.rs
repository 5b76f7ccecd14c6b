//! The single writer of a desk: commands and verified messages in, durable records and released effects out.
