"""Records below others come together, in whatever order and however many they are; files are cut at line ends."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.shopify import jsonl
from connectors.shopify.jsonl import Family, families
from customer_sync.errors import PayloadError


@st.composite
def forests(draw):
    """Return lines of a file, and the families they make, each record with the ids of its children in file order."""
    count = draw(st.integers(0, 12))
    parents = [draw(st.none() | st.integers(0, number - 1)) if number else None for number in range(count)]
    nodes = [
        {"id": f"gid://shopify/X/{number}", **({} if parent is None else {"__parentId": f"gid://shopify/X/{parent}"})}
        for number, parent in enumerate(parents)
    ]
    return draw(st.permutations(nodes)), nodes


def shape(found):
    return [(one.node["id"], shape(one.children)) for one in found]


def expected(nodes, parent=None):
    return [(node["id"], expected(nodes, node["id"])) for node in nodes if node.get("__parentId") == parent]


@given(forest=forests(), hold=st.integers(1, 14))
@settings(deadline=None)
def test_families_come_together_in_whatever_order_their_lines_stand(forest, hold):
    mixed, _ = forest

    assert shape(families(iter(mixed), hold=hold)) == expected(mixed)


@given(forest=forests(), hold=st.integers(1, 4))
@settings(deadline=None)
def test_grouped_families_are_handed_out_one_by_one(forest, hold):
    def flat(node):
        return [node, *(below for one in nodes if one.get("__parentId") == node["id"] for below in flat(one))]

    _, nodes = forest
    roots = [node for node in nodes if "__parentId" not in node]
    grouped = [one for root in roots for one in flat(root)]
    read = []
    found = families((read.append(one) or one for one in grouped), is_grouped=True, hold=hold)

    number = -1
    for number, family in enumerate(found):
        assert shape([family]) == [next(one for one in expected(nodes) if one[0] == family.node["id"])]
        assert len(read) <= sum(len(flat(root)) for root in roots[: number + 1]) + 1
    assert number + 1 == len(roots)


@pytest.mark.parametrize("hold", [1, 100])
def test_a_record_whose_parent_is_not_in_the_file_is_a_fault(hold):
    nodes = [{"id": "a"}, {"id": "b", "__parentId": "x"}, {"n": 1, "__parentId": "a"}, PayloadError("$", "no")]
    found = list(families(nodes, hold=hold))

    assert [one for one in found if isinstance(one, Family)] == [Family({"id": "a"}, [Family({"n": 1})])]
    assert sorted(one.path for one in found if isinstance(one, PayloadError)) == ["$", "__parentId"]


@given(data=st.lists(st.sampled_from([b"{}", b'{"a":1}', b""]), max_size=8), size=st.integers(1, 40))
def test_pieces_cut_at_line_ends_hold_every_line_once(data, size):
    whole, found, at = b"\n".join(data), [], 0
    while at < len(whole):
        part = whole[at : at + size]
        piece = jsonl.cut(part, is_last=at + len(part) == len(whole))
        if not piece.size_bytes:
            size *= 2
        found += piece.lines
        at += piece.size_bytes

    assert found == [line for line in data if line]
