"""libcubix.so: how it is found, loaded and called, its errors, and the start and end of MPI."""
import atexit
import contextlib
import ctypes
import logging
import os
import subprocess
import sys
import threading
import weakref
from pathlib import Path

_INT, _SIZE, _POINTER, _TEXT = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.c_char_p
_TEXTS, _INTS, _POINTERS = ctypes.POINTER(_TEXT), ctypes.POINTER(_INT), ctypes.POINTER(_POINTER)
_SIZES = ctypes.POINTER(_SIZE)
_LOG = ctypes.CFUNCTYPE(None, _INT, _TEXT, _POINTER)
# name: result, arguments, as in the headers binding.h and cubix-mpi.h (mpi/), error.h and log.h (src/base/)
_FUNCTIONS = {
    "cubix_mpi_start": (_INT, _POINTER, _POINTER),
    "cubix_mpi_finish": (_INT, _INT),
    "cubix_mpi_rank": (_INT,),
    "cubix_mpi_size": (_INT,),
    "cubix_mpi_meet": (_INT, _INT, _INTS, _INTS),
    "cubix_error_message": (_TEXT,),
    "cubix_error_meaning": (_TEXT, _INT),
    "cubix_log_to": (None, _LOG, _POINTER),
    "cubix_mpi_ranks_open": (_INT, _POINTERS, _INT),
    "cubix_mpi_ranks_enter": (None, _POINTER),
    "cubix_mpi_ranks_leave": (None, _POINTER),
    "cubix_mpi_ranks_close": (None, _POINTER),
    "cubix_mpi_binding_real": (_INT,),
    "cubix_mpi_binding_leaf": (_INT, _INT, _TEXTS, _INTS),
    "cubix_mpi_binding_open": (_INT, _POINTERS, _TEXT, _TEXT, _INT, _TEXTS, _TEXT, _SIZES, _POINTERS, _POINTER),
    "cubix_mpi_binding_grid": (_INT, _POINTER, _INTS, _POINTER),
    "cubix_mpi_binding_templates": (_INT, _POINTER, _INTS, _POINTER, _POINTER, _POINTER),
    "cubix_mpi_binding_size": (_SIZE, _POINTER, _INT),
    "cubix_mpi_binding_get": (_INT, _POINTER, _INT, _POINTER),
    "cubix_mpi_binding_put": (_INT, _POINTER, _INT, _POINTER),
    "cubix_mpi_binding_forward": (_INT, _POINTER, _POINTERS, _INTS),
    "cubix_mpi_binding_vjp": (_INT, _POINTER, _POINTER, _POINTERS),
    "cubix_mpi_binding_jvp": (_INT, _POINTER, _POINTERS, _POINTERS),
    "cubix_mpi_binding_gnvp": (_INT, _POINTER, _POINTER, _POINTERS, _POINTERS),
    "cubix_mpi_binding_write": (_INT, _POINTER, _TEXT),
    "cubix_mpi_binding_plane": (_INT, _POINTER, _TEXT, _POINTER, _SIZE),
    "cubix_mpi_binding_draw": (_INT, _POINTER, _INTS, _INTS, _POINTER),
    "cubix_mpi_binding_close": (None, _POINTER),
}
_LEVELS = (logging.DEBUG, logging.INFO, logging.DEBUG, logging.WARNING)   # enum cubix_log_level

log = logging.getLogger("cubix")
lock = threading.RLock()         # only one thread at a time may call the library
bindings = weakref.WeakSet()     # open ones, which must be closed before MPI ends
_library = None
_process = None                  # process id that loaded it; a fork of it must not use it
_started = False                 # for all ranks of the program, not for those of a communicator alone
_apart = 0                       # above 0: what is called is for the ranks of a communicator
_failed = False                  # an exception that nobody caught is ending this process
_inside = False                  # a call of the library is in progress
_raised = None                   # exception of a log handler during the call, Ctrl-C included
_unwanted = []                   # bindings to close once the call in progress has returned
_parted = None                   # why the ranks can no longer make calls together
_CALLS = "end", "open", "get", "put", "forward", "vjp", "jvp", "gnvp", "write", "plane", "draw"   # what ranks meet for


class Error(Exception):
    """A failure of the library or a wrong argument; the text is the library's message.

    code     the library's status (src/base/error.def), 0 for errors found in Python
    meaning  what this status means, one line
    """

    def __init__(self, message: str, code: int = 0, meaning: str = "") -> None:
        super().__init__(message)
        self.code, self.meaning = code, meaning


# ---- finding it ----------------------------------------------------------------------------------

