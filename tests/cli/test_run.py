"""`tajo run`: what it refuses to start."""

from __future__ import annotations


def test_the_customers_of_the_demo_never_go_to_a_real_account(tajo):
    tajo.config.unlink()
    tajo.env["BREVO_API_KEY"] = "xkeysib-real"

    told = tajo("run", code=2).stderr

    assert "made-up customers must not go to a real account" in told
    assert "tajo init" in told
    assert not (tajo.folder / "home" / "demo.yaml").exists()
