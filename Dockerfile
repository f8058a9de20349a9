# The site: web, worker and every management command. compose.yaml says what runs where.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DJANGO_SETTINGS_MODULE=mmsite.settings.prod \
    MMSITE_DATA_DIR=/data \
    HF_HOME=/data/huggingface \
    MMSITE_ADDRESS=0.0.0.0:8000

# libgomp1: torch and FAISS on slim images
RUN apt-get update \
    && apt-get install --yes --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 1000 --create-home site \
    && install --directory --owner site --mode 700 /data

WORKDIR /site
# torch goes first and alone: its pin decides which build everything else sees. For a build without CUDA, which saves
# gigabytes: --build-arg TORCH_INDEX=<index of CPU wheels>, whose 2.x+cpu goes before PyPI's 2.x
ARG TORCH_INDEX=""
COPY pyproject.toml constraints.txt README.md ./
RUN pip install --constraint constraints.txt ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} torch \
    && pip install --constraint constraints.txt '.[samples,text,onnxruntime]'

COPY . .
USER site
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=10s --start-period=120s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8000/healthz')"]
CMD ["sh", "-c", "python manage.py setup && exec python manage.py run"]
