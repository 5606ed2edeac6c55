/* This file is made from the host's sources. */

/* The C ABI between the host and a plugin library, version 1.
 *
 * Tables and constants only: no logic, no dependencies, no allocation. Everything has C's layout
 * and is passed by pointer. A table that begins with its `size`, or its magic and that, may grow
 * at its end: a field exists only if the `size` covers it. A function that is NULL is not
 * provided.
 *
 * Memory is freed by the side that made it: whatever is handed over with a `release` function is
 * given back through it, exactly once. No panic, exception or Rust type crosses. */
#ifndef ZEREPY_PLUGIN_H
#define ZEREPY_PLUGIN_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The incompatible part of the ABI's version; it is also part of the entry symbol's name. */
#define ZEREPY_ABI_MAJOR 1
/* The compatible part of the ABI's version: it counts the times the tables grew, or the tape got
 * new kinds of nodes. */
#define ZEREPY_ABI_MINOR 2
/* First field of zerepy_host and zerepy_library: the bytes `ZPLUGIN\0`, little endian. */
#define ZEREPY_MAGIC UINT64_C(0x004e4947554c505a)
/* The one symbol that a plugin library exports; see zerepy_plugin_entry_v1. */
#define ZEREPY_ENTRY_SYMBOL "zerepy_plugin_entry_v1"
/* What the entry symbols of all majors begin with, so that a host can name the one it found. */
#define ZEREPY_ENTRY_PREFIX "zerepy_plugin_entry_v"
/* The section of the binary (ELF) that holds the descriptor, readable without running code. */
#define ZEREPY_DESCRIPTOR_SECTION ".zerepy.plugin"

typedef struct zerepy_node zerepy_node;
typedef struct zerepy_tape zerepy_tape;
typedef struct zerepy_owned_tape zerepy_owned_tape;
typedef struct zerepy_slice zerepy_slice;
typedef struct zerepy_error zerepy_error;
typedef struct zerepy_plugin zerepy_plugin;
typedef struct zerepy_completion zerepy_completion;
typedef struct zerepy_library zerepy_library;
typedef struct zerepy_host zerepy_host;
typedef struct zerepy_current zerepy_current;
typedef struct zerepy_context_service zerepy_context_service;
typedef struct zerepy_log_service zerepy_log_service;
typedef struct zerepy_event zerepy_event;
typedef struct zerepy_subscriber zerepy_subscriber;
typedef struct zerepy_event_service zerepy_event_service;
typedef struct zerepy_metric_service zerepy_metric_service;
typedef struct zerepy_call_service zerepy_call_service;

/* The tape: how a value crosses the border.
 *
 * A value is a flat array of nodes (zerepy_node) in pre-order, root first, plus an arena of
 * bytes that nodes point into by offset. A container's node says how many items follow and where
 * it ends, so a reader may skip it without looking inside.
 *
 * A library whose descriptor says `"encoding": "msgpack"` gets and gives every value as a tape
 * of one node instead: bytes that hold the value as MessagePack. Integers beyond 64 bits are the
 * extension type ZEREPY_EXT_BIGINT, packed arrays are ZEREPY_EXT_PACKED; a tuple becomes an
 * array, and an array comes back as a list. Other extension types, and keys that are not texts,
 * are refused. */

/* The version of the node format, first field of zerepy_tape. */
#define ZEREPY_TAPE_VERSION 1
/* How deep containers may nest; both sides refuse what is deeper. */
#define ZEREPY_MAX_DEPTH 128

/* One step of a value: its kind, a length and a payload whose meaning depends on the kind. */
struct zerepy_node {
    /* One of the constants in ZEREPY_TAG_*; a packed array has its ZEREPY_ELEMENT_* in bits 8 to
     * 15. */
    uint32_t tag;
    /* Bytes of a string, bytes or big integer; items of a list or packed array; pairs of a map;
     * else 0. */
    uint32_t len;
    /* The number's bits, an arena offset, an address, or the index of the node after a
     * container. */
    uint64_t value;
};

/* The kinds of zerepy_node. */

