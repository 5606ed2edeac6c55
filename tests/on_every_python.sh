#!/usr/bin/env bash
# Runs the Python tests from the built wheel under every other Python that is here: 3.11 to 3.13.
# Usage: on_every_python.sh WHEEL LOCK [PYTEST_ARGUMENTS...]
set -euo pipefail
wheel=$1 lock=$2
shift 2
find_python() {
  "python$1" -c '' 2>/dev/null && { command -v "python$1"; return; }
  command -v pyenv >/dev/null && compgen -G "$(pyenv root)/versions/$1.*/bin/python" | tail -n 1
}
for version in 3.11 3.12 3.13; do
  python=$(find_python "$version") || { echo "Python $version: not on this machine"; continue; }
  venv=build/venv-$version
  test -x "$venv/bin/python" || "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet --requirement "$lock"
  "$venv/bin/python" -m pip install --quiet --no-deps --force-reinstall "$wheel"
  echo "Python $version, from the wheel:"
  "$venv/bin/python" -m pytest --quiet "$@"
done
