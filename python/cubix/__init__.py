"""CUBIX from Python: datacubes of simulated galaxies, and their derivatives with respect to everything that went in.

    import cubix
    chain = cubix.Chain({"SspFile": "bc03.hdf5", "Instrument": "MUSE", "FieldOfView": 10, "Redshift": 0.02, "OmegaMatter": 0.31,
                         "OmegaLambda": 0.69, "HubbleParam": 0.68, "Engine": "histogram"},
                        stars={"position": x, "velocity": v, "mass": m, "age": t, "metallicity": z}, active=["age", "mass"])
    cube = chain.forward(age=t)                  # [n_y][n_x][n_lambda] 10^-20 erg/s/cm2/AA
    bar = chain.vjp(2 * (cube - observed))       # bar["age"]: the gradient of the sum of squares with every star's age

`Chain` is all of it; `cubix.torch` and `cubix.jax` make it a function that torch and jax differentiate.  Under mpirun every Python process is a rank with
its own stars, and all must make the same calls in the same order.  Lines of the library's log go to the logger "cubix" of `logging`.
"""
import ctypes
import hashlib
import os
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from . import _library
from ._library import Error

__all__ = ["Chain", "Error", "Leaf", "leaves", "rank", "size"]


class Leaf(NamedTuple):
    """Something that a cube can be differentiated with respect to."""
    name: str
    # "star": n numbers for every star; "global": n numbers; "library": a number for every value of the templates
    of: str
    n: int
    unit: str
    help: str
    index: int


_OF = "star", "global", "library"
_COLUMNS = (("position", 3), ("velocity", 3), ("mass", 1), ("mass_now", 1), ("age", 1), ("metallicity", 1),
            ("smoothing_length", 1))
_OPTIONAL = "mass_now", "smoothing_length"
_SIMULATION = "Redshift", "OmegaMatter", "OmegaLambda", "HubbleParam", "BoxSize"
_table = {}


def _key(name):
    return name.replace("_", "").replace(" ", "").lower()


def _leaf_table():
    if not _table:
        library, text, number = _library.library(), (ctypes.c_char_p * 3)(), (ctypes.c_int * 2)()
        while not library.cubix_mpi_binding_leaf(len(_table), text, number):
            name, unit, about = (t.decode() for t in text)
            _table[_key(name)] = Leaf(name, _OF[number[0]], number[1], unit, about, len(_table))
    return _table


def _leaf(name):
    try:
        return _leaf_table()[_key(name)]
    except KeyError:
        raise Error(f"nothing is called {name}; there are {', '.join(leaf.name for leaf in leaves())}") from None


def leaves():
    """All leaves: list of `Leaf`.  Names may be written in any case, with underscores: PsfFwhm, psf_fwhm."""
    return list(_leaf_table().values())


def rank():
    """Which rank this process is.  Starts MPI where it has not been: collective then."""
    return _library.library().cubix_mpi_rank()


def size():
    """How many ranks there are.  Starts MPI where it has not been: collective then."""
    return _library.library().cubix_mpi_size()


