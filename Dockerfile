# The same steps as on any machine: `make setup`, then the `vigil` command.
FROM python:3.11-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/vigil
# What set-up depends on comes first, so that a change of code does not bring the libraries again.
COPY .npmrc LICENSE Makefile package.json package-lock.json pyproject.toml requirements*.txt ./
COPY scripts scripts
COPY backend/__init__.py backend/__init__.py
RUN make setup
COPY backend backend
COPY migrations migrations
COPY static static
COPY templates templates
RUN .venv/bin/python -m compileall -q backend

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --no-create-home --shell /usr/sbin/nologin vigil \
    && install --directory --owner=10001 /anchors
COPY --from=build /opt/vigil /opt/vigil
WORKDIR /opt/vigil
ENV PATH=/opt/vigil/.venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    VIGIL_DATA_DIR=/tmp/vigil \
    VIGIL_HOST=0.0.0.0
USER 10001:10001
EXPOSE 8000
CMD ["vigil", "serve"]
