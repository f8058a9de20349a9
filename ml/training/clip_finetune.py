"""Fine-tunes any CLIP or SigLIP in Hugging Face format: `python -m ml train finetune-clip` runs this.

What learns, by mode; the temperature does in each:

- full: everything.
- projection: the two projections, on features that are computed once.
- lora: low-rank changes of the attentions (Hu et al. 2021, https://arxiv.org/abs/2106.09685), and the projections.
- lit: the text tower with its projection; pictures are embedded once (Zhai et al. 2022, "LiT: Zero-Shot Transfer with
  Locked-image text Tuning", https://arxiv.org/abs/2111.07991).

Whatever the mode, the model folder is a plain checkpoint in Hugging Face format that `ml.load_encoder` opens.
"""

import copy
import math
import shutil
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.functional import normalize
from transformers import AutoModel

from ml import hub
from ml.datasets.examples import Split
from ml.encoders.scratch_clip import as_pixels
from ml.errors import ModelUnsupported, UsageError
from ml.hub import SETTINGS, Checkpoint
from ml.huggingface import load_image_processor, load_model, load_tokenizer
from ml.training import contrastive
from ml.training.contrastive import MARGIN, PICTURES_A_PASS, TEXTS_A_PASS, Augment, Pairs, Prepare, Step, Tokens
from ml.training.finish import finish
from ml.training.loop import Task, fit
from ml.training.options import CACHE, from_json, option
from ml.training.run import Run

DESCRIPTION = "Fine-tune any CLIP or SigLIP: whole, its projections, by LoRA, or with a locked image tower (LiT)."
SPLITS: tuple[Split, ...] = ("train", "dev")
MODEL_TYPES = ("clip", "siglip")
RATES = {"full": 1e-5, "projection": 1e-3, "lora": 2e-4, "lit": 2e-5}
PROJECTIONS = ("visual_projection", "text_projection")
ATTENTIONS = r".*\.self_attn\.(q|k|v|out)_proj"

Features = Callable[[Any, torch.Tensor], torch.Tensor]
"""Of a network and rows of pairs: (n, width) float32."""


@dataclass(frozen=True)
class Options:
    """What a fine-tuning turns on."""

    data: str = option(help="folder of the data set")
    model: str = option(help="CLIP or SigLIP to start from: a hub id that was fetched, or a folder")
    cache: str = option(CACHE, help="folder for decoded pictures, kept between runs")
    seed: int = option(0, help="of all that is random")
    mode: str = option("full", help="what learns", choices=tuple(RATES))
    epochs: int = option(10, help="times that every picture is seen")
    batch: int = option(256, help="pairs in a step")
    chunk: int = option(32, help="pairs in memory at a time, by gradient cache; 0 for the whole batch")
    learning_rate: float | None = option(None, help=f"the highest; left out, that of the mode: {RATES}")
    weight_decay: float = option(0.05, help="of matrices")
    warmup: float = option(0.1, help="share of the steps in which rates rise", most=1)
    crop: float = option(0.8, help="share of the area that a random crop keeps at least", least=0.01, most=1)
    mirror: bool = option(True, help="show half of the pictures mirrored; not for captions that tell left from right")
    lora_rank: int = option(8, help="of the changes that LoRA learns")
    average: float = option(
        0.0, help="decay of the running average of the weights, such as 0.99; 0 for none", most=0.99999
    )
    interpolate: float = option(1.0, help="WiSE-FT: how far to go from the start to what was learnt; 0.5 is halfway")
    patience: int = option(3, help="epochs without a better dev R@1 after which it ends", least=1)
    bfloat16: bool = option(True, help="compute in bfloat16 where that is safe")