/* Python's `None`. */
#define ZEREPY_TAG_NULL 0
/* `False`. */
#define ZEREPY_TAG_FALSE 1
/* `True`. */
#define ZEREPY_TAG_TRUE 2
/* An integer; `value` is an int64_t. */
#define ZEREPY_TAG_INT 3
/* An integer above INT64_MAX; `value` is a uint64_t. */
#define ZEREPY_TAG_UINT 4
/* An integer beyond 64 bits: two's complement, little endian, in the arena. */
#define ZEREPY_TAG_BIGINT 5
/* A float; `value` is the bits of a number of 64 bits (IEEE 754). */
#define ZEREPY_TAG_FLOAT 6
/* UTF-8 text in the arena. */
#define ZEREPY_TAG_STR 7
/* UTF-8 text at an address, lent for the time of the call. */
#define ZEREPY_TAG_STR_REF 8
/* Bytes in the arena. */
#define ZEREPY_TAG_BYTES 9
/* Bytes at an address, lent for the time of the call. */
#define ZEREPY_TAG_BYTES_REF 10
/* A list: `len` values follow; `value` is the index of the node after the last. */
#define ZEREPY_TAG_LIST 11
/* A tuple, laid out like a list. */
#define ZEREPY_TAG_TUPLE 12
/* A map: `len` pairs follow, each a text node and a value; `value` as for a list. */
#define ZEREPY_TAG_MAP 13
/* A packed array: `len` numbers of one type, side by side as this machine has them in memory, in
 * the arena at an offset that is a multiple of 8. Never passed to a library whose descriptor
 * says a minor version of the ABI below 2: it gets a list instead. */
#define ZEREPY_TAG_PACKED 14
/* A packed array at an address, which is aligned for its numbers; lent for the time of the call. */
#define ZEREPY_TAG_PACKED_REF 15
/* The bits of zerepy_node.tag that are one of the above. */
#define ZEREPY_TAG_MASK 255
/* How far the ZEREPY_ELEMENT_* of a packed array stands above them. */
#define ZEREPY_TAG_ELEMENT_SHIFT 8

/* The types of a packed array's numbers: the letters that Python's `struct` has for them. */

/* A bool of one byte; 0 is `False`, all else is `True`. */
#define ZEREPY_ELEMENT_BOOL '?'
/* int8_t. */
#define ZEREPY_ELEMENT_I8 'b'
/* uint8_t. */
#define ZEREPY_ELEMENT_U8 'B'
/* int16_t. */
#define ZEREPY_ELEMENT_I16 'h'
/* uint16_t. */
#define ZEREPY_ELEMENT_U16 'H'
/* int32_t. */
#define ZEREPY_ELEMENT_I32 'i'
/* uint32_t. */
#define ZEREPY_ELEMENT_U32 'I'
/* int64_t. */
#define ZEREPY_ELEMENT_I64 'q'
/* uint64_t. */
#define ZEREPY_ELEMENT_U64 'Q'
/* A float of 32 bits. */
#define ZEREPY_ELEMENT_F32 'f'
/* A float of 64 bits. */
#define ZEREPY_ELEMENT_F64 'd'

/* The extension types of MessagePack that values use. */

/* An integer beyond 64 bits: two's complement, little endian. */
#define ZEREPY_EXT_BIGINT 1
/* A packed array: the letter of its ZEREPY_ELEMENT_*, then the numbers, little endian. */
#define ZEREPY_EXT_PACKED 2

/* A tape lent for the time of one call. */
struct zerepy_tape {
    /* ZEREPY_TAPE_VERSION of the side that wrote it. */
    uint32_t version;
    /* Zero. */
    uint32_t reserved;
    /* The nodes, root first. */
    const zerepy_node *nodes;
    /* How many nodes there are. */
    size_t node_count;
    /* The bytes that nodes point into by offset; may be NULL if `arena_len` is 0. */
    const uint8_t *arena;
    /* How many bytes there are. */
    size_t arena_len;
};

/* A tape handed over: the receiver reads it, then calls `release(owner)` once. */
struct zerepy_owned_tape {
    /* What was written. */
    zerepy_tape tape;
    /* Passed back to `release`. */
    void *owner;
    /* Frees the tape; NULL if nothing is to be freed. May be called from any thread. */
    void (*release)(void *owner);
};

/* What a plugin library offers to the host. */

/* A plugin instance, known only to the library that created it. */
typedef void *zerepy_instance;

/* An async action that was started, known only to the library that started it. */
typedef void *zerepy_task;

/* A stream that was opened, known only to the library that opened it. */
typedef void *zerepy_stream;

/* The place of an action in the descriptor's list of a plugin. */
typedef uint32_t zerepy_action_index;

/* What a fallible function returns: one of the constants in ZEREPY_STATUS_*. */
typedef int32_t zerepy_status;

