"""A comparison as HTML: one page that stands alone, or a fragment inside a notebook."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from undrift.pictures.palette import DARK, LIGHT
from undrift.profiles.table import TableProfile
from undrift.records import Comparison
from undrift.report._content import content
from undrift.words import moves, numbers, phrases, spans

if TYPE_CHECKING:
    from jinja2 import Environment, Template

PAGE, FRAGMENT = 60, 5
"""Features that moved and are shown at length, on a page and in a notebook."""

NAME = 80
"""Characters of a name that are shown; more of it appears when one points at it."""

POINTED = 1000
"""Characters of a name that appear when one points at it."""


def html(record: Comparison, reference: TableProfile, current: TableProfile) -> str:
    """One self-contained HTML page: no script, nothing loaded from elsewhere, light and dark."""
    return _template("page.html").render(page=content(record, reference, current, PAGE), alone=True)


def fragment(record: Comparison, reference: TableProfile, current: TableProfile) -> str:
    """The same without a page around it, for a notebook; the worst features alone are shown at length."""
    return _template("fragment.html").render(page=content(record, reference, current, FRAGMENT), alone=False)


def _template(name: str) -> Template:
    return _environment().get_template(name)


@cache
def _environment() -> Environment:
    """Jinja with everything escaped, and the words that templates may use."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("undrift.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(number=numbers.number, percent=numbers.percent, short=short)
    made.globals.update(
        moves=moves, numbers=numbers, phrases=phrases, spans=spans, light=LIGHT, dark=DARK, pointed=POINTED
    )
    return made


def short(text: str, most: int = NAME) -> str:
    r"""As much of a text as there is room for, with nothing in it that cannot be seen.

    >>> short("a\nb"), short(""), short("x" * 9, 4)
    ('a�b', '(blank)', 'xxx…')
    """
    cleaned = phrases.clean(text[: most + 1])
    if not cleaned.strip():
        return "(blank)"
    return cleaned if len(cleaned) <= most else f"{cleaned[: most - 1]}…"
