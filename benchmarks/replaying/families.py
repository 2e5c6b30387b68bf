"""undrift's own settings: the defaults, and those among which the benchmark chooses on other streams."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

from replaying.world import Settings
from undrift.config.settings import SETTINGS
from undrift.gate import Gate
from undrift.lineup.mixture import Mixture
from undrift.lineup.single import Single
from undrift.plugins import build
from undrift.policies.clock import Clock
from undrift.policies.performance import Performance
from undrift.policies.schedule import Schedule

Make = Callable[[], Settings]


def shipped() -> Settings:
    """What a workspace has in which nothing was set."""
    gate = {k.removeprefix("gate."): s.default for k, s in SETTINGS.items() if k.startswith("gate.")}
    return Settings(
        build("policies", {"use": SETTINGS["policy.use"].default}, "policy"),
        build("lineup", {"use": SETTINGS["lineup.use"].default}, "lineup"),
        Gate(**gate),
        tuple(SETTINGS["merge.candidates"].default),
    )


def singles() -> dict[str, Make]:
    """One champion: every policy, both gates."""
    policies: dict[str, Callable[[], object]] = {
        f"clock {k}/{p}": lambda k=k, p=p: Clock(k, p) for k, p in product((6, 8, 10), (1.0, 2.0))
    }
    policies |= {f"schedule {k}": lambda k=k: Schedule(k) for k in (4, 6, 8, 10)}
    policies |= {f"performance {d}": lambda d=d: Performance(d) for d in (0.05, 0.2)}
    return {
        f"{name}, {require}": lambda make=make, require=require: Settings(make(), Single(), Gate(require))
        for (name, make), require in product(policies.items(), ("not_worse", "better"))
    }


def mixtures() -> dict[str, Make]:
    """A mixture: the calendar and the clock, sharper or less so, small or large."""
    policies: dict[str, Callable[[], object]] = {
        f"clock {k}/{p}": lambda k=k, p=p: Clock(k, p) for k, p in product((6, 8, 10), (1.0, 2.0))
    }
    policies |= {f"schedule {k}": lambda k=k: Schedule(k) for k in (6, 8)}
    kinds = product((4, 6, 8), (0.5, 0.7, 1.0))
    return {
        f"{name}, {m} members, sharpness {s}": lambda make=make, m=m, s=s: Settings(make(), Mixture(m, s))
        for (name, make), (m, s) in product(policies.items(), kinds)
    }
