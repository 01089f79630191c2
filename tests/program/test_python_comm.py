"""A chain for the ranks of a communicator: several at once, beside ranks that have none; mpi4py's where it is installed."""
import pytest

from test_python import case, need, python  # noqa: F401  (case is a fixture)

# A communicator of some ranks, as Fortran has it, without mpi4py.
SPLIT = """
import ctypes
mpi, have = ctypes.CDLL(os.environ["CUBIX_LIBRARY"], mode=ctypes.RTLD_GLOBAL), ctypes.c_int()
mpi.MPI_Init_thread(None, None, 2, ctypes.byref(have))
import atexit
atexit.register(mpi.MPI_Finalize)
P = ctypes.c_void_p if hasattr(mpi, "ompi_mpi_comm_world") else ctypes.c_int
world = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, "ompi_mpi_comm_world"))) \\
    if P is ctypes.c_void_p else ctypes.c_int(0x44000000)
number = ctypes.c_int()
mpi.MPI_Comm_rank(world, ctypes.byref(number))
me = number.value
def split(color):
    comm = P()
    assert mpi.MPI_Comm_split(world, color, me, ctypes.byref(comm)) == 0
    return mpi.MPI_Comm_c2f(comm)
"""
MPI4PY = """
from mpi4py import MPI
me = MPI.COMM_WORLD.rank
def split(color):
    return MPI.COMM_WORLD.Split(color, me)
"""
SHARED = {"Engine": "histogram", "Combine": "histogram"}          # every rank has channels
# Ranks 0 and 1 share the stars and a chain, rank 2 has all of them at another redshift; or rank 2 never calls CUBIX.
BODY = """
quiet, SHARED = {quiet}, {shared}
comm = split(me // 2)
if me < 2 or not quiet:
    part, z = (slice(me * 30, me * 30 + 30), 0.05) if me < 2 else (slice(None), 0.08)
    with cubix.Chain({{**case["parameters"], "Redshift": z, **SHARED}}, {{k: v[part] for k, v in stars.items()}}, active=["mass", "age"],
                     simulation=simulation, comm=comm) as c:
        cube = c.forward()
        again = c.forward(mass=2 * stars["mass"][part])
        assert cube.size and c.shape[2] == c.channels.stop - c.channels.start
        near(again, 2 * cube, 1e-6)
        bar = c.vjp(np.ones_like(cube))
        np.savez(f"{{me}}.npz", cube=cube, first=c.channels.start, mass=bar["mass"], age=bar["age"])
        plane = c.plane("NOISEFREE")
        assert (plane is None) == (me == 1)
        c.write(f"comm{{me // 2}}.fits")
        if me < 2:                              # whoever is out of step is told
            raises("all ranks must make the same calls", *((c.vjp, cube) if me == 0 else (c.forward,)))
"""


@pytest.mark.parametrize("quiet", [False, True])
@pytest.mark.parametrize("how", ["number", "mpi4py"])
def test_ranks_of_a_communicator(case, how, quiet):  # noqa: F811
    if how == "mpi4py":
        need("mpi4py")
    python(case, (MPI4PY if how == "mpi4py" else SPLIT) + BODY.format(quiet=quiet, shared=SHARED), ranks=3, timeout=60)
    for who, z in ((0, 0.05), (2, 0.08)):
        if who == 2 and quiet:
            continue
        python(case, f"""
c = chain(["mass", "age"], Redshift={z}, **{SHARED})
cube = c.forward(mass=2 * stars["mass"])
bar = c.vjp(np.ones_like(cube))
parts = [np.load(f"{{r}}.npz") for r in {[0, 1] if who == 0 else [2]}]
parts.sort(key=lambda p: p["first"])
near(2 * np.concatenate([p["cube"] for p in parts], -1), cube, 1e-6)
for name in bar:
    near(np.concatenate([np.load(f"{{r}}.npz")[name] for r in {[0, 1] if who == 0 else [2]}]), bar[name], 1e-5)
""")
    assert case.path("comm0.fits").exists() and case.path("comm1.fits").exists() != quiet


def test_what_is_no_communicator(case):  # noqa: F811
    python(case, """
raises("comm is 'world'; it must be a communicator of mpi4py", cubix.Chain, case["parameters"], stars, comm="world")
assert chain().forward().max() > 0
""")


def test_a_closed_chain(case):  # noqa: F811
    """What is asked of it is refused, as of one for all ranks."""
    python(case, SPLIT + """
c = cubix.Chain(case["parameters"], stars, simulation=simulation, comm=split(0))
c.forward()
c.close()
for call in (c.forward, c.plane, lambda: c.draws(1)):
    raises("this chain is closed", call)
""")
