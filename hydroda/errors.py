"""What hydroda raises: one line naming the argument, what came, what was wanted, and the cure."""


class HydrodaError(Exception):
    """A mistake a user can mend; the command line prints it as one line and ends with code 2."""


class UnitError(HydrodaError):
    """A quantity came without a unit, or with one that does not fit."""


class DataError(HydrodaError):
    """A file or series cannot be used as it is."""


class DeclarationError(HydrodaError):
    """The parts of an experiment do not fit together."""


class ForecastError(HydrodaError):
    """The forecast model failed for too many members."""
