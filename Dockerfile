# The web process and the worker of docker-compose.yml. Their PostgreSQL servers are containers of their own.
FROM python:3.11-slim-bookworm

# The compiler is for the stack sqlalchemy-1.4.42: its asyncpg has no ready-made build for this Python.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /app
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1

# What changes least comes first, so that a change of ours builds in seconds.
COPY requirements requirements
RUN pip install --require-hashes -r requirements/build.txt -r requirements/dashboard.txt \
    && pip download --no-deps --require-hashes --dest /tmp/htmx -r requirements/htmx.txt

COPY . .
RUN python requirements/extract_htmx.py /tmp/htmx/django_htmx-*.whl static/vendor/htmx.min.js \
    && pip install --no-deps --no-build-isolation --editable . \
    && useradd --uid 1000 --create-home interlock \
    && install --directory --owner=interlock /data

USER interlock
ENV INTERLOCK_DATA_DIR=/data INTERLOCK_HOST=0.0.0.0
VOLUME /data
EXPOSE 8440
HEALTHCHECK --interval=5s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8440/healthz', timeout=4)"]
CMD ["interlock", "serve"]
