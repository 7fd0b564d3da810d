"""Reads what scripts/hf.sh exported with the readers that this Python has."""
import importlib
import json
import pathlib
import sys

COLUMNS = {"messages": ["messages"], "prompt-completion": ["prompt", "completion"], "preference": ["prompt", "chosen", "rejected"]}
ROWS = {"messages": 2, "prompt-completion": 2, "preference": 8}


def library(name):
    try:
        return importlib.import_module(name)
    except ImportError as err:
        print(f"{name}: skipped, {err}")
        return None


def check(condition, what):
    if not condition:
        sys.exit(f"{what}: not as expected")


def texts(row, columns):
    return [[(m["role"], m["content"]) for m in row[c]] for c in columns]


def main(out):
    datasets, trl, croissant = library("datasets"), library("trl.data_utils"), library("mlcroissant")
    for folder in sorted(pathlib.Path(out).iterdir()):
        rows, _, kind = folder.name.rpartition("-")
        lines = [json.loads(line) for f in sorted(folder.parent.joinpath(rows + "-jsonl").glob("*.jsonl")) for line in f.open(encoding="utf-8")]
        check(len(lines) == ROWS[rows], folder)
        if croissant:
            described = croissant.Dataset(jsonld=str(folder / "croissant.json"))
            check(not described.metadata.ctx.issues.errors, f"mlcroissant, {folder}")
            print(f"mlcroissant accepts {folder.name}")
        if datasets:
            pattern = str(folder / ("*." + kind))
            loaded = datasets.load_dataset({"jsonl": "json"}.get(kind, kind), data_files=pattern, split="train")
            check(len(loaded) == len(lines), f"datasets, {folder}")
            key = lambda row: json.dumps(texts(row, COLUMNS[rows]))
            check(sorted(map(key, loaded)) == sorted(map(key, lines)), f"datasets, {folder}")
            print(f"datasets reads {folder.name}: {len(loaded)} rows")
            if trl:
                check(all(trl.is_conversational(row) for row in loaded), f"trl, {folder}")
                print(f"trl takes {folder.name} for conversations")


main(sys.argv[1])
