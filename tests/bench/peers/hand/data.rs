//! Values in and out.

use pyo3::prelude::*;
use pythonize::{depythonize, pythonize};
use serde::{Deserialize, Serialize};

/// Five keys in.
#[derive(Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Order {
    symbol: String,
    amount: f64,
    limit: i64,
    post_only: bool,
    note: Option<String>,
}

/// Five keys out.
#[derive(Serialize, IntoPyObject)]
pub(crate) struct Receipt {
    symbol: String,
    total: f64,
    limit: i64,
    accepted: bool,
    note: Option<String>,
}

#[derive(Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Message {
    role: String,
    content: String,
}

#[derive(Deserialize, FromPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Chat {
    model: String,
    messages: Vec<Message>,
    temperature: f64,
    max_tokens: u32,
    stop: Vec<String>,
}

#[derive(Serialize, IntoPyObject)]
pub(crate) struct Reply {
    model: String,
    role: String,
    content: String,
    prompt_bytes: usize,
    finish_reason: &'static str,
}

#[derive(Serialize, Deserialize, FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Row {
    id: i64,
    name: String,
    email: String,
    price: f64,
    quantity: i64,
    active: bool,
    comment: String,
    tags: Vec<String>,
}

#[derive(Serialize, Deserialize, FromPyObject, IntoPyObject)]
#[pyo3(from_item_all)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
pub(crate) struct Vectors {
    vectors: Vec<Vec<f64>>,
}

fn accept(order: Order) -> Receipt {
    Receipt {
        total: order.amount * 2.0,
        symbol: order.symbol,
        limit: order.limit,
        accepted: order.post_only,
        note: order.note,
    }
}

fn answer(chat: Chat) -> Reply {
    let bytes = |message: &Message| message.role.len() + message.content.len();
    let prompt_bytes = chat.messages.iter().map(bytes).sum::<usize>() + chat.stop.len();
    let last = chat.messages.into_iter().next_back();
    let (role, content) = last.map(|message| (message.role, message.content)).unwrap_or_default();
    let long = chat.temperature > 1.0 || chat.max_tokens < 16;
    let finish_reason = if long { "length" } else { "stop" };
    Reply { model: chat.model, role, content, prompt_bytes, finish_reason }
}

fn double(mut given: Vectors) -> Vectors {
    given.vectors.iter_mut().flatten().for_each(|value| *value *= 2.0);
    given
}

#[pyfunction]
pub(crate) fn small_e<'py>(params: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(params.py(), &accept(depythonize(params)?))?)
}

#[pyfunction]
pub(crate) fn small_f(params: Order) -> Receipt {
    accept(params)
}

#[pyfunction]
pub(crate) fn chat_e<'py>(params: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(params.py(), &answer(depythonize(params)?))?)
}

#[pyfunction]
pub(crate) fn chat_f(params: Chat) -> Reply {
    answer(params)
}

#[pyfunction]
pub(crate) fn rows_e<'py>(params: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(params.py(), &depythonize::<Table>(params)?)?)
}

#[pyfunction]
pub(crate) fn rows_f(params: Table) -> Table {
    params
}

#[pyfunction]
pub(crate) fn floats_e<'py>(params: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(pythonize(params.py(), &double(depythonize(params)?))?)
}
