//! Which call a thread is serving, told to the plugin.

use std::time::Instant;

use zerepy_plugin_abi::{FfiContextService, FfiCurrent, FfiHost, NO_LIMIT, Status, status};

use super::Frame;

#[expect(clippy::cast_possible_truncation, reason = "the table is a few dozen bytes")]
pub(super) static TABLE: FfiContextService = FfiContextService {
    size: size_of::<FfiContextService>() as u32,
    reserved: 0,
    current: Some(current),
    is_cancelled: Some(is_cancelled),
};

unsafe extern "C" fn current(_: *const FfiHost, out: *mut FfiCurrent) -> Status {
    // SAFETY: the plugin passes NULL or its own place, whose size is set.
    if out.is_null() || (unsafe { (*out).size } as usize) < size_of::<FfiCurrent>() {
        return status::FAILED;
    }
    let Some(frame) = Frame::current() else { return status::FAILED };
    let Some(scope) = frame.scope() else { return status::FAILED };
    let remaining = frame.deadline().map(|at| at.saturating_duration_since(Instant::now()));
    let remaining = remaining.and_then(|left| u64::try_from(left.as_nanos()).ok());
    // SAFETY: the place is large enough.
    unsafe {
        let size = (*out).size;
        out.write(FfiCurrent {
            size,
            depth: u32::try_from(frame.depth()).unwrap_or(u32::MAX),
            scope: scope.number(),
            call: frame.number(),
            remaining_ns: remaining.unwrap_or(NO_LIMIT).min(NO_LIMIT),
        });
    }
    status::OK
}

unsafe extern "C" fn is_cancelled(_: *const FfiHost, call: u64) -> Status {
    let wanted = call == 0 || Frame::find(call).is_some_and(|frame| !frame.is_cancelled());
    if wanted { status::OK } else { status::YES }
}
