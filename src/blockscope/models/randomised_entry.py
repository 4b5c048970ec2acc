"""Networks of the catalogue that are another one of it with some weights drawn anew."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, get_args

from pydantic import ConfigDict, Field, Strict, StrictInt, model_validator

from blockscope.models.entry import ModelEntry, Settings, in_one_sentence

Kind = Literal["cascading", "independent"]
KINDS: tuple[Kind, ...] = get_args(Kind)
LayerName = Annotated[str, Strict(), Field(min_length=1)]
Seed = Annotated[StrictInt, Field(ge=0, le=2**63 - 1)]


class Randomise(Settings):
    """Which weights are drawn anew."""

    above: LayerName = Field(description="The layer that stays.", examples=["mixed5a"])
    seed: Seed = Field(description="Seed of the random numbers.", examples=[1])
    kind: Kind = Field(description="Which weights above the layer.", examples=["cascading"])

    def in_words(self) -> str:
        """Say it in a few words."""
        which = "all weights" if self.kind == "cascading" else "the weights of the first block"
        return f"{which} above {self.above}, seed {self.seed}"


class RandomiseOptions(Settings):
    """Which weights are drawn anew; a list makes a network of each of its entries."""

    above: Annotated[
        LayerName | Annotated[list[LayerName], Field(min_length=1)],
        in_one_sentence("a layer, or a list of layers, as text"),
    ] = Field(
        description="Layer whose activations stay what they are: only weights between it and the "
        "logits are drawn. The name of the input tensor: all weights. A list: a network for each, "
        "`ID.LAYER.SEED`.",
        examples=["mixed5a"],
    )
    seed: Annotated[
        Seed | Annotated[list[Seed], Field(min_length=1)],
        in_one_sentence("a whole number of at least 0, or a list of them"),
    ] = Field(
        default=0,
        description="Seed of the random numbers. A list: a network for each, `ID.LAYER.SEED`.",
        examples=[[0, 1, 2, 3, 4]],
    )
    kind: Kind = Field(
        default="cascading",
        description="`cascading`: all weights from the logits down to the layer. `independent`: "
        "only those of the first block above it.",
        examples=["independent"],
    )

    @model_validator(mode="after")
    def _nothing_twice(self) -> RandomiseOptions:
        for key, listed in (("above", self.above), ("seed", self.seed)):
            if isinstance(listed, list) and len(set(listed)) < len(listed):
                raise ValueError(f"{key} lists an entry twice: {listed}")
        return self

    def networks(self, name: str) -> Iterator[tuple[str, Randomise]]:
        """Yield the id of each network and what is drawn anew in it."""
        above = self.above if isinstance(self.above, list) else [self.above]
        seeds = self.seed if isinstance(self.seed, list) else [self.seed]
        single = above == [self.above] and seeds == [self.seed]
        for layer in above:
            for seed in seeds:
                own = name if single else f"{name}.{re.sub(r'[^A-Za-z0-9._-]', '-', layer)}.{seed}"
                yield own, Randomise(above=layer, seed=seed, kind=self.kind)


class RandomisedNetworks(Settings):
    """A network that is another one of the catalogue with weights drawn anew."""

    model_config = ConfigDict(validate_by_name=False, serialize_by_alias=True)

    source: str = Field(
        alias="from",
        description="Id of the network that it is made of.",
        examples=["blocks1000"],
        min_length=1,
    )
    randomise: RandomiseOptions = Field(description=str(RandomiseOptions.__doc__))


class RandomisedEntry(ModelEntry):
    """One such network, with the keys of the entry that it is made of."""

    source_model: str = Field(description="Id of the network.", examples=["blocks1000"])
    randomise: Randomise = Field(description=str(Randomise.__doc__))

    @classmethod
    def of(cls, source: ModelEntry, name: str, randomise: Randomise) -> RandomisedEntry:
        """Return the entry of a network that is made of the entry ``source``, called ``name``."""
        return cls(**dict(source), source_model=name, randomise=randomise)


def as_written(name: str, entry: ModelEntry) -> dict[str, object]:
    """Return the entries of a catalogue that has this one, by id: it, and what it is made of."""
    if not isinstance(entry, RandomisedEntry):
        return {name: entry.model_dump(mode="json")}
    keys = entry.model_dump(mode="json")
    randomise, source = keys.pop("randomise"), keys.pop("source_model")
    return {source: keys, name: {"from": source, "randomise": randomise}}
