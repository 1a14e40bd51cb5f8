#!/usr/bin/env bash
# Fetches Apicurio Registry from Maven Central into a folder, for tests that need a real schema registry.
#
#   tests/support/fetch_apicurio.sh [FOLDER]     default: $APICURIO_LIBS, or <repo>/.cache/apicurio
#
# Needs Java 17 and Maven; 140 MB. Does nothing where the folder already holds this version.
set -euo pipefail

version=2.6.13.Final
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
libs=${1:-${APICURIO_LIBS:-$repo/.cache/apicurio}}

if [[ -e $libs/apicurio-registry-app-$version-runner.jar ]]; then
  exit 0
fi
for tool in java mvn tar; do
  if ! command -v "$tool" >/dev/null; then
    echo "fetch_apicurio.sh: '$tool' is not installed; tests that need a schema registry will be skipped" >&2
    exit 3
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mvn --batch-mode --quiet --color never org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy \
  -Dartifact="io.apicurio:apicurio-registry-app:$version:tar.gz:all" -DoutputDirectory="$work"
mkdir -p "$work/all" "$(dirname "$libs")"
tar -xzf "$work/apicurio-registry-app-$version-all.tar.gz" -C "$work/all"
mkdir -p "$libs"
# The program last: where it is, the rest is.
cp -r "$work/all/lib" "$libs/"
mv "$work/all/apicurio-registry-app-$version-runner.jar" "$libs/"
echo "fetch_apicurio.sh: Apicurio Registry $version in $libs"
