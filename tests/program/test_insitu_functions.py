"""Functions of a host that CUBIX calls: its own dust in front of stars, its own light from them and in the cube, in C and
Fortran; against the oracle."""
import re
import subprocess

import numpy as np
import pytest

from harness import BUILD, SOURCE, assert_close, bits, environment, galaxy, local_level, read_cube
from insitu_lab import columns, insitu, need_library
from oracle import cube as oracle
from oracle import dust, paint, psf

need_library()
Z = 0.05
FIXED = {"Redshift": Z, "Centre": "0, 0, 0", "SystemicVelocity": "none", "Engine": "direct"}
DUST = "on('dust', DUST, lambda host, n, x, a: add_dust(array(x, (n, 3)), array(a, (n,))) if n else 0)\n"
ADD_DUST = """
def add_dust(x, a):
    a += 0.3 + 0.5 * abs(x[:, 0])
    return 0
"""
LIGHT = """
def add_light(host, i, first, n, flux):
    k = first + np.arange(n)
    array(flux, (n,))[:] += (mine[i] + 1) * 0.01 * (1 + 0.1 * (k % 7))
    return 0
on('light', LIGHT, add_light)
"""
GO = "ok(step()); write('host.fits')\n"


@pytest.fixture
def ready(bench):
    bench.instrument(9, 8, 0.6, lam=(5000.0, 5119.0, 1.0), psf="gaussian", psf_curve=(1.1,))
    bench.ssp("mixed", fwhm=1.0)
    bench.stars = galaxy(150, seed=17, radius=1.6)
    bench.particles(bench.stars)
    return bench


def go(bench, body, ranks=1, **parameters):
    insitu(bench, columns(bench.stars), body + GO, ranks, **{**FIXED, **parameters})
    return read_cube(bench.path("host.fits"))


def want_of(bench, **more):
    return oracle.observe(bench.file, bench.ssp_file, bench.inst, Z, centre=(0, 0, 0), velocity="none", **more)


@pytest.mark.parametrize("ranks, engine, tolerance", [(1, "direct", 2e-6), (3, "direct", 2e-6), (1, "histogram", 3e-4),
                                                      (2, "histogram", 3e-4)])
def test_dust_in_front_of_stars(ready, ranks, engine, tolerance):
    """Every star behind A(V) of its own, by the law of the parameters."""
    got = go(ready, ADD_DUST + DUST, ranks, Dust="screen", DustLaw="CCM89", Engine=engine)
    plain = want_of(ready)
    behind = dict(plain.stars, screen=0.3 + 0.5 * np.abs(plain.stars["pos"][:, 0]))
    assert behind["screen"].max() > 1.2
    plain.painter.k = dust.of_channels("CCM89", ready.inst.edges(), Z)
    painted, _ = paint.paint(plain.painter, behind, plain.kpc_per_arcsec, psf.margin(ready.inst))
    want = psf.apply(ready.inst, painted)
    assert_close(got["DATA"], want, tolerance, local_level(want), "behind dust")
    assert got["DATA"].sum() < 0.8 * plain.cube.sum()
    lit = got["MASS"] > 0
    assert (got["AV_M"][lit] >= 0.3 * (1 - 1e-6)).all() and got["AV_M"][lit].max() > 0.6


@pytest.mark.parametrize("ranks", [1, 2])
def test_dust_beside_that_of_the_gas(ready, ranks):
    """A function that adds nothing changes no bit of what the gas does; both add up."""
    rng = np.random.default_rng(8)
    n = 300
    gas = {"Position": rng.normal(0, 1, (n, 3)), "Velocity": np.zeros((n, 3)), "Mass": np.full(n, 3e5),
           "SmoothingLength": rng.uniform(0.05, 1, n), "Metallicity": np.full(n, 0.02), "Temperature": np.full(n, 1e3)}
    par = {**FIXED, "Dust": "gas", "Engine": "direct"}
    stars = columns(ready.stars)
    none = "def add_dust(x, a): return 0\n" + DUST
    for name, body in (("plain", ""), ("none", none), ("both", ADD_DUST + DUST)):
        insitu(ready, stars, body + f"ok(step()); write('{name}.fits')\n", ranks, gas, **par)
    plain, both = read_cube(ready.path("plain.fits")), read_cube(ready.path("both.fits"))
    assert bits(ready.path("plain.fits")) == bits(ready.path("none.fits"))
    mass = plain["MASS"]
    one = mass > 0
    assert (both["AV_M"][one] - plain["AV_M"][one] > 0.299).all() and both["DATA"].sum() < 0.9 * plain["DATA"].sum()


