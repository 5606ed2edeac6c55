//! The actions of a native plugin by name: what every call looks up.

use foldhash::HashMap;
use pyo3::prelude::*;
use pyo3::types::PyString;
use zerepy_core::{ActionInfo, Exec};

/// An action's place in the plugin's list, and how it wants to be called.
type Action = (u32, Exec);

/// A plugin's actions.
pub(super) struct Actions {
    by_name: HashMap<String, Action>,
    interned: Vec<Interned>,
}

/// An action under the name that programs write down: Python has one object for all of those.
struct Interned {
    address: usize,
    len: usize,
    action: Action,
    _name: Py<PyString>, // keeps what is at the address
}

impl Actions {
    pub(super) fn new(py: Python<'_>, actions: &[ActionInfo]) -> PyResult<Self> {
        let actions = actions.iter().zip(0..);
        let by_name: HashMap<_, _> =
            actions.map(|(action, index)| (action.name.clone(), (index, action.exec))).collect();
        let interned = by_name.iter().map(|(name, action)| Interned::new(py, name, *action));
        Ok(Self { interned: interned.collect::<PyResult<_>>()?, by_name })
    }

    #[inline]
    pub(super) fn get(&self, name: &str) -> Option<Action> {
        match self.interned.iter().find(|known| known.is(name)) {
            Some(known) => Some(known.action),
            None => self.by_name.get(name).copied(),
        }
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(String::as_str)
    }
}

impl Interned {
    fn new(py: Python<'_>, name: &str, action: Action) -> PyResult<Self> {
        let name = PyString::intern(py, name);
        let bytes = name.to_str()?;
        let (address, len) = (bytes.as_ptr().addr(), bytes.len());
        Ok(Self { address, len, action, _name: name.unbind() })
    }

    /// Whether `name` lies in that very object, and so is the same.
    #[inline]
    fn is(&self, name: &str) -> bool {
        (self.address, self.len) == (name.as_ptr().addr(), name.len())
    }
}
