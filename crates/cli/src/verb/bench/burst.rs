//! Comments as fast as the API takes them.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde::Serialize;
use tokio::task::JoinSet;

use super::{
    pair::{Pair, Writer},
    process,
    spread::Spread,
};
use crate::failure::{self, Failure};

/// How much goes in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Load {
    /// Comments.
    pub(super) messages: u64,
    /// Callers at once.
    pub(super) producers: u64,
}

/// How fast it was.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Burst {
    /// Seconds from the first call until all was committed at the receiver and all receipts were durable at the sender.
    pub(super) seconds: f64,
    /// Messages per second over all that time.
    pub(super) messages_per_second: f64,
    /// Seconds from the first call until the last was answered: each comment durable at the sender.
    pub(super) api_seconds: f64,
    /// Messages per second over that time.
    pub(super) api_messages_per_second: f64,
    /// How long the calls took, milliseconds.
    pub(super) api_ms: Spread,
    /// How often the API asked a caller for a pause.
    pub(super) pauses: u64,
    /// CPU time of both daemons per message, microseconds.
    pub(super) cpu_us_per_message: f64,
    /// The sender's part of it.
    pub(super) sender_cpu_us_per_message: f64,
    /// The receiver's part of it.
    pub(super) receiver_cpu_us_per_message: f64,
}

/// The callers take the writers in turn.
pub(super) async fn run(pair: &Pair, writers: &[Writer], load: Load) -> Result<Burst, Failure> {
    let pids = pair.pids();
    let before = [process::cpu_micros(pids[0])?, process::cpu_micros(pids[1])?];
    let begun = Instant::now();
    let (times, pauses) = produce(writers, load).await?;
    let api = begun.elapsed();
    pair.drained().await?;
    let whole = begun.elapsed();
    let count = load.messages as f64;
    let per_message = |side: usize| -> Result<f64, Failure> {
        Ok((process::cpu_micros(pids[side])? - before[side]) as f64 / count)
    };
    let (sender, receiver) = (per_message(0)?, per_message(1)?);
    Ok(Burst {
        seconds: whole.as_secs_f64(),
        messages_per_second: count / whole.as_secs_f64(),
        api_seconds: api.as_secs_f64(),
        api_messages_per_second: count / api.as_secs_f64(),
        api_ms: Spread::of(times.iter().map(|time| time.as_secs_f64() * 1e3).collect()),
        pauses,
        cpu_us_per_message: sender + receiver,
        sender_cpu_us_per_message: sender,
        receiver_cpu_us_per_message: receiver,
    })
}

/// All callers at once; how long each call took, and how often one was asked for a pause.
async fn produce(writers: &[Writer], load: Load) -> Result<(Vec<Duration>, u64), Failure> {
    let next = Arc::new(AtomicU64::new(0));
    let messages = load.messages;
    let mut producers = JoinSet::new();
    for _ in 0..load.producers.min(messages) {
        let (writers, next) = (writers.to_vec(), Arc::clone(&next));
        producers.spawn(async move {
            let (mut times, mut pauses) = (Vec::new(), 0);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= messages {
                    return Ok::<_, Failure>((times, pauses));
                }
                let writer = &writers[(number % writers.len() as u64) as usize];
                let body = writer.body(number);
                let begun = Instant::now();
                let paused = writer.write(body).await?;
                times.push(begun.elapsed());
                pauses += paused;
            }
        });
    }
    let (mut times, mut pauses) = (Vec::new(), 0);
    while let Some(done) = producers.join_next().await {
        let (mine, paused) = done.map_err(|error| failure::usage(error.to_string()))??;
        times.extend(mine);
        pauses += paused;
    }
    Ok((times, pauses))
}
