//! The four desks of the story, as processes.

use std::{net::SocketAddr, path::Path, time::Instant};

use deskwire_api_types::Desk;
use deskwire_client::{Client, local::LocalDesk};

use super::transcript::Transcript;
use crate::{
    desks,
    failure::{Done, Failure},
    render::short,
};

/// One desk and the person who acts there.
#[derive(Debug)]
pub(super) struct Player {
    /// What the transcript calls it.
    pub(super) short: &'static str,
    /// Its display name.
    pub(super) name: &'static str,
    /// Who acts there.
    pub(super) person: &'static str,
    /// What its daemon says of itself.
    pub(super) info: Desk,
    /// A client of its daemon, acting for the person.
    pub(super) client: Client,
    /// The process.
    pub(super) desk: LocalDesk,
}

/// All four.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) shop: Player,
    pub(super) acme: Player,
    pub(super) kassa: Player,
    /// Behind a router: it goes to its partners.
    pub(super) petrov: Player,
}

/// What the transcript calls them; folders in lower case.
pub(super) const NAMES: [&str; 4] = ["Shop", "Acme", "Kassa", "Petrov"];

impl Cast {
    /// Makes and starts the four desks below `root`, all at once.
    pub(super) async fn start(root: &Path, script: &Transcript) -> Result<Self, Failure> {
        let [shop, acme, kassa] = desks::free_ports()?;
        script.title("Four desks, four processes");
        let begun = Instant::now();
        let (shop, acme, kassa, petrov) = tokio::try_join!(
            Player::start(root, "Shop", "Shop Retail", "Olga Smirnova", Some(shop)),
            Player::start(root, "Acme", "Acme Service", "Igor Sokolov", Some(acme)),
            Player::start(root, "Kassa", "Kassa Systems", "Lena Hoffmann", Some(kassa)),
            Player::start(root, "Petrov", "Petrov Field Service", "Ivan Petrov", None),
        )?;
        let cast = Self { shop, acme, kassa, petrov };
        for player in cast.players() {
            player.introduce(script);
        }
        script
            .more(|style| style.dim(&format!("made and started in {:.2} s", begun.elapsed().as_secs_f64())));
        Ok(cast)
    }

    pub(super) fn players(&self) -> [&Player; 4] {
        [&self.shop, &self.acme, &self.kassa, &self.petrov]
    }

    fn into_desks(self) -> [LocalDesk; 4] {
        [self.shop.desk, self.acme.desk, self.kassa.desk, self.petrov.desk]
    }

    /// Asks all to end, and waits for it.
    pub(super) async fn stop(self) -> Done {
        desks::stop_all(self.into_desks()).await
    }

    /// Lets them run on.
    pub(super) fn leave_running(self) {
        for desk in self.into_desks() {
            desk.leave_running();
        }
    }

    /// The last lines of those that have ended although nobody asked them to; of all when none has.
    pub(super) fn last_words(&mut self) -> String {
        const LINES: usize = 12;
        let mut players = [&mut self.shop, &mut self.acme, &mut self.kassa, &mut self.petrov];
        let ended = players.each_mut().map(|player| player.desk.ended());
        let nobody = ended.iter().all(Option::is_none);
        let mut text = String::new();
        for (player, ended) in players.iter().zip(ended) {
            let words = player.desk.last_words(LINES);
            if (ended.is_some() || nobody) && !words.is_empty() {
                let how = ended.map_or_else(|| "runs".to_owned(), |status| format!("has ended: {status}"));
                text.push_str(&format!(
                    "\nThe last lines of {} ({how}):\n  {}\n",
                    player.short,
                    words.join("\n  ")
                ));
            }
        }
        text
    }
}

impl Player {
    async fn start(
        root: &Path,
        short: &'static str,
        name: &'static str,
        person: &'static str,
        listen: Option<SocketAddr>,
    ) -> Result<Self, Failure> {
        let folder = short.to_lowercase();
        let desk = match listen {
            Some(listen) => desks::start(root, &folder, name, listen).await?,
            None => desks::start_hidden(root, &folder, name).await?,
        };
        let client = desk.client().clone().acting_as(person);
        let info = client.desk().await?;
        Ok(Self { short, name, person, info, client, desk })
    }

    /// Kills the daemon, as a power cut does.
    pub(super) async fn kill(&mut self) {
        self.desk.kill().await;
    }

    /// Starts the daemon again.
    pub(super) async fn wake(&mut self) -> Done {
        self.desk = desks::start_again(&self.desk).await?;
        self.client = self.desk.client().clone().acting_as(self.person);
        self.info = self.client.desk().await?;
        Ok(())
    }

    /// Where it is reached, as its partners are told; nothing when it goes to them.
    pub(super) fn endpoint(&self) -> Option<&str> {
        self.info.endpoints.first().map(String::as_str)
    }

    fn introduce(&self, script: &Transcript) {
        let words = format!(
            "{}: desk {}…, {}, process {}, up in {} ms",
            self.name,
            short(&self.info.id),
            self.endpoint().unwrap_or("behind a router, no open port"),
            self.desk.pid(),
            self.desk.took().as_millis()
        );
        script.did(self.short, &words);
    }
}
