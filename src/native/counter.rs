//! The processor's own counter of time, where it can be trusted: it costs half of asking the system.

/// What reads the counter, if the system keeps its own time by it: then it runs at a constant rate,
/// and alike on all processors.
#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
#[must_use]
pub fn time_stamp_counter() -> Option<fn() -> u64> {
    const SOURCE: &str = "/sys/devices/system/clocksource/clocksource0/current_clocksource";
    let source = std::fs::read_to_string(SOURCE);
    source.is_ok_and(|source| source.trim() == "tsc").then_some(read)
}

/// There is none that is known to be good.
#[cfg(not(all(target_arch = "x86_64", target_os = "linux")))]
#[must_use]
pub const fn time_stamp_counter() -> Option<fn() -> u64> {
    None
}

#[cfg(all(target_arch = "x86_64", target_os = "linux"))]
fn read() -> u64 {
    // SAFETY: every processor of this architecture has the instruction, and it touches no memory;
    // a system that keeps its time by it lets programs use it, as its own `clock_gettime` does.
    unsafe { std::arch::x86_64::_rdtsc() }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_goes_on() {
        let Some(read) = time_stamp_counter() else { return };
        let before = read();
        thread::sleep(Duration::from_millis(1));
        assert!(read() > before + 100_000, "less than 100 MHz");
    }
}
