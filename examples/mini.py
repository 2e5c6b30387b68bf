"""The whole idea of undrift in one page: profile, compare, decide, retrain, gate, promote, roll back.

Nothing of undrift is imported here. The package does the same with real parts: a Delta lake, a
database of records, hashed artifacts, labels that come late, and a step that survives a crash.

    python examples/mini.py
"""

from dataclasses import dataclass, field

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import Ridge

RNG = np.random.default_rng(0)
WEEK = 7 * 48  # rows in a window: half hours


def production(week):
    """One window of rows and their labels. The world moves in week 12: its rows and its rule."""
    moved = week >= 12
    x = RNG.normal(0.8 if moved else 0.0, 1.0, size=(WEEK, 2))
    y = x @ ([1.0, -2.0] if moved else [2.0, 1.0]) + RNG.normal(0, 0.5, WEEK)
    return x, y


# 1. Profile: a small summary over fixed bins; two profiles of the same bins can be added.


@dataclass(frozen=True)
class Profile:
    edges: np.ndarray  # (features, bins - 1), cut once from the reference, then frozen
    counts: np.ndarray  # (features, bins)

    @classmethod
    def of(cls, x, edges=None, bins=10):
        if edges is None:
            edges = np.quantile(x, np.linspace(0, 1, bins + 1)[1:-1], axis=0).T
        bin_of = [np.searchsorted(e, column) for e, column in zip(edges, x.T, strict=True)]
        return cls(edges, np.array([np.bincount(b, minlength=bins) for b in bin_of]))

    def merge(self, other):
        return Profile(self.edges, self.counts + other.counts)


# 2. Compare: a metric is a pure function of two profiles.


def psi(reference, current):
    """Population stability index of every feature; half a row in every bin keeps it finite."""
    p, q = ((c + 0.5) / (c + 0.5).sum(axis=1, keepdims=True) for c in (reference.counts, current.counts))
    return ((q - p) * np.log(q / p)).sum(axis=1)


# 3. Decide: from what is recorded alone, and with a reason.


def decide(scores, reference_score, since_retraining, limit=1.2, cooldown=2):
    now = np.mean(scores[-2:]) if scores else 0.0
    if now <= limit * reference_score:
        return False, f"error {now:.2f} is within {limit} x {reference_score:.2f}"
    if since_retraining < cooldown:
        return False, "cooling down"
    return True, f"error {now:.2f} is over {limit} x {reference_score:.2f}"


# 4. Gate: champion against challenger on the same rows, which neither was trained on. The interval is
#    over blocks of time, because the rows of one day err together.


def gate(champion, challengers, x, y, alpha=0.05, block=48):
    """The best challenger that is surely better than the champion, or None; and the differences."""
    found = []
    for challenger in challengers:
        difference = np.abs(y - challenger.predict(x)) - np.abs(y - champion.predict(x))
        days = difference.reshape(-1, block).mean(axis=1)
        error = days.std(ddof=1) / np.sqrt(len(days))
        reach = student.ppf(1 - alpha / len(challengers), len(days) - 1) * error
        found.append((days.mean(), days.mean() + reach, challenger))
    better = [f for f in found if f[1] < 0]
    return min(better, key=lambda f: f[0])[2] if better else None, found


# 5. The loop: every window is profiled, compared, scored and decided on; versions are kept.


@dataclass
class Loop:
    x: list = field(default_factory=list)  # all windows, oldest first
    y: list = field(default_factory=list)
    versions: list = field(default_factory=list)  # every model that was ever live
    scores: list = field(default_factory=list)  # of the live model, one a window
    reference: Profile = None
    reference_score: float = 0.0  # what the live model, or the one before it, was judged to be
    judged: float = np.inf
    since_retraining: int = 99

    def train(self, windows):
        return Ridge().fit(
            np.concatenate([self.x[w] for w in windows]), np.concatenate([self.y[w] for w in windows])
        )

    def promote(self, model, windows, held_out):
        self.versions.append(model)
        self.reference = Profile.of(np.concatenate([self.x[w] for w in windows]))
        errors = [np.abs(self.y[w] - model.predict(self.x[w])).mean() for w in held_out]
        # A model promoted in the middle of a change must not make its own error the new normal.
        self.reference_score, self.judged = min(self.judged, np.mean(errors)), np.mean(errors)
        self.scores = []

    def start(self, weeks):
        for week in weeks:
            x, y = production(week)
            self.x.append(x)
            self.y.append(y)
        self.promote(self.train(range(len(self.x) - 1)), range(len(self.x) - 1), [len(self.x) - 1])

    def step(self, week):
        x, y = production(week)  # in production the labels would come later
        self.x.append(x)
        self.y.append(y)
        drift = psi(self.reference, Profile.of(x, self.reference.edges))
        self.scores.append(float(np.abs(y - self.versions[-1].predict(x)).mean()))
        self.since_retraining += 1
        retrain, why = decide(self.scores, self.reference_score, self.since_retraining)
        line = f"week {week:2}  psi {drift.max():.2f}  error {self.scores[-1]:.2f}  {why}"
        return f"{line}; {self.retrain()}" if retrain else line

    def retrain(self):
        self.since_retraining = 0
        held_out, last = [len(self.x) - 1], len(self.x) - 2  # the newest window is held out
        choices = {"everything": range(last + 1), "recent": range(max(0, last - 1), last + 1)}
        models = {name: self.train(windows) for name, windows in choices.items()}
        winner, found = gate(self.versions[-1], list(models.values()), self.x[-1], self.y[-1])
        if winner is None:
            return f"retrained, rejected: {min(f[0] for f in found):+.2f} is not surely better"
        name = next(n for n, m in models.items() if m is winner)
        self.promote(winner, choices[name], held_out)
        return f"v{len(self.versions)} promoted, trained on {name}: {min(f[0] for f in found):+.2f}"

    def rollback(self):
        self.versions.pop()


def main():
    loop = Loop()
    loop.start(range(8))
    first, mistakes = loop.versions[0], {"live": [], "first": []}
    for week in range(8, 24):
        print(loop.step(week))
        mistakes["live"].append(np.abs(loop.y[-1] - loop.versions[-1].predict(loop.x[-1])).mean())
        mistakes["first"].append(np.abs(loop.y[-1] - first.predict(loop.x[-1])).mean())
    live, never = np.mean(mistakes["live"]), np.mean(mistakes["first"])
    print(
        f"mean error: live {live:.2f}, first model never retrained {never:.2f}; {len(loop.versions)} versions"
    )


if __name__ == "__main__":
    main()
