"""Everything that ml raises on purpose; one root, so that callers can catch it all at a boundary."""


class ModelError(Exception):
    """Root of the errors of this library; its text is a sentence for the person who runs the place."""


class ModelNotFound(ModelError):
    """A model's name, folder or package does not exist on this machine."""


class ModelCorrupt(ModelError):
    """A model's file is there, but its hash or its content is not what it should be."""


class DatasetError(ModelError):
    """A data set is missing or not in the layout that its reader expects."""


class ModelUnsupported(ModelError):
    """A model is there, but it is not of a kind that this library runs: another architecture, or pickled weights."""


class DeviceUnavailable(ModelError):
    """The device on which models are to run is none, is not there, is full, or fails."""


class RuntimeUnavailable(ModelError):
    """The runtime that is to compute models is none that there is, or not installed."""


class RunError(ModelError):
    """A training run's folder is not what it should be: none, another's, unfinished, or of other data."""


class UsageError(ModelError):
    """A command line that cannot be understood, or names a file that is not what the command takes."""


class BadBeginning(ValueError):
    """A captioner can't go on from the words that its caption is to begin with; no fault of the model."""


class Stopped(ModelError):
    """Somebody pressed Ctrl-C; its text says what was kept and how to go on."""
