"""The report: all of a comparison on one page that is inert, complete, small, and drawn by a real browser."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import undrift as ud
from undrift.comparison.result import Result
from undrift.pictures.palette import DARK, LIGHT
from undrift.profiles.table import TableProfile
from undrift.records import Comparison, Fault, FeatureComparison, Finding, Window
from undrift.report import _charts
from undrift.report.html import FRAGMENT, PAGE, fragment, html, short
from undrift.words import moves, numbers

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"

HOSTILE = [
    "<script>alert(1)</script>",
    "</style><img src=http://evil.example/x.png onerror=alert(1)>",
    '"\'` onload="alert(1)',
    "</title></svg><svg onload=alert(1)>",
    "<!-- ]]> -->",
    "right\u202eleft\u2066",
    "line\nbreak\r\ttab",
    "nul\x00 escape\x1b[31m",
    "surrogate \ud800",
    "שלום עולם",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "x" * 10_000,
    "表" * 200,
    " ",
]

STORABLE = [name for name in HOSTILE if "\ud800" not in name]
"""Arrow takes no lone surrogate, but a record could hold one."""

VOID = {"meta", "link", "wbr"}
HTML = {
    *VOID, "html", "head", "title", "style", "body", "main", "header", "section", "div", "h1", "h2", "h3",
    "h4", "p", "span", "b", "i", "strong", "small", "bdi", "dl", "dt", "dd", "ul", "li", "a", "table",
    "thead", "tbody", "tr", "th", "td", "details", "summary", "figure", "figcaption", "svg", "path",
    "text", "desc",
}  # fmt: skip


class Page(HTMLParser):
    """What a parser finds: elements with their attributes, the text, and whether all is closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        closable = ("tbody",)
        while self.open and self.open[-1] != tag and self.open[-1] in closable:
            self.open.pop()
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.words).split())


def hostile_frames(rows: int = 400) -> tuple[pd.DataFrame, pd.DataFrame]:
    rng = np.random.default_rng(0)
    before = pd.DataFrame({name: rng.normal(size=rows) for name in STORABLE})
    after = before + np.arange(len(STORABLE)) / 4
    labels, more = rng.choice(STORABLE[:9], rows), rng.choice(STORABLE, rows)
    return before.assign(labels=labels), after.assign(labels=more)


def hostile_result() -> Result:
    """A result in which every text that somebody else chose is hostile."""
    made = ud.compare(*hostile_frames())
    return replace(made, record=everything(made.record))


def everything(record: Comparison) -> Comparison:
    """The record with hostile entries in every field that can hold one."""
    bad = HOSTILE[0]
    window = Window(bad, 3, 400, datetime(2024, 1, 15, tzinfo=UTC), datetime(2024, 1, 22, tzinfo=UTC))
    surrogate = FeatureComparison(
        HOSTILE[8], "numeric", "drift", HOSTILE[1], (Finding(bad, 1.0, 0.0, 0.0, "drift"),)
    )
    return replace(
        record,
        features=(*record.features, replace(surrogate, beside={bad: 0.5})),
        faults=tuple(Fault(name, name, name) for name in HOSTILE),
        lost=tuple(HOSTILE[:5]),
        new=tuple(HOSTILE[5:]),
        retyped=(HOSTILE[1],),
        reordered=True,
        left_out=dict.fromkeys(HOSTILE, bad),
        by=HOSTILE[1],
        segments=dict.fromkeys(HOSTILE[:4], record),
        window=window,
    )


@pytest.fixture(scope="module")
def shifted() -> Result:
    rng = np.random.default_rng(1)
    before = pd.DataFrame(
        {
            "height": rng.normal(170, 9, 2000),
            "flag": rng.random(2000) < 0.3,
            "town": rng.choice(["a", "b"], 2000),
        }
    )
    after = before.assign(height=before.height + 12, town=rng.choice(["b", "c"], 2000))
    return ud.compare(before, after)


