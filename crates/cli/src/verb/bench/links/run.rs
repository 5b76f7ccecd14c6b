//! The partners of the hub, and one run over all of them.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use deskwire_api_types::{Audience, CommentRequest, DelegateRequest, InviteRequest, NewTicket};
use deskwire_client::{Client, local::LocalDesk};
use deskwire_http::tls::{SelfSigned, ServerIdentity};
use tokio::{
    sync::Mutex,
    task::{JoinHandle, JoinSet},
    time::{Instant, sleep, sleep_until},
};

use super::{
    super::{process, spread::Spread},
    client::Line,
    compare::Ratios,
    peer::{Origin, Peer, odd},
    report::{Change, Run, Settings},
    server::{Register, Site},
};
use crate::failure::{self, Failure};

/// Seconds of a slice: both desks take turns, so that whatever else the machine does meets both.
pub(super) const SLICE: u64 = 2;
/// How often each hostile partner attacks: a new connection, four requests of rubbish, and off in the middle.
const PERIOD: Duration = Duration::from_secs(2);
/// From one partner whom a comment goes to, to the next one: a prime.
const STRIDE: usize = 7_919;
/// Links that are made at once.
const AT_ONCE: usize = 8;
/// Size of a comment, bytes.
const SIZE: usize = 500;
/// How long the last comments of a run may take.
const REST: Duration = Duration::from_secs(5);

/// One partner with what it needs.
struct Partner {
    peer: Arc<Peer>,
    line: Mutex<Line>,
    /// The hub's ticket that was handed to it.
    ticket: String,
}

/// All of them: those that turn bad come first.
pub(super) struct Partners {
    partners: Vec<Arc<Partner>>,
    bad: usize,
    good_site: Site,
    bad_sites: Option<[Site; 3]>,
    hostile: Vec<JoinHandle<()>>,
    /// Whether those who attack do so now.
    attacking: Arc<AtomicBool>,
    elsewhere: Option<tokio::runtime::Runtime>,
}

/// What was measured, turn by turn.
#[derive(Default)]
pub(super) struct Samples {
    turns: Vec<Turn>,
    api: Vec<f64>,
    cpu_ms: f64,
    seconds: f64,
}

/// The times of one turn, milliseconds.
#[derive(Default)]
struct Turn {
    out: Vec<f64>,
    back: Vec<f64>,
}

impl Samples {
    pub(super) fn figures(&self) -> Run {
        let all =
            |times: fn(&Turn) -> &[f64]| -> Vec<f64> { self.turns.iter().flat_map(times).copied().collect() };
        let (out, back) = (all(|turn| &turn.out), all(|turn| &turn.back));
        Run {
            messages: (out.len() as u64, back.len() as u64),
            out_ms: Spread::of(out),
            in_ms: Spread::of(back),
            api_ms: Spread::of(self.api.clone()),
            cpu_ms_per_second: self.cpu_ms / self.seconds.max(f64::EPSILON),
        }
    }

    /// How the turns of a troubled desk compare with those of this one beside them.
    pub(super) fn compared(&self, troubled: &Self) -> Change {
        let pairs = || self.turns.iter().zip(&troubled.turns);
        Change {
            out: Ratios::of(pairs().map(|(calm, bad)| (&*calm.out, &*bad.out))),
            back: Ratios::of(pairs().map(|(calm, bad)| (&*calm.back, &*bad.back))),
        }
    }
}