@dataclass(frozen=True)
class Start:
    """The checkpoint to start from."""

    checkpoint: Checkpoint
    network: Any  #: CLIPModel or SiglipModel
    image_processor: Any
    tokenizer: Any

    @classmethod
    def open(cls, name: str) -> "Start":
        """Open it. Raises ModelNotFound, ModelCorrupt, or ModelUnsupported for another architecture."""
        checkpoint = hub.locate(name)
        if checkpoint.model_type not in MODEL_TYPES:
            known = " and ".join(MODEL_TYPES)
            raise ModelUnsupported(
                f"{name} is a {checkpoint.model_type} model; those that can be fine-tuned here are {known}."
            )
        network = load_model(checkpoint, AutoModel.from_pretrained)
        return cls(checkpoint, network, load_image_processor(checkpoint), load_tokenizer(checkpoint))

    @property
    def is_siglip(self) -> bool:
        return self.checkpoint.model_type == "siglip"

    def prepare(self, margin: float = 1.0) -> Prepare:
        """How its pictures become squares, larger than it takes them by a margin."""
        side = self.network.config.vision_config.image_size
        return Prepare(round(margin * side), middle=bool(self.image_processor.do_center_crop))

    def tokens(self, captions: list[str]) -> Tokens:
        """Captions as the text tower reads them, padded to one length."""
        length = self.network.config.text_config.max_position_embeddings
        padding = "max_length" if self.is_siglip else True  # SigLIP was trained on padded texts, without a mask
        read = self.tokenizer(captions, padding=padding, truncation=True, max_length=length, return_tensors="pt")
        mask = torch.ones_like(read["input_ids"]) if self.is_siglip else read["attention_mask"]
        return Tokens(read["input_ids"], mask.bool())


class Towers:
    """A CLIP or SigLIP in two steps: a trunk's features, then the embedding that is made of them."""

    def __init__(self, start: Start, device: torch.device, *, bfloat16: bool) -> None:
        self._mean, self._deviation = (
            torch.tensor(getattr(start.image_processor, name), device=device)[:, None, None]
            for name in ("image_mean", "image_std")
        )
        self._masked = not start.is_siglip
        self._device = device
        self._bfloat16 = bfloat16

    def image_features(self, network: Any, pictures: torch.Tensor) -> torch.Tensor:
        """Pictures (n, 3, side, side) in [0, 1]: features (n, width)."""
        normalised = (pictures - self._mean) / self._deviation
        with self._mixed():
            features: torch.Tensor = network.vision_model(pixel_values=normalised).pooler_output
        return features.float()

    def text_features(self, network: Any, tokens: Tokens) -> torch.Tensor:
        """Texts: features (n, width)."""
        mask = tokens.mask.long().to(self._device) if self._masked else None
        with self._mixed():
            features: torch.Tensor = network.text_model(
                input_ids=tokens.ids.to(self._device), attention_mask=mask
            ).pooler_output
        return features.float()

    def image_embeddings(self, network: Any, features: torch.Tensor) -> torch.Tensor:
        """Features (n, width): embeddings (n, d) float32, L2-normalised. SigLIP has no projection of pictures."""
        return normalize(_head(network, "visual_projection")(features), dim=-1)

    def text_embeddings(self, network: Any, features: torch.Tensor) -> torch.Tensor:
        """The same for texts; SigLIP's projection is part of its text tower."""
        return normalize(_head(network, "text_projection")(features), dim=-1)

    def _mixed(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._bfloat16)


def _head(network: Any, name: str) -> Any:
    return getattr(network, name, None) or nn.Identity()