@pytest.mark.parametrize("made", [html, fragment])
def test_hostile_names_do_nothing(made):
    result = hostile_result()
    text = made(result.record, result.reference, result.current)
    page = Page(text)
    assert not page.open
    assert {tag for tag, _ in page.elements} <= HTML, "no element that the template does not use"
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")]
        target = attributes.get("href") or attributes.get("src") or "#"
        assert target.startswith("#") or (tag, target) == ("link", "data:,")
    assert "url(" not in text
    assert "@import" not in text
    assert not re.search("[\x00-\x09\x0b-\x1f\u202e\u2066\ud800-\udfff]", text)
    assert max(map(len, page.words)) < 10_000
    text.encode()
    assert "7 * 7" in page.text
    assert "alert(1)" in page.text, "it is shown as it is written"


def test_only_what_is_on_the_page_may_act_on_it(shifted):
    page = Page(shifted.to_html())
    policies = [a["content"] for tag, a in page.elements if a.get("http-equiv") == "Content-Security-Policy"]
    assert len(policies) == 1
    assert "default-src 'none'" in policies[0]
    assert "script-src" not in policies[0], "so the default, none, holds for scripts"
    metas = [a for tag, a in page.elements if tag == "meta"]
    assert metas[0] == {"charset": "utf-8"}
    assert metas[1]["content"] == policies[0], "before anything that it could forbid"


def test_it_says_what_the_record_says(shifted):
    text = Page(shifted.to_html()).text
    record = shifted.record
    assert moves.comparison(record) in text
    for feature in record.features:
        assert feature.name in text
        assert feature.effect in text
        for finding in feature.findings:
            assert numbers.number(finding.value) in text or feature.verdict == "stable"
    for verdict in {f.verdict for f in record.features}:
        assert f"{moves.ICONS[verdict]}{verdict}" in text
    assert "2,000 rows" in text
    assert moves.promise(record) in text


def test_faults_columns_and_segments_are_told(shifted):
    record = replace(
        shifted.record,
        faults=(Fault("height", "unit", "values are a thousand times the reference's"),),
        lost=("gone",),
        retyped=("changed",),
        new=("fresh",),
        reordered=True,
        left_out={"id": "nearly every value is different"},
        by="town",
        segments={"north": shifted.record},
    )
    text = Page(html(record, shifted.reference, shifted.current)).text
    for said in (
        "Looks broken rather than drifted", "values are a thousand times", "the column is gone", "fresh",
        "the column has another type", "another order", "nearly every value is different", "By town", "north",
    ):  # fmt: skip
        assert said in text
    assert text.count(moves.comparison(shifted.record)) == 1, "of the segment; the whole has lost a column"
    plain = Page(html(replace(shifted.record, faults=()), shifted.reference, shifted.current)).text
    assert "broken" not in plain
    assert "Columns" not in plain


def test_every_chart_has_words_beside_it(shifted):
    text = shifted.to_html()
    charts = re.findall(r'<svg[^>]*role="img"[^>]*>(?:<title>[^<]+</title><desc>[^<]+</desc>)?', text)
    assert len(charts) > 6
    assert all(chart.endswith("</desc>") for chart in charts)
    assert "Most moved: " in text


def test_light_and_dark_have_their_colours(shifted):
    text = shifted.to_html()
    light, _, dark = text.partition("(prefers-color-scheme:dark)")
    for part, palette in ((light, LIGHT), (dark, DARK)):
        for colour in (palette.paper, palette.zero, palette.live, palette.window, palette.promoted):
            assert colour in part


def test_styles_of_a_fragment_stay_in_it(shifted):
    text = shifted._repr_html_()
    assert text.startswith('<div class="undrift">')
    assert "<html" not in text
    assert " id=" not in text, "two fragments in a notebook do not disturb each other"
    (style,) = re.findall("<style>(.*?)</style>", text, re.DOTALL)
    rules = re.sub(r"@[^{]+\{", "", style)
    for selectors in re.findall(r"([^{}]+)\{[^{}]*\}", rules):
        for selector in re.sub(r"\((?:[^()]|\([^()]*\))*\)", "", selectors).split(","):
            assert selector.strip().startswith(".undrift"), selector


def test_the_first_details_are_open_and_a_fragment_has_few(shifted):
    wide = many_features(100)
    whole, part = wide.to_html(), wide._repr_html_()
    assert whole.count("<details open>") == part.count("<details open>") == 1
    assert whole.count("<details") == min(PAGE, 100)
    assert part.count("<details") == FRAGMENT
    assert "95 more features moved" in part
    assert Page(shifted.to_html()).text.count("more feature") == 0


