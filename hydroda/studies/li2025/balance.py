"""Finding 9 put to the test: water tables that the K_s of a run would leave in the long run.

K_s of aquifers moves water tables for decades, and a validation of weeks or a year is over before.
Here the tables are those that level flow leaves as they are under mean recharge: with the K_s at
the end of a run, and as nature has them with its own K_s, weather and pumping wells. What differs
with nature's own K_s, too, is what K_s cannot mend.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from hydroda.catchments.rur import RurCatchment
from hydroda.catchments.rur.spinup import balanced_tables, mean_recharge
from hydroda.studies.li2025.experiments import KS
from hydroda.studies.li2025.published import GWL
from hydroda.studies.li2025.runs import NATURE, OPEN, Case
from hydroda.studies.li2025.scores import QUANTITY

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Balanced:
    """Depths [m] of water tables in balance at wells (well,), by whose K_s they are.

    `group` (well,) is the class of distance to the next well that is assimilated.
    """

    group: NDArray[np.str_]
    nature: Array
    depths: Mapping[str, Array]

    def rmse(self, name: str, group: str, unbiased: bool) -> float:
        """RMSE [m] over the wells of a class, without their mean error where `unbiased`."""
        error = (self.depths[name] - self.nature)[self.group == group]
        if not error.size:
            return float("nan")
        if unbiased:
            error = error - error.mean()
        return float(np.sqrt((error**2).mean()))


def balanced(case: Case) -> Balanced:
    """The tables of the K_s of the open loop, of the runs that are validated, and of nature.

    Of runs it is the mean of log10 K_s over the members at the end.
    """
    setting = case.setting
    rur = setting.catchment()
    whole = setting.of_nature().of(setting.catchment(end=setting.end))
    wells = case.runs[OPEN]
    wells = wells.isel(station=np.flatnonzero(wells["quantity"].values == QUANTITY[GWL]))
    sensors = {each.station: each for each in rur.read_network().select(QUANTITY[GWL]).sensors}
    columns = [sensors[str(name)].column(wells) for name in wells["station"].values]
    known, its_own = mean_recharge(rur), case.nature["log10_Ks_start"]

    def tables(of: RurCatchment, log10_ks: xr.DataArray, recharge: Array) -> Array:
        one = log10_ks.expand_dims("member").to_dataset(name=KS)
        return balanced_tables(of, one, recharge)[0, columns]

    whose = {name: case.runs[name]["log10_Ks_end"] for name in case.validation} | {NATURE: its_own}
    depths = {name: tables(rur, log10_ks, known) for name, log10_ks in whose.items()}
    nature = tables(whole, its_own, mean_recharge(whole))
    return Balanced(wells["group"].values.astype(str), nature, depths)