/* The values of zerepy_status. */

/* Done; for a question, "no". */
#define ZEREPY_STATUS_OK 0
/* For a question, "yes". */
#define ZEREPY_STATUS_YES 1
/* It failed, and the error was filled in. */
#define ZEREPY_STATUS_FAILED (-1)

/* The values of zerepy_error.code; unknown ones are read as ZEREPY_CODE_EXECUTION. */

/* The action failed. */
#define ZEREPY_CODE_EXECUTION 1
/* The parameters do not fit the action. */
#define ZEREPY_CODE_INVALID_PARAMS 2
/* The configuration does not fit the plugin. */
#define ZEREPY_CODE_CONFIG 3
/* Not possible yet: try again later (`retry_after`, in seconds, in the detail). */
#define ZEREPY_CODE_NOT_READY 4
/* The plugin panicked; message and `location` (in the detail) are the panic's. */
#define ZEREPY_CODE_PANIC 5
/* Called in a state in which it cannot be served, such as before `initialize`. */
#define ZEREPY_CODE_STATE 6

/* Bytes lent for the time of one call, or for ever where a table says so. */
struct zerepy_slice {
    /* The first byte; may be NULL if `len` is 0. */
    const uint8_t *ptr;
    /* How many bytes there are. */
    size_t len;
};

/* An error, filled in by the plugin; the host reads it, then calls `release(owner)` once. */
struct zerepy_error {
    /* Bytes of this structure, set by the host before the call. */
    uint32_t size;
    /* One of the constants in ZEREPY_CODE_*. */
    uint32_t code;
    /* What went wrong, UTF-8. */
    zerepy_slice message;
    /* A JSON object with more (`path`, `location`, `retry_after`, …), or empty. */
    zerepy_slice detail;
    /* Passed back to `release`. */
    void *owner;
    /* Frees message and detail; NULL if nothing is to be freed. */
    void (*release)(void *owner);
};

/* One plugin of a library.
 *
 * Thread rule: `create` and `destroy`, `initialize` and `cleanup` have the instance to
 * themselves; everything else may be called from several threads at once. A `blocking` action is
 * called without Python's GIL; an `inline` one on its caller's thread, with the GIL if Python
 * calls. */
struct zerepy_plugin {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Makes an instance that is not initialized yet. Required. */
    zerepy_status (*create)(zerepy_instance *out, zerepy_error *error);
    /* Frees an instance. Required. */
    void (*destroy)(zerepy_instance instance);
    /* Makes an instance ready; `config` is a map. May be called again after `cleanup`. Required. */
    zerepy_status (*initialize)(zerepy_instance instance, const zerepy_tape *config,
        zerepy_error *error);
    /* Undoes `initialize`. Required. */
    zerepy_status (*cleanup)(zerepy_instance instance, zerepy_error *error);
    /* Performs an action, and refuses parameters that do not fit it: nobody checked them before.
     * Required. */
    zerepy_status (*call)(zerepy_instance instance, zerepy_action_index action,
        const zerepy_tape *params, zerepy_owned_tape *result, zerepy_error *error);
    /* Writes a list of texts, one for each problem that `call` would find in the parameters.
     * Optional. */
    zerepy_status (*validate)(zerepy_instance instance, zerepy_action_index action,
        const zerepy_tape *params, zerepy_owned_tape *result, zerepy_error *error);
    /* Whether the plugin has what it needs to work; ZEREPY_STATUS_YES or ZEREPY_STATUS_OK.
     * Optional. */
    zerepy_status (*is_configured)(zerepy_instance instance, zerepy_error *error);
    /* Sets the plugin up, and answers like `is_configured`. Optional. */
    zerepy_status (*configure)(zerepy_instance instance, zerepy_error *error);
    /* Whether the plugin is well; answers like `is_configured`. Optional. */
    zerepy_status (*health)(zerepy_instance instance, zerepy_error *error);
    /* Begins an `async` action and returns at once; the parameters are lent for this call only.
     * If it succeeds, it has written the task, and the outcome goes to `completion`, perhaps
     * before this returns. Required, with the two below, if the descriptor has an `async`
     * action. */
    zerepy_status (*start)(zerepy_instance instance, zerepy_action_index action,
        const zerepy_tape *params, const zerepy_completion *completion, zerepy_task *task,
        zerepy_error *error);
    /* Asks a task to end early. Its outcome comes all the same. It may have ended already, and
     * may be asked more than once. */
    void (*cancel)(zerepy_task task);
    /* Gives a task back, once, whether it has ended or not; if not, it goes on. */
    void (*release_task)(zerepy_task task);
    /* Begins a `stream` action and returns at once; the parameters are lent for this call only.
     * If it succeeds, it has written the stream, and the instance is in use until that is
     * closed. Required, with the two below, if the descriptor has a `stream` action. */
    zerepy_status (*open_stream)(zerepy_instance instance, zerepy_action_index action,
        const zerepy_tape *params, zerepy_stream *stream, zerepy_error *error);
    /* Asks for the next item, and returns at once. The outcome goes to `completion`, perhaps
     * before this returns: a result is the item; an error, or neither of the two, is the end. It
     * is not asked again before that outcome, nor after the end. */
    void (*next_item)(zerepy_stream stream, const zerepy_completion *completion);
    /* Gives a stream back, once, whether it has ended or not; what still produces is ended
     * early. An item that was asked for has its outcome first; then `completion` gets neither a
     * result nor an error, perhaps before this returns, and nothing of the stream uses the
     * instance any more. */
    void (*close_stream)(zerepy_stream stream, const zerepy_completion *completion);
    /* Writes what the plugin wants to remember from one run to the next: what JSON can hold.
     * Optional. */
    zerepy_status (*save_state)(zerepy_instance instance, zerepy_owned_tape *state,
        zerepy_error *error);
    /* Takes up what `save_state` wrote in an earlier run; at most once, after `initialize`.
     * Optional. */
    zerepy_status (*load_state)(zerepy_instance instance, const zerepy_tape *state,
        zerepy_error *error);
    /* Takes over another configuration while calls may be running, or fails and goes on with the
     * one it has. Optional: a plugin without it is created anew. */
    zerepy_status (*reconfigure)(zerepy_instance instance, const zerepy_tape *config,
        zerepy_error *error);
};