def many_features(moved: int, columns: int = 100, rows: int = 3000) -> Result:
    rng = np.random.default_rng(0)
    before = {f"measured_quantity_{i}": rng.normal(size=rows) for i in range(columns)}
    after = {name: v * 1.5 + 1 if i < moved else v for i, (name, v) in enumerate(before.items())}
    return ud.compare(pd.DataFrame(before), pd.DataFrame(after))


@pytest.mark.parametrize(("moved", "most"), [(20, 250_000), (100, 500_000)])
def test_a_hundred_features_stay_small(moved, most):
    result = many_features(moved)
    text = result.to_html()
    assert len(result.drifted) == moved
    assert len(text.encode()) < most
    shown = Page(text).text
    assert all(name in shown for name in result.features)


DEGENERATE = {
    "null": [None] * 60,
    "one value": [5.0] * 60,
    "huge": [1e308] * 60,
    "wider than floats": [-1.7e308, 1.7e308] * 30,
    "infinite": [np.inf, -np.inf] * 30,
    "half infinite": [np.inf, 1.0] * 30,
    "tiny": [5e-324, 1e-320] * 30,
    "large and near": [1e17, 1e17 + 16] * 30,
    "ordinary": [float(i % 7) for i in range(60)],
}


@pytest.mark.parametrize("before", DEGENERATE)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_degenerate_features_are_drawn(before):
    reference = pd.DataFrame(dict.fromkeys(DEGENERATE, DEGENERATE[before]), dtype=float)
    text = ud.compare(reference, pd.DataFrame(DEGENERATE, dtype=float)).to_html()
    assert all(name in Page(text).text for name in DEGENERATE)
    assert not re.search(r' (?:d|x|y)="[^"]*(?:nan|inf|e)', text), "no number that an SVG cannot read"


def test_no_rows_no_findings_and_no_profiles_are_no_trouble(shifted):
    rows = pd.DataFrame({"x": [1.0, 2.0] * 30, "c": ["a", "b"] * 30})
    empty = ud.compare(rows, rows[:0])
    assert "too few to judge" in Page(empty.to_html()).text
    bare = replace(
        shifted.record,
        calibration="of another package",
        features=(FeatureComparison("x", "numeric", "watch", "as before", ()),),
    )
    assert "nothing to draw" in Page(html(bare, TableProfile(), TableProfile())).text
    undecided = Finding("psi", float("nan"), 0.1, float("nan"), "stable")
    assert _charts.meter(undecided).filled == 0
    assert _charts.meter(replace(undecided, value=float("inf"))).over


def test_what_is_cut_can_still_be_read():
    name = "long_" * 100
    rows = pd.DataFrame({name: [1.0, 2.0, 3.0] * 30})
    text = ud.compare(rows, rows).to_html()
    assert f'title="{name}"' in text
    assert short(name) not in ("", name)
    assert short(" ") == "(blank)"


@pytest.mark.browser
@pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="no Chromium here: apt-get install chromium")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_it_and_asks_for_nothing_else(tmp_path, scheme):
    playwright = pytest.importorskip("playwright.sync_api")
    path = tmp_path / "report.html"
    path.write_text(hostile_result().to_html(), encoding="utf-8")
    told, asked = [], []
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 390, "height": 900}, color_scheme=scheme)
        page.on("console", lambda m: told.append(m.text))
        page.on("pageerror", lambda e: told.append(str(e)))
        page.on("dialog", lambda d: (told.append(d.message), d.dismiss()))
        page.on("request", lambda r: asked.append(r.url))
        page.goto(path.as_uri())
        second = page.locator("details").nth(1)
        assert second.get_attribute("open") is None
        second.locator("summary").click()
        assert second.locator("svg").first.is_visible()
        page.locator('a[href="#feature-3"]').click()
        page.wait_for_function("() => document.querySelectorAll('details')[2].open")
        page.evaluate("() => document.querySelectorAll('details').forEach(d => { d.open = true })")
        wide = page.evaluate("document.documentElement.scrollWidth")
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        browser.close()
    assert wide <= 390
    assert not told
    assert asked == [path.as_uri()]
    expected = {"light": LIGHT, "dark": DARK}[scheme].paper
    assert paper == f"rgb({', '.join(str(int(expected[i : i + 2], 16)) for i in (1, 3, 5))})"
