"""What the ranks read, as tests/program/dump_slab.c writes it down."""
import json

import numpy as np

from harness import run, write_parameters


def dump(folder, ranks=1, frame=False, timeout=60, env=None, cwd=None, **parameters):
    par = write_parameters(folder / "reader.param", SspFile="none.hdf5", OutputFile=folder / "none.fits", **parameters)
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
