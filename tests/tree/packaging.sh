#!/usr/bin/env bash
# Recipes and job scripts (packaging/) are well-formed, have the version of configure.ac and the packages of scripts/packages.sh, and name
# options and programs that there are.
cd "$CUBIX_SOURCE" || exit 1
bad=0 checked=0
check() { checked=$((checked + 1)); "$@" > /dev/null 2>&1 || { bad=$((bad + 1)); echo "failed: $*"; }; }
python=${CUBIX_PYTHON:-python3}

version=$(sed -n 's/^AC_INIT(\[CUBIX\], \[\([^]]*\)\].*/\1/p' configure.ac)
check test -n "$version"
check grep -qx "version = \"$version\"" pyproject.toml
check grep -qx "version = \"$version\"" python/pyproject.toml
check grep -qx "version: $version" CITATION.cff
check grep -q "version(\"$version\")" packaging/spack/package.py
check grep -qF "set version = \"$version\"" packaging/conda/meta.yaml
check grep -qx "version = '$version'" "packaging/easybuild/CUBIX-$version-foss-2024a.eb"
check grep -qx "    Version $version" packaging/apptainer/cubix.def
check grep -q "$version" CHANGELOG.md

# the same packages everywhere
. scripts/packages.sh
for package in $build_packages; do
  for file in packaging/docker/Dockerfile packaging/apptainer/cubix.def; do
    check grep -qE "(^|[[:space:]])${package//+/\\+}([[:space:]]|\$)" "$file"
  done
done
for name in mpi hdf5 fftw gsl libconfig cfitsio zlib libdeflate; do
  check grep -q "depends_on(\"$name" packaging/spack/package.py
  case $name in mpi) name=openmpi ;; esac
  check grep -qE "^    - $name( |\$)" packaging/conda/meta.yaml
  case $name in openmpi | fftw) ;; *) check grep -qi "('$name'," packaging/easybuild/*.eb ;; esac                # those of the toolchain
done

# what a shell and Python think of them
for file in packaging/jobs/*.slurm packaging/jobs/*.pbs packaging/conda/build.sh scripts/completion.bash scripts/manpage.sh; do
  check bash -n "$file"
  if command -v shellcheck > /dev/null; then check shellcheck -s bash -S warning "$file"; fi
done
if command -v "$python" > /dev/null; then
  for file in packaging/spack/package.py packaging/easybuild/*.eb setup.py; do
    check "$python" -c 'import ast, sys; ast.parse(open(sys.argv[1]).read())' "$file"
  done
  if "$python" -c 'import yaml' 2> /dev/null; then
    check "$python" -c 'import yaml; d = yaml.safe_load(open("CITATION.cff")); assert d["title"] and d["authors"] and d["cff-version"] == "1.2.0"'
  fi
fi

# A job script starts each rank with as many cores as threads.  Its start is caught by stand-ins for srun and mpirun.
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT
printf '#!/bin/sh\necho "$OMP_NUM_THREADS threads: $*"\n' > "$scratch/srun"
chmod +x "$scratch/srun"
cp "$scratch/srun" "$scratch/mpirun"
printf 'a\na\nb\nb\n' > "$scratch/nodes"
says()
{
  checked=$((checked + 1))
  said=$(cd "$scratch" && PATH=$scratch:$PATH SLURM_CPUS_PER_TASK=8 PBS_NODEFILE=$scratch/nodes PARAM=my.param OMP_NUM_THREADS=8 bash "$CUBIX_SOURCE/$1" my.param 2>&1)
  case $said in *"$2"*) ;; *) bad=$((bad + 1)); echo "$1 says '$said' and not '$2'" ;; esac
}
says packaging/jobs/cpu.slurm '8 threads: --cpus-per-task=8 --cpu-bind=cores cubix my.param'
says packaging/jobs/gpu.slurm '8 threads: --cpus-per-task=8 --cpu-bind=cores cubix my.param Backend=cuda'
says packaging/jobs/cpu.pbs '8 threads: -np 4 --hostfile'
says packaging/jobs/cpu.pbs '--map-by slot:pe=8 --bind-to core'
says packaging/jobs/gpu.pbs '--map-by slot:pe=8 --bind-to core'
echo "packaging.sh: $checked things looked at, $bad wrong"
[ "$bad" = 0 ] && [ "$checked" -gt 40 ]