class Lesson:
    """The network and what it learns from: ties rows of pairs to embeddings."""

    def __init__(self, options: Options) -> None:
        """Open the checkpoint and read pairs. Raises an error of ml.errors."""
        torch.manual_seed(options.seed)
        self.options = options
        self.start = Start.open(options.model)
        self.device = contrastive.device()
        self._first = copy.deepcopy(self.start.network.state_dict()) if options.interpolate < 1.0 else {}
        self.network = trainable(self.start, options).to(self.device)
        self.towers = Towers(self.start, self.device, bfloat16=options.bfloat16)
        data, cache = Path(options.data), Path(options.cache)
        # features that are computed once are those of the whole picture; otherwise each step crops it anew
        fixed = not any(each.requires_grad for each in plain(self.network).vision_model.parameters())
        self.pairs, captions = Pairs.read(data, "train", cache, self.start.prepare(1.0 if fixed else MARGIN))
        self.dev, dev_captions = Pairs.read(data, "dev", cache, self.start.prepare())
        self.tokens, self.dev_tokens = self.start.tokens(captions), self.start.tokens(dev_captions)
        side = self.start.network.config.vision_config.image_size
        augment = None if fixed else Augment(side, smallest=options.crop, mirror=options.mirror)
        self.image_features = self._source("vision_model", self._pictures(self.pairs, augment), len(self.pairs))
        self.dev_image_features = self._source("vision_model", self._pictures(self.dev, None), len(self.dev))
        self.text_features = self._source("text_model", self._texts(self.tokens), len(self.pairs.owner))
        self.dev_text_features = self._source("text_model", self._texts(self.dev_tokens), len(self.dev.owner))

    def task(self) -> Task:
        """What the loop runs."""
        options, network = self.options, self.network
        size = contrastive.batch_size(options, len(self.pairs))
        steps = len(self.pairs) // size
        rate = RATES[options.mode] if options.learning_rate is None else options.learning_rate
        groups = contrastive.parameter_groups([(network, rate)], options.weight_decay)
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        return Task(
            network=network,
            optimiser=optimiser,
            schedule=contrastive.warmup_cosine(optimiser, steps * options.epochs, options.warmup),
            steps_per_epoch=steps,
            epochs=options.epochs,
            batches=lambda epoch, generator: self.pairs.batches(size, generator),
            step=self.step(),
            score=lambda network: self.score(self.served(network)),
            figure=contrastive.FIGURE,
            save=lambda network, folder: save(self.served(network), self.start, folder),
            seed=options.seed,
            average=options.average or None,
            patience=options.patience,
        )

    def step(self) -> Step:
        """How a batch is learnt."""
        network = plain(self.network)
        return Step(
            images=lambda rows: self.towers.image_embeddings(network, self.image_features(network, rows)),
            texts=lambda rows: self.towers.text_embeddings(network, self.text_features(network, rows)),
            loss=self._loss,
            log_scale=network.logit_scale,
            chunk=self.options.chunk,
            hottest=math.inf if self.start.is_siglip else contrastive.HOTTEST,
        )

    def served(self, network: Any) -> Any:
        """The plain network that a folder will hold: LoRA's changes added, and interpolated with the start.

        Wortsman et al. 2021, "Robust fine-tuning of zero-shot models", https://arxiv.org/abs/2109.01903.
        """
        if self.options.mode == "lora":
            network = copy.deepcopy(network).merge_and_unload()
        if self._first:
            network = copy.deepcopy(network)
            with torch.no_grad():
                for name, tensor in network.state_dict().items():
                    first = self._first[name].to(tensor.device)
                    if tensor.is_floating_point():
                        tensor.copy_(torch.lerp(first, tensor, self.options.interpolate))
        return network.eval()

    def score(self, network: Any) -> dict[str, float]:
        """Recalls of a plain network on dev."""
        images = contrastive.embed(
            lambda rows: self.towers.image_embeddings(network, self.dev_image_features(network, rows)),
            len(self.dev),
            PICTURES_A_PASS,
        )
        texts = contrastive.embed(
            lambda rows: self.towers.text_embeddings(network, self.dev_text_features(network, rows)),
            len(self.dev.owner),
            TEXTS_A_PASS,
        )
        return contrastive.figures(images, texts, self.dev.owner) | {"scale": float(network.logit_scale.detach().exp())}

    def _loss(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        network = plain(self.network)
        if self.start.is_siglip:
            return contrastive.sigmoid_loss(images, texts, network.logit_scale, network.logit_bias)
        return contrastive.info_nce(images, texts, network.logit_scale)

    def _pictures(self, pairs: Pairs, augment: Augment | None) -> Features:
        def features(network: Any, rows: torch.Tensor) -> torch.Tensor:
            pictures = as_pixels(pairs.squares[rows.numpy()]).to(self.device)
            return self.towers.image_features(network, augment(pictures) if augment else pictures)

        return features

    def _texts(self, tokens: Tokens) -> Features:
        def features(network: Any, rows: torch.Tensor) -> torch.Tensor:
            return self.towers.text_features(network, tokens.whole(rows) if self.start.is_siglip else tokens[rows])

        return features

    def _source(self, trunk: str, features: Features, rows: int) -> Features:
        """Features of rows: computed anew each time, or, where the trunk is frozen, once for all."""
        network = plain(self.network)
        if any(each.requires_grad for each in getattr(network, trunk).parameters()):
            return features
        held = contrastive.embed(lambda some: features(network, some), rows, PICTURES_A_PASS, f"frozen {trunk}")
        return lambda network, rows: held[rows.to(held.device)]


def trainable(start: Start, options: Options) -> Any:
    """The start's network, of which what the mode lets learn takes gradients. Raises ModelUnsupported."""
    network, mode = start.network, options.mode
    if start.is_siglip and mode == "projection":
        raise ModelUnsupported(f"{options.model} is a SigLIP, which has no projections to train; choose another mode.")
    network.requires_grad_(mode == "full")
    heads = {"projection": PROJECTIONS, "lora": PROJECTIONS, "lit": ("text_model", "text_projection")}
    for name in heads.get(mode, ()):
        _head(network, name).requires_grad_(True)
    if mode == "lora":
        network = _with_lora(network, options.lora_rank)
    for name in ("logit_scale", "logit_bias"):
        if hasattr(plain(network), name):
            getattr(plain(network), name).requires_grad_(True)
    return network


def _with_lora(network: Any, rank: int) -> Any:
    from peft import LoraConfig, get_peft_model

    if rank < 1:
        raise UsageError("--lora-rank must be at least 1.")
    heads = [name for name in PROJECTIONS if hasattr(network, name)]
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules=ATTENTIONS)
    with warnings.catch_warnings():  # peft still asks transformers for an attribute under its former name
        warnings.simplefilter("ignore", FutureWarning)
        wrapped = get_peft_model(network, config)
    for name in heads:  # peft freezes all but its own
        getattr(network, name).requires_grad_(True)
    return wrapped


