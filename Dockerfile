# One image for every service of docker-compose.yaml that runs leadmill's own code. Nothing is compiled from source,
# and no password enters it: they come as files when a container starts.
FROM python:3.11.15-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY pyproject.toml requirements.lock deploy/runtime_requirements.py ./
RUN python runtime_requirements.py pyproject.toml requirements.lock >runtime.lock \
    && python -m venv /opt/venv \
    && /opt/venv/bin/pip install --require-hashes --no-deps --only-binary :all: --compile -r runtime.lock \
    && echo /opt/leadmill/include >/opt/venv/lib/python3.11/site-packages/leadmill.pth
COPY dags /opt/leadmill/dags
COPY deploy/health.py deploy/load.py deploy/prepare.sh /opt/leadmill/deploy/
COPY feature_repo /opt/leadmill/feature_repo
COPY include /opt/leadmill/include
COPY plugins /opt/leadmill/plugins
# An empty configuration keeps Airflow from writing one of its own: all settings come from the environment.
RUN mkdir /opt/leadmill/airflow \
    && touch /opt/leadmill/airflow/airflow.cfg \
    && /opt/venv/bin/python -m compileall -q /opt/leadmill

FROM python:3.11.15-slim-bookworm
RUN groupadd --gid 10001 leadmill \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin leadmill \
    # New volumes take the owner of the folders that they cover.
    && install -d -o leadmill -g leadmill -m 0750 \
        /var/lib/leadmill /var/lib/leadmill/data_docs /var/lib/leadmill/mlflow /var/log/airflow
COPY --from=build /opt/venv /opt/venv
COPY --from=build /opt/leadmill /opt/leadmill
ENV PATH=/opt/venv/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    AIRFLOW_HOME=/opt/leadmill/airflow \
    LEADMILL_HOME=/opt/leadmill \
    LEADMILL_STATE=/var/lib/leadmill
WORKDIR /opt/leadmill
USER 10001:10001
# What is healthy depends on the service: docker-compose.yaml says it for each.
HEALTHCHECK NONE
CMD ["airflow", "version"]
