//! Model of calls against stopping: run by `make model` in every order of two threads.
//! What is checked is the code that runs in a host: `Admission` and `StateCell`.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Counter;

use shuttle::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use shuttle::thread;

use crate::admission::Admission;
use crate::{PluginState, StateCell};
use PluginState::{Disabled, Initializing, Running, Stopped, Stopping};

/// Runs it in every order; as all accesses are `SeqCst`, that is all that can happen.
fn every_order(run: impl Fn() + Send + Sync + 'static) {
    let orders = Arc::new(Counter::new(0));
    let seen = Arc::clone(&orders);
    let counted = move || {
        seen.fetch_add(1, Ordering::Relaxed);
        run();
    };
    shuttle::check_dfs(counted, None);
    assert!(orders.load(Ordering::Relaxed) > 1, "the threads had no choice");
}

/// A plugin of which only the states count; a second one may take its place.
struct Plugin {
    admission: Admission,
    lives: [StateCell; 2],
    current: AtomicUsize,
    cleaned: AtomicBool,
}

impl Plugin {
    fn running() -> Arc<Self> {
        Arc::new(Self {
            admission: Admission::default(),
            lives: [StateCell::new(Running), StateCell::new(Running)],
            current: AtomicUsize::new(0),
            cleaned: AtomicBool::new(false),
        })
    }

    /// The same call, on another thread.
    fn called(self: &Arc<Self>) -> thread::JoinHandle<bool> {
        let plugin = Arc::clone(self);
        thread::spawn(move || plugin.call())
    }

    /// A call as in `Host::admit`; it must never run while the plugin is cleaned up or after.
    fn call(&self) -> bool {
        let first = self.current.load(Ordering::SeqCst);
        let admitted = self.admit(first).or_else(|()| {
            let successor = self.current.load(Ordering::SeqCst);
            if successor == first { Err(()) } else { self.admit(successor) }
        });
        if admitted.is_ok() {
            assert!(!self.cleaned.load(Ordering::SeqCst), "called after it was cleaned up");
            self.admission.leave();
        }
        admitted.is_ok()
    }

    fn admit(&self, life: usize) -> Result<(), ()> {
        self.admission.admit(|| if self.lives[life].get() == Running { Ok(()) } else { Err(()) })
    }

    /// A stop as in `stop_one`: the state first, then the count, and cleaning up once that is 0.
    /// It looks once: what it would find later, it finds in another order of the threads.
    fn stop(&self) {
        let life = self.current.load(Ordering::SeqCst);
        if self.lives[life].advance(Stopping).is_err() {
            return;
        }
        if self.admission.in_flight() == 0 {
            self.cleaned.store(true, Ordering::SeqCst);
        }
    }

    /// A new entry with the same instance, as in `hand_over`.
    fn hand_over(&self) {
        self.current.store(1, Ordering::SeqCst);
        self.lives[0].advance(Stopping).expect("one turn at a time");
    }
}

#[test]
fn no_call_runs_on_what_is_cleaned_up() {
    every_order(|| {
        let plugin = Plugin::running();
        let caller = plugin.called();
        plugin.stop();
        caller.join().expect("it was not called too late");
        assert_eq!(plugin.admission.in_flight(), 0);
    });
}

#[test]
fn no_call_reaches_a_stopped_plugin_through_an_entry_that_was_replaced() {
    every_order(|| {
        let plugin = Plugin::running();
        let caller = plugin.called();
        plugin.hand_over();
        plugin.stop();
        caller.join().expect("it was not called too late");
        assert_eq!(plugin.admission.in_flight(), 0);
    });
}

#[test]
fn a_new_configuration_refuses_no_call() {
    every_order(|| {
        let plugin = Plugin::running();
        let caller = plugin.called();
        plugin.hand_over();
        assert!(caller.join().expect("it runs"), "refused though it ran all the time");
    });
}

#[test]
fn a_count_is_never_below_what_runs() {
    every_order(|| {
        let plugin = Plugin::running();
        plugin.admission.enter();
        let caller = plugin.called();
        assert!((1..=2).contains(&plugin.admission.in_flight()));
        plugin.admission.leave();
        caller.join().expect("it runs");
        assert_eq!((plugin.admission.in_flight(), plugin.admission.finished()), (0, 2));
    });
}

#[test]
fn of_two_that_make_the_same_move_one_does() {
    every_order(|| {
        let state = Arc::new(StateCell::new(Running));
        let other = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.advance(Stopping).is_ok())
        };
        let own = state.advance(Stopping).is_ok();
        let theirs = other.join().expect("it ends");
        assert_eq!((own != theirs, state.get()), (true, Stopping));
    });
}

#[test]
fn of_a_start_and_a_switch_off_one_is_refused() {
    every_order(|| {
        let state = Arc::new(StateCell::new(Stopped));
        let starter = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.advance(Initializing))
        };
        let off = state.advance(Disabled);
        let started = starter.join().expect("it ends");
        match (started, off) {
            (Ok(Stopped), Err(Initializing)) => assert_eq!(state.get(), Initializing),
            (Err(Disabled), Ok(Stopped)) => assert_eq!(state.get(), Disabled),
            other => panic!("{other:?} is no order of the two"),
        }
    });
}
