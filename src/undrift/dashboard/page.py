"""The page: the sentence, performance, drift, and each retraining; made from stored records alone."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from undrift.config.file import find_root
from undrift.config.wiring import load
from undrift.dashboard import captions, charts, legends, rows
from undrift.dashboard.names import inert
from undrift.errors import NotFoundError, UndriftError
from undrift.pictures.palette import Palette, of_theme
from undrift.profiles import shapes
from undrift.profiles.categorical import CategoricalProfile
from undrift.profiles.feature import AnyProfile
from undrift.profiles.numeric import NumericProfile
from undrift.records import Decision, Outcome, Score, State, Step, Verdict
from undrift.registries import Registry
from undrift.stores import Store
from undrift.words import deeds, moves, numbers, phrases, spans, states
from undrift.workspace.lines import Line
from undrift.workspace.overview import Overview, overview
from undrift.workspace.past import pictured

FEATURES = 30
"""Features that the heatmap has room for."""

WINDOWS = 104
"""Windows that it shows before the reader asks for more: two years of weeks."""

STYLE = "<style>.stMainBlockContainer {padding-top: 4.25rem}</style>"
"""Less empty space above the sentence than Streamlit leaves."""

REFRESH = "30s"
"""How often the page looks whether the loop has written something."""

STATES: dict[Verdict, str] = {
    "drift": ":red[:material/warning: **{}**]",
    "watch": ":orange[:material/visibility: **{}**]",
    "stable": ":green[:material/check_circle: **{}**]",
    "insufficient": ":gray[:material/help: **{}**]",
}
"""Every state of the data as an icon, a word and a colour."""

MODELS: dict[State, str] = {
    "worse": ":red[:material/error: **{}**]",
    "as promised": ":green[:material/check_circle: **{}**]",
    "unknown": ":gray[:material/help: **{}**]",
}
"""Every state of the model, likewise."""


def draw(workspace: Path) -> None:
    """Draw the page of a workspace, or say why there is nothing to draw."""
    st.set_page_config(page_title="undrift", layout="wide")
    st.html(STYLE)
    root = workspace.resolve()
    try:
        store, registry = _parts(root)
        found = overview(store, registry)
    except UndriftError as error:
        _apologise(root, error.problem, error.remedy)
        return
    except Exception as error:  # noqa: BLE001 - a damaged workspace: one clear message instead of a traceback
        _apologise(
            root,
            f"the workspace cannot be read: {type(error).__name__}: {error}",
            "Restore it from a backup.",
        )
        return
    colours = of_theme(st.context.theme.type)
    _watch(store)
    _sentence(root, found)
    _numbers(found)
    _performance(found, colours)
    _drift(store, found.lines, colours)
    _retrainings(found.lines, colours)


def _parts(root: Path) -> tuple[Store, Registry]:
    """The workspace's store and registry, kept open between runs while its settings are the same file."""
    if not root.is_dir():
        raise NotFoundError(f"there is no folder {root}", "Name a workspace with -C DIR.")
    settings = find_root(root) / "undrift.toml"
    return _opened(str(settings.parent), settings.stat().st_mtime_ns)


@st.cache_resource(show_spinner=False, max_entries=4)
def _opened(root: str, _written: int) -> tuple[Store, Registry]:
    settings = load(Path(root))
    return settings.store(), settings.registry()


def _apologise(root: Path, problem: str, remedy: str) -> None:
    st.title("undrift")
    st.error(f"{inert(problem)}. {inert(remedy)}", icon=":material/error:")
    st.caption(f"Workspace: {inert(str(root))}")


@st.fragment(run_every=REFRESH)
def _watch(store: Store) -> None:
    """Draw the page again once the loop has written something."""
    kinds = (Step, Score, Outcome, Decision)
    written = (*(len(store.all(kind)) for kind in kinds), len(store.ledger()))
    before = st.session_state.get("written", written)
    st.session_state.written = written
    if written != before:
        st.rerun(scope="app")


def _sentence(root: Path, found: Overview) -> None:
    """The state in one sentence, and what stands behind it."""
    last = found.last
    with st.container(border=True):
        st.caption(f"undrift · {inert(root.name)}")
        st.markdown(f"#### {_state(found)}")
        st.markdown(inert(found.sentence))
        if found.live.members:
            who = f"v{found.live.number} is a mixture: {deeds.serving(found.serving)}."
            st.markdown(f"**What serves.** {inert(who)}")
        if last is None:
            st.markdown("Deliver rows with `undrift run`; the first complete window appears here.")
            return
        st.markdown(f"**{inert(spans.span(last.window))}.** {inert(moves.comparison(last.comparison))}")
        st.markdown(f"**Last decision.** {inert(phrases.ended(last.newest.step.why))}")
        with st.container(horizontal=True, vertical_alignment="center"):
            st.caption(f"Labels: {inert(found.labels)}.", width="content")
            _rules(last.newest.decision)


def _rules(decision: Decision) -> None:
    """Every rule of the last decision, with its numbers."""
    if decision.rules:
        with st.popover("Every rule of this decision", type="tertiary"):
            for rule in decision.rules:
                st.markdown(inert(deeds.rule(rule)))


