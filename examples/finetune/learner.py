#!/usr/bin/env python3
"""A training tool for mythos: a small transformer over bytes, and low-rank adapters for it.

It speaks the protocol of spec/learning.md#tools: a request on standard input, a response on
standard output, progress on standard error. The parameter `stage` of a recipe says what to do:

    base         train all weights, from nothing or from the weights of the request
    adapter      freeze the weights of the request, and train low-rank matrices beside them
    consolidate  add the low-rank matrices to the weights, and train all of them on everything

    learner.py FOLDER

FOLDER is where a training that is killed leaves off and goes on. What it answers is the same,
byte for byte, whether it was killed or not, and how often.
"""
import hashlib
import json
import math
import os
import struct
import sys

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # sums in one order

import numpy
import torch
from torch.nn import functional

END = 0  # the byte after an answer
LONGEST = 128  # bytes of a prompt, a line break, an answer and END
NONE = -1  # a position whose next byte is not learned
ADAPTED = ("attention.weight", "mixed.weight", "wide.weight", "narrow.weight")


class Failure(Exception):
    """What is wrong with a request, in one line."""


# ---- what a request holds


def read_request(data):
    line, newline, rest = data.partition(b"\n")
    if not newline:
        raise Failure("the request is empty, or its first line does not end")
    try:
        header = json.loads(line)
        op, size, params = header["op"], header["weights_bytes"], header.get("params") or {}
    except (ValueError, KeyError, TypeError) as err:
        raise Failure(f"the first line is no header: {err}") from err
    if op not in ("train", "eval"):
        raise Failure(f"op {op!r} is neither train nor eval")
    if not isinstance(size, int) or not 0 <= size <= len(rest):
        raise Failure(f"the header announces {size} bytes of weights, {len(rest)} follow")
    return header, params, rest[:size], rest[size:]


def read_rows(lines):
    """Conversations, as `rows: messages` of a recipe gives them: what was asked, and what was answered."""
    rows, skipped = [], 0
    for line in lines.splitlines():
        asked, answer = json.loads(line)["messages"][-2:]
        row = asked["content"].encode() + b"\n" + answer["content"].encode() + bytes([END])
        if len(row) > LONGEST:
            skipped += 1
        else:
            rows.append(row)
    if not rows:
        raise Failure("there are no rows")
    return rows, skipped


def number(params, name, default, least, most):
    try:
        value = int(params.get(name, default))
    except ValueError:
        value = least - 1
    if not least <= value <= most:
        raise Failure(f"parameter {name}: a whole number from {least} to {most}, not {params[name]!r}")
    return value


# ---- weights: safetensors, https://huggingface.co/docs/safetensors


