"""The numbers that were published with the article, as plain data.

Images, labels and methods are those of the article's notebooks. Numbers are kept as text, to the
last digit printed. Labels are positions in the logits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from studies.reproduce.quantities import Printing, Published, Question, Tolerance


@dataclass(frozen=True)
class KnownFile:
    """A file that is not part of the project: its name, size in bytes and checksum."""

    name: str
    size: int
    checksum: str


# SHA-256; the archive holds the other two.
ARCHIVE = KnownFile(
    "inception5h.zip",
    49_937_555,
    "d13569f6a98159de37e92e9c8ec4dae8f674fbf475f69fe6199b514f756d4364",
)
GRAPH = KnownFile(
    "tensorflow_inception_graph.pb",
    53_884_595,
    "a39b08b826c9d5a5532ff424c03a3a11a202967544e389aca4b06c2bd8aef63f",
)
# MD5 of the images that the notebooks hold; those of the others are unknown.
IMAGES = {
    "dog_cat": KnownFile("dog_cat.png", 82_724, "8edd5d6efcaa989b7ff61a3ba1698401"),
    "flowers": KnownFile("flowers.png", 81_741, "e8afce43bd5643163897480b7cd43862"),
}
LABELS = {
    55: "tiger cat", 76: "tiger", 125: "golden retriever", 132: "beagle", 124: "collie",
    141: "kuvasz", 176: "Labrador retriever", 181: "redbone", 201: "lynx", 386: "brambling",
    970: "tennis ball", 874: "vase", 320: "lemon", 817: "bow tie", 535: "sunglasses", 147: "hog",
    41: "dalmatian",
}  # fmt: skip

SINGLE = Tolerance(
    "single precision: other processors and convolutions move a number by about 1e-5 of the "
    "largest, another image or network by percents",
    relative=1e-3,
)
EXACT = Tolerance("none: a channel, a row or a column is either the same or not")
COUNT = Tolerance("a channel may be just active or just not", absolute=1)
GROUPS = Tolerance("NMF may stop a round earlier or later", relative=1e-2)
RECIPE = Tolerance(
    "NMF, and a list of labels with the dummy but without the second crane and maillot",
    relative=2e-2,
)
DRAWN = Tolerance("5 standard deviations over seeds, since the noise was not kept", deviations=5)

CHANNELS, DICTIONARY = "AttrChannel notebook", "SemanticDictionary notebook"
NEURONS, FACTORS = "NeuronGroups notebook", "the authors' recipe for all classes"
ARTICLE = "data of the article"

DOG_CAT = (176, 55)
FLOWERS = (874, 320)
PIG = (147, 41)
TUXEDO = (817, 535)


def _number(
    question: Question, source: str, statistic: str, at: Sequence[int], printed: str,
    printing: Printing = Printing.ROUNDED, tolerance: Tolerance = SINGLE, binding: bool = True,
) -> Published:  # fmt: skip
    place = tuple(at)
    return Published(question, statistic, place, printed, printing, tolerance, source, binding)


def _index(
    question: Question, source: str, statistic: str, at: Sequence[int], found: int
) -> Published:
    return _number(question, source, statistic, at, str(found), Printing.WHOLE, EXACT)


def _totals(question: Question, total: str, largest: str, smallest: str) -> Iterator[Published]:
    for name, text in (("sum", total), ("largest", largest), ("smallest", smallest)):
        yield _number(question, CHANNELS, name, (), text)


def _ranked(question: Question, statistic: str, values: Mapping[int, str]) -> Iterator[Published]:
    """Yield the channels in their order, each with the number printed below it."""
    for rank, (channel, text) in enumerate(values.items()):
        yield _index(question, CHANNELS, statistic, (rank,), channel)
        yield _number(question, CHANNELS, "value", (channel,), text, Printing.CUT)


def _attribution(
    question: Question, totals: tuple[str, str, str], strongest: Mapping[int, str],
    negative: Mapping[int, str], zeros: int | None = None,
) -> Iterator[Published]:  # fmt: skip
    yield from _totals(question, *totals)
    yield from _ranked(question, "strongest", strongest)
    yield from _ranked(question, "most negative", negative)
    if zeros is not None:
        yield _number(question, CHANNELS, "zeros", (), str(zeros), Printing.WHOLE, COUNT)


def _channels() -> Iterator[Published]:
    linear, path = (Question("dog_cat", m, "mixed4d", DOG_CAT) for m in ("linear", "path-left-100"))
    yield from _attribution(
        linear, ("5.989598", "1.628003", "-1.723798"),
        {426: "1.628", 436: "1.505", 43: "1.194", 477: "1.093", 37: "0.962"},
        {221: "-1.72", 517: "-1.53", 493: "-1.31", 383: "-1.05"}, zeros=17,
    )  # fmt: skip
    yield from _attribution(
        path, ("7.961262", "2.654763", "-3.401554"),
        {426: "2.654", 436: "2.370", 477: "2.322", 43: "2.259", 37: "1.250"},
        {221: "-3.40", 493: "-2.36", 517: "-2.04"},
    )  # fmt: skip
    linear, path = (Question("flowers", m, "mixed4d", FLOWERS) for m in ("linear", "path-left-100"))
    yield from _attribution(
        linear, ("-1.078087", "2.400569", "-3.408109"),
        {469: "2.400", 234: "1.139", 2: "0.913", 480: "0.628", 4: "0.558"},
        {25: "-3.40", 185: "-1.74", 119: "-1.04"}, zeros=28,
    )  # fmt: skip
    yield from _attribution(
        path, ("-1.882058", "4.173313", "-5.927129"),
        {469: "4.173", 234: "2.205", 2: "1.346", 480: "1.028", 257: "0.923"},
        {25: "-5.92", 185: "-2.34", 455: "-1.97"},
    )  # fmt: skip
    linear, path = (Question("pig", m, "mixed4d", PIG) for m in ("linear", "path-left-100"))
    yield from _attribution(
        linear, ("8.087828", "3.351638", "-2.892212"),
        {403: "3.351", 454: "1.793", 82: "1.669", 100: "1.619", 80: "1.412"},
        {520: "-2.89", 383: "-2.14", 240: "-1.92"}, zeros=7,
    )  # fmt: skip
    yield from _attribution(
        path, ("9.828927", "5.243259", "-3.569611"),
        {403: "5.243", 454: "2.390", 100: "2.310", 82: "2.051", 80: "1.994"},
        {520: "-3.56", 383: "-2.97"},
    )  # fmt: skip
    yield from _attribution(
        Question("sunglasses_tux", "linear", "mixed4d", TUXEDO),
        ("6.076676", "7.486825", "-1.553387"), {490: "7.486", 519: "2.278", 16: "1.277"},
        {458: "-1.55", 432: "-1.41", 423: "-1.01"}, zeros=12,
    )  # fmt: skip


def _drawn() -> Iterator[Published]:
    """Yield one draw of `stochastic`; the order of channels differs between draws."""
    question = Question("dog_cat", "stochastic", "mixed4d", DOG_CAT)
    for statistic, at, text in (
        ("sum", (), "10.09"), ("largest", (), "3.280"), ("smallest", (), "-3.880"),
        ("value", (477,), "3.280"), ("value", (221,), "-3.880"),
    ):  # fmt: skip
        yield _number(question, CHANNELS, statistic, at, text, Printing.UNKNOWN, DRAWN)


def _single_labels() -> Iterator[Published]:
    """Yield what the article's page shows for each label of the notebook's contrast."""
    labrador, tiger_cat = (Question("dog_cat", "linear", "mixed4d", (a,)) for a in DOG_CAT)
    for rank, (channel, text) in enumerate({43: "1.325", 436: "1.237", 426: "1.224"}.items()):
        yield _index(labrador, ARTICLE, "strongest", (rank,), channel)
        yield _number(labrador, ARTICLE, "value", (channel,), text)
    yield _number(tiger_cat, ARTICLE, "value", (426,), "-0.404")


def _activations() -> Iterator[Published]:
    """Yield the strongest channels of positions; the first of an image is where it is strongest."""
    shown: dict[str, dict[tuple[int, int], dict[int, str]]] = {
        "dog_cat": {
            (3, 4): {477: "920.555", 501: "598.045", 331: "532.720", 306: "528.686"},
            (4, 1): {426: "909.931", 436: "633.170", 446: "334.444", 417: "329.136"},
        },
        "flowers": {(11, 11): {185: "684.899", 25: "460.211", 73: "423.413", 228: "392.540"}},
    }
    for image, positions in shown.items():
        question = Question(image, "activations", "mixed4d")
        start = next(iter(positions))
        for name, value in zip(("peak row", "peak col"), start, strict=True):
            yield _index(question, DICTIONARY, name, (), value)
        for position, channels in positions.items():
            for rank, (channel, text) in enumerate(channels.items()):
                yield _index(question, DICTIONARY, "strongest", (*position, rank), channel)
                yield _number(question, DICTIONARY, "value", (*position, channel), text)


def _neuron_groups() -> Iterator[Published]:
    """Yield the groups' effects, by ascending effect on the second label.

    The notebook orders groups by their peaks, blockscope by their centres of mass.
    """
    question = Question("dog_cat", "neuron groups", "mixed4d", DOG_CAT, n=6)
    first = ("3.7463", "3.7568", "-1.1974", "0.7144", "-0.5310", "-2.1202")
    second = ("-0.5056", "-0.3126", "-1.9790", "0.6788", "1.1793", "0.7690")
    ordered = sorted(zip(first, second, strict=True), key=lambda both: float(both[1]))
    for group, texts in enumerate(ordered):
        for label, text in zip(DOG_CAT, texts, strict=True):
            yield _number(question, NEURONS, "value", (group, label), text, tolerance=GROUPS)


def _factors() -> Iterator[Published]:
    question = Question("dog_cat", "factors", "mixed5a", override="smooth", n=2)
    shown = (
        {176: "0.87", 125: "0.61", 132: "0.61", 141: "0.51", 181: "0.46"},
        {76: "0.40", 55: "0.36", 201: "0.31", 124: "0.28", 386: "0.27"},
    )
    for factor, labels in enumerate(shown):
        for label, text in labels.items():
            yield _number(
                question, FACTORS, "value", (factor, label), text, Printing.UNKNOWN, RECIPE
            )  # fmt: skip


def _probabilities() -> Iterator[Published]:
    question = Question("dog_cat", "probability", "softmax2_pre_activation")
    for label, text in {176: "0.692", 125: "0.116", 970: "0.026"}.items():
        yield _number(question, ARTICLE, "value", (label,), text, binding=False)


NUMBERS: tuple[Published, ...] = (
    *_channels(),
    *_drawn(),
    *_single_labels(),
    *_activations(),
    *_neuron_groups(),
    *_factors(),
    *_probabilities(),
)
