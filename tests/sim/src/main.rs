//! Runs any number of histories: `cargo run -p deskwire-sim --profile quick -- --seeds 10000 --from 1`.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use deskwire_sim::{Config, Failure, Mutant, Report, run, shrink};

const HELP: &str = "\
Simulates desks and looks for what is lost, doubled, out of order or disclosed.

  --seeds N      how many histories (1)
  --from N       the first seed (1)
  --steps N      at most so many steps of each
  --length N     make histories so many times as long
  --minutes N    stop after so long
  --mutant NAME  make a mistake on purpose, and expect to be caught
  --trace        write down what happens (one history alone)
  --keep-going   go on after a failure
";

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(words) => return say(&format!("{words}\n\n{HELP}"), ExitCode::from(2)),
    };
    let begun = Instant::now();
    let next = AtomicU64::new(options.from);
    let last = options.from + options.seeds;
    let total = Mutex::new((Report::default(), Vec::<Failure>::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..if options.trace { 1 } else { threads } {
            scope.spawn(|| work(&options, (&next, last), begun, &total));
        }
    });
    let (report, failures) = total.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    let words = format!("{report}\n{} failures in {:.1?}\n", failures.len(), begun.elapsed());
    say(&words, if failures.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

type Total = Mutex<(Report, Vec<Failure>)>;

fn work(options: &Options, (next, last): (&AtomicU64, u64), begun: Instant, total: &Total) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let late = options.limit.is_some_and(|limit| begun.elapsed() > limit);
        if seed >= last || late {
            return;
        }
        let config = options.config(seed);
        let outcome = run(&config);
        let Ok(mut total) = total.lock() else { return };
        match outcome {
            Ok(report) => {
                total.0.add(&report);
                if total.0.histories.is_multiple_of(500) {
                    say(&format!("{} in {:.0?}\n", total.0, begun.elapsed()), ());
                }
            }
            Err(failure) => {
                total.1.push((*failure).clone());
                say(&failure.trace.join("\n"), ());
                say(&told(&shrink(&config, &failure), &failure, options.length.max(1)), ());
                if !options.keep_going {
                    next.store(last, Ordering::Relaxed);
                }
            }
        }
    }
}

fn told(shortest: &Failure, first: &Failure, length: usize) -> String {
    format!(
        "\nseed {}: {}\n  after {} steps; with {} steps: {}\n  cargo run -p deskwire-sim -- --from {} --steps {} --length {length} --trace\n",
        first.seed, first.what, first.steps, shortest.steps, shortest.what, first.seed, shortest.steps
    )
}

fn say<T>(words: &str, then: T) -> T {
    // Nobody may be listening.
    let _ = std::io::stdout().write_all(words.as_bytes());
    then
}

struct Options {
    seeds: u64,
    from: u64,
    steps: Option<usize>,
    length: usize,
    limit: Option<Duration>,
    mutant: Option<Mutant>,
    trace: bool,
    keep_going: bool,
}

impl Options {
    fn read(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self {
            seeds: 1,
            from: 1,
            steps: None,
            length: 1,
            limit: None,
            mutant: None,
            trace: false,
            keep_going: false,
        };
        let mut words = words.peekable();
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or_else(|| format!("{word} needs a value"));
            match word.as_str() {
                "--seeds" => options.seeds = number(&value()?)?,
                "--from" => options.from = number(&value()?)?,
                "--steps" => options.steps = Some(usize::try_from(number(&value()?)?).unwrap_or(usize::MAX)),
                "--length" => options.length = usize::try_from(number(&value()?)?).unwrap_or(1),
                "--minutes" => options.limit = Some(Duration::from_secs(60 * number(&value()?)?)),
                "--mutant" => options.mutant = Some(mutant(&value()?)?),
                "--trace" => options.trace = true,
                "--keep-going" => options.keep_going = true,
                _ => return Err(format!("there is no option {word}")),
            }
        }
        Ok(options)
    }

    fn config(&self, seed: u64) -> Config {
        Config { seed, steps: self.steps, length: self.length, trace: self.trace, mutant: self.mutant }
    }
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word} is no number"))
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let found = Mutant::all().find(|(_, known)| *known == name).map(|(mutant, _)| mutant);
    found.ok_or_else(|| {
        let names: Vec<&str> = Mutant::all().map(|(_, name)| name).collect();
        format!("there is no mutant {name}; there are {}", names.join(", "))
    })
}
