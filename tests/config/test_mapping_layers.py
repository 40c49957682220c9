"""Defaults, then the source, then the skill: the later wins for each field."""

from __future__ import annotations

import re

import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from customer_sync.config import load
from customer_sync.person.mapping import DEFAULT_MAPPING
from tests.config.conftest import find_skills

FIELDS = ("firstName", "lastName", "phone", "totalSpent", "totalOrders", "city", "address.zipCode", "Tier__c")
LAYER = st.dictionaries(
    st.sampled_from(FIELDS), st.none() | st.sampled_from(["FIRSTNAME", "A", "B_2", "SMS"]), max_size=len(FIELDS)
)


def snake(name):
    return name if "__" in name else re.sub("([A-Z])", r"_\1", name).lower()


def loaded(tmp_path, platforms, source, skill):
    config = {
        "connectors": {"shopify": {"webhook_secret": "s", "field_mapping": source}},
        "skills": {"customer-sync": {"field_mapping": skill}},
    }
    path = tmp_path / "tajo.yaml"
    path.write_text(yaml.safe_dump(config))
    return load(path, {}, platforms, find_skills=find_skills)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(source=LAYER, skill=LAYER, is_snake=st.tuples(st.booleans(), st.booleans()))
def test_the_later_layer_wins_for_each_field_and_null_removes(tmp_path, platforms, source, skill, is_snake):
    spelled = [
        {snake(name) if turned else name: value for name, value in layer.items()}
        for layer, turned in zip((source, skill), is_snake, strict=True)
    ]

    mapping = loaded(tmp_path, platforms, *spelled).mapping_for("shopify")

    layers = {**DEFAULT_MAPPING, **source, **skill}
    assert mapping == {name: attribute for name, attribute in layers.items() if attribute is not None}


def test_other_sources_and_skills_have_the_defaults(tmp_path, platforms):
    settings = loaded(tmp_path, platforms, {"city": "CITY"}, {"first_name": None})

    assert settings.mapping_for("other", "order-events") == DEFAULT_MAPPING
    assert settings.mapping_for("shopify", "order-events") == {**DEFAULT_MAPPING, "city": "CITY"}
    assert "firstName" not in settings.mapping_for("other")


def test_attributes_are_written_in_capitals_and_the_address_stays_the_identity(read):
    settings = read("skills: {customer-sync: {field_mapping: {email: EMAIL, city: City}}}")

    assert settings.mapping_for("any")["email"] == "email"
    assert settings.mapping_for("any")["city"] == "CITY"
