"""The Python package where things end or meet badly: ranks that leave or are out of step, Ctrl-C,
threads, log handlers, forks, arrays that are no stars."""
import pytest

from test_python import case, python  # noqa: F401  (case is a fixture)


@pytest.mark.parametrize("end", ["sys.exit(0)", "sys.exit(3)", "raise KeyboardInterrupt", "pass"])
@pytest.mark.parametrize("call", ["c.forward()", "c.get('mass')", "c.vjp(np.zeros(c.shape))", "chain()"])
def test_a_rank_that_ends_keeps_nobody_waiting(case, end, call):  # noqa: F811
    done = python(case, f"""
c = chain("mass")
c.forward()
if cubix.rank() == 1:
    {end}
else:
    {call}
""", ranks=2, status=1, timeout=30)
    assert ("KeyboardInterrupt" in done.err
            or "rank 1 has ended, and rank 0 goes on: all ranks must make the same calls" in done.err)


def test_ranks_that_are_out_of_step_are_told_and_go_on(case):  # noqa: F811
    python(case, """
a, b = chain("mass"), chain("mass,age")
cube, me = a.forward(), cubix.rank()
b.forward()
raises("calls vjp, and rank 1 calls forward" if me == 0 else "calls forward, and rank 0 calls vjp",
       *((a.vjp, cube) if me == 0 else (a.forward,)))
raises("forward of another chain or leaf", (a if me == 0 else b).forward)
raises("put of another chain or leaf", a.put, **{"mass" if me == 0 else "age": stars["age"]})
raises("all ranks must make the same calls", a.forward, **({} if me else {"mass": 2 * stars["mass"]}))
assert np.array_equal(a.forward(), cube)
""", ranks=2)


def test_gas_on_one_rank_alone(case):  # noqa: F811
    """Whoever gives none is told, and nobody waits; where no gas is needed nothing happens."""
    python(case, """
gas = {"position": stars["position"], "velocity": stars["velocity"], "mass": stars["mass"],
       "metallicity": stars["metallicity"], "smoothing_length": np.ones(60), "temperature": np.ones(60)}
mine = gas if cubix.rank() == 0 else None
raises("give gas, too, on every rank", cubix.Chain, {**case["parameters"], "Dust": "gas"}, stars, gas=mine,
       simulation=simulation)
with cubix.Chain(case["parameters"], stars, gas=mine, simulation=simulation) as c:
    assert c.forward().shape == c.shape
""", ranks=2, timeout=60)


def test_one_may_catch_that_others_ended(case):  # noqa: F811
    """Whoever goes on alone is told at every call, and the job ends well."""
    python(case, """
c = chain("mass")
c.forward()
if cubix.rank() != 1:
    for call in (c.forward, chain):
        raises("rank 1 has ended", call)
    c.close()
""", ranks=3)


def test_ctrl_c_while_the_log_calls_back(case):  # noqa: F811
    """The interruption that arrives inside the callback is raised when the call has ended, and the
    chain is as good as before."""
    python(case, """
import logging, signal
class Handler(logging.Handler):
    n = 0
    def emit(self, record):
        Handler.n += 1
        signal.raise_signal(signal.SIGINT)
signal.signal(signal.SIGINT, signal.default_int_handler)
log, handler = logging.getLogger("cubix"), Handler()
log.setLevel(logging.DEBUG)
log.addHandler(handler)
try:
    chain("mass", Engine="histogram", Tolerance=1e-6).forward()      # warns: every star will be painted directly
    raise AssertionError(f"{Handler.n} lines of the log, and no interruption")
except KeyboardInterrupt:
    assert Handler.n
log.removeHandler(handler)
c = chain("mass")
assert c.forward().max() > 0
""")


def test_a_log_handler_must_not_use_the_library(case):  # noqa: F811
    python(case, """
import logging
c, said = chain("mass"), []
cube = c.forward()
class Handler(logging.Handler):
    def emit(self, record):
        for use in (c.forward, c.close, lambda: c.get("mass")):
            try:
                use()
            except cubix.Error as error:
                said.append(str(error))
handler = Handler()
logging.getLogger("cubix").addHandler(handler)
d = chain("mass", Engine="histogram", Tolerance=1e-6)
d.forward()
logging.getLogger("cubix").removeHandler(handler)
assert said and all("a handler of its log must not use it" in text for text in said), said
raises("this chain is closed", c.forward)                        # closing waited for the end of the call
assert np.array_equal(d.forward(), cube)
""")


def test_threads_share_a_chain(case):  # noqa: F811
    """Each gets the cube of the values that it put; one that closes it leaves the others an error, no torn cube."""
    python(case, """
import threading
c = chain("mass")
cube, wrong, closed = c.forward(), [], []
def work(k, n):
    for _ in range(n):
        try:
            got = c.forward(mass=k * stars["mass"])
        except cubix.Error as error:
            closed.append(str(error))
            return
        if not abs(got - k * cube).max() <= 1e-5 * k * cube.max():
            wrong.append(k)
threads = [threading.Thread(target=work, args=(k, 25)) for k in (1., 2., 4.)]
for t in threads: t.start()
for t in threads: t.join()
assert not wrong and not closed, (wrong, closed)
threads = [threading.Thread(target=work, args=(k, 100000)) for k in (1., 2., 4.)]
for t in threads: t.start()
import time
time.sleep(0.3)
c.close()
for t in threads: t.join()
assert not wrong and closed == ["this chain is closed"] * 3, (wrong, closed)
""")


