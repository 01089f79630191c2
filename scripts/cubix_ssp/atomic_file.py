"""A file that is whole or not there at all: how cubix-ssp and cubix-plot write.

It grows under a random name beside the place where it will be.  A symbolic link stays one, its target is written; what is no plain file, or is
write-protected, is never replaced; a file that replaces another takes over its permissions.  The program's own files follow the same rules
(src/base/atomic_file.c)."""
import contextlib
import os
import signal
import stat
import tempfile

from .fault import OUTPUT, Fault


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _mode(path):
    """Permissions that the file will have; a Fault where it must not be replaced."""
    try:
        info = os.stat(path)
    except FileNotFoundError:
        return 0o666 & ~_umask()
    if not stat.S_ISREG(info.st_mode):
        raise Fault(OUTPUT, "%s cannot be written: it is there and is not a file; choose another name" % path)
    if not info.st_mode & 0o222 or not os.access(path, os.W_OK):
        raise Fault(OUTPUT,
                    "%s cannot be written: it is write-protected (mode %03o); make it writable (chmod u+w), remove "
                    "it, or choose another name"
                    % (path, stat.S_IMODE(info.st_mode)))
    return stat.S_IMODE(info.st_mode) & 0o777


@contextlib.contextmanager
def atomic_file(path):
    """A stream; what is written to it becomes the file when the block ends without an error, and is
    dropped otherwise."""
    part = None
    try:
        target = os.path.realpath(path)
        mode = _mode(path)
        handle, part = tempfile.mkstemp(prefix=".%s.part-" % os.path.basename(target)[:80], dir=os.path.dirname(target))
        with open(handle, "w+b") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            os.fchmod(stream.fileno(), mode)
        os.replace(part, target)
        part = None
    except OSError as error:
        raise Fault(OUTPUT, "%s cannot be written: %s" % (path, error.strerror or error))
    finally:
        if part is not None and os.path.exists(part):
            os.unlink(part)


def clean_up_on_signals():
    """What ends a program from outside ends it as Ctrl-C does: nothing half-written stays.  Signals
    that are ignored (nohup) stay ignored."""
    def interrupt(number, frame):
        raise KeyboardInterrupt
    for name in ("SIGTERM", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGXCPU"):
        if signal.getsignal(getattr(signal, name)) is signal.SIG_DFL:
            signal.signal(getattr(signal, name), interrupt)
