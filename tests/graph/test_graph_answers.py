"""Answers: which entity is meant, what posts state, what a model infers and through whom."""

import json
from itertools import product

import pytest
import systems
from extracted_posts import BORN, LOCATED, MEMBER, SIBLINGS, post, small, write

import remote_jax
from remote_jax.errors import Refused, UserError
from remote_jax.graph import answers, build, reading
from remote_jax.graph.answers import Question, ask
from remote_jax.graph.settings import defaults
from remote_jax.roam.answers import Candidate, Candidates


def read(tmp_path, posts):
    folder = tmp_path / "graph"
    build.build(build.Sources(write(tmp_path / "extracted", posts)), folder, defaults())
    return reading.read(folder)


@pytest.fixture
def graph(tmp_path):
    return read(tmp_path, small())


class Model:
    """Answers every question with the same candidates, and keeps the questions."""

    def __init__(self, *names, error=None):
        self.names, self.error, self.asked = names, error, []

    def predict(self, posts):
        self.asked += posts
        found = tuple(
            Candidate(name, 1.0, 0.5 / place, False) for place, name in enumerate(self.names, 1)
        )
        return [Candidates(answers=found, error=self.error)]


@pytest.mark.parametrize(
    "name", ["E1", "Gatika Bamorel", "gatika BAMOREL's", "Bamorel", "g bamorel", "@gatika_bamorel"]
)
def test_names_are_resolved(graph, name):
    assert graph.entity(name).id == "E1"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Gatika Bamorl", "did you mean 'Gatika Bamorel'"),
        ("zzzz", "has no entity 'zzzz'$"),
        ("", "has no entity ''$"),
        ("\x00\x1b[2J", r"has no entity '\[2J'$"),
    ],
)
def test_unknown_names_are_told(graph, name, said):
    with pytest.raises(Refused, match=said):
        graph.entity(name)


def test_a_name_of_several_is_asked_back(tmp_path):
    posts = [post(f"{n}", [("Kelano", ("per", "loc")[n % 2])]) for n in range(4)]
    graph = read(tmp_path, [*posts, *small()])
    with pytest.raises(Refused, match=r"'Kelano' may be E\d \(Kelano, loc\), E\d \(Kelano, per\)"):
        graph.entity("Kelano")


def test_relations_are_resolved(graph):
    assert graph.relation("member_of") == graph.relation(MEMBER) == MEMBER
    with pytest.raises(Refused, match="did you mean 'member_of'"):
        graph.relation("member_off")


def test_a_last_part_of_several_relations_is_asked_back(tmp_path):
    more = post("x", ["Ann", "Acme"], [(0, "/org/org/member_of", 1, 0.9)])
    with pytest.raises(Refused, match="may be /org/org/member_of or /per/org/member_of"):
        read(tmp_path, [*small(), more]).relation("member_of")


def test_stated_answers_have_their_posts(graph):
    (one,) = ask(graph, Question("Bamorel", "member_of")).answers
    assert (one.name, one.probability, one.support) == ("Sanora United", 0.98, 2)
    assert [(p.id, p.date, p.probability) for p in one.posts] == [
        ("p1", "2026-03-01", 0.9),
        ("p2", None, 0.8),
    ]
    assert one.posts[0].text == "Gatika Bamorel Sanora United" and one.first == "2026-03-01"


def test_heads_are_asked_for_and_ranked(graph):
    found = ask(graph, Question("Sanora United", "member_of", tail=True))
    assert [one.name for one in found.answers] == ["Gatika Bamorel", "Divafen Rokel"]
    assert ask(graph, Question("Sanora United", "member_of")).answers == ()


@pytest.mark.parametrize(("end", "name"), [*product((True, False), ("E1", "E2"))])
def test_what_holds_both_ways_is_asked_both_ways(graph, end, name):
    (one,) = ask(graph, Question(name, "siblings", tail=end)).answers
    assert {one.id, name} == {"E1", "E2"}


def test_contradictions_are_told(graph):
    found = ask(graph, Question("E1", BORN)).answers
    assert [(one.name, one.contradicted) for one in found] == [
        ("Kelano", ("Radipo",)),
        ("Radipo", ("Kelano",)),
    ]