def test_a_fork_is_refused(case):  # noqa: F811
    python(case, """
c = chain("mass")
cube = c.forward()
child = os.fork()
if child == 0:
    raises("was forked", c.forward)
    raises("was forked", chain)
    c.close()
    sys.exit(7)                                                    # must not end the parent's MPI
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
assert np.array_equal(c.forward(), cube)
""")


def test_a_fork_while_a_thread_is_in_the_library(case):  # noqa: F811
    """The child has no such thread to wait for: it is refused at once."""
    python(case, """
import threading
from cubix import _library
c, held, go = chain("mass"), threading.Event(), threading.Event()
def hold():
    with _library.lock:
        held.set()
        go.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    raises("was forked", chain)
    c.close()
    os._exit(7)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
go.set()
thread.join()
""", timeout=30)


def test_a_host_that_ends_mpi_itself(case):  # noqa: F811
    """Nothing of ours is said to ranks that have no MPI any more."""
    python(case, """
import ctypes
host, provided = ctypes.CDLL(os.environ["CUBIX_LIBRARY"]), ctypes.c_int()
assert host.MPI_Init_thread(None, None, 2, ctypes.byref(provided)) == 0
chain().forward()
host.MPI_Finalize()
""", ranks=2)


def test_arrays_are_checked_as_files_are(case):  # noqa: F811
    """What no file may hold is refused when a chain is opened, and when it is put; the values in use then stay."""
    python(case, """
for name, bad in (("mass", 1e300), ("mass", -1.), ("age", np.inf), ("position", 1e300), ("velocity", 1e300),
                  ("metallicity", 7.)):
    wrong = {k: v.copy() for k, v in stars.items()}
    wrong[name].flat[5] = bad
    error = raises(name + " of star ", cubix.Chain, case["parameters"], wrong, simulation=simulation)
    assert error.meaning == "wrong or unreadable input file", error.meaning
    c = chain()
    cube = c.forward()
    raises(f"{name.capitalize()} of star {5 // (wrong[name].size // 60)} (of 0 to 59) is ", c.put,
           **{name: wrong[name]})
    assert np.array_equal(c.forward(), cube)
simulation["BoxSize"] = 3.
raises("would fold them", chain)
simulation["BoxSize"] = np.inf
raises("the simulation's BoxSize is inf", chain)
simulation.update(BoxSize=0, Redshift=np.nan)
raises("the simulation's Redshift is nan", chain)
simulation["Redshift"] = 0.1
stars["velocity"][5, 0] = 3e5
raises("star 5 (of 0 to 59) moves at 300000 km/s, beyond the speed of light", chain)
""")


@pytest.mark.parametrize("ranks", [1, 2])
def test_put_is_checked_as_open_is(case, ranks):  # noqa: F811
    """Stars that a box would fold, and speeds that are none, on one rank only: all are told, and
    the values in use stay."""
    python(case, """
import logging
told = []
class Teller(logging.Handler):
    def emit(self, record):
        told.append(record.getMessage())
logging.getLogger("cubix").addHandler(Teller())
simulation["BoxSize"] = 100.
c, last = chain(), cubix.rank() == cubix.size() - 1
cube = c.forward()
far, fast, quick = stars["position"].copy(), stars["velocity"].copy(), stars["velocity"].copy()
if last:
    far[5, 1] += 200
    fast[5] = 2e5
    quick[5, 2] = 2e4
raises("kpc apart along y, but the box (BoxSize) has a side of 100 kpc, and would fold them", c.put, position=far)
assert np.array_equal(c.forward(), cube)
raises("star 5 (of 0 to", c.put, velocity=fast)
raises("moves at 346410 km/s, beyond the speed of light", c.put, velocity=fast)
assert np.array_equal(c.forward(), cube)
assert not [line for line in told if "fastest" in line], told
c.forward(velocity=quick)
assert cubix.rank() or [line for line in told if "the fastest star in the field moves at" in line], told
""", ranks=ranks)


def test_rounding_below_zero(case):  # noqa: F811
    """Ages and metallicities just below 0 are 0, in files and in arrays, when a chain is opened and
    when they are put; what is further below is refused."""
    python(case, """
import shutil
import h5py
zero = {k: v.copy() for k, v in stars.items()}
zero["age"][5] = zero["metallicity"][6] = 0
want = cubix.Chain(case["parameters"], zero, simulation=simulation).forward()
near = {k: v.copy() for k, v in zero.items()}
near["age"][5] = near["metallicity"][6] = -1e-6
opened = cubix.Chain(case["parameters"], near, simulation=simulation)
assert np.array_equal(opened.forward(), want)
put = cubix.Chain(case["parameters"], stars, simulation=simulation)
assert np.array_equal(put.forward(age=near["age"], metallicity=near["metallicity"]), want)
for c in (opened, put):
    assert c.get("age")[5] == 0 and c.get("metallicity")[6] == 0
assert near["age"][5] == -1e-6                                       # the caller's own
for name, i in (("age", 5), ("metallicity", 6)):
    below = {k: v.copy() for k, v in zero.items()}
    below[name][i] = -2e-6
    raises(f"{name} of star {i} (of 0 to 59) is -2e-06", cubix.Chain, case["parameters"], below, simulation=simulation)
    raises(f"{name.capitalize()} of star {i} (of 0 to 59) is -2e-06", put.put, **{name: below[name]})
over = {k: v.copy() for k, v in zero.items()}
over["metallicity"][6] = 1 + 5e-7
cubix.Chain(case["parameters"], over, simulation=simulation)
""")