def _word(value):
    """A value as a parameter file writes it."""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (str, os.PathLike)):
        return os.fspath(value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if np.ndim(value) == 0:
        return repr(float(value))
    return " ".join(_word(v) for v in value)


def _plain(what, value):
    """value, if it is nothing but real numbers: what else an array may say of them, numpy would
    pass over without a word."""
    unit = getattr(value, "unit", getattr(value, "units", None))
    if unit is not None and str(unit) not in ("", "1", "dimensionless"):
        raise Error(f"{what} has a unit of its own, {unit}, which is not looked at: give plain numbers, in the unit "
                    f"of the documentation")
    if np.ma.is_masked(value):
        raise Error(f"{what} has masked values, which would be taken as they are: leave them out, or fill them")
    if np.iscomplexobj(value):
        raise Error(f"{what} has complex numbers; they must be real")
    return value


def _doubles(what, value, shape):
    """value as contiguous float64 of this shape: itself where it is that already."""
    array = np.asarray(_plain(what, value), np.float64, order="C")
    if len(shape) <= 1 and array.size == np.prod(shape, dtype=int):
        # a number for an array of one and the other way round; the library's [n_z][n_age][n_lambda]
        array = array.reshape(shape)
    if array.shape != shape:
        raise Error(f"{what} has shape {array.shape}; it must be {shape}")
    return array


class Chain:
    """The whole pipeline, from stars and parameters to the cube, as one differentiable function.

    parameters  a parameter file's path, or a dict: {"SspFile": ..., "Instrument": "MUSE", "FieldOfView": [10, 10], "TruthMaps": False, ...}.  Names and
                meanings as in a parameter file (`cubix --help`); a str may carry a unit, "10 arcsec"; an array or tuple is several numbers.  OutputFile
                is not needed; noise is never added.
    stars       None: those of InputFile.  Otherwise a dict of arrays with this rank's n stars: position (n, 3) kpc, velocity (n, 3) km/s, mass (n,)
                Msun formed, age (n,) Gyr, metallicity (n,) mass fraction; mass_now (n,) Msun, if absent the mass formed (the frame is found with
                it); smoothing_length (n,) kpc for Deposit gaussian.  They are copied: the arrays may change or go afterwards.
    active      leaves with respect to which derivatives will be asked for: names, or one str with commas, or "Mass,Age".  They are also the keys,
                spelt as here, of what `values`, `vjp` and `gnvp` return.  See `leaves()`.
    simulation  with stars: what a particle file's header would say, a dict of Redshift, OmegaMatter, OmegaLambda, HubbleParam, BoxSize (kpc).  Absent:
                not known; the cosmology then has to be among the parameters.
    overrides   further parameters, which win: Chain("muse.param", Redshift=0.02).

    The constructor, `forward`, `vjp`, `jvp`, `gnvp`, `put`, `get`, `values`: collective.  Errors are `cubix.Error` with the library's message.

    A chain can be used in `with`, and is closed when it is no longer needed.  It is one object with one state: `vjp`, `jvp` and `gnvp` differentiate
    where the last `forward` was.
    """

    def __init__(self, parameters, stars=None, active=(), *, simulation=None, **overrides):
        table = _leaf_table()
        self._door = None
        names = [n.strip() for n in active.split(",") if n.strip()] if isinstance(active, str) else list(active)
        self.active = tuple(names)
        self._leaf = {name: _leaf(name) for name in names}
        if len({leaf.index for leaf in self._leaf.values()}) < len(names):
            raise Error(f"active names something twice: {', '.join(names)}")
        path = None
        if isinstance(parameters, Mapping):
            overrides = {**parameters, **overrides}
        else:
            path = os.fsencode(os.fspath(parameters))
        words = [f"{name}={_word(value)}".encode() for name, value in overrides.items()]
        for text in [path or b"", *words]:
            if b"\0" in text:
                raise Error(f"{text!r} has a zero byte, where the library would take it to end")
        columns, n = self._columns(stars)
        if simulation and set(simulation) - set(_SIMULATION):
            raise Error(f"simulation has {', '.join(sorted(set(simulation) - set(_SIMULATION)))}; it may have "
                        f"{', '.join(_SIMULATION)}")
        snapshot = np.array([float((simulation or {}).get(name, 0)) for name in _SIMULATION])
        self._door = _library.Door(path, b"", words, ",".join(names).encode(), n, columns, snapshot)
        self._dtype = np.dtype(f"f{_library.library().cubix_mpi_binding_real()}")
        self._n_star = self._door.size(table["mass"].index)
        # how often each leaf was put: who differentiates later sees whether it still is what it was
        self._puts = {}
        self._digest = {}              # of the values that were put last
        self._shape = None             # of the cube, after the first forward run
        self._fresh = False            # the last forward run belongs to the values in use
        self._channels = None
        grid = (ctypes.c_int * 3)()
        self._door.call("grid", grid, None)
        self.wavelength = np.empty(grid[2])
        self._door.call("grid", grid, self.wavelength.ctypes.data)
        self.wavelength.flags.writeable = False
        self._field = tuple(grid)

    @staticmethod
    def _columns(stars):
        if stars is None:
            return None, 0
        known = {_key(name): (name, n_c) for name, n_c in _COLUMNS}
        given = {}
        for name, value in stars.items():
            if _key(name) not in known:
                raise Error(f"stars have {name}, which nothing looks at; they may have "
                            f"{', '.join(name for name, _ in _COLUMNS)}")
            name = known[_key(name)][0]
            if name in given:
                raise Error(f"stars have {name} twice")
            given[name] = value
        missing = [name for name, _ in _COLUMNS if name not in given and name not in _OPTIONAL]
        if missing:
            raise Error(f"stars have no {', '.join(missing)}")
        n = int(np.shape(given["mass"])[0]) if np.ndim(given["mass"]) else 1
        return [_doubles(f"stars' {name}", given[name], (n, n_c) if n_c > 1 else (n,)) if name in given else None
                for name, n_c in _COLUMNS], n

    # ---- what it is like -------------------------------------------------------------------------

    @property
    def shape(self):
        """(n_y, n_x, n_lambda) of what `forward` returns: with several ranks the channels that this
        one owns.  None before the first `forward`."""
        return self._shape

    @property
    def channels(self):
        """The channels that this rank owns, a slice: `wavelength[chain.channels]` belongs to what
        `forward` returns.  None before the first `forward`."""
        return self._channels

    # wavelength: [n_lambda] AA, centres of all channels of the field, in the instrument's medium
    # (air or vacuum); set by __init__

    @property
    def dtype(self):
        """Of the cube: float32."""
        return self._dtype

    @property
    def field(self):
        """(n_y, n_x, n_lambda) of the whole cube of all ranks."""
        return self._field

    @property
    def n_star(self):
        """Stars of this rank, in the order of the caller's arrays or of the file."""
        return self._n_star

    def leaf_shape(self, name):
        """Shape of a leaf's values: (n_star,) or (n_star, n) for one of a star; () or (n,) for a global one; (all values,) for the library, which the
        C code calls [n_z][n_age][n_lambda]."""
        leaf = _leaf(name)
        if leaf.of == "star":
            return (self._n_star,) if leaf.n == 1 else (self._n_star, leaf.n)
        if leaf.of == "global":
            return () if leaf.n == 1 else (leaf.n,)
        return (self._door.size(leaf.index),)

    def get(self, name):
        """A leaf's value in use: a new array of `leaf_shape`."""
        value = np.zeros(self.leaf_shape(name))
        with _library.lock:
            self._door.meet("get", _leaf(name).index)
            self._door.call("get", _leaf(name).index, value.ctypes.data)
        return value

    def put(self, **values):
        """New values of leaves, for the next `forward`: of `leaf_shape`; float64 arrays are read where they are.  Global ones must be the same on every
        rank."""
        if len({_leaf(name).index for name in values}) < len(values):
            raise Error(f"something is put twice: {', '.join(values)}")
        for name, value in values.items():
            leaf = _leaf(name)
            value = _doubles(name, value, self.leaf_shape(name))
            digest = hashlib.blake2b(value.reshape(-1).view(np.uint8), digest_size=16).digest()
            with _library.lock:
                if not self._door.meet("put", leaf.index, self._digest.get(leaf.index) != digest):
                    continue                                          # what did not change need not be prepared again
                self._fresh = False
                self._digest.pop(leaf.index, None)                    # should put fail
                self._door.call("put", leaf.index, value.ctypes.data)
                self._digest[leaf.index] = digest
                self._puts[leaf.index] = self._puts.get(leaf.index, 0) + 1

    @property
    def values(self):
        """The active leaves' values in use: {name: new array}."""
        return {name: self.get(name) for name in self.active}

    # ---- the cube and its derivatives ------------------------------------------------------------

    def forward(self, *, copy=True, **values):
        """The cube, noise-free, after PSF and LSF.

        values  leaves that change first, as in `put`: forward(age=t, psf_fwhm=0.8).
        copy    True: an array of your own.  False: a read-only view of the library's memory, which the next `forward` of this chain fills with
                something else or gives up: use it before, and keep nothing of it.

        Returns float32 [n_y][n_x][n_lambda] in 10^FluxUnit (-20) erg/s/cm2/AA; row 0 is the most southern, column 0 the most eastern, the last index
        runs along `wavelength[channels]`.
        """
        pointer, shape = ctypes.c_void_p(), (ctypes.c_int * 4)()
        with _library.lock:
            self.put(**values)
            self._fresh = False
            self._door.meet("forward")
            self._door.call("forward", ctypes.byref(pointer), shape)
            self._shape, self._channels = (shape[0], shape[1], shape[3]), slice(shape[2], shape[2] + shape[3])
            self._fresh = True
            return self._view(pointer, copy)

    def vjp(self, cube_bar):
        """Reverse derivative: J^T cube_bar, what a change of each active value does to sum(cube_bar * cube).

        cube_bar  of `shape`, in 1/(unit of the cube); an array of `dtype` is read where it is.
        Returns {name: float64 array of `leaf_shape`} for the active leaves, in 1/(unit of the leaf), with all ranks' channels taken into account;
        exactly 0 for a star without light, outside the field or beyond the library's grid.
        """
        with _library.lock:
            bars, pointers = self._bars()
            cube_bar = self._cube("cube_bar", cube_bar)
            self._door.meet("vjp")
            self._door.call("vjp", cube_bar.ctypes.data, pointers)
        return bars

    def jvp(self, dots, *, copy=True):
        """Forward derivative: J dot, the change of the cube along dots, {name of an active leaf: array of its `leaf_shape`}.  Absent ones count as 0.

        Returns an array like `forward`'s; `copy` as there, a view being good until the next `jvp` or `gnvp`."""
        pointer = ctypes.c_void_p()
        with _library.lock:
            held, pointers = self._dots(dots)
            self._door.meet("jvp")
            self._door.call("jvp", pointers, ctypes.byref(pointer))
            del held
            return self._view(pointer, copy)

    def gnvp(self, weight, dots):
        """Gauss-Newton product J^T W J dot: weight (`shape`; with 1/variance, and dots a unit vector, a column of the Fisher matrix) is W's diagonal, dots
        as in `jvp`, the result as of `vjp`."""
        with _library.lock:
            held, pointers = self._dots(dots)
            bars, bar_pointers = self._bars()
            weight = self._cube("weight", weight)
            self._door.meet("gnvp")
            self._door.call("gnvp", weight.ctypes.data, pointers, bar_pointers)
            del held
        return bars

    def close(self):
        """Give up the library's memory.  Views of it must not be used any more."""
        if self._door:
            self._door.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- inside ----------------------------------------------------------------------------------

    def _view(self, pointer, copy):
        number = np.ctypeslib.as_ctypes_type(self._dtype)
        n = int(np.prod(self._shape))
        view = (number * n).from_address(pointer.value) if n else (number * 0)()
        # the chain's memory stays while the view does, unless it is closed by hand
        view.keeps = self._door
        cube = np.frombuffer(view, self._dtype, n).reshape(self._shape) if n else np.zeros(self._shape, self._dtype)
        if copy:
            return cube.copy()
        cube.flags.writeable = False
        return cube

    def _cube(self, what, cube):
        self._need_forward()
        cube = np.asarray(_plain(what, cube), self._dtype, order="C")
        if cube.shape != self._shape:
            raise Error(f"{what} has shape {cube.shape}; it must be the cube's, {self._shape}")
        return cube

    def _need_forward(self):
        if self._shape is None:
            raise Error("derivatives are taken where forward was: call it first")
        if not self._fresh:
            raise Error("values were put after the last forward: call it again, derivatives are taken where it was")

    def _dots(self, dots):
        self._need_forward()
        held, pointers = [], (ctypes.c_void_p * len(_leaf_table()))()
        for name, dot in dots.items():
            leaf = _leaf(name)
            if all(leaf.index != known.index for known in self._leaf.values()):
                raise Error(f"{name} is not active in this chain; active are {', '.join(self.active) or 'none'}")
            held.append(_doubles(name, dot, self.leaf_shape(name)))
            pointers[leaf.index] = held[-1].ctypes.data
        return held, pointers

    def _bars(self):
        self._need_forward()
        bars, pointers = {}, (ctypes.c_void_p * len(_leaf_table()))()
        for name, leaf in self._leaf.items():
            bars[name] = np.zeros(self.leaf_shape(name))
            pointers[leaf.index] = bars[name].ctypes.data
        return bars, pointers

    def _stamp(self, without):
        """What the leaves not named here have been through."""
        skip = {_leaf(name).index for name in without}
        return tuple(sorted(item for item in self._puts.items() if item[0] not in skip))

    def _at(self, values):
        """Stand where these values are: put what differs, and run forward where the last run was elsewhere.  With the library's lock, which the caller keeps
        until the derivative is there: another thread may want to stand elsewhere."""
        self.put(**values)
        if not self._fresh:
            self.forward(copy=False)
