"""What became of every file: for programs as report.json, for people as report.txt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from creativeml.data.folders import Refused
from creativeml.data.manifest import FORMAT, ManifestRow
from creativeml.data.splits import SPLITS
from creativeml.files import atomic_write_json, atomic_write_text
from creativeml.kinds import KINDS

REPORT_JSON, REPORT_TEXT = "report.json", "report.txt"


@dataclass(frozen=True)
class Report:
    """Outcome of a preparation.

    Attributes:
        folder: of the dataset.
        rows: accepted sounds, in the order of the manifest.
        rejected: meant as sounds and not usable.
        ignored: not meant as sounds.
        remarks: by original path, what was done to an accepted sound beyond the usual.
        notes: about the whole, a line each.
    """

    folder: Path
    rows: Sequence[ManifestRow]
    rejected: Sequence[Refused]
    ignored: Sequence[Refused]
    remarks: dict[str, list[str]] = field(default_factory=dict)
    notes: Sequence[str] = ()

    def summary(self) -> dict[str, Any]:
        """Counts, and the rejected files with their reasons, as plain values."""
        kinds = Counter(row.kind for row in self.rows)
        ordered = [k for k in KINDS if k in kinds] + sorted(k for k in kinds if k not in KINDS)
        repeats = Counter(row.kind for row in self.rows if row.duplicate_of)
        used = [row for row in self.rows if not row.duplicate_of]
        return {
            "format": FORMAT,
            "out": str(self.folder),
            "accepted": len(self.rows),
            "rejected": len(self.rejected),
            "ignored": len(self.ignored),
            "duplicates": repeats.total(),
            "classes": {
                kind: {
                    "sounds": kinds[kind],
                    "duplicates": repeats[kind],
                    "groups": len({r.group for r in used if r.kind == kind}),
                    **{s: sum(r.kind == kind and r.split == s for r in used) for s in SPLITS},
                }
                for kind in ordered
            },
            "splits": {s: sum(row.split == s for row in used) for s in SPLITS},
            "rejected_files": [{"path": r.name, "reason": r.reason, "remedy": r.remedy} for r in self.rejected],
            "notes": list(self.notes),
        }


def write_report(report: Report) -> None:
    """Write report.json and report.txt into the dataset's folder."""
    accepted = [
        {
            "original_path": row.original_path,
            "path": row.path,
            "class": row.kind,
            "split": row.split,
            "duplicate_of": row.duplicate_of,
            "remarks": report.remarks.get(row.original_path, []),
        }
        for row in report.rows
    ]
    summary = report.summary()
    del summary["out"]  # the folder may be moved
    ignored = [{"path": r.name, "reason": r.reason, "remedy": r.remedy} for r in report.ignored]
    atomic_write_json(report.folder / REPORT_JSON, {**summary, "accepted_files": accepted, "ignored_files": ignored})
    atomic_write_text(report.folder / REPORT_TEXT, as_text(report))


def as_text(report: Report) -> str:
    """The whole report in words."""
    lines = [*overview(report), ""]
    lines += _section("Rejected", [_refusal(r) for r in report.rejected])
    lines += _section("Notes", list(report.notes))
    lines += _section("Passed over", [_refusal(r) for r in report.ignored])
    accepted = []
    for row in report.rows:
        remarks = list(report.remarks.get(row.original_path, []))
        if row.duplicate_of:
            remarks.append(f"repeats {row.duplicate_of}, so no split uses it")
        more = f" ({'; '.join(remarks)})" if remarks else ""
        accepted.append(f"{row.original_path} -> {row.path}, {row.split}{more}")
    lines += _section("Accepted", accepted)
    return "\n".join(lines)


def overview(report: Report) -> list[str]:
    """Lines that say how many files were accepted, rejected and passed over, and a table of the classes."""
    summary = report.summary()
    lines = [f"{summary['accepted']} accepted, {summary['rejected']} rejected, {summary['ignored']} passed over"]
    if summary["duplicates"]:
        lines.append(f"{summary['duplicates']} of the accepted repeat another sound and are used by no split")
    if report.rows:
        lines += ["", f"{'class':<14}{'sounds':>8}{'repeats':>9}{'groups':>8}" + "".join(f"{s:>12}" for s in SPLITS)]
    for kind, counts in summary["classes"].items():
        in_splits = "".join(f"{counts[s]:>12}" for s in SPLITS)
        lines.append(f"{kind:<14}{counts['sounds']:>8}{counts['duplicates']:>9}{counts['groups']:>8}{in_splits}")
    return lines


def _refusal(refused: Refused) -> str:
    return f"{refused.name}: {refused.reason}" + (f"; {refused.remedy}" if refused.remedy else "")


def _section(title: str, lines: list[str]) -> list[str]:
    return [f"{title} ({len(lines)})", *(f"  {line}" for line in lines), ""] if lines else []
