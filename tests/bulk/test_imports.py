"""Many new people go along in one import, and everything about it is verified before it counts."""

from __future__ import annotations

from tests.bulk.rig import customers


def test_many_new_people_go_along_in_one_call(rig):
    rig.put(customers(30))

    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.calls("POST", "/contacts") == 0
    assert len(rig.contacts()) == 30
    assert rig.contacts()["p7@example.com"]["attributes"]["FIRSTNAME"] == "Jane 7"


def test_the_next_run_finds_them_unchanged(rig):
    rig.put(customers(30))
    rig.settle()

    rig.put(customers(30, when=-50))
    rig.settle()

    assert rig.calls("POST", "/contacts/import") == 1
    assert rig.calls("POST", "/contacts") == 0
    assert rig.counted()["tajo_items_total|contacts|unchanged"] == 30
