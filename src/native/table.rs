//! Reading a table of a plugin's: a field exists only if the table's size covers it.

/// A table in a plugin's memory.
pub(crate) struct Table<T> {
    table: *const T,
    size: usize,
}

impl<T> Table<T> {
    /// The table at `table`, if it can be one; its size is what `size` reads from it.
    ///
    /// # Safety
    /// `table` is NULL, or points to a table that begins with the fields up to the one that `size`
    /// reads, is as large as that says, and lives and stays as it is for as long as the process.
    pub(crate) unsafe fn new(table: *const T, size: impl FnOnce(*const T) -> u32) -> Option<Self> {
        if table.is_null() || !table.is_aligned() {
            return None;
        }
        Some(Self { table, size: size(table) as usize })
    }

    /// What `read` reads from the table, if the size covers it; see [`field`].
    pub(crate) fn get<F>(&self, offset: usize, read: impl FnOnce(*const T) -> F) -> Option<F> {
        (offset + size_of::<F>() <= self.size).then(|| read(self.table))
    }
}

/// A field of a [`Table`], or `None` if the table is too small to have it.
macro_rules! field {
    ($table:expr, $type:ident.$field:ident) => {
        $table.get(std::mem::offset_of!($type, $field), |table: *const $type| {
            // SAFETY: `get` found that the table covers this field, and it never changes.
            unsafe { (&raw const (*table).$field).read() }
        })
    };
}
pub(crate) use field;

#[cfg(test)]
mod tests {
    use zerepy_plugin_abi::FfiPlugin;

    use super::*;

    const EMPTY: FfiPlugin = FfiPlugin {
        size: 0,
        reserved: 7,
        create: None,
        destroy: None,
        initialize: None,
        cleanup: None,
        call: None,
        validate: None,
        is_configured: None,
        configure: None,
        health: None,
        start: None,
        cancel: None,
        release_task: None,
        open_stream: None,
        next_item: None,
        close_stream: None,
        save_state: None,
        load_state: None,
        reconfigure: None,
    };

    fn table(plugin: &FfiPlugin) -> Table<FfiPlugin> {
        // SAFETY: the tests' tables outlive their use; the size never exceeds the real one.
        unsafe { Table::new(plugin, |table| (*table).size) }.unwrap()
    }

    #[test]
    fn fields_beyond_the_size_do_not_exist() {
        let plugin = FfiPlugin { size: 15, ..EMPTY };
        assert_eq!(field!(table(&plugin), FfiPlugin.reserved), Some(7));
        assert!(field!(table(&plugin), FfiPlugin.create).is_none());
        let plugin = FfiPlugin { size: 16, ..EMPTY };
        assert!(field!(table(&plugin), FfiPlugin.create).is_some());
    }

    #[test]
    fn impossible_addresses_are_no_table() {
        for address in [0, 1] {
            let odd = std::ptr::without_provenance::<FfiPlugin>(address);
            // SAFETY: `size` is not called, which would panic.
            assert!(unsafe { Table::new(odd, |_| unreachable!()) }.is_none());
        }
    }
}
