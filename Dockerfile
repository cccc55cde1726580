# The server. It can be reached by others, so it starts once there is a key:
#   docker build -t idiolect .
#   docker run --rm -v idiolect:/data idiolect keys add --role operator --store /data/people.db
#   docker run -p 127.0.0.1:8000:8000 -v idiolect:/data idiolect
FROM python:3.12-slim-bookworm AS wheel
WORKDIR /src
COPY pyproject.toml README.md LICENSE ./
COPY idiolect idiolect
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.12-slim-bookworm
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 OMP_NUM_THREADS=1 HF_HOME=/data/models
COPY constraints.txt /tmp/constraints.txt
# torch first and alone: its own index has a build without CUDA, some 200 MB in place of several GB
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
RUN pip install --index-url "$TORCH_INDEX" --no-deps torch -c /tmp/constraints.txt
COPY --from=wheel /wheels /wheels
RUN pip install "$(echo /wheels/*.whl)[local,serve,postgres]" -c /tmp/constraints.txt && rm -rf /wheels \
    && useradd --create-home --uid 10001 idiolect && install -d -o idiolect -g idiolect -m 700 /data /keys
USER idiolect
WORKDIR /data
VOLUME ["/data", "/keys"]
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=2)"]
ENTRYPOINT ["idiolect"]
CMD ["serve", "--host", "0.0.0.0", "--store", "/data/people.db", "--no-sample"]
