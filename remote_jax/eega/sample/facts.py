"""What posts of the sample say, and what decides it: the sentence, or the picture too."""

from __future__ import annotations

from dataclasses import dataclass

Meaning = tuple[str, str, str]
"""Type of the head, type of the tail, relation."""

SAID: dict[Meaning, tuple[str, ...]] = {
    ("per", "per", "parent"): ("{0} is the father of {1}", "{1} is a daughter of {0}"),
    ("per", "per", "alumi"): ("{0} studied with {1}", "{0} and classmate {1} meet again"),
    ("per", "per", "charges"): ("{0} sues {1}", "{0} takes {1} to court"),
    ("per", "org", "member_of"): ("{0} signs for the club {1}", "the team {1} fields {0}"),
    ("per", "loc", "place_of_birth"): ("{0} was born in {1}", "{1} is the birthplace of {0}"),
    ("per", "misc", "nationality"): ("{0} holds a {1} passport", "{0} waves a {1} flag"),
    ("org", "org", "subsidiary"): (
        "the firm {0} buys rival {1}",
        "the firm {1} belongs to {0}",
    ),
    ("org", "loc", "locate_at"): ("the firm {0} moves to {1}", "{1} is the base of the firm {0}"),
    ("loc", "loc", "contain"): ("{1} is a district of {0}", "{0} includes the village {1}"),
    ("misc", "loc", "held_on"): ("the festival {0} opens in {1}", "{1} hosts the festival {0}"),
    ("misc", "misc", "part_of"): ("the song {0} is on the album {1}", "{1} ends with the song {0}"),
}
"""What a sentence says by itself, and its wordings."""


@dataclass(frozen=True)
class Question:
    """Wordings that leave something open, and the object of the picture that settles it."""

    wordings: tuple[str, ...]
    answers: dict[str, Meaning]


WITH = Question(
    ("{0} and {1}", "{0} with {1}", "a big day for {0} and {1}", "so proud of {0} and {1}"),
    {
        "ball": ("per", "per", "peer"),
        "badge": ("per", "org", "member_of"),
        "house": ("per", "loc", "place_of_residence"),
        "cup": ("per", "misc", "awarded"),
    },
)
"""The picture decides the tail's type, and the relation with it."""

GUESTS = Question(
    ("our guests {0} and {1}", "mister {0} beside mister {1}"),
    {
        "heart": ("per", "per", "couple"),
        "ball": ("per", "per", "peer"),
        "fence": ("per", "per", "neighbor"),
    },
)
TOWN = Question(
    ("mister {0} loves the town {1}", "the town {1} misses mister {0}"),
    {
        "house": ("per", "loc", "place_of_residence"),
        "hospital": ("per", "loc", "place_of_birth"),
    },
)
GAMES = Question(
    ("mister {0} at the games {1}", "the games {1} with mister {0}"),
    {"cup": ("per", "misc", "awarded"), "stand": ("per", "misc", "present_in")},
)
"""In these the sentence tells the types, and the picture decides the relation."""

QUESTIONS = (WITH, GUESTS, TOWN, GAMES)
WEIGHTS = (3, 2, 1, 1)
"""How often each question is put, in parts."""

OBJECTS = tuple(dict.fromkeys(name for one in QUESTIONS for name in one.answers))
"""Objects that settle a question."""
