# remote_jax in an image, for CPU; with EXTRA=cuda for NVIDIA GPUs:
#   docker build -t remote-jax .
#   docker build -t remote-jax:cuda --build-arg EXTRA=cuda .
# Runs, data and caches stay outside, in volumes:
#   docker run --rm -v "$PWD/runs:/app/runs" -v remote-jax-cache:/cache remote-jax --config=umre
#   docker run --rm --gpus=all -v /data:/data:ro ... remote-jax:cuda --config=umre:paper \
#       --config.data.dir=/data/umre
FROM python:3.12-slim AS build
ARG EXTRA=""
WORKDIR /source
COPY . .
# A virtual environment is one folder, which the image below takes without compilers and sources.
RUN python -m venv /opt/remote_jax \
    && /opt/remote_jax/bin/pip install --no-cache-dir "/source${EXTRA:+[$EXTRA]}"

FROM python:3.12-slim
COPY --from=build /opt/remote_jax /opt/remote_jax
ENV PATH=/opt/remote_jax/bin:$PATH \
    XDG_CACHE_HOME=/cache \
    HF_HOME=/cache/huggingface \
    PYTHONUNBUFFERED=1
RUN useradd --create-home --uid 1000 person \
    && mkdir -p /app/runs /cache \
    && chown -R person /app /cache
USER person
WORKDIR /app
VOLUME ["/app/runs", "/cache"]
# SIGTERM of `docker stop` saves the step under way (exit code 75); give it time with --time=300.
ENTRYPOINT ["remote-jax"]
CMD ["--help"]
