"""pynbody and yt are optional: which of them is there."""
import importlib
import warnings

from cubix_ssp.fault import Fault

FAILURE = 1


class CannotRead(Fault):
    """The package does not know the file at all: another one may."""


class Missing(Fault):
    """The package is not there."""


def package(name):
    """The module; a Fault that says how to get it where it is missing."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return importlib.import_module(name)
    except ImportError as error:
        why = "is not installed" if getattr(error, "name", None) == name else "cannot be loaded (%s)" % error
        raise Missing(FAILURE, "%s %s; `python3 -m pip install %s` installs it" % (name, why, name))


def version(module):
    return "%s %s" % (module.__name__, getattr(module, "__version__", "of unknown version"))
