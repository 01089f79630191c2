"""The one error of these tools: a message for the user and the exit status it ends with."""
import contextlib
import os

COMMAND, INPUT, OUTPUT = 2, 3, 4


class Fault(Exception):
    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def first_line(error):
    """What went wrong in one line; the error's name where it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


@contextlib.contextmanager
def reading(path, trouble):
    """Whatever a library raises over a damaged file is an INPUT fault: the file, the trouble
    ("cannot be read as FITS"), and why."""
    if os.path.exists(path) and not os.path.isfile(path):
        raise Fault(INPUT, "%s is not a file" % path)        # a FIFO would be waited for
    try:
        yield
    except (Fault, MemoryError, ImportError):
        raise
    except Exception as error:
        raise Fault(INPUT, "%s %s: %s" % (path, trouble, getattr(error, "strerror", None) or first_line(error)))