/* Where an outcome goes: that of an async action, of asking for an item, of closing a stream. */
struct zerepy_completion {
    /* Passed back to `finish`. */
    void *context;
    /* Takes the outcome, exactly once, on any thread: a result and a NULL error, or a NULL
     * result and an error; for streams, perhaps neither. Both are read during the call, and what
     * they own is given back by the receiver. A second time is ignored. The instance is in use
     * until then. */
    void (*finish)(void *context, zerepy_owned_tape *result, zerepy_error *error);
};

/* The library's table, returned by zerepy_plugin_entry_v1; it lives as long as the process. */
struct zerepy_library {
    /* ZEREPY_MAGIC. */
    uint64_t magic;
    /* Bytes of this table. */
    uint32_t size;
    /* ZEREPY_ABI_MAJOR the library was built for. */
    uint16_t abi_major;
    /* ZEREPY_ABI_MINOR the library was built for. */
    uint16_t abi_minor;
    /* The descriptor, JSON in UTF-8: the same bytes as in ZEREPY_DESCRIPTOR_SECTION. */
    zerepy_slice descriptor;
    /* How many plugins there are, in the descriptor's order. */
    size_t plugin_count;
    /* Their tables. */
    const zerepy_plugin *const *plugins;
};

/* What a plugin library exports as ZEREPY_ENTRY_SYMBOL. It returns NULL, with `error` filled in,
 * if the library cannot serve this host. It is called once for each loaded copy of a library. */
const zerepy_library *zerepy_plugin_entry_v1(const zerepy_host *host, zerepy_error *error);

/* What the host offers to a plugin. */

/* How grave a log record is; the numbers are those of Python's `logging`. */

/* Finer than debugging. */
#define ZEREPY_LEVEL_TRACE 5
/* For debugging. */
#define ZEREPY_LEVEL_DEBUG 10
/* Normal course of things. */
#define ZEREPY_LEVEL_INFO 20
/* Something unexpected that was dealt with. */
#define ZEREPY_LEVEL_WARNING 30
/* Something failed. */
#define ZEREPY_LEVEL_ERROR 40

/* The host's table, passed to zerepy_plugin_entry_v1; it outlives the library.
 *
 * All functions may be called from any thread, with or without Python's GIL held. */
