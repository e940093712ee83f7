import numpy as np
import pytest

from hydroda.errors import DeclarationError, UnitError
from hydroda.filters import DEnKF, EnKF
from hydroda.localization import GaspariCohn
from hydroda.update import InflateError, JointUpdate, KeepAll, Reject, Update, joined
from hydroda.zone import Saturated, Unsaturated

INNOVATION = np.array([1.0, -3.0, 8.0])
SPREAD = np.array([1.0, 1.0, 4.0])  # HPHᵀ
VARIANCE = np.array([1.0, 0.5, 1.0])  # R


def test_that_every_observation_is_kept_as_it_came():
    variance, reasons = KeepAll().judge(INNOVATION, SPREAD, VARIANCE)
    assert variance is VARIANCE and reasons == {}


@pytest.mark.parametrize("limit", [1.5, 2.0, 3.0])
def test_that_the_error_is_raised_until_the_innovation_is_expected(limit):
    variance, reasons = InflateError(limit).judge(INNOVATION, SPREAD, VARIANCE)
    raised = np.array(sorted(reasons))
    assert np.abs(INNOVATION[raised]) == pytest.approx(limit * np.sqrt((SPREAD + variance)[raised]))
    kept = np.setdiff1d(np.arange(3), raised)
    assert variance[kept].tolist() == VARIANCE[kept].tolist()
    assert (np.abs(INNOVATION) <= limit * np.sqrt(SPREAD + variance) + 1e-12).all()


def test_that_the_reason_says_how_much_the_error_was_raised():
    variance, reasons = InflateError(2.0).judge(INNOVATION, SPREAD, VARIANCE)
    # (8 / 2)² - 4 = 12, so the standard deviation grows √12 times
    assert variance[2] == 12.0
    assert reasons[2] == "assimilated, outlier: error raised 3.5 times"


def test_that_an_outlier_is_rejected_with_its_distance():
    variance, reasons = Reject(2.4).judge(INNOVATION, SPREAD, VARIANCE)
    # 1/√2, 3/√1.5 = 2.449, 8/√5 = 3.578
    assert np.isinf(variance).tolist() == [False, True, True] and variance[0] == 1.0
    assert reasons == {
        1: "rejected: outlier, 2.4 expected deviations off",
        2: "rejected: outlier, 3.6 expected deviations off",
    }


def test_that_updates_join_by_observations_filter_zone_and_outlier_rule():
    local = EnKF(GaspariCohn(halfwidth="5 km"))
    first = Update("theta", changes="theta", filter=local)
    other_zone = Update("theta", changes="log10_Ks", filter=local, zone=Unsaturated())
    damped = Update("theta", changes="log10_Ks", filter=local, damping=0.1, every="7 D")
    other_filter = Update("theta", changes="n", filter=DEnKF())
    other_rule = Update("theta", changes="n", filter=local, outliers=KeepAll())
    found = joined([first, other_zone, damped, other_filter, other_rule])
    assert [j.updates for j in found] == [
        (first, damped), (other_zone,), (other_filter,), (other_rule,)
    ]  # fmt: skip
    assert found[0].damping == {"theta": 1.0, "log10_Ks": 0.1}
    assert found[0].label == "theta -> theta, log10_Ks"


def test_that_equal_declarations_are_equal_updates():
    one = Update("h", changes="h", zone=Saturated(), filter=EnKF(GaspariCohn(halfwidth="5 km")))
    two = Update("h", changes=("h",), zone=Saturated(), filter=EnKF(GaspariCohn(halfwidth="5 km")))
    assert one == two and hash(one) == hash(two)


@pytest.mark.parametrize("damping", [0.0, -0.1, 1.5, float("nan")])
def test_that_damping_outside_its_range_is_refused(damping):
    with pytest.raises(DeclarationError, match=r"damping must lie in \(0, 1\]; got"):
        Update("theta", changes="theta", damping=damping)


def test_that_a_bare_cadence_is_refused_with_the_unit_it_needs():
    with pytest.raises(UnitError, match=r"every needs a unit of time: got 7"):
        Update("theta", changes="theta", every=7)


def test_that_only_what_an_update_names_is_scaled():
    both = ("theta", "ice")
    named, all_states = (
        JointUpdate((Update("soil_moisture", changes=both, scales=scales),))
        for scales in ("theta", None)
    )
    assert [named.scales(name, "state") for name in both] == [True, False]
    assert all_states.scales("ice", "state") and not all_states.scales("log10_Ks", "parameter")
    assert named.first.kind != all_states.first.kind
