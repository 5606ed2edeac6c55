//! Search and similarity for agents: the connection `search` and the action `similar`.
//! The README says exactly what they compute.

mod index;
mod search;
mod similar;
mod snippet;
mod store;
mod tokens;

pub use search::Search;
pub use similar::Similar;

zerepy_plugin::export!(Search, Similar);
