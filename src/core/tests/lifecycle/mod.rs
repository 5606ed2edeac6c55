//! The life of plugins in a host, one file per phase.

mod accept;
mod calls;
mod factory;
mod fake;
mod hooks;
mod import;
mod logs;
mod reload;
mod remember;
mod settings;
mod start;
mod stop;
mod switch;
mod turn;
mod update;
