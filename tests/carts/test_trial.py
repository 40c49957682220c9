"""A hundred carts, real workers killed ten times: nobody who bought or left is mailed, and no mail goes twice.

`TAJO_TRIAL_CARTS=1000` makes it a thousand; `python -m benchmarks carts` measures the same.
"""

from __future__ import annotations

import os

import pytest

from tests.carts import trial

CARTS = int(os.environ.get("TAJO_TRIAL_CARTS", "100"))


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_no_mail_goes_after_a_purchase_or_a_withdrawal_nor_twice_while_workers_are_killed(capsys):
    result = trial.run(CARTS, kills=10)

    with capsys.disabled():
        print("\n" + result.text())
    assert result.kills == 10
    assert result.wrong == dict.fromkeys(result.wrong, 0)
    assert len(result.mails) > CARTS
