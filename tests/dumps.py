"""What the ranks read, as tests/program/dump_slab.c writes it down."""
import json

import numpy as np

from harness import run, write_parameters


def dump(folder, ranks=1, frame=False, timeout=60, env=None, cwd=None, **parameters):
    par = write_parameters(folder / "reader.param", OutputFile=folder / "none.fits",
                           **{"SspFile": "none.hdf5", **parameters})
    done = run("dump_slab", [*(["--frame"] if frame else []), par, folder / "slab"], ranks, cwd=cwd or folder, env=env,
               timeout=timeout)
    assert "HDF5-DIAG" not in done.err
    return done


def read(folder, ranks=1, **parameters):
    """The slabs of all ranks put together, and the summary."""
    done = dump(folder, ranks, **parameters)
    assert done.status == 0, done.err
    info = json.loads((folder / "slab.json").read_text())
    keys = (("pos", 3), ("vel", 3), ("formed", 1), ("now", 1), ("age", 1),
            ("z", 1)) + ((("potential", 1),) if info["has_potential"] else ())
    parts = {k: [] for k, _ in keys}
    for rank, n in enumerate(info["n"]):
        x = np.fromfile(folder / f"slab.{rank}")
        assert len(x) == n * sum(c for _, c in keys)
        for k, c in keys:
            parts[k].append(x[:n * c].reshape((n, 3) if c == 3 else n))
            x = x[n * c:]
    info["err"] = done.err
    return {k: np.concatenate(v) for k, v in parts.items()}, info


def refuse_gas(folder, ranks=1, how="--gas", **parameters):
    par = write_parameters(folder / "reader.param", SspFile="none.hdf5", OutputFile=folder / "none.fits", **parameters)
    done = run("dump_slab", [how, par, folder / "gas"], ranks, cwd=folder)
    assert done.status == 3 and "HDF5-DIAG" not in done.err
    return done


def read_gas(folder, ranks=1, how="--gas", **parameters):
    """The gas of all ranks put together: arrays by the names of struct cubix_slab, "columns", the names of
    those that a file need not have, and "err", the warnings.  how: dump_slab's options."""
    par = write_parameters(folder / "reader.param", SspFile="none.hdf5", OutputFile=folder / "none.fits", **parameters)
    done = run("dump_slab", [how, par, folder / "gas"], ranks, cwd=folder)
    assert done.status == 0, done.err
    got = {}
    for rank in range(ranks):
        info = json.loads((folder / f"gas.{rank}.json").read_text())
        x, n = np.fromfile(folder / f"gas.{rank}"), info["n"]
        for name, n_c in (("position", 3), ("velocity", 3), ("mass_now", 1), *((c, 1) for c in info["columns"])):
            got.setdefault(name, []).append(x[:n * n_c].reshape((n, 3) if n_c == 3 else n))
            x = x[n * n_c:]
        assert len(x) == 0
    got = {k: np.concatenate(v) for k, v in got.items()}
    assert len(got["mass_now"]) == info["n_total"]
    return {**got, "columns": info["columns"], "err": done.err}
