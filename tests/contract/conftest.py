"""Lets the shared checks tell what they found, as the tests do."""

import pytest

pytest.register_assert_rewrite("tests.contract.cases", "tests.contract.trial")
