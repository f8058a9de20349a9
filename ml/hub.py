"""Checkpoints in Hugging Face format: found on this machine by folder or hub id, fetched only when asked.

Loading never touches the network, runs no code that comes with a model, and reads safetensors only.
"""

import hashlib
import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ml.errors import ModelCorrupt, ModelNotFound, ModelUnsupported
from ml.files import sha256

_HUB_NAME = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(?:@(?P<revision>[\w.-]+(?:/[\w.-]+)*))?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
CHECKSUMS = "SHA256SUMS"
_CHECKSUM = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<file>.+)")
_WEIGHTS = "model.safetensors"
_INDEX = "model.safetensors.index.json"
SETTINGS = (
    *("config.json", "generation_config.json", "preprocessor_config.json", "processor_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"),
    *("vocab.json", "merges.txt", "vocab.txt", "spiece.model", "tokenizer.model"),
)
"""The files beside the weights that change what comes out."""
BACKBONE = "backbone"
"""The folder in a captioner's folder that holds the checkpoint of its image tower."""
_PARTS = (*SETTINGS, _WEIGHTS, _INDEX, "model-*-of-*.safetensors")
_FETCHED = (*_PARTS, *(f"{BACKBONE}/{part}" for part in _PARTS), "README.md", "LICENSE*")
_PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt", "*.h5", "*.msgpack")