struct zerepy_host {
    /* ZEREPY_MAGIC. */
    uint64_t magic;
    /* Bytes of this table. */
    uint32_t size;
    /* ZEREPY_ABI_MAJOR of the host. */
    uint16_t abi_major;
    /* ZEREPY_ABI_MINOR of the host. */
    uint16_t abi_minor;
    /* Sends a log record to Python's `logging`, as `zerepy_plugins.plugin.<plugin>`; `level` is
     * a number of ZEREPY_LEVEL_*. */
    void (*log)(const zerepy_host *host, uint32_t level, zerepy_slice plugin,
        zerepy_slice message);
    /* The table of an optional service, or NULL if this host does not have it. */
    const void *(*get_extension)(const zerepy_host *host, zerepy_slice id);
};

/* What a host offers to running plugins, as extensions of zerepy_host.
 *
 * All functions may be called from any thread, with or without Python's GIL held; none of them
 * runs Python code on a thread that is inside an `inline` action. A `scope` is the number of a
 * plugin instance, which is never used again; once the instance is cleaned up or gone, what
 * needs it answers with an error. Values are tapes, whatever the library's own encoding. An
 * error or a result that the host fills in is given back by the plugin. */

/* The ids of the extensions, for `get_extension`. */

/* For zerepy_context_service. */
#define ZEREPY_EXTENSION_CONTEXT "zerepy.context/1"
/* For zerepy_log_service. */
#define ZEREPY_EXTENSION_LOG "zerepy.log/1"
/* For zerepy_event_service. */
#define ZEREPY_EXTENSION_EVENTS "zerepy.events/1"
/* For zerepy_metric_service. */
#define ZEREPY_EXTENSION_METRICS "zerepy.metrics/1"
/* For zerepy_call_service. */
#define ZEREPY_EXTENSION_CALLS "zerepy.calls/1"
/* What `remaining_ns` says if there is no time limit. */
#define ZEREPY_NO_LIMIT 9223372036854775807

/* The call that a thread is serving. */
struct zerepy_current {
    /* Bytes of this structure, set by the plugin before the call. */
    uint32_t size;
    /* How many plugins called each other to get here; 1 for a call from outside. */
    uint32_t depth;
    /* The plugin instance. */
    uint64_t scope;
    /* The call, for the other functions; 0 for one that cannot be cancelled. */
    uint64_t call;
    /* How long the caller will wait from now on, in nanoseconds, or ZEREPY_NO_LIMIT. */
    uint64_t remaining_ns;
};

/* Which call this is, and whether it is still wanted. */
struct zerepy_context_service {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Fills in what this thread is serving: a call, `initialize`, `cleanup` or a question.
     * Answers ZEREPY_STATUS_FAILED on a thread of the plugin's own. */
    zerepy_status (*current)(const zerepy_host *host, zerepy_current *out);
    /* Whether nobody waits for that call any more, because it was given up, its time is over or
     * it has ended: ZEREPY_STATUS_YES or ZEREPY_STATUS_OK. */
    zerepy_status (*is_cancelled)(const zerepy_host *host, uint64_t call);
};

/* Log records with fields. */
struct zerepy_log_service {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Whether a record of that level would be kept: ZEREPY_STATUS_YES or ZEREPY_STATUS_OK.
     * Cheap; a change of Python's levels is seen within a second. */
    zerepy_status (*enabled)(const zerepy_host *host, uint32_t level, zerepy_slice plugin);
    /* Sends a record to Python's `logging`, as `zerepy_plugins.plugin.<plugin>`; `level` is a
     * number of ZEREPY_LEVEL_*, `fields` a map or NULL. */
    void (*record)(const zerepy_host *host, uint32_t level, zerepy_slice plugin,
        zerepy_slice message, const zerepy_tape *fields);
};

/* An event, lent for the time of one call. */
struct zerepy_event {
    /* Bytes of this structure. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Its dotted name. */
    zerepy_slice name;
    /* Who published it: a plugin's name, or `host`. */
    zerepy_slice source;
    /* What belongs to it. */
    const zerepy_tape *data;
};

/* Who wants to hear of events. */
struct zerepy_subscriber {
    /* Passed back to the functions. */
    void *context;
    /* Takes an event, on a thread of the host's, without the GIL; one event at a time. */
    void (*handle)(void *context, const zerepy_event *event);
    /* Frees the context once no more events come; NULL if nothing is to be freed. */
    void (*release)(void *context);
};

