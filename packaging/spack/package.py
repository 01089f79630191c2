"""CUBIX for Spack, 0.23 and 1.x."""
try:  # Spack 1.x keeps build systems in its package repository
    from spack_repo.builtin.build_systems.autotools import AutotoolsPackage
    from spack_repo.builtin.build_systems.cuda import CudaPackage
except ImportError:
    pass
from spack.package import *


class Cubix(AutotoolsPackage, CudaPackage):
    """Datacubes of integral-field spectrographs from particle simulations of galaxies: an MPI program in C
    with OpenMP and CUDA, and a library with exact derivatives."""

    url = "file:///cubix-0.1.0.tar.gz"
    manual_download = True  # the tarball of `make dist`; a source tree by `spack dev-build cubix@main`

    license("GPL-3.0-or-later")

    version("main")
    version("0.1.0")

    variant("libdeflate", default=True, description="Inflate compressed snapshots in half the time")
    variant("tools", default=True, description="Python with what cubix-ssp, cubix-plot, cubix-import and cubix-lines need")
    variant("shared", default=True, description="libcubix.so, for Python and other languages")

    depends_on("c", type="build")
    depends_on("cxx", type="build")
    depends_on("autoconf@2.69:", type="build")
    depends_on("automake@1.15:", type="build")
    depends_on("pkgconfig", type="build")
    depends_on("python@3.9:", type=("build", "run"), when="+tools")
    depends_on("py-numpy", type="run", when="+tools")
    depends_on("py-astropy", type="run", when="+tools")
    depends_on("py-h5py", type="run", when="+tools")
    depends_on("py-matplotlib", type="run", when="+tools")

    depends_on("mpi")
    depends_on("hdf5+mpi")
    depends_on("fftw precision=double,float +openmp")
    depends_on("gsl")
    depends_on("libconfig")
    depends_on("cfitsio")
    depends_on("zlib-api")
    depends_on("libdeflate", when="+libdeflate")
    depends_on("cuda@11:", when="+cuda")

    build_directory = "spack-build"

    def autoreconf(self, spec, prefix):
        Executable("scripts/autogen.sh")()

    def configure_args(self):
        spec = self.spec
        args = [
            f"CC={spec['mpi'].mpicc}",
            f"CXX={spec['mpi'].mpicxx}",
            f"--with-cuda={spec['cuda'].prefix}" if spec.satisfies("+cuda") else "--with-cuda=no",
            "--with-libdeflate" if spec.satisfies("+libdeflate") else "--without-libdeflate",
        ]
        args += self.enable_or_disable("shared")
        return args
