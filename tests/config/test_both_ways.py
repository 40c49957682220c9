"""Every setting that has a variable says the same in the file as in the environment, and the environment wins."""

from __future__ import annotations

import pytest

from customer_sync.config.keys import BREVO_KEYS, variables

#: Variable → a value, and another one.
VALUES = {
    "TAJO_REDIS_URL": ("redis://one:6379/1", "redis://two:6379/1"),
    "TAJO_API_KEY": ("Zk3vQ9xTq1LmW7rBn5YpHd2c", "Jd8sVb4RfKt6NzGy0ExUoPi3"),
    "TAJO_SECRET_KEY": ("q8JdT2mXv5LrW0zKpYcEhNbUaSgFiOo1", "r8JdT2mXv5LrW0zKpYcEhNbUaSgFiOo2"),
    "TAJO_PUBLIC_URL": ("https://one.example", "https://two.example"),
    "TAJO_SKILLS_FOLDER": ("/", "/tmp"),
    "TAJO_DEBUG": ("true", "false"),
    "TAJO_LOG_LEVEL": ("warning", "error"),
    "BREVO_API_KEY": ("xkeysib-one", "xkeysib-two"),
    "BREVO_API_URL": ("https://one.example/v3", "https://two.example/v3"),
    "BREVO_WEBHOOK_SECRET": ("first-secret", "second-secret"),
}
KEYS = {key.variable: key for key in variables()}
OF_BREVO = {key.variable for key in BREVO_KEYS}


def written(name, value):
    line = f"{KEYS[name].name}: {value}\n"
    return f"brevo: {{{line.strip()}}}\n" if name in OF_BREVO else line


def said(settings, name):
    where = settings.brevo if name in OF_BREVO else settings
    found = getattr(where, {"BREVO_WEBHOOK_SECRET": "webhook_secrets"}.get(name, KEYS[name].name))
    return found[0] if isinstance(found, tuple) and found else found


def test_every_variable_is_in_this_table():
    assert set(VALUES) == set(KEYS)


@pytest.mark.parametrize("name", VALUES)
def test_a_setting_means_the_same_in_the_file_and_in_the_environment(read, name):
    one, two = VALUES[name]

    nothing, from_file, from_env = read(), read(written(name, one)), read("", **{name: one})
    both = read(written(name, one), **{name: two})

    assert said(from_file, name) == said(from_env, name) != said(nothing, name)
    assert said(both, name) == said(read("", **{name: two}), name)
