"""The values that cross: the same for everybody."""

from __future__ import annotations

from array import array
from typing import Any

SMALL = {"symbol": "ETH-USD", "amount": 1.5, "limit": 100, "post_only": True, "note": None}


def chat() -> dict[str, Any]:
    """A chat request of 2.3 KB as JSON."""
    texts = [
        "You are a helpful agent that watches markets and answers briefly. " * 7,
        "What happened to the price of ether during the last hour, and why? " * 6,
        "It rose by two percent after the release of the monthly figures. " * 6,
        "Compare that with the same hour of yesterday, please, with numbers. " * 12,
    ]
    roles = ["system", "user", "assistant", "user"]
    return {
        "model": "large-1",
        "messages": [
            {"role": role, "content": text} for role, text in zip(roles, texts, strict=True)
        ],
        "temperature": 0.7,
        "max_tokens": 1024,
        "stop": ["\n\n", "END"],
    }


def table() -> dict[str, Any]:
    """A table of 5,200 rows: 1.2 MB as JSON."""

    def row(number: int) -> dict[str, Any]:
        return {
            "id": number,
            "name": f"Customer {number}",
            "email": f"customer{number}@example.org",
            "price": number * 1.1,
            "quantity": number % 17,
            "active": number % 3 == 0,
            "comment": "delivered on time, asked for another one of the same kind",
            "tags": [f"tag{number % 50}", "new", "europe"],
        }

    return {"rows": [row(number) for number in range(5200)]}


def vectors() -> tuple[dict[str, Any], dict[str, Any]]:
    """A hundred vectors of 1,536 floats: as buffers, and as lists."""
    buffers = [array("d", (row + place / 7 for place in range(1536))) for row in range(100)]
    return {"vectors": buffers}, {"vectors": [list(buffer) for buffer in buffers]}
