"""An example of every concrete class below the roots of hydroda; add yours to `EXAMPLES`."""

import atexit
import importlib
import importlib.util
import inspect
import pkgutil
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import xarray as xr

import hydroda
from hydroda.bias import Bias, Dee2005, FixedGain, NoBias, PrintedGain
from hydroda.catchments import (
    Bondville,
    DutchWell,
    Fuerstensee,
    Kansas,
    MongolianGrassland,
    RurCatchment,
)
from hydroda.catchments.rur.rur import TowerFlux
from hydroda.constraint import Bounds, ColumnBudgets, Constraint, NoConstraint, WaterBudget
from hydroda.experiment import Experiment
from hydroda.filters import (
    ETKF,
    LETKF,
    DEnKF,
    EachColumn,
    EnKF,
    Filter,
    OnAnomalies,
    OnCovariances,
    OnCrossCovariance,
    OnGain,
)
from hydroda.filters.square_root import SquareRoot
from hydroda.filters.taper import TaperForm
from hydroda.forcing import ForcingWindow
from hydroda.inflation import RTPP, RTPS, Fixed, Inflation, MaximumLikelihood, NoInflation
from hydroda.localization import (
    GaspariCohn,
    GreatCircle,
    Horizontal,
    LocalizationScheme,
    Periodic,
    Search,
    Vertical,
    VerticalExponential,
)
from hydroda.models.base import Model
from hydroda.models.bmi import BMIModel
from hydroda.models.clm import CLM4Column, CoLMColumn
from hydroda.models.grid import Grid
from hydroda.models.land import WaterTable
from hydroda.models.land_column import LandColumn
from hydroda.models.land_surface import LandSurface
from hydroda.models.linear import Linear
from hydroda.models.lorenz96 import Lorenz96
from hydroda.models.parflow import ParFlowModel
from hydroda.models.plants import clm4, igbp
from hydroda.models.retention import VanGenuchten
from hydroda.models.runoff import Aquifer
from hydroda.models.soil_column import SoilColumn
from hydroda.models.terrestrial import EvaporatingSurface, TerrestrialSystem
from hydroda.obs import (
    Conventional,
    Cosmic,
    CosmicCounts,
    CosmicRayNeutron,
    CosmicSite,
    Disc,
    Discharge,
    Flux,
    GroundwaterLevel,
    HeadAtScreen,
    LatentHeat,
    LayerMean,
    LeftRule,
    NeutronCounts,
    PointSensor,
    Rectangle,
    Sensor,
    SoilMoistureProbe,
    StorageAnomaly,
)
from hydroda.transforms import Identity, Log10, Logit, Transform
from hydroda.update import InflateError, KeepAll, OutlierRule, Reject
from hydroda.zone import (
    Everywhere,
    Saturated,
    SaturatedInEachMember,
    SaturatedInEveryMember,
    Unsaturated,
    Zone,
)
from tests.models import stand_in_parflow
from tests.models.toy_bmi import reservoir_members, reservoirs

START = np.datetime64("2020-06-01", "ns")
HERE = "EXAMPLES of tests/contracts/examples.py"


