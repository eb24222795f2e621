#!/usr/bin/env bash
# Validate the version of List Cutter that was deployed to staging.
#
# This is the plan's staging validation script with the gates of this suite. docs/deployment-scripts.md says what each
# gate replaces.
#
#     /path/to/cutover/examples/validate-staging.sh VERSION
#
# VERSION        the version id that `wrangler deploy --env staging` reported
# STAGING_ENV    environment of environments.toml (default: staging)
# CUTOVER_ROOT   folder of the suite (default: the folder above this script)
#
# Exit code: 0 if both gates are GO, otherwise that of the first gate that is not (docs/gates.md). 4: wrong usage.
set -euo pipefail

if (($# != 1)); then
  echo "usage: validate-staging.sh VERSION" >&2
  exit 4
fi
version=$1
staging=${STAGING_ENV:-staging}
cd "${CUTOVER_ROOT:-$(dirname "${BASH_SOURCE[0]}")/..}"
PATH=$PWD/.venv/bin:$PATH

# Readiness within the tries of the environment, health, accounts, files byte by byte, headers.
pytest -m smoke --env "$staging" --worker-version "$version"

# The API does what its contract promises, and refuses everything else.
pytest -m contract --env "$staging" --worker-version "$version"