def _state(found: Overview) -> str:
    """The two states, each as icon, word and colour: how the model does, and what the data does."""
    word = states.BROKEN if found.broken else states.MODEL[found.model.state]
    model = MODELS["worse" if found.broken else found.model.state].format(f"Model {word}")
    if found.last is None:
        return f"{model} · :blue[:material/hourglass_empty: **Waiting**] for the first window"
    data = f"Data: {states.data(found.last.comparison)}"
    return f"{model} · {STATES[found.last.verdict].format(data)}"


def _numbers(found: Overview) -> None:
    """The four numbers that a person on call looks for."""
    number, waiting = found.live.number, len(found.waiting)
    beside = f"since {inert(found.day)}" if number else "predictions come with the rows"
    with st.container(horizontal=True):
        _drifting(found.last)
        _newest_score(found.scored)
        _tile("Live model", f"v{number}", beside)
        _tile("Waiting for labels", phrases.count(waiting, "window"), f"of {len(found.lines):,} settled")


def _drifting(last: Line | None) -> None:
    if last is None:
        _tile("Features that drift", "–", "no window yet")
        return
    record = last.comparison
    drift = f"{len(moves.drifted(record))} of {moves.total(record)}"
    _tile("Features that drift", drift, inert(spans.days(last.window)))


def _newest_score(line: Line | None) -> None:
    if line is None or line.live is None:
        _tile("Newest score", "–", "labels to come")
        return
    name = f"{line.live.metric} of {phrases.model(line.live.version)}, {spans.days(line.window)}"
    other = line.first if line.first and line.first.version != line.live.version else None
    beside = f"first model: {numbers.number(other.value)}" if other else "the first model"
    _tile(inert(name), numbers.number(line.live.value), beside)


def _tile(label: str, value: str, beside: str) -> None:
    """One number, and what belongs beside it."""
    st.metric(label, value, delta=beside, delta_color="off", delta_arrow="off", border=True)


def _performance(found: Overview, colours: Palette) -> None:
    """The live model beside the first one, and what the loop did."""
    st.subheader("Performance, and what the loop did", anchor=False)
    scores, events, estimates = rows.scores(found.lines), rows.events(found), rows.estimates(found.lines)
    if not scores and not estimates:
        st.info("No window has a score yet: labels are still to come.", icon=":material/hourglass_empty:")
        return
    st.html(legends.performance(scores, events, estimates, colours))
    chart = charts.performance(scores, events, estimates, colours, timed=rows.timed(found.lines))
    st.altair_chart(chart, alt=captions.performance(scores, events, estimates))
    if not rows.was_replaced(found.lines):
        st.caption("The first model is the live one: there is nothing to compare it with yet.")


@st.fragment
def _drift(store: Store, lines: tuple[Line, ...], colours: Palette) -> None:
    """Where and since when features moved, and what changed in one of them."""
    title, control = st.columns([3, 1], vertical_alignment="bottom")
    title.subheader("Drift: which feature, and since when", anchor=False)
    if not lines:
        st.info("No window is complete yet.", icon=":material/hourglass_empty:")
        return
    with control:
        shown = lines[-_how_many(len(lines)) :]
    features = rows.ranked(lines)
    if not features:
        st.info("No feature is compared in this workspace.", icon=":material/help:")
        return
    _heatmap(shown, features, colours)
    st.subheader("What changed", anchor=False)
    _change(store, lines, features, colours)


def _how_many(total: int) -> int:
    """How many windows the reader wants to see."""
    if total <= 12:
        return total
    return int(st.slider("Newest windows shown", 6, total, min(total, WINDOWS), key="windows"))


def _heatmap(lines: tuple[Line, ...], features: list[str], colours: Palette) -> None:
    worst = features[:FEATURES]
    cells = rows.cells(lines, worst)
    if len(worst) < len(features):
        st.caption(
            f"The {len(worst)} features that drift most, of {len(features)}; choose any of the others below."
        )
    st.html(legends.heatmap(cells, colours))
    st.altair_chart(
        charts.heatmap(cells, worst, [line.window.key for line in lines], colours),
        alt=captions.heatmap(cells, worst),
        on_select=_picked,
        key="heatmap",
    )
    st.caption(
        "Colour: the verdict. Red and orange drift; grey moved far, as ordinary windows do. "
        "Click a cell, or choose below, to see what changed."
    )


def _picked() -> None:
    """A click on a cell chooses its feature and window."""
    points = st.session_state.heatmap.selection.get("cell", [])
    if points:
        st.session_state.feature = points[0]["feature"]
        st.session_state.window = points[0]["window"]