def plain(network: Any) -> Any:
    """The CLIPModel or SiglipModel within what peft made of it."""
    return network.get_base_model() if hasattr(network, "get_base_model") else network


def save(network: Any, start: Start, folder: Path) -> None:
    """Write a plain network as a checkpoint, with tokenizer and image processor as its start had them.

    In place of an earlier one; a full disk leaves that as it was.
    """
    partial = folder.with_name(f".{folder.name}.partial")
    try:
        network.save_pretrained(partial)
        for name in SETTINGS:
            if name != "config.json" and (start.checkpoint.folder / name).is_file():
                shutil.copy(start.checkpoint.folder / name, partial / name)
        folder.mkdir(parents=True, exist_ok=True)
        for path in partial.iterdir():
            path.replace(folder / path.name)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def train(run: Run) -> None:
    """Fine-tune, or go on, and finish the run. Raises an error of ml.errors."""
    options = from_json(Options, run.options)
    if not 0.0 <= options.interpolate <= 1.0:
        raise UsageError("--interpolate must be from 0, the start, to 1, what was learnt.")
    lesson = Lesson(options)
    before = lesson.score(plain(lesson.network))
    best = fit(run, lesson.task())
    learnt = sum(each.numel() for each in lesson.network.parameters() if each.requires_grad)
    metrics: Mapping[str, Any] = {
        **best,
        **{f"start_{name}": value for name, value in before.items()},
        "trained_parameters": learnt,
        "pictures": len(lesson.pairs),
        "captions": len(lesson.pairs.owner),
    }
    text = (
        f"`{lesson.start.checkpoint.name}` (revision {lesson.start.checkpoint.revision}), fine-tuned in mode "
        f"`{options.mode}`: {learnt:,} parameters learnt. Before, its text -> image R@1 on dev was "
        f"{100 * before[contrastive.FIGURE]:.1f} %."
    )
    finish(run, metrics, title="Fine-tuned CLIP", text=text, dev=best)
