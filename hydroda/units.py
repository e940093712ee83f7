"""The one unit registry: quantities at the borders, plain float64 inside.

Importing `cf_xarray.units` is what teaches pint the CF spelling ("m3 m-3").
"""

from __future__ import annotations

from typing import Any, TypeAlias

import cf_xarray.units
import numpy as np
import pandas as pd
import pint

from hydroda.errors import UnitError

ureg: pint.UnitRegistry = cf_xarray.units.units
Quantity = ureg.Quantity

Amount: TypeAlias = "str | pint.Quantity | float"
Duration: TypeAlias = "str | np.timedelta64 | pd.Timedelta | pint.Quantity"


class Magnitude(float):
    """A float that remembers its unit, so that `dataclasses.replace` may pass it in again."""

    unit: str

    def __new__(cls, value: float, unit: str) -> Magnitude:
        self = super().__new__(cls, value)
        self.unit = unit
        return self

    def __repr__(self) -> str:
        return repr(f"{float(self)!r} {self.unit}".strip())

    def __reduce__(self) -> tuple[Any, ...]:
        return Magnitude, (float(self), self.unit)


QUOTES = frozenset("'\"`´‘’“”")
_RATIOS = {"m3 m-3", "m3/m3", "kg kg-1", "g g-1"}


def magnitude(value: Any, unit: str, name: str) -> Magnitude:
    """The number of `unit` in `value`, which is a string with a unit or a pint quantity.

    A bare number is accepted only where `unit` is "" (a plain factor).

    Raises
    ------
    UnitError
        The unit is missing, unknown or of another dimension.
    """
    if isinstance(value, Magnitude) and value.unit == unit:
        return value
    quantity: Any
    if isinstance(value, str):
        quantity = _parse(value, unit, name)
    elif isinstance(value, pint.Quantity):
        quantity = value
    elif isinstance(value, Magnitude):
        quantity = Quantity(float(value), _pint_unit(value.unit))
    elif unit in ("", "1"):
        return Magnitude(value, "")
    else:
        raise UnitError(f"{name} needs a unit: got {value!r}, write for example '{value} {unit}'")
    try:
        return Magnitude(quantity.to(_pint_unit(unit)).magnitude, unit)
    except pint.DimensionalityError:
        raise UnitError(f"{name} must be convertible to '{unit}'; got {value!s}") from None


def _parse(text: str, unit: str, name: str) -> Any:
    if not QUOTES.isdisjoint(text):  # pint passes over them, and over the number between them
        raise UnitError(
            f"{name} must be a number with a unit such as '1 {unit}', without quotes; got "
            f"{text!r}: an amount that has its unit is given as it is, or by float() in a string"
        )
    try:
        quantity: Any = Quantity(text)
    except Exception:  # pint raises a dozen unrelated types on text it cannot read
        raise UnitError(
            f"{name} must be a number with a unit such as '1 {unit}'; got {text!r}"
        ) from None
    bare = text.strip().replace(".", "", 1).replace("e", "", 1).lstrip("+-").isdigit()
    if bare and unit not in ("", "1"):
        raise UnitError(f"{name} needs a unit: got {text!r}, write for example '{text} {unit}'")
    return quantity


def _pint_unit(unit: str) -> Any:
    return ureg.Unit("" if unit in _RATIOS or unit == "1" else unit)


def convert(values: Any, source: str, target: str, name: str = "values") -> np.ndarray:
    """`values` [source] as a float64 array in [target].

    Raises
    ------
    UnitError
        The two units have different dimensions or one is unknown.
    """
    array = np.asarray(values, dtype=np.float64)
    if source == target:
        return array
    try:
        return np.asarray(
            Quantity(array, _pint_unit(source)).to(_pint_unit(target)).magnitude, dtype=np.float64
        )
    except (pint.DimensionalityError, pint.UndefinedUnitError):
        raise UnitError(f"{name} must be convertible to '{target}'; got '{source}'") from None


def duration(value: Any, name: str) -> np.timedelta64:
    """`value` ("7 D", "1 h", timedelta64, pint time) as a positive timedelta64[ns].

    Raises
    ------
    UnitError
        It is a bare number, no time, or not positive.
    """
    if isinstance(value, pint.Quantity):
        value = pd.Timedelta(magnitude(value, "s", name), unit="s")
    if isinstance(value, int | float) or (isinstance(value, str) and value.strip().isdigit()):
        raise UnitError(
            f"{name} needs a unit of time: got {value!r}, write for example '{value} h'"
        )
    try:
        delta = pd.Timedelta(value)
    except ValueError:
        raise UnitError(
            f"{name} must be a time span such as '7 D' or '1 h'; got {value!r}"
        ) from None
    if delta is pd.NaT or delta <= pd.Timedelta(0):
        raise UnitError(f"{name} must be a positive time span; got {value!r}")
    return delta.to_timedelta64().astype("timedelta64[ns]")


def instant(value: Any, name: str) -> np.datetime64:
    """`value` as datetime64[ns] in UTC; dates and times written in an experiment are UTC.

    A time with another zone ("2016-05-01T00:00+02:00") is converted.

    Raises
    ------
    UnitError
        It is no time.
    """
    try:
        stamp = pd.Timestamp(value)
    except (ValueError, TypeError):
        raise UnitError(f"{name} must be a time such as '2016-05-01'; got {value!r}") from None
    if stamp is pd.NaT:
        raise UnitError(f"{name} must be a time such as '2016-05-01'; got {value!r}")
    if stamp.tzinfo is not None:
        stamp = stamp.tz_convert("UTC").tz_localize(None)
    return stamp.to_datetime64().astype("datetime64[ns]")