/* The event bus of the plugin's manager. */
struct zerepy_event_service {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Queues an event, which is delivered soon, on another thread. `data` may be NULL. */
    zerepy_status (*publish)(const zerepy_host *host, uint64_t scope, zerepy_slice name,
        const zerepy_tape *data, zerepy_error *error);
    /* Subscribes to a name, to `prefix.*` or to `*`, until `unsubscribe` or `cleanup`. The
     * subscriber is taken over: its context is released even if this fails. */
    zerepy_status (*subscribe)(const zerepy_host *host, uint64_t scope, zerepy_slice pattern,
        const zerepy_subscriber *subscriber, uint64_t *subscription, zerepy_error *error);
    /* Ends a subscription. It does not wait for a handler that is running. */
    void (*unsubscribe)(const zerepy_host *host, uint64_t scope, uint64_t subscription);
};

/* The kinds of metrics. */

/* A sum that only grows. */
#define ZEREPY_METRIC_COUNTER 1
/* A value that is set. */
#define ZEREPY_METRIC_GAUGE 2
/* A distribution of values. */
#define ZEREPY_METRIC_HISTOGRAM 3

/* A metric that was opened, known only to the host. */
typedef const void *zerepy_metric;

/* Numbers of the plugin's own. */
struct zerepy_metric_service {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Finds or makes the metric of that name; `kind` is a constant of ZEREPY_METRIC_*. */
    zerepy_status (*open)(const zerepy_host *host, uint64_t scope, uint32_t kind,
        zerepy_slice name, zerepy_metric *out, zerepy_error *error);
    /* Adds to a counter, sets a gauge, or records into a histogram. A counter ignores what is
     * not a number above zero. */
    void (*record)(zerepy_metric metric, double value);
    /* Gives a metric back, once; its numbers stay. */
    void (*release)(zerepy_metric metric);
};

/* Calls of other plugins of the same manager, admitted and counted like any call. */
struct zerepy_call_service {
    /* Bytes of this table. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Calls an action and waits for it; refused within an `inline` action. `call` is the call
     * that this one is made for, or 0. The error's detail has `kind`, the failure's stable code,
     * and `plugin`. */
    zerepy_status (*perform)(const zerepy_host *host, uint64_t scope, uint64_t call,
        zerepy_slice plugin, zerepy_slice action, const zerepy_tape *params,
        zerepy_owned_tape *result, zerepy_error *error);
    /* Begins a call, as `perform`; its outcome goes to `completion`, perhaps before this
     * returns. */
    zerepy_status (*start)(const zerepy_host *host, uint64_t scope, uint64_t call,
        zerepy_slice plugin, zerepy_slice action, const zerepy_tape *params,
        const zerepy_completion *completion, zerepy_task *task, zerepy_error *error);
    /* Asks a started call to end early; its outcome comes all the same. */
    void (*cancel)(zerepy_task task);
    /* Gives a started call back, once; one that has not ended is cancelled. */
    void (*release_task)(zerepy_task task);
};

