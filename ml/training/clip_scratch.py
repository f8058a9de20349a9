"""Trains a CLIP from nothing: `python -m ml train clip` runs this.

Radford et al. 2021, https://arxiv.org/abs/2103.00020, in small: our own vision transformer beside a BERT, symmetric
cross-entropy over a batch, a learned temperature. What such a network lacks is data, so that crops, dropped patches
(https://arxiv.org/abs/2212.00794), skipped branches and a pretrained text tower have to help.
"""

import copy
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from ml import hub
from ml.backbones import minilm
from ml.datasets.examples import Split
from ml.encoders.scratch_clip import MODEL_TYPE, TEXT_TOWERS, ScratchClip, Shape, as_pixels, pad
from ml.errors import ModelUnsupported, UsageError
from ml.files import verify_sha256, whole
from ml.hub import Checkpoint
from ml.huggingface import load_model, load_tokenizer
from ml.serving import save_model
from ml.training import contrastive
from ml.training.contrastive import MARGIN, Augment, Pairs, Prepare, Step, Tokens
from ml.training.finish import finish
from ml.training.loop import Task, fit
from ml.training.options import CACHE, from_json, option
from ml.training.run import Run

DESCRIPTION = "Train a CLIP from scratch: our own vision transformer beside a BERT that is pretrained, or new too."
SPLITS: tuple[Split, ...] = ("train", "dev")
VOCABULARY = 4000  #: words that a new text tower knows whole
SIGNS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True)
class Options:
    """What a training turns on; the defaults are those of the run in docs/models.md but for the epochs."""

    data: str = option(help="folder of the data set")
    cache: str = option(CACHE, help="folder for decoded pictures, kept between runs")
    seed: int = option(0, help="of all that is random")
    text: str = option("minilm", help="text tower: minilm, none for a new one, or the hub id or folder of a BERT")
    side: int = option(112, help="side of the square picture, in pixels", least=1)
    patch: int = option(16, help="side of a patch, in pixels", least=1)
    width: int = option(256, help="of the picture's tokens", least=1)
    depth: int = option(6, help="blocks of the vision transformer", least=1)
    heads: int = option(4, help="of its attention", least=1)
    dimension: int = option(256, help="of an embedding", least=1)
    epochs: int = option(30, help="times that every picture is seen")
    batch: int = option(128, help="pairs in a step")
    chunk: int = option(0, help="pairs in memory at a time, by gradient cache; 0 for the whole batch")
    learning_rate: float = option(7e-4, help="of what is new")
    text_rate: float = option(1e-4, help="of a pretrained text tower")
    weight_decay: float = option(0.1, help="of matrices")
    warmup: float = option(0.05, help="share of the steps in which rates rise", most=1)
    label_smoothing: float = option(0.1, help="of the cross-entropy", most=1)
    crop: float = option(0.5, help="share of the area that a random crop keeps at least", least=0.01, most=1)
    light: float = option(0.2, help="by how much brightness and contrast change, as a share", most=1)
    length: int = option(20, help="tokens of a caption that training reads; the rest is cut", least=3, most=64)
    patches: float = option(0.5, help="share of patches that a step looks at", least=0.01, most=1)
    skip: float = option(0.1, help="share of pictures that skip a branch, in the last block", most=0.99)
    average: float = option(0.99, help="decay of the running average of the weights; 0 for none", most=0.99999)
    patience: int = option(10, help="epochs without a better dev R@1 after which it ends", least=1)
    bfloat16: bool = option(True, help="compute in bfloat16 where that is safe")


@dataclass(frozen=True)
class TextTower:
    """A text tower to begin with, and how it reads."""

    network: Any  #: transformers' BertModel or the like
    tokenizer: Tokenizer
    pretrained: bool

    @property
    def length(self) -> int:
        """Tokens of a text that it reads, at most; RoBERTa counts places from behind its padding token's."""
        config = self.network.config
        first = int(config.pad_token_id) + 1 if config.model_type == "roberta" else 0
        return min(Shape.length, int(config.max_position_embeddings) - first)