impl Partners {
    /// Makes and links them, and hands each a ticket.
    pub(super) async fn link(hub: &Client, at: SocketAddr, settings: &Settings) -> Result<Self, Failure> {
        let identity = identity()?;
        let (good_site, dead) = (Site::start(&identity).await?, Site::start(&identity).await?);
        let (slow, hostile) = (Site::start(&identity).await?, Site::start(&identity).await?);
        let sites = [dead, slow, hostile];
        let bad = (settings.links * settings.bad_percent).div_ceil(100) as usize;
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let seed = since.as_nanos() as u64;
        let (mut making, mut partners) = (JoinSet::new(), Vec::new());
        for number in 0..settings.links as usize {
            let site = if number < bad { &sites[number % 3] } else { &good_site };
            let (endpoint, tls) = (format!("https://{}", site.address), identity.spki());
            let (hub, register) = (hub.clone(), site.register());
            making.spawn(async move {
                let origin = Origin { number, endpoint: &endpoint, tls, seed };
                Ok::<_, Failure>((number, one(&hub, at, origin, &register).await?))
            });
            if making.len() >= AT_ONCE {
                partners.extend(joined(making.join_next().await).transpose()?);
            }
        }
        while let Some(made) = joined(making.join_next().await).transpose()? {
            partners.push(made);
        }
        partners.sort_by_key(|(number, _)| *number);
        let partners: Vec<_> = partners.into_iter().map(|(_, partner)| Arc::new(partner)).collect();
        let partners = Self {
            partners,
            bad,
            good_site,
            bad_sites: Some(sites),
            hostile: Vec::new(),
            attacking: Arc::default(),
            elsewhere: None,
        };
        partners.greet().await?;
        Ok(partners)
    }

