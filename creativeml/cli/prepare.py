"""`creativeml prepare`: turn a recipe or any folder of audio into a dataset."""

from __future__ import annotations

import contextlib
import json as json_format
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro

from creativeml.cli.progress import Bars
from creativeml.errors import CreativeMLError

if TYPE_CHECKING:
    from creativeml.data.crew import Crew
    from creativeml.data.sources import SourceSound

_SHOWN = 50


def prepare(
    sources: Annotated[tuple[str, ...], tyro.conf.Positional, tyro.conf.arg(metavar="SRC [SRC ...]")],
    /,
    *,
    out: Path,
    sample_rate: int = 44_100,
    length: int = 65_536,
    kinds_from: Literal["auto", "folder", "filename"] = "auto",
    numbers: Literal["auto", "takes", "sounds"] = "auto",
    max_seconds: float = 20.0,
    licence: str = "",
    tier: Literal["", "A", "S", "G"] = "",
    cache: Path | None = None,
    workers: int | None = None,
    cluster: str | None = None,
    describe: bool = False,
    shards: bool = False,
    shard_sounds: int = 512,
    overwrite: bool = False,
    json: bool = False,
) -> int:
    """Turn folders of audio, or a corpus by name, into a dataset for training.

    Reads WAV, AIFF, FLAC, OGG, MP3, AU and CAF, 8 bit to float, any sample rate, mono or more (mixed to the
    mean of the channels). Every sound is cut to begin at its onset, resampled, faded at the end and padded.
    OUT gets audio/, manifest.csv, dataset.json and a report that names every file, accepted or not, and why.
    Run the same command again after an interruption, and it goes on where it stopped.

    Args:
        sources: folders, or names of recipes such as `starter`; a folder's manifest.csv is honoured.
        out: folder of the dataset, new or empty.
        sample_rate: of the dataset in Hz, 8000 to 192000.
        length: samples per sound, 256 to 4194304; longer sounds are cut with a fade.
        kinds_from: where the kind of a sound is read: from its folder, its file name, or whichever tells it.
        numbers: a number at the end of a file name counts takes of one drum (they stay in one split) or
            different sounds; auto decides kind by kind and says so.
        max_seconds: longer files are refused as loops, 0.005 to 600.
        licence: of the sounds in folders that do not say it, e.g. CC0-1.0.
        tier: of the same sounds: A (free, attribution at most), S (share-alike), G (other).
        cache: where recipes download to; by default CREATIVEML_CACHE or the user's cache folder.
        workers: processes, 1 to 64; by default one per core, up to 16.
        cluster: a Dask scheduler (tcp://host:8786) whose workers do it; they must see sources and OUT under the same
            paths (extra `cluster`).
        describe: also measure every sound (brightness, depth, ...) into OUT/descriptors.csv, which takes some
            0.3 s per sound; `creativeml describe --data OUT` does it later.
        shards: also write the sounds into tar files (WebDataset) in OUT/shards, from which `creativeml train` reads
            them as it needs them, from this folder or over http. Of a dataset that is finished already only these
            are written: `creativeml prepare DATA --out DATA --shards`.
        shard_sounds: sounds per tar file, 1 to 100000.
        overwrite: replace the dataset in OUT.
        json: print the summary as JSON instead of words.
    """
    # Not at the top: `--help` need not wait for numpy and the audio library.
    from creativeml.data.dataset_folder import is_finished
    from creativeml.data.folders import NamingRules
    from creativeml.data.gather import default_cache, folder_of, gather
    from creativeml.data.prepare import PrepareOptions, default_workers, prepare_dataset
    from creativeml.data.report import overview
    from creativeml.data.shards import write_shards

    if not sources:
        print("error: name at least one folder or recipe to prepare", file=sys.stderr)
        return 2
    if shards and not overwrite and is_finished(out):
        return _shard_finished(sources, out, shard_sounds, describe=describe, json=json)
    options = PrepareOptions(sample_rate, length, max_seconds, workers or default_workers())
    for name in sources:
        _keep_apart(folder_of(name), out)
    rules = NamingRules(kinds_from, numbers, licence, tier)
    found = gather(sources, rules, cache or default_cache(), lambda line: print(line, file=sys.stderr))
    with _crew(cluster, out, found.sounds) as crew, Bars() as bars:
        report = prepare_dataset(
            found, out, options, overwrite=overwrite, executor=crew, on_step=bars.step, on_note=_note
        )
        if describe and report.rows:
            from creativeml.data.descriptor_table import describe_dataset

            described = describe_dataset(out, workers=options.workers, executor=crew, on_step=bars.step, on_note=_note)
            for line in described.refused:
                print(f"error: {line}", file=sys.stderr)
        packed = write_shards(out, shard_sounds, on_step=bars.step) if shards and report.rows else None
    if json:
        summary = report.summary() | ({} if packed is None else {"shards": packed.summary()})
        print(json_format.dumps(summary, ensure_ascii=False))
    else:
        for refused in report.rejected[:_SHOWN]:
            print(f"rejected {refused.name}: {refused.reason}")
        if len(report.rejected) > _SHOWN:
            print(f"... and {len(report.rejected) - _SHOWN} more, all in {out / 'report.txt'}")
        print("\n".join([*report.notes, *overview(report), "", f"{out / 'report.txt'} names every file"]))
        if packed is not None:
            print(packed)
    if not report.rows:
        raise CreativeMLError(
            f"none of the {len(report.rejected)} files can be used; {out / 'report.txt'} says why for each, "
            f"for instance {report.rejected[0].name}: {report.rejected[0].reason}"
        )
    return 0


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


@contextlib.contextmanager
def _crew(address: str | None, out: Path, sounds: Sequence[SourceSound]) -> Iterator[Crew | None]:
    """The workers of a cluster, which must see the sounds and the folder."""
    if address is None:
        yield None
        return
    from creativeml.data.cluster import cluster

    out.mkdir(parents=True, exist_ok=True)
    folders = sorted({sound.path.parent for sound in sounds if not callable(sound.samples)})
    with cluster(address, (out, *folders)) as crew:
        yield crew


def _keep_apart(source: Path | None, out: Path) -> None:
    """Refuse to write a dataset into its own source, or around it."""
    if source is None:
        return
    inner, outer = out.resolve(), source.resolve()
    if inner.is_relative_to(outer) or outer.is_relative_to(inner):
        raise CreativeMLError(f"--out {out} and the source {source} lie in one another; choose a folder apart")


def _shard_finished(sources: tuple[str, ...], out: Path, sounds: int, *, describe: bool, json: bool) -> int:
    """Write the shards of a dataset that is finished but for them."""
    from creativeml.data.descriptor_table import describe_dataset
    from creativeml.data.shards import has_shards, write_shards

    if has_shards(out):
        raise CreativeMLError(f"{out}: already holds a dataset with shards; add --overwrite to make it anew")
    if [Path(name).resolve() for name in sources] != [out.resolve()]:
        print(
            f"note: {out} is a finished dataset: its shards are made from it; {', '.join(sources)} is not read",
            file=sys.stderr,
        )
    with Bars() as bars:
        if describe:
            for line in describe_dataset(out, on_step=bars.step).refused:
                print(f"error: {line}", file=sys.stderr)
        packed = write_shards(out, sounds, on_step=bars.step)
    print(json_format.dumps({"out": str(out), "shards": packed.summary()}, ensure_ascii=False) if json else packed)
    return 0
