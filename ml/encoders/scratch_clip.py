"""A CLIP of our own make, to be trained from nothing: a vision transformer in plain torch beside a BERT.

Dosovitskiy et al. 2020, "An Image is Worth 16x16 Words", https://arxiv.org/abs/2010.11929; Radford et al. 2021,
"Learning Transferable Visual Models From Natural Language Supervision", https://arxiv.org/abs/2103.00020.
`ml.training.clip_scratch` trains it; model folders of type `mmsite-clip` are opened here.
"""

import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage
from tokenizers import Encoding, Tokenizer
from torch import nn
from torch.nn.functional import normalize
from transformers import (
    BertConfig,
    BertModel,
    DistilBertConfig,
    DistilBertModel,
    RobertaConfig,
    RobertaModel,
)

from ml import devices
from ml.encoders.similarity import similarity_maps
from ml.errors import ModelCorrupt, ModelNotFound, ModelUnsupported
from ml.files import sha256
from ml.hub import Checkpoint
from ml.interfaces import Embeddings, ModelInfo
from ml.serving import read_tensors

MODEL_TYPE = "mmsite-clip"
BATCH = 32  #: pictures or texts in one pass, to bound memory

# the pooler would be parameters that no text ever uses
TEXT_TOWERS: dict[str, tuple[Any, Any]] = {
    "bert": (BertConfig, partial(BertModel, add_pooling_layer=False)),
    "distilbert": (DistilBertConfig, DistilBertModel),
    "roberta": (RobertaConfig, partial(RobertaModel, add_pooling_layer=False)),
}
"""Model type of a text tower -> how transformers builds its configuration and its network."""


@dataclass(frozen=True)
class Shape:
    """What a network looks like, as config.json holds it."""

    text: Mapping[str, Any]  #: the text tower's configuration in Hugging Face form, with its `model_type`
    side: int = 112  #: of the square picture, in pixels
    patch: int = 16  #: side of a patch, in pixels
    width: int = 256  #: of the picture's tokens
    depth: int = 6  #: blocks
    heads: int = 4
    dimension: int = 256  #: of an embedding
    length: int = 64  #: tokens of a text; what is longer is cut

    @classmethod
    def of(cls, config: Mapping[str, Any]) -> "Shape":
        """Read it from config.json. Raises KeyError, TypeError or ValueError where something is missing or wrong."""
        shape = cls(**{each.name: config[each.name] for each in fields(cls)})
        sizes = [value for name, value in asdict(shape).items() if name != "text"]
        if not all(isinstance(size, int) and size > 0 for size in sizes):
            raise ValueError("a size is not a whole number above 0")
        if shape.side % shape.patch or shape.width % shape.heads:
            raise ValueError("side is not a multiple of patch, or width not of heads")
        return shape


