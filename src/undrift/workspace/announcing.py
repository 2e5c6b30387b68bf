"""What serves, as a file for services in other languages: a projection of the ledger, never read here."""

from __future__ import annotations

import json
import logging
from typing import Any

from undrift import stores
from undrift.records import Schema
from undrift.registries import Registry
from undrift.schema import features
from undrift.stores import Store

log = logging.getLogger("undrift")

FORMAT = 1
"""Version of the form of ``champion.json``."""


def announce(store: Store, registry: Registry, schema: Schema) -> None:
    """Replace ``champion.json`` beside the artifacts; where that fails, the next step does it."""
    if store.champion() is None:
        return
    try:
        registry.announce(json.dumps(champion(store, schema), indent=2, ensure_ascii=False).encode())
    except Exception as error:  # noqa: BLE001 - a projection never fails a step
        log.warning("champion.json is not what serves: %s", error)


def champion(store: Store, schema: Schema) -> dict[str, Any]:
    """What serves: the version, its artifacts by sha256 with their weights, what goes in and comes out."""
    version = stores.live(store)
    weights = {m.version: m.weight for m in stores.members(store, version)}
    versions = [stores.version(store, number) for number, weight in weights.items() if weight > 0]
    return {
        "format": FORMAT,
        "version": version.number,
        "since": store.ledger()[-1].at.isoformat(),
        "models": [
            {
                "version": one.number,
                "weight": weights[one.number],
                "sha256": one.artifact,
                "path": f"{one.artifact[:2]}/{one.artifact}" if one.artifact else "",
                "format": one.format,
            }
            for one in versions
        ],
        "features": [{"name": c.name, "type": c.type} for c in features(schema)],
        "target": schema.target,
        "task": schema.task,
        "classes": list(schema.classes),
    }