def text_tower(options: Options, captions: Sequence[str]) -> TextTower:
    """Open `minilm` or a BERT by hub id or folder; for `none` make one as large as the vision transformer.

    Raises ModelNotFound, ModelCorrupt or ModelUnsupported, or UsageError for sizes that cannot be.
    """
    name = options.text
    if name == "none":
        return _new_text_tower(options, captions)
    if name == "minilm":
        folder = minilm.model_folder()
        for file, digest in minilm.SHA256.items():
            verify_sha256(folder / file, digest)
        checkpoint = Checkpoint("minilm", "local", folder)
    else:
        checkpoint = hub.locate(name)
    if checkpoint.model_type not in TEXT_TOWERS:
        known = ", ".join(TEXT_TOWERS)
        raise ModelUnsupported(
            f"{name} is a {checkpoint.model_type} model, which is no text tower known here ({known})."
        )
    _, architecture = TEXT_TOWERS[checkpoint.model_type]
    keywords = getattr(architecture, "keywords", {})
    kind: Any = getattr(architecture, "func", architecture)
    network = load_model(checkpoint, lambda *places, **more: kind.from_pretrained(*places, **more, **keywords))
    return TextTower(network, load_tokenizer(checkpoint).backend_tokenizer, pretrained=True)


def _new_text_tower(options: Options, captions: Sequence[str]) -> TextTower:
    tokenizer = _new_tokenizer(captions)
    configuration, network = TEXT_TOWERS["bert"]
    sizes = configuration(
        hidden_size=options.width,
        num_hidden_layers=options.depth,
        num_attention_heads=options.heads,
        intermediate_size=4 * options.width,
        vocab_size=tokenizer.get_vocab_size(),
        max_position_embeddings=Shape.length,
    )
    try:
        return TextTower(network(sizes), tokenizer, pretrained=False)
    except ValueError as error:
        raise UsageError(f"Such a text tower cannot be: {error}.") from error


