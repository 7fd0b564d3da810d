#!/usr/bin/env python3
"""Draws the loss of each step of some trainings, as their weights tell it.

    plot.py NAME=WEIGHTS... > curve.svg

WEIGHTS is a file of learner.py: its metadata hold, of every few steps, the loss on what was learned
and the loss on what was held out.
"""
import json
import math
import struct
import sys

COLORS = ["#2b6cb0", "#c05621", "#2f855a", "#805ad5"]
WIDTH, HEIGHT, LEFT, TOP, RIGHT, BOTTOM = 720, 340, 60, 40, 170, 44


def curve(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        return json.loads(json.loads(file.read(size))["__metadata__"]["curve"])


def main(arguments):
    runs = [(name, curve(path)) for name, _, path in (argument.partition("=") for argument in arguments)]
    steps = sum(points[-1][0] for _, points in runs)
    losses = [loss for _, points in runs for _, *pair in points for loss in pair]
    low, high = math.floor(math.log10(min(losses) / 1e6)), math.ceil(math.log10(max(losses) / 1e6))

    def across(step):
        return LEFT + (WIDTH - LEFT - RIGHT) * step / steps

    def down(loss):
        return TOP + (HEIGHT - TOP - BOTTOM) * (high - math.log10(loss)) / (high - low)

    print(f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui,sans-serif" font-size="12">')
    print('<rect width="100%" height="100%" fill="#fff"/>')
    print(f'<text x="{LEFT}" y="24" font-size="14">Loss of a byte of an answer, step by step (dashed: on conversations held out)</text>')
    for power in range(low, high + 1):
        y = down(10.0**power)
        print(f'<path d="M{LEFT} {y:.1f}H{WIDTH - RIGHT}" stroke="#e2e8f0"/><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    before = 0
    for row, (name, points) in enumerate(runs):
        color = COLORS[row % len(COLORS)]
        for column, dash in ((1, ""), (2, ' stroke-dasharray="4 3"')):
            line = " ".join(f"{across(before + point[0]):.1f},{down(point[column] / 1e6):.1f}" for point in points)
            print(f'<polyline points="{line}" fill="none" stroke="{color}" stroke-width="2"{dash}/>')
        before += points[-1][0]
        print(f'<text x="{across(before):.1f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="end">{before}</text>')
        y = TOP + 14 + 22 * row
        print(f'<path d="M{WIDTH - RIGHT + 12} {y - 4}h18" stroke="{color}" stroke-width="3"/><text x="{WIDTH - RIGHT + 36}" y="{y}">{name}</text>')
    print(f'<text x="{across(steps / 2):.1f}" y="{HEIGHT - 8}" text-anchor="middle">step</text>')
    print("</svg>")


if __name__ == "__main__":
    main(sys.argv[1:])
