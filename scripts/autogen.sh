#!/bin/sh
# autogen.sh -- make configure and Makefile.in after a checkout (a release tarball has them).
set -e
cd "$(dirname "$0")/.."
for tool in autoconf automake; do
  command -v $tool > /dev/null || {
    echo "autogen.sh: $tool is missing: apt-get install autoconf automake (dnf, conda and spack call them the same)" >&2
    exit 1
  }
done
mkdir -p aux
autoreconf --install --force
