#!/usr/bin/env bash
# Fetches Apache Kafka's jars from Maven Central into a folder, for the tests marked "kafka".
#
#   tests/support/fetch_kafka.sh [FOLDER]     default: $MAKEGOOD_KAFKA_LIBS, or <repo>/.cache/kafka/libs
#
# Needs Java 17 and Maven. Does nothing where the folder already holds this version.
set -euo pipefail

version=4.1.1
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
libs=${1:-${MAKEGOOD_KAFKA_LIBS:-$repo/.cache/kafka/libs}}
stamp=$libs/.complete-$version-1

if [[ -e $stamp ]]; then
  exit 0
fi
for tool in java mvn; do
  if ! command -v "$tool" >/dev/null; then
    echo "fetch_kafka.sh: '$tool' is not installed; the Kafka tests will be skipped without it" >&2
    exit 3
  fi
done

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cat >"$work/pom.xml" <<POM
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>makegood.tests</groupId>
  <artifactId>kafka-broker</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>$version</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId>
      <artifactId>slf4j-simple</artifactId>
      <version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
POM
mkdir -p "$libs"
mvn --batch-mode --quiet --color never -f "$work/pom.xml" dependency:copy-dependencies \
  -DincludeScope=runtime -DoutputDirectory="$work/libs"
rm -f "$libs"/*.jar "$libs"/.complete-*
mv "$work"/libs/*.jar "$libs"/
touch "$stamp"
echo "fetch_kafka.sh: Apache Kafka $version in $libs ($(find "$libs" -name '*.jar' | wc -l) jars)"
