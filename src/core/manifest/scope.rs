//! The entries of a user's document that hold for many plugins.

use crate::Category;

/// The name of the entry that holds for all plugins.
pub(crate) const GLOBAL: &str = "*";

/// The name of the entry that holds for all plugins of a category: `connection.*`, `action.*`.
pub(crate) fn of_category(category: Category) -> String {
    format!("{category}.*")
}

/// Whether an entry of that name holds for many plugins.
pub(crate) fn is_scope(name: &str) -> bool {
    name == GLOBAL || Category::ALL.into_iter().any(|category| of_category(category) == name)
}
