# Не проверялось: на машине, где писался этот файл, Docker нет. Проверено, что названные пути и команды существуют.
# Debian 12 с её собственным Python 3.11; всё ставится по requirements.lock с проверкой хэшей.
FROM debian:12-slim

RUN apt-get update \
    && apt-get install -y --no-install-recommends python3 python3-venv ca-certificates libengine-gost-openssl \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /opt/inaya
COPY requirements.lock pyproject.toml README.md ./
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

COPY broker broker
COPY adapters adapters
COPY schemas schemas
COPY docs docs
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation -e .

RUN useradd --system --no-create-home inaya
USER inaya
ENV PATH=/opt/inaya/.venv/bin:$PATH PYTHONUNBUFFERED=1
ENTRYPOINT ["inaya"]
CMD ["serve"]
