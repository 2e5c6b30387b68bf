"""The life of one model: the parts that it is given, and how they are wired to one another."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from undrift.comparison.limits import Limits
from undrift.gate import Gate
from undrift.lakes import Lake
from undrift.lineup import LineUp
from undrift.lineup.mixture import Mixture
from undrift.merging import Merge
from undrift.policies import Policy
from undrift.records import Schema
from undrift.registries import Registry
from undrift.stores import Store
from undrift.trainers import Trainer
from undrift.windows import Cut, span
from undrift.workspace.archive import Archive, utc_now
from undrift.workspace.chronicle import Chronicle
from undrift.workspace.estimating import Estimating
from undrift.workspace.intake import Intake
from undrift.workspace.lease import Lease
from undrift.workspace.making import Making
from undrift.workspace.models import Models
from undrift.workspace.monitor import Watch
from undrift.workspace.remembered import RememberedLake, RememberedStore
from undrift.workspace.scoring import Scoring
from undrift.workspace.succession import Succession
from undrift.workspace.training import Training
from undrift.workspace.weighing import Weighing


@dataclass
class Life:
    """Every part is handed in; those of the workspace are made of them."""

    schema: Schema
    store: Store
    lake: Lake
    registry: Registry
    policy: Policy
    merges: dict[str, Merge]
    holder: str
    trainer: Trainer | None = None
    learners: dict[str, Trainer] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    gate: Gate = field(default_factory=Gate)
    lineup: LineUp = field(default_factory=Mixture)
    cut: Cut = field(default_factory=Cut)
    label_delay: timedelta = timedelta(0)
    coverage: float = 0.9
    loss: str = "auto"
    loss_params: Mapping[str, Any] = field(default_factory=dict)
    estimate: str | None = None
    trust_pickle: bool = False
    clock: Callable[[], datetime] = utc_now

    def __post_init__(self) -> None:
        """Wire the parts; nothing is read yet."""
        self.store = records = RememberedStore(self.store)
        self.lake = rows = RememberedLake(self.lake)
        self.lease = Lease(records, rows, self.holder)
        self.archive = Archive(self.schema, records, rows, self.cut, self.clock)
        self.intake = Intake(self.archive)
        rows.is_new = self.archive.is_new
        self.models = Models(
            *(self.archive, records, self.registry),
            trainers=self.learners or ({self.trainer.name: self.trainer} if self.trainer else {}),
            loss=self.loss,
            loss_params=self.loss_params,
            trust_pickle=self.trust_pickle,
            block=span(self.gate.block),
        )
        self.making = Making(self.models)
        self.watch = Watch(self.archive, records, self.models, self.limits)
        self.scoring = Scoring(self.archive, records, self.models)
        self.chronicle = Chronicle(self.archive, records, self.gate, self.coverage, self.label_delay)
        self.weighing = Weighing(records, self.chronicle, self.models, self.lineup)
        self.estimating = Estimating(self.chronicle, self.models, self.estimate)
        self.training = Training(
            *(
                records,
                self.chronicle,
                self.models,
                self.making,
                self.merges,
                self.weighing,
                self.gate,
                self.lease,
            )
        )
        self.succession = Succession(
            records, self.chronicle, self.models, self.making, self.training, self.watch, self.lease
        )