/* The layout, as the host has it. */
#if UINTPTR_MAX > 0xffffffff
static_assert(sizeof(zerepy_node) == 16, "zerepy_node");
static_assert(offsetof(zerepy_node, tag) == 0, "zerepy_node.tag");
static_assert(offsetof(zerepy_node, len) == 4, "zerepy_node.len");
static_assert(offsetof(zerepy_node, value) == 8, "zerepy_node.value");
static_assert(sizeof(zerepy_tape) == 40, "zerepy_tape");
static_assert(offsetof(zerepy_tape, version) == 0, "zerepy_tape.version");
static_assert(offsetof(zerepy_tape, reserved) == 4, "zerepy_tape.reserved");
static_assert(offsetof(zerepy_tape, nodes) == 8, "zerepy_tape.nodes");
static_assert(offsetof(zerepy_tape, node_count) == 16, "zerepy_tape.node_count");
static_assert(offsetof(zerepy_tape, arena) == 24, "zerepy_tape.arena");
static_assert(offsetof(zerepy_tape, arena_len) == 32, "zerepy_tape.arena_len");
static_assert(sizeof(zerepy_owned_tape) == 56, "zerepy_owned_tape");
static_assert(offsetof(zerepy_owned_tape, tape) == 0, "zerepy_owned_tape.tape");
static_assert(offsetof(zerepy_owned_tape, owner) == 40, "zerepy_owned_tape.owner");
static_assert(offsetof(zerepy_owned_tape, release) == 48, "zerepy_owned_tape.release");
static_assert(sizeof(zerepy_slice) == 16, "zerepy_slice");
static_assert(offsetof(zerepy_slice, ptr) == 0, "zerepy_slice.ptr");
static_assert(offsetof(zerepy_slice, len) == 8, "zerepy_slice.len");
static_assert(sizeof(zerepy_error) == 56, "zerepy_error");
static_assert(offsetof(zerepy_error, size) == 0, "zerepy_error.size");
static_assert(offsetof(zerepy_error, code) == 4, "zerepy_error.code");
static_assert(offsetof(zerepy_error, message) == 8, "zerepy_error.message");
static_assert(offsetof(zerepy_error, detail) == 24, "zerepy_error.detail");
static_assert(offsetof(zerepy_error, owner) == 40, "zerepy_error.owner");
static_assert(offsetof(zerepy_error, release) == 48, "zerepy_error.release");
static_assert(sizeof(zerepy_plugin) == 152, "zerepy_plugin");
static_assert(offsetof(zerepy_plugin, size) == 0, "zerepy_plugin.size");
static_assert(offsetof(zerepy_plugin, reserved) == 4, "zerepy_plugin.reserved");
static_assert(offsetof(zerepy_plugin, create) == 8, "zerepy_plugin.create");
static_assert(offsetof(zerepy_plugin, destroy) == 16, "zerepy_plugin.destroy");
static_assert(offsetof(zerepy_plugin, initialize) == 24, "zerepy_plugin.initialize");
static_assert(offsetof(zerepy_plugin, cleanup) == 32, "zerepy_plugin.cleanup");
static_assert(offsetof(zerepy_plugin, call) == 40, "zerepy_plugin.call");
static_assert(offsetof(zerepy_plugin, validate) == 48, "zerepy_plugin.validate");
static_assert(offsetof(zerepy_plugin, is_configured) == 56, "zerepy_plugin.is_configured");
static_assert(offsetof(zerepy_plugin, configure) == 64, "zerepy_plugin.configure");
static_assert(offsetof(zerepy_plugin, health) == 72, "zerepy_plugin.health");
static_assert(offsetof(zerepy_plugin, start) == 80, "zerepy_plugin.start");
static_assert(offsetof(zerepy_plugin, cancel) == 88, "zerepy_plugin.cancel");
static_assert(offsetof(zerepy_plugin, release_task) == 96, "zerepy_plugin.release_task");
static_assert(offsetof(zerepy_plugin, open_stream) == 104, "zerepy_plugin.open_stream");
static_assert(offsetof(zerepy_plugin, next_item) == 112, "zerepy_plugin.next_item");
static_assert(offsetof(zerepy_plugin, close_stream) == 120, "zerepy_plugin.close_stream");
static_assert(offsetof(zerepy_plugin, save_state) == 128, "zerepy_plugin.save_state");
static_assert(offsetof(zerepy_plugin, load_state) == 136, "zerepy_plugin.load_state");
static_assert(offsetof(zerepy_plugin, reconfigure) == 144, "zerepy_plugin.reconfigure");
static_assert(sizeof(zerepy_completion) == 16, "zerepy_completion");
static_assert(offsetof(zerepy_completion, context) == 0, "zerepy_completion.context");
static_assert(offsetof(zerepy_completion, finish) == 8, "zerepy_completion.finish");
static_assert(sizeof(zerepy_library) == 48, "zerepy_library");
static_assert(offsetof(zerepy_library, magic) == 0, "zerepy_library.magic");
static_assert(offsetof(zerepy_library, size) == 8, "zerepy_library.size");
static_assert(offsetof(zerepy_library, abi_major) == 12, "zerepy_library.abi_major");
static_assert(offsetof(zerepy_library, abi_minor) == 14, "zerepy_library.abi_minor");
static_assert(offsetof(zerepy_library, descriptor) == 16, "zerepy_library.descriptor");
static_assert(offsetof(zerepy_library, plugin_count) == 32, "zerepy_library.plugin_count");
static_assert(offsetof(zerepy_library, plugins) == 40, "zerepy_library.plugins");
static_assert(sizeof(zerepy_host) == 32, "zerepy_host");
static_assert(offsetof(zerepy_host, magic) == 0, "zerepy_host.magic");
static_assert(offsetof(zerepy_host, size) == 8, "zerepy_host.size");
static_assert(offsetof(zerepy_host, abi_major) == 12, "zerepy_host.abi_major");
static_assert(offsetof(zerepy_host, abi_minor) == 14, "zerepy_host.abi_minor");
static_assert(offsetof(zerepy_host, log) == 16, "zerepy_host.log");
static_assert(offsetof(zerepy_host, get_extension) == 24, "zerepy_host.get_extension");
static_assert(sizeof(zerepy_current) == 32, "zerepy_current");
static_assert(offsetof(zerepy_current, size) == 0, "zerepy_current.size");
static_assert(offsetof(zerepy_current, depth) == 4, "zerepy_current.depth");
static_assert(offsetof(zerepy_current, scope) == 8, "zerepy_current.scope");
static_assert(offsetof(zerepy_current, call) == 16, "zerepy_current.call");
static_assert(offsetof(zerepy_current, remaining_ns) == 24, "zerepy_current.remaining_ns");
static_assert(sizeof(zerepy_context_service) == 24, "zerepy_context_service");
static_assert(offsetof(zerepy_context_service, size) == 0, "zerepy_context_service.size");
static_assert(offsetof(zerepy_context_service, reserved) == 4,
    "zerepy_context_service.reserved");
