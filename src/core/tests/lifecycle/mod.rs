//! The life of plugins in a host, one file per phase.

mod accept;
mod calls;
mod factory;
mod fake;
mod health;
mod hooks;
mod import;
mod launch;
mod limits;
mod logs;
mod patrol;
mod reload;
mod remember;
mod retry;
mod settings;
mod start;
mod stop;
mod switch;
mod turn;
mod update;

pub(crate) use fake::PlainThreads;