def _candidates():
    """(description of the place, path) of every candidate; the first that exists is used."""
    if os.environ.get("CUBIX_LIBRARY"):
        yield "CUBIX_LIBRARY", os.environ["CUBIX_LIBRARY"]
        return
    own = Path(__file__).resolve().parent / "lib" / "libcubix.so"
    yield "the package itself", str(own)
    try:
        told = subprocess.run(["pkg-config", "--variable=sharedlib", "cubix"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, text=True).stdout.strip()
        yield "pkg-config cubix", told
    except OSError:
        yield "pkg-config cubix", ""
    yield "this Python's lib folder", str(Path(sys.prefix, "lib", "libcubix.so"))
    yield "the system's libraries (ldconfig, LD_LIBRARY_PATH)", "libcubix.so"
    tree = Path(__file__).resolve().parents[2]
    for folder in (tree, *sorted(tree.glob("build/*"))):
        if (folder / "libcubix.so").exists() and (tree / "src" / "params" / "params.def").exists():
            yield "the source tree's build folder", str(folder / "libcubix.so")


def _open():
    looked = []
    for where, path in _candidates():
        looked.append(where)
        if not path or ("/" in path and not os.path.exists(path)):
            continue
        try:
            return ctypes.CDLL(path)
        except OSError as why:
            if "/" in path or os.path.basename(path) not in str(why):
                raise Error(f"{path} ({where}) cannot be loaded: {why}") from None
    raise Error(f"libcubix.so was not found; looked at: {', '.join(looked)}. Build and install CUBIX (configure && "
                f"make && make install), "
                "or set CUBIX_LIBRARY to the file, which a build leaves in its folder")


class _Where(ctypes.Structure):
    _fields_ = [("file", _TEXT), ("base", _POINTER), ("symbol", _TEXT), ("address", _POINTER)]   # Dl_info of <dlfcn.h>


def _show_mpi(library):
    """Make the symbols of libmpi global in this process, as MPI's plug-ins require.

    Only those of libmpi: h5py brings an HDF5 of its own, whose symbols must not mix with ours.
    """
    where, dladdr = _Where(), ctypes.CDLL(None).dladdr
    dladdr.argtypes = _POINTER, ctypes.POINTER(_Where)
    if dladdr(ctypes.cast(library.MPI_Init_thread, _POINTER), ctypes.byref(where)) and where.file:
        ctypes.CDLL(os.fsdecode(where.file), mode=os.RTLD_NOLOAD | os.RTLD_GLOBAL)


def _forked():
    """In the child of a fork: replace the lock, which another thread may have held."""
    global lock, _inside
    lock, _inside = threading.RLock(), False


os.register_at_fork(after_in_child=_forked)


# ---- start, calls, end ---------------------------------------------------------------------------

@_LOG
def _log_line(level, line, _):
    global _raised
    try:
        log.log(_LEVELS[level], "%s", line.decode("utf-8", "replace"))
    except BaseException as raised:      # ctypes would drop it; `call` raises it later
        _raised = _raised or raised


def _note_exception(kind, value, trace, was=sys.excepthook):
    global _failed
    _failed = True
    was(kind, value, trace)


def _finish():
    global _process
    if os.getpid() != _process:
        return
    # A rank that an exception ends must not wait for ranks that wait for it, neither in MPI_Finalize nor where a chain
    # gives its communicators back: mpirun ends them.
    if _failed and (_library.cubix_mpi_size() > 1 or any(binding.ranks for binding in bindings)):
        _library.cubix_log_to(_LOG(), None)
        _process = None
        return
    for binding in list(bindings):
        binding.close()
    _library.cubix_log_to(_LOG(), None)
    if _started:
        with contextlib.suppress(Error):
            meet("end")
    _library.cubix_mpi_finish(0)


def loaded():
    """The loaded library; nothing collective."""
    global _library, _process
    with lock:
        if _process not in (None, os.getpid()):
            raise Error("this process was forked from one that had started MPI, and cannot use it: start such "
                        "workers by spawning")
        if _library is None:
            found = _open()
            for name, (result, *arguments) in _FUNCTIONS.items():
                try:
                    function = getattr(found, name)
                except AttributeError:
                    raise Error(f"{found._name} has no {name}: it is not the CUBIX that this package belongs to") from None
                function.restype, function.argtypes = result, arguments
            _show_mpi(found)
            _library, _process = found, os.getpid()
            found.cubix_log_to(_log_line, None)
            sys.excepthook = _note_exception
            atexit.register(_finish)
    return _library


def library():
    """The loaded library.  The first call loads it and starts MPI, collectively under mpirun."""
    global _started
    with lock:
        found = loaded()
        if not _started and not _apart:
            if found.cubix_mpi_start(None, None):
                raise Error(found.cubix_error_message().decode("utf-8", "replace"))
            _started = True
    return found


class Ranks:
    """The ranks of a communicator (struct cubix_ranks)."""

    def __init__(self, comm):
        handle = comm.py2f() if hasattr(comm, "py2f") else comm
        if isinstance(handle, bool) or not isinstance(handle, int):
            raise Error(f"comm is {comm!r}; it must be a communicator of mpi4py, or the number that it has in Fortran")
        self.pointer = _POINTER()
        with lock, _aside():
            call("cubix_mpi_ranks_open", ctypes.byref(self.pointer), handle)

    @contextlib.contextmanager
    def use(self):
        """What is called meanwhile is for them."""
        with lock, _aside():
            _need_outside()
            if not self.pointer:
                raise Error("this chain is closed")
            _library.cubix_mpi_ranks_enter(self.pointer)
            try:
                yield
            finally:
                _library.cubix_mpi_ranks_leave(self.pointer)

    def close(self):
        _library.cubix_mpi_ranks_close(self.pointer)
        self.pointer = _POINTER()


@contextlib.contextmanager
def _aside():
    """Calls that start nothing for all ranks of the program."""
    global _apart
    _apart += 1
    try:
        yield
    finally:
        _apart -= 1


def _need_outside():
    if _inside:
        raise Error("the library is in a call, and called back: a handler of its log must not use it")


def call(name, *arguments):
    """Call a function of the library that returns a status, and raise Error if it fails.

    An exception that a log handler raised during the call is raised instead.
    """
    global _inside, _raised
    with lock:
        function = getattr(library(), name)
        _need_outside()
        _inside = True
        try:
            status = function(*arguments)
        finally:
            _inside = False
            raised, _raised = _raised, None
        if status:
            message, meaning = (f.decode("utf-8", "replace") for f in (_library.cubix_error_message(),
                                                                       _library.cubix_error_meaning(status)))
        while _unwanted:
            _unwanted.pop().close()
        if raised:
            raise raised
        if status:
            raise Error(message or meaning, status, meaning)


def meet(what, which=0, flag=False):
    """Check that all ranks are about to make the same call.  Precedes every collective call.

    what   name of the call, one of _CALLS
    which  number below 2^24 that distinguishes calls of one name
    flag   any truth value of this rank
    Returns True if flag is true on any rank.  Raises Error on every rank if the calls differ.
    """
    global _parted
    with lock:
        size = library().cubix_mpi_size()
        _need_outside()
        if size == 1:
            return bool(flag)
        if _parted:
            raise Error(_parted)
        any_flag, other = _INT(bool(flag)), (_INT * 2)()
        if _library.cubix_mpi_meet(_CALLS.index(what) + len(_CALLS) * which, ctypes.byref(any_flag), other):
            return bool(any_flag.value)
        theirs = _CALLS[other[1] % len(_CALLS)]
        me = f"rank {_library.cubix_mpi_rank()}"
        if theirs == "end" or what == "end":
            _parted = (f"rank {other[0]} has ended, and {me} goes on" if theirs == "end"
                       else f"{me} ends") + ": all ranks must make the same calls"
            raise Error(_parted)
        detail = f"{theirs} of another chain or leaf" if theirs == what else theirs
        raise Error(f"{me} calls {what}, and rank {other[0]} calls {detail}: all ranks must make the same calls in "
                    f"the same order")


class Binding:
    """A struct cubix_binding (mpi/binding/binding.h), closed when it is no longer referenced."""
    opened = 0       # by this process, and so by every rank

    def __init__(self, path, text, overrides, active, sizes, columns, snapshot, comm=None):
        self.pointer = _POINTER()
        column = columns and (_POINTER * len(columns))(*(None if x is None else x.ctypes.data for x in columns))
        self.ranks = None if comm is None else Ranks(comm)
        try:
            with self._those():
                number = Binding.opened if self.ranks is None else 0        # other ranks may have opened more
                meet("open", number)
                self.number = number + 1
                Binding.opened += self.ranks is None
                call("cubix_mpi_binding_open", ctypes.byref(self.pointer), path, text, len(overrides),
                     (_TEXT * len(overrides))(*overrides), active, (_SIZE * 2)(*sizes), column,
                     snapshot.ctypes.data)
        except BaseException:
            if self.ranks is not None:
                self.ranks.close()
            raise
        bindings.add(self)

    def _those(self):
        """The ranks that it is for, while something is called."""
        return lock if self.ranks is None else self.ranks.use()

    def meet(self, what, leaf=0, flag=False):
        """As the function `meet`, for a call on this binding."""
        self._need_open()
        with self._those():
            return meet(what, self.number % (1 << 16) * 64 + leaf, flag)

    def call(self, name, *arguments):
        with self._those():
            self._need_open()
            call(f"cubix_mpi_binding_{name}", self.pointer, *arguments)

    def rank(self):
        """Of this process among those that it is for."""
        with self._those():
            return loaded().cubix_mpi_rank()

    def size(self, leaf):
        with lock:
            self._need_open()
            return loaded().cubix_mpi_binding_size(self.pointer, leaf)

    def _need_open(self):
        if not self.pointer:
            raise Error("this chain is closed")

    def close(self):
        with lock:
            if not self.pointer or os.getpid() != _process:
                return
            if _inside:
                _unwanted.append(self)         # `call` closes it when the library has returned
                return
            with self._those():
                _library.cubix_mpi_binding_close(self.pointer)
            self.pointer = _POINTER()
            if self.ranks is not None:
                self.ranks.close()

    def __del__(self):
        if getattr(self, "pointer", None):
            self.close()
