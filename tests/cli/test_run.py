"""`tajo run`: what it refuses to start."""

from __future__ import annotations


def test_the_customers_of_the_demo_never_go_to_a_real_account(tajo):
    tajo.config.unlink()
    tajo.env["BREVO_API_KEY"] = "xkeysib-real"

    told = tajo("run", code=2).stderr

    assert "made-up customers must not go to a real account" in told
    assert "tajo init" in told
    assert not (tajo.folder / "home" / "demo.yaml").exists()


def test_a_shop_is_not_started_beside_the_people_of_a_demo(tajo):
    (tajo.folder / "home").mkdir()
    (tajo.folder / "home" / "demo.yaml").write_text("connectors: {}\n")
    del tajo.env["TAJO_REDIS_URL"]

    told = tajo("run", code=2).stderr

    assert "made-up people of a demo" in told
    assert "TAJO_HOME" in told
