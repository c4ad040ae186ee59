"""`creativeml describe`: what sounds are like, in numbers; for files as a table, for a dataset kept beside it."""

from __future__ import annotations

import csv as csv_format
import json as json_format
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from creativeml.cli.progress import Bars
from creativeml.errors import CreativeMLError

if TYPE_CHECKING:
    from creativeml.audio.descriptors.registry import Descriptor
    from creativeml.data.joint_distribution import DescriptorRanges

_LONGEST_S = 60.0


def describe(
    files: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="FILE_OR_FOLDER")] = (),
    /,
    *,
    names: tuple[str, ...] = (),
    data: Path | None = None,
    workers: int | None = None,
    json: bool = False,
    csv: bool = False,
) -> int:
    """Say what sounds are like, in numbers.

    Measured are brightness, depth, warmth, hardness, roughness, sharpness and boominess (AudioCommons points, mostly 0
    to 100), loudness (LUFS), attack_time, decay_time_20 and decay_time_60 (ms), spectral_centroid (Hz), noisiness (0 to
    100 points) and fundamental (Hz).

    Reads WAV, AIFF, FLAC, OGG, MP3, AU and CAF, up to a minute, 16 to 192 kHz; channels are mixed to their mean. Of a
    folder, all sounds below it are described. A file that cannot be is named with the reason on stderr, the rest is
    still described, and the exit code is 1.

    With --data, describes every sound of a prepared dataset once and keeps the values in DATA/descriptors.csv; run
    again, it describes only what is new. It prints the ranges of each kind in the training split.

    Args:
        files: sounds, or folders of sounds.
        names: which descriptors, after the files: `--names brightness loudness` or `--names brightness,loudness`; all
            if not given.
        data: a dataset folder made by `creativeml prepare`, instead of files.
        workers: processes that measure a dataset, 1 to 64; by default one per core, up to 16.
        json: print JSON: a list of {"path", descriptor: value, ...}, or the ranges of the dataset.
        csv: print CSV with the columns path and the descriptors.
    """
    names = tuple(part for name in names for part in name.split(",") if part)
    if not files and data is None and names:
        from creativeml.audio.descriptors.registry import DESCRIPTORS

        taken = [name for name in names if name not in DESCRIPTORS and (Path(name).suffix or Path(name).exists())]
        if taken:
            print(f"error: {taken[0]} was taken for the name of a descriptor; files go before --names", file=sys.stderr)
            return 2
    if bool(files) == (data is not None):
        print("error: name the files to describe, or a dataset with --data", file=sys.stderr)
        return 2
    if csv and (json or data is not None):
        other = "--json" if json else "--data, whose values are written to descriptors.csv in the dataset"
        print(f"error: --csv does not go with {other}", file=sys.stderr)
        return 2
    # Not at the top: torch loads for a second, which `--help` need not wait for.
    from creativeml.audio.descriptors.registry import chosen

    wanted = chosen(names or None)
    if data is not None:
        return _describe_dataset(data, wanted, workers, json=json)
    paths = list(_expand(files))
    if not paths:
        raise CreativeMLError(f"no sound in {', '.join(map(str, files))}; name files, or a folder that holds some")
    return _describe_files(paths, wanted, json=json, as_csv=csv)


def _expand(files: Sequence[Path]) -> Iterator[Path]:
    """The files, and of each folder what claims to be sound below it, in order of name."""
    from creativeml.audio.io import AUDIO_SUFFIXES

    def refuse(error: OSError) -> None:
        raise error

    for given in files:
        if not given.is_dir():
            yield given
            continue
        for folder, folders, names in os.walk(given, onerror=refuse):
            folders.sort()
            for name in sorted(names):
                # What begins with "._" is a companion file of macOS without sound.
                if Path(name).suffix.lower() in AUDIO_SUFFIXES and not name.startswith("._"):
                    yield Path(folder) / name


def _describe_files(paths: Sequence[Path], wanted: Sequence[Descriptor], *, json: bool, as_csv: bool) -> int:
    """Describe the files one by one and print them; 1 if any could not be described."""
    rows: list[tuple[Path, dict[str, float]]] = []
    refused: list[str] = []
    with Bars() as bars:
        for done, path in enumerate(paths, 1):
            try:
                rows.append((path, describe_file(path, wanted)))
            except CreativeMLError as error:
                refused.append(str(error))
            bars.step("describing", done, len(paths))
    if json:
        print(
            json_format.dumps(
                [{"path": str(path), **values} for path, values in rows], indent=2, ensure_ascii=False, allow_nan=False
            )
        )
    elif as_csv:
        writer = csv_format.writer(sys.stdout, lineterminator="\n")
        writer.writerow(["path", *(d.name for d in wanted)])
        writer.writerows([str(path), *(f"{values[d.name]:.6g}" for d in wanted)] for path, values in rows)
    elif rows:
        print(table(rows, wanted))
    # After the table, where it is read.
    for line in refused:
        print(f"error: {line}", file=sys.stderr)
    return 1 if refused else 0