@dataclass(frozen=True)
class Checkpoint:
    """A model's folder on this machine."""

    name: str
    """Its hub id, or the folder's own name."""
    revision: str
    """The first twelve digits of the hub's commit, or `local`."""
    folder: Path

    @property
    def model_type(self) -> str:
        """The architecture, as transformers names it. Raises ModelNotFound or ModelCorrupt."""
        return str(self.config().get("model_type"))

    def config(self) -> dict[str, Any]:
        """The content of config.json. Raises ModelNotFound or ModelCorrupt."""
        return self._json("config.json")

    def weights(self) -> list[Path]:
        """The safetensors files.

        Raises ModelUnsupported where the folder holds only pickled weights, ModelNotFound where it holds none.
        """
        if (self.folder / _WEIGHTS).is_file():
            return [self.folder / _WEIGHTS]
        if (self.folder / _INDEX).is_file():
            shards = [self.folder / shard for shard in sorted(set(self._json(_INDEX).get("weight_map", {}).values()))]
            if shards and all(shard.is_file() for shard in shards):
                return shards
            raise ModelNotFound(f"{self.name} is incomplete: a part of its weights is missing; fetch it again.")
        if any(True for pattern in _PICKLED for _ in self.folder.glob(pattern)):
            raise ModelUnsupported(f"{self.name} has no safetensors weights, and pickled ones are never read.")
        raise ModelNotFound(f"{self.name} has no weights: {_WEIGHTS} is missing in {self.folder}.")

    def weights_hash(self) -> str:
        """SHA-256 of the weights; of several files, that of their hashes in the order of their names.

        Raises ModelCorrupt where a file in the hub's cache differs from the hash that the hub gave for it.
        """
        hashes = [self._verified_sha256(path) for path in self.weights()]
        return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()

    def verify(self) -> None:
        """Compare the files with SHA256SUMS, where the folder has it. Raises ModelCorrupt, which names the file."""
        try:
            lines = (self.folder / CHECKSUMS).read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            return
        except ValueError as error:
            raise ModelCorrupt(f"{CHECKSUMS} of {self.name} is damaged; export the model again.") from error
        listed = [_CHECKSUM.fullmatch(line) for line in lines]
        if not listed or None in listed:
            raise ModelCorrupt(f"{CHECKSUMS} of {self.name} is damaged; export the model again.")
        for match in filter(None, listed):
            path = self.folder / match["file"]
            if not path.is_file():
                raise ModelCorrupt(f"{match['file']} of {self.name} is missing; export the model again.")
            if sha256(path) != match["sha256"]:
                raise ModelCorrupt(
                    f"{match['file']} of {self.name} is damaged: its SHA-256 is not that in {CHECKSUMS}; "
                    "export the model again."
                )

    def _verified_sha256(self, path: Path) -> str:
        actual = sha256(path)
        blob = path.resolve().name  # in the hub's cache, large files are links to blobs that bear their SHA-256
        if path.is_symlink() and _SHA256.fullmatch(blob) and blob != actual:
            raise ModelCorrupt(f"{path.name} of {self.name} is damaged: its SHA-256 is not the hub's; fetch it again.")
        return actual

    def _json(self, file: str) -> dict[str, Any]:
        try:
            content = json.loads((self.folder / file).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ModelNotFound(f"{self.folder} is not a model in Hugging Face format: it has no {file}.") from error
        except ValueError as error:
            raise ModelCorrupt(f"{file} of {self.name} is not valid JSON.") from error
        if not isinstance(content, dict):
            raise ModelCorrupt(f"{file} of {self.name} does not hold what it should.")
        return content


def locate(name: str) -> Checkpoint:
    """Find a folder, or a hub id (`owner/name`, or `owner/name@revision`) in the hub's cache on this machine.

    Raises ModelNotFound where it is not here, ModelCorrupt where a folder's files are not what its SHA256SUMS says;
    nothing is fetched.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    folder = Path(os.path.expanduser(name))  # unlike Path.expanduser, leaves `~nobody` as it is
    if name and os.path.isdir(folder):  # unlike Path.is_dir, says no to a name that is too long
        checkpoint = Checkpoint(folder.resolve().name, "local", folder)
        checkpoint.verify()
        return checkpoint
    repo, revision = _parse(name)
    try:
        config = try_to_load_from_cache(repo, "config.json", revision=revision)
    except HFValidationError as error:
        raise ModelNotFound(f"{name} cannot be the id of a model on the hub: {_first_line(error)}") from error
    if not isinstance(config, str):
        raise ModelNotFound(f"{name} is not on this machine; fetch it with `python -m ml pull {name}`.")
    snapshot = Path(config).parent
    return Checkpoint(repo, snapshot.name[:12], snapshot)


def pull(name: str) -> Checkpoint:
    """Fetch a model from the hub into its cache on this machine: configuration, tokenizer and safetensors only.

    Raises ModelNotFound where the hub does not have it or cannot be reached, ModelUnsupported where it offers only
    pickled weights (its conversion to safetensors, if any, has a revision of its own: `owner/name@refs/pr/1`).
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    repo, revision = _parse(name)
    try:
        snapshot_download(repo, revision=revision, allow_patterns=list(_FETCHED))
    except GatedRepoError as error:
        raise ModelNotFound(f"{name} is only given to those who accepted its terms on the hub.") from error
    except (RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise ModelNotFound(f"The hub has no model {name}.") from error
    except Exception as error:  # what the client, its transports and the disk raise has no common root
        raise ModelNotFound(f"{name} could not be fetched: {_first_line(error)}") from error
    checkpoint = locate(name)
    if not list(checkpoint.folder.glob("*.safetensors")):
        raise ModelUnsupported(f"{name} has no safetensors weights on the hub, and pickled ones are never fetched.")
    return checkpoint


def cached() -> list[str]:
    """The names under which the models in the hub's cache on this machine can be loaded."""
    from huggingface_hub import constants, scan_cache_dir
    from huggingface_hub.errors import CacheNotFound

    try:
        repos = scan_cache_dir(constants.HF_HUB_CACHE).repos
    except CacheNotFound:
        return []
    return sorted(
        repo.repo_id if ref == "main" else f"{repo.repo_id}@{ref}"
        for repo in repos
        if repo.repo_type == "model"
        for ref in repo.refs
    )


def _parse(name: str) -> tuple[str, str | None]:
    match = _HUB_NAME.fullmatch(name)
    if match is None or ".." in name:
        raise ModelNotFound(
            f"{name or 'An empty name'} is neither a folder nor the id of a model on the hub (owner/name)."
        )
    return match["repo"], match["revision"]


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