def _change(store: Store, lines: tuple[Line, ...], features: list[str], colours: Palette) -> None:
    """One feature in one window, against the reference."""
    by_key = {line.window.key: line for line in reversed(lines)}
    left, right = st.columns(2)
    st.session_state.setdefault("feature", _worst(lines[-1], features))
    feature = left.selectbox("Feature", features, key="feature", format_func=phrases.clean)
    key = right.selectbox("Window", list(by_key), key="window", format_func=phrases.clean)
    comparison = by_key[key].comparison
    found = next((f for f in comparison.features if f.name == feature), None)
    if found is None:
        st.warning(f"{inert(feature)} was not compared in window {inert(key)}.", icon=":material/help:")
        return
    findings = " · ".join(moves.finding(f) for f in found.findings)
    st.markdown(f"{STATES[found.verdict].format(found.verdict)}: {inert(found.effect)}")
    st.caption(inert(f"{findings}. {captions.reference(comparison.reference)}"))
    texts = [moves.moved(found), *map(moves.together, comparison.together), moves.promise(comparison)]
    st.caption("  \n".join(inert(line) for line in texts if line))
    sides = pictured(store, key, comparison.reference or 0, feature)
    if sides is None:
        st.info("No profile of this feature is kept for this window.", icon=":material/help:")
        return
    _shapes(*sides, feature, colours)


def _worst(line: Line, features: list[str]) -> str:
    """The feature that moved most in a window."""
    return next((f.name for f in line.comparison.features if f.verdict == "drift"), features[0])


def _shapes(reference: AnyProfile, window: AnyProfile, feature: str, colours: Palette) -> None:
    beyond = captions.beyond(reference, window)
    if isinstance(reference, CategoricalProfile) and isinstance(window, CategoricalProfile):
        shares = shapes.labels(reference, window)
        if shares:
            st.html(legends.sides(colours))
            st.altair_chart(
                charts.bars(shares, colours), alt=f"Share of rows by label of {feature}. {_told(shares)}"
            )
    elif isinstance(reference, NumericProfile) and isinstance(window, NumericProfile):
        _numbers_changed(reference, window, feature, colours)
    if beyond:
        st.caption(inert(beyond))


def _numbers_changed(
    reference: NumericProfile, window: NumericProfile, feature: str, colours: Palette
) -> None:
    drawn = shapes.steps(reference, window)
    if drawn is None:
        st.info("There are no numbers to draw.", icon=":material/help:")
        return
    st.html(legends.sides(colours))
    shares = shapes.ranges(reference, window)
    left, right = st.columns([3, 2])
    left.altair_chart(
        charts.histogram(drawn, colours, phrases.clean(feature)),
        alt=f"Histogram of {feature}. {_told(shares)}",
    )
    right.altair_chart(
        charts.dumbbells(shares, colours), alt=f"Share of rows by range of {feature}. {_told(shares)}"
    )


def _told(shares: list[shapes.Share]) -> str:
    return "; ".join(f"{s.name}: {s.reference:.0%} → {s.window:.0%}" for s in shares)


@st.fragment
def _retrainings(lines: tuple[Line, ...], colours: Palette) -> None:
    """Before and after each retraining, on the same rows."""
    st.subheader("Before and after, on the same rows", anchor=False)
    outcomes = rows.retrainings(lines)
    if not outcomes:
        st.info("Nothing was retrained yet.", icon=":material/hourglass_empty:")
        return
    keys = list(outcomes)
    newest = next((i for i, key in enumerate(keys) if outcomes[key].promoted is not None), 0)
    key = st.selectbox(
        "Retraining",
        keys,
        index=newest,
        key="retraining",
        format_func=lambda k: phrases.clean(captions.retraining(outcomes[k])),
    )
    _before_and_after(outcomes[key], colours)
    if len(outcomes) > 1:
        with st.expander(f"All {len(outcomes)} retrainings"):
            _every_retraining(lines, colours)


def _before_and_after(outcome: Outcome, colours: Palette) -> None:
    best = deeds.chosen(outcome)
    trials = rows.trials(outcome)
    left, right = st.columns([2, 3])
    with left:
        promoted = outcome.promoted is not None
        state = (
            ":green[:material/check_circle: **promoted**]"
            if promoted
            else ":gray[:material/cancel: **rejected**]"
        )
        st.markdown(f"#### v{best.version} {state}")
        before, after = st.columns(2)
        before.metric(
            f"{inert(outcome.loss)} before, v{outcome.champion}", numbers.number(outcome.champion_loss)
        )
        after.metric(
            f"{inert(outcome.loss)} after, v{best.version}",
            numbers.number(best.loss),
            delta=numbers.bounds(best).replace("−", "-", 1),
            delta_color="inverse" if best.better else "off",
        )
        st.caption(inert(captions.grounds(outcome)))
    with right:
        st.html(legends.forest(trials, colours))
        against = f"{outcome.loss} difference to v{outcome.champion} (left of zero is better)"
        st.altair_chart(charts.forest(trials, against, colours), alt=captions.forest(trials))
        if parts := rows.segments(outcome):
            st.caption(f"v{best.version} in each segment that the gate guards:")
            st.html(legends.forest(parts, colours))
            st.altair_chart(charts.forest(parts, against, colours), alt=captions.forest(parts))


def _every_retraining(lines: tuple[Line, ...], colours: Palette) -> None:
    trials = rows.verdicts(lines)
    st.html(legends.forest(trials, colours))
    st.altair_chart(
        charts.forest(trials, "difference to the champion of that time (left of zero is better)", colours),
        alt=captions.forest(trials),
    )
