# One image for every part: `docker run makegood flow --config /etc/makegood/makegood.yaml`, `... notifier ...`.
FROM python:3.12-slim AS build
WORKDIR /src
COPY . .
RUN pip wheel --no-cache-dir --constraint requirements/test.txt --wheel-dir /wheels .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/makegood makegood
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir --no-index --find-links /wheels makegood && rm -rf /wheels
USER makegood
WORKDIR /var/lib/makegood
VOLUME /var/lib/makegood
EXPOSE 9464 9465
ENTRYPOINT ["makegood"]
CMD ["--help"]