def concrete(root: type) -> list[type]:
    """The classes of hydroda below `root` that can be made, wherever in the package they stand."""
    for module in pkgutil.walk_packages(hydroda.__path__, "hydroda."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    found = {
        each
        for each in _below(root)
        if each.__module__.startswith("hydroda.") and not inspect.isabstract(each)
    }
    return sorted(found, key=lambda each: each.__name__)


def _below(root: type) -> Iterator[type]:
    for each in root.__subclasses__():
        yield each
        yield from _below(each)


def examples(each: type) -> tuple[Any, ...]:
    """The examples of a class; a class without one fails its test here."""
    assert each in EXAMPLES, (
        f"{each.__module__}.{each.__name__} is tested by nobody: add an example of it to {HERE}"
    )
    return EXAMPLES[each]


# --- what sensors, zones and models are asked about ---------------------------------------------


@dataclass(frozen=True)
class Case:
    """A model with members, and the weather of a day."""

    model: Model
    ensemble: xr.Dataset
    forcing: ForcingWindow | None = None


def _columns(rng: np.random.Generator, members: int = 4) -> Case:
    """Two columns of soil over a water table under a warm day with a shower."""
    model = SoilColumn(SoilColumn.layers("2 m", "4 cm", 8), bottom=WaterTable("1.5 m"))
    h = model.z - rng.uniform(1.2, 1.7, (members, 2, 1))
    ensemble = model.dataset(
        h=h, log10_Ks=rng.normal(-6.0, 0.3, (members, 2)), x=[0.0, 500.0], y=[0.0, 0.0]
    )
    hours = np.arange(24)
    values = {
        "rain": np.where(hours == 6, 8.0, 0.0),
        "air_temperature": np.full(24, 290.0),
        "potential_evapotranspiration": np.where(hours > 8, 0.2, 0.0),
    }
    times = START + hours * np.timedelta64(3600 * 10**9, "ns")
    window = ForcingWindow(times, 3600.0, {name: value[None] for name, value in values.items()})
    return Case(model, ensemble, window)


@cache
def column_case() -> Case:
    """`_columns` after a day, so that there are fluxes to read."""
    case = _columns(np.random.default_rng(3))
    end = START + np.timedelta64(1, "D")
    after = case.model.forecast(case.ensemble, case.forcing, START, end)
    return Case(case.model, after.assign_attrs(interval_seconds=86400.0), case.forcing)


def _land(model: LandColumn, warmth: float) -> Case:
    """Two columns with plants through a day with a shower, of rain or snow."""
    rng = np.random.default_rng(6)
    shape = (4, 2, model.dz.size)
    ensemble = model.dataset(
        theta=rng.uniform(0.2, 0.4, shape),
        temperature=warmth - 3.0 + rng.normal(0.0, 1.0, shape),
        x=[0.0, 500.0],
        y=[0.0, 0.0],
    )
    return Case(model, ensemble, _shower(warmth))


def _snowed(case: Case) -> Case:
    """The case with one layer of snow in every member, of 20 to 40 mm."""
    mass = np.linspace(20.0, 40.0, case.ensemble.sizes["member"])[:, None]
    layer = {"snow_ice": mass, "snow_thickness": mass / 200.0, "snow_temperature": 265.0}
    fields = {"snow": mass, "snow_depth": mass / 200.0}
    ensemble = case.ensemble.assign(
        {
            name: case.ensemble[name].copy(data=value + np.zeros(case.ensemble[name].shape))
            for name, value in fields.items()
        }
    )
    for name, value in layer.items():
        values = np.zeros(ensemble[name].shape)
        values[..., -1] = value
        ensemble = ensemble.assign({name: ensemble[name].copy(data=values)})
    return Case(case.model, ensemble, case.forcing)


def _shower(warmth: float) -> ForcingWindow:
    hours = np.arange(24)
    daylight = np.maximum(np.sin(2.0 * np.pi * (hours - 6) / 24), 0.0)
    values = {
        "rain": np.where(hours == 6, 8.0, 0.0),
        "shortwave": 600.0 * daylight,
        "longwave": np.full(24, 5.67e-8 * 0.8 * warmth**4),
        "air_temperature": warmth + 6.0 * daylight,
        "relative_humidity": np.full(24, 0.7),
        "wind_speed": np.full(24, 2.0),
        "pressure": np.full(24, 1e5),
    }
    times = START + hours * np.timedelta64(3600 * 10**9, "ns")
    return ForcingWindow(times, 3600.0, {name: value[None] for name, value in values.items()})


def _ring() -> Case:
    model = Lorenz96()
    return Case(model, model.dataset(np.random.default_rng(4).normal(2.0, 3.0, (3, 8))))


def _hillslope() -> Case:
    """Twelve columns over a table on a slope, under a shower and a warm afternoon."""
    grid = Grid((3, 4), "20 m", "20 m", ("5 cm", "15 cm", "40 cm", "1 m"), slope_x=-0.03)
    model = TerrestrialSystem(grid)
    rng = np.random.default_rng(6)
    # A cell is saturated in all members or in none: a mean of both may lie closer to saturation
    # than the model lets soil be.
    h = model.z - rng.uniform(0.2, 0.4, (3, grid.columns, 1))
    ensemble = model.dataset(h=h, log10_Ks=rng.normal(-5.5, 0.3, (3, grid.columns)))
    hours = np.arange(24)
    values = {
        "rain": np.where(hours == 6, 8.0, 0.0)[None],
        "potential_evapotranspiration": np.where(hours > 8, 0.2, 0.0)[None],
    }
    times = START + hours * np.timedelta64(3600 * 10**9, "ns")
    return Case(model, ensemble, ForcingWindow(times, 3600.0, values))


def _meadow(warmth: float, shallowest: float = 1.2, deepest: float = 1.8) -> Case:
    """The same slope under grass, two of its four layers the land's, over a deeper table [m]."""
    grid = Grid((3, 4), "20 m", "20 m", ("5 cm", "15 cm", "40 cm", "1 m"), slope_x=-0.03)
    surface = LandSurface(plants=(clm4("c3 grass"),), layers=2, **field)
    model = TerrestrialSystem(grid, surface=surface)
    rng = np.random.default_rng(6)
    h = model.z - rng.uniform(shallowest, deepest, (3, grid.columns, 1))
    ground = warmth - 3.0 + rng.normal(0.0, 1.0, (3, grid.columns, 2))
    return Case(model, model.dataset(h=h, temperature=ground), _shower(warmth))


def _linear() -> Case:
    model = Linear(((0.9, 0.1), (0.0, 0.8)), offset=(0.5, 0.0))
    return Case(model, model.dataset(np.random.default_rng(5).normal(size=(3, 2))))


def _reservoirs() -> Case:
    """A model of others under rain, behind the Basic Model Interface."""
    times = START + np.arange(24) * np.timedelta64(3600 * 10**9, "ns")
    window = ForcingWindow(times, 3600.0, {"rain": np.full((1, 24), 0.2)})
    model = reservoirs()
    return Case(model, reservoir_members(model), window)


def _parflow() -> tuple[Case, ...]:
    """The stand-in for ParFlow, where pftools is installed."""
    if importlib.util.find_spec("parflow") is None:
        return ()
    folder = tempfile.mkdtemp()
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    model = ParFlowModel(
        str(stand_in_parflow.write_definition(folder)),
        VanGenuchten("0.05 m3/m3", "0.4 m3/m3", "2 1/m", 2.0, "5 cm/h"),
        executable=stand_in_parflow.__file__,
        launcher=(sys.executable,),
        at_once=2,
    )
    ensemble = model.dataset(h=model.z - np.array([1.0, 1.3])[:, None, None])
    return (Case(model, ensemble, _reservoirs().forcing),)


# --- the examples -------------------------------------------------------------------------------

field = {"latitude": "50 degree", "longitude": "8 degree", "sand": "30 %", "clay": "20 %"}
near = GaspariCohn(halfwidth="2 m")
down = VerticalExponential(mu="0.5 1/m")
cosmic = CosmicSite(bulk_density="1.4 g/cm3", N=500.0, lattice_water="3 %")
place = {"station": "S1", "x": "10 m", "y": "0 m"}

EXAMPLES: dict[type, tuple[Any, ...]] = {
    # localization
    GaspariCohn: (
        near,
        GaspariCohn(cutoff="10 km"),
        GaspariCohn(halfwidth="40 cm", along=Vertical()),
        GaspariCohn(halfwidth="3 m", along=Horizontal(Periodic(length="40 m"))),
        GaspariCohn(halfwidth="100 km", along=Horizontal(GreatCircle())),
    ),
    VerticalExponential: (
        down,
        VerticalExponential(threshold=6),
        VerticalExponential(threshold=Search()),
    ),
    OnAnomalies: (EnKF(down, taper=OnAnomalies()), DEnKF(down)),
    OnCovariances: (EnKF(near), DEnKF(near, taper=OnCovariances())),
    OnCrossCovariance: (EnKF(near, taper=OnCrossCovariance()),),
    OnGain: (EnKF(near, taper=OnGain()), DEnKF(down, taper=OnGain())),
    # filters, and what they are composed of
    EnKF: (EnKF(), EnKF(near), EnKF(near * down)),
    DEnKF: (DEnKF(), DEnKF(near)),
    EachColumn: (EachColumn(), EachColumn(each=DEnKF(down))),
    SquareRoot: (SquareRoot(), SquareRoot(near)),
    ETKF: (ETKF(), ETKF(rotation=True)),
    LETKF: (LETKF(), LETKF(near), LETKF(near, rotation=True)),
    NoInflation: (EnKF(inflation=NoInflation()),),
    Fixed: (EnKF(near, Fixed(1.1)), LETKF(near, Fixed(1.1)), ETKF(inflation=Fixed(0.9))),
    RTPS: (EnKF(near, RTPS(0.5)), LETKF(near, RTPS(0.0)), LETKF(near, RTPS(0.9))),
    RTPP: (EnKF(near, RTPP(0.5)), LETKF(near, RTPP(0.9)), DEnKF(near, RTPP(0.0))),
    MaximumLikelihood: (
        EnKF(near, MaximumLikelihood()),
        EnKF(down, MaximumLikelihood(at_least=0.1, members=True)),
        LETKF(near, MaximumLikelihood(at_least=0.1)),
    ),
    NoConstraint: (EnKF(constraint=NoConstraint()),),
    Bounds: (EnKF(near, constraint=Bounds(-50.0, 50.0)), LETKF(constraint=Bounds())),
    WaterBudget: (EnKF(down, constraint=WaterBudget()), ETKF(constraint=WaterBudget())),
    ColumnBudgets: (EnKF(near, constraint=ColumnBudgets()), LETKF(constraint=ColumnBudgets())),
    NoBias: (EnKF(bias=NoBias()),),
    Dee2005: (
        EnKF(near, bias=Dee2005()),
        EnKF(down, MaximumLikelihood(), WaterBudget(), Dee2005(FixedGain(0.1))),
        EnKF(near, bias=Dee2005(PrintedGain())),
        LETKF(near, bias=Dee2005()),
    ),
    # sensors, which are asked about `column_case`
    SoilMoistureProbe: (
        SoilMoistureProbe(**place, depth="20 cm"),
        SoilMoistureProbe(**place, depth="20 cm", sampling=LayerMean("10 cm")),
        SoilMoistureProbe(**place, depth="2 cm", footprint=Disc("2 km")),
    ),
    CosmicRayNeutron: (
        CosmicRayNeutron(**place),
        CosmicRayNeutron(**place, weighting=Conventional()),
    ),
    NeutronCounts: (NeutronCounts(**place, n0="1000 1/h", bulk_density="1.4 g/cm3"),),
    CosmicCounts: (
        CosmicCounts(**place, operator=Cosmic(cosmic)),
        CosmicCounts(**place, operator=Cosmic(cosmic, LeftRule(), slice="1 cm")),
    ),
    GroundwaterLevel: (
        GroundwaterLevel(**place, screen="1.5 m"),
        GroundwaterLevel(**place, ground="60 m"),
        GroundwaterLevel(**place, screen="1.8 m", level=HeadAtScreen(LayerMean("40 cm"))),
    ),
    Flux: (Flux(**place), Flux(**place, footprint=Disc("1 km"))),
    LatentHeat: (LatentHeat(**place),),
    TowerFlux: (TowerFlux(**place),),
    Discharge: (Discharge(**place, variable="runoff", area="2 km2"),),
    StorageAnomaly: (
        StorageAnomaly(**place, footprint=Rectangle("3 km", "3 km"), baseline="800 mm"),
    ),
    PointSensor: (
        PointSensor(**place, quantity="water", unit="mm"),
        PointSensor(**place, quantity="theta", unit="m3 m-3", depth="30 cm"),
    ),
    # models, with members and weather
    SoilColumn: (_columns(np.random.default_rng(1)),),
    CLM4Column: (
        _land(CLM4Column(plants=(clm4("c3 grass"),), **field), 288.0),
        _land(CLM4Column(plants=(clm4("c3 grass"),), **field), 268.0),
        _snowed(_land(CLM4Column(plants=(clm4("c3 grass"),), **field), 264.0)),
    ),
    CoLMColumn: (
        _land(CoLMColumn(plants=(igbp("croplands"),), **field), 271.0),
        _snowed(_land(CoLMColumn(plants=(igbp("croplands"),), **field), 264.0)),
    ),
    LandColumn: (_land(LandColumn(plants=(clm4("c3 crop"),), bottom=Aquifer(), **field), 295.0),),
    Lorenz96: (_ring(),),
    Linear: (_linear(),),
    TerrestrialSystem: (
        _hillslope(),
        _meadow(290.0),
        _snowed(_meadow(264.0)),
        _meadow(271.0, 1.5, 2.0),  # in some columns snow is left in some members only
    ),
    BMIModel: (_reservoirs(),),
    ParFlowModel: _parflow(),
    # transforms, with values they are meant for
    Identity: ((Identity(), np.array([-1.0, 0.0, 2.0])),),
    Log10: ((Log10(), np.array([1e-9, 1e-6, 1.0])),),
    Logit: (
        (Logit(), np.array([0.01, 0.5, 0.99])),
        (Logit(0.05, 0.45), np.array([0.06, 0.2, 0.44])),
    ),
    # zones, which are asked about `column_case`
    Everywhere: (Everywhere(),),
    Saturated: (Saturated(),),
    Unsaturated: (Unsaturated(),),
    SaturatedInEveryMember: (SaturatedInEveryMember(),),
    SaturatedInEachMember: (SaturatedInEachMember(),),
    # rules for outliers
    KeepAll: (KeepAll(),),
    InflateError: (InflateError(), InflateError(1.0)),
    Reject: (Reject(), Reject(1.5)),
    # experiments, and what they need of the shared folder
    Fuerstensee: ((Fuerstensee(), None),),
    Bondville: ((Bondville(), "data/bondville"),),
    Kansas: ((Kansas(), "data/kansas_ks003"),),
    DutchWell: ((DutchWell(), "data/dutch_wells"),),
    MongolianGrassland: ((MongolianGrassland(years=0), None),),
    RurCatchment: ((RurCatchment(cell="4 km", surface=EvaporatingSurface(covered=0.7)), None),),
}

COMPOSED = (Filter, TaperForm, Inflation, Constraint, Bias)
ROOTS = (*COMPOSED, LocalizationScheme, Sensor, Model, Transform, Zone, OutlierRule, Experiment)
