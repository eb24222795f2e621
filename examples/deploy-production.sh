#!/usr/bin/env bash
# Deploy List Cutter to staging and, if every gate is GO, to production.
#
# This is the plan's deployment script with the gates of this suite. docs/deployment-scripts.md says what each gate
# replaces. Run it in the folder of the application, which contains package.json and the Wrangler configuration:
#
#     CLOUDFLARE_API_TOKEN=… /path/to/cutover/examples/deploy-production.sh
#
# STAGING_ENV, PRODUCTION_ENV   environments of environments.toml (default: staging, production)
# CUTOVER_ROOT                  folder of the suite (default: the folder above this script)
#
# Exit code: that of the command that stopped the script. A gate: 1 NO-GO, 10 INCONCLUSIVE, 11 INVALID
# (docs/gates.md). 2: a signal. 4: a variable is missing, or Wrangler reported no version. Nothing runs after a failed
# step except the notification.
set -euo pipefail

examples=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
suite=${CUTOVER_ROOT:-$(dirname "$examples")}
staging=${STAGING_ENV:-staging}
production=${PRODUCTION_ENV:-production}
wrangler_output=$(mktemp)
current_step="start"
deployed="nothing"
finished="no"

# Report the result on every exit, and keep the exit code of a failed step. Only the last line of the script makes it a
# success: on a signal without a trap of its own, bash starts this function with $? = 0.
finish() {
  local code=$?
  rm -f "$wrangler_output"
  if [[ $finished == yes ]]; then
    echo "production has version $version"
    ./scripts/notify-deployment.sh success || echo "the notification was not sent" >&2
    exit 0
  fi
  ((code != 0)) || code=2
  echo "stopped at: $current_step (exit code $code)" >&2
  if [[ $deployed == production ]]; then
    echo "production has the new version. To return to the previous one: wrangler rollback --env production" >&2
  fi
  ./scripts/notify-deployment.sh failure || echo "the notification was not sent" >&2
  exit "$code"
}
interrupted() {
  exit 2
}
trap finish EXIT
trap interrupted HUP INT TERM # called after the command that is running

step() {
  current_step=$1
  echo "== $1"
}

stop() {
  echo "$1" >&2
  exit 4
}

# Run a gate of the suite. Its exit code ends the script unless it is 0.
gate() {
  step "gate $1 on $2"
  (cd "$suite" && PATH=$suite/.venv/bin:$PATH pytest -m "$1" --env "$2" "${@:3}")
}

# Deploy to an environment of Wrangler, and set `version` to the version that Wrangler reports. The gates ask for this
# version, so a response of another one is never taken for the new deployment.
deploy() {
  step "deploy to $1"
  : >"$wrangler_output"
  WRANGLER_OUTPUT_FILE_PATH=$wrangler_output wrangler deploy --env "$1"
  deployed=$1
  version=$(sed -n '/"type":"deploy"/s/.*"version_id":"\([^"]*\)".*/\1/p' "$wrangler_output")
  [[ $version =~ ^[0-9a-f-]+$ ]] || stop "wrangler deploy --env $1: expected one version id, got '$version'."
}

step "environment"
[[ -n ${CLOUDFLARE_API_TOKEN:-} ]] || stop "CLOUDFLARE_API_TOKEN: expected a token, got nothing. Set the variable."

# Configuration, DNS, certificates, storage and prerequisites of both, before anything is changed.
gate preflight "$staging"
gate preflight "$production"

step "type check"
npm run typecheck

step "lint"
npm run lint

step "tests of the application"
npm run test:ci

step "build"
npm run build

deploy staging
step "validation of staging"
"$examples/validate-staging.sh" "$version"

deploy production
gate smoke "$production" --worker-version "$version"
finished="yes"