def pack(tensors, metadata):
    header, parts, at = {"__metadata__": metadata}, [], 0
    for name in sorted(tensors):
        data = tensors[name].detach().numpy().astype("<f4").tobytes()
        header[name] = {"dtype": "F32", "shape": list(tensors[name].shape), "data_offsets": [at, at + len(data)]}
        parts.append(data)
        at += len(data)
    text = json.dumps(header, sort_keys=True, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + b"".join(parts)


def unpack(data):
    try:
        (size,) = struct.unpack_from("<Q", data)
        header = json.loads(data[8 : 8 + size])
        metadata, body, end = header.pop("__metadata__"), data[8 + size :], 0
        tensors = {}
        for name, tensor in header.items():
            first, last = tensor["data_offsets"]
            values = numpy.frombuffer(body[first:last], "<f4").copy()
            tensors[name] = torch.from_numpy(values).reshape(tensor["shape"])
            end = max(end, last)
    except (struct.error, ValueError, KeyError, TypeError, RuntimeError, AttributeError) as err:
        raise Failure(f"the weights are no safetensors file of this tool: {err}") from err
    if end != len(body):
        raise Failure(f"the weights have {len(body)} bytes of tensors, their header says {end}")
    return tensors, metadata


# ---- the transformer


def fresh(shape, seed):
    """The weights to start from, small and random."""
    width, layers = shape["width"], shape["layers"]
    generator = torch.Generator().manual_seed(seed)

    def random(*size):
        return torch.randn(*size, generator=generator) * 0.02 * math.sqrt(64 / width)

    weights = {"bytes": random(256, width), "before": random(256, width), "last.scale": torch.ones(width)}
    for layer in range(layers):
        weights |= {
            f"{layer}.first.scale": torch.ones(width),
            f"{layer}.attention.weight": random(3 * width, width),
            f"{layer}.mixed.weight": random(width, width),
            f"{layer}.second.scale": torch.ones(width),
            f"{layer}.wide.weight": random(4 * width, width),
            f"{layer}.narrow.weight": random(width, 4 * width),
        }
    return weights


def adapters(weights, rank, seed):
    """Low-rank matrices for each large one. The outer are zero: they change nothing yet."""
    generator = torch.Generator().manual_seed(seed)
    added = {}
    for name, weight in weights.items():
        if name.endswith(ADAPTED):
            rows, columns = weight.shape
            added[name + ".inner"] = torch.randn(rank, columns, generator=generator) / math.sqrt(columns)
            added[name + ".outer"] = torch.zeros(rows, rank)
    return added


def merged(weights):
    """The weights with their low-rank matrices added to them."""
    whole = {name: weight for name, weight in weights.items() if not name.endswith((".inner", ".outer"))}
    for name in whole:
        if name + ".outer" in weights:
            whole[name] = whole[name] + weights[name + ".outer"] @ weights[name + ".inner"]
    return whole


def forward(weights, shape, inputs):
    """For each byte of each row, the scores of the bytes that may follow."""
    width, heads = shape["width"], shape["heads"]

    def linear(name, x):
        y = functional.linear(x, weights[name])
        if name + ".outer" in weights:
            y = y + functional.linear(functional.linear(x, weights[name + ".inner"]), weights[name + ".outer"])
        return y

    def scaled(name, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * weights[name + ".scale"]

    def turned(x):
        """Rotary embedding: what a query finds depends on how far back a key is, not on where."""
        half = x.shape[-1] // 2
        angle = torch.arange(x.shape[-2])[:, None] * 0.02 ** (torch.arange(half) / half)
        a, b = x[..., :half], x[..., half:]
        return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)

    rows, length = inputs.shape
    later = torch.ones(length, length).triu(1).bool()
    x = weights["bytes"][inputs] + weights["before"][functional.pad(inputs, (1, -1))]
    for layer in range(shape["layers"]):
        q, k, v = linear(f"{layer}.attention.weight", scaled(f"{layer}.first", x)).view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        q, k = turned(q), turned(k)
        score = (q @ k.transpose(-1, -2) / math.sqrt(width // heads)).masked_fill(later, -math.inf)
        x = x + linear(f"{layer}.mixed.weight", (score.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, width))
        x = x + linear(f"{layer}.narrow.weight", functional.gelu(linear(f"{layer}.wide.weight", scaled(f"{layer}.second", x))))
    return scaled("last", x) @ weights["bytes"].T


def batch(rows):
    """Rows as bytes, and for each byte the next one, where it belongs to an answer."""
    length = max(map(len, rows)) - 1
    inputs, wanted = torch.zeros(len(rows), length).long(), torch.full((len(rows), length), NONE)
    for i, row in enumerate(rows):
        inputs[i, : len(row) - 1] = torch.tensor(list(row[:-1]))
        answer = row.index(b"\n")
        wanted[i, answer : len(row) - 1] = torch.tensor(list(row[answer + 1 :]))
    return inputs, wanted


def loss_of(weights, shape, inputs, wanted):
    return functional.cross_entropy(forward(weights, shape, inputs).flatten(0, 1), wanted.flatten(), ignore_index=NONE)


def measure(weights, shape, rows):
    """The mean loss of a byte of an answer, and how many answers are right to the last byte."""
    lost, counted, exact = 0.0, 0, 0
    with torch.no_grad():
        for at in range(0, len(rows), 64):
            inputs, wanted = batch(rows[at : at + 64])
            scores, asked = forward(weights, shape, inputs), wanted != NONE
            lost += functional.cross_entropy(scores.flatten(0, 1), wanted.flatten(), ignore_index=NONE, reduction="sum").item()
            counted += int(asked.sum())
            exact += int(((scores.argmax(-1) == wanted) | ~asked).all(-1).sum())
    return lost / counted, exact / len(rows)


# ---- training


class Checkpoint:
    """Where a training leaves off: a file that is taken only whole and only for the same request."""

    def __init__(self, folder, request):
        self.path = os.path.join(folder, hashlib.sha256(request).hexdigest() + ".safetensors")

    def load(self):
        try:
            with open(self.path, "rb") as file:
                kept = file.read()
        except FileNotFoundError:
            return None
        data, digest = kept[:-32], kept[-32:]
        if hashlib.sha256(data).digest() != digest:
            return None  # the disk lost a part of it: start again
        tensors, metadata = unpack(data)
        return tensors, int(metadata["step"]), json.loads(metadata["curve"])

    def save(self, tensors, step, curve):
        data = pack(tensors, {"step": str(step), "curve": json.dumps(curve)})
        with open(self.path + ".new", "wb") as file:
            file.write(data + hashlib.sha256(data).digest())
            file.flush()
            os.fsync(file.fileno())
        os.replace(self.path + ".new", self.path)

    def remove(self):
        if os.path.exists(self.path):
            os.remove(self.path)


def start(params, weights_raw, seed):
    """The weights of a stage, which of them it trains, and the shape of the transformer."""
    stage = params.get("stage", "base")
    if stage not in ("base", "adapter", "consolidate"):
        raise Failure(f"stage {stage!r} is none of base, adapter and consolidate")
    if not weights_raw:
        if stage != "base":
            raise Failure(f"stage {stage} starts from a model: the recipe names none as its base")
        shape = {"width": number(params, "width", 64, 8, 1024), "layers": number(params, "layers", 2, 1, 64), "heads": number(params, "heads", 4, 1, 64)}
        if shape["width"] % shape["heads"]:
            raise Failure(f"a width of {shape['width']} is not divisible by {shape['heads']} heads")
        weights = fresh(shape, seed)
    else:
        weights, metadata = unpack(weights_raw)
        shape = {name: int(metadata[name]) for name in ("width", "layers", "heads")}
    if stage == "adapter":
        if not any(name.endswith(".inner") for name in weights):
            weights |= adapters(weights, number(params, "rank", 4, 1, 256), seed)
        trained = [name for name in weights if name.endswith((".inner", ".outer"))]
    else:
        weights = merged(weights)
        trained = list(weights)
    return weights, sorted(trained), shape


def train(folder, request):
    header, params, weights_raw, lines = read_request(request)
    rows, skipped = read_rows(lines)
    seed, steps, size = number(params, "seed", 1, 0, 1 << 31), number(params, "steps", 200, 1, 1 << 20), number(params, "batch", 32, 1, 4096)
    rate = number(params, "rate_micro", 3000, 1, 1_000_000) / 1e6
    weights, trained, shape = start(params, weights_raw, seed)
    watched = rows[::16] if len(rows) >= 32 else rows  # measured on the way, and not learned
    learned = [row for i, row in enumerate(rows) if i % 16] if len(rows) >= 32 else rows

    def picked(step):
        """The rows of a step: they depend on nothing that came before it."""
        chosen = torch.randint(len(learned), (size,), generator=torch.Generator().manual_seed(seed * 1_000_003 + step))
        return [learned[i] for i in chosen.tolist()]

    tokens = sum(len(row) - 1 for step in range(steps) for row in picked(step))
    if tokens > header.get("max_tokens", tokens):
        raise Failure(f"{steps} steps take {tokens} tokens, and the budget has {header['max_tokens']}: fewer steps, or smaller batches")

    kept = Checkpoint(folder, request)
    moments = {name: torch.zeros(2, *weights[name].shape) for name in trained}
    done, curve = 0, []
    if (state := kept.load()) is not None:
        tensors, done, curve = state
        for name in trained:
            weights[name], moments[name] = tensors[name], tensors[name + ".moments"]
        print(f"goes on after step {done}", file=sys.stderr)
    every = max(1, steps // 40)
    for step in range(done, steps):
        loss = adam(weights, trained, moments, shape, batch(picked(step)), step, rate * shrink(step, steps))
        if (step + 1) % every == 0 or step + 1 == steps:
            watch, _ = measure(weights, shape, watched)
            curve.append([step + 1, round(loss * 1e6), round(watch * 1e6)])
            kept.save({name: weights[name] for name in trained} | {name + ".moments": moments[name] for name in trained}, step + 1, curve)
            print(f"progress {step + 1}/{steps} loss={loss:.4f} held-out={watch:.4f}", file=sys.stderr, flush=True)
    lost, exact = measure(weights, shape, watched)
    metadata = {name: str(value) for name, value in shape.items()} | {"format": "byte-transformer", "stage": params.get("stage", "base"), "curve": json.dumps(curve)}
    raw = pack(weights, metadata)
    answer = {"op": "train", "format": "byte-transformer", "media": "application/x-safetensors", "weights_bytes": len(raw), "weights_sha256": hashlib.sha256(raw).hexdigest(),
              "examples": len(learned), "skipped": skipped, "tokens": tokens, "gpu_ms": 0,
              "metrics": {"loss_micro": round(lost * 1e6), "exact_micro": round(exact * 1e6), "trained_weights": sum(weights[name].numel() for name in trained)}}
    return json.dumps(answer).encode() + b"\n" + raw, kept


def shrink(step, steps):
    """A few steps up, then down along a cosine."""
    return min(1.0, (step + 1) / 20) * 0.5 * (1 + math.cos(math.pi * step / steps))


def adam(weights, trained, moments, shape, rows, step, rate):
    """One step of Adam; the loss before it."""
    leaves = {name: weights[name].detach().requires_grad_() for name in trained}
    loss = loss_of(weights | leaves, shape, *rows)
    slopes = torch.autograd.grad(loss, list(leaves.values()))
    with torch.no_grad():
        for name, slope in zip(trained, slopes):
            mean, spread = moments[name]
            mean.mul_(0.9).add_(slope, alpha=0.1)
            spread.mul_(0.99).add_(slope * slope, alpha=0.01)
            step_size = (mean / (1 - 0.9 ** (step + 1))) / ((spread / (1 - 0.99 ** (step + 1))).sqrt() + 1e-8)
            weights[name] = weights[name].detach() - rate * step_size
    return loss.item()


def evaluate(request):
    header, _, weights_raw, lines = read_request(request)
    if not weights_raw:
        raise Failure("an evaluation needs weights")
    weights, metadata = unpack(weights_raw)
    rows, skipped = read_rows(lines)
    lost, exact = measure(weights, {name: int(metadata[name]) for name in ("width", "layers", "heads")}, rows)
    answer = {"op": "eval", "examples": len(rows), "skipped": skipped, "tokens": 0, "gpu_ms": 0,
              "metrics": {"loss_micro": round(lost * 1e6), "exact_micro": round(exact * 1e6), "examples": len(rows)}}
    return json.dumps(answer).encode() + b"\n"


def main():
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    request = sys.stdin.buffer.read()
    header, _, _, _ = read_request(request)
    if header["op"] == "eval":
        sys.stdout.buffer.write(evaluate(request))
        return
    answer, kept = train(sys.argv[1], request)
    sys.stdout.buffer.write(answer)
    sys.stdout.buffer.flush()
    kept.remove()


if __name__ == "__main__":
    try:
        main()
    except Failure as failure:
        sys.exit(f"learner: {failure}")
