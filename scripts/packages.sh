# packages.sh -- sourced by quickstart.sh and check.sh: what must be installed, by Debian's names, and how it gets there.
#
# need_packages NAME...  installs what is missing on Debian and Ubuntu (as root or through sudo) and says what; elsewhere, or where
# it may not, it prints what to install and ends the script.

build_packages="gcc g++ make autoconf automake pkg-config libopenmpi-dev openmpi-bin libhdf5-openmpi-dev libfftw3-dev libgsl-dev libconfig-dev libcfitsio-dev zlib1g-dev"

say() { printf '\n==> %s\n' "$*"; }

other_systems()
{
  cat >&2 <<END
Elsewhere than on Debian and Ubuntu install these, and start again with --no-install:
  Fedora, RHEL   gcc gcc-c++ make autoconf automake pkgconf openmpi-devel hdf5-openmpi-devel fftw-devel gsl-devel libconfig-devel cfitsio-devel zlib-devel
                 python3-numpy python3-astropy python3-h5py python3-matplotlib; then: module load mpi
  conda          conda install -c conda-forge compilers make autoconf automake pkg-config openmpi 'hdf5=*=mpi_openmpi*' fftw gsl libconfig cfitsio zlib
                 numpy astropy h5py matplotlib
  spack          spack install openmpi hdf5+mpi 'fftw precision=double,float +openmp' gsl libconfig cfitsio zlib; and: spack load
END
}

need_packages()
{
  local missing="" package root=""
  if ! command -v dpkg-query > /dev/null || ! command -v apt-get > /dev/null; then
    echo "This is not Debian or Ubuntu: nothing is installed by itself." >&2
    other_systems
    exit 1
  fi
  for package in "$@"; do
    dpkg-query -W -f '${db:Status-Status}\n' "$package" 2> /dev/null | grep -qx installed || missing="$missing $package"
  done
  if [ -z "$missing" ]; then
    say "All packages are there"
    return
  fi
  say "Installing:$missing"
  if [ "$(id -u)" != 0 ]; then
    root=sudo
    command -v sudo > /dev/null || { echo "Neither root nor sudo: let somebody run  apt-get install$missing" >&2; exit 1; }
  fi
  local log
  log=$(mktemp)
  if ! { $root apt-get update -q && $root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends $missing; } > "$log" 2>&1; then
    tail -40 "$log" >&2
    echo "apt-get install$missing failed (all it said: $log)" >&2
    exit 1
  fi
  rm -f "$log"
}

# Any number of ranks on any machine, as root too: Open MPI 4 and 5.
mpi_environment()
{
  export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
  export OMPI_MCA_rmaps_base_oversubscribe=1 PRTE_MCA_rmaps_default_mapping_policy=:oversubscribe
  export OMPI_MCA_btl_vader_single_copy_mechanism=none
  timeout 1 getent hosts "$(uname -n)" > /dev/null ||
    echo "Note: this machine does not know its own name, so every MPI program waits seconds for DNS; this helps: echo 127.0.1.1 $(uname -n) >> /etc/hosts"
}
