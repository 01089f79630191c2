"""The cubes that `cubix-batch --stack FILE.hdf5` made, as numpy arrays on the disk and as a torch Dataset.

    from cubix.dataset import Stack
    stack = Stack("cubes.hdf5")                   # those of the only instrument; else group="MUSE"
    stack["DATA"][7]                              # [n_lambda][n_y][n_x] of its eighth cube, read when it is used
    stack.labels["Inclination"]                   # [n] the table's columns
    loader = torch.utils.data.DataLoader(stack.torch(["DATA", "AGE_L"], ["Inclination"]), batch_size=32)

Needs h5py; `Stack.torch` needs torch.
"""
from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Optional, Union

import numpy as np
from numpy.typing import NDArray

from ._library import Error

__all__ = ["Stack", "groups"]


def _open(path: Union[str, os.PathLike[str]]) -> Any:
    import h5py
    file = h5py.File(path, "r")
    if file.attrs.get("CubixFile") not in ("stack", b"stack"):
        file.close()
        raise Error(f"{os.fspath(path)} is no stack of cubes: cubix-batch --stack makes one")
    return file


def groups(path: Union[str, os.PathLike[str]]) -> list[str]:
    """Names of the groups of a stack, in the order of the table: cubes of one instrument and size each."""
    with _open(path) as file:
        found = {name: int(item.attrs["Group"]) for name, item in file.items() if "Group" in item.attrs}
        return sorted(found, key=found.__getitem__)


class Stack:
    """Cubes of one instrument and size, [n] of them, in the order of the table.

    path   the file
    group  its name in the file (`groups`); None: the only one
    all    True: also rows that were not made yet; their cubes hold zeros, or what is left of an earlier try
    """

    names: list[str]
    """What there is: "DATA", "STAT", truth maps such as "AGE_L", and numbers such as "REDSHIFT"."""
    units: dict[str, str]
    """Unit of each of these, and of each label."""
    labels: dict[str, NDArray[Any]]
    """[n] the table's columns: float64, or str where a cell is no number."""
    rows: NDArray[np.int64]
    """[n] rows of the table, from 0 on."""
    wavelength: NDArray[np.float64]
    """[n_lambda] centres of the channels, Angstrom, in the instrument's medium."""

    def __init__(self, path: Union[str, os.PathLike[str]], group: Optional[str] = None, *, all: bool = False) -> None:
        self._made_of = os.fspath(path), group, all
        known = groups(path)
        if group is None and len(known) != 1:
            raise Error(f"{os.fspath(path)} has the groups {', '.join(known)}: name one of them")
        self.group = known[0] if group is None else group
        if self.group not in known:
            raise Error(f"{os.fspath(path)} has no group {self.group}, but {', '.join(known)}")
        with _open(path) as file:
            self._read(file, all)

    def _read(self, file: Any, all: bool) -> None:
        item = file[self.group]
        rows = item["row"][:]
        self._place = np.arange(len(rows)) if all else np.flatnonzero(file["Rows/done"][:][rows])
        self.rows = rows[self._place]
        self.wavelength = item["wavelength"][:]
        self.names = [name for name in item if name not in ("row", "wavelength")]
        self.units = {name: _text(item[name].attrs["unit"]) for name in self.names}
        self._where = {name: (item[name].shape, item[name].dtype, item[name].id.get_offset()) for name in self.names}
        self.labels = {}
        for name, column in file["Table"].items():
            values = column.asstr()[:] if column.dtype.kind == "O" else column[:]
            self.labels[name] = np.asarray(values, str if column.dtype.kind == "O" else None)[self.rows]
            self.units[name] = _text(column.attrs["unit"])
        self._arrays: dict[str, Any] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __getitem__(self, name: str) -> "Rows":
        """An array of all cubes; index it as a numpy array whose first axis is the cubes'."""
        if name not in self._where:
            raise KeyError(f"{name}: {self.group} has {', '.join(self.names)}")
        return Rows(self._map(name), self._place)

    def _map(self, name: str) -> Any:
        if name not in self._arrays:
            shape, dtype, offset = self._where[name]
            self._arrays[name] = np.memmap(self._made_of[0], dtype, "r", offset, shape)
        return self._arrays[name]

    def __getstate__(self) -> tuple[Any, ...]:
        return self._made_of            # a worker of torch maps the file by itself

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        path, group, everything = state
        self.__init__(path, group, all=everything)      # type: ignore[misc]

    def torch(self, arrays: Sequence[str] = ("DATA", ), labels: Sequence[str] = (),
              transform: Optional[Callable[[dict[str, Any]], Any]] = None) -> Any:
        """A torch Dataset of dicts: tensors of these arrays and labels of a cube; texts stay as they are.

        transform  what to make of each dict, such as (input, target)
        """
        for name in labels:
            if name not in self.labels:
                raise KeyError(f"{name}: the table has {', '.join(self.labels)}")
        for name in arrays:
            self[name]
        return __getattr__("TorchItems")(self, tuple(arrays), tuple(labels), transform)


class Rows:
    """An array on the disk, [n][...]: `[i]` and `[i:j]` read no more than they give."""

    def __init__(self, array: Any, place: NDArray[np.int64]) -> None:
        self._array, self._place = array, place
        self.shape, self.dtype = (len(place), *array.shape[1:]), array.dtype

    def __len__(self) -> int:
        return len(self._place)

    def __getitem__(self, index: Any) -> NDArray[Any]:
        first, rest = (index[0], index[1:]) if isinstance(index, tuple) else (index, ())
        place = self._place[first]
        if isinstance(first, slice) and len(place) and np.array_equal(place, np.arange(place[0], place[0] + len(place))):
            place = slice(place[0], place[0] + len(place))
        return self._array[(place, *rest)]

    def __array__(self, dtype: Any = None, copy: Optional[bool] = None) -> NDArray[Any]:
        return np.array(self[:], dtype)


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _tensor(value: Any) -> Any:
    import torch
    return value if isinstance(value, str) else torch.tensor(np.array(value))


class _Items:
    """Of each cube a dict."""

    def __init__(self, stack: Stack, arrays: tuple[str, ...], labels: tuple[str, ...],
                 transform: Optional[Callable[[dict[str, Any]], Any]]) -> None:
        self.stack, self.arrays, self.names, self.transform = stack, arrays, labels, transform

    def __len__(self) -> int:
        return len(self.stack)

    def __getitem__(self, i: int) -> Any:
        if not -len(self) <= i < len(self):
            raise IndexError(f"cube {i} of {len(self)}")
        item = {name: _tensor(self.stack[name][i]) for name in self.arrays}
        item.update((name, _tensor(self.stack.labels[name][i].item())) for name in self.names)
        return item if self.transform is None else self.transform(item)


def __getattr__(name: str) -> Any:
    """_Items as a Dataset of torch, made when it is asked for: also by a worker that unpickles one."""
    if name != "TorchItems":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import torch.utils.data
    made = type("TorchItems", (_Items, torch.utils.data.Dataset), {"__module__": __name__})
    return globals().setdefault(name, made)