static_assert(offsetof(zerepy_context_service, current) == 8, "zerepy_context_service.current");
static_assert(offsetof(zerepy_context_service, is_cancelled) == 16,
    "zerepy_context_service.is_cancelled");
static_assert(sizeof(zerepy_log_service) == 24, "zerepy_log_service");
static_assert(offsetof(zerepy_log_service, size) == 0, "zerepy_log_service.size");
static_assert(offsetof(zerepy_log_service, reserved) == 4, "zerepy_log_service.reserved");
static_assert(offsetof(zerepy_log_service, enabled) == 8, "zerepy_log_service.enabled");
static_assert(offsetof(zerepy_log_service, record) == 16, "zerepy_log_service.record");
static_assert(sizeof(zerepy_event) == 48, "zerepy_event");
static_assert(offsetof(zerepy_event, size) == 0, "zerepy_event.size");
static_assert(offsetof(zerepy_event, reserved) == 4, "zerepy_event.reserved");
static_assert(offsetof(zerepy_event, name) == 8, "zerepy_event.name");
static_assert(offsetof(zerepy_event, source) == 24, "zerepy_event.source");
static_assert(offsetof(zerepy_event, data) == 40, "zerepy_event.data");
static_assert(sizeof(zerepy_subscriber) == 24, "zerepy_subscriber");
static_assert(offsetof(zerepy_subscriber, context) == 0, "zerepy_subscriber.context");
static_assert(offsetof(zerepy_subscriber, handle) == 8, "zerepy_subscriber.handle");
static_assert(offsetof(zerepy_subscriber, release) == 16, "zerepy_subscriber.release");
static_assert(sizeof(zerepy_event_service) == 32, "zerepy_event_service");
static_assert(offsetof(zerepy_event_service, size) == 0, "zerepy_event_service.size");
static_assert(offsetof(zerepy_event_service, reserved) == 4, "zerepy_event_service.reserved");
static_assert(offsetof(zerepy_event_service, publish) == 8, "zerepy_event_service.publish");
static_assert(offsetof(zerepy_event_service, subscribe) == 16,
    "zerepy_event_service.subscribe");
static_assert(offsetof(zerepy_event_service, unsubscribe) == 24,
    "zerepy_event_service.unsubscribe");
static_assert(sizeof(zerepy_metric_service) == 32, "zerepy_metric_service");
static_assert(offsetof(zerepy_metric_service, size) == 0, "zerepy_metric_service.size");
static_assert(offsetof(zerepy_metric_service, reserved) == 4, "zerepy_metric_service.reserved");
static_assert(offsetof(zerepy_metric_service, open) == 8, "zerepy_metric_service.open");
static_assert(offsetof(zerepy_metric_service, record) == 16, "zerepy_metric_service.record");
static_assert(offsetof(zerepy_metric_service, release) == 24, "zerepy_metric_service.release");
static_assert(sizeof(zerepy_call_service) == 40, "zerepy_call_service");
static_assert(offsetof(zerepy_call_service, size) == 0, "zerepy_call_service.size");
static_assert(offsetof(zerepy_call_service, reserved) == 4, "zerepy_call_service.reserved");
static_assert(offsetof(zerepy_call_service, perform) == 8, "zerepy_call_service.perform");
static_assert(offsetof(zerepy_call_service, start) == 16, "zerepy_call_service.start");
static_assert(offsetof(zerepy_call_service, cancel) == 24, "zerepy_call_service.cancel");
static_assert(offsetof(zerepy_call_service, release_task) == 32,
    "zerepy_call_service.release_task");
#endif

#ifdef __cplusplus
}
#endif

#endif
