//! `deskwire bench account`: how fast statements and reports are at the end of a long life.

use std::{
    path::{Path, PathBuf},
    time::Instant,
};

use deskwire_api_types::{
    ApproveWork, ExportFormat, NewWork, ProposeStatement, ReportQuery, StatementExportQuery, Time, WorkType,
};
use deskwire_client::{Client, local::LocalDesk};
use deskwire_daemon::{Filling, Folder};
use serde::Serialize;

use super::{
    machine::Machine,
    pair::{Names, Pair},
    process,
};
use crate::{
    context::Context,
    desks::{self, Scratch},
    failure::{self, Done, Failure},
    output::Output,
    render::{Fields, Style, bytes},
    verb::init::not_started,
};

/// Measure how long a statement over many lines of work takes, and a report over many delegations.
///
/// Two desks are linked, and one line of work is added and approved. The principal's store is then filled with lines
/// like that and with the figures of delegations, as a long life leaves them. It is started again, and through its API
/// a statement is proposed, shown and exported, and a report is made. The first time of each is told, with nothing in
/// memory, and the median of those behind it.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Lines of work in the statement.
    #[arg(long, value_name = "COUNT", default_value_t = 50_000, value_parser = clap::value_parser!(u64).range(1..=1_000_000))]
    lines: u64,
    /// Delegations in the report.
    #[arg(long, value_name = "COUNT", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=10_000_000))]
    delegations: u64,
    /// How often each is asked for.
    #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=100))]
    rounds: u64,
    /// Folder for the desks, which must be missing or empty; one among the temporary files when absent.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

const EXAMPLES: &str = "\
Examples:
  deskwire bench account
  deskwire bench account --lines 50000 --delegations 1000000 --json";

/// The document of `deskwire bench account --json`.
#[derive(Debug, Serialize)]
struct Report {
    machine: Machine,
    lines: u64,
    delegations: u64,
    #[serde(flatten)]
    measured: Measured,
}

#[derive(Debug, Serialize)]
struct Measured {
    /// Computing and signing a statement, until it is durable.
    propose_seconds: f64,
    /// Showing it with each line.
    statement: Took,
    /// The same as CSV.
    export: Took,
    export_bytes: u64,
    /// The report over all delegations.
    report: Took,
    /// The most memory that the daemon had resident.
    peak_bytes: u64,
}

/// Seconds.
#[derive(Debug, Clone, Copy, Serialize)]
struct Took {
    first: f64,
    median: f64,
}

impl Args {
    pub(crate) fn run(self, context: &Context) -> Done {
        let scratch = Scratch::new(self.dir.as_deref(), "deskwire-bench-")?;
        let root = scratch.path();
        let machine =
            Machine::look(root).map_err(|error| failure::local(&root.display().to_string(), &error))?;
        let measured = desks::block_on(self.measure(root, context.out))?;
        let report = Report { machine, lines: self.lines, delegations: self.delegations, measured };
        context.out.document(&report, |style| report.render(style))
    }

    async fn measure(&self, root: &Path, out: Output) -> Result<Measured, Failure> {
        out.note("Two desks are made, started and linked, and a line of work is approved.");
        let pair = desks::unless_interrupted(Pair::start(root)).await?;
        let names = pair.names().clone();
        let approved = desks::unless_interrupted(approve_one(&pair, &names)).await;
        pair.stop().await?;
        approved?;
        out.note(&format!(
            "{} lines and the figures of {} delegations are put into the store.",
            self.lines, self.delegations
        ));
        let mut filling = Filling::open(&Folder::new(&names.folders[0])).await.map_err(not_started)?;
        filling.account(self.lines, self.delegations).and_then(|()| filling.close()).map_err(not_started)?;
        out.note("The desk is started, and asked.");
        let desk = LocalDesk::start(&desks::program()?, &names.folders[0], &[]).await?;
        let measured = desks::unless_interrupted(self.ask(&desk, &names)).await;
        desk.stop().await?;
        measured
    }

    async fn ask(&self, desk: &LocalDesk, names: &Names) -> Result<Measured, Failure> {
        let client = desk.client();
        let everything = ReportQuery { from: None, to: None, link: None, format: None };
        let report = self.times(async || client.partner_report(&everything).await.map(drop)).await?;
        let begun = Instant::now();
        let period = ProposeStatement {
            from: Time::from_millis(0),
            to: Time::from_millis(4_102_444_800_000),
            zone: "UTC".to_owned(),
        };
        let proposed = client.propose_statement(&names.link, &period).await?;
        let propose_seconds = begun.elapsed().as_secs_f64();
        let id = proposed.statement.id;
        let statement = self.times(async || client.statement(&id).await.map(drop)).await?;
        let csv = StatementExportQuery { format: Some(ExportFormat::Csv), language: None };
        let mut export_bytes = 0;
        let export = self
            .times(async || {
                export_bytes = client.export_statement(&id, &csv).await?.len() as u64;
                Ok(())
            })
            .await?;
        let peak_bytes = process::peak_memory(desk.pid())?;
        Ok(Measured { propose_seconds, statement, export, export_bytes, report, peak_bytes })
    }

    async fn times(&self, mut ask: impl AsyncFnMut() -> Result<(), Failure>) -> Result<Took, Failure> {
        let mut all = Vec::new();
        for _ in 0..self.rounds {
            let begun = Instant::now();
            ask().await?;
            all.push(begun.elapsed().as_secs_f64());
        }
        let first = all[0];
        all.sort_by(f64::total_cmp);
        Ok(Took { first, median: all[all.len() / 2] })
    }
}

/// The receiver adds a line of work, and the sender approves it.
async fn approve_one(pair: &Pair, names: &Names) -> Result<(), Failure> {
    let line = NewWork {
        r#type: WorkType::Time,
        quantity: "1.25".to_owned(),
        unit: "hour".to_owned(),
        price: "95.00".to_owned(),
        currency: Some("EUR".to_owned()),
        tax: Some("20".to_owned()),
        date: None,
        what: "Replaced the power supply".to_owned(),
    };
    pair.receiver().add_work(&names.delegation, &line).await?;
    let known = wait(pair.sender(), names).await?;
    pair.sender().approve_work(&names.delegation, &ApproveWork { line: known }).await?;
    for client in [pair.sender(), pair.receiver()] {
        desks::nothing_waits(client).await?;
    }
    Ok(())
}

/// The line, once it is there.
async fn wait(client: &Client, names: &Names) -> Result<String, Failure> {
    for _ in 0..2_000 {
        if let Some(line) = client.work(&names.delegation).await?.lines.into_iter().next() {
            return Ok(line.id);
        }
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    let detail = "The line of work did not arrive within ten seconds.".to_owned();
    Err(failure::refused("line-missing", "A line of work did not arrive", detail, "Try again."))
}

impl Report {
    fn render(&self, style: Style) -> String {
        let took = |took: Took| format!("{:.2} s first, {:.2} s then", took.first, took.median);
        let measured = &self.measured;
        let fields = Fields::default()
            .put("lines", self.lines.to_string())
            .put("delegations", self.delegations.to_string())
            .put("report", took(measured.report))
            .put("statement proposed", format!("{:.2} s", measured.propose_seconds))
            .put("statement shown", took(measured.statement))
            .put("as CSV", format!("{} ({})", took(measured.export), bytes(measured.export_bytes)))
            .put("memory, at most", bytes(measured.peak_bytes))
            .render(style);
        format!("{}\n\n{fields}", style.dim(&self.machine.render()))
    }
}
