# One image for every part: `docker run makegood:0.1.0 flow --config /etc/makegood/makegood.yaml`, `... notifier ...`.
FROM python:3.12.12-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/makegood
COPY . .
# Every version is pinned by the constraints: those that the tests run with.
# hadolint ignore=DL3013
RUN --mount=type=cache,target=/root/.cache/pip \
    /opt/makegood/bin/pip install --disable-pip-version-check --constraint requirements/test.txt '.[postgres,fast,otel]'

FROM python:3.12.12-slim-bookworm
LABEL org.opencontainers.image.title="Makegood" \
      org.opencontainers.image.description="Real-time alerting for service recovery" \
      org.opencontainers.image.licenses="Apache-2.0"
# tini is process 1: it hands signals on from the first moment, also before Python listens to them, and reaps children.
# Debian keeps one version of it for the life of a release.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --system --gid 10001 makegood \
    && useradd --system --uid 10001 --gid 10001 --create-home --home-dir /var/lib/makegood makegood
COPY --from=build /opt/makegood /opt/makegood
ENV PATH=/opt/makegood/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    NUMBA_CACHE_DIR=/var/lib/makegood/machine-code \
    MAKEGOOD_LOG_FORMAT=json
USER 10001:10001
WORKDIR /var/lib/makegood
VOLUME /var/lib/makegood
# Figures and probes of flow and notifier; webhooks; the console.
EXPOSE 9464 9465 8088 8080
ENTRYPOINT ["tini", "--", "makegood"]
CMD ["--help"]