    /// Waits until every partner has its offer, and has made one itself.
    async fn greet(&self) -> Result<(), Failure> {
        for partner in &self.partners {
            partner.peer.begin(&mut *partner.line.lock().await).await?;
        }
        let until = Instant::now() + Duration::from_secs(60);
        while self.partners.iter().any(|partner| partner.peer.held() == 0) {
            if Instant::now() > until {
                return Err(odd("partners that the hub has not reached", self.good_site.address));
            }
            sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    /// A third of the bad ones dies, one becomes slow, one hostile.
    pub(super) async fn turn_bad(&mut self) -> Result<(), Failure> {
        let Some([dead, slow, hostile]) = self.bad_sites.take() else { return Ok(()) };
        dead.die().await;
        slow.slow_down();
        self.hostile.push(hostile.turn_hostile().await?);
        // On a thread of its own: what an attack costs the attacker must not delay what is measured here.
        let elsewhere = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let elsewhere = elsewhere.map_err(|error| failure::local("the runtime", &error))?;
        let enemies = self.partners[..self.bad].iter().skip(2).step_by(3);
        let attackers = enemies.len();
        for (turn, partner) in enemies.enumerate() {
            let (attacking, partner) = (Arc::clone(&self.attacking), Arc::clone(partner));
            elsewhere.spawn(attack(partner, attacking, PERIOD.mul_f64(turn as f64 / attackers as f64)));
        }
        self.elsewhere = Some(elsewhere);
        self.slow(slow);
        Ok(())
    }

    /// Keeps a site that answers late.
    fn slow(&mut self, site: Site) {
        self.hostile.push(tokio::spawn(async move {
            let _kept = site;
            std::future::pending().await
        }));
    }

    /// Comments to all partners, and from the good ones, at a steady pace, for one slice of the time.
    pub(super) async fn slice(
        &self,
        hub: &LocalDesk,
        settings: &Settings,
        slice: u64,
        samples: &mut Samples,
    ) -> Result<(), Failure> {
        self.attacking.store(true, Ordering::Relaxed);
        let cpu = process::cpu_micros(hub.pid())?;
        let (begun, count) = (Instant::now(), settings.per_second * SLICE);
        let (mut out, mut back) = (JoinSet::new(), JoinSet::new());
        let good = &self.partners[self.bad..];
        for number in slice * count..(slice + 1) * count {
            let place = number - slice * count;
            let at = begun + Duration::from_secs_f64(place as f64 / settings.per_second as f64);
            // In every turn some of all kinds.
            let chosen = (number as usize * STRIDE) % self.partners.len();
            let to = Arc::clone(&self.partners[chosen]);
            let (client, is_good) = (hub.client().clone(), chosen >= self.bad);
            out.spawn(async move {
                sleep_until(at).await;
                tell(&client, &to, number).await.map(|took| is_good.then_some(took))
            });
            let from = Arc::clone(&good[(number as usize * STRIDE) % good.len()]);
            back.spawn(async move {
                sleep_until(at).await;
                let mut line = from.line.lock().await;
                from.peer.comment(number, SIZE, &mut line).await
            });
        }
        while let Some(took) = joined(out.join_next().await).transpose()? {
            samples.api.extend(took);
        }
        let mut turn = Turn::default();
        while let Some(took) = joined(back.join_next().await).transpose()? {
            turn.back.push(took);
        }
        turn.out = self.arrived(good).await?;
        samples.turns.push(turn);
        self.attacking.store(false, Ordering::Relaxed);
        samples.seconds += begun.elapsed().as_secs_f64();
        samples.cpu_ms += (process::cpu_micros(hub.pid())? - cpu) as f64 / 1e3;
        Ok(())
    }

    /// How long everything took that went to the good ones.
    async fn arrived(&self, good: &[Arc<Partner>]) -> Result<Vec<f64>, Failure> {
        let until = Instant::now() + REST;
        while good.iter().any(|partner| partner.peer.is_waiting()) && Instant::now() < until {
            sleep(Duration::from_millis(10)).await;
        }
        let mut times = Vec::new();
        for partner in good {
            let (took, missing) = partner.peer.took();
            if missing > 0 {
                return Err(odd("a good partner that did not get all", format!("{missing} are missing")));
            }
            times.extend(took);
        }
        // What the bad ones did not get is of no interest.
        self.partners[..self.bad].iter().for_each(|partner| drop(partner.peer.took()));
        Ok(times)
    }
}

impl Drop for Partners {
    fn drop(&mut self) {
        self.hostile.iter().for_each(JoinHandle::abort);
        if let Some(elsewhere) = self.elsewhere.take() {
            elsewhere.shutdown_background();
        }
    }
}

/// Links one partner and hands it a ticket.
async fn one(
    hub: &Client,
    at: SocketAddr,
    origin: Origin<'_>,
    register: &Register,
) -> Result<Partner, Failure> {
    let invite = InviteRequest { expires_in_seconds: None, terms: None, approved: true };
    let invitation = hub.invite(&invite).await?.text.ok_or_else(|| odd("an invitation", "it has no text"))?;
    let mut line = Line::new(at);
    let peer = Arc::new(Peer::accept(origin, &invitation, &mut line).await?);
    register.add(&peer);
    let ticket = NewTicket { title: "Measured".into(), ..Default::default() };
    let ticket = hub.new_ticket(&ticket).await?.number;
    let request = DelegateRequest { link: peer.link.to_hex(), ..Default::default() };
    hub.delegate(&ticket, &request).await?;
    Ok(Partner { peer, line: Mutex::new(line), ticket })
}

/// The hub tells a partner something; how long the call took, milliseconds.
async fn tell(hub: &Client, to: &Partner, number: u64) -> Result<f64, Failure> {
    let body = crate::desks::noise::text(number, SIZE);
    let request = CommentRequest { body, audience: Audience::Thread };
    to.peer.expect();
    let begun = Instant::now();
    hub.comment(&to.ticket, &request).await?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

/// A hostile partner sends the hub rubbish under its own name, and breaks off in the middle.
async fn attack(partner: Arc<Partner>, attacking: Arc<AtomicBool>, first: Duration) {
    let mut resting = true;
    loop {
        if !attacking.load(Ordering::Relaxed) {
            resting = true;
            sleep(Duration::from_millis(50)).await;
            continue;
        }
        if std::mem::take(&mut resting) {
            // Not all at the same moment.
            sleep(first).await;
            continue;
        }
        let mut line = partner.line.lock().await;
        for (path, rubbish) in partner.peer.rubbish() {
            // Whatever the hub says to it.
            let _ = line.post(path, &rubbish).await;
        }
        line.give_up();
        drop(line);
        sleep(PERIOD).await;
    }
}

fn identity() -> Result<ServerIdentity, Failure> {
    let made = SelfSigned::generate(&["127.0.0.1".to_owned()]).and_then(|made| made.identity());
    made.map_err(|error| odd("a certificate", error))
}

/// What a task gave; nothing when there is none left.
fn joined<T>(
    ended: Option<Result<Result<T, Failure>, tokio::task::JoinError>>,
) -> Option<Result<T, Failure>> {
    ended.map(|ended| ended.unwrap_or_else(|error| Err(failure::usage(error.to_string()))))
}