@pytest.mark.parametrize("ranks, deposit, engine", [(1, "nearest", "direct"), (3, "tsc", "direct"), (2, "tsc", "histogram")])
def test_light_of_stars(ready, ranks, deposit, engine):
    """A spectrum of its own from every star, spread as the star's light is, seen through the PSF."""
    more = dict(Deposit=deposit, Engine=engine, Combine="histogram") if engine == "histogram" else dict(Deposit=deposit)
    plain, got = (go(ready, body, ranks, **more)["DATA"] for body in ("", LIGHT))
    want = want_of(ready, deposit=deposit)
    margin, n_lambda = psf.margin(ready.inst), 120
    light = np.zeros((n_lambda, 8 + 2 * margin, 9 + 2 * margin))
    parts = paint.parts(ready.inst, want.stars, want.kpc_per_arcsec, margin, deposit)
    for i, (rows, cols, w) in enumerate(parts):
        if w.size:
            spectrum = (i + 1) * 0.01 * (1 + 0.1 * (np.arange(n_lambda) % 7))
            light[:, rows[0]:rows[-1] + 1, cols[0]:cols[-1] + 1] += spectrum[:, None, None] * w
    seen = psf.apply(ready.inst, light)
    assert seen.max() > 0.1
    assert_close(got - plain, seen, 4e-6, plain.max() + seen.max(), "light")


def test_light_in_channels_of_uneven_width(bench):
    """Flux per AA is that of the channel's own width: what is added to the painted cube is there in what is observed."""
    bench.instrument(9, 8, 0.6, lam=(4800.0, 7000.0, 0.002), grid="log")
    bench.ssp("mixed", lo=4000.0, hi=8000.0, fwhm=1.0)
    bench.stars = galaxy(50, seed=17, radius=1.6)
    bench.particles(bench.stars)
    add = "on('cube', CUBE, lambda h, n_y, n_x, m, first, n, f: array(f, (n_y, n_x, n)).__iadd__(7).size < 0, 0)\n"
    plain, got, spectra = (go(bench, body)["DATA"] for body in ("", add, LIGHT))
    assert plain.shape[0] > 50
    assert_close(got - plain, np.full_like(plain, 7), 2e-6, 7 + plain.max(), "7")
    k = np.arange(plain.shape[0])
    total = (spectra - plain).sum((1, 2)) / (0.01 * (1 + 0.1 * (k % 7)))
    assert np.ptp(total) < 1e-3 * total[0] and total[0] > 100, total


@pytest.mark.parametrize("body, words, parameters", [
    (DUST + "def add_dust(x, a):\n    a[-1] = -1\n    return 0\n", "puts -1 mag of dust in front of star", {"Dust": "screen"}),
    (DUST + "def add_dust(x, a):\n    return 0\n", "Dust = none", {}),
    (DUST + "def add_dust(x, a):\n    return 3 * (rank == 1)\n", "dust in front of stars returned 3", {"Dust": "screen"}),
    ("on('light', LIGHT, lambda h, i, first, n, f: f.__setitem__(n - 1, float('nan')) or 0)\n", "a flux of nan", {}),
    ("on('light', LIGHT, lambda h, i, first, n, f: 5 * (rank == 1))\n", "the light of stars returned 5", {})])
def test_what_is_wrong_is_told_by_all_and_the_next_step_goes_on(ready, body, words, parameters):
    which = body.split("'")[1]
    after = f"""
assert step() != 0 and {words!r} in message(), message()
on({which!r}, {which.upper()}, None)
"""
    go(ready, body + after, 2, **parameters)
    first = bits(ready.path("host.fits"))
    ready.path("host.fits").unlink()
    go(ready, "", 2, **parameters)
    assert first == bits(ready.path("host.fits"))


