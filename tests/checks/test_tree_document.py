import re
from pathlib import Path

import pytest

from flight_recorder.tui.checks.documents.explain import UnknownCheck, explain
from flight_recorder.tui.checks.documents.tree_document import render_tree
from flight_recorder.tui.checks.tree import every_check, walk

TREE = Path(__file__).parents[2] / "tui" / "checks" / "TREE.md"


OURS = re.compile(r"\b(ours|our own)\b")


def test_the_tree_document_is_what_the_declarations_say() -> None:
    assert TREE.read_text(encoding="utf-8") == render_tree(), "write render_tree() into TREE.md"


def test_the_tree_document_has_every_node_and_every_leaf() -> None:
    text = render_tree()
    for check in every_check():
        assert f"### {check.id} {check.question}" in text
        assert all(f"| {leaf.symptom} |" in text for leaf in check.leaves)


def test_the_configuration_is_walked_before_the_probes_and_these_before_the_dynamics() -> None:
    ids = [check.id for check in walk()]
    kinds = [id[0] for id in ids]
    assert kinds == sorted(kinds, key="QPD".index)
    assert ids[0] == "Q1.1a"


def test_all_thirteen_questions_of_the_configuration_have_nodes() -> None:
    asked = {check.id.rstrip("abcdef") for check in walk() if check.id.startswith("Q")}
    checklist = {f"Q{q}" for q in (1.1, 1.2, 2.1, 2.2, 3.1, 3.2, 4.1, 4.2, 5.1, 5.2, 6.1, 6.2, 6.3)}
    assert checklist <= asked


def test_a_leaf_that_acts_says_what_to_do_and_why() -> None:
    for check in walk():
        assert check.describe and check.source, check.id
        for leaf in check.leaves:
            assert leaf.fix, f"{check.id} {leaf.symptom}"


def test_explaining_a_question_explains_all_nodes_it_is_split_into() -> None:
    text = explain("q3.1")
    assert "Q3.1a" in text and "Q3.1c" in text and "Q3.2a" not in text
    assert "5 x clip" in text and "https://arxiv.org/abs/1211.5063" in text


def test_explaining_an_unknown_node_names_the_nearest() -> None:
    with pytest.raises(UnknownCheck, match=r"no check is called 'Q7\.1'; the nearest is D7.1"):
        explain("Q7.1")


def test_a_cause_is_explained_by_the_leaves_that_name_it() -> None:
    text = explain("overfit")
    assert "D4.2" in text and "Q4.2a" in text and "Q2.1a" not in text


def test_every_source_is_our_own_word_or_something_that_a_reader_can_open() -> None:
    sources = {check.id: check.source for check in every_check() if check.source}
    closed = {id for id, source in sources.items() if "https://" not in source and not OURS.search(source)}
    assert not closed
