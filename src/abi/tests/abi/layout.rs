//! Where each field of each table is, against `layout.golden`, which may only grow.

use std::fs;
use std::mem::offset_of;

use zerepy_plugin_abi::{
    ABI_MAJOR, ABI_MINOR, FfiCallService, FfiCompletion, FfiContextService, FfiCurrent, FfiError,
    FfiEvent, FfiEventService, FfiHost, FfiLibrary, FfiLogService, FfiMetricService, FfiOwnedTape,
    FfiPlugin, FfiSlice, FfiSubscriber, FfiTape, Node,
};

use crate::header::Header;
use crate::{RENEW, renews};

const GOLDEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/layout.golden");

pub(crate) struct Table {
    pub(crate) name: &'static str,
    pub(crate) size: usize,
    align: usize,
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct Field {
    pub(crate) name: &'static str,
    pub(crate) offset: usize,
    size: usize,
}

fn size_of_field<T, F>(_: fn(&T) -> &F) -> usize {
    size_of::<F>()
}

macro_rules! tables {
    ($($table:ident { $($field:ident),+ })+) => {
        /// The ABI's tables as they are.
        pub(crate) fn tables() -> Vec<Table> {
            $(let _ = |$table { $($field: _),+ }: $table| ();)+ // no field is missing here
            vec![$(Table {
                name: stringify!($table),
                size: size_of::<$table>(),
                align: align_of::<$table>(),
                fields: vec![$(Field {
                    name: stringify!($field),
                    offset: offset_of!($table, $field),
                    size: size_of_field(|table: &$table| &table.$field),
                }),+],
            }),+]
        }
    };
}

tables! {
    Node { tag, len, value }
    FfiTape { version, reserved, nodes, node_count, arena, arena_len }
    FfiOwnedTape { tape, owner, release }
    FfiSlice { ptr, len }
    FfiError { size, code, message, detail, owner, release }
    FfiPlugin {
        size, reserved, create, destroy, initialize, cleanup, call, validate, is_configured,
        configure, health, start, cancel, release_task, open_stream, next_item, close_stream, save_state, load_state, reconfigure
    }
    FfiCompletion { context, finish }
    FfiLibrary { magic, size, abi_major, abi_minor, descriptor, plugin_count, plugins }
    FfiHost { magic, size, abi_major, abi_minor, log, get_extension }
    FfiCurrent { size, depth, scope, call, remaining_ns }
    FfiContextService { size, reserved, current, is_cancelled }
    FfiLogService { size, reserved, enabled, record }
    FfiEvent { size, reserved, name, source, data }
    FfiSubscriber { context, handle, release }
    FfiEventService { size, reserved, publish, subscribe, unsubscribe }
    FfiMetricService { size, reserved, open, record, release }
    FfiCallService { size, reserved, perform, start, cancel, release_task }
}

impl Table {
    /// Only a table that says how large it is may grow.
    fn may_grow(&self) -> bool {
        self.fields.iter().any(|field| field.name == "size")
    }

    /// What the golden file says of it.
    fn lines(&self) -> Vec<String> {
        let Self { name, size, align, .. } = self;
        let whole = if self.may_grow() {
            format!("{name}@{ABI_MAJOR}.{ABI_MINOR} {size} {align}")
        } else {
            format!("{name} {size} {align}")
        };
        let fields = self.fields.iter().map(|field| {
            let Field { name: field, offset, size } = field;
            format!("{name}.{field} {offset} {size}")
        });
        std::iter::once(whole).chain(fields).collect()
    }
}

/// What a line is about.
fn key(line: &str) -> &str {
    line.split(' ').next().unwrap()
}

/// The size of a table in an earlier minor version, which is history.
fn is_history(line: &str) -> bool {
    let version = format!("{ABI_MAJOR}.{ABI_MINOR}");
    key(line).split_once('@').is_some_and(|(_, of)| of != version)
}

/// Says what is wrong with one line of the golden file, if it no longer holds.
fn breach(recorded: &str, current: &[String]) -> Option<String> {
    let key = key(recorded);
    let now = current.iter().find(|line| self::key(line) == key);
    match now {
        _ if is_history(recorded) => None,
        None => Some(format!("{key} is gone; libraries in use rely on it")),
        Some(now) if now == recorded => None,
        Some(now) if key.contains('@') => Some(format!(
            "a table has another size ({recorded:?} is now {now:?}): add one to ABI_MINOR if it \
             grew at its end"
        )),
        Some(now) => Some(format!("{recorded:?} is now {now:?}; libraries in use rely on it")),
    }
}

#[test]
fn the_layout_only_grows() {
    let golden = fs::read_to_string(GOLDEN).unwrap();
    let recorded: Vec<_> = golden.lines().filter(|line| !line.starts_with('#')).collect();
    let mut current: Vec<_> = tables().iter().flat_map(Table::lines).collect();
    current.extend(Header::generate().constants);
    let breaches: Vec<_> = recorded.iter().filter_map(|line| breach(line, &current)).collect();
    assert!(breaches.is_empty(), "version {ABI_MAJOR} of the ABI is broken:\n{breaches:#?}");
    let new: Vec<_> = current.iter().filter(|line| !recorded.contains(&line.as_str())).collect();
    if renews() {
        let added = new.iter().fold(golden, |golden, line| golden + line + "\n");
        fs::write(GOLDEN, added).unwrap();
    } else {
        assert!(new.is_empty(), "the ABI grew; if it should, run {RENEW}\n{new:#?}");
    }
}

#[test]
fn what_breaks_libraries_is_told() {
    let size = |bytes: u32| format!("T@{ABI_MAJOR}.{ABI_MINOR} {bytes} 8");
    let now = [size(16), "T.a 0 8".to_owned()];
    assert_eq!(breach("T.a 0 8", &now), None);
    assert_eq!(breach("T@0.9 8 8", &now), None);
    assert!(breach("T.a 8 8", &now).unwrap().contains("\"T.a 8 8\" is now \"T.a 0 8\""));
    assert!(breach("T.b 8 8", &now).unwrap().contains("T.b is gone"));
    assert!(breach(&size(8), &now).unwrap().contains("add one to ABI_MINOR"));
}

/// A field that grew into padding would seem to exist in tables that are older than it.
#[test]
fn there_is_no_padding() {
    for table in tables() {
        let mut end = 0;
        for field in &table.fields {
            assert_eq!(field.offset, end, "{}.{}", table.name, field.name);
            end += field.size;
        }
        assert_eq!(table.size, end, "{}", table.name);
    }
}
