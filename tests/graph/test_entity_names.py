"""Names: made safe to show, compared, abbreviated."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from remote_jax.graph import names

HOSTILE = ("\x00", "\u202eevil", "a\u2028b\tc", "\ufeff", "a\x1b[2J", "  ", "\U000e0041", "\uffff")


@given(st.text(min_size=1) | st.sampled_from(HOSTILE))
def test_clean_names_are_one_visible_line(name):
    found = names.clean(name)
    assert found and found == " ".join(found.split()) and len(found.splitlines()) == 1
    assert {unicodedata.category(x)[0] for x in found} - {"Z"} <= set("LMNPSC")
    assert all(x.isprintable() or x in names.JOINERS for x in found)
    assert names.clean(found) == found


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_do_not_become_one(name):
    others = {names.clean(one) for one in HOSTILE if one != name}
    assert names.clean(name) not in others


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Gatika Bamorel", "GATIKA  bamorel"),
        ("Gatika Bamorel's", "Gatika Bamorel"),
        ("Gatika Bamorel’s", "@Gatika_Bamorel"),
        ("O'Brien", "O’Brien"),
        ("U.S.", "US"),
        ("ＡＢＣ", "abc"),
        ("Straße", "STRASSE"),
        ("St. John-Smith", "St John Smith"),
    ],
)
def test_spellings_of_a_name_have_one_key(one, two):
    assert names.key(one) == names.key(two)


@pytest.mark.parametrize(
    ("one", "two"), [("की", "का"), ("Ann", "Anna"), ("?!", "!?"), ("C", "C++"), ("🦁", "🐯")]
)
def test_other_names_have_other_keys(one, two):
    assert names.key(one) != names.key(two)


def test_abbreviations_of_a_name():
    assert names.abbreviations("ann mary lee") == {"lee", "a lee", "a m lee"}
    assert names.abbreviations("lee") == names.abbreviations("a lee") == set()
    assert names.acronym("united nations") == "un" and names.acronym("un") == ""
    assert names.is_acronym("U.N.") and not names.is_acronym("Un") and not names.is_acronym("U")
