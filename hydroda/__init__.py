"""Data assimilation for hydrology: declare, run, resume, score and plot an experiment."""

from hydroda import figures, plotting, verification
from hydroda.bias import Dee2005, NoBias
from hydroda.constraint import Bounds, NoConstraint, WaterBudget
from hydroda.ensemble import Ensemble
from hydroda.errors import (
    DataError,
    DeclarationError,
    ForecastError,
    HydrodaError,
    UnitError,
)
from hydroda.experiment import Experiment
from hydroda.filters import (
    ESMDA,
    ETKF,
    LETKF,
    DEnKF,
    EnKF,
    Filter,
    OnAnomalies,
    OnCovariances,
    OnCrossCovariance,
    OnGain,
)
from hydroda.forcing import Additive, Forcing, ForcingNoise, Multiplicative, Site
from hydroda.inflation import RTPP, RTPS, Fixed, Inflation, MaximumLikelihood, NoInflation
from hydroda.localization import (
    Euclidean,
    GaspariCohn,
    GreatCircle,
    Horizontal,
    LocalizationScheme,
    NoLocalization,
    Periodic,
    Search,
    Vertical,
    VerticalExponential,
)
from hydroda.models.base import Budget, Model
from hydroda.obs import (
    Conventional,
    CosmicRayNeutron,
    Flux,
    GroundwaterLevel,
    NeutronCounts,
    ObservationNetwork,
    PointSensor,
    Records,
    Revised,
    Sensor,
    SoilMoistureProbe,
)
from hydroda.result import Result
from hydroda.rng import Streams
from hydroda.state import StateVector, Variable
from hydroda.transforms import Identity, Log10, Logit, Transform
from hydroda.units import Amount, Quantity
from hydroda.update import InflateError, KeepAll, OutlierRule, Reject, Update
from hydroda.zone import (
    Everywhere,
    Saturated,
    SaturatedInEachMember,
    SaturatedInEveryMember,
    Unsaturated,
    Zone,
)
