from __future__ import annotations

import asyncio

import pytest
import yaml

from loadtest.serving import PROJECT
from weather.telemetry import buffer


def test_counts_are_written_well_within_a_scrape_interval() -> None:
    """Or else the counts of a worker that does not answer the scrape are missing from it."""
    for file in ("observability/prometheus.yml", "compose/prometheus.yml"):
        interval = yaml.safe_load((PROJECT / "deploy" / file).read_text())["global"]["scrape_interval"]
        assert float(interval.removesuffix("s")) / 10 >= buffer.WRITE_SECONDS


def test_one_timer_writes_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buffer, "WRITE_SECONDS", 0.001)

    async def run() -> list[str]:
        written: list[str] = []
        ours = buffer.WriteBuffer()
        ours.writers += [lambda: written.append("a"), lambda: written.append("b")]
        for _ in range(3):
            ours.schedule()
        while not written:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.01)
        assert ours.timer is None
        ours.schedule()
        assert ours.timer is not None
        ours.write()
        assert ours.timer is None
        return written

    assert asyncio.run(run()) == ["a", "b", "a", "b"]