def test_inferred_answers_come_last_with_the_facts_that_lead_there(graph):
    model = Model("Kelano (E4)", "Divafen Rokel (E2)", "Sanora United (E3)")
    found = ask(graph, Question("E2", "place_of_birth", top=7), model)
    question = {"head": "Divafen Rokel (E2)", "relation": BORN, "known": False, "top": 140}
    assert model.asked == [question]
    (kelano,) = found.answers  # nobody is born in herself, or in a club
    assert (kelano.name, kelano.stated, kelano.probability) == ("Kelano", False, 0.5)
    through = [[(link.head, link.relation, link.tail) for link in path] for path in kelano.paths]
    assert through == [
        [
            ("Gatika Bamorel", SIBLINGS, "Divafen Rokel"),
            ("Gatika Bamorel", BORN, "Kelano"),
        ],
        [("Divafen Rokel", MEMBER, "Sanora United"), ("Sanora United", LOCATED, "Kelano")],
    ]
    assert found.note == "" and kelano.around == ()


def test_what_is_known_of_both_where_no_path_leads(tmp_path):
    more = post("x", ["Ann", "Acme"], [(0, MEMBER, 1, 0.9)])
    graph = read(tmp_path, [*small(), more])
    (found,) = ask(graph, Question("Ann", "place_of_birth"), Model("Radipo (E7)")).answers
    assert found.paths == ()
    assert [(one.head, one.tail) for one in found.around] == [
        ("Ann", "Acme"),
        ("Gatika Bamorel", "Radipo"),
    ]


def test_paths_are_all_short_ones_the_most_probable_first(graph):
    for one, two in product(graph.entities, repeat=2):
        if one == two:
            continue
        found = answers.paths_between(graph, one, two)
        facts = list(graph.facts.values())
        direct = [(x,) for x in facts if {x.head, x.tail} == {one, two}]
        double = [
            (x, y)
            for x, y in product(facts, repeat=2)
            if one in (x.head, x.tail)
            and two in (y.head, y.tail)
            and ({x.head, x.tail} - {one}) == ({y.head, y.tail} - {two})
        ]
        wanted = sorted((probability_of(path) for path in direct + double), reverse=True)
        if wanted:
            told = [[graph.facts[link.fact] for link in path] for path in found]
            assert list(map(probability_of, told)) == pytest.approx(wanted[: len(found)])
            assert len(found) == min(len(wanted), answers.MAX_PATHS)
        else:
            assert found == []


def probability_of(path):
    return path[0].probability * (path[1].probability if len(path) > 1 else 1)


def test_what_is_stated_is_not_inferred_again(graph):
    model = Model("Gatika Bamorel (E1)", "Kelano (E4)")
    found = ask(graph, Question("Sanora United", "member_of", tail=True), model)
    assert model.asked[0]["tail"] == "Sanora United (E3)"
    assert [one.id for one in found.answers] == ["E1", "E2"]


def test_why_nothing_is_inferred(graph):
    question = Question("E1", "member_of")
    assert ask(graph, question).note == "no trained run of ROAM was given"
    assert "no such name" in ask(graph, question, Model(error="no such name")).note
    assert "no further answer" in ask(graph, question, Model("Sanora United (E3)")).note


def test_a_run_of_another_graph_infers_nothing(graph):
    alone = ask(graph, Question("E1", "member_of"))
    found = ask(graph, Question("E1", "member_of"), Model("Oslo"))
    assert found.answers == alone.answers and found.answers
    assert "train it on the roam folder of this graph" in found.note


def test_answers_are_json(graph):
    found = ask(graph, Question("E2", "place_of_birth"), Model("Kelano (E4)")).to_dict()
    assert json.loads(json.dumps(found)) == found
    assert found["head"] == {"id": "E2", "name": "Divafen Rokel", "type": "per"}
    assert "posts" not in found["answers"][0] and found["answers"][0]["paths"]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        (build.ENTITIES, '{"id": "E1"}'),
        (build.ENTITIES, "[1]"),
        (build.FACTS, '{"id": "F1", "posts": 3}'),
    ],
)
def test_damaged_graphs_are_named(tmp_path, graph, file, line):
    with (tmp_path / "graph" / file).open("a") as rows:
        rows.write(f"{line}\n")
    with pytest.raises(UserError, match=f"{file}, line 7 is no row|{file}, line 6 is no row"):
        reading.read(tmp_path / "graph")


def test_a_folder_without_a_summary_is_no_graph(tmp_path):
    with pytest.raises(UserError, match=r"has no summary\.json"):
        reading.read(tmp_path)


def test_a_real_run_of_roam_answers(tmp_path, graph):
    config = systems.roam(tmp_path / "cache")
    del config.data.sample
    config.data.update({"dir": str(tmp_path / "graph/roam"), "name": "posts"})
    systems.begin(config, tmp_path / "run")
    model = remote_jax.load(tmp_path / "run")
    found = ask(graph, Question("Divafen Rokel", "place_of_birth"), model)
    assert {one.name for one in found.answers} == {"Kelano", "Radipo"} and found.note == ""
    assert not any(one.stated for one in found.answers)
    assert all(0 <= one.probability <= 1 for one in found.answers)
