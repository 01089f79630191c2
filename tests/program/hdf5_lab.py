"""What the tests of HDF5 files share: links, and datasets that are made of others."""
import h5py
import pytest

from harness import edit

RANKS = pytest.mark.parametrize("ranks", [1, 2])
PARAMETER, INPUT = 2, 3


def make_virtual(ready, pattern="part{}.hdf5", n=40, parts=2, gap=(), name="virtual.hdf5", fill=None):
    """The galaxy as virtual datasets over `parts` files; without the parts of `gap`."""
    with h5py.File(ready.file) as a, h5py.File(ready.path(name), "w") as v:
        a.copy("Header", v)
        for k in range(parts):
            with h5py.File(ready.path(pattern.format(k)), "w") as b:
                for key, d in a["Stars"].items():
                    b[key] = d[k * n // parts:(k + 1) * n // parts]
        for key, d in a["Stars"].items():
            layout = h5py.VirtualLayout(shape=d.shape, dtype=d.dtype)
            for k in range(parts):
                rows = slice(k * n // parts, (k + 1) * n // parts)
                if k not in gap:
                    layout[rows] = h5py.VirtualSource(pattern.format(k), key,
                                                      shape=(rows.stop - rows.start, *d.shape[1:]))
            v.create_virtual_dataset("Stars/" + key, layout, fillvalue=fill)
            for key_, value in d.attrs.items():
                v["Stars/" + key].attrs[key_] = value
    return ready.path(name)


def counted(ready, parts=4):
    """Sources counted by %b along an unlimited axis: the dataset ends where a file is missing."""
    with h5py.File(ready.file) as a, h5py.File(ready.path("counted.hdf5"), "w") as v:
        a.copy("Header", v)
        n = 40 // parts
        for k in range(parts):
            with h5py.File(ready.path(f"block{k}.hdf5"), "w") as b:
                for key, d in a["Stars"].items():
                    b[key] = d[k * n:(k + 1) * n]
        for key, d in a["Stars"].items():
            rest = d.shape[1:]
            create = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
            here = h5py.h5s.create_simple((0, *rest), (h5py.h5s.UNLIMITED, *rest))
            here.select_hyperslab((0,) * d.ndim, (h5py.h5s.UNLIMITED,) + (1,) * (d.ndim - 1), (n, *(1 for _ in rest)),
                                  (n, *rest))
            create.set_virtual(here, b"block%b.hdf5", key.encode(), h5py.h5s.create_simple((n, *rest)))
            v.require_group("Stars")
            h5py.h5d.create(v["Stars"].id, key.encode(), h5py.h5t.py_create(d.dtype),
                            h5py.h5s.create_simple((0, *rest), (h5py.h5s.UNLIMITED, *rest)), create)
            for name, value in d.attrs.items():
                v["Stars/" + key].attrs[name] = value
    return ready.path("counted.hdf5")


def relink(path, name, link):
    def change(f):
        if f.get(name, getlink=True):
            del f[name]
        f[name] = link
    edit(path, change)


def external_link(ready, what="Stars/Position"):
    """A dataset, with its unit, moves to another file and leaves a link."""
    with h5py.File(ready.path("other.hdf5"), "w") as other, h5py.File(ready.file, "r+") as f:
        f.copy(what, other, name="there")
        del f[what]
        f[what] = h5py.ExternalLink("other.hdf5", "/there")
