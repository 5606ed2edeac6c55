//! The Rust plugin that the benchmarks call; `../hand` does the same by hand.

mod data;

use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use zerepy_plugin::{Host, Result, Schema, plugin};

use data::{BorrowedChat, Chat, DoubledVectors, Order, Receipt, Reply, Table, Vectors};

struct Bench {
    heard: Arc<AtomicU64>,
}

#[derive(Deserialize, Schema)]
struct Nap {
    /// How long, in seconds.
    seconds: f64,
}

#[derive(Deserialize, Schema)]
struct Handlers {
    /// How many.
    count: u64,
}

#[derive(Deserialize, Schema)]
struct Rounds {
    /// How often to turn.
    rounds: u64,
}

/// One action for each thing that is measured.
#[plugin(connection, name = "bench")]
impl Bench {
    fn initialize() -> Result<Self> {
        Ok(Self { heard: Arc::default() })
    }

    /// Five keys in and out.
    #[action]
    fn small(&self, params: Order) -> Receipt {
        params.accept()
    }

    /// A chat request that is copied.
    #[action]
    fn chat(&self, params: Chat) -> Reply<'static> {
        params.answer()
    }

    /// A chat request whose texts are lent.
    #[action]
    fn chat_borrowed<'a>(&self, params: BorrowedChat<'a>) -> Reply<'a> {
        params.answer()
    }

    /// A table in and out.
    #[action]
    fn rows(&self, params: Table) -> Table {
        params
    }

    /// Doubles each number.
    #[action]
    fn floats(&self, params: Vectors<'_>) -> DoubledVectors {
        params.double()
    }

    /// Complete when it is asked for the first time.
    #[action]
    async fn ready(&self) -> i64 {
        std::future::ready(1).await
    }

    /// Pending when it is asked for the first time, complete the next time.
    #[action]
    async fn later(&self) -> i64 {
        tokio::task::yield_now().await;
        1
    }

    /// Waits.
    #[action]
    async fn nap(&self, params: Nap) -> i64 {
        tokio::time::sleep(Duration::from_secs_f64(params.seconds)).await;
        1
    }

    /// Has handlers hear of the event `bench.event` from now on.
    #[action]
    fn listen(&self, params: Handlers) -> Result<()> {
        let host = Host::current();
        for _ in 0..params.count {
            let heard = Arc::clone(&self.heard);
            let handler = move |_: zerepy_plugin::Event<'_>| {
                heard.fetch_add(1, Ordering::Relaxed);
            };
            host.subscribe("bench.event", handler)?.keep();
        }
        Ok(())
    }

    /// How often handlers were called.
    #[action]
    fn heard(&self) -> u64 {
        self.heard.load(Ordering::Relaxed)
    }

    /// Occupies a processor.
    #[action(blocking)]
    fn turn(&self, params: Rounds) -> u64 {
        (0..params.rounds).fold(1, |state, round| black_box(state * 31 % 1_000_003 + round % 7))
    }
}

zerepy_plugin::export!(Bench);