class Block(nn.Module):
    """Attention, then a hidden layer of four times the width, each on normalised tokens and added to them."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.skipped = 0.0
        """Share of pictures that training lets pass a branch (stochastic depth, https://arxiv.org/abs/1603.09382)."""
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.inputs, self.output = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.hidden = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Map (n, t, width) to the same shape."""
        tokens = tokens + self._sometimes(self._attend(self.norm1(tokens)))
        return tokens + self._sometimes(self.hidden(self.norm2(tokens)))

    def _attend(self, tokens: torch.Tensor) -> torch.Tensor:
        inputs = self.inputs(tokens).unflatten(-1, (3, self.heads, -1))  # (n, t, 3, heads, width / heads)
        query, key, value = inputs.permute(2, 0, 3, 1, 4)
        # torch's fused attention takes four times as long to go backward in bfloat16 on a processor, for so few tokens
        weights = (query * query.shape[-1] ** -0.5 @ key.transpose(-1, -2)).softmax(dim=-1).to(value)
        attended: torch.Tensor = self.output((weights @ value).transpose(1, 2).flatten(2))
        return attended

    def _sometimes(self, branch: torch.Tensor) -> torch.Tensor:
        if not self.training or self.skipped == 0.0:
            return branch
        kept = (torch.rand(len(branch), 1, 1) >= self.skipped).to(branch) / (1.0 - self.skipped)
        return branch * kept


class VisionTransformer(nn.Module):
    """Pictures in, the last state of the class token out."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        cells = (shape.side // shape.patch) ** 2
        self.kept = 1.0
        """Share of patches that training looks at (FLIP, Li et al. 2022, https://arxiv.org/abs/2212.00794)."""
        self.patches = nn.Conv2d(3, shape.width, shape.patch, shape.patch)
        self.class_token = nn.Parameter(0.02 * torch.randn(shape.width))
        self.positions = nn.Parameter(0.02 * torch.randn(1 + cells, shape.width))
        self.blocks = nn.Sequential(*(Block(shape.width, shape.heads) for _ in range(shape.depth)))
        self.norm = nn.LayerNorm(shape.width)
        for name, parameter in self.blocks.named_parameters():
            if name.endswith("weight") and parameter.dim() == 2:  # branches that end in a sum start small, as in GPT-2
                last = name.endswith(("output.weight", "hidden.2.weight"))
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * shape.depth) if last else 0.02)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, side, side) in [0, 1]: (n, width)."""
        state: torch.Tensor = self.norm(self.blocks(self._tokens(pixels))[:, 0])
        return state

    def parts(self, pixels: torch.Tensor) -> torch.Tensor:
        """Each patch of pictures as if it were all that the last block sees, (n, cells, width), in reading order."""
        patches = self.blocks[:-1](self._tokens(pixels))[:, 1:]
        alone = self.blocks[-1](patches.flatten(0, 1)[:, None])
        states: torch.Tensor = self.norm(alone).view(patches.shape)
        return states

    def _tokens(self, pixels: torch.Tensor) -> torch.Tensor:
        """The class token and the patches of pictures, with their positions."""
        patches = self.patches((pixels - 0.5) / 0.25).flatten(2).transpose(1, 2) + self.positions[1:]
        if self.training and self.kept < 1.0:
            patches = self._some(patches)
        first = (self.class_token + self.positions[0]).expand(len(patches), 1, -1).to(patches)
        return torch.cat([first, patches], dim=1)

    def regularise(self, *, kept: float, skipped: float) -> None:
        """Train on a share of the patches, and let some pictures skip branches: the more, the later these are."""
        self.kept = kept
        blocks = [block for block in self.blocks if isinstance(block, Block)]
        for number, block in enumerate(blocks):
            block.skipped = skipped * number / max(1, len(blocks) - 1)

    def _some(self, patches: torch.Tensor) -> torch.Tensor:
        n, cells, width = patches.shape
        chosen = torch.rand(n, cells).argsort(dim=1)[:, : max(1, round(self.kept * cells))].to(patches.device)
        return patches.gather(1, chosen[..., None].expand(-1, -1, width))


class ScratchClip(nn.Module):
    """Both towers, a projection of each into one space, and the temperature of their similarities."""

    def __init__(self, shape: Shape, text: Any = None) -> None:
        """`text` is a text tower that is here already; without one, a new one of that shape is made."""
        super().__init__()
        self.shape = shape
        self.image = VisionTransformer(shape)
        self.text = text or new_text_tower(shape.text)
        words: int = self.text.config.hidden_size
        self.image_projection = nn.Linear(shape.width, shape.dimension, bias=False)
        self.text_projection = nn.Linear(words, shape.dimension, bias=False)
        for projection in (self.image_projection, self.text_projection):
            nn.init.normal_(projection.weight, std=projection.in_features**-0.5)
        self.log_scale = nn.Parameter(torch.tensor(math.log(1 / 0.07)))

    def encode_images(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, side, side) in [0, 1]: (n, dimension) float32, L2-normalised."""
        return normalize(self.image_projection(self.image(pixels)).float(), dim=-1)

    def encode_parts(self, pixels: torch.Tensor) -> torch.Tensor:
        """Each patch of pictures (n, 3, side, side) in [0, 1] by itself: (n, cells, dimension), L2-normalised."""
        return normalize(self.image_projection(self.image.parts(pixels)).float(), dim=-1)

    def encode_texts(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Token ids (n, t) and where there are any, (n, t) bool: (n, dimension) float32, L2-normalised."""
        states = self.text(input_ids=ids, attention_mask=mask.long()).last_hidden_state
        held = mask[..., None].to(states)
        mean = (states * held).sum(dim=1) / held.sum(dim=1).clamp_min(1.0)
        return normalize(self.text_projection(mean).float(), dim=-1)


def new_text_tower(config: Mapping[str, Any]) -> Any:
    """A text tower of that configuration with random weights. Raises ModelUnsupported for another architecture."""
    kind = config.get("model_type")
    if kind not in TEXT_TOWERS:
        raise ModelUnsupported(f"A text tower of type {kind} is not known here ({', '.join(TEXT_TOWERS)}).")
    configuration, network = TEXT_TOWERS[kind]
    # a configuration may name a kernel to be downloaded; it must not
    return network(configuration.from_dict({**config, "attn_implementation": "sdpa"}))


def square(image: PILImage.Image, side: int) -> PILImage.Image:
    """The whole picture, whatever its shape, as a square of RGB: a caption may speak of any corner of it."""
    return image.convert("RGB").resize((side, side), PILImage.Resampling.BICUBIC)


class ScratchClipEncoder:
    """An ImageTextEncoder. Safe to share between threads: encoding changes nothing in it."""

    match_floor: float | None = None

    def __init__(self, *, network: ScratchClip, tokenizer: Tokenizer, info: ModelInfo) -> None:
        self.info = info
        self.dimension = network.shape.dimension
        self._network = network.eval()
        self._where = network.log_scale.device
        self._padding: int = network.text.config.pad_token_id or 0
        self._tokenizer = tokenizer
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(network.shape.length)

    @classmethod
    def load(cls, checkpoint: Checkpoint) -> "ScratchClipEncoder":
        """Open a model folder. Raises ModelNotFound, ModelCorrupt, ModelUnsupported or DeviceUnavailable."""
        config, tensors = checkpoint.config(), read_tensors(checkpoint)
        try:
            network = ScratchClip(Shape.of(config))
            network.load_state_dict(tensors)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            reason = str(error).strip().splitlines()[-1].strip()
            raise ModelCorrupt(f"Configuration and weights of {checkpoint.name} do not fit: {reason}") from error
        path = checkpoint.folder / "tokenizer.json"
        if not path.is_file():
            raise ModelNotFound(f"{checkpoint.name} is incomplete: it has no tokenizer.json.")
        try:
            tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the tokenizer's library raises nothing narrower
            raise ModelCorrupt(f"tokenizer.json of {checkpoint.name} is damaged.") from error
        digest = hashlib.sha256(f"{sha256(checkpoint.folder / 'config.json')} {sha256(path)}".encode()).hexdigest()
        info = ModelInfo(
            name=checkpoint.name,
            revision=checkpoint.revision,
            weights_hash=checkpoint.weights_hash(),
            preprocessing=f"square-{network.shape.side}-{digest[:12]}",
        )
        return cls(network=devices.place(network), tokenizer=tokenizer, info=info)

    @devices.inference
    def encode_images(self, images: Sequence[PILImage.Image]) -> Embeddings:
        """Embed RGB pictures of any size: (n, d)."""
        size = devices.batch(self._where, BATCH)
        return self._joined(
            [self._image_vectors(images[start : start + size]) for start in range(0, len(images), size)]
        )

    @devices.inference
    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts: (n, d). Text beyond the model's length is cut."""
        encodings = self._tokenizer.encode_batch(list(texts))
        batches = [encodings[start : start + BATCH] for start in range(0, len(encodings), BATCH)]
        inputs = ((part.to(self._where) for part in pad(batch, self._padding)) for batch in batches)
        return self._joined([self._network.encode_texts(*parts) for parts in inputs])

    @devices.inference
    def similarity_maps(self, image: PILImage.Image, texts: Embeddings) -> npt.NDArray[np.float32]:
        """How much each patch of an RGB picture is like each of m texts, (m, d): (m, rows, columns)."""
        (parts,) = self._network.encode_parts(self._pixels([image]).to(self._where))
        shape = self._network.shape
        return similarity_maps(parts.cpu().numpy(), texts, rows=shape.side // shape.patch)

    def _image_vectors(self, images: Sequence[PILImage.Image]) -> torch.Tensor:
        there = self._pixels(images).to(self._where)
        return devices.half(self._where, lambda: self._network.encode_images(there))

    def _pixels(self, images: Sequence[PILImage.Image]) -> torch.Tensor:
        squares = np.stack([np.asarray(square(image, self._network.shape.side)) for image in images])
        return as_pixels(squares)

    def _joined(self, parts: list[torch.Tensor]) -> Embeddings:
        array: Embeddings = torch.cat([torch.zeros(0, self.dimension), *(part.cpu() for part in parts)]).numpy()
        return array


def as_pixels(squares: npt.NDArray[np.uint8]) -> torch.Tensor:
    """Pictures as Pillow gives them, (n, side, side, 3) in 0..255: (n, 3, side, side) float32 in [0, 1]."""
    return torch.from_numpy(squares).permute(0, 3, 1, 2).float() / 255


def pad(encodings: Sequence[Encoding], padding: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Token ids (n, t) int64, filled up with `padding`, and where there are any, (n, t) bool."""
    longest = max(len(encoding.ids) for encoding in encodings)
    ids = torch.full((len(encodings), longest), padding)
    mask = torch.zeros(len(encodings), longest, dtype=torch.bool)
    for row, encoding in enumerate(encodings):
        ids[row, : len(encoding.ids)] = torch.tensor(encoding.ids, dtype=torch.int64)
        mask[row, : len(encoding.ids)] = True
    return ids, mask
