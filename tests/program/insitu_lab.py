"""A host of <cubix/insitu.h> in Python: a script on the shared library, with as many ranks as a test asks for."""
import json
import sys

import numpy as np
import pytest

import harness
from harness import BUILD

LIBRARY = BUILD / "libcubix.so"
HOST = """
import ctypes, json, os
import numpy as np
case = json.load(open("case.json"))
lib = ctypes.CDLL(case["library"], mode=ctypes.RTLD_GLOBAL)
I, N, P, D, F = ctypes.c_int, ctypes.c_size_t, ctypes.c_void_p, ctypes.POINTER(ctypes.c_double), ctypes.POINTER(ctypes.c_float)
STAR = ctypes.CFUNCTYPE(I, P, N, D, D, D, D, D)
DUST = ctypes.CFUNCTYPE(I, P, N, D, D)
LIGHT = ctypes.CFUNCTYPE(I, P, N, I, I, D)
CUBE = ctypes.CFUNCTYPE(I, P, I, I, I, I, I, F)
lib.cubix_error_message.restype = ctypes.c_char_p
array = np.ctypeslib.as_array
lib.MPI_Init_thread(None, None, 1, ctypes.byref(I()))
world = I(0 if hasattr(lib, "ompi_mpi_comm_world") else 0x44000000)       # as Fortran has it
cubix, kept, hung = P(), [], []
def message():
    return lib.cubix_error_message().decode()
def ok(status):
    assert status == 0, message()
ok(lib.cubix_insitu_open_f(ctypes.byref(cubix), world, None, case["text"].encode()))
def on(which, kind, function, *when):
    hung.append(kind(function) if function else kind())
    ok(getattr(lib, "cubix_insitu_on_" + which)(cubix, *when, hung[-1], None))
def put(name, x):
    x = np.ascontiguousarray(x, float)
    kept.append(x)
    ok(lib.cubix_insitu_put(cubix, name.encode(), x.ctypes.data_as(P), N(len(x) if x.ndim else 1)))
rank, size = int(os.environ.get("OMPI_COMM_WORLD_RANK", 0)), int(os.environ.get("OMPI_COMM_WORLD_SIZE", 1))
all_stars, all_gas = (dict(np.load(name)) for name in ("stars.npz", "gas.npz"))
mine = np.array_split(np.arange(len(all_stars["Age"])), size)[rank]          # shares as those of a file
def step():
    for name, value in case["header"].items():
        put("Header/" + name, np.float64(value))
    for name, x in all_stars.items():
        put("Stars/" + name, x[mine])
    for name, x in all_gas.items():
        put("Gas/" + name, np.array_split(x, size)[rank])
    return lib.cubix_insitu_forward(cubix)
def write(name):
    ok(lib.cubix_insitu_write(cubix, name.encode()))
"""
END = """
lib.cubix_insitu_close(cubix)
lib.MPI_Finalize()
"""


def need_library():
    """At the top of a test file."""
    if not LIBRARY.exists():
        pytest.skip(f"no {LIBRARY}: built with --disable-shared", allow_module_level=True)
    if b"__asan_init" in LIBRARY.read_bytes():
        pytest.skip("a library with sanitizers cannot be loaded by Python", allow_module_level=True)


def insitu(bench, stars, body, ranks=1, gas=None, redshift=0.0, env=None, status=0, **parameters):
    """Run a host with these stars and this gas, {column: array} by their names in a particle file."""
    text = "\n".join(f"{name} {value}" for name, value in
                     {"SspFile": bench.ssp_file, "Instrument": bench.inst_file, "Lsf": "none", **parameters}.items())
    header = {"Redshift": redshift, **harness.COSMOLOGY}
    bench.path("case.json").write_text(json.dumps({"library": str(LIBRARY), "text": text, "header": header}))
    np.savez(bench.path("stars.npz"), **stars)
    np.savez(bench.path("gas.npz"), **(gas or {}))
    script = bench.path("host.py")
    script.write_text(HOST + body + END)
    done = harness.run(sys.executable, [script], ranks=ranks, cwd=bench.folder, env=env)
    assert (done.status == 0) == (status == 0), f"{done.status}\n{done.out[-2000:]}\n{done.err[-4000:]}"
    return done


def columns(s):
    """Stars of harness.galaxy as a host has them."""
    return {"Position": s["pos"], "Velocity": s["vel"], "InitialMass": s["mass"], "Mass": s["mass_now"], "Age": s["age"],
            "Metallicity": s["z"]}