def _new_tokenizer(captions: Sequence[str]) -> Tokenizer:
    """WordPiece as BERT's, that knows the captions' commonest words whole and spells all others.

    The trainer of the tokenizers library is not used: it numbers pieces differently from run to run.
    """
    normalizer, splitter = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    words = Counter(
        word for caption in captions for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(caption))
    )
    letters = sorted({letter for word in words for letter in word})
    known = sorted(words, key=lambda word: (-words[word], word))[:VOCABULARY]
    pieces = dict.fromkeys([*SIGNS, *letters, *(f"##{letter}" for letter in letters), *known])
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, splitter
    tokenizer.decoder = decoders.WordPiece()
    ends = [(sign, vocabulary[sign]) for sign in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return tokenizer


def tokens(tokenizer: Tokenizer, captions: Sequence[str], length: int, padding: int) -> Tokens:
    """Captions as the text tower reads them."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(length)
    return Tokens(*pad(tokenizer.encode_batch(list(captions)), padding))


class Lesson:
    """The network and what it learns from: ties rows of pairs to embeddings."""

    def __init__(self, options: Options) -> None:
        """Read pairs and make the network. Raises DatasetError, UsageError, or an error of the text tower's."""
        data, cache = Path(options.data), Path(options.cache)
        larger = Prepare(round(MARGIN * options.side), middle=False)
        torch.manual_seed(options.seed)
        self.options = options
        self.device = contrastive.device()
        self.pairs, captions = Pairs.read(data, "train", cache, larger)
        self.dev, dev_captions = Pairs.read(data, "dev", cache, Prepare(options.side, middle=False))
        self.tower = text_tower(options, captions)
        self.network = new_network(options, self.tower).to(self.device)
        padding = self.tower.network.config.pad_token_id or 0
        self.tokens, self.dev_tokens = (
            tokens(self.tower.tokenizer, texts, length, padding)
            for texts, length in (
                (captions, min(options.length, self.tower.length)),
                (dev_captions, self.tower.length),
            )
        )
        self._augment = Augment(options.side, smallest=options.crop, light=options.light)

    def images(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeddings of training pictures, each cropped and lit anew."""
        pictures = as_pixels(self.pairs.squares[rows.numpy()]).to(self.device)
        with self._mixed():
            return self.network.encode_images(self._augment(pictures))

    def texts(self, rows: torch.Tensor) -> torch.Tensor:
        """Embeddings of training captions."""
        return self._texts(self.network, self.tokens[rows])

    def score(self, network: Any) -> dict[str, float]:
        """Recalls on dev."""
        images = contrastive.embed(
            lambda rows: network.encode_images(as_pixels(self.dev.squares[rows.numpy()]).to(self.device)),
            len(self.dev),
            contrastive.PICTURES_A_PASS,
        )
        texts = contrastive.embed(
            lambda rows: self._texts(network, self.dev_tokens[rows]), len(self.dev.owner), contrastive.TEXTS_A_PASS
        )
        return contrastive.figures(images, texts, self.dev.owner) | {"scale": float(network.log_scale.detach().exp())}

    def save(self, network: Any, folder: Path) -> None:
        """Write a network into a folder that `ml.load_encoder` opens."""
        folder.mkdir(parents=True, exist_ok=True)
        with whole(folder / "tokenizer.json") as partial:
            self.tower.tokenizer.save(str(partial))
        tensors = {name: tensor.cpu() for name, tensor in network.state_dict().items()}
        save_model(folder, model_type=MODEL_TYPE, config=vars(network.shape), tensors=tensors)

    def task(self) -> Task:
        """What the loop runs."""
        options, network = self.options, self.network
        size = contrastive.batch_size(options, len(self.pairs))
        steps = len(self.pairs) // size
        rates = [(network.text, options.text_rate if self.tower.pretrained else options.learning_rate)]
        groups = contrastive.parameter_groups([*rates, (network, options.learning_rate)], options.weight_decay)
        optimiser = torch.optim.AdamW(groups, betas=(0.9, 0.98), fused=True)
        return Task(
            network=network,
            optimiser=optimiser,
            schedule=contrastive.warmup_cosine(optimiser, steps * options.epochs, options.warmup),
            steps_per_epoch=steps,
            epochs=options.epochs,
            batches=lambda epoch, generator: self.pairs.batches(size, generator),
            step=Step(self.images, self.texts, self._loss, network.log_scale, options.chunk),
            score=self.score,
            figure=contrastive.FIGURE,
            save=self.save,
            seed=options.seed,
            average=options.average or None,
            patience=options.patience,
        )

    def _loss(self, images: torch.Tensor, texts: torch.Tensor) -> torch.Tensor:
        return contrastive.info_nce(images, texts, self.network.log_scale, self.options.label_smoothing)

    def _texts(self, network: ScratchClip, texts: Tokens) -> torch.Tensor:
        with self._mixed():
            return network.encode_texts(texts.ids.to(self.device), texts.mask.to(self.device))

    def _mixed(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.options.bfloat16)


def new_network(options: Options, tower: TextTower) -> ScratchClip:
    """A network of the options' shape around a text tower. Raises UsageError where its sizes do not fit."""
    text = copy.deepcopy(tower.network.config.to_diff_dict())
    for name in ("_name_or_path", "transformers_version"):  # of the machine that trained it, and of no use
        text.pop(name, None)
    sizes = ("side", "patch", "width", "depth", "heads", "dimension")
    try:
        shape = Shape.of({"text": text, "length": tower.length, **{name: getattr(options, name) for name in sizes}})
    except ValueError as error:
        raise UsageError(f"Such a vision transformer cannot be: {error}.") from error
    network = ScratchClip(shape, tower.network)
    network.image.regularise(kept=options.patches, skipped=options.skip)
    return network


def train(run: Run) -> None:
    """Train, or go on, and finish the run. Raises an error of ml.errors."""
    options = from_json(Options, run.options)
    lesson = Lesson(options)
    best = fit(run, lesson.task())
    parameters = sum(each.numel() for each in lesson.network.parameters())
    metrics = {**best, "parameters": parameters, "pictures": len(lesson.pairs), "captions": len(lesson.pairs.owner)}
    text = (
        f"A vision transformer of {options.depth} blocks, {options.width} wide, on patches of {options.patch} pixels, "
        f"trained from random weights beside the text tower `{options.text}`; {parameters:,} parameters in all."
    )
    finish(run, metrics, title="CLIP from scratch", text=text, dev=best)
