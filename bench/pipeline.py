"""`python -m bench.pipeline`: 12-megapixel photos from upload to searchable, through the whole site.

Part "pipeline" of docs/performance.md: pictures a second against the same work done stage by stage, the processor time
of each stage, and the most memory that the worker and its decoders ever had.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from pathlib import Path

import django

from bench import installation, memory, report, steps, upload
from bench.client import Client
from bench.photos import CAMERA_SIZE, camera_photos

PHOTOS, WARM_PHOTOS, BASELINE_PHOTOS, STEP_PHOTOS = 160, 8, 24, 32
GOAL, GOAL_RATIO = 8.0, 3.0  # pictures a second, and to the baseline
REST = "all else"
# Of one picture, as each is done: what the names say, without what stands in another line.
DOOR: steps.Steps = {
    "SHA-256 of the bytes": ["gallery.services:digest_upload"],
    "asking the decoder what it is": ["gallery.validators:decoding.inspect_picture"],
    "the original on the disk": ["gallery.services:_bytes_store"],
}
WORK: steps.Steps = {
    "asking the decoder for pixels": ["mmsite.batch:open_picture"],
    "thumbnail and preview: scaling": ["gallery.renditions:pictures.shrink"],
    "thumbnail and preview: files": ["gallery.webp:encode"],
    "thumbnail and preview: disk and rows": ["mmsite.batch:_write_renditions"],
    "both models: pictures made small": ["ml.backbones.efficientnet_lite:preprocess"],
    "both models: the image tower": [
        f"ml.runtime.sessions:{kind}Session.__call__" for kind in ("Onnx", "Openvino", "Torch")
    ],
    "caption: the model": ["ml.captioners.builtin:BuiltinCaptioner.caption"],
    "caption: rows": ["captioning.services:captions_write"],
    "vector: the model": ["ml.encoders.builtin:BuiltinEncoder.encode_images"],
    "vector: rows": ["search.services:embeddings_write"],
    "claims, and what became of them": ["gallery.stages:claim", "gallery.stages:finish"],
}
REQUEST, DOOR_DECODER, WORK_DECODER = "the request itself", "decoder: is it whole?", "decoder: 1,280 pixels"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pipeline", description=__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS, help=f"how many to upload (default {PHOTOS})")
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        lines = measure(Path(folder), options.photos)
    report.write(options.report, "pipeline", lines)
    print("\n".join(lines))


def measure(folder: Path, count: int) -> list[str]:
    """The lines of the report."""
    variables = installation.environment(folder) | {"MMSITE_TEXT_READER": "none"}  # which comes later
    os.environ.update(variables)
    django.setup()
    print(f"Making {count} photos…", flush=True)
    pictures = list(camera_photos(count + WARM_PHOTOS + STEP_PHOTOS))
    warm, timed, apart = pictures[:WARM_PHOTOS], pictures[WARM_PHOTOS : WARM_PHOTOS + count], pictures[-STEP_PHOTOS:]
    with installation.running(variables) as site:
        client = Client(site.url)
        upload.through_the_site(client, warm)
        print(f"Uploading {count} photos…", flush=True)
        before = cpu_by_kind(site)
        seconds = upload.through_the_site(client, timed)
        after, peaks = cpu_by_kind(site), peaks_by_kind(site)
    print("Measuring each step…", flush=True)
    shares = step_shares(apart)
    print("Measuring the baseline…", flush=True)
    alone = upload.one_at_a_time(timed[:BASELINE_PHOTOS])
    spent = {kind: 1_000 * (after[kind] - before.get(kind, 0.0)) / count for kind in after}
    megabytes = sum(map(len, timed)) / count / 1e6
    return [
        *rate_lines(seconds, alone, count, megabytes),
        *share_lines(shares),
        *process_lines(spent, seconds),
        *memory_lines(peaks),
    ]


def cpu_by_kind(site: installation.Installation) -> dict[str, float]:
    """Seconds of processor time so far. Of a decoder that was replaced, whoever asked it counts them."""
    return {kind: sum(process.cpu for process in group) for kind, group in memory.of_site(site.supervisor.pid).items()}


def peaks_by_kind(site: installation.Installation) -> dict[str, tuple[int, float, float]]:
    """The number of processes, the peak of the largest, and the sum of peaks, in MB."""
    return {
        kind: (len(group), max(process.peak for process in group), sum(process.peak for process in group))
        for kind, group in memory.of_site(site.supervisor.pid).items()
    }


def step_shares(pictures: Sequence[bytes]) -> dict[str, float]:
    """Milliseconds of processor time that each step takes of a picture, with one thread for each model."""
    import torch
    from django.test import Client as InProcess
    from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

    from gallery.models import User
    from mmsite import pipeline, worker

    torch.set_num_threads(1)
    os.environ["OMP_NUM_THREADS"] = "1"  # models then compute on the thread that asks them, where they are watched
    worker.warm_models()
    client = InProcess(SERVER_NAME="localhost")
    client.force_login(User.objects.get(username=installation.ADMIN))
    bodies = [
        encode_multipart(BOUNDARY, {"visibility": "private", "pictures": _named(picture, number)})
        for number, picture in enumerate(pictures)
    ]
    shares: dict[str, float] = {}
    with ExitStack() as watched:
        clock = watched.enter_context(steps.watching({**DOOR, REQUEST: ["gallery.services:image_create"], **WORK}))
        before, started = _decoders(), time.process_time()
        for body in bodies:
            headers = {"Accept": "application/json"}
            answer = client.generic("POST", "/upload/", body, content_type=MULTIPART_CONTENT, headers=headers)
            if answer.status_code != 200:
                raise RuntimeError(f"An upload was answered by {answer.status_code}: {answer.content[:500]!r}")
        whole, door = time.process_time() - started, _decoders()
        shares[REQUEST] = whole - sum(clock.seconds[step] for step in DOOR)
        shares |= {step: clock.seconds[step] for step in DOOR} | {DOOR_DECODER: door - before}
        clock.reset()
        started = time.process_time()
        needed = (pipeline.RENDITIONS, pipeline.CAPTION, pipeline.EMBEDDING)
        while worker.work_batch(needed):
            pass
        whole = time.process_time() - started
        shares |= {WORK_DECODER: _decoders() - door} | {step: clock.seconds[step] for step in WORK}
        shares[REST] = whole - sum(clock.seconds[step] for step in WORK)
    return {step: 1_000 * seconds / len(pictures) for step, seconds in shares.items()}


def _named(picture: bytes, number: int) -> object:
    from django.core.files.uploadedfile import SimpleUploadedFile

    return SimpleUploadedFile(f"step-{number}.jpg", picture, "image/jpeg")


def _decoders() -> float:
    """Processor time of this process's decoders so far, in seconds."""
    return sum(process.cpu for process in memory.descendants(os.getpid()) if "gallery.decoder" in process.command)


