//! Values in and out.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use zerepy_plugin::{Packed, PackedRef, Schema};

/// Five keys in.
#[derive(Deserialize, Schema)]
pub(crate) struct Order {
    symbol: String,
    amount: f64,
    limit: i64,
    post_only: bool,
    note: Option<String>,
}

/// Five keys out.
#[derive(Serialize, Schema)]
pub(crate) struct Receipt {
    symbol: String,
    total: f64,
    limit: i64,
    accepted: bool,
    note: Option<String>,
}

#[derive(Deserialize, Schema)]
pub(crate) struct Message {
    role: String,
    content: String,
}

#[derive(Deserialize, Schema)]
pub(crate) struct Chat {
    model: String,
    messages: Vec<Message>,
    temperature: f64,
    max_tokens: u32,
    stop: Vec<String>,
}

#[derive(Deserialize, Schema)]
pub(crate) struct BorrowedMessage<'a> {
    role: &'a str,
    content: &'a str,
}

#[derive(Deserialize, Schema)]
pub(crate) struct BorrowedChat<'a> {
    model: &'a str,
    #[serde(borrow)]
    messages: Vec<BorrowedMessage<'a>>,
    temperature: f64,
    max_tokens: u32,
    #[serde(borrow)]
    stop: Vec<&'a str>,
}

#[derive(Serialize, Schema)]
pub(crate) struct Reply<'a> {
    model: Cow<'a, str>,
    role: Cow<'a, str>,
    content: Cow<'a, str>,
    prompt_bytes: usize,
    finish_reason: &'static str,
}

#[derive(Serialize, Deserialize, Schema)]
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

#[derive(Serialize, Deserialize, Schema)]
pub(crate) struct Table {
    rows: Vec<Row>,
}

#[derive(Deserialize, Schema)]
pub(crate) struct Vectors<'a> {
    #[serde(borrow)]
    vectors: Vec<PackedRef<'a, f64>>,
}

#[derive(Serialize, Schema)]
pub(crate) struct DoubledVectors {
    vectors: Vec<Packed<f64>>,
}

impl Order {
    pub(crate) fn accept(self) -> Receipt {
        Receipt {
            total: self.amount * 2.0,
            symbol: self.symbol,
            limit: self.limit,
            accepted: self.post_only,
            note: self.note,
        }
    }
}

fn finish_reason(temperature: f64, max_tokens: u32) -> &'static str {
    if temperature > 1.0 || max_tokens < 16 { "length" } else { "stop" }
}

impl Chat {
    pub(crate) fn answer(self) -> Reply<'static> {
        let bytes = |message: &Message| message.role.len() + message.content.len();
        let prompt_bytes = self.messages.iter().map(bytes).sum::<usize>() + self.stop.len();
        let last = self.messages.into_iter().next_back();
        let (role, content) =
            last.map(|message| (message.role, message.content)).unwrap_or_default();
        Reply {
            model: self.model.into(),
            role: role.into(),
            content: content.into(),
            prompt_bytes,
            finish_reason: finish_reason(self.temperature, self.max_tokens),
        }
    }
}

impl<'a> BorrowedChat<'a> {
    pub(crate) fn answer(self) -> Reply<'a> {
        let bytes = |message: &BorrowedMessage<'_>| message.role.len() + message.content.len();
        let prompt_bytes = self.messages.iter().map(bytes).sum::<usize>() + self.stop.len();
        let last = self.messages.last();
        let (role, content) = last.map_or(("", ""), |message| (message.role, message.content));
        Reply {
            model: self.model.into(),
            role: role.into(),
            content: content.into(),
            prompt_bytes,
            finish_reason: finish_reason(self.temperature, self.max_tokens),
        }
    }
}

impl Vectors<'_> {
    pub(crate) fn double(&self) -> DoubledVectors {
        let double = |vector: &PackedRef<'_, f64>| {
            Packed(vector.iter().map(|value| value * 2.0).collect::<Vec<_>>())
        };
        DoubledVectors { vectors: self.vectors.iter().map(double).collect() }
    }
}