FORTRAN = """
module functions
  use, intrinsic :: iso_c_binding
  implicit none
contains
  integer(c_int) function heavier(host, n, position, velocity, age, metallicity, mass) bind(c)
    type(c_ptr), value :: host
    integer(c_size_t), value :: n
    real(c_double), intent(in) :: position(3, n), velocity(3, n), age(n), metallicity(n)
    real(c_double), intent(inout) :: mass(n)
    mass = 2 * mass
    heavier = merge(0, 1, c_associated(host) .and. all(abs(position) + abs(velocity) < 1d9) .and. all(age + metallicity > 0))
  end function heavier
  integer(c_int) function behind(host, n, position, a_v) bind(c)
    type(c_ptr), value :: host
    integer(c_size_t), value :: n
    real(c_double), intent(in) :: position(3, n)
    real(c_double), intent(inout) :: a_v(n)
    a_v = a_v + (0.3d0 + 0.5d0 * abs(position(1, :)))
    behind = merge(1, 0, c_associated(host))
  end function behind
  integer(c_int) function shine(host, i, first, n_lambda, flux) bind(c)
    type(c_ptr), value :: host
    integer(c_size_t), value :: i
    integer(c_int), value :: first, n_lambda
    real(c_double), intent(inout) :: flux(n_lambda)
    integer :: k
    do k = 1, n_lambda
      flux(k) = flux(k) + (i + 1) * 0.01d0 * (1 + 0.1d0 * mod(first + k - 1, 7))
    end do
    shine = merge(1, 0, c_associated(host))
  end function shine
  integer(c_int) function glow(host, n_y, n_x, margin, first, n_lambda, flux) bind(c)
    type(c_ptr), value :: host
    integer(c_int), value :: n_y, n_x, margin, first, n_lambda
    real(c_float), intent(inout) :: flux(n_lambda, n_x, n_y)
    flux = flux + 7
    glow = merge(1, 0, c_associated(host) .or. margin + first < 0)
  end function glow
end module functions
program host
  use, intrinsic :: iso_c_binding
  use cubix
  use functions
  use mpi
  implicit none
  integer, parameter :: n = 150
  real(c_double), target :: x(3, n), v(3, n), m(n), now(n), age(n), z(n), one(4)
  integer(c_int), target :: anything = 1
  character(:), allocatable :: text
  type(cubix_t) :: sky
  integer :: status, ierr, have, i, size
  call MPI_Init_thread(MPI_THREAD_FUNNELED, have, ierr)
  open (10, file='stars.raw', access='stream', form='unformatted')
  read (10) x, v, m, now, age, z, one
  close (10)
  open (11, file='host.txt', access='stream', form='unformatted')
  inquire (11, size=size)
  allocate (character(size) :: text)
  read (11) text
  close (11)
  status = cubix_open(sky, MPI_COMM_WORLD, text=text)
  if (status == 0) status = cubix_on_stars(sky, heavier, c_loc(anything))
  if (status == 0) status = cubix_on_dust(sky, behind)
  if (status == 0) status = cubix_on_light(sky, shine)
  if (status == 0) status = cubix_on_cube(sky, cubix_painted, glow)
  do i = 1, 2
    if (status == 0) status = cubix_put(sky, 'Header/Redshift', one(1))
    if (status == 0) status = cubix_put(sky, 'Header/OmegaMatter', one(2))
    if (status == 0) status = cubix_put(sky, 'Header/OmegaLambda', one(3))
    if (status == 0) status = cubix_put(sky, 'Header/HubbleParam', one(4))
    if (status == 0) status = cubix_put(sky, 'Stars/Position', x)
    if (status == 0) status = cubix_put(sky, 'Stars/Velocity', v)
    if (status == 0) status = cubix_put(sky, 'Stars/InitialMass', m)
    if (status == 0) status = cubix_put(sky, 'Stars/Mass', now)
    if (status == 0) status = cubix_put(sky, 'Stars/Age', age)
    if (status == 0) status = cubix_put(sky, 'Stars/Metallicity', z)
    if (status == 0) status = cubix_forward(sky)
    if (status == 0 .and. i == 1) status = cubix_write(sky, 'all.fits')
    if (status == 0 .and. i == 2) status = cubix_write(sky, 'none.fits')
    if (status == 0) status = cubix_on_stars(sky)
    if (status == 0) status = cubix_on_dust(sky)
    if (status == 0) status = cubix_on_light(sky)
    if (status == 0) status = cubix_on_cube(sky, cubix_painted)
  end do
  if (status /= 0) print '(a)', cubix_message()
  call cubix_close(sky)
  call MPI_Finalize(ierr)
  if (status /= 0) error stop 1
end program host
"""


def test_from_fortran(ready):
    """The cube of the same functions as above, and none once they are taken away."""
    make = (BUILD / "Makefile").read_text()
    configured = lambda name: re.search(rf"^{name} = ?(.*)$", make, re.M).group(1).split()
    if configured("have_fortran") != ["yes"]:
        pytest.skip("no Fortran compiler")
    ready.path("host.f90").write_text(FORTRAN)
    built = subprocess.run([*configured("FC"), "-std=f2008", "-Wall", "-Wextra", "-Wno-unused-dummy-argument", "-Werror",
                            str(SOURCE / "mpi/insitu/cubix.f90"), "host.f90", f"-L{BUILD}", "-lcubix", "-o", "host"],
                           cwd=ready.folder, text=True, capture_output=True)
    assert built.returncode == 0, built.stderr
    par = {"Dust": "screen", "DustLaw": "CCM89"}
    plain = "on('stars', STAR, lambda h, n, x, v, a, z, m: array(m, (n,)).__imul__(2).size < 0)\n" \
            "on('cube', CUBE, lambda h, n_y, n_x, m, first, n, f: array(f, (n_y, n_x, n)).__iadd__(7).size < 0, 0)\n"
    want = go(ready, ADD_DUST + DUST + LIGHT + plain, **par)["DATA"]
    ready.path("host.fits").unlink()
    bare = go(ready, "", **par)["DATA"]
    s = columns(ready.stars)
    np.concatenate([*(np.ravel(x) for x in s.values()), [0.0, 0.3089, 0.6911, 0.6774]]).tofile(ready.path("stars.raw"))
    text = {"SspFile": ready.ssp_file, "Instrument": ready.inst_file, "Lsf": "none", **FIXED, **par}
    ready.path("host.txt").write_text("".join(f"{k} {v}\n" for k, v in text.items()))
    done = subprocess.run(["./host"], cwd=ready.folder, text=True, capture_output=True, timeout=120,
                          env=environment(1, {"LD_LIBRARY_PATH": str(BUILD)}))
    assert done.returncode == 0, done.stdout + done.stderr
    assert_close(read_cube(ready.path("all.fits"))["DATA"], want, 1e-6, want.max(), "all")
    assert np.array_equal(read_cube(ready.path("none.fits"))["DATA"], bare) and not np.array_equal(bare, want)
