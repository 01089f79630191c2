"""CUBIX from Python: datacubes of simulated galaxies, and their exact derivatives.

    import cubix
    chain = cubix.Chain(
        {"SspFile": "bc03.hdf5", "Instrument": "MUSE", "FieldOfView": 10, "Redshift": 0.02,
         "OmegaMatter": 0.31, "OmegaLambda": 0.69, "HubbleParam": 0.68, "Engine": "histogram"},
        stars={"position": x, "velocity": v, "mass": m, "age": t, "metallicity": z},
        active=["age", "mass"])
    cube = chain.forward(age=t)                # [n_y][n_x][n_lambda] 10^-20 erg/s/cm2/AA
    bar = chain.vjp(2 * (cube - observed))     # bar["age"]: d(sum of squares)/d(age of each star)

`Chain` does everything; `cubix.torch` and `cubix.jax` turn it into a function that torch and jax
can differentiate.  Under mpirun every Python process is a rank with its own stars, and all ranks
must make the same calls in the same order.  The library's log goes to the logger "cubix" of
`logging`.
"""
from __future__ import annotations

import ctypes
import hashlib
import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import ArrayLike, NDArray

from . import _library
from ._library import Error

__all__ = ["Chain", "Error", "Leaf", "leaves", "rank", "simulate", "size"]


class Leaf(NamedTuple):
    """Something that a cube can be differentiated with respect to: a row of src/fit/leaves.def.

    name   as in the parameter file
    of     "star", "gas": n numbers for every star, for every cell of gas; "global": n numbers in all;
           "library": one number for every value of the templates
    n      how many numbers
    unit   of the values; derivatives are per this unit
    help   what it is, in a few words
    index  row of the table
    """
    name: str
    of: str
    n: int
    unit: str
    help: str
    index: int


_OF = "star", "global", "library", "gas"
_COLUMNS = (("position", 3), ("velocity", 3), ("mass", 1), ("mass_now", 1), ("age", 1), ("metallicity", 1),
            ("smoothing_length", 1))
_OPTIONAL = "mass_now", "smoothing_length"
_GAS = (("position", 3), ("velocity", 3), ("mass", 1), ("density", 1), ("smoothing_length", 1), ("metallicity", 1),
        ("temperature", 1), ("sfr", 1), ("dust_mass", 1))
_GAS_OPTIONAL = tuple(name for name, _ in _GAS[3:])
_SIMULATION = "Redshift", "OmegaMatter", "OmegaLambda", "HubbleParam", "BoxSize"
_table: dict[str, Leaf] = {}


def _key(name: str) -> str:
    return name.replace("_", "").replace(" ", "").lower()


def _leaf_table() -> dict[str, Leaf]:
    if not _table:
        library, text, number = _library.loaded(), (ctypes.c_char_p * 3)(), (ctypes.c_int * 2)()
        while not library.cubix_mpi_binding_leaf(len(_table), text, number):
            name, unit, about = (t.decode() for t in text)
            _table[_key(name)] = Leaf(name, _OF[number[0]], number[1], unit, about, len(_table))
    return _table


def _leaf(name: str) -> Leaf:
    try:
        return _leaf_table()[_key(name)]
    except KeyError:
        raise Error(f"nothing is called {name}; there are {', '.join(leaf.name for leaf in leaves())}") from None


def leaves() -> list[Leaf]:
    """All leaves, as a list of `Leaf`.

    Names may be written in any case, with or without underscores: PsfFwhm, psf_fwhm.
    """
    return list(_leaf_table().values())


def rank() -> int:
    """The rank of this process.  Collective if MPI has not been started yet: then it starts MPI."""
    return _library.library().cubix_mpi_rank()


def size() -> int:
    """The number of ranks.  Collective if MPI has not been started yet: then it starts MPI."""
    return _library.library().cubix_mpi_size()


def _word(value: Any) -> str:
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