def describe_file(path: Path, wanted: Sequence[Descriptor]) -> dict[str, float]:
    """Values of one file.

    Raises:
        AudioFileError: it cannot be read, is too long or too short, or its sample rate is out of range.
    """
    import torch

    from creativeml.audio.descriptors.front_end import HIGHEST_RATE, LOWEST_RATE, SHORTEST_S
    from creativeml.audio.descriptors.registry import describe as measure
    from creativeml.audio.io import AudioFileError, AudioLimits, read_audio

    audio = read_audio(path, limits=AudioLimits(max_seconds=_LONGEST_S))
    if not LOWEST_RATE <= audio.sample_rate <= HIGHEST_RATE:
        reason = f"its sample rate, {audio.sample_rate} Hz, is not within {LOWEST_RATE} to {HIGHEST_RATE} Hz"
        raise AudioFileError(path, reason, "convert it to 44100 Hz")
    if audio.seconds < SHORTEST_S:
        reason = f"too short to describe: {1000 * audio.seconds:.1f} ms, less than {1000 * SHORTEST_S:.0f}"
        raise AudioFileError(path, reason, "append silence")
    values = measure(torch.from_numpy(audio.samples.mean(0)), audio.sample_rate, [d.name for d in wanted])
    return {name: float(value) for name, value in values.items()}


def table(rows: Sequence[tuple[Path, dict[str, float]]], wanted: Sequence[Descriptor]) -> str:
    """The values as text: a line per file, below the descriptors' names and units.

    Thirteen names side by side are wider than a terminal, so each is written on as many lines as it has words.
    """
    heads = [[*d.name.split("_"), f"[{d.unit}]"] for d in wanted]
    height = max(map(len, heads))
    columns = [["", *[""] * (height - 1), *(str(path) for path, _ in rows)]]
    columns[0][height - 1] = "path"
    for descriptor, head in zip(wanted, heads, strict=True):
        cells = [shown(values[descriptor.name], descriptor) for _, values in rows]
        columns.append([*[""] * (height - len(head)), *head, *cells])
    widths = [max(map(len, column)) for column in columns]
    lines = []
    for cells in zip(*columns, strict=True):
        first, *rest = (
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        lines.append("  ".join([first, *rest]).rstrip())
    return "\n".join(lines)


def shown(value: float, descriptor: Descriptor) -> str:
    """A value with the digits that can be heard."""
    return f"{value:.0f}" if descriptor.unit == "Hz" or (descriptor.unit == "ms" and value >= 10) else f"{value:.1f}"


def _describe_dataset(data: Path, wanted: Sequence[Descriptor], workers: int | None, *, json: bool) -> int:
    from creativeml.data.descriptor_ranges import measure_ranges
    from creativeml.data.descriptor_table import describe_dataset
    from creativeml.data.joint_distribution import SHOWN_LEVELS
    from creativeml.data.prepare import default_workers

    if workers is not None and not 1 <= workers <= 64:
        raise CreativeMLError(f"--workers must lie between 1 and 64 processes, not {workers}")
    with Bars() as bars:
        kept = describe_dataset(
            data,
            workers=workers or default_workers(),
            on_step=bars.step,
            on_note=lambda line: print(f"note: {line}", file=sys.stderr),
        )
    for line in kept.refused:
        print(f"error: {line}", file=sys.stderr)
    print(f"{kept.new} sounds described, {kept.known} were already: {kept.path}", file=sys.stderr)
    ranges = measure_ranges(data, [d.name for d in wanted])
    if json:
        kinds = {k.kind: {"sounds": k.sounds, "descriptors": ranges.shown(k.kind)} for k in ranges.kinds}
        print(
            json_format.dumps({"levels": SHOWN_LEVELS, "kinds": kinds}, indent=2, ensure_ascii=False, allow_nan=False)
        )
    else:
        print(range_table(ranges, wanted))
    return 1 if kept.refused else 0


def range_table(ranges: DescriptorRanges, wanted: Sequence[Descriptor]) -> str:
    """A block of lines per descriptor: of every kind, the values at 5, 20, 50, 80 and 95 % of its training sounds."""
    from creativeml.data.joint_distribution import SHOWN_LEVELS

    width = max(len(ranges_of.kind) for ranges_of in ranges.kinds)
    lines = []
    for descriptor in wanted:
        heads = "".join(f"{f'{100 * level:.0f} %':>9}" for level in SHOWN_LEVELS)
        lines += ["", f"{descriptor.name} [{descriptor.unit}], {descriptor.doc}", f"{'':{width + 8}}{heads}"]
        for kind in ranges.kinds:
            values = ranges.shown(kind.kind)[descriptor.name]
            cells = "".join(f"{shown(value, descriptor):>9}" for value in values)
            lines.append(f"{kind.kind:<{width}}{kind.sounds:>8}{cells}")
    return "\n".join(lines[1:])
