"""The report of a skill that sends mails: carts left, mails, carts recovered, what that brought for each variant."""

from __future__ import annotations

from pydantic import Field

from customer_sync.api.installation import Installation
from customer_sync.api.paging import Answer
from customer_sync.api.skills import need_skill
from customer_sync.brevo.mail import counts
from customer_sync.operate.settings_book import settings_now


class SkillRevenue(Answer):
    """What the carts of one variant brought in one currency; amounts of two currencies are never added."""

    currency: str
    orders: int = Field(description="Orders that were counted as recoveries.")
    total: float = Field(description="Their sum.")
    mean_per_cart: float = Field(description="For each cart that was mailed, those that bought nothing included.")
    standard_error: float | None = Field(description="Of that mean; null where fewer than two carts were mailed.")
    low: float | None = Field(description="The true mean lies from here, 95 times of 100, where orders are many.")
    high: float | None = Field(description="The true mean lies up to here.")


class SkillVariant(Answer):
    """One variant of a skill's test of mails."""

    name: str | None = Field(description="Null for mails without a test.")
    carts: int = Field(description="Carts that were mailed at least once; single mails count as carts.")
    mails: dict[str, int] = Field(description="Step → mails that went.")
    in_doubt: int = Field(description="Mails of which nobody knows whether they went; they are not sent again.")
    recovered: int = Field(description="Carts that were bought after a mail.")
    recovered_share: float | None = Field(description="Of the carts that were mailed.")
    revenue: list[SkillRevenue]


class SkillReport(Answer):
    """What came of a skill's mails since it was first on."""

    skill: str
    carts_left: int = Field(description="Carts that counted as left.")
    ended: dict[str, int] = Field(description="Why series of such carts ended → how many.")
    variants: list[SkillVariant]


def show_report(tajo: Installation, name: str) -> SkillReport:
    """Return the report of a skill; all is 0 for one that never sent a mail.

    Raises:
        Problem: there is no such skill.
    """
    need_skill(settings_now(tajo.settings, tajo.store().skill_states), name)
    return report_of(counts.report(name, tajo.store().mails.report(name)))


def report_of(found: counts.Report) -> SkillReport:
    """Return a report as it is answered; money is rounded to hundredths."""
    variants = [_variant(one) for one in found.variants]
    return SkillReport(skill=found.skill, carts_left=found.left, ended=dict(found.ended), variants=variants)


def _variant(one: counts.VariantReport) -> SkillVariant:
    return SkillVariant(
        name=one.name or None,
        carts=one.carts,
        mails={str(step): count for step, count in one.mails.items()},
        in_doubt=one.in_doubt,
        recovered=one.recovered,
        recovered_share=round(one.recovered / one.carts, 4) if one.carts else None,
        revenue=[_revenue(two) for two in one.revenue],
    )


def _revenue(one: counts.Revenue) -> SkillRevenue:
    low, high = (None, None) if one.interval is None else (round(one.interval[0], 2), round(one.interval[1], 2))
    return SkillRevenue(
        currency=one.currency,
        orders=one.orders,
        total=round(one.total, 2),
        mean_per_cart=round(one.mean, 2),
        standard_error=None if one.standard_error is None else round(one.standard_error, 4),
        low=low,
        high=high,
    )