def _plain(what: str, value: Any) -> Any:
    """value itself, if it holds plain real numbers.

    Raises Error for units, masks and complex numbers, which numpy would drop silently.
    """
    unit = getattr(value, "unit", getattr(value, "units", None))
    if unit is not None and str(unit) not in ("", "1", "dimensionless"):
        raise Error(f"{what} has a unit of its own, {unit}, which is not looked at: give plain numbers, in the unit "
                    f"of the documentation")
    if np.ma.is_masked(value):
        raise Error(f"{what} has masked values, which would be taken as they are: leave them out, or fill them")
    if np.iscomplexobj(value):
        raise Error(f"{what} has complex numbers; they must be real")
    return value


def _doubles(what: str, value: ArrayLike, shape: tuple[int, ...]) -> NDArray[np.float64]:
    """value as a contiguous float64 array of this shape; no copy if it is one already."""
    array = np.asarray(_plain(what, value), np.float64, order="C")
    if len(shape) <= 1 and array.size == np.prod(shape, dtype=int):
        # a scalar for an array of one and vice versa; the library's [n_z][n_age][n_lambda]
        array = array.reshape(shape)
    if array.shape != shape:
        raise Error(f"{what} has shape {array.shape}; it must be {shape}")
    return array


class Chain:
    """The whole pipeline, from stars and parameters to the cube, as one differentiable function.

    parameters  a parameter file's path, or a dict {"SspFile": ..., "Instrument": "MUSE",
                "FieldOfView": [10, 10], "TruthMaps": False, ...} with names and meanings as in a
                parameter file (`cubix --help`).  A str may carry a unit, "10 arcsec"; an array or
                tuple is several numbers.  OutputFile is not needed; noise is never added.
    stars       None: the stars of InputFile.  Otherwise a dict of arrays with the n stars of this
                rank:
                  position          (n, 3) kpc
                  velocity          (n, 3) km/s
                  mass              (n,)   Msun, mass formed
                  age               (n,)   Gyr
                  metallicity       (n,)   mass fraction
                  mass_now          (n,)   Msun, optional, the weight in finding the frame; if
                                           absent the mass formed
                  smoothing_length  (n,)   kpc, only with SmoothingLength file (Deposit gaussian, cubic or wendland)
                They are copied: the arrays may be changed or freed afterwards.
    gas         only with stars, for Dust gas and Lines sfr: a dict of arrays with the cells of this rank:
                position, velocity, mass, metallicity as above (mass is the present one), and of these what
                is needed:
                  density           (n,)   Msun/kpc^3, or
                  smoothing_length  (n,)   kpc, the radius of its kernel: for Dust gas, and for Lines sfr with Deposit
                                           gaussian, cubic or wendland and no SmoothingLength in kpc
                  temperature       (n,)   K, for DustGas cool
                  sfr               (n,)   Msun/yr, for DustGas starforming and Lines sfr
                  dust_mass         (n,)   Msun, instead of DustToMetal
    active      the leaves with respect to which derivatives will be asked for: a list of names, or
                one str with commas, "Mass,Age".  Spelt as here they are also the keys of what
                `values`, `vjp` and `gnvp` return.  See `leaves()`.
    simulation  only with stars: what a particle file's header would state, a dict of Redshift,
                OmegaMatter, OmegaLambda, HubbleParam, BoxSize (kpc).  If absent these are unknown,
                and the cosmology must be among the parameters.
    comm        the ranks that share this chain: a communicator of mpi4py, or the number that it has in Fortran
                (comm.py2f()); None: all ranks of the program.  It is duplicated.
    overrides   further parameters, which take precedence: Chain("muse.param", Redshift=0.02).

    The constructor, `forward`, `vjp`, `jvp`, `gnvp`, `put`, `get` and `values` are collective.
    Errors are raised as `cubix.Error` with the library's message.

    A chain can be used in a `with` statement, and closes when it is no longer referenced.  It has
    one state: `vjp`, `jvp` and `gnvp` differentiate where the last `forward` was.

    wavelength  [n_lambda] AA: centres of all channels of the field, in the instrument's medium
                (air or vacuum)
    active      the names given
    """

    def __init__(self, parameters: Union[str, os.PathLike[str], Mapping[str, Any]],
                 stars: Optional[Mapping[str, ArrayLike]] = None, active: Union[str, Iterable[str]] = (), *,
                 gas: Optional[Mapping[str, ArrayLike]] = None, simulation: Optional[Mapping[str, float]] = None,
                 comm: Any = None, **overrides: Any) -> None:
        table = _leaf_table()
        self._binding: Any = None
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
        columns, n = self._columns("stars", stars, _COLUMNS, _OPTIONAL)
        cells, n_gas = self._columns("gas", gas, _GAS, _GAS_OPTIONAL)
        if gas is not None and stars is None:
            raise Error("gas is given without stars: the stars of InputFile come with the gas of InputFile")
        if simulation and set(simulation) - set(_SIMULATION):
            raise Error(f"simulation has {', '.join(sorted(set(simulation) - set(_SIMULATION)))}; it may have "
                        f"{', '.join(_SIMULATION)}")
        snapshot = np.array([float((simulation or {}).get(name, 0)) for name in _SIMULATION])
        self._binding = _library.Binding(path, b"", words, ",".join(names).encode(), (n, n_gas),
                                         columns and columns + (cells or [None] * len(_GAS)), snapshot, comm)
        self._dtype = np.dtype(f"f{_library.loaded().cubix_mpi_binding_real()}")
        self._n_star = self._binding.size(table["mass"].index)
        # how often each leaf was put, so that a later derivative can tell whether it has changed
        self._puts: dict[int, int] = {}
        self._digest: dict[int, bytes] = {}              # hash of each leaf's last values
        self._shape: Any = None             # of the cube; None before the first forward run
        self._fresh = False            # True: the last forward run used the present values
        self._channels: Optional[slice] = None
        grid = (ctypes.c_int * 3)()
        self._binding.call("grid", grid, None)
        self.wavelength = np.empty(grid[2])
        self._binding.call("grid", grid, self.wavelength.ctypes.data)
        self.wavelength.flags.writeable = False
        self._field = tuple(grid)

    @staticmethod
    def _columns(what: str, arrays: Optional[Mapping[str, ArrayLike]], table: tuple[tuple[str, int], ...],
                 optional: tuple[str, ...]) -> tuple[Any, int]:
        if arrays is None:
            return None, 0
        known, have = {_key(name): (name, n_c) for name, n_c in table}, "have" if what == "stars" else "has"
        given = {}
        for name, value in arrays.items():
            if _key(name) not in known:
                raise Error(f"{what} {have} {name}, which nothing looks at; {'they' if what == 'stars' else 'it'} may "
                            f"have {', '.join(name for name, _ in table)}")
            name = known[_key(name)][0]
            if name in given:
                raise Error(f"{what} {have} {name} twice")
            given[name] = value
        missing = [name for name, _ in table if name not in given and name not in optional]
        if missing:
            raise Error(f"{what} {have} no {', '.join(missing)}")
        n = int(np.shape(given["mass"])[0]) if np.ndim(given["mass"]) else 1
        whose = "stars'" if what == "stars" else "gas's"
        return [_doubles(f"{whose} {name}", given[name], (n, n_c) if n_c > 1 else (n,)) if name in given else None
                for name, n_c in table], n

    # ---- sizes and values ------------------------------------------------------------------------

    @property
    def shape(self) -> Optional[tuple[int, int, int]]:
        """(n_y, n_x, n_lambda) of what `forward` returns; None before the first `forward`.

        With several ranks n_lambda counts the channels that this rank owns.
        """
        return self._shape

    @property
    def channels(self) -> Optional[slice]:
        """Slice of the channels that this rank owns; None before the first `forward`.

        `chain.wavelength[chain.channels]` are the wavelengths of what `forward` returns.
        """
        return self._channels

    @property
    def dtype(self) -> np.dtype:
        """Type of the cube's values: float32."""
        return self._dtype

    @property
    def field(self) -> tuple[int, int, int]:
        """(n_y, n_x, n_lambda) of the whole cube of all ranks."""
        return self._field

    @property
    def templates(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """(metallicity [n_z] mass fraction, age [n_age] Gyr, wavelength [n_lambda] rest AA in vacuum): the axes of the
        leaf luminosity, the part of the library that the band needs."""
        shape = (ctypes.c_int * 3)()
        self._binding.call("templates", shape, None, None, None)
        axes = tuple(np.empty(n) for n in shape)
        self._binding.call("templates", shape, *(axis.ctypes.data for axis in axes))
        return axes

    @property
    def n_star(self) -> int:
        """Number of stars of this rank, in the order of the caller's arrays or of the file."""
        return self._n_star

    def leaf_shape(self, name: str) -> tuple[int, ...]:
        """Shape of a leaf's values.

        (n_star,) or (n_star, n) for a leaf of stars, likewise for one of cells of gas, () or (n,) for a
        global one, and one dimension for the library: its [n_z][n_age][n_lambda] values, flattened
        (`templates` has the axes).  Of a file's gas there are the cells that have dust or shine.
        """
        leaf = _leaf(name)
        if leaf.of == "star":
            return (self._n_star,) if leaf.n == 1 else (self._n_star, leaf.n)
        if leaf.of == "global":
            return () if leaf.n == 1 else (leaf.n,)
        size = self._binding.size(leaf.index)
        if leaf.of == "gas" and leaf.n > 1:
            return (size // leaf.n, leaf.n)
        return (size,)

    def get(self, name: str) -> NDArray[np.float64]:
        """The value of a leaf in use, in its unit: a new array of `leaf_shape`.  Collective."""
        value = np.zeros(self.leaf_shape(name))
        with _library.lock:
            self._binding.meet("get", _leaf(name).index)
            self._binding.call("get", _leaf(name).index, value.ctypes.data)
        return value

    def put(self, **values: ArrayLike) -> None:
        """Set new values of leaves for the next `forward`.  Collective.

        Each has the leaf's unit and `leaf_shape`; float64 arrays are read in place.  Global values
        must be the same on every rank.
        """
        if len({_leaf(name).index for name in values}) < len(values):
            raise Error(f"something is put twice: {', '.join(values)}")
        for name, value in values.items():
            leaf = _leaf(name)
            value = _doubles(name, value, self.leaf_shape(name))
            digest = hashlib.blake2b(value.reshape(-1).view(np.uint8), digest_size=16).digest()
            with _library.lock:
                if not self._binding.meet("put", leaf.index, self._digest.get(leaf.index) != digest):
                    continue              # unchanged: nothing needs to be prepared again
                self._fresh = False
                self._digest.pop(leaf.index, None)    # in case put fails
                self._binding.call("put", leaf.index, value.ctypes.data)
                self._digest[leaf.index] = digest
                self._puts[leaf.index] = self._puts.get(leaf.index, 0) + 1

    @property
    def values(self) -> dict[str, NDArray[np.float64]]:
        """Values in use of the active leaves: {name: new array}.  Collective."""
        return {name: self.get(name) for name in self.active}

    # ---- the cube and its derivatives ------------------------------------------------------------

    def forward(self, *, copy: bool = True, **values: ArrayLike) -> NDArray[np.floating]:
        """The noise-free cube after PSF and LSF.  Collective.

        values  leaves to change first, as in `put`: forward(age=t, psf_fwhm=0.8)
        copy    True: return an array of your own.  False: return a read-only view of the library's
                memory, which the next `forward` of this chain overwrites or frees: use it before
                that, and keep no reference to it.

        Returns float32 [n_y][n_x][n_lambda] in 10^FluxUnit (default: the instrument's) erg/s/cm2/AA.  Row 0 is
        the most southern, column 0 the most eastern; the last index runs along
        `wavelength[channels]`.
        """
        pointer, shape = ctypes.c_void_p(), (ctypes.c_int * 4)()
        with _library.lock:
            self.put(**values)
            self._fresh = False
            self._binding.meet("forward")
            self._binding.call("forward", ctypes.byref(pointer), shape)
            self._shape, self._channels = (shape[0], shape[1], shape[3]), slice(shape[2], shape[2] + shape[3])
            self._fresh = True
            return self._view(pointer, copy)

    def vjp(self, cube_bar: ArrayLike) -> dict[str, NDArray[np.float64]]:
        """Reverse derivative J^T cube_bar: the gradient of sum(cube_bar * cube).  Collective.

        cube_bar  [n_y][n_x][n_lambda] as `shape`, in 1/(unit of the cube); an array of `dtype` is
                  read in place

        Returns {name: float64 array of `leaf_shape`} for the active leaves, in 1/(unit of the
        leaf).  All ranks' channels are taken into account.  A star without light, outside the field
        or beyond the library's grid has exactly 0.
        Errors: cubix.Error before the first `forward`, or after a `put` that no `forward` followed.
        """
        with _library.lock:
            bars, pointers = self._bars()
            cube_bar = self._cube("cube_bar", cube_bar)
            self._binding.meet("vjp")
            self._binding.call("vjp", cube_bar.ctypes.data, pointers)
        return bars

    def jvp(self, dots: Mapping[str, ArrayLike], *, copy: bool = True) -> NDArray[np.floating]:
        """Forward derivative J dot: the change of the cube along dots.  Collective.

        dots  {name of an active leaf: array of its `leaf_shape`}; absent leaves count as 0
        copy  as in `forward`; a view is valid until the next `jvp` or `gnvp`

        Returns an array like that of `forward`.  Errors: as for `vjp`.
        """
        pointer = ctypes.c_void_p()
        with _library.lock:
            held, pointers = self._dots(dots)
            self._binding.meet("jvp")
            self._binding.call("jvp", pointers, ctypes.byref(pointer))
            del held
            return self._view(pointer, copy)

    def gnvp(self, weight: ArrayLike, dots: Mapping[str, ArrayLike]) -> dict[str, NDArray[np.float64]]:
        """Gauss-Newton product J^T W J dot.  Collective.

        weight  [n_y][n_x][n_lambda] as `shape`: the diagonal of W
        dots    as in `jvp`

        With weight = 1/variance and a unit vector for dots the result is a column of the Fisher
        matrix.  Returns a dict like that of `vjp`.  Errors: as for `vjp`.
        """
        with _library.lock:
            held, pointers = self._dots(dots)
            bars, bar_pointers = self._bars()
            weight = self._cube("weight", weight)
            self._binding.meet("gnvp")
            self._binding.call("gnvp", weight.ctypes.data, pointers, bar_pointers)
            del held
        return bars

    def plane(self, name: str = "DATA") -> Optional[NDArray[np.floating]]:
        """What the instrument records of the cube of the last `forward`.  Collective.

        name  "DATA": with noise, as the parameter Noise says; "STAT": its variance; "NOISEFREE"; or a truth map as
              it is called in a file (doc/cube.md): "MASS", "VEL_L_OBS" ...

        Returns float32 [n_y][n_x][n_lambda] as forward, of the whole cube, or [n_y][n_x] on rank 0; None on the
        others.  The noise depends on Seed alone.
        """
        n_y, n_x, n_lambda = self.field
        of_cube = name in ("DATA", "STAT", "NOISEFREE")
        shape = (n_lambda, n_y, n_x) if of_cube else (n_y, n_x)
        out = np.empty(shape, self._dtype) if self._binding.rank() == 0 else None
        with _library.lock:
            self._need_forward()
            self._binding.meet("plane")
            self._binding.call("plane", name.encode(), None if out is None else out.ctypes.data,
                               0 if out is None else out.size)
        return None if out is None else np.moveaxis(out, 0, -1) if of_cube else out

    def draws(self, n: int, channels: Optional[ArrayLike] = None, *, first: int = 1, sum: bool = False
              ) -> Optional[NDArray[np.floating]]:
        """Realisations of the noise of the cube of the last `forward`; its light is not painted again.  Collective.

        n         how many
        channels  which channels, from 0 on; None: all
        first     number of the first; 0 is that of files and of plane("DATA").  A number's noise is always the same
                  with the same Seed, and independent of the others'
        sum       True: the channels added up

        Returns float32 [n][n_y][n_x][len(channels)], or with sum [n][n_y][n_x], in 10^FluxUnit erg/s/cm2/AA on rank
        0; None on the others.  With Sampling fibres noise is that of fibres and correlated.  Raises Error with Noise
        none, or for channels that are not there.
        """
        n_y, n_x, n_lambda = self.field
        given = np.asarray(range(n_lambda) if channels is None else channels)
        if given.ndim != 1 or given.size and given.dtype.kind not in "iu":
            raise Error(f"channels must be a list of whole numbers, not {given.dtype} of shape {given.shape}")
        wanted = np.ascontiguousarray(given, np.intc)
        shape = (n, n_y, n_x) if sum else (n, len(wanted), n_y, n_x)
        out = np.empty(shape if n > 0 else 0, self._dtype) if self._binding.rank() == 0 else None
        number = (ctypes.c_int * 4)(first, n, len(wanted), bool(sum))
        with _library.lock:
            self._need_forward()
            self._binding.meet("draw")
            self._binding.call("draw", number, wanted.ctypes.data_as(ctypes.POINTER(ctypes.c_int)),
                               None if out is None else out.ctypes.data)
        return None if out is None else out if sum else np.moveaxis(out, 1, -1)

    def write(self, files: Union[str, os.PathLike[str]]) -> None:
        """Write the cube of the last `forward` as `cubix` does, with noise as the parameter Noise says.  Collective.

        files  "a.fits", "a.hdf5", or several separated by commas, as the parameter OutputFile
        """
        with _library.lock:
            self._need_forward()
            self._binding.meet("write")
            self._binding.call("write", os.fsencode(files))

    def close(self) -> None:
        """Free the library's memory.  Views of it must not be used afterwards."""
        if self._binding:
            self._binding.close()

    def __enter__(self) -> Chain:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # ---- inside ----------------------------------------------------------------------------------

    def _view(self, pointer: Any, copy: bool) -> NDArray[np.floating]:
        number = np.ctypeslib.as_ctypes_type(self._dtype)
        n = int(np.prod(self._shape))
        view = (number * n).from_address(pointer.value) if n else (number * 0)()
        # the chain's memory lives as long as the view, unless the chain is closed by hand
        view.keeps = self._binding
        cube = np.frombuffer(view, self._dtype, n).reshape(self._shape) if n else np.zeros(self._shape, self._dtype)
        if copy:
            return cube.copy()
        cube.flags.writeable = False
        return cube

    def _cube(self, what: str, cube: ArrayLike) -> NDArray[np.floating]:
        self._need_forward()
        cube = np.asarray(_plain(what, cube), self._dtype, order="C")
        if cube.shape != self._shape:
            raise Error(f"{what} has shape {cube.shape}; it must be the cube's, {self._shape}")
        return cube

    def _need_forward(self) -> None:
        if self._shape is None:
            raise Error("derivatives are taken where forward was, and files are of its cube: call it first")
        if not self._fresh:
            raise Error("values were put after the last forward: call it again, derivatives are taken where it was")

    def _dots(self, dots: Mapping[str, ArrayLike]) -> tuple[list[Any], Any]:
        self._need_forward()
        held, pointers = [], (ctypes.c_void_p * len(_leaf_table()))()
        for name, dot in dots.items():
            leaf = _leaf(name)
            if all(leaf.index != known.index for known in self._leaf.values()):
                raise Error(f"{name} is not active in this chain; active are {', '.join(self.active) or 'none'}")
            held.append(_doubles(name, dot, self.leaf_shape(name)))
            pointers[leaf.index] = held[-1].ctypes.data
        return held, pointers

    def _bars(self) -> tuple[dict[str, NDArray[np.float64]], Any]:
        self._need_forward()
        bars, pointers = {}, (ctypes.c_void_p * len(_leaf_table()))()
        for name, leaf in self._leaf.items():
            bars[name] = np.zeros(self.leaf_shape(name))
            pointers[leaf.index] = bars[name].ctypes.data
        return bars, pointers

    def _stamp(self, without: Iterable[str]) -> tuple[tuple[int, int], ...]:
        """How often each leaf not named here was put: equal stamps mean equal values."""
        skip = {_leaf(name).index for name in without}
        return tuple(sorted(item for item in self._puts.items() if item[0] not in skip))

    def _at(self, values: Mapping[str, ArrayLike]) -> None:
        """Return to these values: put those that differ, and run forward if necessary.

        The caller holds the library's lock until it has the derivative, since another thread may
        want other values.
        """
        self.put(**values)
        if not self._fresh:
            self.forward(copy=False)


from ._batch import simulate  # noqa: E402  (it needs what is above)