def rate_lines(seconds: float, alone: float, count: int, megabytes: float) -> list[str]:
    size = "{} x {}".format(*CAMERA_SIZE)
    ratio = alone / seconds
    return [
        "## 12-megapixel photos, from upload to searchable",
        "",
        f"{report.machine()}, by `python -m bench.pipeline`, with the built-in models, SQLite and FAISS.",
        f"{count} JPEGs of {size} and {megabytes:.1f} MB, by the upload page's own requests from the same machine,",
        f"{upload.UPLOADS_AT_ONCE} at once, until each has its renditions, caption and vector. Baseline: the same",
        "pipeline stage by stage, one picture a task, in a script without web, database or queue: each step opens and",
        f"decodes the picture anew and whole, and a model gets one a call ({BASELINE_PHOTOS} of the same photos).",
        "",
        "| | pictures a second | ratio | goal |",
        "|---|---|---|---|",
        f"| baseline: stage by stage | {1 / alone:.2f} | 1.00 | |",
        f"| through the site | {1 / seconds:.2f} | {ratio:.2f} | {GOAL:.0f} on 2 cores, {GOAL_RATIO:.0f} x |",
    ]


def share_lines(shares: dict[str, float]) -> list[str]:
    together = sum(shares.values())
    ordered: Collection[str] = [REQUEST, *DOOR, DOOR_DECODER, WORK_DECODER, *WORK, REST]
    return [
        "",
        f"Where the time goes: processor time of each stage, in one process, on one thread a model, of {STEP_PHOTOS}",
        "such photos; each without what another line holds.",
        "",
        "| stage | CPU, ms a picture | share |",
        "|---|---|---|",
        *(f"| {step} | {shares[step]:.1f} | {shares[step] / together:.0%} |" for step in ordered),
        f"| **together** | {together:.1f} | |",
    ]


def process_lines(spent: dict[str, float], seconds: float) -> list[str]:
    together = sum(spent.values())
    return [
        "",
        "The same while the site was busy with all of them, by process:",
        "",
        "| processes | CPU, ms a picture |",
        "|---|---|",
        *(f"| {kind} | {milliseconds:.1f} |" for kind, milliseconds in sorted(spent.items())),
        f"| **together** | {together:.1f} |",
        f"| *of {os.cpu_count()} cores in that time* | {1_000 * seconds * (os.cpu_count() or 1):.1f} |",
    ]


def memory_lines(peaks: dict[str, tuple[int, float, float]]) -> list[str]:
    return [
        "",
        "The most memory that each of these processes ever had (VmHWM, shared pages included):",
        "",
        "| processes | number | the largest, MB | sum of all, MB |",
        "|---|---|---|---|",
        *(
            f"| {kind} | {number} | {largest:.0f} | {whole:.0f} |"
            for kind, (number, largest, whole) in sorted(peaks.items())
        ),
    ]


if __name__ == "__main__":
    main()
