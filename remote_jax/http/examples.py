"""Examples of requests, for the description of the endpoints."""

from __future__ import annotations

from typing import Any

QUESTION: dict[str, Any] = {"entity": "Ann Lee", "relation": "member_of"}
BATCH: dict[str, Any] = {
    "questions": [
        {"id": 1, "entity": "Ann Lee", "relation": "member_of", "top": 3},
        {"id": 2, "entity": "Rovers", "relation": "/per/org/member_of", "tail": True},
    ]
}
POSTS: dict[str, Any] = {
    "system": "remote",
    "posts": [
        {"text": "Ann Lee signs for Rovers", "entities": [[0, 7], [18, 24]]},
        {
            "tokens": ["Bo", "Kim", "of", "Rovers"],
            "entities": [
                {"start": 0, "end": 2, "type": "per"},
                {"start": 3, "end": 4, "type": "org"},
            ],
        },
    ],
}
QUERIES: dict[str, Any] = {
    "queries": [
        {"head": "Ann Lee (E1)", "relation": "/per/org/member_of", "known": False, "top": 3},
        {"head": "Ann Lee (E1)", "tail": "Rovers (E2)"},
    ]
}
