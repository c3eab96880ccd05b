"""Features and forward-looking labels of single hours, and the folds of weeks to which they are assigned."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from weather.contract.variables import FEATURES
from weather.training.features import OPTIONAL
from weather.training.observations import RAIN_NOW, BadData, Observations

BLOCK_HOURS = 7 * 24
FOLDS = 5
TEST_FOLD = FOLDS - 1
"""The fold that the exported model never sees."""

REQUIRED = [name for name in FEATURES if name not in OPTIONAL]


class TooLittleData(ValueError):
    """The data can't be split into blocks that each hold both rain and no rain."""


@dataclass(frozen=True)
class Samples:
    """Model-ready rows: every required value present and the whole horizon observed.

    ``x`` float64[n, 7] in the contract's units, the visibility may be NaN; ``y`` bool[n], rain within
    the horizon; ``hour`` datetime64[n]; ``station`` str[n]; ``block`` int[n], the week counted from the
    first.
    """

    x: NDArray[np.float64]
    y: NDArray[np.bool_]
    hour: NDArray[np.datetime64]
    station: NDArray[np.str_]
    block: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.y)

    @property
    def rain_now(self) -> NDArray[np.bool_]:
        """bool[n]: whether it rains at the time of the observation."""
        return self.x[:, FEATURES.index(RAIN_NOW)] > 0.5

    @property
    def day(self) -> NDArray[np.datetime64]:
        """datetime64[D][n]: the day (UTC), the block of the bootstrap."""
        return self.hour.astype("datetime64[D]")

    @property
    def fold(self) -> NDArray[np.int64]:
        """int[n], 0 ... 4: weeks are assigned in turn, so neighbouring weeks are in different folds."""
        return self.block % FOLDS

    def where(self, mask: NDArray[np.bool_]) -> Samples:
        """The rows that ``mask`` (bool[n]) selects."""
        return Samples(*(getattr(self, field.name)[mask] for field in fields(self)))

    def thinned(self, limit: int) -> Samples:
        """``limit`` rows drawn at random, the same each time, in their order; all if there are no more."""
        if len(self) <= limit:
            return self
        drawn = np.random.default_rng(0).choice(len(self), limit, replace=False)
        return self.where(np.isin(np.arange(len(self)), drawn))

    def check(self) -> None:
        """Make sure that every fold has rain and no rain to learn from.

        Raises:
            TooLittleData: a fold has no rainy or no dry hour.
        """
        for fold in range(FOLDS):
            rain = self.y[self.fold == fold]
            if len(rain) == 0 or rain.all() or not rain.any():
                raise TooLittleData(
                    f"rain follows {int(rain.sum())} of {len(rain)} hours in fold {fold}; both kinds "
                    f"are needed in each of the {FOLDS} folds, so at least {FOLDS} weeks of data"
                )


def samples(observations: Observations, horizon: int) -> Samples:
    """Features at hour *t* and the label: any rain at the station in ``t+1 ... t+horizon`` hours.

    Hours are looked up by timestamp, never by row, so a gap in the record is a gap. Kept are the rows
    with all required values whose whole horizon was observed and ends within their own week: the last
    ``horizon`` hours of each week are the gap between blocks.

    Raises:
        BadData: the horizon is not 1 ... 48, or no row is left.
    """
    if not 1 <= horizon <= 48:
        raise BadData(f"the horizon must be 1 to 48 hours, not {horizon}")
    table = observations.table
    rain = table.set_index(["station", "hour"])[RAIN_NOW]
    later = np.full((len(table), horizon), np.nan)
    for ahead in range(1, horizon + 1):
        wanted = pd.MultiIndex.from_arrays([table["station"], table["hour"] + pd.Timedelta(hours=ahead)])
        later[:, ahead - 1] = rain.reindex(wanted).to_numpy()
    since_start = np.asarray((table["hour"] - table["hour"].min()) // pd.Timedelta(hours=1), np.int64)
    usable = (
        np.isfinite(table[REQUIRED].to_numpy(dtype=np.float64)).all(axis=1)
        & np.isfinite(later).all(axis=1)
        & (since_start % BLOCK_HOURS < BLOCK_HOURS - horizon)
    )
    if not usable.any():
        absent = [name for name in REQUIRED if table[name].isna().all()] if len(table) else []
        blame = f"; missing in all of them: {', '.join(absent)}" if absent else ""
        raise BadData(
            f"{observations.name}: no row has all required values and the {horizon} hours after it{blame}"
        )
    return Samples(
        x=table[list(FEATURES)].to_numpy(dtype=np.float64)[usable],
        y=(later[usable] > 0.5).any(axis=1),
        hour=table["hour"].to_numpy(dtype="datetime64[h]")[usable],
        station=table["station"].to_numpy(dtype=np.str_)[usable],
        block=since_start[usable] // BLOCK_HOURS,
    )
